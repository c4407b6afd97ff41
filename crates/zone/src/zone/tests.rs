use super::*;

fn region(name: &str) -> RegionId {
    name.parse().unwrap()
}

fn zone() -> Zone {
    let place = |name: &str, addresses: &[&str], nearest: &[&str]| Place {
        region: region(name),
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        nearest: nearest.iter().map(|name| region(name)).collect(),
    };
    let places = vec![
        place("us", &["203.0.113.1", "2001:db8::1"], &["us", "eu", "ap"]),
        place("eu", &["203.0.113.2", "203.0.113.3"], &["eu", "us", "ap"]),
        place("ap", &["203.0.113.4"], &["ap", "us", "eu"]),
    ];
    let near = vec![
        ("10.0.0.0/8".parse().unwrap(), region("eu")),
        ("10.9.0.0/16".parse().unwrap(), region("ap")),
    ];
    Zone::new(
        "edge.example.com",
        &["ns1.example.com".to_owned(), "ns2.example.com".to_owned()],
        "hostmaster.example.com",
        20,
        &["@".to_owned(), "api".to_owned()],
        places,
        near,
        region("us"),
        1,
    )
    .unwrap()
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut question = Message::query();
    question.add_query(Query::query(name.parse().unwrap(), kind));
    question
}

fn ask(question: &Message, source: &str, announced: &[&str]) -> Message {
    let announced = announced.iter().map(|name| region(name)).collect();
    let bytes = question.to_vec().unwrap();
    let source = source.parse().unwrap();
    let reply = zone().answer(&bytes, source, &announced, true).unwrap();
    Message::from_vec(&reply.bytes).unwrap()
}

fn addresses(reply: &Message) -> Vec<String> {
    let all = reply.answers.iter();
    all.map(|record| record.data.to_string()).collect()
}

const ALL: &[&str] = &["us", "eu", "ap"];
const FAR: &str = "192.0.2.9";

#[test]
fn a_client_gets_the_nearest_region_that_is_announced() {
    let api = question("api.edge.example.com.", RecordType::A);
    for (source, announced, want) in [
        (FAR, ALL, &["203.0.113.1"][..]),
        (FAR, &["eu", "ap"], &["203.0.113.2", "203.0.113.3"]),
        ("10.1.1.1", ALL, &["203.0.113.2", "203.0.113.3"]),
        ("10.9.1.1", ALL, &["203.0.113.4"]),
        ("10.9.1.1", &["eu"], &["203.0.113.2", "203.0.113.3"]),
    ] {
        let reply = ask(&api, source, announced);
        assert_eq!(addresses(&reply), want, "{source} {announced:?}");
        assert!(reply.metadata.authoritative);
        assert!(reply.answers.iter().all(|record| record.ttl == 20));
    }
}

#[test]
fn an_answer_is_never_empty_because_nobody_is_announced() {
    let api = question("API.Edge.Example.com.", RecordType::A);
    assert_eq!(addresses(&ask(&api, FAR, &[])), ["203.0.113.1"]);
    let v6 = question("edge.example.com.", RecordType::AAAA);
    assert_eq!(
        addresses(&ask(&v6, FAR, &["eu"])),
        ["2001:db8::1"],
        "the one that has such an address"
    );
}

#[test]
fn the_network_that_a_resolver_names_counts_instead_of_the_resolver() {
    let mut api = question("api.edge.example.com.", RecordType::A);
    let mut edns = Edns::new();
    let subnet = ClientSubnet::new("10.9.0.0".parse().unwrap(), 24, 0);
    edns.options_mut().insert(EdnsOption::Subnet(subnet));
    api.set_edns(edns);
    let reply = ask(&api, FAR, ALL);
    assert_eq!(addresses(&reply), ["203.0.113.4"]);
    let edns = reply.edns.unwrap();
    let Some(EdnsOption::Subnet(echoed)) = edns.option(EdnsCode::Subnet) else {
        panic!("it is answered with its scope")
    };
    assert_eq!(echoed.scope_prefix(), 24);
}

#[test]
fn what_is_not_in_the_zone_is_told_apart() {
    let code = |name: &str, kind| ask(&question(name, kind), FAR, ALL).metadata.response_code;
    use ResponseCode::{NXDomain, NoError, Refused};
    assert_eq!(code("no.edge.example.com.", RecordType::A), NXDomain);
    assert_eq!(code("api.edge.example.com.", RecordType::TXT), NoError);
    assert_eq!(code("example.org.", RecordType::A), Refused);
    assert_eq!(code("edge.example.com.", RecordType::AXFR), Refused);
    let ns = ask(&question("edge.example.com.", RecordType::NS), FAR, ALL);
    assert_eq!(addresses(&ns), ["ns1.example.com.", "ns2.example.com."]);
    let nothing = ask(
        &question("api.edge.example.com.", RecordType::TXT),
        FAR,
        ALL,
    );
    assert_eq!(nothing.authorities.len(), 1, "who keeps it for how long");
}

#[test]
fn garbage_and_answers_get_no_answer_and_a_slip_is_no_longer_than_the_question() {
    let none = BTreeSet::new();
    let ip = FAR.parse().unwrap();
    assert!(zone().answer(b"", ip, &none, true).is_none());
    assert!(zone().answer(&[0xff; 40], ip, &none, true).is_none());
    let question = question("api.edge.example.com.", RecordType::A);
    let bytes = question.to_vec().unwrap();
    let reply = zone().answer(&bytes, ip, &none, true).unwrap();
    assert!(zone().answer(&reply.bytes, ip, &none, true).is_none());
    let slip = Zone::slip(&bytes).unwrap();
    assert!(slip.len() <= bytes.len());
    assert!(Message::from_vec(&slip).unwrap().metadata.truncation);
    // What an attacker could make of it.
    assert!(reply.bytes.len() < bytes.len() * 2, "{}", reply.bytes.len());
}
