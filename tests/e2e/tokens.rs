//! Tokens: whom they let in, and what happens when their issuer changes its keys or is gone.

use harness::{Answer, Behaviour, Client, Issuer, Node, Service, SigningKey, WorldText, tidegate};

fn world(issuer: &Issuer, keys: &str) -> String {
    let name = issuer.name();
    format!(
        "\
upstreams:
  echo: {{ health: {{ interval: 200ms, timeout: 1s }} }}
limits:
  per-tenant: {{ amount: 3, window: 1h, per: {{ claim: tenant }} }}
plans:
  gold: {{ limits: {{ per-tenant: 1000 }} }}
keys: {{ env: test }}
authenticators:
  staff:
    jwt:
      issuer: {name}
      audiences: [api]
      algorithms: [RS256, EdDSA]
      keys: {keys}
      leeway: 0s
      plan_claim: plan
routes:
  tokens: {{ path: /t/*, upstream: echo, auth: staff, limits: [per-tenant] }}
  either: {{ path: /e/*, upstream: echo, auth: [staff, key] }}
"
    )
}

async fn start(issuer: &Issuer, keys: &str) -> Node {
    let service = Service::start(Behaviour::Good).await;
    Node::start(
        WorldText::one_node(&world(issuer, keys), &[service.addr]),
        &[],
    )
    .await
}

async fn get(node: &Node, path: &str, token: &str) -> Answer {
    let field = format!("Bearer {token}");
    let answer = Client::new(node.door())
        .get(path, &[("authorization", &field)])
        .await;
    answer.expect("an answer")
}

fn claims(issuer: &Issuer, tenant: &str) -> String {
    let name = issuer.name();
    format!(r#""iss":"{name}","aud":"api","sub":"ada","tenant":"{tenant}""#)
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_let_in_whom_they_are_for_and_are_counted_by_their_claims() {
    let issuer = Issuer::start().await;
    let (rsa, ed) = (SigningKey::rsa(), SigningKey::ed25519());
    issuer.publish(&[rsa.jwk("r"), ed.jwk("e")]);
    let node = start(&issuer, "{ discovery: true }").await;
    let of = |tenant: &str| claims(&issuer, tenant);

    for token in [rsa.token("r", &of("t1"), 60), ed.token("e", &of("t1"), 60)] {
        assert_eq!(get(&node, "/t/x", &token).await.status, 200);
        assert_eq!(get(&node, "/e/x", &token).await.status, 200);
    }
    let again = rsa.token("r", &of("t1"), 600);
    let statuses = [
        get(&node, "/t/x", &again).await.status,
        get(&node, "/t/x", &again).await.status,
    ];
    assert_eq!(statuses, [200, 429], "three requests a tenant");
    let other = ed.token("e", &of("t2"), 60);
    assert_eq!(
        get(&node, "/t/x", &other).await.status,
        200,
        "another tenant"
    );
    let gold = ed.token("e", &format!(r#"{},"plan":"gold""#, of("t3")), 60);
    let policy = &get(&node, "/t/x", &gold).await.headers["ratelimit-policy"];
    assert!(policy.contains("q=1000"), "{policy}");

    let mut forged = ed.token("e", &of("t2"), 61);
    // 60 of 64 bytes, still in canonical base64url.
    forged.truncate(forged.len() - 6);
    for (token, says) in [
        (
            ed.token("e", &of("t2").replace("api", "web"), 60),
            "meant for somebody else",
        ),
        (ed.token("e", &of("t2"), -1), "has expired"),
        (ed.token("r", &of("t2"), 60), "algorithm"),
        (
            SigningKey::ed25519().token("e", &of("t2"), 60),
            "signature is wrong",
        ),
        (
            SigningKey::rsa().token("r", &of("t2"), 60),
            "signature is wrong",
        ),
        (
            ed.token("e", &of("t2").replace("http:", "https:"), 60),
            "issuer is not accepted",
        ),
        (forged, "signature is wrong"),
        ("x.y.z".to_owned(), "not one signed JWT"),
    ] {
        for path in ["/t/x", "/e/x"] {
            let answer = get(&node, path, &token).await;
            assert_eq!(answer.status, 401, "{says}: {}", answer.body);
            assert!(
                answer.body.contains("token-not-accepted"),
                "{}",
                answer.body
            );
        }
        let field = get(&node, "/t/x", &token).await.headers["www-authenticate"].clone();
        assert!(
            field.starts_with("Bearer realm=\"tidegate\", error=\"invalid_token\"")
                && field.contains(says),
            "{says}: {field}"
        );
    }
    let key = node.key("acme");
    let by_key = Client::new(node.door())
        .get("/e/x", &[("x-api-key", &key)])
        .await;
    assert_eq!(by_key.expect("an answer").status, 200);
    let nothing = Client::new(node.door())
        .get("/t/x", &[])
        .await
        .expect("an answer");
    assert_eq!(
        (nothing.status, &*nothing.headers["www-authenticate"]),
        (401, "Bearer realm=\"tidegate\"")
    );

    assert_eq!(
        node.metric("tidegate_tokens_total", &["\"verified\""])
            .await,
        5.0
    );
    assert!(node.metric("tidegate_tokens_total", &["\"cached\""]).await >= 3.0);
    assert!(
        node.metric("tidegate_tokens_total", &["\"token_expired\""])
            .await
            >= 1.0
    );
    assert_eq!(node.metric("tidegate_tokens_cached", &[]).await, 5.0);
    assert_eq!(
        issuer.fetches(),
        1,
        "the key that the forged tokens name is known"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_fetched_once_and_known_ones_outlive_their_issuer() {
    let issuer = Issuer::start().await;
    let (old, new) = (SigningKey::ed25519(), SigningKey::ed25519());
    issuer.publish(&[old.jwk("old")]);
    let url = format!("{{ url: \"{}/keys\", refresh_gap: 1s }}", issuer.name());
    let node = start(&issuer, &url).await;
    let of = |n: usize| claims(&issuer, &format!("t{n}"));
    assert_eq!(
        get(&node, "/e/x", &old.token("old", &of(0), 600))
            .await
            .status,
        200
    );
    assert_eq!(issuer.fetches(), 1);
    // Past the gap, so that a fetch may follow.
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;

    issuer.publish(&[new.jwk("new")]);
    let tokens: Vec<String> = (0..20).map(|n| new.token("new", &of(n), 600)).collect();
    let answers = tokens.iter().map(|token| get(&node, "/e/x", token));
    let mut asking: Vec<_> = answers.map(Box::pin).collect();
    // All at once: each is polled before the first has ended.
    let mut statuses = Vec::new();
    std::future::poll_fn(|context| {
        asking.retain_mut(|answer| match answer.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => {
                statuses.push(answer.status);
                false
            }
            std::task::Poll::Pending => true,
        });
        if asking.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    assert_eq!(statuses, [200; 20]);
    assert_eq!(
        issuer.fetches(),
        2,
        "twenty tokens of an unknown key, one fetch"
    );
    let gone = get(&node, "/e/x", &old.token("old", &of(0), 600)).await;
    assert_eq!(gone.status, 401, "its key was withdrawn, cached or not");
    for n in 0..20 {
        let made_up = old.token(&format!("made-up-{n}"), &of(n), 600);
        assert_eq!(get(&node, "/e/x", &made_up).await.status, 401);
    }
    assert!(
        issuer.fetches() <= 4,
        "made-up keys cost the issuer a fetch a second at most"
    );

    issuer.set_down(true);
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(
        get(&node, "/e/x", &old.token("nobody's", &of(1), 600))
            .await
            .status,
        401
    );
    assert_eq!(
        get(&node, "/e/x", &new.token("new", &of(99), 600))
            .await
            .status,
        200
    );
    assert!(
        node.metric("tidegate_token_key_fetches_total", &["\"failed\""])
            .await
            >= 1.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_a_file_are_read_again_with_the_configuration_and_missing_ones_are_told() {
    let issuer = Issuer::start().await;
    issuer.set_down(true);
    let node = start(&issuer, "{ discovery: true, refresh_gap: 1s }").await;
    let key = SigningKey::ed25519();
    let token = key.token("k", &claims(&issuer, "t"), 600);
    let answer = get(&node, "/t/x", &token).await;
    assert_eq!(
        answer.status, 503,
        "its keys were never there: {}",
        answer.body
    );
    assert!(
        answer.body.contains("token-keys-unavailable"),
        "{}",
        answer.body
    );

    let file = node.data().join("jwks.json");
    std::fs::write(&file, format!(r#"{{"keys":[{}]}}"#, key.jwk("k"))).expect("writable");
    let mut text = node.text.clone();
    text.world = world(&issuer, "{ file: jwks.json }");
    text.write(&node.regions());
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["\"loaded\""], 0.0)
        .await;
    assert_eq!(get(&node, "/t/x", &token).await.status, 200);

    std::fs::write(
        &file,
        format!(r#"{{"keys":[{}]}}"#, SigningKey::ed25519().jwk("k")),
    )
    .expect("writable");
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["\"loaded\""], 1.0)
        .await;
    assert_eq!(
        get(&node, "/t/x", &token).await.status,
        401,
        "another key, and no cached verdict"
    );
    std::fs::write(&file, "nonsense").expect("writable");
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["\"refused\""], 0.0)
        .await;
    assert!(node.said().contains("no JWK set"), "{}", node.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_changes_nothing_of_an_issuer_keeps_its_keys_though_it_is_down() {
    let issuer = Issuer::start().await;
    let key = SigningKey::ed25519();
    issuer.publish(&[key.jwk("k")]);
    // Plain HTTP does not need the file, but it is there and read.
    let keys = "{ discovery: true, refresh_gap: 1s, ca_file: certs/ca.pem }";
    let node = start(&issuer, keys).await;
    let token = key.token("k", &claims(&issuer, "t"), 600);
    assert_eq!(get(&node, "/t/x", &token).await.status, 200);
    issuer.set_down(true);
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["\"loaded\""], 0.0)
        .await;
    let another = key.token("k", &claims(&issuer, "u"), 600);
    for token in [&token, &another] {
        assert_eq!(get(&node, "/t/x", token).await.status, 200);
    }
    // Other certificates: a new keyring, which begins with the keys of the old one.
    let ca = node.data().join("certs/ca.pem");
    let text = std::fs::read_to_string(&ca).expect("a file");
    std::fs::write(&ca, format!("{text}{text}")).expect("writable");
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["\"loaded\""], 1.0)
        .await;
    let third = key.token("k", &claims(&issuer, "v"), 600);
    assert_eq!(get(&node, "/t/x", &third).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_opens_the_files_of_an_issuer() {
    let issuer = Issuer::start().await;
    let key = SigningKey::ed25519();
    let node = start(&issuer, "{ discovery: true }").await;
    let mut text = node.text.clone();
    text.world = world(&issuer, "{ file: jwks.json, ca_file: missing.pem }");
    text.write(&node.regions());
    let (regions, data) = (
        node.regions().display().to_string(),
        node.data().display().to_string(),
    );
    let check = || tidegate(&["check", &regions, "--data", &data]);
    std::fs::write(node.data().join("jwks.json"), "nonsense").expect("writable");
    let checked = check();
    assert_eq!(checked.code, 2, "{}", checked.out);
    for says in [
        "jwks.json cannot be used",
        "missing.pem cannot be read",
        "hint",
        "world.yaml:",
    ] {
        assert!(checked.out.contains(says), "{says}: {}", checked.out);
    }
    let good = format!(r#"{{"keys":[{}]}}"#, key.jwk("k"));
    std::fs::write(node.data().join("jwks.json"), good).expect("writable");
    text.world = world(&issuer, "{ file: jwks.json }");
    text.write(&node.regions());
    assert_eq!(check().code, 0, "{}", check().out);
    let elsewhere = tidegate(&["check", &regions, "--data", "/nonexistent"]);
    assert_eq!(elsewhere.code, 0, "{}", elsewhere.out);
    assert!(
        elsewhere.out.contains("was not opened"),
        "{}",
        elsewhere.out
    );
}
