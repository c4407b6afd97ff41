//! Signs what the gateway says of callers, and publishes the keys to verify it with.
//!
//! The first key of the file signs, all are published. So a key is rotated by the file alone: add
//! the new one at the end and wait until services have fetched it, move it to the front, and remove
//! the old one when the last statement of it is over. The file is read with the configuration.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use jsonwebtoken::jwk::{CommonParameters, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use tidegate_identity::{AssertionSpec, DigestCache, Identity, Statement};
use tidegate_model::Wall;

/// Keys in the file at most.
const KEYS_MAX: usize = 8;

/// Signs statements of callers.
#[derive(Debug)]
pub struct Signer {
    spec: AssertionSpec,
    /// The header of statements, in base64url.
    header: String,
    key: EncodingKey,
    algorithm: Algorithm,
    jwks: Bytes,
    cache: DigestCache<Signed>,
}

#[derive(Clone, Debug)]
struct Signed {
    text: HeaderValue,
    renew_unix_secs: u64,
}

#[derive(Serialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Serialize)]
struct Header<'k> {
    typ: &'static str,
    alg: Algorithm,
    kid: &'k str,
}

impl Signer {
    /// Reads the keys.
    ///
    /// # Errors
    /// A sentence, if the file cannot be used.
    pub fn load(spec: AssertionSpec, folder: &Path) -> Result<Self, String> {
        let path = folder.join(&spec.key_file);
        let unusable =
            |why: &dyn std::fmt::Display| format!("{} cannot be used: {why}", path.display());
        let keys = PrivateKeyDer::pem_file_iter(&path).map_err(|error| unusable(&error))?;
        let keys: Vec<Key> = keys
            .map(|key| {
                key.map_err(|error| error.to_string())
                    .and_then(|key| Key::of(&key))
            })
            .collect::<Result<_, _>>()
            .map_err(|why| unusable(&why))?;
        if keys.len() > KEYS_MAX {
            return Err(unusable(&format!("more than {KEYS_MAX} keys")));
        }
        let set = Set {
            keys: keys.iter().map(|key| key.jwk.clone()).collect(),
        };
        let jwks = serde_json::to_vec(&set).map_err(|error| unusable(&error))?;
        let first = keys
            .into_iter()
            .next()
            .ok_or_else(|| unusable(&"no private key in it"))?;
        let header = Header {
            typ: "JWT",
            alg: first.algorithm,
            kid: first.jwk.common.key_id.as_deref().unwrap_or_default(),
        };
        let header = serde_json::to_vec(&header).map_err(|error| unusable(&error))?;
        Ok(Self {
            header: URL_SAFE_NO_PAD.encode(header),
            key: first.key,
            algorithm: first.algorithm,
            jwks: jwks.into(),
            cache: DigestCache::new(spec.cache_max),
            spec,
        })
    }

    /// Reads the keys anew. What was signed is kept if they are the same: the first one signs.
    ///
    /// # Errors
    /// A sentence, if the file cannot be used.
    pub fn reload(
        spec: AssertionSpec,
        folder: &Path,
        old: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, String> {
        let fresh = Self::load(spec, folder)?;
        let same = |old: &&Arc<Self>| old.spec == fresh.spec && old.jwks == fresh.jwks;
        Ok(old.filter(same).map_or_else(|| Arc::new(fresh), Arc::clone))
    }

    /// What was configured.
    #[must_use]
    pub const fn spec(&self) -> &AssertionSpec {
        &self.spec
    }

    /// The public keys, as a JWK set.
    #[must_use]
    pub const fn jwks(&self) -> &Bytes {
        &self.jwks
    }

    /// Statements that are remembered.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// What is said of a caller to the service of this name. `None` if nothing can be.
    #[must_use]
    pub fn sign(&self, caller: &Identity, upstream: &str, now: Wall) -> Option<HeaderValue> {
        let statement = Statement::of(&self.spec, caller, upstream);
        let digest = statement.digest();
        let fresh = |signed: &Signed| now.unix_secs() < signed.renew_unix_secs;
        if let Some(signed) = self.cache.get(&digest, fresh) {
            return Some(signed.text);
        }
        let (claims, renew_unix_secs) = statement.claims(self.spec.ttl, now)?;
        let mut text = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &self.key, self.algorithm);
        text.push('.');
        text.push_str(&signature.ok()?);
        let text = HeaderValue::from_maybe_shared(text).ok()?;
        self.cache.insert(
            digest,
            Signed {
                text: text.clone(),
                renew_unix_secs,
            },
        );
        Some(text)
    }
}

struct Key {
    key: EncodingKey,
    algorithm: Algorithm,
    jwk: Jwk,
}

/// What PKCS #8 says of a key (RFC 5958): the object identifiers of id-Ed25519 (RFC 8410) and of
/// the curve P-256 (RFC 5480).
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// Identifiers stand at a key's beginning, before anything secret.
const IDENTIFIERS_END: usize = 32;

impl Key {
    fn of(der: &PrivateKeyDer<'_>) -> Result<Self, String> {
        let PrivateKeyDer::Pkcs8(der) = der else {
            return Err("a key is not in PKCS #8 (`BEGIN PRIVATE KEY`)".to_owned());
        };
        let der = der.secret_pkcs8_der();
        let head = &der[..der.len().min(IDENTIFIERS_END)];
        let is = |identifier: &[u8]| {
            head.windows(identifier.len())
                .any(|part| part == identifier)
        };
        let (key, algorithm, published) = if is(ED25519) {
            (
                EncodingKey::from_ed_der(der),
                Algorithm::EdDSA,
                KeyAlgorithm::EdDSA,
            )
        } else if is(P256) {
            (
                EncodingKey::from_ec_der(der),
                Algorithm::ES256,
                KeyAlgorithm::ES256,
            )
        } else {
            return Err("a key is neither Ed25519 nor of the curve P-256".to_owned());
        };
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).map_err(|error| error.to_string())?;
        let kid = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|error| error.to_string())?;
        jwk.common = CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(published),
            key_id: Some(kid),
            ..CommonParameters::default()
        };
        Ok(Self {
            key,
            algorithm,
            jwk,
        })
    }
}

#[cfg(test)]
mod tests;
