use http::Request;

use super::*;

fn head(request: &str) -> Parts {
    let mut lines = request.lines();
    let start: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let mut builder = Request::builder().method(start[0]).uri(start[1]);
    builder = builder.version(match start.get(2) {
        Some(&"h2") => Version::HTTP_2,
        Some(&"1.0") => Version::HTTP_10,
        _ => Version::HTTP_11,
    });
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn origin(trusted: &[Prefix]) -> Origin<'_> {
    Origin {
        peer: "10.0.0.9".parse().unwrap(),
        secure: false,
        trusted_proxies: trusted,
        exposure: Exposure::Public,
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let via = "\nVia: 1.1 tidegate".repeat(8);
    for (why, request, want) in [
        ("plain", "GET /a\nHost: h", None),
        ("an empty path is the root", "GET http://h\nHost: h", None),
        ("HTTP/1.0 may have no host", "GET /a 1.0", None),
        ("HTTP/1.1 may not", "GET /a", Some(Refusal::Host)),
        ("two hosts", "GET /a\nHost: h\nHost: h", Some(Refusal::Host)),
        (
            "target against field",
            "GET http://a/x\nHost: b",
            Some(Refusal::Host),
        ),
        (
            "authority against field",
            "GET http://a/x h2\nHost: b",
            Some(Refusal::Host),
        ),
        ("no host name", "GET /a\nHost: a b", Some(Refusal::Host)),
        (
            "a path instead of a host",
            "GET /a\nHost: a/b",
            Some(Refusal::Host),
        ),
        ("user info", "GET /a\nHost: u@h", Some(Refusal::Host)),
        (
            "a port that is none",
            "GET /a\nHost: h:x",
            Some(Refusal::Host),
        ),
        (
            "two lengths",
            "POST /a\nHost: h\nContent-Length: 1\nContent-Length: 2",
            Some(Refusal::Framing),
        ),
        (
            "length and chunks",
            "POST /a\nHost: h\nContent-Length: 1\nTransfer-Encoding: chunked",
            Some(Refusal::Framing),
        ),
        (
            "chunks in HTTP/1.0",
            "POST /a 1.0\nHost: h\nTransfer-Encoding: chunked",
            Some(Refusal::Framing),
        ),
        (
            "a coding we do not know",
            "POST /a\nHost: h\nTransfer-Encoding: x, chunked",
            Some(Refusal::Framing),
        ),
        (
            "two codings",
            "POST /a\nHost: h\nTransfer-Encoding: x\nTransfer-Encoding: chunked",
            Some(Refusal::Framing),
        ),
        (
            "chunks are fine",
            "POST /a\nHost: h\nTransfer-Encoding: Chunked",
            None,
        ),
        (
            "a tunnel",
            "CONNECT h:443\nHost: h:443",
            Some(Refusal::Method),
        ),
        ("a mirror", "TRACE /\nHost: h", Some(Refusal::Method)),
        (
            "the whole server",
            "OPTIONS *\nHost: h",
            Some(Refusal::Path(BadPath::Relative)),
        ),
        (
            "above the root",
            "GET /../a\nHost: h",
            Some(Refusal::Path(BadPath::AboveRoot)),
        ),
        (
            "an unknown expectation",
            "GET /\nHost: h\nExpect: miracles",
            Some(Refusal::Expectation),
        ),
        (
            "the known one",
            "GET /\nHost: h\nExpect: 100-Continue",
            None,
        ),
        (
            "round and round",
            &format!("GET /\nHost: h{via}"),
            Some(Refusal::Loop),
        ),
        (
            "others may be on the way",
            &format!("GET /\nHost: h{}", via.replace("tide", "flood")),
            None,
        ),
    ] {
        let head = head(request);
        assert_eq!(arrive(&head, origin(&[])).err(), want, "{why}");
    }
}

#[test]
fn hosts_have_one_spelling() {
    for (named, want) in [
        ("H.Example:8080", "h.example"),
        ("h.example.", "h.example"),
        ("[::1]:80", "[::1]"),
        ("10.0.0.1", "10.0.0.1"),
    ] {
        let head = head(&format!("GET /\nHost: {named}"));
        assert_eq!(arrive(&head, origin(&[])).unwrap().host, want);
    }
}

#[test]
fn only_trusted_proxies_speak_for_others() {
    let trusted: Vec<Prefix> = vec!["10.0.0.0/8".parse().unwrap(), "192.0.2.1".parse().unwrap()];
    for (why, trusted, forwarded, want) in [
        ("nobody is trusted", &[][..], "203.0.113.5", "10.0.0.9"),
        ("the proxy is", &trusted, "203.0.113.5", "203.0.113.5"),
        (
            "a chain of them, the nearest last",
            &trusted,
            "6.6.6.6, 203.0.113.5, 192.0.2.1",
            "203.0.113.5",
        ),
        (
            "a forged start is not reached",
            &trusted,
            "1.1.1.1, 203.0.113.5",
            "203.0.113.5",
        ),
        (
            "nonsense ends the chain",
            &trusted,
            "203.0.113.5, nonsense, 192.0.2.1",
            "192.0.2.1",
        ),
        ("nothing said", &trusted, "", "10.0.0.9"),
    ] {
        let head = head(&format!("GET /\nHost: h\nX-Forwarded-For: {forwarded}"));
        assert_eq!(
            arrive(&head, origin(trusted)).unwrap().client.to_string(),
            want,
            "{why}"
        );
    }
}
