//! Seals cookies with AES-256-GCM-SIV (RFC 8452), which two equal nonces do not break: regions draw
//! them without asking each other.
//!
//! A file has up to two keys, one a line. The first seals, both open. So a key is rotated by the
//! file alone: add the new one as the second in all regions, then move it to the front, and remove
//! the old one when the last session of it is over.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use tidegate_identity::Seal;
use zeroize::Zeroizing;

/// Keys that open at a time.
const KEYS_MAX: usize = 2;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// A key's name in cookies has so many letters.
const NAME_LEN: usize = 8;

/// The keys of a file.
pub struct Sealer {
    keys: Vec<Key>,
}

struct Key {
    /// Part of the key's digest, so that nobody has to make names up.
    name: String,
    key: LessSafeKey,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.keys.iter().map(|key| &key.name);
        f.debug_list().entries(names).finish()
    }
}

impl Sealer {
    /// Reads the keys.
    ///
    /// # Errors
    /// A sentence, if the file cannot be used.
    pub fn load(path: &Path) -> Result<Self, String> {
        let unusable = |why: &str| format!("{} cannot be used: {why}", path.display());
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Self::parse(&Zeroizing::new(text)).map_err(|why| unusable(&why))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.map(Key::parse).collect::<Result<Vec<_>, _>>()?;
        if (1..=KEYS_MAX).contains(&keys.len()) {
            return Ok(Self { keys });
        }
        Err(format!(
            "{} keys, not one or {KEYS_MAX}; make one with: openssl rand -base64 {KEY_BYTES}",
            keys.len()
        ))
    }
}

impl Key {
    fn parse(line: &str) -> Result<Self, String> {
        let bytes = Zeroizing::new(STANDARD.decode(line).unwrap_or_default());
        if bytes.len() != KEY_BYTES {
            return Err(format!(
                "a line is not {KEY_BYTES} bytes in base64; make it with: openssl rand -base64 {KEY_BYTES}"
            ));
        }
        let digest = Sha256::new()
            .chain_update("tidegate cookie key")
            .chain_update(&*bytes)
            .finalize();
        let mut name = URL_SAFE_NO_PAD.encode(digest);
        name.truncate(NAME_LEN);
        let key = UnboundKey::new(&AES_256_GCM_SIV, &bytes);
        let key = LessSafeKey::new(key.map_err(|_| "a key is of no use")?);
        Ok(Self { name, key })
    }
}

impl Seal for Sealer {
    fn seal(&self, purpose: &str, text: &[u8], nonce: tidegate_identity::Nonce) -> String {
        let first = &self.keys[0];
        let mut sealed = text.to_vec();
        let aad = Aad::from(purpose.as_bytes());
        first
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .expect("a cookie is far below the cipher's 64 GiB");
        let bytes = [&nonce[..], &sealed].concat();
        format!("{}.{}", first.name, URL_SAFE_NO_PAD.encode(bytes))
    }

    fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let (name, text) = sealed.split_once('.')?;
        let key = self.keys.iter().find(|key| key.name == name)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, text) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let aad = Aad::from(purpose.as_bytes());
        let length = key.key.open_in_place(nonce, aad, &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(byte: u8) -> String {
        STANDARD.encode([byte; KEY_BYTES])
    }

    fn sealer(keys: &[u8]) -> Sealer {
        let lines: Vec<String> = keys.iter().map(|byte| line(*byte)).collect();
        Sealer::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_while_its_key_is_there() {
        let sealed = sealer(&[1]).seal("a", b"text", [7; 12]);
        for (keys, purpose, opens) in [
            (&[1][..], "a", true),
            (&[2, 1], "a", true),
            (&[1], "b", false),
            (&[2], "a", false),
        ] {
            let opened = sealer(keys).open(purpose, &sealed);
            assert_eq!(opened.is_some(), opens, "{keys:?} {purpose}");
        }
        assert_eq!(sealer(&[1]).open("a", &sealed).unwrap(), b"text");
        let renamed = sealed.replacen(&sealer(&[1]).keys[0].name, &sealer(&[2]).keys[0].name, 1);
        assert_eq!(sealer(&[1, 2]).open("a", &renamed), None);
    }

    #[test]
    fn no_byte_can_be_changed_or_left_out() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal("a", b"text", [7; 12]);
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(sealer.open("a", &changed), None, "{at}");
            assert_eq!(sealer.open("a", &sealed[..at]), None, "{at}");
        }
        assert_eq!(sealer.open("a", &format!("{sealed}A")), None);
    }

    #[test]
    fn a_file_holds_one_or_two_whole_keys() {
        for bad in [
            "",
            "\n",
            "abc",
            &line(1)[..40],
            &[line(1), line(2), line(3)].join("\n"),
        ] {
            assert!(
                Sealer::parse(bad).unwrap_err().contains("openssl rand"),
                "{bad}"
            );
        }
        let printed = format!("{:?}", sealer(&[1]));
        assert!(
            printed.len() < 20 && !printed.contains(&line(1)[..8]),
            "{printed}"
        );
    }
}
