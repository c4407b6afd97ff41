//! What forgers try with signatures and keys: the classes of Wycheproof's vectors for JWS, ECDSA,
//! EdDSA and RSA, with keys made here.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use serde_json::{Value, json};

use super::*;

const MESSAGE: &[u8] = b"eyJhbGciOiJ4In0.eyJzdWIiOiJhZGEifQ";

struct Case {
    algorithm: Algorithm,
    jwk: Value,
    signature: Vec<u8>,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa(algorithm: Algorithm, size: KeySize, padding: &'static dyn RsaEncoding) -> Case {
    let key = RsaKeyPair::generate(size).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(padding, &SystemRandom::new(), MESSAGE, &mut signature)
        .unwrap();
    // PKCS #1: nine bytes of DER before the modulus; the exponent is 65537.
    let n = &key.public_key().as_ref()[9..9 + signature.len()];
    Case {
        algorithm,
        jwk: json!({ "kty": "RSA", "n": b64(n), "e": "AQAB" }),
        signature,
    }
}

fn ecdsa(algorithm: Algorithm, crv: &str, how: &'static EcdsaSigningAlgorithm) -> Case {
    let key = EcdsaKeyPair::generate(how).unwrap();
    let public = key.public_key().as_ref()[1..].to_vec();
    let (x, y) = public.split_at(public.len() / 2);
    Case {
        algorithm,
        jwk: json!({ "kty": "EC", "crv": crv, "x": b64(x), "y": b64(y) }),
        signature: key
            .sign(&SystemRandom::new(), MESSAGE)
            .unwrap()
            .as_ref()
            .to_vec(),
    }
}

fn eddsa() -> Case {
    let key = Ed25519KeyPair::generate().unwrap();
    Case {
        algorithm: Algorithm::EdDsa,
        jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key()) }),
        signature: key.sign(MESSAGE).as_ref().to_vec(),
    }
}

fn hs256() -> Case {
    let secret = [7; 32];
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), MESSAGE);
    Case {
        algorithm: Algorithm::Hs256,
        jwk: json!({ "kty": "oct", "k": b64(secret) }),
        signature: tag.as_ref().to_vec(),
    }
}

