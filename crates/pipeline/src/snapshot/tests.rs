use std::num::NonZeroU32;

use http::Request;
use http::request::Parts;
use tidegate_balance::PoolSpec;
use tidegate_identity::{Denied, KeyCache, KeyRecord, KeyText, Minted, Pepper};
use tidegate_limit::{Dimension, LimitSpec, TableSpec};
use tidegate_model::{Mono, Now, Wall};
use tidegate_route::MethodSet;

use super::*;
use crate::{Forbidden, Identified, Origin, Refusal, arrive};

struct World {
    snapshot: Snapshot,
    counters: LimitTable,
    cache: KeyCache,
    pepper: Pepper,
}

fn world() -> World {
    let counters = LimitTable::new(TableSpec {
        subjects_max: 1_024,
    });
    let limit = |name: &str, amount, per: Dimension| {
        let amount = NonZeroU32::new(amount).unwrap();
        Limit::new(
            name,
            &LimitSpec {
                algorithm: tidegate_limit::Algorithm::Fixed,
                per: per.into(),
                ..LimitSpec::new(amount, "1m".parse().unwrap())
            },
        )
    };
    let route = |name: &str, path: &str, auth, limits: &[usize]| RouteSpec {
        name: name.to_owned(),
        matches: MatchSpec {
            hosts: vec![],
            path: path.parse().unwrap(),
            methods: MethodSet::ANY,
            exposure: tidegate_model::Exposure::Public,
        },
        upstream: 0,
        methods: vec![auth],
        limits: limits.to_vec(),
        body_max: ByteSize::from_kib(1),
        forward_credential: false,
        require: Require::default(),
    };
    let gold = PlanSpec {
        limits: BTreeMap::from([("per-key".to_owned(), NonZeroU32::new(5).unwrap())]),
    };
    let parts = SnapshotParts {
        generation: Generation(1),
        routes: vec![
            route("api", "/api/*", Method::Key, &[0]),
            route("open", "/open", Method::Anonymous(None), &[1]),
            route("free", "/free", Method::Anonymous(None), &[]),
            RouteSpec {
                methods: vec![Method::Key, Method::Anonymous(Some(vec![1]))],
                ..route("both", "/both", Method::Key, &[0])
            },
        ],
        pools: vec![Arc::new(Pool::new(
            "echo",
            PoolSpec::default(),
            vec!["127.0.0.1:1".parse().unwrap()],
        ))],
        limits: vec![
            limit("per-key", 2, Dimension::Key),
            limit("per-ip", 3, Dimension::Ip),
        ],
        plans: BTreeMap::from([("gold".to_owned(), gold)]),
        keys: KeysSpec::default(),
        caller: CallerSpec::default(),
        groups: Groups::new(),
        subject_seed: 7,
    };
    World {
        snapshot: Snapshot::build(parts, &counters).unwrap(),
        counters,
        cache: KeyCache::new(tidegate_identity::CacheSpec::default()),
        pepper: Pepper::new(vec![1; 32]).unwrap(),
    }
}

fn now() -> Now {
    Now {
        mono: Mono::from_millis(0),
        wall: Wall::from_unix_secs(1_200_000_000),
    }
}

impl World {
    /// Makes a key and puts it into the cache.
    fn key(&self, seed: u8, plan: Option<&str>, expires: Option<u64>) -> String {
        let mut next = seed;
        let minted = Minted::new("live", &mut |out| {
            out.iter_mut().for_each(|b| {
                next = next.wrapping_mul(5).wrapping_add(17);
                *b = next % 62;
            });
        });
        let text = minted.text.reveal().to_owned();
        let digest = self.pepper.digest(&KeyText::parse(&text).unwrap());
        let record = KeyRecord {
            plan: plan.map(str::to_owned),
            expires_unix_secs: expires,
            ..KeyRecord::new(minted.kid, digest, "acme", 0)
        };
        self.cache
            .fill(minted.kid, Some((Arc::new(record), false)), now().mono);
        text
    }

    fn walk(&self, head: &Parts) -> Result<String, Refusal> {
        let origin = Origin {
            peer: "203.0.113.5".parse().unwrap(),
            secure: false,
            trusted_proxies: &[],
            exposure: tidegate_model::Exposure::Public,
        };
        let routed = arrive(head, origin)?.route(&self.snapshot)?;
        match routed.identify(&self.snapshot, &self.cache, &self.pepper, now())? {
            Identified::Known(known) => {
                let known = known.permit(&self.snapshot)?;
                let decision = known.decide(&self.snapshot, &self.counters, now(), false);
                known
                    .admit(decision.as_ref())
                    .map(|a| format!("{} {}", a.route.name, a.target))
            }
            Identified::Ask { need, .. } => Ok(format!("ask {need:?}")),
        }
    }
}

