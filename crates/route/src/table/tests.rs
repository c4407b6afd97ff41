use proptest::prelude::*;

use super::*;

fn spec(hosts: &[&str], path: &str, methods: MethodSet) -> MatchSpec {
    MatchSpec {
        hosts: hosts.iter().map(|h| h.parse().unwrap()).collect(),
        path: path.parse().unwrap(),
        methods,
        exposure: Exposure::Public,
    }
}

fn methods(text: &str) -> MethodSet {
    let names = text.split(' ').map(str::to_owned);
    let names = serde::de::value::SeqDeserializer::<_, serde::de::value::Error>::new(names);
    serde::Deserialize::deserialize(names).unwrap()
}

#[test]
fn the_most_specific_route_wins_whatever_the_order() {
    let rows = [
        spec(&["api.test"], "/users/{id}", MethodSet::ANY),
        spec(&["api.test"], "/users/me", MethodSet::ANY),
        spec(&["api.test"], "/users/*", MethodSet::ANY),
        spec(&["*.test"], "/users/me", MethodSet::ANY),
        spec(&["*.deep.test"], "/*", MethodSet::ANY),
        spec(&[], "/*", MethodSet::ANY),
        spec(&[], "/only/{a}/x", MethodSet::ANY),
    ];
    let cases = [
        ("a literal beats a parameter", "api.test", "/users/me", 1),
        ("a parameter beats an open end", "api.test", "/users/7", 0),
        (
            "an open end takes what is deeper",
            "api.test",
            "/users/7/orders",
            2,
        ),
        ("an open end takes the bare slash", "api.test", "/users/", 2),
        (
            "a wildcard host stands below an exact one",
            "www.test",
            "/users/me",
            3,
        ),
        ("the longest wildcard wins", "a.deep.test", "/users/me", 4),
        (
            "a route without host takes the rest",
            "api.test",
            "/users",
            5,
        ),
        ("a bare domain is not below itself", "test", "/users/me", 5),
        ("a dead end is left again", "other", "/only/a/y", 5),
        ("and entered when it fits", "other", "/only/a/x", 6),
        ("the root", "other", "/", 5),
    ];
    for turn in 0..rows.len() {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.rotate_left(turn);
        let (table, clashes) = Table::build(order.iter().map(|&i| &rows[i]));
        assert_eq!(clashes, []);
        for (why, host, path, want) in cases {
            let found = table
                .find(host, path, &Method::GET, Exposure::Public)
                .map(|i| order[i]);
            assert_eq!(found, Ok(want), "{why}: {host}{path}");
        }
    }
}

#[test]
fn a_miss_says_whether_the_method_was_the_reason() {
    let (table, clashes) = Table::build(&[
        spec(&[], "/orders", methods("GET")),
        spec(&[], "/orders", methods("POST PUT")),
    ]);
    assert_eq!(clashes, []);
    assert_eq!(
        table.find("h", "/orders", &Method::POST, Exposure::Public),
        Ok(1)
    );
    assert_eq!(
        table.find("h", "/orders", &Method::HEAD, Exposure::Public),
        Ok(0),
        "GET includes HEAD"
    );
    assert_eq!(
        table.find("h", "/nothing", &Method::GET, Exposure::Public),
        Err(Miss::NoRoute)
    );
    let Err(Miss::Method(allowed)) = table.find("h", "/orders", &Method::DELETE, Exposure::Public)
    else {
        panic!()
    };
    assert_eq!(allowed.to_string(), "GET, HEAD, POST, PUT");
    let strange = Method::from_bytes(b"BREW").unwrap();
    assert!(matches!(
        table.find("h", "/orders", &strange, Exposure::Public),
        Err(Miss::Method(_))
    ));
}

