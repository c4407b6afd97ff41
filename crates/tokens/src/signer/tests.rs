use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::engine::general_purpose::STANDARD;
use tidegate_identity::{Algorithm as Ours, Checked, Verified};
use tidegate_model::Period;

use super::*;
use crate::keyset::KeySet;

fn pem(der: &[u8]) -> String {
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der)
    )
}

fn ed25519() -> String {
    let key = Ed25519KeyPair::generate().unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    pem(der.as_ref())
}

fn p256() -> String {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    pem(key.to_pkcs8v1().unwrap().as_ref())
}

fn load(text: &str) -> Result<Signer, String> {
    crate::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.pem"), text).unwrap();
    let spec = AssertionSpec {
        header: "x-it".to_owned(),
        issuer: "gw".to_owned(),
        key_file: PathBuf::from("keys.pem"),
        audience: None,
        ttl: Period::from_secs(60),
        claims: Vec::new(),
        jwks_path: "/keys".to_owned(),
        cache_max: 100,
    };
    Signer::load(spec, folder.path())
}

fn caller(name: &str) -> Identity {
    Identity::of(Arc::new(Verified {
        method: "staff".into(),
        account: format!("staff:{name}"),
        ..Verified::default()
    }))
}

fn at(secs: u64) -> Wall {
    Wall::from_unix_secs(secs)
}

/// Verifies as a service does: with the published set, by the key that the statement names.
fn verified(set: &Bytes, text: &HeaderValue, algorithm: Ours) -> Checked {
    let text = text.to_str().unwrap();
    let (message, signature) = text.rsplit_once('.').unwrap();
    let header = URL_SAFE_NO_PAD
        .decode(message.split('.').next().unwrap())
        .unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    let set = KeySet::parse(set, 8, false).unwrap();
    set.verify(
        header["kid"].as_str(),
        algorithm,
        message.as_bytes(),
        signature,
    )
}

#[test]
fn statements_verify_with_the_published_keys() {
    for (text, algorithm) in [(ed25519(), Ours::EdDsa), (p256(), Ours::Es256)] {
        let signer = load(&text).unwrap();
        let said = signer.sign(&caller("ada"), "orders", at(1_000)).unwrap();
        assert_eq!(verified(signer.jwks(), &said, algorithm), Checked::Good);
        let public = std::str::from_utf8(signer.jwks()).unwrap();
        assert!(!public.contains("\"d\""), "a private part in {public}");
        assert!(!format!("{signer:?}").contains(&text[30..60]));
    }
}

#[test]
fn a_key_is_rotated_by_its_file_without_a_statement_that_nobody_can_verify() {
    let (old, new) = (ed25519(), p256());
    let before = load(&old).unwrap();
    let announced = load(&format!("{old}{new}")).unwrap();
    let moved = load(&format!("{new}{old}")).unwrap();
    let by = |signer: &Signer| signer.sign(&caller("ada"), "orders", at(1_000)).unwrap();
    assert_eq!(
        verified(announced.jwks(), &by(&before), Ours::EdDsa),
        Checked::Good
    );
    assert_eq!(
        verified(announced.jwks(), &by(&moved), Ours::Es256),
        Checked::Good
    );
    assert_eq!(
        verified(moved.jwks(), &by(&announced), Ours::EdDsa),
        Checked::Good
    );
    assert_eq!(
        verified(before.jwks(), &by(&moved), Ours::Es256),
        Checked::Unknown
    );
}

#[test]
fn statements_are_signed_once_for_half_of_their_time() {
    let signer = load(&ed25519()).unwrap();
    let sign =
        |name: &str, upstream: &str, secs| signer.sign(&caller(name), upstream, at(secs)).unwrap();
    let first = sign("ada", "orders", 1_000);
    assert_eq!(sign("ada", "orders", 1_029), first);
    assert_ne!(sign("bob", "orders", 1_029), first);
    assert_ne!(sign("ada", "bills", 1_029), first);
    assert_eq!(signer.cached(), 3);
    assert_ne!(sign("ada", "orders", 1_030), first);
    assert_eq!(signer.cached(), 3);
}

#[test]
fn files_without_a_fit_key_are_refused_in_words() {
    let rsa = pem(&[
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    ]);
    for (text, says) in [
        (String::new(), "no private key"),
        (rsa, "neither Ed25519 nor of the curve P-256"),
        (ed25519().replace("PRIVATE", "EC PRIVATE"), "PKCS #8"),
        (ed25519().repeat(9), "more than 8"),
    ] {
        let why = load(&text).unwrap_err();
        assert!(why.contains(says) && why.contains("keys.pem"), "{why}");
    }
}
