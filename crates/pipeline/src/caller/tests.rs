use std::sync::Arc;

use proptest::prelude::*;
use tidegate_identity::Verified;

use super::*;

fn spec(more: impl FnOnce(&mut CallerSpec)) -> CallerSpec {
    let mut spec = CallerSpec::default();
    more(&mut spec);
    spec
}

fn ada() -> Identity {
    Identity::of(Arc::new(Verified {
        method: "staff".into(),
        account: "staff:ada".to_owned(),
        consumer: "acme".to_owned(),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        roles: ["admin", "a,b", "ops"].map(str::to_owned).into(),
        claims: [
            ("org".to_owned(), "h\u{e4}user".to_owned()),
            ("evil".to_owned(), "a\r\nx-user-id: b".to_owned()),
        ]
        .into(),
        ..Verified::default()
    }))
}

fn stripped(caller: &Caller, name: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(
        HeaderName::from_bytes(name.as_bytes()).unwrap(),
        HeaderValue::from_static("root"),
    );
    caller.strip(&mut headers);
    headers.is_empty()
}

#[test]
fn clients_cannot_speak_of_callers_in_any_spelling() {
    let caller = Caller::new(&spec(|spec| {
        spec.headers.insert("X-Tenant".to_owned(), Fact::Consumer);
        spec.strip = vec!["x-internal-*".to_owned(), "Secret".to_owned()];
        spec.keep = vec!["x-client-cert*".to_owned(), "x-user".to_owned()];
    }));
    for (name, gone) in [
        ("x-user-id", true),
        ("X-USER-ID", true),
        ("x_user_id", true),
        ("x-user_id", true),
        ("x.user.id", true),
        ("x-user-role", true),
        ("x-tenant", true),
        ("x_tenant", true),
        ("x-consumer-custom-id", true),
        ("x_consumer_groups", true),
        ("remote_user", true),
        ("x-tidegate-assertion", true),
        ("x-internal-token", true),
        ("x_internal_token", true),
        ("secret", true),
        ("x_forwarded_for", true),
        ("content_length", true),
        // Not ours.
        ("x-user-agent", false),
        ("x-user", false),
        ("x-client-cert", false),
        ("x-internal", false),
        ("x-forwarded-for", false),
        ("content-length", false),
        ("secrets", false),
        ("my_own", false),
        ("accept", false),
    ] {
        assert_eq!(stripped(&caller, name), gone, "{name}");
    }
    let long = format!("x-consumer-{}", "a".repeat(500));
    assert!(stripped(&caller, &long));
}

#[test]
fn what_the_gateway_sets_cannot_be_kept() {
    let caller = Caller::new(&spec(|spec| spec.keep = vec!["x-user-*".to_owned()]));
    assert!(stripped(&caller, "x-user-id") && stripped(&caller, "x_user_role"));
    assert!(!stripped(&caller, "x-user-email"));
}

#[test]
fn services_are_told_what_was_verified_and_nothing_that_reads_as_more() {
    let claim = |name: &str| Fact::Claim(name.to_owned());
    let told = |fact: Fact| {
        let caller = Caller::new(&spec(|spec| {
            spec.headers = [("x-it".to_owned(), fact)].into();
        }));
        let mut headers = HeaderMap::new();
        caller.tell(&mut headers, &ada());
        let value = headers.get("x-it")?;
        Some(String::from_utf8(value.as_bytes().to_vec()).unwrap())
    };
    for (fact, want) in [
        (Fact::Account, Some("staff:ada")),
        (Fact::Subject, Some("ada")),
        (Fact::Consumer, Some("acme")),
        (Fact::Plan, None),
        (Fact::Method, Some("staff")),
        (Fact::Roles, Some("admin,ops")),
        (Fact::Scopes, Some("read write")),
        (claim("org"), Some("h\u{e4}user")),
        (claim("evil"), None),
        (claim("missing"), None),
    ] {
        assert_eq!(told(fact.clone()).as_deref(), want, "{fact:?}");
    }
}

#[test]
fn contradictions_are_found() {
    assert_eq!(CallerSpec::default().contradictions(), []);
    for (why, broken) in [
        (
            "a field of the message",
            spec(|s| drop(s.headers.insert("Host".to_owned(), Fact::Plan))),
        ),
        (
            "no name",
            spec(|s| drop(s.headers.insert("a b".to_owned(), Fact::Plan))),
        ),
        (
            "twice",
            spec(|s| drop(s.headers.insert("X-User-Id".to_owned(), Fact::Plan))),
        ),
        ("everything", spec(|s| s.strip = vec!["*".to_owned()])),
        (
            "kept and set",
            spec(|s| s.keep = vec!["X-User-Id".to_owned()]),
        ),
    ] {
        assert_eq!(broken.contradictions().len(), 1, "{why}");
    }
}

proptest! {
    /// Whatever is said by whom, in however many fields: what remains is what was verified.
    #[test]
    fn what_a_service_reads_under_a_set_name_is_the_gateways(
        names in prop::collection::vec("[xX][-_.!]?[uU]ser[-_.]?([iI]d|role|s)|[a-z_-]{1,12}", 0..12),
    ) {
        let caller = Caller::new(&CallerSpec::default());
        let mut headers = HeaderMap::new();
        for name in &names {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("root"));
        }
        caller.strip(&mut headers);
        caller.tell(&mut headers, &ada());
        let cgi = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_ascii_uppercase();
        let read: Vec<_> = headers.iter().filter(|(name, _)| cgi(name.as_str()) == "X_USER_ID").collect();
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(read[0].1, "staff:ada");
    }
}

#[test]
fn what_gateways_say_to_each_other_is_taken_off_even_if_all_else_of_the_house_is_kept() {
    let caller = Caller::new(&spec(|spec| {
        spec.keep = vec!["x-tidegate-*".to_owned()];
    }));
    for (name, gone) in [
        ("x-tidegate-relay", true),
        ("X_Tidegate_Relay", true),
        ("x-tidegate-other", false),
    ] {
        assert_eq!(stripped(&caller, name), gone, "{name}");
    }
}
