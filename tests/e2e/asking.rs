//! Callers of whom somebody else is asked: issuers of opaque tokens, passwords, authorizers.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Behaviour, Client, Node, Oracle, Service, WorldText};

async fn start(authenticator: &str, secrets: &[(&str, &str)]) -> Node {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    for (name, text) in secrets {
        std::fs::write(folder.join(name), text).expect("writable");
    }
    let world = format!(
        "\
upstreams:
  echo: {{ health: {{ interval: 200ms, timeout: 1s }} }}
keys: {{ env: test }}
caller: {{ headers: {{ x-user-id: account, x-user-role: roles, x-scopes: scopes, x-consumer: consumer }} }}
authenticators:
  who: {}
routes:
  asked: {{ path: /a/*, upstream: echo, auth: who }}
  open: {{ path: /o/*, upstream: echo, auth: [who, none] }}
",
        authenticator.replace("FOLDER", &folder.display().to_string())
    );
    let service = Service::start(Behaviour::Mirrors).await;
    Node::start(WorldText::one_node(&world, &[service.addr]), &[]).await
}

async fn get(node: &Node, path: &str, field: &str) -> Answer {
    let headers: &[(&str, &str)] = if field.is_empty() {
        &[]
    } else {
        &[("authorization", field)]
    };
    Client::new(node.door())
        .get(path, headers)
        .await
        .expect("an answer")
}

/// Twenty requests at once: their statuses.
async fn at_once(node: &Node, path: &str, field: impl Fn(usize) -> String) -> Vec<u16> {
    let asking = (0..20).map(|i| {
        let (mut client, path, field) = (Client::new(node.door()), path.to_owned(), field(i));
        tokio::spawn(async move { client.get(&path, &[("authorization", &field)]).await })
    });
    let mut statuses = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        statuses.push(asked.await.expect("no panic").expect("an answer").status);
    }
    statuses
}

fn says(status: u16, body: &'static str) -> harness::Says {
    Box::new(move |_| Some((status, String::new(), body.to_owned())))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_asked_once_about_a_token_and_its_word_holds_for_a_while() {
    let active = r#"{"active":true,"sub":"ada","scope":"read write","roles":["ops"],"aud":"api"}"#;
    let issuer = Oracle::start(Box::new(move |request| {
        let known = request.ends_with("token=good&token_type_hint=access_token");
        let body = if known { active } else { r#"{"active":false}"# };
        Some((
            200,
            "content-type: application/json\r\n".to_owned(),
            body.to_owned(),
        ))
    }))
    .await;
    let node = start(
        &format!(
            "{{ introspection: {{ url: 'http://{}/introspect', client_id: gw, client_secret_file: FOLDER/secret, \
             audiences: [api], roles_claim: roles, active_ttl: 1s, inactive_ttl: 1s, stale_max: 30s, timeout: 1s, in_flight_max: 2 }} }}",
            issuer.addr
        ),
        &[("secret", "s3:cret\n")],
    )
    .await;

    issuer.thinks(Duration::from_millis(200));
    assert_eq!(
        at_once(&node, "/a/x", |_| "Bearer good".to_owned()).await,
        [200; 20]
    );
    assert_eq!(issuer.asked().len(), 1, "once for all who wait");
    let asked = issuer.asked()[0].to_ascii_lowercase();
    let field = format!(
        "authorization: basic {}",
        STANDARD.encode("gw:s3%3Acret").to_ascii_lowercase()
    );
    assert!(
        asked.starts_with("post /introspect ") && asked.contains(&field),
        "{asked}"
    );
    issuer.thinks(Duration::ZERO);
    let told = get(&node, "/a/x", "Bearer good").await.body;
    for says in [
        "x-user-id: who:ada",
        "x-user-role: ops",
        "x-scopes: read write",
    ] {
        assert!(told.contains(says), "{told}");
    }
    assert!(!told.contains("Bearer"), "{told}");

    let bad = get(&node, "/o/x", "Bearer bad").await;
    assert_eq!(bad.status, 401, "not taken for nobody");
    assert!(
        bad.headers["www-authenticate"].contains("error=\"invalid_token\""),
        "{:?}",
        bad.headers
    );
    assert_eq!(get(&node, "/a/x", "Bearer bad").await.status, 401);
    assert_eq!(issuer.asked().len(), 2, "a no is remembered, too");
    assert_eq!(get(&node, "/a/x", "Bearer a&token=good").await.status, 401);
    assert_eq!(
        issuer.asked().len(),
        2,
        "what is no token is not asked about"
    );
    assert_eq!(get(&node, "/o/x", "").await.status, 200);
    assert_eq!(issuer.connections(), 1, "one connection, used again");

    // More than may be asked about at a time.
    issuer.thinks(Duration::from_millis(300));
    let mut statuses = at_once(&node, "/a/x", |i| format!("Bearer other{i}")).await;
    statuses.sort_unstable();
    assert_eq!(statuses[..2], [401, 401]);
    assert!(statuses[2..].contains(&503), "{statuses:?}");
    node.metric_above("tidegate_authenticator_asked_total", &["\"full\""], 0.0)
        .await;
    issuer.thinks(Duration::ZERO);

    // Past its time; the issuer is down, or talks nonsense.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    for nonsense in [
        says(500, ""),
        says(200, "{}"),
        says(200, "[]"),
        Box::new(|_| None),
    ] {
        issuer.says(nonsense);
        assert_eq!(
            get(&node, "/a/x", "Bearer good").await.status,
            200,
            "as it was said before"
        );
        let unknown = get(&node, "/a/x", "Bearer new").await;
        assert_eq!(unknown.status, 503, "{}", unknown.body);
        assert!(
            unknown.body.contains("credential-check-unavailable")
                && unknown.headers.contains_key("retry-after")
        );
    }
    node.metric_above("tidegate_authenticator_asked_total", &["\"stale\""], 0.0)
        .await;
    assert!(
        node.said().contains("A token cannot be asked about"),
        "{}",
        node.said()
    );
    assert!(!node.said().contains("cret"), "no secret in the log");
    // And revoked when it is back.
    issuer.says(says(200, r#"{"active":false}"#));
    assert_eq!(get(&node, "/a/x", "Bearer good").await.status, 401);
}

/// `correct horse` by bcrypt of cost 5, `slow horse` by one of cost 13, `battery staple` by Argon2.
const USERS: &str = "\
ada:$2y$05$CGYlyOuwOhqLj43GFKOi8OBlQ8/0/kK.nGwgOr7FvRwbT.J.GQDPS
eve:$2b$13$NrnTftgc9quYXNnfmyxMg.n8yiZIxZb10.fHk1F96OVTGJajvx5hG
bob:$argon2id$v=19$m=1024,t=2,p=1$1rZNN4PLT663Wq7YlM5uAg$aalymZvNPMBEDEJ9l04Mvr+05FyJT3D2+03D8q5Fwds
";

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_looked_at_slowly_and_never_by_more_than_may_wait() {
    let node = start(
        "{ basic: { users_file: FOLDER/users, at_once_max: 1, queue_max: 1 } }",
        &[("users", USERS)],
    )
    .await;
    let field = |both: &str| format!("Basic {}", STANDARD.encode(both));
    for (both, status) in [
        ("ada:correct horse", 200),
        ("ada:Correct horse", 401),
        ("bob:battery staple", 200),
        ("bob:correct horse", 401),
        ("nobody:correct horse", 401),
        ("ada", 401),
        (":", 401),
    ] {
        for path in ["/a/x", "/o/x"] {
            let answer = get(&node, path, &field(both)).await;
            assert_eq!(answer.status, status, "{both}: {}", answer.body);
        }
    }
    let told = get(&node, "/a/x", &field("bob:battery staple")).await.body;
    assert!(
        told.contains("x-user-id: who:bob") && told.contains("x-consumer: bob"),
        "{told}"
    );
    assert!(!told.contains("Basic"), "{told}");
    let refused = get(&node, "/a/x", &field("ada:x")).await;
    assert_eq!(
        refused.headers["www-authenticate"],
        "Basic realm=\"tidegate\", charset=\"UTF-8\""
    );
    let unknown = get(&node, "/a/x", &field("nobody:x")).await;
    let cut = |answer: &Answer| answer.body.split("\"instance\"").next().map(str::to_owned);
    assert_eq!(
        cut(&refused),
        cut(&unknown),
        "whether a user exists is not told"
    );

    // Twenty different guesses at once: one is looked at, one waits, the others come again.
    let mut guesses = at_once(&node, "/a/x", |i| field(&format!("eve:guess{i}"))).await;
    guesses.sort_unstable();
    assert!(
        guesses[..2] == [401, 401] && guesses[19] == 503,
        "{guesses:?}"
    );
    node.metric_above("tidegate_authenticator_asked_total", &["\"full\""], 0.0)
        .await;
    // Meanwhile who is known is not held up.
    let slow = node.door();
    let guess = tokio::spawn(async move {
        let field = format!("Basic {}", STANDARD.encode("eve:slow horse"));
        Client::new(slow)
            .get("/a/x", &[("authorization", &field)])
            .await
    });
    let known = get(&node, "/a/x", &field("ada:correct horse")).await;
    assert_eq!(known.status, 200);
    assert!(!guess.is_finished(), "a hash of cost 13 takes longer");
    assert_eq!(
        guess.await.expect("no panic").expect("an answer").status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorizer_decides_and_without_it_the_chosen_answer_applies() {
    let authorizer = Oracle::start(Box::new(|request| {
        let has = |text: &str| request.to_ascii_lowercase().contains(text);
        let fields = "x-user: ada\r\nx-org: acme\r\nx-roles: admin, ops\r\n".to_owned();
        Some(match () {
            () if has("x-forwarded-uri: /a/secret") => (403, String::new(), String::new()),
            () if has("authorization: bearer good\r\n") => (200, fields, "ignored".to_owned()),
            () => (401, String::new(), String::new()),
        })
    }))
    .await;
    let spec = |more: &str| {
        format!(
            "{{ external: {{ url: 'http://{}/check', fields: [x-device], account_header: x-user, consumer_header: x-org, \
             roles_header: x-roles, timeout: 300ms{more} }} }}",
            authorizer.addr
        )
    };
    let node = start(&spec(", ttl: 60s"), &[]).await;
    let answer = get(&node, "/a/x/../x?y=1", "Bearer good").await;
    for says in [
        "x-user-id: who:ada",
        "x-consumer: acme",
        "x-user-role: admin,ops",
    ] {
        assert!(answer.body.contains(says), "{}", answer.body);
    }
    assert!(!answer.body.contains("Bearer"), "{}", answer.body);
    let asked = authorizer.asked()[0].to_ascii_lowercase();
    for says in [
        "get /check ",
        "x-forwarded-method: get",
        "x-forwarded-uri: /a/x?y=1\r",
        "x-forwarded-for: 127.0.0.1",
    ] {
        assert!(asked.contains(says), "{asked}");
    }
    assert_eq!(get(&node, "/a/x?y=1", "Bearer good").await.status, 200);
    assert_eq!(authorizer.asked().len(), 1, "the same question");
    assert_eq!(get(&node, "/a/x?y=2", "Bearer good").await.status, 200);
    assert_eq!(authorizer.asked().len(), 2, "another question");
    assert_eq!(get(&node, "/a/secret", "Bearer good").await.status, 403);
    assert_eq!(get(&node, "/o/x", "Bearer bad").await.status, 401);
    assert_eq!(
        get(&node, "/o/x", "").await.status,
        200,
        "no credential: the next method"
    );
    let before = authorizer.asked().len();
    let lie = [
        ("authorization", "Bearer good"),
        ("x-forwarded-uri", "/a/x"),
    ];
    let lied = Client::new(node.door())
        .get("/a/secret", &lie)
        .await
        .expect("an answer");
    assert_eq!(
        (lied.status, authorizer.asked().len()),
        (403, before),
        "what a client says of the way does not count"
    );

    // A reload that changes nothing here forgets nothing; one that changes the method does.
    let world = node.regions().join("world.yaml");
    let text = std::fs::read_to_string(&world).expect("written");
    for (reloads, ttl, asked) in [(0.0, "60s", before), (1.0, "59s", before + 1)] {
        let text = text.replace("ttl: 60s", &format!("ttl: {ttl}"));
        std::fs::write(&world, text).expect("writable");
        node.signal("HUP");
        node.metric_above("tidegate_config_reloads_total", &["\"loaded\""], reloads)
            .await;
        assert_eq!(get(&node, "/a/x?y=1", "Bearer good").await.status, 200);
        assert_eq!(authorizer.asked().len(), asked, "{ttl}");
    }

    authorizer.thinks(Duration::from_secs(5));
    let begun = Instant::now();
    assert_eq!(get(&node, "/a/new", "Bearer good").await.status, 503);
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        get(&node, "/a/x?y=1", "Bearer good").await.status,
        200,
        "known"
    );
    node.metric_above("tidegate_authenticator_asked_total", &["\"failed\""], 0.0)
        .await;

    let open = start(&spec(", on_failure: allow"), &[]).await;
    let let_in = get(&open, "/a/x", "Bearer anything").await;
    assert_eq!(let_in.status, 200);
    assert!(
        let_in.body.contains("x-user-id: who:unanswered") && !let_in.body.contains("x-user-role"),
        "{}",
        let_in.body
    );
}
