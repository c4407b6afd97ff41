//! The methods of a generation that look at signed requests: their keys are read from files, each
//! for the one algorithm that the configuration names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use tidegate_identity::{
    Authenticator, HmacKey, MessageKey, Signature, SignatureAlgorithm, SignatureKeySpec,
    SignatureMemory, SignatureSpec,
};
use zeroize::Zeroizing;

use crate::files::UnusableFile;

const FILE_MAX: u64 = 64 * 1_024;
/// Points of the curves, uncompressed (SEC 1 section 2.3.3).
const P256_BYTES: usize = 65;
const P384_BYTES: usize = 97;
/// An RSA key of 2048 bits has no fewer bytes in PKCS #1.
const RSA_BYTES_MIN: usize = 266;

/// Methods by name.
#[derive(Debug, Default)]
pub struct Signatures(BTreeMap<String, Arc<Signature>>);

impl Signatures {
    /// Methods as the configuration says. Nonces that were used and counters go on. Reads files.
    ///
    /// # Errors
    /// A sentence, if a file cannot be used.
    pub fn build(
        specs: BTreeMap<String, SignatureSpec>,
        old: &Self,
        folder: &Path,
    ) -> Result<Self, String> {
        let method = |(name, spec): (String, SignatureSpec)| {
            let keys = spec.keys.iter().map(|(id, own)| {
                let key = key(own, folder);
                let key = key.map_err(|why| format!("the authenticator `{name}`: {why}"))?;
                Ok((id.clone(), key))
            });
            let keys = keys.collect::<Result<_, String>>()?;
            let memory = old.0.get(&name).map(|known| known.memory().clone());
            let method = Signature::new(&name, spec, keys, memory.unwrap_or_default());
            Ok((name, Arc::new(method)))
        };
        let all = specs.into_iter().map(method);
        all.collect::<Result<_, String>>().map(Self)
    }

    /// The method of this name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<Arc<dyn Authenticator>> {
        let method = self.0.get(name)?;
        Some(Arc::clone(method) as _)
    }

    /// Each method with what it counts and remembers.
    pub fn all(&self) -> impl Iterator<Item = (&str, &SignatureMemory)> {
        self.0
            .iter()
            .map(|(name, method)| (name.as_str(), method.memory()))
    }
}

/// Which key files of a definition cannot be used.
#[must_use]
pub fn unusable_signature_files(spec: &SignatureSpec, folder: &Path) -> Vec<UnusableFile> {
    let tried = spec.keys.values().filter_map(|own| {
        let why = key(own, folder).err()?;
        let path = own.key_file.clone();
        Some(UnusableFile { path, why })
    });
    tried.collect()
}

fn key(spec: &SignatureKeySpec, folder: &Path) -> Result<Box<dyn MessageKey>, String> {
    let path = folder.join(&spec.key_file);
    let unusable =
        |why: &dyn std::fmt::Display| format!("{} cannot be used: {why}", path.display());
    let size = std::fs::metadata(&path).map_err(|error| unusable(&error))?;
    if size.len() > FILE_MAX {
        return Err(unusable(&format!("larger than {FILE_MAX} bytes")));
    }
    let text = std::fs::read(&path).map_err(|error| unusable(&error))?;
    let text = Zeroizing::new(text);
    match public(spec.alg) {
        None => secret(&text).map(|key| Box::new(key) as _),
        Some(algorithm) => PublicKey::parse(&text, algorithm).map(|key| Box::new(key) as _),
    }
    .map_err(|why| unusable(&why))
}

/// How tokens call an algorithm with public keys.
const fn public(algorithm: SignatureAlgorithm) -> Option<Algorithm> {
    match algorithm {
        SignatureAlgorithm::HmacSha256 => None,
        SignatureAlgorithm::Ed25519 => Some(Algorithm::EdDSA),
        SignatureAlgorithm::EcdsaP256Sha256 => Some(Algorithm::ES256),
        SignatureAlgorithm::EcdsaP384Sha384 => Some(Algorithm::ES384),
        SignatureAlgorithm::RsaPssSha512 => Some(Algorithm::PS512),
    }
}

fn secret(text: &[u8]) -> Result<HmacKey, String> {
    let bytes = STANDARD.decode(text.trim_ascii());
    // The error of the library would show a byte of it.
    let bytes = Zeroizing::new(bytes.map_err(|_| "no base64")?);
    match bytes.len() {
        HmacKey::BYTES_MIN.. => Ok(HmacKey::new(bytes)),
        short => Err(format!("a secret of {short} bytes: it has 32 or more")),
    }
}

/// A public key and its algorithm. Signatures of RFC 9421 and of JWS (RFC 7518) have one form.
#[derive(Debug)]
struct PublicKey {
    key: DecodingKey,
    algorithm: Algorithm,
}

impl PublicKey {
    fn parse(pem: &[u8], algorithm: Algorithm) -> Result<Self, String> {
        let (key, fits) = match algorithm {
            Algorithm::EdDSA => (DecodingKey::from_ed_pem(pem), 32..=32),
            Algorithm::ES256 => (DecodingKey::from_ec_pem(pem), P256_BYTES..=P256_BYTES),
            Algorithm::ES384 => (DecodingKey::from_ec_pem(pem), P384_BYTES..=P384_BYTES),
            _ => (DecodingKey::from_rsa_pem(pem), RSA_BYTES_MIN..=usize::MAX),
        };
        let key = key.map_err(|_| "no public key of the algorithm's kind in PEM")?;
        let bytes = key.try_get_as_bytes().map_or(0, <[u8]>::len);
        match fits.contains(&bytes) {
            true => Ok(Self { key, algorithm }),
            false => Err("a public key of another curve, or too short".to_owned()),
        }
    }
}

impl MessageKey for PublicKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let checked = jsonwebtoken::crypto::verify(&signature, message, &self.key, self.algorithm);
        checked.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests;
