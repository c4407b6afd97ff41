use proptest::prelude::*;

use super::*;

fn spec(hosts: &[&str], path: &str, methods: MethodSet) -> MatchSpec {
    MatchSpec {
        hosts: hosts.iter().map(|h| h.parse().unwrap()).collect(),
        path: path.parse().unwrap(),
        methods,
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
            let found = table.find(host, path, &Method::GET).map(|i| order[i]);
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
    assert_eq!(table.find("h", "/orders", &Method::POST), Ok(1));
    assert_eq!(
        table.find("h", "/orders", &Method::HEAD),
        Ok(0),
        "GET includes HEAD"
    );
    assert_eq!(
        table.find("h", "/nothing", &Method::GET),
        Err(Miss::NoRoute)
    );
    let Err(Miss::Method(allowed)) = table.find("h", "/orders", &Method::DELETE) else {
        panic!()
    };
    assert_eq!(allowed.to_string(), "GET, HEAD, POST, PUT");
    let strange = Method::from_bytes(b"BREW").unwrap();
    assert!(matches!(
        table.find("h", "/orders", &strange),
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
            let found = table.find("h", path, &Method::GET).unwrap();
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
            assert_eq!(table.find(&host, &path, &Method::GET), Ok(0), "{path}");
        }
    }
}
