//! What a token costs: `cargo bench -p tidegate-tokens`.
//!
//! For each algorithm, in turns: the signature alone by AWS-LC with a key that is ready (what the
//! mathematics cost), a whole token by `jsonwebtoken`, with issuer, audience and expiry checked and
//! claims read (the library that we chose), our whole method with tokens that it has never seen,
//! and the method with tokens that it remembers. The median of the rounds is told, in CPU time of
//! the thread, so that other work on the machine weighs less.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaKeyPair, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use http::request::Parts;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tidegate_identity::{Algorithm, Authenticator, Finding, JwtSpec, Wanted};
use tidegate_runtime::Clock;
use tidegate_tokens::{Around, Tokens, TokensSpec, install_crypto};

const ROUNDS: usize = 11;
/// Tokens that are verified in a round.
const TOKENS: usize = 300;
/// How often remembered tokens are shown in a round.
const SHOWN: usize = 60_000;
const ISSUER: &str = "https://id.example";

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;
/// Whether this is the message's signature.
type Check = Box<dyn Fn(&[u8], &[u8]) -> bool>;

/// Signs and checks by the mathematics alone.
struct Scheme {
    name: &'static str,
    jwk: serde_json::Value,
    sign: Sign,
    check: Check,
}

fn main() {
    install_crypto();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    println!(
        "CPU a token, median of {ROUNDS} rounds; in brackets: of AWS-LC with a key that is ready"
    );
    for scheme in [hs256(), rs256(), ps256(), es256(), eddsa()] {
        measure(&scheme, runtime.handle());
    }
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hs256() -> Scheme {
    let secret = [7; 32];
    let (signing, checking) = [(); 2]
        .map(|()| hmac::Key::new(hmac::HMAC_SHA256, &secret))
        .into();
    Scheme {
        name: "HS256",
        jwk: json!({ "kty": "oct", "k": b64(secret) }),
        sign: Box::new(move |message| hmac::sign(&signing, message).as_ref().to_vec()),
        check: Box::new(move |message, tag| hmac::verify(&checking, message, tag).is_ok()),
    }
}

fn rs256() -> Scheme {
    rsa("RS256", &RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256)
}

fn ps256() -> Scheme {
    rsa("PS256", &RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256)
}

fn rsa(
    name: &'static str,
    padding: &'static dyn aws_lc_rs::signature::RsaEncoding,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Scheme {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let public = key.public_key().as_ref().to_vec();
    Scheme {
        name,
        // PKCS #1: nine bytes of DER before a modulus of 2048 bits; the exponent is 65537.
        jwk: json!({ "kty": "RSA", "n": b64(&public[9..265]), "e": "AQAB" }),
        sign: Box::new(move |message| {
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(padding, &SystemRandom::new(), message, &mut signature)
                .expect("a signature");
            signature
        }),
        check: ready(algorithm, &public),
    }
}

fn es256() -> Scheme {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let public = key.public_key().as_ref().to_vec();
    let (x, y) = public[1..].split_at(32);
    Scheme {
        name: "ES256",
        jwk: json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) }),
        check: ready(&ECDSA_P256_SHA256_FIXED, &public),
        sign: Box::new(move |message| {
            let signature = key.sign(&SystemRandom::new(), message);
            signature.expect("a signature").as_ref().to_vec()
        }),
    }
}

fn eddsa() -> Scheme {
    let key = Ed25519KeyPair::generate().expect("a key");
    let public = key.public_key().as_ref().to_vec();
    Scheme {
        name: "EdDSA",
        jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(&public) }),
        check: ready(&ED25519, &public),
        sign: Box::new(move |message| key.sign(message).as_ref().to_vec()),
    }
}

/// Checks with a key that is parsed once.
fn ready(algorithm: &'static dyn VerificationAlgorithm, public: &[u8]) -> Check {
    let key = ParsedPublicKey::new(algorithm, public).expect("a public key");
    Box::new(move |message, signature| key.verify_sig(message, signature).is_ok())
}

