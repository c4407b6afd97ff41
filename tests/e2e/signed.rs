//! Callers who sign their requests (RFC 9421): the client's side is a library that is not ours.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use harness::{Answer, Behaviour, Client, Node, Service, WorldText, tool, venv};
use serde_json::{Value, json};

const SECRET: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const COVERED: [&str; 4] = ["@method", "@authority", "@path", "@query"];

struct Partner {
    id: &'static str,
    alg: &'static str,
    key: String,
}

/// Keys of two partners; the gateway's half is in `folder`.
fn partners(folder: &std::path::Path) -> [Partner; 4] {
    std::fs::write(folder.join("acme"), format!("{SECRET}\n")).expect("writable");
    let pair = |name: &str, args: &[&str]| {
        let private = folder.join(format!("{name}.key"));
        let path = private.to_str().expect("plain");
        let mut generate = vec!["genpkey", "-out", path];
        generate.extend(args);
        assert_eq!(tool("openssl", &generate).code, 0);
        let public = folder.join(name);
        let public = public.to_str().expect("plain");
        assert_eq!(
            tool("openssl", &["pkey", "-in", path, "-pubout", "-out", public]).code,
            0
        );
        std::fs::read_to_string(private).expect("written")
    };
    let partner = |id, alg, key| Partner { id, alg, key };
    [
        partner("acme-1", "HMAC_SHA256", SECRET.to_owned()),
        partner("ed", "ED25519", pair("ed", &["-algorithm", "ed25519"])),
        partner(
            "ec",
            "ECDSA_P256_SHA256",
            pair(
                "ec",
                &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            ),
        ),
        partner(
            "rsa",
            "RSA_PSS_SHA512",
            pair(
                "rsa",
                &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            ),
        ),
    ]
}