fn head(path: &str, key: Option<&str>) -> Parts {
    let mut request = Request::builder().uri(path).header("host", "h");
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn a_request_walks_the_spine_to_its_service() {
    let world = world();
    let key = world.key(1, None, None);
    assert_eq!(
        world.walk(&head("/api/./x?q=1", Some(&key))),
        Ok("api /api/x?q=1".to_owned())
    );
    assert_eq!(
        world.walk(&head("/free", None)),
        Ok("free /free".to_owned())
    );
    assert_eq!(world.walk(&head("/nowhere", None)), Err(Refusal::NoRoute));
}

#[test]
fn callers_are_turned_away_for_a_reason() {
    let world = world();
    let good = world.key(1, None, None);
    let expired = world.key(2, None, Some(1_199_999_999));
    let revoked = world.key(3, None, None);
    world
        .cache
        .revoke(KeyText::parse(&revoked).unwrap().kid, now().mono);
    let unknown = Minted::new("live", &mut |out| out.fill(9))
        .text
        .reveal()
        .to_owned();
    world
        .cache
        .fill(KeyText::parse(&unknown).unwrap().kid, None, now().mono);
    let foreign = Minted::new("test", &mut |out| out.fill(9))
        .text
        .reveal()
        .to_owned();
    let denied = |key: Option<&str>| match world.walk(&head("/api/x", key)) {
        Err(Refusal::Denied(denied)) => Some(denied),
        _ => None,
    };
    assert_eq!(denied(Some(&good)), None);
    for (why, key, want) in [
        ("none", None, Denied::Missing),
        ("no key of ours", Some("hunter2"), Denied::Malformed),
        ("of another environment", Some(&*foreign), Denied::Malformed),
        ("expired", Some(&expired), Denied::Expired),
        ("revoked", Some(&revoked), Denied::Revoked),
        ("unknown", Some(&unknown), Denied::Unknown),
    ] {
        assert_eq!(denied(key), Some(want), "{why}");
    }
    let mut two = head("/api/x", Some(&good));
    two.headers.append("x-api-key", good.parse().unwrap());
    assert_eq!(
        world.walk(&two),
        Err(Refusal::Denied(Denied::Missing)),
        "two keys are none"
    );
}

#[test]
fn a_key_with_another_secret_is_not_accepted() {
    let world = world();
    let text = world.key(4, None, None);
    let kid = KeyText::parse(&text).unwrap().kid;
    let record = KeyRecord::new(kid, [0; 32], "", 0);
    world
        .cache
        .fill(kid, Some((Arc::new(record), false)), now().mono);
    assert_eq!(
        world.walk(&head("/api/x", Some(&text))),
        Err(Refusal::Denied(Denied::WrongSecret))
    );
}

#[test]
fn plans_change_amounts_and_the_policy_says_so() {
    let world = world();
    let (plain, gold) = (world.key(1, None, None), world.key(2, Some("gold"), None));
    let admitted = |key: &str| {
        (0..9)
            .filter(|_| world.walk(&head("/api/x", Some(key))).is_ok())
            .count()
    };
    assert_eq!((admitted(&plain), admitted(&gold)), (2, 5));
    let route = &world.snapshot.routes[0].terms;
    assert_eq!(route.policy(None).unwrap(), "\"per-key\";q=2;w=60");
    assert_eq!(route.policy(Some("gold")).unwrap(), "\"per-key\";q=5;w=60");
    assert_eq!(world.snapshot.routes[2].terms.policy(None), None);
}

#[test]
fn a_refusal_by_limit_says_which_and_for_how_long() {
    let world = world();
    for _ in 0..3 {
        assert!(world.walk(&head("/open", None)).is_ok());
    }
    let refusal = world.walk(&head("/open", None)).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Limited {
            violated: vec!["per-ip".to_owned()],
            retry_after_secs: 60
        }
    );
    assert_eq!(
        refusal.body("r1"),
        "{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\",\
         \"title\":\"Request cannot be satisfied as assigned quota has been exceeded\",\"status\":429,\
         \"detail\":\"Wait for as many seconds as Retry-After says.\",\"instance\":\"urn:tidegate:request:r1\",\
         \"violated-policies\":[\"per-ip\"]}\n"
    );
}

