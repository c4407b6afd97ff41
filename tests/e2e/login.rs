//! Logins in the browser at a real OpenID provider, and the sessions after them.

use std::path::PathBuf;
use std::time::Duration;

use harness::{Behaviour, Browser, Node, Page, Provider, Service, WorldText, tool};

const ORIGIN: &str = "http://app.test";
const SESSION: &str = "__Host-tidegate-web";

/// Secrets that all regions share.
fn secrets() -> PathBuf {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    let key = tool("openssl", &["rand", "-base64", "32"]).out;
    std::fs::write(folder.join("cookies"), key).expect("writable");
    std::fs::write(folder.join("client"), "a secret of some length\n").expect("writable");
    folder
}

fn world(provider: &Provider, secrets: &std::path::Path, more: &str) -> String {
    let (issuer, secrets) = (provider.issuer(), secrets.display());
    format!(
        "\
upstreams:
  echo: {{ health: {{ interval: 200ms, timeout: 1s }} }}
keys: {{ env: test }}
caller: {{ headers: {{ x-user-id: account, x-user-role: roles, x-email: {{ claim: email }} }} }}
authenticators:
  web:
    oidc:
      issuer: {issuer}
      client_id: gateway
      client_secret_file: {secrets}/client
      origin: {ORIGIN}
      cookie_keys_file: {secrets}/cookies
      scopes: [openid, email]
      roles_claim: groups
      provider: {{ refresh_gap: 1s, timeout: 2s }}
{more}routes:
  site: {{ path: /s/*, upstream: echo, auth: [web, key] }}
  ops: {{ path: /ops/*, upstream: echo, auth: web, require: {{ roles: [ops], rule: 'claims.email == \"ada@example.com\"' }} }}
  public: {{ path: /p/*, upstream: echo, auth: none }}
"
    )
}

async fn node(region: &str, world: &str) -> Node {
    let service = Service::start(Behaviour::Mirrors).await;
    let mut text = WorldText::one_node(world, &[service.addr]);
    text.regions[0].name = region.to_owned();
    Node::start(text, &[]).await
}

/// Fills in what the provider asks until the browser is back.
async fn log_in(browser: &mut Browser, url: &str, user: &str) -> Page {
    let mut page = browser.open(url).await;
    for _ in 0..3 {
        if !page.url.contains("/interaction/") {
            break;
        }
        let form = match page.input("prompt") {
            Some("consent") => "prompt=consent".to_owned(),
            _ => format!("prompt=login&login={user}&password=any"),
        };
        let url = page.url.clone();
        page = browser.submit(&url, &form).await;
    }
    page
}

fn session(browser: &Browser) -> Option<&String> {
    browser
        .jar
        .get(&("app.test".to_owned(), SESSION.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_logs_in_once_for_all_regions_and_goes_on_while_the_provider_is_down() {
    let (mut provider, secrets) = (Provider::start(ORIGIN).await, secrets());
    let world = world(&provider, &secrets, "");
    let (here, there) = (
        node("us-east-1", &world).await,
        node("eu-west-1", &world).await,
    );
    let mut browser = Browser::new("app.test", here.door());

    let script = [("accept", "application/json"), ("sec-fetch-mode", "cors")];
    let page = format!("{ORIGIN}/s/page?x=1&y=//evil");
    let refused = browser.step("GET", &page, &script, "").await;
    assert_eq!(refused.status, 401, "{refused:?}");
    assert!(
        refused
            .body
            .contains("urn:tidegate:problem:credential-missing"),
        "{refused:?}"
    );
    let offered: Vec<&String> = refused
        .headers
        .iter()
        .filter(|(name, _)| name == "www-authenticate")
        .map(|(_, value)| value)
        .collect();
    assert_eq!(offered[0], "Cookie realm=\"tidegate\"", "{offered:?}");
    assert!(browser.jar.is_empty());

    browser.jar.insert(
        ("app.test".to_owned(), "theme".to_owned()),
        "dark".to_owned(),
    );
    let shown = log_in(&mut browser, &page, "ada").await;
    assert_eq!((shown.status, &*shown.url), (200, &*page), "{shown:?}");
    for says in [
        "x-user-id: web:ada",
        "x-user-role: ops,dev",
        "x-email: ada@example.com",
        "cookie: theme=dark",
    ] {
        assert!(shown.body.contains(says), "{says}: {}", shown.body);
    }
    assert!(!shown.body.contains("__Host-"), "{}", shown.body);
    let size = session(&browser).expect("a session").len();
    assert!(size < 4_000, "{size}");
    let public = browser.open(&format!("{ORIGIN}/p/x")).await;
    assert!(
        public.status == 200 && !public.body.contains("__Host-"),
        "{}",
        public.body
    );
    assert_eq!(browser.open(&format!("{ORIGIN}/ops/x")).await.status, 200);
    let mut bob = Browser::new("app.test", here.door());
    assert_eq!(
        log_in(&mut bob, &format!("{ORIGIN}/ops/x"), "bob")
            .await
            .status,
        403
    );

    // Another region has never seen this browser, and has only the keys.
    browser.hosts.insert("app.test".to_owned(), there.door());
    let shown = browser.step("GET", &page, &script, "").await;
    assert_eq!(shown.status, 200, "{shown:?}");
    // A login may begin here and end there.
    let mut roaming = Browser::new("app.test", here.door());
    let begun = roaming.open(&page).await;
    roaming.hosts.insert("app.test".to_owned(), there.door());
    let there_now = log_in(&mut roaming, &begun.url, "eve").await;
    assert_eq!((there_now.status, &*there_now.url), (200, &*page));

    // Callbacks that nobody began, and tampered sessions.
    let stray = browser
        .open(&format!(
            "{ORIGIN}/.tidegate/callback?code=c&state=abcdefghijk"
        ))
        .await;
    assert_eq!(stray.status, 400);
    assert!(stray.body.contains("login-unknown"), "{}", stray.body);
    let mut forged = browser.clone();
    forged
        .jar
        .get_mut(&("app.test".to_owned(), SESSION.to_owned()))
        .expect("a session")
        .push('A');
    let refused = forged.step("GET", &page, &script, "").await;
    assert_eq!(refused.status, 401);
    assert!(
        session(&forged).is_none(),
        "a cookie of no use is taken away"
    );

    tokio::time::sleep(Duration::from_millis(1_100)).await;
    provider.stop();
    assert_eq!(
        browser.open(&page).await.status,
        200,
        "who has a session goes on"
    );
    let refused = Browser::new("app.test", there.door()).open(&page).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, "1"),
        "{refused:?}"
    );
    assert!(
        refused.body.contains("login-unavailable"),
        "{}",
        refused.body
    );
    assert_eq!(
        here.metric("tidegate_logins_total", &["\"entered\""]).await,
        2.0
    );
    assert_eq!(
        there
            .metric("tidegate_logins_total", &["\"entered\""])
            .await,
        1.0
    );
    let log = here.access_log();
    assert!(
        log.iter()
            .any(|line| line["auth"] == "web" && line["key"] == "web:ada")
    );
    // Its name may stand there, its value may not.
    let told = format!("{log:?}").replace("code=*", "");
    assert!(!told.contains("code="), "no code in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renewed_at_the_provider_and_ends_with_a_logout_on_both_sides() {
    let (mut provider, secrets) = (Provider::start(ORIGIN).await, secrets());
    let world = world(
        &provider,
        &secrets,
        "      renew_after: 1s\n      session_idle: 20s\n",
    );
    let node = node("us-east-1", &world).await;
    let mut browser = Browser::new("app.test", node.door());
    let page = format!("{ORIGIN}/s/page");
    assert_eq!(log_in(&mut browser, &page, "ada").await.status, 200);
    let first = session(&browser).expect("a session").clone();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    // Tabs ask at once with the same cookie; the refresh token serves once.
    let tabs = (0..5).map(|_| {
        let (mut tab, page) = (browser.clone(), page.clone());
        tokio::spawn(async move { tab.open(&page).await.status })
    });
    for tab in tabs.collect::<Vec<_>>() {
        assert_eq!(tab.await.expect("no panic"), 200);
    }
    let shown = browser.open(&page).await;
    assert_eq!(shown.status, 200);
    assert!(shown.body.contains("x-user-id: web:ada"), "{}", shown.body);
    assert!(
        shown.header("cache-control").contains("private"),
        "{shown:?}"
    );
    assert_ne!(session(&browser), Some(&first));
    assert!(node.metric("tidegate_logins_total", &["\"renewed\""]).await >= 1.0);
    assert_eq!(
        node.metric("tidegate_logins_total", &["\"renewal_ended\""])
            .await,
        0.0
    );

    let mut leaving = browser.clone();
    let left = leaving.open(&format!("{ORIGIN}/.tidegate/logout")).await;
    assert!(left.url.starts_with(&provider.issuer()), "{}", left.url);
    assert!(session(&leaving).is_none());
    let form = format!("xsrf={}&logout=yes", left.input("xsrf").expect("a form"));
    let confirm = format!("{}/session/end/confirm", provider.issuer());
    let home = leaving.submit(&confirm, &form).await;
    assert_eq!(home.url, format!("{ORIGIN}/"), "{home:?}");
    let again = leaving.open(&page).await;
    assert!(
        again.url.contains("/interaction/"),
        "the provider asks again: {}",
        again.url
    );
    let other_site = [("sec-fetch-site", "cross-site")];
    let logout = format!("{ORIGIN}/.tidegate/logout");
    assert_eq!(
        browser.step("GET", &logout, &other_site, "").await.status,
        403
    );

    tokio::time::sleep(Duration::from_millis(2_100)).await;
    provider.stop();
    assert_eq!(
        browser.open(&page).await.status,
        200,
        "it serves until it is over"
    );
    assert!(
        node.metric("tidegate_logins_total", &["\"renewal_failed\""])
            .await
            >= 1.0
    );
}
