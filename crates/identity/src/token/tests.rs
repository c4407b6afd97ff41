use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use tidegate_model::{Mono, Now, Period, Wall};

use super::*;
use crate::{Authenticator, Denied, Finding, Scheme, Wanted};

const NOW: u64 = 1_800_000_000;

/// Takes the signature `good` of the key `k1`, which serves RS256 only.
#[derive(Debug, Default)]
struct Keys {
    generation: AtomicU64,
    asked: AtomicUsize,
}

impl Verify for Keys {
    fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    fn verify(&self, kid: Option<&str>, algorithm: Algorithm, _: &[u8], sig: &str) -> Checked {
        self.asked.fetch_add(1, SeqCst);
        match (kid, algorithm) {
            (Some("k1"), Algorithm::Rs256) if sig == b64("good") => Checked::Good,
            (Some("k1"), Algorithm::Rs256) => Checked::Bad,
            (Some("k1"), _) => Checked::Unfit,
            _ => Checked::Unknown,
        }
    }
}

fn b64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn spec() -> JwtSpec {
    JwtSpec {
        issuer: "https://id.example".to_owned(),
        audiences: vec!["api".to_owned()],
        client_ids: Vec::new(),
        algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
        keys: JwksSpec {
            discovery: true,
            ..JwksSpec::default()
        },
        leeway: Period::from_secs(30),
        required_claims: [("tenant".to_owned(), Vec::new())].into(),
        consumer_claim: None,
        plan_claim: Some("plan".to_owned()),
        roles_claim: Some("realm.roles".to_owned()),
        token_max: tidegate_model::ByteSize::from_kib(8),
        cache_max: 1_000,
    }
}

fn method(spec: JwtSpec) -> (Jwt, Arc<Keys>, Arc<TokenCounts>) {
    let (keys, counts) = (Arc::new(Keys::default()), Arc::new(TokenCounts::default()));
    let wanted = Wanted {
        names: ["tenant".to_owned()].into(),
        all: true,
    };
    let jwt = Jwt::new(
        "main",
        spec,
        wanted,
        Arc::clone(&keys) as _,
        Arc::clone(&counts),
    );
    (jwt, keys, counts)
}

fn at(secs: u64) -> Now {
    Now {
        mono: Mono::from_millis(0),
        wall: Wall::from_unix_secs(secs),
    }
}

fn ask(jwt: &Jwt, field: &str, secs: u64) -> Finding {
    let request = Request::get("/")
        .header("authorization", field)
        .body(())
        .unwrap();
    jwt.identify(&request.into_parts().0, Scheme::Https, at(secs))
}

const HEAD: &str = r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#;

fn claims() -> String {
    format!(
        r#"{{"iss":"https://id.example","aud":"api","sub":"u1","tenant":"t7","plan":"gold","exp":{}}}"#,
        NOW + 60
    )
}

fn token(head: &str, claims: &str) -> String {
    format!("{}.{}.{}", b64(head), b64(claims), b64("good"))
}