fn measure(scheme: &Scheme, control: &tokio::runtime::Handle) {
    let clock = Clock::start();
    let now = clock.now();
    let tokens: Vec<String> = (0..ROUNDS * TOKENS)
        .map(|nth| token(scheme, nth, now.wall.unix_secs() + 3_600))
        .collect();
    let method = method(scheme, clock, control.clone());
    let theirs = decoding_key(scheme);
    let mut validation = Validation::new(scheme.name.parse().expect("an algorithm"));
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&["api"]);
    let mut nanos = [(); 4].map(|()| Vec::new());
    for fresh in tokens.chunks(TOKENS) {
        let requests: Vec<Parts> = fresh.iter().map(|token| request(token)).collect();
        let accept = |request: &Parts| {
            let found = method.identify(request, tidegate_identity::Scheme::Https, now);
            assert!(matches!(found, Finding::Verified(_)), "{found:?}");
            black_box(&found);
        };
        let raw = |token: &String| {
            let (message, signature) = token.rsplit_once('.').expect("a token");
            let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
            assert!((scheme.check)(message.as_bytes(), &signature));
        };
        let library = |token: &String| {
            let read = jsonwebtoken::decode::<serde_json::Value>(token, &theirs, &validation);
            black_box(&read.expect("a good token"));
        };
        nanos[0].push(timed(TOKENS, || fresh.iter().for_each(raw)));
        nanos[1].push(timed(TOKENS, || fresh.iter().for_each(library)));
        nanos[2].push(timed(TOKENS, || requests.iter().for_each(accept)));
        nanos[3].push(timed(SHOWN, || {
            requests.iter().cycle().take(SHOWN).for_each(accept);
        }));
    }
    let [raw, library, ours, known] = nanos.map(median);
    println!(
        "  {:<6} signature alone {raw:>7.0} ns   jsonwebtoken {library:>7.0}   ours {ours:>7.0}, {:.2} of it   remembered {known:>5.0}",
        scheme.name,
        ours / library,
    );
}

/// A token as providers issue them, with some ten claims.
fn token(scheme: &Scheme, nth: usize, exp: u64) -> String {
    let head = json!({ "alg": scheme.name, "kid": "k1", "typ": "at+jwt" });
    let claims = json!({
        "iss": ISSUER, "aud": ["api", "https://api.example"], "sub": format!("user-{nth}"), "exp": exp,
        "iat": exp - 3_600, "jti": format!("{nth:032x}"), "client_id": "web", "scope": "openid profile orders:read orders:write",
        "email": "someone@example.org", "roles": ["customer", "beta"],
    });
    let message = format!("{}.{}", b64(head.to_string()), b64(claims.to_string()));
    let signature = (scheme.sign)(message.as_bytes());
    format!("{message}.{}", b64(signature))
}

fn decoding_key(scheme: &Scheme) -> DecodingKey {
    let jwk: Jwk = serde_json::from_value(scheme.jwk.clone()).expect("a JWK");
    DecodingKey::from_jwk(&jwk).expect("a key")
}

fn request(token: &str) -> Parts {
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    request.body(()).expect("a request").into_parts().0
}

/// Our method, with the keys in a file.
fn method(
    scheme: &Scheme,
    clock: Clock,
    control: tokio::runtime::Handle,
) -> Arc<dyn Authenticator> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut jwk = scheme.jwk.clone();
    jwk["kid"] = json!("k1");
    write_private(
        &folder.path().join("jwks.json"),
        &json!({ "keys": [jwk] }).to_string(),
    );
    let spec: JwtSpec = serde_json::from_value(json!({
        "issuer": ISSUER, "audiences": ["api"], "algorithms": [scheme.name], "roles_claim": "roles",
        "keys": { "file": "jwks.json" }, "cache_max": 100_000,
    }))
    .expect("a method");
    assert!(Algorithm::named(scheme.name).is_some());
    let spec = TokensSpec {
        methods: BTreeMap::from([("bench".to_owned(), spec)]),
        claims: Wanted::default(),
    };
    let around = Around {
        dns: tidegate_dns::Dns::system(),
        clock,
        control,
        folder: folder.path().to_owned(),
    };
    let tokens = Tokens::build(spec, &Tokens::default(), &around).expect("a method");
    tokens.method("bench").expect("the method")
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("writable");
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, private).expect("ours");
}

/// CPU time of each of `times`, in nanoseconds.
fn timed(times: usize, work: impl FnOnce()) -> f64 {
    let begun = cpu_time();
    work();
    (cpu_time() - begun).as_nanos() as f64 / times as f64
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
