//! JWK sets (RFC 7517): which keys of them are fit for what.
//!
//! A key serves one family of algorithms, by its type and curve and not by what a token says. Keys
//! that we have no use for (of unknown types, for encryption, too short) are passed over: issuers
//! publish such beside good ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tidegate_identity::{Algorithm, Checked};

/// Keys tried at most for a token that names none, or names one of several.
const TRIES_MAX: usize = 4;
/// RSA keys are at least and at most so long, in bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// Keys of an issuer.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    /// The only algorithm it is for, if it says so.
    only: Option<Algorithm>,
    shape: Shape,
    key: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    Rsa,
    P256,
    P384,
    Ed25519,
    /// A shared secret of so many bytes.
    Secret(usize),
}

impl Shape {
    /// RFC 7518 section 3; a secret is at least as long as the hash (section 3.2).
    const fn fits(self, algorithm: Algorithm) -> bool {
        use Algorithm as A;
        match algorithm {
            A::Hs256 => matches!(self, Self::Secret(32..)),
            A::Hs384 => matches!(self, Self::Secret(48..)),
            A::Hs512 => matches!(self, Self::Secret(64..)),
            A::Rs256 | A::Rs384 | A::Rs512 | A::Ps256 | A::Ps384 | A::Ps512 => {
                matches!(self, Self::Rsa)
            }
            A::Es256 => matches!(self, Self::P256),
            A::Es384 => matches!(self, Self::P384),
            A::EdDsa => matches!(self, Self::Ed25519),
        }
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// The members that count. Private ones are not read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

impl KeySet {
    /// The usable keys of a set. Shared secrets are taken only from places that nobody else reads.
    ///
    /// # Errors
    /// A sentence, if it is no set, too large, or has no usable key.
    pub(crate) fn parse(text: &[u8], keys_max: usize, secrets: bool) -> Result<Self, String> {
        let set: Set =
            serde_json::from_slice(text).map_err(|error| format!("no JWK set: {error}"))?;
        if set.keys.len() > keys_max {
            return Err(format!(
                "{} keys, more than keys_max {keys_max}",
                set.keys.len()
            ));
        }
        let usable = |value| key(serde_json::from_value(value).ok()?, secrets);
        let keys: Vec<Key> = set.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err("no key that can check a signature".to_owned());
        }
        Ok(Self { keys })
    }

    pub(crate) fn verify(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &str,
    ) -> Checked {
        let mut named = self.keys.iter().filter(|key| match kid {
            Some(kid) => key.kid.as_deref() == Some(kid),
            None => true,
        });
        let fits =
            |key: &&Key| key.shape.fits(algorithm) && key.only.is_none_or(|only| only == algorithm);
        let mut fit = named.clone().filter(fits).take(TRIES_MAX).peekable();
        if fit.peek().is_none() {
            let known = kid.is_some() && named.next().is_some();
            return if known {
                Checked::Unfit
            } else {
                Checked::Unknown
            };
        }
        let good = |key: &Key| {
            let checked =
                jsonwebtoken::crypto::verify(signature, message, &key.key, theirs(algorithm));
            checked.unwrap_or(false)
        };
        if fit.any(good) {
            Checked::Good
        } else {
            Checked::Bad
        }
    }
}

fn key(jwk: Jwk, secrets: bool) -> Option<Key> {
    let for_signatures = jwk
        .purpose
        .as_deref()
        .is_none_or(|purpose| purpose == "sig");
    let for_checks = jwk
        .key_ops
        .as_ref()
        .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !for_signatures || !for_checks {
        return None;
    }
    let only = match &jwk.alg {
        None => None,
        Some(name) => Some(Algorithm::named(name)?),
    };
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
    let coordinate = |text: &Option<String>, len: usize| bytes(text).filter(|b| b.len() == len);
    let point = |len| {
        let point = [vec![4], coordinate(&jwk.x, len)?, coordinate(&jwk.y, len)?].concat();
        Some(DecodingKey::from_ec_der(&point))
    };
    let (shape, key) = match (&*jwk.kty, jwk.crv.as_deref()) {
        ("RSA", _) => {
            let n = bytes(&jwk.n)?;
            let length = n.iter().skip_while(|byte| **byte == 0).count();
            let key = DecodingKey::from_rsa_raw_components(&n, &bytes(&jwk.e)?);
            (Shape::Rsa, RSA_BYTES.contains(&length).then_some(key)?)
        }
        ("EC", Some("P-256")) => (Shape::P256, point(32)?),
        ("EC", Some("P-384")) => (Shape::P384, point(48)?),
        ("OKP", Some("Ed25519")) => (
            Shape::Ed25519,
            DecodingKey::from_ed_der(&coordinate(&jwk.x, 32)?),
        ),
        ("oct", _) if secrets => {
            let secret = bytes(&jwk.k)?;
            (
                Shape::Secret(secret.len()),
                DecodingKey::from_secret(&secret),
            )
        }
        _ => return None,
    };
    Some(Key {
        kid: jwk.kid,
        only,
        shape,
        key,
    })
}

const fn theirs(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    use jsonwebtoken::Algorithm as T;
    match algorithm {
        Algorithm::Hs256 => T::HS256,
        Algorithm::Hs384 => T::HS384,
        Algorithm::Hs512 => T::HS512,
        Algorithm::Rs256 => T::RS256,
        Algorithm::Rs384 => T::RS384,
        Algorithm::Rs512 => T::RS512,
        Algorithm::Ps256 => T::PS256,
        Algorithm::Ps384 => T::PS384,
        Algorithm::Ps512 => T::PS512,
        Algorithm::Es256 => T::ES256,
        Algorithm::Es384 => T::ES384,
        Algorithm::EdDsa => T::EdDSA,
    }
}

#[cfg(test)]
mod attacks;

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;
    use jsonwebtoken::crypto::sign;