fn verdict(token: &str) -> Result<(), TokenDenied> {
    match ask(&method(spec()).0, &format!("Bearer {token}"), NOW) {
        Finding::Verified(_) => Ok(()),
        Finding::Denied(Denied::Token(why))
        | Finding::Foreign(Denied::Token(why))
        | Finding::Ask(Denied::Token(why)) => Err(why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_token_says_who_is_calling() {
    let (jwt, ..) = method(spec());
    let good = format!("bEaReR {}", token(HEAD, &claims()));
    let Finding::Verified(who) = ask(&jwt, &good, NOW) else {
        panic!("refused")
    };
    assert_eq!((&*who.account, &*who.consumer), ("main:u1", "main:u1"));
    assert_eq!(who.plan.as_deref(), Some("gold"));
    assert_eq!(who.claims["tenant"], "t7");
}

#[test]
fn what_a_header_says_gets_nobody_in() {
    let mut table: Vec<(String, TokenDenied)> = Vec::new();
    for none in [
        "none", "None", "NONE", "nOnE", "", "none ", "rs256", "RS256 ", "HS257",
    ] {
        table.push((
            format!(r#"{{"alg":"{none}","kid":"k1"}}"#),
            TokenDenied::Algorithm,
        ));
    }
    for (head, why) in [
        // Key confusion: a public key taken for a shared secret.
        (r#"{"alg":"HS256","kid":"k1"}"#, TokenDenied::Algorithm),
        // In the list, but not what the key is for.
        (r#"{"alg":"ES256","kid":"k1"}"#, TokenDenied::Algorithm),
        (r#"{"kid":"k1"}"#, TokenDenied::Malformed),
        (r#"{"alg":null,"kid":"k1"}"#, TokenDenied::Malformed),
        (r#"{"alg":["RS256"],"kid":"k1"}"#, TokenDenied::Malformed),
        (
            r#"{"alg":"RS256","alg":"none","kid":"k1"}"#,
            TokenDenied::Malformed,
        ),
        (
            r#"{"alg":"RS256","kid":"../../etc/passwd"}"#,
            TokenDenied::UnknownKey,
        ),
        (
            r#"{"alg":"RS256","kid":"' OR 1=1 --"}"#,
            TokenDenied::UnknownKey,
        ),
        (r#"{"alg":"RS256","kid":7}"#, TokenDenied::Header),
        (
            r#"{"alg":"RS256","kid":"k1","crit":["exp"]}"#,
            TokenDenied::Header,
        ),
        (
            r#"{"alg":"RS256","kid":"k1","crit":[]}"#,
            TokenDenied::Header,
        ),
        (
            r#"{"alg":"RS256","kid":"k1","b64":false}"#,
            TokenDenied::Header,
        ),
        (
            r#"{"alg":"RS256","kid":"k1","typ":"logout+jwt"}"#,
            TokenDenied::Header,
        ),
        (
            r#"{"alg":"RS256","kid":"k1","typ":"dpop+jwt"}"#,
            TokenDenied::Header,
        ),
        (
            r#"{"alg":"RS256","kid":"k2","jwk":{"kty":"oct","k":"AA"}}"#,
            TokenDenied::UnknownKey,
        ),
        (
            r#"{"alg":"RS256","kid":"k2","jku":"https://evil.example"}"#,
            TokenDenied::UnknownKey,
        ),
        (
            r#"{"alg":"RS256","kid":"k2","x5u":"https://evil.example"}"#,
            TokenDenied::UnknownKey,
        ),
        (
            r#"{"alg":"RS256","kid":"k2","x5c":["MIIB"]}"#,
            TokenDenied::UnknownKey,
        ),
    ] {
        table.push((head.to_owned(), why));
    }
    table.push((
        format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(257)),
        TokenDenied::Header,
    ));
    for (head, why) in table {
        assert_eq!(verdict(&token(&head, &claims())), Err(why), "{head}");
    }
    for typ in [
        "jwt",
        "JWT",
        "at+jwt",
        "application/at+JWT",
        "application/okta-internal-at+jwt",
    ] {
        let head = format!(r#"{{"alg":"RS256","kid":"k1","typ":"{typ}"}}"#);
        assert_eq!(verdict(&token(&head, &claims())), Ok(()), "{typ}");
    }
}

#[test]
fn a_token_has_one_spelling() {
    let good = token(HEAD, &claims());
    assert_eq!(verdict(&good), Ok(()));
    let (message, _) = good.rsplit_once('.').unwrap();
    let (head, body) = message.split_once('.').unwrap();
    let json = format!(r#"{{"payload":"{body}","signatures":[{{"protected":"{head}"}}]}}"#);
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        message.to_owned(),
        format!("{message}."),
        format!("{good}."),
        format!("{good}.a.b"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\t"),
        format!("{head} .{body}.{}", b64("good")),
        // `Z28` ends in two bits that must be zero; `Z29` is the same bytes to a lax reader.
        format!("{message}.Z29vZB"),
        format!("{message}.Z29vZA=="),
        format!("{message}.Z29v+A"),
        format!("{message}.Z"),
        format!("{head}.{body}{}", b64("good")),
        json,
        "a".repeat(9_000),
    ] {
        assert_eq!(verdict(&bad), Err(TokenDenied::Malformed), "{bad}");
    }
    let other = format!("{message}.{}", b64("goo"));
    assert_eq!(verdict(&other), Err(TokenDenied::Signature), "cut short");
}

#[test]
fn claims_are_plain_and_bounded() {
    let claims = claims();
    let with = |more: &str| format!("{{{more},{}", &claims[1..]);
    let deep = |n: usize| format!("\"x\":{}1{}", "[".repeat(n), "]".repeat(n));
    let many = |n: usize| {
        (0..n)
            .map(|i| format!("\"c{i}\":1"))
            .collect::<Vec<_>>()
            .join(",")
    };
    for (more, verdict_is) in [
        (r#""x":1"#.to_owned(), Ok(())),
        (deep(7), Ok(())),
        (deep(8), Err(TokenDenied::Malformed)),
        (deep(3_000), Err(TokenDenied::Malformed)),
        (many(400), Ok(())),
        (many(513), Err(TokenDenied::Malformed)),
        (r#""sub":"admin""#.to_owned(), Err(TokenDenied::Malformed)),
        (
            r#""x":{"a":1,"a":2}"#.to_owned(),
            Err(TokenDenied::Malformed),
        ),
        (
            r#""\u0073ub":"admin""#.to_owned(),
            Err(TokenDenied::Malformed),
        ),
        (r#""x":1e999"#.to_owned(), Err(TokenDenied::Malformed)),
        (r#""x":"\ud800""#.to_owned(), Err(TokenDenied::Malformed)),
    ] {
        assert_eq!(
            verdict(&token(HEAD, &with(&more))),
            verdict_is,
            "{more:.60}"
        );
    }
    for text in ["[]", "null", "\"iss\"", "", "{} {}", "{\"iss\":1,}"] {
        assert_eq!(
            verdict(&token(HEAD, text)),
            Err(TokenDenied::Malformed),
            "{text}"
        );
    }
}

#[test]
fn claims_must_say_what_the_configuration_asks_for() {
    let claims = claims();
    for (from, to, why) in [
        ("\"aud\":\"api\"", "\"aud\":[\"x\",\"api\"]", None),
        (
            "\"aud\":\"api\"",
            "\"aud\":[\"x\"]",
            Some(TokenDenied::Audience),
        ),
        (
            "\"aud\":\"api\"",
            "\"aud\":\"API\"",
            Some(TokenDenied::Audience),
        ),
        (
            "\"aud\":\"api\"",
            "\"aud\":{\"api\":1}",
            Some(TokenDenied::Audience),
        ),
        ("\"aud\":\"api\",", "", Some(TokenDenied::Audience)),
        (
            "https://id.example",
            "https://id.example/",
            Some(TokenDenied::Issuer),
        ),
        (
            "\"iss\":\"https://id.example\",",
            "",
            Some(TokenDenied::Issuer),
        ),
        ("\"tenant\":\"t7\",", "", Some(TokenDenied::Claim)),
        ("\"sub\":\"u1\",", "", Some(TokenDenied::Claim)),
        ("\"sub\":\"u1\"", "\"sub\":\"\"", Some(TokenDenied::Claim)),
        (
            "\"sub\":\"u1\"",
            "\"sub\":\"a\\nb\"",
            Some(TokenDenied::Claim),
        ),
        ("\"sub\":\"u1\"", "\"azp\":\"machine\"", None),
        ("\"exp\":1800000060", "\"exp\":1799999971", None),
        (
            "\"exp\":1800000060",
            "\"exp\":1799999970",
            Some(TokenDenied::Expired),
        ),
        (
            "\"exp\":1800000060",
            "\"exp\":1799999960.5",
            Some(TokenDenied::Expired),
        ),
        (
            "\"exp\":1800000060",
            "\"exp\":\"1800000060\"",
            Some(TokenDenied::Claim),
        ),
        ("\"exp\":1800000060", "\"exp\":-1", Some(TokenDenied::Claim)),
        ("\"exp\":1800000060", "\"x\":1", Some(TokenDenied::Claim)),
        ("\"sub\"", "\"nbf\":1800000030,\"sub\"", None),
        (
            "\"sub\"",
            "\"nbf\":1800000031,\"sub\"",
            Some(TokenDenied::NotYet),
        ),
        (
            "\"sub\"",
            "\"iat\":1800000031,\"sub\"",
            Some(TokenDenied::NotYet),
        ),
    ] {
        assert!(claims.contains(from), "{from}");
        let said = verdict(&token(HEAD, &claims.replace(from, to)));
        assert_eq!(said, why.map_or(Ok(()), Err), "{to}");
    }
}

#[test]
fn required_claims_are_found_in_lists_scopes_and_objects() {
    let claims = claims().replace(
        "\"tenant\"",
        r#""scope":"read write","groups":["ops"],"realm":{"roles":["admin"]},"a.b":"dot","tenant""#,
    );
    for (name, value, found) in [
        ("scope", "write", true),
        ("scope", "writ", false),
        ("groups", "ops", true),
        ("realm.roles", "admin", true),
        ("realm.roles", "root", false),
        ("a.b", "dot", true),
        ("none.such", "x", false),
    ] {
        let mut spec = spec();
        spec.required_claims
            .insert(name.to_owned(), vec!["other".to_owned(), value.to_owned()]);
        let said = ask(
            &method(spec).0,
            &format!("Bearer {}", token(HEAD, &claims)),
            NOW,
        );
        assert_eq!(
            matches!(said, Finding::Verified(_)),
            found,
            "{name} {value}: {said:?}"
        );
    }
}

#[test]
fn a_token_is_verified_once_until_it_expires_or_the_keys_change() {
    let (jwt, keys, counts) = method(spec());
    let good = format!("Bearer {}", token(HEAD, &claims()));
    let verified = |secs| matches!(ask(&jwt, &good, secs), Finding::Verified(_));
    assert!(verified(NOW) && verified(NOW + 89));
    assert_eq!(keys.asked.load(SeqCst), 1);
    keys.generation.fetch_add(1, SeqCst);
    assert!(verified(NOW));
    assert_eq!(keys.asked.load(SeqCst), 2, "the keys changed");
    assert!(!verified(NOW + 90), "past exp and leeway");
    assert_eq!(
        (keys.asked.load(SeqCst), jwt.cached()),
        (2, 0),
        "costs no signature"
    );
    let counted: Vec<_> = counts.all().filter(|(_, n)| *n > 0).collect();
    assert_eq!(
        counted,
        [("cached", 1), ("verified", 2), ("token_expired", 1)]
    );
}

#[test]
fn the_cache_is_bounded() {
    let (jwt, ..) = method(spec());
    for n in 0..5_000 {
        let claims = claims().replace("u1", &format!("u{n}"));
        ask(&jwt, &format!("Bearer {}", token(HEAD, &claims)), NOW);
    }
    assert!((1..=1_000).contains(&jwt.cached()), "{}", jwt.cached());
}

#[test]
fn credentials_of_other_kinds_are_left_to_others_and_two_are_refused() {
    let (jwt, ..) = method(spec());
    for other in ["Basic YTpi", "Bearer", "Bearerx", "DPoP abc"] {
        assert!(matches!(ask(&jwt, other, NOW), Finding::Absent), "{other}");
    }
    let good = format!("Bearer {}", token(HEAD, &claims()));
    let two = Request::get("/")
        .header("authorization", "Basic YTpi")
        .header("authorization", good);
    let said = jwt.identify(
        &two.body(()).unwrap().into_parts().0,
        Scheme::Https,
        at(NOW),
    );
    assert!(
        matches!(said, Finding::Denied(Denied::Token(TokenDenied::Malformed))),
        "{said:?}"
    );
}
