//! Whole logins without a provider: what it would say is made up here, and what attackers would.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use http::header::{ACCEPT, COOKIE};
use sha2::{Digest as _, Sha256};
use tidegate_model::Mono;

use super::*;
use crate::Verified;
use crate::form::parameter;
use crate::token::{Algorithm, Checked, Verify};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://id.example";

/// Seals so that every change is seen, and hides nothing.
#[derive(Debug)]
struct Stamp(u8);

impl Stamp {
    fn mark(&self, purpose: &str, text: &str) -> String {
        let all = format!("{}{purpose}{text}", self.0);
        URL_SAFE_NO_PAD.encode(Sha256::digest(all))
    }
}

impl Seal for Stamp {
    fn seal(&self, purpose: &str, text: &[u8], _: Nonce) -> String {
        let text = URL_SAFE_NO_PAD.encode(text);
        format!("{text}.{}", self.mark(purpose, &text))
    }

    fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let (text, mark) = sealed.split_once('.')?;
        let whole = mark == self.mark(purpose, text);
        whole.then(|| URL_SAFE_NO_PAD.decode(text).ok())?
    }
}

#[derive(Debug)]
struct Keys;

impl Verify for Keys {
    fn generation(&self) -> u64 {
        1
    }

    fn verify(&self, _: Option<&str>, _: Algorithm, _: &[u8], signature: &str) -> Checked {
        match signature {
            "Z29vZA" => Checked::Good,
            "bmV3" => Checked::Unknown,
            _ => Checked::Bad,
        }
    }
}

fn spec() -> LoginSpec {
    let text = serde_json::json!({
        "issuer": ISSUER, "client_id": "gw", "origin": "https://app.example",
        "cookie_keys_file": "k", "session_idle": "1h", "session_lifetime": "3h",
        "renew_after": "10m", "roles_claim": "groups", "flows_max": 2,
        "params": {"prompt": "login"},
    });
    serde_json::from_value(text).unwrap()
}

fn login_of(name: &str, key: u8, spec: LoginSpec) -> Login {
    let wanted = Wanted {
        names: ["email".to_owned()].into(),
        all: true,
    };
    let tokens = Jwt::new(
        name,
        spec.id_tokens(),
        wanted.clone(),
        Arc::new(Keys),
        Arc::default(),
    );
    Login::new(
        name,
        spec,
        &wanted,
        Arc::new(Stamp(key)),
        Arc::new(tokens),
        Arc::default(),
    )
}

fn login() -> Login {
    login_of("web", 1, spec())
}

fn provider() -> Provider {
    Provider {
        authorization_endpoint: "https://id.example/auth?tenant=1".to_owned(),
        token_endpoint: "https://id.example/token".parse().unwrap(),
        end_session_endpoint: Some("https://id.example/end".to_owned()),
        names_itself: true,
    }
}

fn at(secs: u64) -> Now {
    Now {
        mono: Mono::from_millis(0),
        wall: Wall::from_unix_secs(NOW + secs),
    }
}

/// Bytes that differ from call to call.
fn random(seed: u8) -> impl FnMut() -> [u8; 32] {
    let mut calls = 0;
    move || {
        calls += 1;
        Sha256::digest([seed, calls]).into()
    }
}

/// A browser: it keeps what it is told.
#[derive(Clone, Default)]
struct Browser(std::collections::BTreeMap<String, String>);

