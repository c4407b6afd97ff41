use super::*;

fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    headers
}

fn text(headers: &HeaderMap) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines.join("\n")
}

fn forwarding(request_id: &RequestId) -> Forwarding<'_> {
    Forwarding {
        client: "203.0.113.5".parse().unwrap(),
        through_trusted: false,
        secure: true,
        host: "api.example",
        request_id,
    }
}

#[test]
fn the_service_sees_where_a_request_came_from_and_nothing_of_the_hop() {
    let id = RequestId::of(&HeaderMap::new(), 0xabc);
    let mut map = headers(
        "host: api.example:443\nconnection: close, X-Secret, Host\nx-secret: 1\nkeep-alive: 5\nte: trailers\n\
         upgrade: h2c\ntrailer: x-user-id\nproxy-authorization: x\nx-forwarded-for: 6.6.6.6\nforwarded: for=6.6.6.6\n\
         accept: */*",
    );
    forward_request(&mut map, Version::HTTP_11, &forwarding(&id));
    assert_eq!(
        text(&map),
        "accept: */*\nhost: api.example:443\nvia: 1.1 tidegate\nx-forwarded-for: 203.0.113.5\n\
         x-forwarded-host: api.example\nx-forwarded-proto: https\nx-request-id: 0000000000000abc"
    );
}

#[test]
fn http_2_names_its_host_for_the_service() {
    let id = RequestId::of(&HeaderMap::new(), 0);
    let mut map = HeaderMap::new();
    forward_request(&mut map, Version::HTTP_2, &forwarding(&id));
    assert_eq!(map[HOST], "api.example");
    assert_eq!(map[VIA], "2 tidegate");
}

#[test]
fn the_client_sees_nothing_of_the_service() {
    let id = RequestId::of(&HeaderMap::new(), 1);
    let mut map = headers(
        "server: apache\nx-powered-by: php\nconnection: x-internal\nx-internal: 1\ncontent-type: a/b",
    );
    forward_response(&mut map, Version::HTTP_11, &id);
    assert_eq!(
        text(&map),
        "content-type: a/b\nvia: 1.1 tidegate\nx-request-id: 0000000000000001"
    );
}

#[test]
fn a_plain_request_id_is_kept_and_a_strange_one_replaced() {
    let of = |value: &str| {
        RequestId::of(&headers(&format!("x-request-id: {value}")), 7)
            .as_str()
            .to_owned()
    };
    assert_eq!(of("a-b_c.d:1"), "a-b_c.d:1");
    for strange in ["\"}", "a b", &"x".repeat(65)] {
        assert_eq!(of(strange), "0000000000000007", "{strange}");
    }
}
