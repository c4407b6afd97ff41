//! API keys as text: how they look, how they are made, and how they are stored.
//!
//! A key is `tg_<env>_<kid>_<secret>_<check>`: the environment it is for, a public identifier of 10
//! characters, a secret of 32 characters (190 bits) and a CRC-32 of all before it, in base 62. The
//! prefix lets scanners find leaked keys; the checksum lets us turn away garbage without a look-up,
//! and proves nothing.
//!
//! Only HMAC-SHA256(pepper, secret) is stored. A slow hash would add nothing: 190 random bits
//! cannot be guessed, and whoever steals the store still lacks the pepper.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use tidegate_model::Secret;
use zeroize::Zeroizing;

const PREFIX: &str = "tg";
const KID_LEN: usize = 10;
const SECRET_LEN: usize = 32;
const CHECK_LEN: usize = 6;
const ENV_LEN_MAX: usize = 16;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The public part of a key. It may be logged and listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KID_LEN]);

impl KeyId {
    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a KeyId holds base-62 digits only")
    }

    /// The identifier's bytes, to key tables and stores with.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KID_LEN] {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let bytes: [u8; KID_LEN] = text.as_bytes().try_into().map_err(|_| Malformed)?;
        if bytes.iter().all(u8::is_ascii_alphanumeric) {
            Ok(Self(bytes))
        } else {
            Err(Malformed)
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The text has not the shape of a key, or its checksum is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a key of ours, or mistyped")
    }
}

impl std::error::Error for Malformed {}

/// A key as a caller presents it, taken apart and with a right checksum. Whether it is known is
/// another question.
#[derive(Clone, Copy)]
pub struct KeyText<'t> {
    /// The environment that the key names.
    pub env: &'t str,
    /// The public part.
    pub kid: KeyId,
    secret: &'t str,
}

impl<'t> KeyText<'t> {
    /// Takes a presented text apart.
    ///
    /// # Errors
    /// [`Malformed`] if the shape or the checksum is wrong; the text is not quoted anywhere.
    pub fn parse(text: &'t str) -> Result<Self, Malformed> {
        let (body, check) = text.rsplit_once('_').ok_or(Malformed)?;
        let (head, secret) = body.rsplit_once('_').ok_or(Malformed)?;
        let (head, kid) = head.rsplit_once('_').ok_or(Malformed)?;
        let (prefix, env) = head.split_once('_').ok_or(Malformed)?;
        let secret_fits =
            secret.len() == SECRET_LEN && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        if prefix != PREFIX || !is_env(env) || !secret_fits || check.as_bytes() != checksum(body) {
            return Err(Malformed);
        }
        Ok(Self {
            env,
            kid: kid.parse()?,
            secret,
        })
    }
}

impl fmt::Debug for KeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}_{}_{}_[redacted]", self.env, self.kid)
    }
}

/// Whether `text` can name an environment: 1 to 16 of a-z and 0-9.
pub(crate) fn is_env(text: &str) -> bool {
    (1..=ENV_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
}

/// A new key: shown once, then only its digest remains.
#[derive(Debug)]
pub struct Minted {
    /// The public part.
    pub kid: KeyId,
    /// The whole key, for the caller's eyes.
    pub text: Secret,
}

impl Minted {
    /// Makes a key for `env`. `entropy` fills its argument with unpredictable bytes.
    #[must_use]
    pub fn new(env: &str, entropy: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut kid = [0; KID_LEN];
        digits(&mut kid, entropy);
        Self::again(env, KeyId(kid), entropy)
    }

    /// Makes a further secret for a key.
    #[must_use]
    pub fn again(env: &str, kid: KeyId, entropy: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        digits(&mut *secret, entropy);
        let secret = std::str::from_utf8(&*secret).expect("base-62 digits are ASCII");
        let body = Zeroizing::new(format!("{PREFIX}_{env}_{kid}_{secret}"));
        let check = checksum(&body);
        let check = std::str::from_utf8(&check).expect("base-62 digits are ASCII");
        Self {
            kid,
            text: Secret::new(format!("{}_{check}", *body)),
        }
    }
}

/// Fills `out` with even digits: bytes of 248 and above are drawn again, so that none is likelier
/// than another.
fn digits(out: &mut [u8], entropy: &mut dyn FnMut(&mut [u8])) {
    for digit in out {
        let mut byte = [u8::MAX];
        while byte[0] >= 248 {
            entropy(&mut byte);
        }
        *digit = DIGITS[usize::from(byte[0] % 62)];
    }
}

fn checksum(body: &str) -> [u8; CHECK_LEN] {
    let mut rest = crc32(body.as_bytes());
    let mut out = [b'0'; CHECK_LEN];
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    out
}

/// CRC-32 as in ISO 3309, four bits at a time.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut i = 0;
        while i < 16 {
            let mut crc = i as u32;
            let mut bit = 0;
            while bit < 4 {
                crc = if crc & 1 == 1 {
                    (crc >> 1) ^ 0xedb8_8320
                } else {
                    crc >> 1
                };
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        let low = (crc >> 4) ^ TABLE[((crc ^ u32::from(*byte)) & 15) as usize];
        (low >> 4) ^ TABLE[((low ^ u32::from(*byte >> 4)) & 15) as usize]
    })
}