impl Browser {
    fn hear(&mut self, told: &[HeaderValue]) {
        for field in told {
            let field = field.to_str().unwrap();
            let (name, rest) = field.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            assert!(name.starts_with("__Host-") && field.len() <= 4_096);
            for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(attributes.contains(attribute), "{attributes}");
            }
            match attributes.ends_with("Max-Age=0") {
                true => self.0.remove(name),
                false => self.0.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    fn ask(&self, target: &str) -> Parts {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        let request = Request::get(target)
            .header(ACCEPT, "text/html")
            .header(COOKIE, pairs.collect::<Vec<_>>().join("; "));
        request.body(()).unwrap().into_parts().0
    }

    /// Begins a login: `state` and `nonce`.
    fn begin(&mut self, login: &Login, target: &str, seed: u8) -> (String, String) {
        self.begin_at(login, target, seed, 0)
    }

    fn begin_at(&mut self, login: &Login, target: &str, seed: u8, secs: u64) -> (String, String) {
        let head = self.ask("/");
        let turn = login.begin(&head, target, &provider(), at(secs).wall, &mut random(seed));
        let turn = turn.unwrap();
        self.hear(&turn.cookies);
        let query = turn.location.split_once('?').unwrap().1;
        let one = |name| parameter(query, name).unwrap().unwrap();
        assert_eq!(
            one("redirect_uri"),
            "https://app.example/.tidegate/callback"
        );
        assert_eq!(one("code_challenge_method"), "S256");
        assert_eq!(
            (one("tenant"), one("prompt")),
            ("1".to_owned(), "login".to_owned())
        );
        (one("state"), one("nonce"))
    }

    fn back(&self, login: &Login, query: &str, secs: u64) -> Result<Returned, LoginDenied> {
        let head = self.ask(&format!("/.tidegate/callback?{query}"));
        let returned = login.returned(&head, Some(&provider()), at(secs).wall);
        returned.map_err(|away| away.why)
    }

    /// The whole login.
    fn enter(&mut self, login: &Login, target: &str) -> String {
        let (state, nonce) = self.begin(login, target, 7);
        let back = self.back(login, &answer(&state), 1).ok().unwrap();
        let turn = login.enter(&back, &given(&nonce, ""), at(1), &mut random(8));
        let turn = turn.unwrap();
        self.hear(&turn.cookies);
        turn.location
    }

    fn known(&self, login: &Login, secs: u64) -> Result<Arc<Verified>, Option<LoginDenied>> {
        match login.identify(&self.ask("/x"), Scheme::Https, at(secs)) {
            Finding::Verified(caller) => Ok(caller),
            Finding::Denied(Denied::Login(why)) | Finding::Ask(Denied::Login(why)) => {
                Err(Some(why))
            }
            _ => Err(None),
        }
    }
}

fn answer(state: &str) -> String {
    format!("state={state}&code=c&iss=https%3A%2F%2Fid.example")
}

fn id_token(claims: &str, signature: &str) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k"}"#);
    let signature = URL_SAFE_NO_PAD.encode(signature);
    format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims))
}

fn claims(nonce: &str, more: &str) -> String {
    format!(
        r#"{{"iss":"{ISSUER}","aud":"gw","sub":"ada","iat":{NOW},"exp":{},"email":"ada@x","groups":["ops"],"nonce":"{nonce}"{more}}}"#,
        NOW + 60
    )
}

fn given(nonce: &str, refresh_token: &str) -> Vec<u8> {
    let token = id_token(&claims(nonce, ""), "good");
    let mut given = serde_json::json!({"id_token": token, "access_token": "x"});
    if !refresh_token.is_empty() {
        given["refresh_token"] = refresh_token.into();
    }
    given.to_string().into_bytes()
}

#[test]
fn a_browser_that_logs_in_lands_where_it_wanted_and_is_known_by_another_node() {
    let mut browser = Browser::default();
    assert_eq!(
        browser.enter(&login(), "/a?b=c"),
        "https://app.example/a?b=c"
    );
    assert_eq!(browser.0.len(), 1, "only the session is left");
    let caller = browser.known(&login(), 2).unwrap();
    assert_eq!(
        (&*caller.account, &*caller.consumer),
        ("web:ada", "web:ada")
    );
    assert_eq!(caller.roles, ["ops"]);
    assert_eq!(caller.claims["email"], "ada@x");
    let all = caller.all_claims.clone().unwrap();
    assert_eq!(all["email"], "ada@x");
    assert!(
        all.get("nonce").is_none() && all.get("exp").is_none(),
        "{all}"
    );
    let mut narrow = spec();
    narrow.claims = Some(vec!["groups".to_owned()]);
    let narrow = login_of("web", 1, narrow);
    let mut browser = Browser::default();
    browser.enter(&narrow, "/");
    let all = browser.known(&narrow, 2).unwrap().all_claims.clone();
    assert_eq!(all.unwrap(), serde_json::json!({"groups": ["ops"]}));
}

