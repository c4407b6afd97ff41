use std::process::Command;

use jsonwebtoken::EncodingKey;

use super::*;

/// RFC 9421 appendix B.1.4 and B.2.6.
const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n";
const B26: &str = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
const B26_SIGNATURE: &str =
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";

fn load(alg: SignatureAlgorithm, text: &[u8]) -> Result<Box<dyn MessageKey>, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("k"), text).unwrap();
    let spec = SignatureKeySpec {
        alg,
        key_file: "k".into(),
        consumer: None,
        plan: None,
        scopes: Vec::new(),
        roles: Vec::new(),
    };
    key(&spec, folder.path())
}

#[test]
fn the_vector_of_rfc_9421_b_2_6_is_verified() {
    let key = load(SignatureAlgorithm::Ed25519, ED25519.as_bytes()).unwrap();
    let signature = STANDARD.decode(B26_SIGNATURE).unwrap();
    assert!(key.verify(B26.as_bytes(), &signature));
    assert!(!key.verify(B26.replace("/foo", "/fop").as_bytes(), &signature));
    assert!(!key.verify(B26.as_bytes(), &signature[..63]));
    assert!(!key.verify(B26.as_bytes(), b""));
}

fn openssl(args: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    use std::process::Stdio;
    let mut command = Command::new("openssl");
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    output.stdout
}

#[test]
fn keys_serve_the_algorithm_that_they_are_for() {
    use SignatureAlgorithm as S;
    let key_of = |args: &[&str]| {
        let mut all = vec!["genpkey"];
        all.extend(args);
        openssl(&all, b"")
    };
    let keys = [
        (
            S::EcdsaP256Sha256,
            key_of(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ),
        (
            S::EcdsaP384Sha384,
            key_of(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        ),
        (
            S::RsaPssSha512,
            key_of(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ),
    ];
    for (alg, private) in &keys {
        let pem = openssl(&["pkey", "-pubout"], private);
        let encoding = match alg {
            S::RsaPssSha512 => EncodingKey::from_rsa_pem(private).unwrap(),
            _ => EncodingKey::from_ec_pem(private).unwrap(),
        };
        let signature = jsonwebtoken::crypto::sign(b"m", &encoding, public(*alg).unwrap()).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = load(*alg, &pem).unwrap();
        assert!(key.verify(b"m", &signature), "{alg:?}");
        assert!(!key.verify(b"n", &signature), "{alg:?}");
        for (other, _) in keys.iter().filter(|(other, _)| other != alg) {
            assert!(load(*other, &pem).is_err(), "{alg:?} as {other:?}");
        }
        assert!(load(S::Ed25519, &pem).is_err() && load(S::HmacSha256, &pem).is_err());
    }
    let short = key_of(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
    let pem = openssl(&["pkey", "-pubout"], &short);
    let why = load(S::RsaPssSha512, &pem).unwrap_err();
    assert!(why.contains("too short"), "{why}");
}

#[test]
fn a_secret_is_base64_and_long_enough_and_does_not_show() {
    let load = |text: &str| load(SignatureAlgorithm::HmacSha256, text.as_bytes());
    let good = STANDARD.encode([7; 32]);
    assert!(load(&format!("{good}\n")).is_ok());
    for bad in ["", "hunter2!", &STANDARD.encode([7; 31]), &good[1..]] {
        let why = load(bad).unwrap_err();
        assert!(!why.contains("hunter2"), "{why}");
    }
}