async fn start(folder: &std::path::Path, service: &Service) -> Node {
    let folder = folder.display();
    let world = format!(
        "\
upstreams:
  echo: {{ health: {{ interval: 200ms, timeout: 1s }} }}
keys: {{ env: test }}
caller: {{ headers: {{ x-user-id: account, x-consumer: consumer, x-scopes: scopes }} }}
authenticators:
  partners:
    signature:
      keys:
        acme-1: {{ alg: hmac-sha256, key_file: {folder}/acme, consumer: acme, scopes: [orders] }}
        ed: {{ alg: ed25519, key_file: {folder}/ed }}
        ec: {{ alg: ecdsa-p256-sha256, key_file: {folder}/ec }}
        rsa: {{ alg: rsa-pss-sha512, key_file: {folder}/rsa }}
      nonces_max: 8
      body_max: 64KiB
routes:
  signed: {{ path: /s/*, upstream: echo, auth: partners }}
  either: {{ path: /e/*, upstream: echo, auth: [partners, none] }}
"
    );
    Node::start(WorldText::one_node(&world, &[service.addr]), &[]).await
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

/// The fields of a request as the other library signs it.
fn sign(
    partner: &Partner,
    method: &str,
    path: &str,
    body: &str,
    more: &Value,
) -> Vec<(String, String)> {
    let mut covered = COVERED.to_vec();
    if !body.is_empty() {
        covered.push("content-digest");
    }
    let mut spec = json!({
        "method": method, "url": format!("http://gateway.test{path}"),
        "headers": { "Host": "gateway.test" }, "body": body, "covered": covered,
        "key": partner.key, "alg": partner.alg, "key_id": partner.id,
        "created": now(), "nonce": format!("{}", more),
    });
    for (name, value) in more.as_object().expect("an object") {
        spec[name] = value.clone();
    }
    let mut child = Command::new(venv("python3"))
        .args(["-c", include_str!("sign.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(spec.to_string().as_bytes()).expect("open");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let fields: Value = serde_json::from_slice(&output.stdout)
        .expect("the library of pip `http-message-signatures` signs");
    let fields = fields.as_object().expect("an object").iter();
    fields
        .filter(|(name, _)| *name != "Host")
        .map(|(name, value)| {
            (
                name.to_lowercase(),
                value.as_str().expect("text").to_owned(),
            )
        })
        .collect()
}

async fn send(
    node: &Node,
    method: &str,
    path: &str,
    fields: &[(String, String)],
    body: &str,
) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut client = Client::new(node.door());
    client
        .send(method, path, &fields, body)
        .await
        .expect("an answer")
}

fn problem(answer: &Answer) -> &str {
    let kind = answer.body.split("problem:").nth(1).unwrap_or(&answer.body);
    kind.split('"').next().unwrap_or(kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_requests_are_taken_as_they_were_signed_and_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let partners = partners(folder.path());
    let service = Service::start(Behaviour::Mirrors).await;
    let node = start(folder.path(), &service).await;
    for partner in &partners {
        let fields = sign(partner, "GET", "/s/a%20b?c=d", "", &json!({ "nonce": "1" }));
        let answer = send(&node, "GET", "/s/a%20b?c=d", &fields, "").await;
        assert_eq!(answer.status, 200, "{}: {}", partner.id, answer.body);
        let told = format!("x-user-id: partners:{}", partner.id);
        assert!(answer.body.contains(&told), "{}", answer.body);
        assert!(!answer.body.contains("signature"), "{}", answer.body);
        let again = send(&node, "GET", "/s/a%20b?c=d", &fields, "").await;
        assert_eq!((again.status, problem(&again)), (401, "signature-replayed"));
    }
    let [acme, ..] = &partners;
    let path = "/s/a?b=c";
    let fresh = |nonce: &str| sign(acme, "GET", path, "", &json!({ "nonce": nonce }));
    let fields = fresh("2");
    for (method, other) in [
        ("DELETE", path),
        ("GET", "/s/b?b=c"),
        ("GET", "/s/a?b=d"),
        ("GET", "/s/a"),
    ] {
        let answer = send(&node, method, other, &fields, "").await;
        assert_eq!(
            (answer.status, problem(&answer)),
            (401, "signature-not-accepted"),
            "{method} {other}"
        );
    }
    let taken = send(&node, "GET", path, &fields, "").await;
    assert_eq!(taken.status, 200, "a forged one has used nothing up");
    assert!(
        taken.body.contains("x-consumer: acme") && taken.body.contains("x-scopes: orders"),
        "{}",
        taken.body
    );

    let unsigned = send(&node, "GET", path, &[], "").await;
    assert_eq!(
        (unsigned.status, problem(&unsigned)),
        (401, "credential-missing")
    );
    assert_eq!(
        unsigned.headers["accept-signature"],
        r#"sig-partners=("@method" "@authority" "@path" "@query" "content-digest");created"#
    );
    assert_eq!(
        unsigned.headers["www-authenticate"],
        "Signature realm=\"tidegate\""
    );
    for (more, want) in [
        (json!({ "created": now() - 400 }), "signature-out-of-time"),
        (json!({ "created": now() + 400 }), "signature-out-of-time"),
        (
            json!({ "covered": ["@method", "@authority", "@path"] }),
            "signature-incomplete",
        ),
        (json!({ "nonce": null }), "signature-nonce-missing"),
        (json!({ "key_id": "nobody" }), "signature-not-accepted"),
        (json!({ "key_id": "ed" }), "signature-not-accepted"),
    ] {
        let fields = sign(acme, "GET", "/e/a?b=c", "", &more);
        let answer = send(&node, "GET", "/e/a?b=c", &fields, "").await;
        assert_eq!((answer.status, problem(&answer)), (401, want), "{more}");
    }
    assert_eq!(send(&node, "GET", "/e/a", &[], "").await.status, 200);

    // Nonces are remembered over a reload, and none is forgotten for want of room.
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["loaded"], 0.0)
        .await;
    assert_eq!(
        problem(&send(&node, "GET", path, &fields, "").await),
        "signature-replayed"
    );
    for nonce in 3..9 {
        let answer = send(&node, "GET", path, &fresh(&nonce.to_string()), "").await;
        assert_eq!(answer.status, 200, "{nonce}");
    }
    let full = send(&node, "GET", path, &fresh("9"), "").await;
    assert_eq!((full.status, &*full.headers["retry-after"]), (503, "1"));
    node.metric_above("tidegate_signatures_total", &["signature_nonces_full"], 0.0)
        .await;
    assert_eq!(
        node.metric("tidegate_signature_nonces", &["partners"])
            .await,
        11.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_sees_no_byte_of_a_body_that_was_not_signed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [acme, ed, ..] = partners(folder.path());
    let service = Service::start(Behaviour::Mirrors).await;
    let node = start(folder.path(), &service).await;
    let body = r#"{"amount": 10}"#;
    let path = "/s/pay?x=y";
    let fields = |nonce: &str| sign(&acme, "POST", path, body, &json!({ "nonce": nonce }));
    let good = send(&node, "POST", path, &fields("1"), body).await;
    assert_eq!(good.status, 200, "{}", good.body);
    assert!(
        good.body
            .contains(&format!("content-length: {}", body.len())),
        "{}",
        good.body
    );
    let forwarded = || node.metric("tidegate_forwarded_total", &["signed"]);
    let before = forwarded().await;
    for other in [r#"{"amount": 99}"#, r#"{"amount": 1"#, ""] {
        let answer = send(&node, "POST", path, &fields(&format!("of {other}")), other).await;
        assert_eq!(
            (answer.status, problem(&answer)),
            (400, "content-digest-mismatch"),
            "{other}"
        );
    }
    // A body that no signature covers is refused by the head alone.
    let bare = sign(&acme, "POST", path, "", &json!({ "nonce": "bare" }));
    let answer = send(&node, "POST", path, &bare, body).await;
    assert_eq!(
        (answer.status, problem(&answer)),
        (401, "signature-incomplete")
    );
    let large = "x".repeat(65_537);
    let fields = sign(&ed, "POST", path, &large, &json!({ "nonce": "large" }));
    assert_eq!(send(&node, "POST", path, &fields, &large).await.status, 413);
    let fits = "x".repeat(65_536);
    let fields = sign(&ed, "POST", path, &fits, &json!({ "nonce": "fits" }));
    assert_eq!(send(&node, "POST", path, &fields, &fits).await.status, 200);
    assert_eq!(forwarded().await, before + 1.0);
    assert_eq!(
        node.metric("tidegate_signed_bodies_held_bytes", &["partners"])
            .await,
        0.0
    );
    node.metric_above("tidegate_signatures_total", &["signature_content"], 2.0)
        .await;
}