#[test]
fn a_callback_that_this_browser_did_not_begin_is_refused() {
    let (login, mut browser, mut other) = (login(), Browser::default(), Browser::default());
    let (state, _) = browser.begin(&login, "/", 1);
    let (foreign, _) = other.begin(&login, "/", 2);
    let back = |browser: &Browser, query: &str, secs| browser.back(&login, query, secs).err();
    assert_eq!(back(&browser, &answer(&state), 1), None);
    // Another browser's state, code and all: login CSRF, and injection of codes.
    assert_eq!(
        back(&browser, &answer(&foreign), 1),
        Some(LoginDenied::State)
    );
    assert_eq!(back(&other, &answer(&state), 1), Some(LoginDenied::State));
    assert_eq!(
        back(&Browser::default(), &answer(&state), 1),
        Some(LoginDenied::State)
    );
    assert_eq!(
        back(&browser, &answer(&state), 600),
        Some(LoginDenied::State),
        "too late"
    );
    let near = format!("{}x", &state[..state.len() - 1]);
    for query in [
        "",
        "state=",
        "state=short",
        "code=c",
        &answer(&near),
        &format!("state={state}&{}", answer(&state)),
    ] {
        assert_eq!(
            back(&browser, query, 1),
            Some(LoginDenied::State),
            "{query}"
        );
    }
    let session = browser.0.values().next().unwrap().clone();
    let mut forged = Browser::default();
    forged.0.insert("__Host-tidegate-web".to_owned(), session);
    assert_eq!(
        forged.known(&login, 1),
        Err(Some(LoginDenied::Session)),
        "a login is no session"
    );
}

#[test]
fn a_state_serves_once() {
    let (login, mut browser) = (login(), Browser::default());
    let (state, nonce) = browser.begin(&login, "/", 1);
    let back = browser.back(&login, &answer(&state), 1).ok().unwrap();
    let turn = login.enter(&back, &given(&nonce, ""), at(1), &mut random(8));
    browser.hear(&turn.unwrap().cookies);
    let again = browser.back(&login, &answer(&state), 2).err();
    assert_eq!(again, Some(LoginDenied::State));
}

#[test]
fn an_answer_of_another_provider_is_refused_errors_included() {
    let (login, mut browser) = (login(), Browser::default());
    let (state, _) = browser.begin(&login, "/", 1);
    for (query, why) in [
        ("code=c&iss=https://evil.example", LoginDenied::Issuer),
        ("code=c&iss=https://id.example/", LoginDenied::Issuer),
        ("code=c", LoginDenied::Issuer),
        (
            "error=access_denied&iss=https://evil.example",
            LoginDenied::Issuer,
        ),
        (
            "error=access_denied&iss=https://id.example",
            LoginDenied::Refused,
        ),
        (
            "error=temporarily_unavailable&iss=https://id.example",
            LoginDenied::ProviderDown,
        ),
        ("iss=https://id.example", LoginDenied::Code),
        ("code=&iss=https://id.example", LoginDenied::Code),
        ("code=a&code=b&iss=https://id.example", LoginDenied::State),
    ] {
        let denied = browser
            .back(&login, &format!("state={state}&{query}"), 1)
            .err();
        assert_eq!(denied, Some(why), "{query}");
    }
    // A login of another method of the same site, or at another provider of the same name.
    for other in [login_of("other", 1, spec()), {
        let mut spec = spec();
        spec.issuer = "https://evil.example".to_owned();
        login_of("web", 1, spec)
    }] {
        assert_eq!(
            browser.back(&other, &answer(&state), 1).err(),
            Some(LoginDenied::State)
        );
    }
}

