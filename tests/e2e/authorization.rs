//! Who may do what: what routes require of callers, and which doors show which routes.

use std::net::SocketAddr;
use std::time::Duration;

use harness::{
    Answer, Behaviour, Client, Issuer, Node, Ports, Service, SigningKey, WorldText, answer_of, raw,
};

fn world(issuer: &Issuer) -> String {
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
      roles_claim: roles
groups:
  partners: {{ consumers: [acme] }}
routes:
  scopes: {{ path: /scopes/*, upstream: echo, auth: [staff, key], require: {{ scopes: [a:read], any_scope: [b, c] }} }}
  roles: {{ path: /roles/*, upstream: echo, auth: [staff, key], require: {{ roles: [admin, ops] }} }}
  group: {{ path: /group/*, upstream: echo, auth: key, require: {{ groups: [partners] }} }}
  inside: {{ path: /near/*, upstream: echo, auth: none, require: {{ allow: [10.0.0.0/8] }} }}
  outside: {{ path: /far/*, upstream: echo, auth: none, require: {{ deny: [10.0.0.0/8] }} }}
  rule:
    path: /rule/*
    upstream: echo
    auth: [staff, none]
    require:
      rule: \"request.method == 'GET' || claims.email_verified && claims.level > 2 && claims.teams.exists(t, t == 'core')\"
"
    )
}

async fn ask(node: &Node, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let answer = Client::new(node.door())
        .send(method, path, headers, "".into())
        .await;
    answer.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_may_do_what_the_route_requires_and_are_told_what_they_lack() {
    let issuer = Issuer::start().await;
    let key = SigningKey::ed25519();
    issuer.publish(&[key.jwk("e")]);
    let service = Service::start(Behaviour::Good).await;
    let mut text = WorldText::one_node(&world(&issuer), &[service.addr]);
    text.regions[0].door = "{ trusted_proxies: [127.0.0.1] }".to_owned();
    let node = Node::start(text, &[]).await;
    let name = issuer.name();
    let bearer = |claims: &str| {
        let claims = format!(r#""iss":"{name}","aud":"api","sub":"ada",{claims}"#);
        format!("Bearer {}", key.token("e", &claims, 60))
    };
    for (path, claims, status) in [
        ("/scopes/x", r#""scope":"a:read c""#, 200),
        ("/scopes/x", r#""scope":"a:read""#, 403),
        ("/scopes/x", r#""scope":"b c""#, 403),
        ("/scopes/x", r#""scp":["a:read b"]"#, 403),
        ("/roles/x", r#""roles":["ops"]"#, 200),
        ("/roles/x", r#""roles":["dev"]"#, 403),
        ("/roles/x", r#""n":1"#, 403),
    ] {
        let answer = ask(&node, "GET", path, &[("authorization", &bearer(claims))]).await;
        assert_eq!(answer.status, status, "{path} {claims}: {}", answer.body);
    }
    let short = ask(
        &node,
        "GET",
        "/scopes/x",
        &[("authorization", &bearer(r#""scope":"b""#))],
    )
    .await;
    assert_eq!(
        short.headers["www-authenticate"],
        "Bearer realm=\"tidegate\", error=\"insufficient_scope\", scope=\"a:read b c\""
    );
    assert!(
        short
            .body
            .contains("urn:tidegate:problem:insufficient-scope"),
        "{}",
        short.body
    );
    let role = ask(
        &node,
        "GET",
        "/roles/x",
        &[("authorization", &bearer(r#""roles":[]"#))],
    )
    .await;
    assert!(!role.headers.contains_key("www-authenticate"));
    assert!(
        role.body.contains("urn:tidegate:problem:not-allowed"),
        "{}",
        role.body
    );

    for (consumer, status) in [("acme", 200), ("globex", 403)] {
        let api_key = node.key(consumer);
        let answer = ask(&node, "GET", "/group/x", &[("x-api-key", &api_key)]).await;
        assert_eq!(answer.status, status, "{consumer}");
    }
    for (role, status) in [("ops", 200), ("dev", 403)] {
        let made = node.keys(&["create", "--consumer", "acme", "--role", role, "-q"]);
        let headers = [("x-api-key", made.out.trim())];
        let answer = ask(&node, "GET", "/roles/x", &headers).await;
        assert_eq!(answer.status, status, "a key with {role}: {}", answer.body);
    }
    for (path, from, status) in [
        ("/near/x", "10.1.2.3", 200),
        ("/near/x", "192.0.2.7", 403),
        ("/near/x", "::ffff:10.1.2.3", 200),
        ("/far/x", "10.1.2.3", 403),
        ("/far/x", "192.0.2.7", 200),
    ] {
        let answer = ask(&node, "GET", path, &[("x-forwarded-for", from)]).await;
        assert_eq!(answer.status, status, "{path} from {from}");
    }
    let good = bearer(r#""email_verified":true,"level":3,"teams":["core"]"#);
    for (method, field, status) in [
        ("GET", "", 200),
        ("POST", "", 403),
        ("POST", good.as_str(), 200),
        (
            "POST",
            &bearer(r#""email_verified":true,"level":2,"teams":["core"]"#),
            403,
        ),
        (
            "POST",
            &bearer(r#""email_verified":"yes","level":3,"teams":["core"]"#),
            403,
        ),
        (
            "POST",
            &bearer(r#""email_verified":true,"level":3,"teams":"core""#),
            403,
        ),
    ] {
        let headers: &[(&str, &str)] = if field.is_empty() {
            &[]
        } else {
            &[("authorization", field)]
        };
        let answer = ask(&node, method, "/rule/x", headers).await;
        assert_eq!(answer.status, status, "{method} {field}: {}", answer.body);
    }
    for reason in ["scope", "role", "group", "address", "rule", "rule_failed"] {
        let reason = format!("\"forbidden_{reason}\"");
        node.metric_above("tidegate_refused_total", &[&reason], 0.0)
            .await;
    }
    // Lines are written at the latest after a quarter of a second.
    tokio::time::sleep(Duration::from_millis(800)).await;
    let log = node.access_log();
    let forbidden = log.iter().find(|line| line["refusal"] == "forbidden_role");
    assert_eq!(
        forbidden.expect("a line")["auth"],
        "staff",
        "who was forbidden is in the log"
    );
}

const EXPOSED: &str = "\
upstreams:
  echo: { health: { interval: 200ms, timeout: 1s } }
  all: { health: { interval: 200ms, timeout: 1s } }
keys: { env: test }
routes:
  all: { path: /*, upstream: all, auth: none }
  admin: { path: /admin/*, upstream: echo, auth: none, exposure: internal }
  host: { hosts: [in.example, '*.in.example'], path: /*, upstream: echo, auth: none, exposure: internal }
  delete: { path: '/items/{id}', methods: [DELETE], upstream: echo, auth: none, exposure: internal }
";

/// The status that a door gives to a request line and a host, sent as they are.
async fn status(door: SocketAddr, line: &str, host: &str) -> u16 {
    let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    let (said, _) = raw(door, request.as_bytes(), Duration::from_secs(5))
        .await
        .expect("an answer");
    answer_of(&said).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_leads_from_a_public_door_to_an_internal_route() {
    let (inner, outer) = (
        Service::start(Behaviour::Good).await,
        Service::start(Behaviour::Good).await,
    );
    let mut text = WorldText::one_node(EXPOSED, &[inner.addr]);
    let inside = Ports::default().take();
    text.regions[0].upstreams = format!("  all: [{}]\n", outer.addr);
    text.regions[0].door = format!("{{}}\n  inside: {{ exposure: internal, listen: {inside} }}");
    let node = Node::start(text, &[]).await;

    let spellings = [
        ("GET /admin/x", "a"),
        ("GET /admin/", "a"),
        ("GET //admin/x", "a"),
        ("GET /admin//x", "a"),
        ("GET /./admin/x", "a"),
        ("GET /x/../admin/x", "a"),
        ("GET /%2e/admin/x", "a"),
        ("GET /x/%2e%2e/admin/x", "a"),
        ("GET /x/%2E./admin/x", "a"),
        ("GET /%61dmin/x", "a"),
        ("GET /adm%69n/x", "a"),
        ("GET /admin/x?y=/", "a"),
        ("GET /admin/x", "a:80"),
        ("GET http://a/admin/x", "a"),
        ("GET http://a:80/admin/x", "a:80"),
        ("GET http://a//x/..//admin/x", "a"),
        ("GET HTTP://A/admin/x", "a"),
        ("GET /x", "in.example"),
        ("GET /x", "IN.Example"),
        ("GET /x", "in.example."),
        ("GET /x", "in.example:8080"),
        ("GET /x", "in.example.:8080"),
        ("GET /x", "any.in.example"),
        ("GET http://in.example/x", "in.example"),
        ("GET http://IN.EXAMPLE./x", "IN.EXAMPLE."),
        ("DELETE /items/1", "a"),
        ("DELETE //items/./1", "a"),
    ];
    for (line, host) in spellings {
        assert_eq!(status(node.door(), line, host).await, 404, "{line}, {host}");
        assert_eq!(
            status(inside, line, host).await,
            200,
            "{line}, {host}, inside"
        );
    }
    let reached = inner.requests();
    assert_eq!(reached, spellings.len(), "from inside, each once");
    // What two could read in different ways is refused.
    for line in [
        "GET /x/..;/admin/x",
        "GET /x/..%2fadmin/x",
        "GET /x%2f../admin/x",
        "GET /x/..%5cadmin/x",
        "GET /x\\..\\admin",
        "GET /admin%00/x",
        "GET /../admin/x",
    ] {
        assert_eq!(status(node.door(), line, "a").await, 400, "{line}");
    }
    assert_eq!(
        status(node.door(), "GET http://a/x", "in.example").await,
        400,
        "two hosts"
    );
    // What is another name for us goes to another service, which can make of it what it likes.
    for line in [
        "GET /Admin/x",
        "GET /admin;a/x",
        "GET /admin",
        "GET /%2561dmin/x",
        "GET /items/1",
    ] {
        assert_eq!(status(node.door(), line, "a").await, 200, "{line}");
    }
    assert_eq!(
        inner.requests(),
        reached,
        "none of it reached what is internal"
    );
    let allow = Client::new(node.door())
        .send("PATCH", "/admin/x", &[], "".into())
        .await
        .expect("an answer");
    assert_eq!((allow.status, allow.headers.get("allow")), (404, None));
}