fn es256() -> Case {
    ecdsa(Algorithm::Es256, "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING)
}

fn all() -> [Case; 6] {
    [
        hs256(),
        rsa(Algorithm::Rs256, KeySize::Rsa2048, &RSA_PKCS1_SHA256),
        rsa(Algorithm::Ps256, KeySize::Rsa2048, &RSA_PSS_SHA256),
        es256(),
        ecdsa(Algorithm::Es384, "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        eddsa(),
    ]
}

impl Case {
    fn keys(&self) -> KeySet {
        let set = json!({ "keys": [self.jwk] }).to_string();
        KeySet::parse(set.as_bytes(), 1, true).unwrap()
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Checked {
        self.keys()
            .verify(None, self.algorithm, message, &b64(signature))
    }
}

#[test]
fn no_bit_of_a_message_or_a_signature_can_be_changed() {
    for case in all() {
        let keys = case.keys();
        let verdict = |message: &[u8], signature: &[u8]| {
            keys.verify(None, case.algorithm, message, &b64(signature))
        };
        assert_eq!(verdict(MESSAGE, &case.signature), Checked::Good);
        for bit in 0..8 * MESSAGE.len() {
            let mut message = MESSAGE.to_vec();
            message[bit / 8] ^= 1 << (bit % 8);
            let said = verdict(&message, &case.signature);
            assert_eq!(said, Checked::Bad, "{:?}, bit {bit}", case.algorithm);
        }
        for bit in 0..8 * case.signature.len() {
            let mut signature = case.signature.clone();
            signature[bit / 8] ^= 1 << (bit % 8);
            let said = verdict(MESSAGE, &signature);
            assert_eq!(said, Checked::Bad, "{:?}, bit {bit}", case.algorithm);
        }
    }
}

#[test]
fn a_signature_has_its_length_and_no_other_coding() {
    for case in all() {
        let good = &case.signature;
        let zeros = vec![0; good.len()];
        let ones = vec![0xff; good.len()];
        for (what, forged) in [
            ("nothing", Vec::new()),
            ("one byte", vec![0]),
            ("cut short", good[..good.len() - 1].to_vec()),
            ("half", good[..good.len() / 2].to_vec()),
            ("a byte behind", [&good[..], &[0]].concat()),
            ("a zero before", [&[0][..], good].concat()),
            ("twice", [&good[..], good].concat()),
            ("zeros", zeros),
            ("ones", ones),
            ("text", b64(good).into_bytes()),
        ] {
            let said = case.check(MESSAGE, &forged);
            assert_eq!(said, Checked::Bad, "{:?}: {what}", case.algorithm);
        }
    }
}

/// The order of P-256's group (FIPS 186-5, SP 800-186).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn an_ecdsa_signature_has_both_numbers_in_range_and_is_not_der() {
    let case = es256();
    let (r, s) = case.signature.split_at(32);
    let one = [&[0; 31][..], &[1]].concat();
    let zero = [0; 32];
    // CVE-2022-21449: zeros that were taken for a signature of anything.
    for (r, s) in [
        (&zero[..], &zero[..]),
        (r, &zero),
        (&zero, s),
        (&one, &one),
        (&P256_ORDER, &P256_ORDER),
        (r, &P256_ORDER),
        (&P256_ORDER, s),
        (s, r),
    ] {
        assert_eq!(case.check(MESSAGE, &[r, s].concat()), Checked::Bad);
    }
    let integer = |n: &[u8]| [&[2, 33, 0], n].concat();
    let der = [&[0x30, 70][..], &integer(r), &integer(s)].concat();
    assert_eq!(case.check(MESSAGE, &der), Checked::Bad);
}

/// The order of Ed25519's group, least byte first (RFC 8032 section 5.1).
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn an_eddsa_signature_has_one_spelling() {
    let case = eddsa();
    let mut signature = case.signature.clone();
    let mut carry = 0;
    for (byte, more) in signature[32..].iter_mut().zip(ED25519_ORDER) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    // The same number to who does not look whether it is below the order.
    assert_eq!(case.check(MESSAGE, &signature), Checked::Bad);
}

#[test]
fn keys_that_are_weak_or_off_the_curve_verify_nothing() {
    let good = es256();
    let changed = |case: &Case, member: &str, value: &str| {
        let mut jwk = case.jwk.clone();
        jwk[member] = value.into();
        let set = json!({ "keys": [jwk] }).to_string();
        let said = KeySet::parse(set.as_bytes(), 1, true)
            .map(|keys| keys.verify(None, case.algorithm, MESSAGE, &b64(&case.signature)));
        assert!(
            !matches!(said, Ok(Checked::Good)),
            "{member} {value}: {said:?}"
        );
        said
    };
    let zeros = b64([0; 32]);
    for (member, value) in [
        ("x", zeros.as_str()),
        ("y", &zeros),
        ("x", &b64([0xff; 32])),
        ("y", good.jwk["x"].as_str().unwrap()),
    ] {
        assert_eq!(changed(&good, member, value), Ok(Checked::Bad));
    }
    for (member, value) in [("x", ""), ("y", "AA"), ("x", "="), ("crv", "secp256k1")] {
        assert!(changed(&good, member, value).is_err(), "{member} {value}");
    }
    let big = rsa(Algorithm::Rs256, KeySize::Rsa2048, &RSA_PKCS1_SHA256);
    // An exponent of one makes every signature its own message; ROCA and others are known by
    // others.
    for exponent in ["AQ", "AA", "Ag", "", "////////////////"] {
        let _refused = changed(&big, "e", exponent);
    }
    let short = b64([0xff; 128]);
    assert!(changed(&big, "n", &short).is_err(), "1,024 bits");
    // Led by zeros, it is no longer than that.
    let padded = b64([&[0; 128][..], &[0xff; 128]].concat());
    assert!(changed(&big, "n", &padded).is_err(), "1,024 bits and zeros");
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let case = rsa(Algorithm::Rs256, KeySize::Rsa2048, &RSA_PKCS1_SHA256);
    let n = case.jwk["n"].as_str().unwrap();
    for secret in [n.as_bytes(), &URL_SAFE_NO_PAD.decode(n).unwrap()] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, MESSAGE);
        for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Ps256] {
            let said = case
                .keys()
                .verify(None, algorithm, MESSAGE, &b64(tag.as_ref()));
            assert!(matches!(said, Checked::Bad | Checked::Unknown), "{said:?}");
        }
    }
}