#[test]
fn id_tokens_answer_this_login_of_this_client() {
    let (login, mut browser) = (login(), Browser::default());
    let (state, nonce) = browser.begin(&login, "/", 1);
    let back = browser.back(&login, &answer(&state), 1).ok().unwrap();
    let enter = |claims: &str, signature| {
        let token = id_token(claims, signature);
        let given = serde_json::json!({ "id_token": token }).to_string();
        let entered = login.enter(&back, given.as_bytes(), at(1), &mut random(8));
        entered
            .map(|_| ())
            .map_err(|away| (away.why, away.cookie.is_some()))
    };
    let good = claims(&nonce, "");
    assert_eq!(enter(&good, "good"), Ok(()));
    let alone = good.replace(r#""aud":"gw""#, r#""aud":["gw"]"#);
    assert_eq!(enter(&alone, "good"), Ok(()));
    let asked = good.replace(r#""aud":"gw""#, r#""aud":["gw","api"],"azp":"gw""#);
    assert_eq!(enter(&asked, "good"), Ok(()));
    for bad in [
        claims("another", ""),
        good.replace(r#""nonce""#, r#""n""#),
        good.replace(r#""aud":"gw""#, r#""aud":"api""#),
        good.replace(r#""aud":"gw""#, r#""aud":["gw","api"]"#),
        good.replace(r#""aud":"gw""#, r#""aud":"gw","azp":"api""#),
        good.replace(ISSUER, "https://evil.example"),
        good.replace(r#""exp""#, r#""e""#),
        good.replace(r#""iat""#, r#""i""#),
        good.replace(r#""sub""#, r#""client_id""#),
    ] {
        assert_eq!(
            enter(&bad, "good"),
            Err((LoginDenied::Token, true)),
            "{bad}"
        );
    }
    assert_eq!(enter(&good, "forged"), Err((LoginDenied::Token, true)));
    assert_eq!(enter(&good, "new"), Err((LoginDenied::ProviderDown, true)));
    for bad in ["", "{}", r#"{"id_token":1}"#, r#"{"id_token":"x"}"#] {
        let entered = login.enter(&back, bad.as_bytes(), at(1), &mut random(8));
        assert_eq!(entered.unwrap_err().why, LoginDenied::Token, "{bad}");
    }
}

#[test]
fn sessions_end_of_idleness_and_of_age_and_go_on_while_they_are_used() {
    let (login, mut browser) = (login(), Browser::default());
    browser.enter(&login, "/");
    let over = Err(Some(LoginDenied::Over));
    assert!(browser.known(&login, 3_600).is_ok());
    assert_eq!(browser.known(&login, 3_601), over);
    let touch = |browser: &Browser, secs: u64| {
        login.touch(&browser.ask("/"), at(secs).wall, &mut random(9))
    };
    assert_eq!(touch(&browser, 900), None, "told lately");
    let mut secs = 1;
    while secs < 10_800 {
        let told = touch(&browser, secs);
        assert_eq!(told.is_some(), secs > 1, "{secs}");
        browser.hear(told.as_slice());
        secs += 900;
    }
    assert!(browser.known(&login, 10_800).is_ok());
    assert_eq!(
        browser.known(&login, 10_801),
        over,
        "three hours old, however it was used"
    );
}

#[test]
fn a_cookie_that_is_not_whole_or_not_ours_is_refused() {
    let (login, mut browser) = (login(), Browser::default());
    assert_eq!(browser.known(&login, 1), Err(None), "no cookie, no finding");
    browser.enter(&login, "/");
    let session = Err(Some(LoginDenied::Session));
    for (name, key, origin) in [
        ("web", 2, "https://app.example"),
        ("other", 1, "https://app.example"),
        ("web", 1, "https://b.example"),
    ] {
        let mut spec = spec();
        spec.origin = origin.to_owned();
        let other = login_of(name, key, spec);
        let mut browser = browser.clone();
        let sealed = browser.0["__Host-tidegate-web"].clone();
        browser.0.insert(format!("__Host-tidegate-{name}"), sealed);
        assert_eq!(browser.known(&other, 2), session, "{name} {key} {origin}");
    }
    let whole = browser.0["__Host-tidegate-web"].clone();
    for broken in [&whole[1..], &whole[..whole.len() - 1], "", ".", "a.b"] {
        browser
            .0
            .insert("__Host-tidegate-web".to_owned(), broken.to_owned());
        assert_eq!(browser.known(&login, 2), session, "{broken}");
    }
    let mut twice = browser.ask("/");
    let field = format!("__Host-tidegate-web={whole}; __Host-tidegate-web={whole}");
    twice.headers.insert(COOKIE, field.parse().unwrap());
    assert!(matches!(
        login.identify(&twice, Scheme::Https, at(2)),
        Finding::Denied(_)
    ));
}

#[test]
fn tabs_log_in_beside_each_other_and_there_are_not_too_many() {
    let (login, mut browser) = (login(), Browser::default());
    let (first, _) = browser.begin_at(&login, "/1", 1, 0);
    let (second, nonce) = browser.begin_at(&login, "/2", 2, 1);
    for state in [&first, &second] {
        assert!(browser.back(&login, &answer(state), 2).is_ok());
    }
    let (third, _) = browser.begin_at(&login, "/3", 3, 2);
    assert_eq!(browser.0.len(), 2, "the oldest was given up");
    assert!(browser.back(&login, &answer(&first), 3).is_err());
    let back = browser.back(&login, &answer(&second), 3).ok().unwrap();
    let turn = login
        .enter(&back, &given(&nonce, ""), at(3), &mut random(8))
        .unwrap();
    assert_eq!(turn.location, "https://app.example/2");
    browser.hear(&turn.cookies);
    assert!(
        browser.back(&login, &answer(&third), 4).is_ok(),
        "the other tab goes on"
    );
    let mut flooded = Browser::default();
    for n in 0..100 {
        flooded
            .0
            .insert(format!("__Host-tidegate-web.{n:08}"), "junk".to_owned());
    }
    for n in 0..5 {
        flooded.begin(&login, "/", n);
    }
    assert!(flooded.0.len() <= 2, "{}", flooded.0.len());
}

#[test]
fn what_does_not_fit_into_a_cookie_is_left_out_or_refused() {
    let (login, mut browser) = (login(), Browser::default());
    let (state, nonce) = browser.begin(&login, &format!("/{}", "a".repeat(5_000)), 1);
    let back = browser.back(&login, &answer(&state), 1).ok().unwrap();
    let huge = "r".repeat(4_000);
    let turn = login
        .enter(&back, &given(&nonce, &huge), at(1), &mut random(8))
        .unwrap();
    assert_eq!(turn.location, "https://app.example/");
    browser.hear(&turn.cookies);
    assert!(browser.known(&login, 2).is_ok());
    assert!(
        login.renewal(&browser.ask("/"), at(900).wall).is_none(),
        "no refresh token"
    );
    let left_out = login
        .counts()
        .all()
        .find(|(name, _)| *name == "refresh_token_left_out");
    assert_eq!(left_out.unwrap().1, 1);
    let token = id_token(&claims(&nonce, &format!(r#","x":"{huge}""#)), "good");
    let given = serde_json::json!({ "id_token": token }).to_string();
    let entered = login.enter(&back, given.as_bytes(), at(1), &mut random(8));
    assert_eq!(entered.unwrap_err().why, LoginDenied::TooLarge);
}

#[test]
fn a_session_is_renewed_for_the_same_user_and_outlives_a_provider_that_is_down() {
    let login = login();
    let begin = || {
        let mut browser = Browser::default();
        let (state, nonce) = browser.begin(&login, "/", 1);
        let back = browser.back(&login, &answer(&state), 0).ok().unwrap();
        let turn = login.enter(&back, &given(&nonce, "r1"), at(0), &mut random(8));
        browser.hear(&turn.unwrap().cookies);
        browser
    };
    let browser = begin();
    assert!(browser.known(&login, 599).is_ok() && browser.known(&login, 600).is_err());
    let renewed = |answer: RenewalAnswer<'_>| {
        let mut browser = begin();
        let renewal = login.renewal(&browser.ask("/"), at(600).wall).unwrap();
        assert_eq!(
            renewal.exchange,
            "grant_type=refresh_token&refresh_token=r1"
        );
        let renewed = login.renewed(renewal, answer, at(30), &mut random(9));
        browser.hear(renewed.cookie.as_slice());
        (renewed.said.is_ok(), browser)
    };
    let user = |sub: &str| {
        let token = id_token(&claims("", "").replace("ada", sub), "good");
        serde_json::json!({"id_token": token, "refresh_token": "r2"}).to_string()
    };
    let (good, after) = renewed(RenewalAnswer::Given(user("ada").as_bytes()));
    assert!(good);
    let next = login.renewal(&after.ask("/"), at(630).wall).unwrap();
    assert!(next.exchange.ends_with("=r2"), "{}", next.exchange);
    let (good, after) = renewed(RenewalAnswer::Given(b"{}"));
    assert!(
        good && after.known(&login, 31).is_ok(),
        "an ID token need not come again"
    );
    for failed in [RenewalAnswer::Failed, RenewalAnswer::Given(b"<html>")] {
        let (good, after) = renewed(failed);
        assert!(good && after.0.len() == 1, "the session goes on");
        assert!(
            login.renewal(&after.ask("/"), at(700).wall).is_some(),
            "and is asked about again"
        );
    }
    let mallory = user("mallory");
    for ended in [
        RenewalAnswer::Ended,
        RenewalAnswer::Given(mallory.as_bytes()),
    ] {
        let (good, after) = renewed(ended);
        assert!(!good && after.0.is_empty());
    }
}

#[test]
fn a_logout_forgets_everything_and_is_nothing_for_other_sites() {
    let (login, mut browser) = (login(), Browser::default());
    browser.enter(&login, "/");
    browser.begin(&login, "/", 1);
    assert_eq!(browser.0.len(), 2);
    let mut head = browser.ask("/.tidegate/logout");
    head.headers
        .insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    let left = login.leave(&head, Some(&provider()));
    assert_eq!(left.unwrap_err(), LoginDenied::CrossSite);
    head.headers
        .insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    let turn = login.leave(&head, Some(&provider())).unwrap();
    assert_eq!(
        turn.location,
        "https://id.example/end?client_id=gw&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2F"
    );
    let alone = login.leave(&head, None).unwrap();
    assert_eq!(alone.location, "https://app.example/");
    browser.hear(&turn.cookies);
    assert!(browser.0.is_empty());
}

#[test]
fn only_a_page_that_is_opened_is_sent_to_a_login() {
    let page = [("accept", "text/html,*/*;q=0.8")];
    let with = |more: &[(&'static str, &'static str)]| {
        let mut request = Request::get("/");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        opens_a_page(&request.body(()).unwrap().into_parts().0)
    };
    let and = |more: &[(&'static str, &'static str)]| with(&[&page[..], more].concat());
    assert!(with(&page));
    assert!(and(&[
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document")
    ]));
    assert!(!with(&[]) && !with(&[("accept", "*/*")]) && !with(&[("accept", "application/json")]));
    assert!(!and(&[("sec-fetch-mode", "cors")]));
    assert!(!and(&[
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "iframe")
    ]));
    assert!(!and(&[("sec-purpose", "prefetch;prerender")]));
    let mut post = Request::post("/").header("accept", "text/html");
    post = post.header("sec-fetch-mode", "navigate");
    assert!(!opens_a_page(&post.body(()).unwrap().into_parts().0));
}
