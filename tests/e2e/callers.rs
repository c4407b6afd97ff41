//! What services are told of callers, and what clients cannot say in the gateway's place.

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use harness::{Answer, Behaviour, Client, Issuer, Node, Service, SigningKey, WorldText, raw};

fn world(issuer: &Issuer, assertion: &str) -> String {
    let name = issuer.name();
    format!(
        "\
upstreams:
  echo: {{ health: {{ interval: 200ms, timeout: 1s }} }}
keys: {{ env: test }}
authenticators:
  staff:
    jwt:
      issuer: {name}
      audiences: [api]
      algorithms: [EdDSA]
      keys: {{ discovery: true }}
      roles_claim: realm.roles
caller:
  headers: {{ x-user-id: account, x-user-role: roles, x-consumer: consumer, x-tenant: {{ claim: tenant }} }}
{assertion}
routes:
  told: {{ path: /told/*, upstream: echo, auth: [staff, key, none] }}
  both: {{ path: /both/*, upstream: echo, auth: [staff, key], forward_credential: true }}
"
    )
}

fn pem(key: &Ed25519KeyPair) -> String {
    let der: Pkcs8V1Der<'_> = key.as_der().expect("a key");
    let text = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

async fn get(node: &Node, path: &str, headers: &[(&str, &str)]) -> Answer {
    let answer = Client::new(node.door())
        .get(path, headers)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

/// What the service saw in the fields of this name, as CGI reads names.
fn seen<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let named =
        fields.filter(|(field, _)| field.replace(['_', '.'], "-").eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.trim()).collect()
}

/// The claims of a statement, if a key of the published set has signed it.
fn verified(statement: &str, set: &str) -> Option<serde_json::Value> {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let json =
        |text: &str| -> serde_json::Value { serde_json::from_slice(&decode(text)).expect("JSON") };
    let (message, signature) = statement.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let set: serde_json::Value = serde_json::from_str(set).expect("a set");
    let kid = &json(header)["kid"];
    let key = set["keys"]
        .as_array()?
        .iter()
        .find(|key| &key["kid"] == kid)?;
    let key = UnparsedPublicKey::new(&ED25519, decode(key["x"].as_str()?));
    key.verify(message.as_bytes(), &decode(signature)).ok()?;
    Some(json(claims))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_told_who_is_calling_by_the_gateway_alone() {
    let issuer = Issuer::start().await;
    let key = SigningKey::ed25519();
    issuer.publish(&[key.jwk("e")]);
    let service = Service::start(Behaviour::Mirrors).await;
    let node = Node::start(
        WorldText::one_node(&world(&issuer, ""), &[service.addr]),
        &[],
    )
    .await;
    let name = issuer.name();
    let claims = format!(
        r#""iss":"{name}","aud":"api","sub":"ada","tenant":"t1","realm":{{"roles":["admin","ops"]}}"#
    );
    let bearer = format!("Bearer {}", key.token("e", &claims, 60));
    let api_key = node.key("acme");

    // What a client says of itself: in the gateway's spelling and in others, on behalf of others.
    let lies = "X-User-Id: root\r\nX_User_Id: root\r\nx.user.id: root\r\nX-USER-ROLE: root\r\nX_User-Role: root\r\n\
        X-Consumer: root\r\nX-Consumer-Custom-Id: root\r\nx_tenant: root\r\nRemote_User: root\r\nX-Auth-Request-User: root\r\n\
        X-Forwarded-Client-Cert: root\r\nX_Forwarded_For: 6.6.6.6\r\nX-Tidegate-Assertion: root\r\n";
    let lie = async |path: &str, credential: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close, x-user-id\r\n{credential}{lies}trailer: x-user-id\r\n\
             transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-User-Id: root\r\n\r\n"
        );
        let (said, _) = raw(node.door(), request.as_bytes(), Duration::from_secs(5))
            .await
            .expect("an answer");
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        let (_, head) = said.split_once("\r\n\r\n").expect("a body");
        assert!(
            !head.contains("root") && !head.contains("6.6.6.6"),
            "{path}: {head}"
        );
        head.to_owned()
    };
    let nobody = lie("/told/x", "").await;
    assert!(seen(&nobody, "x-user-id").is_empty() && seen(&nobody, "x-consumer").is_empty());
    let by_key = lie("/told/x", &format!("x-api-key: {api_key}\r\n")).await;
    let kid = api_key.split('_').nth(2).expect("a key");
    assert_eq!(seen(&by_key, "x-user-id"), [kid]);
    assert_eq!(seen(&by_key, "x-consumer"), ["acme"]);
    assert!(seen(&by_key, "x-user-role").is_empty() && !by_key.contains(&api_key));
    let by_token = lie("/told/x", &format!("authorization: {bearer}\r\n")).await;
    assert_eq!(seen(&by_token, "x-user-id"), ["staff:ada"]);
    assert_eq!(seen(&by_token, "x-user-role"), ["admin,ops"]);
    assert_eq!(seen(&by_token, "x-tenant"), ["t1"]);
    assert!(seen(&by_token, "authorization").is_empty(), "{by_token}");

    let passed = get(&node, "/both/x", &[("authorization", &bearer)])
        .await
        .body;
    assert_eq!(seen(&passed, "authorization"), [&bearer]);
    let passed = get(&node, "/both/x", &[("x-api-key", &api_key)]).await.body;
    assert_eq!(seen(&passed, "x-api-key"), [&api_key]);
    // Another scheme is the service's own business.
    let own = get(&node, "/told/x", &[("authorization", "Basic YTpi")])
        .await
        .body;
    assert_eq!(seen(&own, "authorization"), ["Basic YTpi"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_verifies_what_the_gateway_says_and_keys_are_rotated_by_file() {
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("assertion.pem");
    let [old, new] = [(); 2].map(|()| pem(&Ed25519KeyPair::generate().expect("a key")));
    std::fs::write(&file, &old).expect("writable");
    let text = world(
        &issuer,
        &format!(
            "  assertion: {{ issuer: gw, key_file: {} }}\n",
            file.display()
        ),
    );
    let service = Service::start(Behaviour::Mirrors).await;
    let node = Node::start(WorldText::one_node(&text, &[service.addr]), &[]).await;
    let api_key = node.key("acme");
    let statement = async || {
        let head = get(&node, "/told/x", &[("x-api-key", &api_key)]).await.body;
        seen(&head, "x-tidegate-assertion").concat()
    };
    let keys = async || {
        let answer = get(&node, "/.well-known/tidegate/jwks.json", &[]).await;
        assert_eq!(answer.headers["content-type"], "application/jwk-set+json");
        answer.body
    };

    let (first, before) = (statement().await, keys().await);
    let claims = verified(&first, &before).expect("a signature of the published key");
    let kid = api_key.split('_').nth(2).expect("a key");
    assert_eq!(
        [
            &claims["iss"],
            &claims["aud"],
            &claims["sub"],
            &claims["consumer"],
            &claims["auth"]
        ],
        ["gw", "echo", kid, "acme", "key"]
    );
    assert_eq!(
        claims["exp"].as_u64(),
        claims["iat"].as_u64().map(|at| at + 60)
    );
    assert_eq!(statement().await, first, "signed once");
    let nobody = get(&node, "/told/x", &[("x-tidegate-assertion", &first)])
        .await
        .body;
    assert!(
        seen(&nobody, "x-tidegate-assertion").is_empty(),
        "replayed by a client"
    );
    node.metric_above("tidegate_assertions_cached", &[], 0.0)
        .await;

    let mut reloads = 0.0;
    let mut reload = async |text: String| {
        std::fs::write(&file, text).expect("writable");
        node.signal("HUP");
        node.metric_above("tidegate_config_reloads_total", &["\"loaded\""], reloads)
            .await;
        reloads += 1.0;
    };
    reload(format!("{old}{new}")).await;
    let both = keys().await;
    assert!(
        verified(&statement().await, &before).is_some(),
        "the old one signs yet"
    );
    reload(format!("{new}{old}")).await;
    let by_new = statement().await;
    assert!(verified(&by_new, &before).is_none() && verified(&by_new, &both).is_some());
    assert!(
        verified(&first, &keys().await).is_some(),
        "statements under way stay good"
    );

    std::fs::write(&file, "nothing").expect("writable");
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["\"refused\""], 0.0)
        .await;
    assert!(
        node.said().contains("no private key in it"),
        "{}",
        node.said()
    );
    assert!(verified(&statement().await, &both).is_some());
}