    use super::*;

    /// RFC 7515 appendix A: a token, its algorithm and its key, as the standard has them.
    const STANDARD: [(&str, &str, &str); 2] = [
        (
            "ES256",
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        // RFC 8037 appendix A.4.
        (
            "EdDSA",
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];

    fn set(keys: &[&str]) -> Result<KeySet, String> {
        KeySet::parse(
            format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes(),
            8,
            true,
        )
    }

    #[test]
    fn tokens_of_the_standards_are_verified_and_changed_ones_are_not() {
        for (name, jwk, token) in STANDARD {
            let algorithm = Algorithm::named(name).unwrap();
            let keys = set(&[jwk]).unwrap();
            let (message, signature) = token.rsplit_once('.').unwrap();
            let check = |m: &str, s: &str| keys.verify(None, algorithm, m.as_bytes(), s);
            assert_eq!(check(message, signature), Checked::Good, "{name}");
            assert_eq!(check(&format!("{message}A"), signature), Checked::Bad);
            assert_eq!(
                check(message, &signature[..signature.len() - 4]),
                Checked::Bad
            );
            assert_eq!(check(message, ""), Checked::Bad);
        }
    }

    #[test]
    fn a_key_serves_its_own_algorithms_only() {
        let (_, ec, token) = STANDARD[0];
        let with = |more: &str| format!("{{{more},{}", &ec[1..]);
        let named = with(r#""kid":"k""#);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let check = |jwk: &str, kid, algorithm| {
            set(&[jwk])
                .unwrap()
                .verify(kid, algorithm, message.as_bytes(), signature)
        };
        assert_eq!(check(&named, Some("k"), Algorithm::Es256), Checked::Good);
        assert_eq!(
            check(&named, Some("other"), Algorithm::Es256),
            Checked::Unknown
        );
        for other in ["HS256", "RS256", "PS256", "ES384", "EdDSA"] {
            let algorithm = Algorithm::named(other).unwrap();
            assert_eq!(
                check(&named, Some("k"), algorithm),
                Checked::Unfit,
                "{other}"
            );
            assert_eq!(check(ec, None, algorithm), Checked::Unknown, "{other}");
        }
        for useless in [
            with(r#""use":"enc""#),
            with(r#""key_ops":["sign"]"#),
            with(r#""alg":"none""#),
            ec.replace("P-256", "P-521"),
            ec.replace("P-256", "P-384"),
            ec.replace("\"EC\"", "\"RSA\""),
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
            "7".to_owned(),
        ] {
            assert!(set(&[&useless]).is_err(), "{useless}");
        }
    }

    #[test]
    fn a_secret_is_long_enough_and_comes_from_a_private_place() {
        let jwk = |len: usize| {
            format!(
                r#"{{"kty":"oct","k":"{}"}}"#,
                URL_SAFE_NO_PAD.encode(vec![7; len])
            )
        };
        let key = EncodingKey::from_secret(&[7; 32]);
        let signature = sign(b"m", &key, jsonwebtoken::Algorithm::HS256).unwrap();
        let keys = set(&[&jwk(32)]).unwrap();
        assert_eq!(
            keys.verify(None, Algorithm::Hs256, b"m", &signature),
            Checked::Good
        );
        assert_eq!(
            keys.verify(None, Algorithm::Hs512, b"m", &signature),
            Checked::Unknown
        );
        let short = set(&[&jwk(31)]).unwrap();
        assert_eq!(
            short.verify(None, Algorithm::Hs256, b"m", &signature),
            Checked::Unknown
        );
        let public = format!(r#"{{"keys":[{}]}}"#, jwk(32));
        assert!(KeySet::parse(public.as_bytes(), 8, false).is_err());
    }

    #[test]
    fn a_set_is_bounded() {
        let nine = vec![STANDARD[0].1; 9];
        assert!(set(&nine).unwrap_err().contains("keys_max"));
        assert!(set(&[]).is_err() && KeySet::parse(b"[]", 8, true).is_err());
    }
}
