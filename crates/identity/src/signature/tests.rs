use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::Request as Message;
use sha2::Sha256;
use tidegate_model::Mono;
use zeroize::Zeroizing;

use super::*;

/// RFC 9421 appendix B.1.5.
const SECRET: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const KEYID: &str = "test-shared-secret";
const CREATED: u64 = 1_618_884_473;
const COVER: &str = r#""@method" "@authority" "@path" "@query""#;

fn secret() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(STANDARD.decode(SECRET).unwrap())
}

fn method(more: &str) -> Signature {
    let text = format!(
        r#"{{"keys":{{"{KEYID}":{{"alg":"hmac-sha256","key_file":"k","consumer":"acme"}},
            "second":{{"alg":"hmac-sha256","key_file":"k"}}}}{more}}}"#
    );
    let spec: SignatureSpec = serde_json::from_str(&text).unwrap();
    assert_eq!(spec.contradictions(), []);
    let key = |id: &str| -> (String, Box<dyn MessageKey>) {
        (id.to_owned(), Box::new(HmacKey::new(secret())))
    };
    let keys = [key(KEYID), key("second")].into();
    Signature::new("partners", spec, keys, SignatureMemory::default())
}

type Fields = Vec<(&'static str, String)>;

/// The request of RFC 9421 appendix B.2, without its signature.
fn request() -> Fields {
    [
        ("host", "example.com"),
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"),
        ("content-length", "18"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn head(verb: &str, target: &str, fields: &[(&str, String)]) -> Parts {
    let mut message = Message::builder().method(verb).uri(target);
    for (name, value) in fields {
        message = message.header(*name, value);
    }
    message.body(()).unwrap().into_parts().0
}

fn at(secs: u64) -> Now {
    Now {
        mono: Mono::from_millis(0),
        wall: Wall::from_unix_secs(secs),
    }
}

fn why(found: Finding) -> Option<SignatureDenied> {
    match found {
        Finding::Verified(_) => None,
        Finding::Denied(Denied::Signature(why)) | Finding::Foreign(Denied::Signature(why)) => {
            Some(why)
        }
        other => panic!("{other:?}"),
    }
}

/// Signs by hand: the text is what RFC 9421 says, and not what the code under test builds.
fn sign(base: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret()).unwrap();
    mac.update(base.as_bytes());
    format!(":{}:", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A signed GET of `/a?b=c` with these parameters, and what the method says of it.
fn get(method: &Signature, cover: &str, params: &str, now: u64) -> Finding {
    let mut base = String::new();
    for name in cover.split_whitespace() {
        let value = match name {
            r#""@method""# => "GET",
            r#""@authority""# => "example.com",
            r#""@path""# => "/a",
            r#""@query""# => "?b=c",
            r#""@target-uri""# => "https://example.com/a?b=c",
            r#""@request-target""# => "/a?b=c",
            other => panic!("{other}"),
        };
        base.push_str(&format!("{name}: {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": ({cover}){params}"));
    let fields = [
        ("host", "example.com".to_owned()),
        ("signature-input", format!("s=({cover}){params}")),
        ("signature", format!("s={}", sign(&base))),
    ];
    method.identify(&head("GET", "/a?b=c", &fields), Scheme::Https, at(now))
}

fn params(more: &str) -> String {
    format!(r#";created={CREATED};keyid="{KEYID}"{more}"#)
}

#[test]
fn the_vector_of_rfc_9421_b_2_5_is_verified_and_no_other_request_is() {
    let method =
        method(r#","components":["date","@authority"],"sign_body":false,"nonce":"optional""#);
    let signed = |change: &dyn Fn(&mut Fields)| {
        let mut fields = request();
        let input = format!(
            r#"sig-b25=("date" "@authority" "content-type"){}"#,
            params("")
        );
        fields.push(("signature-input", input));
        let signature = "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:";
        fields.push(("signature", signature.to_owned()));
        change(&mut fields);
        let head = head("POST", "/foo?param=Value&Pet=dog", &fields);
        method.identify(&head, Scheme::Https, at(CREATED))
    };
    let Finding::Verified(caller) = signed(&|_| {}) else {
        panic!("not verified");
    };
    assert_eq!(caller.account, "partners:test-shared-secret");
    assert_eq!(caller.consumer, "acme");
    for (name, value) in [
        ("date", "Tue, 20 Apr 2021 02:07:56 GMT"),
        ("host", "example.org"),
        ("content-type", "application/json; a=b"),
        (
            "signature",
            "sig-b25=:qxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
        ),
        ("signature", "sig-b25=:pxcQ:"),
        ("signature", "sig-b25=::"),
    ] {
        let changed = signed(&|fields| {
            let field = fields.iter_mut().find(|(known, _)| *known == name).unwrap();
            value.clone_into(&mut field.1);
        });
        assert_eq!(
            why(changed),
            Some(SignatureDenied::Wrong),
            "{name}: {value}"
        );
    }
    // A second line of a field that is covered is seen.
    let more = signed(&|fields| fields.push(("content-type", "text/html".to_owned())));
    assert_eq!(why(more), Some(SignatureDenied::Wrong));
}

#[test]
fn a_signature_holds_for_its_time_and_no_longer() {
    let method = method(r#","nonce":"optional","max_age":"100s","leeway":"10s""#);
    let expires = format!(";expires={}", CREATED + 50);
    for (more, now, want) in [
        ("", 0, None),
        ("", 109, None),
        ("", 110, Some(SignatureDenied::Stale)),
        ("", -10, None),
        ("", -11, Some(SignatureDenied::NotYet)),
        (&expires, 59, None),
        (&expires, 60, Some(SignatureDenied::Stale)),
        (";expires=0", 0, Some(SignatureDenied::Stale)),
        (";expires=-1", 0, Some(SignatureDenied::Malformed)),
        (";expires=\"9\"", 0, Some(SignatureDenied::Malformed)),
    ] {
        let now = CREATED.checked_add_signed(now).unwrap();
        assert_eq!(
            why(get(&method, COVER, &params(more), now)),
            want,
            "{more} {now}"
        );
    }
    for created in ["", ";created=\"x\"", ";created=-5", ";created=1.5"] {
        let params = format!(r#"{created};keyid="{KEYID}""#);
        let said = get(&method, COVER, &params, CREATED);
        assert_eq!(why(said), Some(SignatureDenied::Malformed), "{created}");
    }
    let far = format!(r#";created=999999999999999;keyid="{KEYID}""#);
    assert_eq!(
        why(get(&method, COVER, &far, CREATED)),
        Some(SignatureDenied::NotYet)
    );
}

#[test]
fn the_key_says_which_algorithm_applies_and_the_message_cannot() {
    let method = method(r#","nonce":"optional""#);
    let with = |more: &str| why(get(&method, COVER, &params(more), CREATED));
    assert_eq!(with(r#";alg="hmac-sha256""#), None);
    for alg in ["ed25519", "none", "", "HMAC-SHA256", "rsa-v1_5-sha256"] {
        let said = with(&format!(r#";alg="{alg}""#));
        assert_eq!(said, Some(SignatureDenied::Algorithm), "{alg}");
    }
    assert_eq!(with(";alg=hmac-sha256"), Some(SignatureDenied::Malformed));
}

#[test]
fn what_must_be_covered_is_covered() {
    let method = method(r#","nonce":"optional""#);
    let covered = |cover: &str| why(get(&method, cover, &params(""), CREATED));
    for cover in [
        COVER,
        r#""@method" "@target-uri""#,
        r#""@request-target" "@authority" "@method""#,
    ] {
        assert_eq!(covered(cover), None, "{cover}");
    }
    for cover in [
        "",
        r#""@method""#,
        r#""@target-uri""#,
        r#""@method" "@request-target""#,
        r#""@method" "@authority" "@path""#,
        r#""@method" "@authority" "@query""#,
    ] {
        assert_eq!(covered(cover), Some(SignatureDenied::Uncovered), "{cover}");
    }
}

#[test]
fn a_nonce_serves_once_and_only_who_holds_the_key_uses_it_up() {
    let method = method(r#","nonces_max":2"#);
    let with = |params: &str| why(get(&method, COVER, params, CREATED));
    assert_eq!(with(&params("")), Some(SignatureDenied::NonceMissing));
    let one = params(r#";nonce="1""#);
    let forged = [
        ("host", "example.com".to_owned()),
        ("signature-input", format!("s=({COVER}){one}")),
        ("signature", format!("s=:{}:", STANDARD.encode([0; 32]))),
    ];
    let head = head("GET", "/a?b=c", &forged);
    let said = method.identify(&head, Scheme::Https, at(CREATED));
    assert_eq!(why(said), Some(SignatureDenied::Wrong));
    assert_eq!(with(&one), None, "who has no key has used nothing up");
    assert_eq!(with(&one), Some(SignatureDenied::Replayed));
    // The same nonce at another time is the same nonce; of another key it is another.
    let later = format!(r#";created={};keyid="{KEYID}";nonce="1""#, CREATED + 1);
    assert_eq!(with(&later), Some(SignatureDenied::Replayed));
    let second = format!(r#";created={CREATED};keyid="second";nonce="1""#);
    assert_eq!(with(&second), None);
    assert_eq!(with(&params(r#";nonce="2""#)), None);
    let full = with(&params(r#";nonce="3""#));
    assert_eq!(
        full,
        Some(SignatureDenied::NoncesFull),
        "refused, not forgotten"
    );
    // What was used stays used when the configuration is loaded anew.
    let key: Box<dyn MessageKey> = Box::new(HmacKey::new(secret()));
    let spec = method.spec().clone();
    let again = Signature::new(
        "partners",
        spec,
        [(KEYID.to_owned(), key)].into(),
        method.memory().clone(),
    );
    let said = why(get(&again, COVER, &one, CREATED));
    assert_eq!(said, Some(SignatureDenied::Replayed));
}

#[test]
fn fields_are_read_strictly_and_bounded() {
    let method = method(r#","nonce":"optional""#);
    let good = format!("s=({COVER}){}", params(""));
    let long = format!(
        "s=({COVER}){}",
        params(&format!(";x=\"{}\"", "y".repeat(9_000)))
    );
    let nonce = format!(
        "s=({COVER}){}",
        params(&format!(";nonce=\"{}\"", "y".repeat(300)))
    );
    let many: String = (0..33).map(|i| format!("\"a{i}\" ")).collect();
    let many = format!("s=({}){}", many.trim_end(), params(""));
    let labels = ["s", "t", "u", "v", "w"]
        .map(|l| format!("{l}=(){}", params("")))
        .join(", ");
    let five = ["s", "t", "u", "v", "w"]
        .map(|l| format!("{l}=:AAAA:"))
        .join(", ");
    let repeated = format!("s=(\"@method\" {COVER}){}", params(""));
    for (input, signature) in [
        ("", "s=:AAAA:"),
        ("s", "s=:AAAA:"),
        ("s=1", "s=:AAAA:"),
        ("s=(", "s=:AAAA:"),
        (&*good, ""),
        (&good, "s=AAAA"),
        (&good, "s=(:AAAA:)"),
        (&good, "t=:AAAA:"),
        (&good, "s=:AAAA:, t=:AAAA:"),
        (&good, "s=:AAAA:, s=:AAAA:"),
        (&format!("{good}, {good}"), "s=:AAAA:"),
        (&good, &format!("s=:{}:", "A".repeat(2_000))),
        (&long, "s=:AAAA:"),
        (&nonce, "s=:AAAA:"),
        (&many, "s=:AAAA:"),
        (&labels, &five),
        (&repeated, "s=:AAAA:"),
        (&format!("s=(1 2){}", params("")), "s=:AAAA:"),
    ] {
        let fields = [
            ("host", "example.com".to_owned()),
            ("signature-input", input.to_owned()),
            ("signature", signature.to_owned()),
        ];
        let said = method.identify(&head("GET", "/a", &fields), Scheme::Https, at(CREATED));
        assert_eq!(
            why(said),
            Some(SignatureDenied::Malformed),
            "{input} {signature}"
        );
    }
    let alone = [("signature-input", good)];
    let said = method.identify(&head("GET", "/a", &alone), Scheme::Https, at(CREATED));
    assert_eq!(why(said), Some(SignatureDenied::Malformed));
    let none = head("GET", "/a", &[("signature", "s=:AAAA:".to_owned())]);
    let said = method.identify(&none, Scheme::Https, at(CREATED));
    assert!(
        matches!(said, Finding::Absent),
        "an older kind of signature is not ours"
    );
}

#[test]
fn components_that_are_not_understood_are_refused() {
    let method = method(r#","components":["@method"],"nonce":"optional""#);
    for component in [
        r#""@status""#,
        r#""@signature-params""#,
        r#""@nonsense""#,
        r#""@query-param""#,
        r#""@query-param";name="missing""#,
        r#""@query-param";name="twice""#,
        r#""@path";req"#,
        r#""content-type";req"#,
        r#""content-type";tr"#,
        r#""content-type";sf"#,
        r#""content-type";bs=?0"#,
        r#""content-type";key="a";bs"#,
        r#""Content-Type""#,
        r#""x y""#,
        r#""not-there""#,
    ] {
        let fields = [
            ("host", "example.com".to_owned()),
            ("content-type", "a/b".to_owned()),
            (
                "signature-input",
                format!("s=(\"@method\" {component}){}", params("")),
            ),
            ("signature", "s=:AAAA:".to_owned()),
        ];
        let head = head("GET", "/a?twice=1&twice=1", &fields);
        let said = method.identify(&head, Scheme::Https, at(CREATED));
        assert_eq!(why(said), Some(SignatureDenied::Component), "{component}");
    }
}

#[test]
fn values_are_those_of_rfc_9421_section_2() {
    let fields = [
        ("host", "WWW.Example.com:443".to_owned()),
        ("cache-control", "  max-age=60 ".to_owned()),
        ("cache-control", "must-revalidate".to_owned()),
        ("cookie", "a=1".to_owned()),
        ("cookie", "b=2".to_owned()),
        (
            "example-dict",
            " a=1, b=2;x=1;y=2, c=(a  b  c), d".to_owned(),
        ),
        ("example-header", "value, with, lots".to_owned()),
        ("example-header", "of, commas".to_owned()),
    ];
    let target = "/p?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&e=";
    let head = head("GET", target, &fields);
    let value = |identifier: &str, scheme| {
        let item: sfv::Item = sfv::Parser::new(identifier).parse().unwrap();
        let component = component::Component::read(&item).unwrap();
        assert_eq!(component.identifier, identifier);
        let request = Request {
            head: &head,
            scheme,
        };
        request.value(&component).unwrap()
    };
    let query = target.split_once('?').unwrap().1;
    for (identifier, want) in [
        (r#""@method""#, "GET"),
        (r#""@authority""#, "www.example.com"),
        (r#""@scheme""#, "https"),
        (r#""@path""#, "/p"),
        (r#""@query""#, &format!("?{query}")),
        (r#""@request-target""#, target),
        (
            r#""@target-uri""#,
            &format!("https://www.example.com{target}"),
        ),
        (
            r#""@query-param";name="var""#,
            "this%20is%20a%20big%0Amultiline%20value",
        ),
        (r#""@query-param";name="bar""#, "with%20plus%20whitespace"),
        (r#""@query-param";name="fa%C3%A7ade%22%3A%20""#, "something"),
        (r#""@query-param";name="e""#, ""),
        (r#""cache-control""#, "max-age=60, must-revalidate"),
        (r#""cookie""#, "a=1; b=2"),
        (r#""example-dict";key="a""#, "1"),
        (r#""example-dict";key="b""#, "2;x=1;y=2"),
        (r#""example-dict";key="c""#, "(a b c)"),
        (r#""example-dict";key="d""#, "?1"),
        (
            r#""example-header";bs"#,
            ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:",
        ),
    ] {
        assert_eq!(value(identifier, Scheme::Https), want, "{identifier}");
    }
    assert_eq!(
        value(r#""@authority""#, Scheme::Http),
        "www.example.com:443"
    );
    let bare = Message::get("/").body(()).unwrap().into_parts().0;
    let item: sfv::Item = sfv::Parser::new(r#""@query""#).parse().unwrap();
    let component = component::Component::read(&item).unwrap();
    let request = Request {
        head: &bare,
        scheme: Scheme::Http,
    };
    assert_eq!(request.value(&component).unwrap(), "?");
}

#[test]
fn signatures_of_others_are_left_alone_and_two_of_ours_are_ambiguous() {
    let said = |more: &str, inputs: &[String]| {
        let method = method(&format!(r#","nonce":"optional"{more}"#));
        let labels = ["a", "b", "c"];
        let of = |i: usize, value: &str| format!("{}={value}", labels[i]);
        let all = |values: Vec<String>| values.join(", ");
        let base = |input: &String| {
            format!(
                "\"@method\": GET\n\"@authority\": example.com\n\"@path\": /a\n\"@query\": ?\n\"@signature-params\": {input}"
            )
        };
        let each = inputs.iter().enumerate();
        let fields = [
            ("host", "example.com".to_owned()),
            (
                "signature-input",
                all(each.clone().map(|(i, v)| of(i, v)).collect()),
            ),
            (
                "signature",
                all(each.map(|(i, v)| of(i, &sign(&base(v)))).collect()),
            ),
        ];
        method.identify(&head("GET", "/a", &fields), Scheme::Https, at(CREATED))
    };
    let by = |key: &str, more: &str| format!(r#"({COVER});created={CREATED};keyid="{key}"{more}"#);
    let (ours, theirs) = (by(KEYID, ""), by("proxy", ""));
    assert!(matches!(
        said("", &[ours.clone(), theirs.clone()]),
        Finding::Verified(_)
    ));
    assert!(matches!(
        said("", std::slice::from_ref(&theirs)),
        Finding::Foreign(_)
    ));
    let both = [ours.clone(), by("second", "")];
    assert_eq!(why(said("", &both)), Some(SignatureDenied::Ambiguous));
    let tagged = [ours.clone(), by("second", r#";tag="gw""#)];
    let Finding::Verified(caller) = said(r#","tag":"gw""#, &tagged) else {
        panic!("the tag says which one is meant");
    };
    assert_eq!(caller.account, "partners:second");
    assert!(matches!(
        said(r#","tag":"gw""#, &[ours]),
        Finding::Foreign(_)
    ));
}

#[test]
fn a_body_must_be_signed_too() {
    let method = method(r#","nonce":"optional""#);
    let said = |cover: &str, fields: &[(&str, &str)]| {
        let input = format!("({cover}){}", params(""));
        let mut base =
            "\"@method\": POST\n\"@authority\": example.com\n\"@path\": /a\n\"@query\": ?\n"
                .to_owned();
        if cover.contains("content-digest") {
            base.push_str(&format!("\"content-digest\": {}\n", fields[0].1));
        }
        base.push_str(&format!("\"@signature-params\": {input}"));
        let mut all: Vec<(&str, String)> =
            fields.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        all.push(("host", "example.com".to_owned()));
        all.push(("signature-input", format!("s={input}")));
        all.push(("signature", format!("s={}", sign(&base))));
        method.identify(&head("POST", "/a", &all), Scheme::Https, at(CREATED))
    };
    let digest = (
        "content-digest",
        "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
    );
    let with_digest = format!("{COVER} \"content-digest\"");
    for (cover, fields, want) in [
        (
            COVER,
            &[digest, ("content-length", "18")][..],
            Some(SignatureDenied::Uncovered),
        ),
        (
            COVER,
            &[digest, ("transfer-encoding", "chunked")],
            Some(SignatureDenied::Uncovered),
        ),
        (COVER, &[("content-length", "0")], None),
        (&with_digest, &[digest, ("content-length", "18")], None),
    ] {
        assert_eq!(why(said(cover, fields)), want, "{cover} {fields:?}");
    }
    let Finding::Verified(caller) = said(&with_digest, &[digest, ("content-length", "18")]) else {
        panic!("not verified");
    };
    let body = caller.body.as_ref().unwrap();
    let mut hold = body.hold();
    hold.add(br#"{"hello": "world"}"#).unwrap();
    assert_eq!(hold.check(), Ok(()));
    // HTTP/2 may say nothing of a body: then it must be empty.
    let Finding::Verified(caller) = said(COVER, &[]) else {
        panic!("not verified");
    };
    let body = caller.body.as_ref().unwrap();
    assert_eq!(body.hold().check(), Ok(()));
    assert_eq!(body.hold().add(b"x"), Err(SignatureDenied::Content));
}

#[test]
fn clients_are_told_what_to_sign_and_secrets_do_not_print() {
    let accept = |more: &str| {
        method(more)
            .accept_signature()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        accept(""),
        r#"sig-partners=("@method" "@authority" "@path" "@query" "content-digest");created"#
    );
    assert_eq!(
        accept(r#","sign_body":false,"components":["@method"],"tag":"gw""#),
        r#"sig-partners=("@method");created;tag="gw""#
    );
    let printed = format!("{:?}", method(""));
    let raw = format!("{:?}", &secret()[..4]);
    assert!(printed.contains("HmacKey(..)") && !printed.contains(raw.trim_matches(['[', ']'])));
}

#[test]
fn what_cannot_be_meant_is_told() {
    let found = |text: &str| {
        let spec: SignatureSpec = serde_json::from_str(text).unwrap();
        spec.contradictions().len()
    };
    let key = r#""keys":{"a":{"alg":"ed25519","key_file":"k"}}"#;
    for (text, want) in [
        (format!("{{{key}}}"), 0),
        (r#"{"keys":{}}"#.to_owned(), 1),
        (
            r#"{"keys":{"a\"b":{"alg":"ed25519","key_file":"k"}}}"#.to_owned(),
            1,
        ),
        (format!(r#"{{{key},"components":[]}}"#), 1),
        (
            format!(r#"{{{key},"components":["@status","Date","@query-param"]}}"#),
            3,
        ),
        (format!(r#"{{{key},"max_age":"0s"}}"#), 1),
        (format!(r#"{{{key},"max_age":"2h"}}"#), 1),
        (format!(r#"{{{key},"nonces_max":0}}"#), 1),
        (format!(r#"{{{key},"body_max":"1GiB"}}"#), 1),
        (format!(r#"{{{key},"held_max":"1KiB"}}"#), 1),
    ] {
        assert_eq!(found(&text), want, "{text}");
    }
    let alg = r#"{"keys":{"a":{"alg":"none","key_file":"k"}}}"#;
    assert!(serde_json::from_str::<SignatureSpec>(alg).is_err());
}
