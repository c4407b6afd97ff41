use http::Request;
use tidegate_identity::Verified;
use tidegate_model::Exposure;

use super::*;
use crate::{Origin, arrive};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn ada() -> Identity {
    Identity::of(Arc::new(Verified {
        method: "staff".into(),
        account: "staff:ada".to_owned(),
        consumer: "acme".to_owned(),
        scopes: words(&["read", "write"]),
        roles: words(&["ops"]),
        all_claims: Some(serde_json::json!({"org": "acme"})),
        ..Verified::default()
    }))
}

fn check(require: &Require, caller: Option<&Identity>) -> Result<(), Forbidden> {
    let (head, ()) = Request::get("/orders/7")
        .header("host", "a.b")
        .body(())
        .unwrap()
        .into_parts();
    let origin = Origin {
        peer: "192.0.2.7".parse().unwrap(),
        secure: false,
        trusted_proxies: &[],
        exposure: Exposure::Public,
    };
    let arrival = arrive(&head, origin).unwrap();
    let groups = Groups::from([
        ("partners".to_owned(), ["acme".to_owned()].into()),
        ("others".to_owned(), ["globex".to_owned()].into()),
    ]);
    require.check_address(arrival.client)?;
    require.check_caller(&arrival, caller, &groups)
}

#[test]
fn all_that_is_required_must_be_there() {
    let empty = Require::default;
    let rule = |text: &str| Require {
        rule: Some(Arc::new(Rule::compile(text).unwrap())),
        ..empty()
    };
    for (require, want) in [
        (empty(), Ok(())),
        (
            Require {
                scopes: words(&["read", "write"]),
                ..empty()
            },
            Ok(()),
        ),
        (
            Require {
                scopes: words(&["read", "admin"]),
                ..empty()
            },
            Err(Forbidden::Scope),
        ),
        (
            Require {
                any_scope: words(&["admin", "read"]),
                ..empty()
            },
            Ok(()),
        ),
        (
            Require {
                any_scope: words(&["admin", "rea"]),
                ..empty()
            },
            Err(Forbidden::Scope),
        ),
        (
            Require {
                roles: words(&["admin", "ops"]),
                ..empty()
            },
            Ok(()),
        ),
        (
            Require {
                roles: words(&["admin", "op"]),
                ..empty()
            },
            Err(Forbidden::Role),
        ),
        (
            Require {
                groups: words(&["others", "partners"]),
                ..empty()
            },
            Ok(()),
        ),
        (
            Require {
                groups: words(&["others"]),
                ..empty()
            },
            Err(Forbidden::Group),
        ),
        (
            Require {
                allow: prefixes(&["192.0.2.0/24"]),
                ..empty()
            },
            Ok(()),
        ),
        (
            Require {
                allow: prefixes(&["10.0.0.0/8"]),
                ..empty()
            },
            Err(Forbidden::Address),
        ),
        (
            Require {
                allow: prefixes(&["192.0.2.0/24"]),
                deny: prefixes(&["192.0.2.7"]),
                ..empty()
            },
            Err(Forbidden::Address),
        ),
        (
            Require {
                deny: prefixes(&["10.0.0.0/8"]),
                ..empty()
            },
            Ok(()),
        ),
        (
            rule("claims.org == caller.consumer && 'partners' in caller.groups"),
            Ok(()),
        ),
        (
            rule("request.path == '/orders/7' && request.host == 'a.b'"),
            Ok(()),
        ),
        (rule("request.method != 'GET'"), Err(Forbidden::Rule)),
        (rule("claims.missing == 1"), Err(Forbidden::RuleFailed)),
    ] {
        assert_eq!(check(&require, Some(&ada())), want, "{require:?}");
    }
}

#[test]
fn nobody_has_nothing() {
    for require in [
        Require {
            scopes: words(&["read"]),
            ..Require::default()
        },
        Require {
            any_scope: words(&["read"]),
            ..Require::default()
        },
        Require {
            roles: words(&["ops"]),
            ..Require::default()
        },
        Require {
            groups: words(&["partners"]),
            ..Require::default()
        },
        Require {
            rule: Some(Arc::new(Rule::compile("caller.known").unwrap())),
            ..Require::default()
        },
        Require {
            rule: Some(Arc::new(Rule::compile("claims.org != 'x'").unwrap())),
            ..Require::default()
        },
    ] {
        assert!(check(&require, None).is_err(), "{require:?}");
    }
}

/// The identity of an API key has no claims: a rule about them lets none of them pass.
#[test]
fn a_rule_about_claims_needs_claims() {
    let require = Require {
        rule: Some(Arc::new(Rule::compile("!has(claims.blocked)").unwrap())),
        ..Require::default()
    };
    let without = Identity::of(Arc::new(Verified::default()));
    assert_eq!(
        check(&require, Some(&without)),
        Ok(()),
        "an empty object has no such member"
    );
}