/// The cluster's own secret that stored digests depend on.
#[derive(Clone)]
pub struct Pepper(Zeroizing<Vec<u8>>);

impl Pepper {
    /// The shortest pepper that is taken.
    pub const LEN_MIN: usize = 32;

    /// A pepper of at least 32 random bytes.
    ///
    /// # Errors
    /// The length found, if it is too short.
    pub fn new(bytes: Vec<u8>) -> Result<Self, usize> {
        if bytes.len() < Self::LEN_MIN {
            Err(bytes.len())
        } else {
            Ok(Self(Zeroizing::new(bytes)))
        }
    }

    /// What is stored of a key.
    #[must_use]
    pub fn digest(&self, key: &KeyText<'_>) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(key.secret.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether `key` is one that these digests were made of, in a time that tells nothing about
    /// them but their number.
    #[must_use]
    pub fn verify<'d>(
        &self,
        key: &KeyText<'_>,
        digests: impl IntoIterator<Item = &'d [u8; 32]>,
    ) -> bool {
        let digest = self.digest(key);
        let none = Choice::from(0);
        let same = digests.into_iter().map(|known| digest.ct_eq(known));
        same.fold(none, |any, one| any | one).into()
    }

    /// A number derived from the pepper for another purpose; it tells nothing about the pepper.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> u64 {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"derive:");
        mac.update(purpose.as_bytes());
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_model::Seed;

    use super::*;

    fn mint(seed: u64) -> Minted {
        use std::cell::RefCell;
        let state = RefCell::new(Seed::new(seed));
        let mut entropy = |out: &mut [u8]| {
            for byte in out {
                let next = state.borrow().child("next");
                *byte = next.value() as u8;
                *state.borrow_mut() = next;
            }
        };
        Minted::new("test", &mut entropy)
    }

    fn pepper(fill: u8) -> Pepper {
        Pepper::new(vec![fill; 32]).unwrap()
    }

    #[test]
    fn crc_matches_the_standard_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_minted_key_is_parsed_and_verified() {
        let minted = mint(1);
        let key = KeyText::parse(minted.text.reveal()).unwrap();
        assert_eq!((key.env, key.kid), ("test", minted.kid));
        let digest = pepper(1).digest(&key);
        assert!(pepper(1).verify(&key, [&digest]));
        assert!(!pepper(2).verify(&key, [&digest]), "another pepper");
        let other = mint(2);
        assert!(
            !pepper(1).verify(&KeyText::parse(other.text.reveal()).unwrap(), [&digest]),
            "another secret"
        );
    }

    #[test]
    fn a_key_does_not_print_its_secret() {
        let minted = mint(1);
        let key = KeyText::parse(minted.text.reveal()).unwrap();
        assert!(!format!("{key:?} {minted:?}").contains(key.secret));
    }

    #[test]
    fn the_digest_is_hmac_sha256() {
        // RFC 4231, test case 2, which has a shorter key than we take.
        let pepper = Pepper(Zeroizing::new(b"Jefe".to_vec()));
        let key = KeyText {
            env: "t",
            kid: "0000000000".parse().unwrap(),
            secret: "what do ya want for nothing?",
        };
        assert_eq!(pepper.digest(&key)[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_noticed(seed: u64, at in 0_usize..60, with in "[0-9A-Za-z_]") {
            let minted = mint(seed);
            let text = minted.text.reveal();
            let at = at % text.len();
            let mut wrong = text.to_owned();
            wrong.replace_range(at..=at, &with);
            prop_assume!(wrong != text);
            prop_assert!(KeyText::parse(&wrong).is_err());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            prop_assert!(KeyText::parse(&text).is_err());
        }
    }
}