#[test]
fn every_reason_of_refusal_has_a_counter() {
    use tidegate_identity::{LoginDenied, SignatureDenied, TokenDenied};

    use crate::BadPath;

    let denied = [
        Denied::Missing,
        Denied::Malformed,
        Denied::Unknown,
        Denied::WrongSecret,
        Denied::Revoked,
        Denied::Premature,
        Denied::Expired,
        Denied::Elsewhere,
        Denied::StoreDown,
        Denied::Unchecked,
        Denied::Token(TokenDenied::Missing),
        Denied::Token(TokenDenied::Malformed),
        Denied::Token(TokenDenied::Header),
        Denied::Token(TokenDenied::Algorithm),
        Denied::Token(TokenDenied::UnknownKey),
        Denied::Token(TokenDenied::Signature),
        Denied::Token(TokenDenied::Issuer),
        Denied::Token(TokenDenied::Audience),
        Denied::Token(TokenDenied::Expired),
        Denied::Token(TokenDenied::NotYet),
        Denied::Token(TokenDenied::Claim),
        Denied::Token(TokenDenied::Inactive),
        Denied::Token(TokenDenied::IssuerDown),
        Denied::Password,
        Denied::PasswordBusy,
        Denied::Certificate,
        Denied::Rejected,
        Denied::Barred,
        Denied::AuthorizerDown,
        Denied::Token(TokenDenied::KeysDown),
        Denied::Login(LoginDenied::Session),
        Denied::Login(LoginDenied::Over),
        Denied::Login(LoginDenied::State),
        Denied::Login(LoginDenied::Issuer),
        Denied::Login(LoginDenied::Code),
        Denied::Login(LoginDenied::Token),
        Denied::Login(LoginDenied::Refused),
        Denied::Login(LoginDenied::CrossSite),
        Denied::Login(LoginDenied::TooLarge),
        Denied::Login(LoginDenied::ProviderDown),
        Denied::Signature(SignatureDenied::Malformed),
        Denied::Signature(SignatureDenied::UnknownKey),
        Denied::Signature(SignatureDenied::Ambiguous),
        Denied::Signature(SignatureDenied::Algorithm),
        Denied::Signature(SignatureDenied::Stale),
        Denied::Signature(SignatureDenied::NotYet),
        Denied::Signature(SignatureDenied::Uncovered),
        Denied::Signature(SignatureDenied::Component),
        Denied::Signature(SignatureDenied::Wrong),
        Denied::Signature(SignatureDenied::NonceMissing),
        Denied::Signature(SignatureDenied::Replayed),
        Denied::Signature(SignatureDenied::NoncesFull),
        Denied::Signature(SignatureDenied::Content),
        Denied::Signature(SignatureDenied::BodiesFull),
    ];
    let others = [
        Refusal::Path(BadPath::Ambiguous),
        Refusal::Host,
        Refusal::Framing,
        Refusal::Expectation,
        Refusal::Method,
        Refusal::Loop,
        Refusal::HeaderTooLarge,
        Refusal::BodyTooLarge,
        Refusal::NoRoute,
        Refusal::MethodNotAllowed(MethodSet::ANY),
        Refusal::Limited {
            violated: vec![],
            retry_after_secs: 1,
        },
        Refusal::NoEndpoint,
        Refusal::Unreachable,
        Refusal::UpstreamTimeout,
        Refusal::BadAnswer,
        Refusal::BodyTimeout,
        Refusal::BodyBroken,
        Refusal::Overloaded,
    ];
    let forbidden = [
        Forbidden::Address,
        Forbidden::Scope,
        Forbidden::Role,
        Forbidden::Group,
        Forbidden::Rule,
        Forbidden::RuleFailed,
    ];
    let all = denied.map(Refusal::Denied).into_iter().chain(others);
    let all = all.chain(forbidden.map(Refusal::Forbidden));
    let labels: Vec<&str> = all.map(|refusal| refusal.label()).collect();
    assert!(
        labels.iter().all(|label| Refusal::LABELS.contains(label)),
        "{labels:?}"
    );
    assert_eq!(
        labels.len() + 1,
        Refusal::LABELS.len(),
        "one each, and one for others"
    );
}

#[test]
fn a_bad_credential_is_refused_where_everyone_may_come_without_one() {
    let world = world();
    let key = world.key(1, None, None);
    assert!(world.walk(&head("/both", Some(&key))).is_ok());
    assert!(world.walk(&head("/both", None)).is_ok());
    let refused = world.walk(&head("/both", Some("hunter2")));
    assert_eq!(refused, Err(Refusal::Denied(Denied::Malformed)));
    let mut two = head("/both", Some(&key));
    two.headers.append("x-api-key", key.parse().unwrap());
    assert!(matches!(world.walk(&two), Err(Refusal::Denied(_))));
}

#[test]
fn callers_whom_nobody_knows_have_limits_of_their_own() {
    let world = world();
    let key = world.key(1, None, None);
    let admitted = |key: Option<&str>| {
        let walks = (0..9).map(|_| world.walk(&head("/both", key)));
        walks.filter(Result::is_ok).count()
    };
    assert_eq!((admitted(Some(&key)), admitted(None)), (2, 3));
    let route = &world.snapshot.routes[3];
    let anonymous = route.anonymous.as_ref().unwrap();
    assert_eq!(anonymous.policy(None).unwrap(), "\"per-ip\";q=3;w=60");
}