#[test]
fn routes_that_cannot_be_told_apart_clash() {
    for (why, a, b, clash) in [
        (
            "same host and path",
            spec(&["a"], "/x", MethodSet::ANY),
            spec(&["a"], "/x", methods("GET")),
            true,
        ),
        (
            "parameters differ in name only",
            spec(&[], "/{a}", MethodSet::ANY),
            spec(&[], "/{b}", MethodSet::ANY),
            true,
        ),
        (
            "one host of several",
            spec(&["a", "b"], "/x", MethodSet::ANY),
            spec(&["b"], "/x", MethodSet::ANY),
            true,
        ),
        (
            "methods differ",
            spec(&[], "/x", methods("GET")),
            spec(&[], "/x", methods("POST")),
            false,
        ),
        (
            "hosts differ",
            spec(&["a"], "/x", MethodSet::ANY),
            spec(&[], "/x", MethodSet::ANY),
            false,
        ),
        (
            "a slash differs",
            spec(&[], "/x", MethodSet::ANY),
            spec(&[], "/x/", MethodSet::ANY),
            false,
        ),
    ] {
        let (_, clashes) = Table::build(&[a, b]);
        assert_eq!(!clashes.is_empty(), clash, "{why}");
    }
}

#[test]
fn patterns_say_what_is_wrong_with_them() {
    for (text, says) in [
        ("orders", "must start with a slash"),
        ("/a*", "cuts a segment"),
        ("/a/*/b", "only stand at the end"),
        ("/a/{}", "not a parameter name"),
        ("/a/x{id}", "mixes text and a parameter"),
        ("/a?b", "has a query"),
        ("/a/../b", "dot segment"),
    ] {
        let error = text.parse::<crate::PathPattern>().unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
    for (text, says) in [
        ("a:80", "names a port"),
        ("*", "not a host"),
        ("a b", "not a host"),
        ("", "not a host"),
    ] {
        let error = text.parse::<HostPattern>().unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn a_path_found_by_a_literal_route_is_that_path(paths in prop::collection::vec("(/[a-c]{0,2}){1,4}", 1..20)) {
        let specs: Vec<_> = paths.iter().map(|p| spec(&[], p, MethodSet::ANY)).collect();
        let (table, _) = Table::build(&specs);
        for path in &paths {
            let found = table.find("h", path, &Method::GET, Exposure::Public).unwrap();
            prop_assert_eq!(&paths[found], path);
        }
    }

    #[test]
    fn patterns_print_as_they_read(text in "/([a-z]{0,3}|\\{[a-z]{1,3}\\})(/([a-z]{0,3}|\\{[a-z]{1,3}\\})){0,4}(/\\*)?") {
        prop_assert_eq!(text.parse::<crate::PathPattern>().unwrap().to_string(), text);
    }
}

#[test]
fn patterns_take_their_own_examples() {
    for host in ["api.test", "*.test"] {
        for path in ["/", "/*", "/a/b", "/a/{id}/*", "/{x}"] {
            let rows = [spec(&[host], path, MethodSet::ANY)];
            let (host, path) = (rows[0].hosts[0].example(), rows[0].path.example());
            let (table, _) = Table::build(&rows);
            assert_eq!(
                table.find(&host, &path, &Method::GET, Exposure::Public),
                Ok(0),
                "{path}"
            );
        }
    }
}

#[test]
fn a_door_shows_its_own_routes_and_wider_ones_and_nothing_falls_through() {
    use Exposure::{Admin, Internal, Public};
    let shown = |path: &str, methods, exposure| MatchSpec {
        exposure,
        ..spec(&[], path, methods)
    };
    let (table, clashes) = Table::build(&[
        shown("/*", methods("GET"), Public),
        shown("/in/*", MethodSet::ANY, Internal),
        shown("/in/out", MethodSet::ANY, Public),
        shown("/items/{id}", methods("DELETE"), Admin),
        shown("/items/{id}", methods("PUT"), Public),
    ]);
    assert!(clashes.is_empty());
    let find = |path: &str, method, door| table.find("h", path, &method, door);
    for (path, method, public, internal, admin) in [
        ("/x", Method::GET, Ok(0), Ok(0), Ok(0)),
        ("/in/x", Method::GET, Err(Miss::NoRoute), Ok(1), Ok(1)),
        ("/in/out", Method::GET, Ok(2), Ok(2), Ok(2)),
        ("/items/1", Method::GET, Ok(0), Ok(0), Ok(0)),
        (
            "/items/1",
            Method::DELETE,
            Err(Miss::NoRoute),
            Err(Miss::NoRoute),
            Ok(3),
        ),
    ] {
        let found = [Public, Internal, Admin].map(|door| find(path, method.clone(), door));
        assert_eq!(found, [public, internal, admin], "{path}");
    }
    let allowed = |door| match find("/items/1", Method::PATCH, door) {
        Err(Miss::Method(allowed)) => allowed.contains(&Method::DELETE),
        other => panic!("{other:?}"),
    };
    assert!(!allowed(Public) && allowed(Admin));
}

#[test]
fn patterns_know_what_they_share() {
    for (a, b, overlaps, within) in [
        ("/a", "/a", true, true),
        ("/a", "/a/", false, false),
        ("/a", "/{x}", true, true),
        ("/{x}", "/a", true, false),
        ("/", "/{x}", false, false),
        ("/a/*", "/a", false, false),
        ("/a/*", "/a/{x}", true, false),
        ("/a/b", "/a/*", true, true),
        ("/a/*", "/a/*", true, true),
        ("/a/b/*", "/a/*", true, true),
        ("/a/*", "/a/b/*", true, false),
        ("/a/{x}/c", "/a/b/{y}", true, false),
        ("/a/{x}/c", "/b/*", false, false),
        ("/anything", "/*", true, true),
        ("/*", "/*", true, true),
    ] {
        let [a, b] = [a, b].map(|path| spec(&[], path, MethodSet::ANY));
        assert_eq!(a.overlaps(&b), overlaps, "{a:?} {b:?}");
        assert_eq!(b.overlaps(&a), overlaps, "{b:?} {a:?}");
        assert_eq!(a.within(&b), within, "{a:?} {b:?}");
    }
    for (a, b, overlaps, within) in [
        (&["a.b"][..], &["a.b"][..], true, true),
        (&["a.b"], &["*.b"], true, true),
        (&["b"], &["*.b"], false, false),
        (&["*.a.b"], &["*.b"], true, true),
        (&["*.b"], &["*.a.b"], true, false),
        (&["a"], &["b"], false, false),
        (&["a"], &[], true, true),
        (&[], &["a"], true, false),
        (&["a", "c"], &["a", "b"], true, false),
    ] {
        let [a, b] = [a, b].map(|hosts| spec(hosts, "/", MethodSet::ANY));
        assert_eq!(a.overlaps(&b), overlaps, "{a:?} {b:?}");
        assert_eq!(a.within(&b), within, "{a:?} {b:?}");
    }
}

proptest! {
    /// A path that both find in tables of their own is a path that they share.
    #[test]
    fn patterns_share_a_path_exactly_if_one_says_so(
        a in "(/([ab]|\\{x\\}|)){1,3}(/\\*)?",
        b in "(/([ab]|\\{x\\}|)){1,3}(/\\*)?",
        path in "(/[abc]?){1,4}",
    ) {
        let [a, b] = [a, b].map(|path| spec(&[], &path, MethodSet::ANY));
        let [in_a, in_b] = [&a, &b].map(|spec| {
            let (table, _) = Table::build([spec]);
            table.find("h", &path, &Method::GET, Exposure::Public).is_ok()
        });
        if in_a && in_b {
            prop_assert!(a.overlaps(&b) && b.overlaps(&a));
        }
        if in_a && a.within(&b) {
            prop_assert!(in_b);
        }
    }
}
