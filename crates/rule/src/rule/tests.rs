use serde_json::json;

use super::*;
use crate::{Asked, Caller};

fn allows(text: &str, claims: &serde_json::Value) -> Result<bool, String> {
    let roles = ["admin", "ops"].map(str::to_owned);
    let caller = Caller {
        known: true,
        account: "staff:ada",
        roles: &roles,
        groups: vec!["partners"],
        ..Caller::default()
    };
    let request = Asked {
        method: "GET",
        path: "/orders/7",
        address: "192.0.2.7".to_owned(),
        ..Asked::default()
    };
    let rule = Rule::compile(text).unwrap();
    rule.allows(Facts {
        claims: Some(claims),
        caller: &caller,
        request: &request,
    })
}

#[test]
fn rules_speak_of_claims_callers_and_requests() {
    let claims = json!({"org": "acme", "email_verified": true, "level": 3, "groups": ["a", "b"], "address": {"country": "DE"}});
    for (text, want) in [
        ("claims.org == 'acme'", true),
        ("claims.org in ['a', 'b']", false),
        ("claims.email_verified && claims.level >= 3", true),
        ("claims.address.country == 'DE'", true),
        ("claims.groups.exists(g, g == 'b')", true),
        ("claims.groups.all(g, g.startsWith('a'))", false),
        ("has(claims.nothing)", false),
        ("has(claims.org) ? claims.org.size() == 4 : false", true),
        (
            "'admin' in caller.roles && 'partners' in caller.groups",
            true,
        ),
        ("caller.known && caller.account.startsWith('staff:')", true),
        ("request.method == 'GET' || 'admin' in caller.roles", true),
        (
            "request.path.endsWith('/7') && request.address == '192.0.2.7'",
            true,
        ),
        ("true", true),
    ] {
        assert_eq!(allows(text, &claims), Ok(want), "{text}");
    }
}

#[test]
fn what_cannot_be_said_lets_nobody_pass() {
    let claims = json!({"level": "3", "list": [1]});
    for text in [
        "claims.nothing == 'a'",
        "claims.level > 2",
        "claims.level",
        "claims.list[7] == 1",
        "1 / 0 == 1",
        "caller.roles",
    ] {
        assert!(allows(text, &claims).is_err(), "{text}");
    }
    let rule = Rule::compile("claims.org == 'acme'").unwrap();
    let facts = Facts {
        claims: None,
        caller: &Caller::default(),
        request: &Asked::default(),
    };
    assert!(rule.allows(facts).is_err(), "no claims at all");
}

#[test]
fn mistakes_are_found_when_the_rule_is_read_with_their_place() {
    for (text, at, says) in [
        ("claims.a ==", 11, "mismatched input"),
        ("claims.a == 1 && foo", 17, "`foo` is unknown"),
        (
            "caller.rolez == 'a'",
            6,
            "no `rolez`; it has known, account",
        ),
        ("request.body == 'a'", 7, "no `body`"),
        ("frob(1)", 4, "no function `frob`"),
        ("claims.a.matches('x')", 16, "no function `matches`"),
        (
            "caller.roles.all(r, caller.scopes.all(s, r == s))",
            37,
            "a loop within a loop",
        ),
        ("[1].all(x, true) && x == 1", 20, "`x` is unknown"),
        ("", 0, ""),
    ] {
        let error = Rule::compile(text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error:?}");
        assert!(error.what.contains(says), "{text}: {error:?}");
    }
}

/// On a stack of the size that threads have, as here.
#[test]
fn no_text_leads_the_parser_too_deep() {
    for text in [
        "(".repeat(2_000),
        "[".repeat(1_000),
        "!".repeat(1_000),
        "-".repeat(1_000),
        format!("claims{}", ".a".repeat(500)),
        format!("claims{}", "[0]".repeat(330)),
        format!("{}1", "1?1:".repeat(200)),
        "a".repeat(10_000),
        format!("{}true{}", "(".repeat(13), ")".repeat(13)),
        format!("true{}", "&&true".repeat(160)),
        "'".repeat(1_001),
        format!("'{}", "\\".repeat(1_001)),
        "\u{e4}".repeat(500),
        "\0".repeat(1_000),
    ] {
        let _either = Rule::compile(&text).is_ok();
    }
    let deepest = format!("{}true{}", "(".repeat(12), ")".repeat(12));
    assert!(Rule::compile(&deepest).is_ok());
}
