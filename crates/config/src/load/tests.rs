use super::*;

const WORLD: &str = "\
regions:
  us-east-1: { location: [38.9, -77.4] }
  eu-west-1: { location: [53.3, -6.3] }
upstreams:
  echo: {}
limits:
  per-key: { amount: 1000, window: 1m }
  per-ip: { amount: 10, window: 1s, per: ip, scope: region }
plans:
  gold: { limits: { per-key: 5000 } }
routes:
  hello: { path: /hello, upstream: echo, limits: [per-key] }
  open: { path: /open/*, upstream: echo, auth: none, limits: [per-ip] }
";

fn region(name: &str, port: u16) -> String {
    format!(
        "region: {name}\nnodes:\n  a: {{ mesh: 127.0.0.1:{port}, admin: 127.0.0.1:{port}, doors: {{ public: 127.0.0.1:{} }} }}\n\
         doors:\n  public: {{}}\nupstreams:\n  echo: [127.0.0.1:9]\n",
        port + 1
    )
}

/// The report without colours, or nothing.
fn check(world: &str, regions: &[&str]) -> String {
    let source = |name: String, text: &str| Source::new(name.into(), text);
    let regions = regions
        .iter()
        .enumerate()
        .map(|(i, text)| source(format!("{i}.yaml"), text))
        .collect();
    match load(source("world.yaml".to_owned(), world), regions) {
        Ok((_, report)) | Err(report) => report.render(false),
    }
}

#[test]
fn a_good_world_loads_and_its_generation_follows_its_text() {
    let (us, eu) = (region("us-east-1", 1_000), region("eu-west-1", 2_000));
    assert_eq!(check(WORLD, &[&us, &eu]), "");
    let generation = |text: &str| {
        let source = |text: &str| Source::new("f.yaml".into(), text);
        load_node(source(text), source(&us)).unwrap().0.generation
    };
    assert_eq!(generation(WORLD), generation(WORLD));
    assert_ne!(
        generation(WORLD),
        generation(&WORLD.replace("1000", "1001"))
    );
}

#[test]
fn every_kind_of_mistake_is_named_with_its_place_and_a_hint() {
    let (us, eu) = (region("us-east-1", 1_000), region("eu-west-1", 2_000));
    let world = |from: &str, to: &str| {
        assert!(WORLD.contains(from), "{from}");
        check(&WORLD.replace(from, to), &[&us, &eu])
    };
    let local = |from: &str, to: &str| {
        assert!(us.contains(from), "{from}");
        check(WORLD, &[&us.replace(from, to), &eu])
    };
    let second = |extra: &str| check(&format!("{WORLD}{extra}"), &[&us, &eu]);
    for (report, says) in [
        (
            world("upstream: echo, limits: [per-key]", "upstream: ecko"),
            "did you mean `echo`? upstreams are declared",
        ),
        (
            world("limits: [per-key]", "limits: [per-kye]"),
            "did you mean `per-key`? limits are declared",
        ),
        (
            world("limits: [per-key]", "limits: [per-key, per-key]"),
            "is under the limit `per-key` twice",
        ),
        (
            world("limits: [per-ip]", "limits: [per-key]"),
            "takes everyone, but is limited per caller",
        ),
        (
            world("auth: none", "auth: [none, key]"),
            "never comes to what stands behind `none`",
        ),
        (
            world("auth: none", "auth: [kye, none]"),
            "are known by an unknown method",
        ),
        (
            world("auth: none", "auth: [key, key, none]"),
            "lists the method `key` twice",
        ),
        (
            world("path: /hello", "path: hello"),
            "it must start with a slash",
        ),
        (
            world("path: /hello", "paht: /hello"),
            "did you mean `path`?",
        ),
        (world("window: 1m", "window: 1x"), "is not a duration"),
        (world("window: 1m", "window: 2d"), "use 1s to 1d"),
        (world("amount: 1000", "amount: 0"), "found `0`"),
        (world("per: ip", "per: ipp"), "`ipp` is not one of key"),
        (
            world("per: ip", "per: [key, route, host, method, ip]"),
            "counts by 1 to 4 dimensions, not by 5",
        ),
        (
            world("per: ip", "per: [{ header: \"a b\" }]"),
            "counts by `a b`, which is no header name",
        ),
        (
            world("per: ip", "per: { network: { v4: 33, v6: 64 } }"),
            "such an address has 32 bits",
        ),
        (
            world("scope: region", "scope: globe"),
            "is not one of global, region, node",
        ),
        (
            world("per-key: 5000", "per-kez: 5000"),
            "did you mean `per-key`?",
        ),
        (
            world("[38.9, -77.4]", "[138.9, -77.4]"),
            "a location is [latitude, longitude]",
        ),
        (
            world("echo: {}", "echo: { total_timeout: 1s }"),
            "gives a whole exchange 1s, but waits 15s",
        ),
        (world("us-east-1:", "US_east:"), "has an unusable name"),
        (
            second("  again: { path: /hello, upstream: echo }\n"),
            "the routes `again` and `hello` take the same requests",
        ),
        (
            local("region: us-east-1", "region: us-eest-1"),
            "did you mean `us-east-1`?",
        ),
        (local("public: {}", "pubic: {}"), "did you mean `pubic`?"),
        (
            local("mesh: 127.0.0.1:1000", "mesh: 127.0.0.1:2000"),
            "have the same address",
        ),
        (
            local("mesh: 127.0.0.1:1000", "mesh: 0.0.0.0:1000"),
            "no mesh address that others could reach",
        ),
        (
            local("mesh: 127.0.0.1:1000", "mesh: here"),
            "invalid socket address",
        ),
        (
            local("admin: 127.0.0.1:1000", "admin: 10.0.0.1:1000"),
            "warning",
        ),
        (
            local("echo: [127.0.0.1:9]", "echo: [localhost]"),
            "write host:port",
        ),
        (
            local("echo: [127.0.0.1:9]", "ehco: [127.0.0.1:9]"),
            "did you mean `echo`?",
        ),
        (
            local("public: {}", "public: { trusted_proxies: [10.1.1.1/8] }"),
            "did you mean 10.0.0.0/8?",
        ),
        (
            local("doors:\n  public: {}", "doors: [public]"),
            "a map of names to values",
        ),
        (check(WORLD, &[&us]), "the region `eu-west-1` has no file"),
        (check(WORLD, &[&us, &us, &eu]), "has two files"),
        (
            check("regions: {}\nroutes: {}\n", &[]),
            "the world has no region",
        ),
        (check("", &[]), "`regions` is missing"),
    ] {
        assert!(report.contains(says), "wanted: {says}\n{report}");
        assert!(report.contains(".yaml:"), "no place:\n{report}");
    }
}

#[test]
fn a_report_reads_like_this() {
    let us = region("us-east-1", 1_000);
    let world = WORLD
        .replace("  eu-west-1: { location: [53.3, -6.3] }\n", "")
        .replace("upstream: echo, l", "upstream: ecko, l");
    assert_eq!(
        check(&world, &[&us]),
        "\
error: the route `hello` sends traffic to an unknown upstream
  --> world.yaml:11:36
   |
11 |   hello: { path: /hello, upstream: ecko, limits: [per-key] }
   |                                    ^^^^ no upstream of this name
   |
   = hint: did you mean `echo`? upstreams are declared under `upstreams:` in world.yaml

"
    );
}

#[test]
fn a_node_needs_its_own_region_only() {
    let source = |text: &str| Source::new("f.yaml".into(), text);
    let (loaded, _) = load_node(source(WORLD), source(&region("eu-west-1", 2_000))).unwrap();
    assert_eq!(loaded.region_ids.len(), 2);
    assert_eq!(
        loaded.regions[0].node("a").unwrap().to_string(),
        "eu-west-1/a"
    );
    assert_eq!(loaded.regions[0].node("z"), None);
}

/// The examples of regions/README.md: the world's file and a region's.
fn documented() -> [String; 2] {
    let text = include_str!("../../../../regions/README.md");
    let mut blocks = text.split("```yaml\n").skip(1);
    let mut block = || {
        let block = blocks.next().expect("an example");
        block.split("```").next().expect("its end").to_owned()
    };
    let both = [block(), block()];
    assert!(blocks.next().is_none(), "examples that no test reads");
    both
}

/// The same without its lines that are marked as defaults.
fn without_defaults(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut kept: Vec<String> = Vec::new();
    for line in text.lines().rev() {
        let (code, comment) = line.split_once('#').unwrap_or((line, ""));
        let code = code.trim_end();
        let leaves_nothing = |below: &String| indent(below) <= indent(code);
        if code.is_empty() || comment.starts_with(" default") {
            continue;
        }
        if code.ends_with(':') && kept.last().is_none_or(leaves_nothing) {
            kept.push(format!("{code} {{}}"));
        } else {
            kept.push(code.to_owned());
        }
    }
    kept.reverse();
    kept.join("\n")
}

/// What was read, without the places it was read from.
fn content(loaded: &Loaded) -> String {
    let text = format!("{:?} {:?}", loaded.world, loaded.regions[0].spec);
    let mut parts = text.split("range: ");
    let mut content = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        content.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    }
    content
}

#[test]
fn the_documented_examples_load_and_name_the_true_defaults() {
    let loaded = |texts: [String; 2]| {
        let [world, region] = texts.map(|text| Source::new("f.yaml".into(), &text));
        match load_node(world, region) {
            Ok((loaded, _)) => loaded,
            Err(report) => panic!("{}", report.render(false)),
        }
    };
    let long = documented();
    let short = [&long[0], &long[1]].map(|text| without_defaults(text));
    assert!(long[0].lines().count() > short[0].lines().count() + 20);
    assert_eq!(content(&loaded(long)), content(&loaded(short)));
}

const TOKENS: &str = "\
authenticators:
  main:
    jwt:
      issuer: https://id.example
      audiences: [api]
      algorithms: [RS256]
      keys: { discovery: true }
routes:
  tokens: { path: /t/*, upstream: echo, auth: main, limits: [per-tenant] }
";

#[test]
fn methods_that_take_tokens_are_checked() {
    let limits = "limits:\n  per-tenant: { amount: 1, window: 1m, per: { claim: tenant } }\n";
    let good = WORLD
        .replace("limits:\n", limits)
        .replace("routes:\n", TOKENS);
    let regions = [region("us-east-1", 1000), region("eu-west-1", 2000)];
    let regions = [regions[0].as_str(), regions[1].as_str()];
    assert_eq!(check(&good, &regions), "");
    for (from, to, says) in [
        ("audiences: [api]", "audiences: []", "issued for anybody"),
        ("[RS256]", "[none]", "`none` is no algorithm"),
        ("[RS256]", "[]", "it accepts no algorithm"),
        ("[RS256]", "[HS256]", "a shared secret from a server"),
        (
            "{ discovery: true }",
            "{}",
            "from no place, or from several",
        ),
        (
            "{ discovery: true }",
            "{ url: 'https://a', file: b }",
            "or from several",
        ),
        (
            "{ discovery: true }",
            "{ url: 'ftp://a' }",
            "none that can be fetched",
        ),
        (
            "{ discovery: true }",
            "{ url: 'http://a/b' }",
            "come without TLS",
        ),
        (
            "{ discovery: true }",
            "{ url: 'https://a', refresh: 1s }",
            "more often than refresh_gap",
        ),
        (
            "issuer: https://id.example",
            "issuer: id",
            "nothing can be discovered",
        ),
        ("audiences:", "audience:", "did you mean `audiences`?"),
        (
            "auth: main",
            "auth: [main, key]",
            "which the method `key` does not find out",
        ),
        (
            "auth: main",
            "auth: [main, none]",
            "takes everyone, but is limited per caller",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let report = check(&good.replace(from, to), &regions);
        assert!(report.contains(says), "{to}: {report}");
    }
}

#[test]
fn what_services_are_told_is_checked() {
    let regions = [region("us-east-1", 1000), region("eu-west-1", 2000)];
    let regions = [regions[0].as_str(), regions[1].as_str()];
    let with = |caller: &str| check(&format!("{WORLD}caller: {caller}\n"), &regions);
    let assertion = |more: &str| {
        with(&format!(
            "{{ assertion: {{ issuer: gw, key_file: k.pem{more} }} }}"
        ))
    };
    let good = "{ headers: { x-org: { claim: org }, x-user-id: subject }, strip: [x-in-*] }";
    assert_eq!(with(good), "");
    assert_eq!(assertion(""), "");
    for (report, says) in [
        (
            with("{ headers: { host: plan } }"),
            "says something else already",
        ),
        (with("{ headers: { x-id: name } }"), "name"),
        (
            with("{ headers: { x-id: plan, X-Id: roles } }"),
            "is set twice",
        ),
        (with("{ strip: ['*'] }"), "no field that can be taken off"),
        (with("{ keep: [x-user-id] }"), "is set by the gateway"),
        (assertion(", ttl: 1s"), "not between 2s and 1h"),
        (assertion(", jwks_path: keys"), "no plain path"),
        (
            assertion(", jwks_path: /hello"),
            "the route `hello` can never be reached",
        ),
        (assertion(", header: via"), "says something else already"),
        (
            with("{ assertion: { issuer: gw } }"),
            "`key_file` is missing",
        ),
    ] {
        assert!(report.contains(says), "wanted: {says}\n{report}");
        assert!(report.contains("world.yaml:"), "no place:\n{report}");
    }
}

#[test]
fn what_is_internal_cannot_be_reached_from_public_doors() {
    let regions = [region("us-east-1", 1000), region("eu-west-1", 2000)].map(|text| {
        let text = text.replace(
            "public: {}",
            "public: {}\n  inside: { exposure: internal, listen: 10.0.0.1:81 }",
        );
        text.replace(
            "upstreams:\n",
            "upstreams:\n  admin: [127.0.0.1:8]\n  alias: [127.0.0.1:9]\n",
        )
    });
    let world = WORLD.replace("  echo: {}\n", "  echo: {}\n  admin: {}\n  alias: {}\n");
    let with = |routes: &str| {
        let world = format!("{world}{routes}");
        check(&world, &[&regions[0], &regions[1]])
    };
    let internal = "  in: { path: /in/*, upstream: echo, exposure: internal }\n";
    assert_eq!(with(internal), "");
    for (why, routes, refused) in [
        (
            "all paths, one service",
            "  all: { path: /*, upstream: echo }",
            true,
        ),
        (
            "all paths, another service",
            "  all: { path: /*, upstream: admin }",
            false,
        ),
        (
            "another name of the same endpoint",
            "  all: { path: /*, upstream: alias }",
            true,
        ),
        (
            "the same path for other hosts",
            "  all: { hosts: [a.b], path: '/in/{x}/*', upstream: echo }",
            false,
        ),
        (
            "a parameter beside the literal",
            "  all: { path: '/{any}/*', upstream: echo }",
            true,
        ),
        (
            "a hole on purpose",
            "  hole: { path: /in/health, upstream: echo }",
            false,
        ),
        (
            "elsewhere",
            "  other: { path: /out/*, upstream: echo }",
            false,
        ),
        (
            "the same exposure",
            "  all: { path: /*, upstream: echo, exposure: internal }",
            false,
        ),
        (
            "a wider exposure than admin",
            "  all: { path: /*, upstream: admin, exposure: internal }\n  a: { path: /a/*, upstream: admin, exposure: admin }",
            true,
        ),
    ] {
        let report = with(&format!("{internal}{routes}\n"));
        assert_eq!(
            report.contains("can be reached from"),
            refused,
            "{why}: {report}"
        );
    }
    let host = "  in: { hosts: [in.example], path: /*, upstream: echo, exposure: internal }\n  all: { path: /*, upstream: echo }\n";
    assert!(with(host).contains("the internal route `in` can be reached from public doors"));

    let shown = |from: &str, to: &str| {
        let region = regions[0].replace(from, to);
        check(&format!("{world}{internal}"), &[&region, &regions[1]])
    };
    assert!(
        shown("exposure: internal, ", "")
            .contains("no door of this region shows the internal route `in`")
    );
    assert!(
        shown("10.0.0.1:81", "8.8.8.8:81")
            .contains("the internal door `inside` listens on a public address")
    );
    assert!(shown("exposure: internal", "exposure: interna").contains("internal"));
}

#[test]
fn what_callers_must_have_is_checked() {
    let regions = [region("us-east-1", 1000), region("eu-west-1", 2000)];
    let regions = [regions[0].as_str(), regions[1].as_str()];
    let tokens = TOKENS.replace(", limits: [per-tenant]", "");
    let with = |auth: &str, require: &str| {
        let world = WORLD.replace("routes:\n", &tokens);
        let route =
            format!("  strict: {{ path: /s, upstream: echo, auth: {auth}, require: {require} }}\n");
        let groups = "groups: { partners: { consumers: [acme] } }\n";
        check(&format!("{world}{route}{groups}"), &regions)
    };
    let all = "{ allow: [10.0.0.0/8], deny: [10.1.0.0/16], scopes: [a], any_scope: [b, c], groups: [partners], rule: \"claims.a == 'b'\" }";
    assert_eq!(with("main", all), "");
    let of_key = "{ scopes: [a], roles: [ops], groups: [partners] }";
    assert_eq!(with("key", of_key), "");
    assert_eq!(
        with(
            "[main, none]",
            "{ rule: caller.known || request.method == 'GET' }"
        ),
        ""
    );
    for (auth, require, says) in [
        ("main", "{ groups: [partner] }", "did you mean `partners`?"),
        ("main", "{ scopes: ['a b'] }", "which nobody can have"),
        (
            "main",
            "{ allow: [10.0.0.1/8] }",
            "did you mean 10.0.0.0/8?",
        ),
        (
            "main",
            "{ roles: [admin] }",
            "has no roles without `roles_claim`",
        ),
        ("[main, none]", "{ scopes: [a] }", "is known by nothing"),
        ("main", "{ rule: 'claims.a ==' }", "mismatched input"),
        (
            "main",
            "{ rule: 'claims.a == 1 && foo' }",
            "`foo` is unknown",
        ),
        ("main", "{ rule: 'caller.rolez' }", "no `rolez`"),
        ("main", "{ scope: [a] }", "did you mean `scopes`?"),
    ] {
        let report = with(auth, require);
        assert!(report.contains(says), "wanted: {says}\n{report}");
    }
    let report = with("main", "{ rule: 'claims.a == 1 && foo' }");
    let (line, caret) = {
        let mut lines = report.lines().skip_while(|line| !line.contains("&& foo"));
        (lines.next().unwrap(), lines.next().unwrap())
    };
    assert_eq!(line.find("foo"), caret.find('^'), "{report}");
}

#[test]
fn methods_that_ask_others_are_checked() {
    let regions = [region("us-east-1", 1000), region("eu-west-1", 2000)];
    let regions = [regions[0].as_str(), regions[1].as_str()];
    let with = |spec: &str, require: &str| {
        let route =
            format!("  asked: {{ path: /s, upstream: echo, auth: who, require: {require} }}\n");
        check(
            &format!("{WORLD}{route}authenticators: {{ who: {spec} }}\n"),
            &regions,
        )
    };
    let introspection = |more: &str| {
        with(
            &format!(
                "{{ introspection: {{ url: 'https://id.example/i', client_id: gw, client_secret_file: s{more} }} }}"
            ),
            "{}",
        )
    };
    let external = |more: &str| {
        with(
            &format!("{{ external: {{ url: 'https://a.example/c'{more} }} }}"),
            "{}",
        )
    };
    let basic = |more: &str| with(&format!("{{ basic: {{ users_file: u{more} }} }}"), "{}");
    for good in [introspection(""), external(""), basic("")] {
        assert_eq!(good, "");
    }
    for (report, says) in [
        (introspection(", active_ttl: 2h"), "more than an hour"),
        (introspection(", in_flight_max: 0"), "it can ask nothing"),
        (introspection(", timeout: 0s"), "no time for an answer"),
        (
            with(
                "{ introspection: { url: 'http://id.example/i', client_id: g, client_secret_file: s } }",
                "{}",
            ),
            "`who` asks about tokens without TLS",
        ),
        (
            with(
                "{ introspection: { url: id, client_id: g, client_secret_file: s } }",
                "{}",
            ),
            "none that can be asked",
        ),
        (external(", credentials: []"), "passes on no credentials"),
        (external(", fields: ['a b']"), "`a b` is no header name"),
        (external(", on_failure: open"), "refuse"),
        (external(", timeout: 1m"), "not between 1ms and 30s"),
        (
            with("{ external: { url: 'http://a.example/c' } }", "{}"),
            "passes credentials on without TLS",
        ),
        (basic(", at_once_max: 100"), "at_once_max is not 1 to 64"),
        (basic(", queue_max: 0"), "queue_max is not 1 to 4096"),
        (
            with("{ basic: { users_file: u } }", "{ roles: [a] }"),
            "has neither roles nor scopes",
        ),
        (
            with("{ external: { url: 'https://a/c' } }", "{ scopes: [a] }"),
            "has no scopes without `scopes_header`",
        ),
    ] {
        assert!(report.contains(says), "wanted: {says}\n{report}");
        assert!(report.contains("world.yaml:"), "no place:\n{report}");
    }
}

#[test]
fn certificates_of_clients_are_checked() {
    let world = format!(
        "{WORLD}  mutual: {{ path: /m, upstream: echo, auth: machines }}\nauthenticators: {{ machines: {{ mtls: {{ names: ['*.a.b'] }} }} }}\n"
    );
    let with = |from: &str, to: &str, tls: &str| {
        let secure = format!(
            "public: {{}}\n  secure: {{ listen: 127.0.0.1:1, tls: {{ certificate: a, key: b{tls} }} }}"
        );
        let us = region("us-east-1", 1000).replace("public: {}", &secure);
        let eu = region("eu-west-1", 2000).replace("public: {}", &secure.replace(":1,", ":2,"));
        check(&world.replace(from, to), &[&us, &eu])
    };
    let ca = ", client_ca: c, client_crls: [d], client_required: true";
    assert_eq!(with("", "", ca), "");
    for (from, to, tls, says) in [
        (
            "",
            "",
            "",
            "no door of this region asks clients for certificates, as `machines` needs",
        ),
        (
            "",
            "",
            ", client_required: true",
            "the door `secure` does not say who vouches for clients",
        ),
        (
            "'*.a.b'",
            "'*'",
            ca,
            "`*` is no name that a certificate could have",
        ),
        ("['*.a.b']", "[]", ca, "it lets in nobody"),
        (
            "auth: machines",
            "auth: machines, require: { scopes: [a] }",
            ca,
            "has neither roles nor scopes",
        ),
    ] {
        let report = with(from, to, tls);
        assert!(report.contains(says), "wanted: {says}\n{report}");
    }
}

#[test]
fn credentials_that_travel_in_clear_are_warned_of() {
    let eu = region("eu-west-1", 2_000);
    let check = |more: &str, auth: &str, addr: &str, door: &str| {
        let us = region("us-east-1", 1_000)
            .replace("public: 127.0.0.1:1001", &format!("public: {addr}:1001"))
            .replace("public: {}", &format!("public: {{ {door} }}"));
        let route = format!("upstream: echo, auth: {auth}, limits: [per-key]");
        let world = WORLD.replace("upstream: echo, limits: [per-key]", &route);
        check(&format!("{world}{more}"), &[&us, &eu])
    };
    let people = "authenticators: { people: { basic: { users_file: u } } }\n";
    let query = "keys: { query: api_key }\n";
    for (more, auth) in [
        (people, "people"),
        (query, "key"),
        ("keys: { cookie: k }\n", "key"),
        ("keys: { basic: true }\n", "key"),
    ] {
        let report = check(more, auth, "192.0.2.1", "");
        assert!(report.contains("without TLS"), "{more}: {report}");
        assert!(
            report.contains("shows the route `hello`"),
            "{more}: {report}"
        );
        assert!(report.starts_with("warning"), "{report}");
    }
    let tls = "tls: { certificate: c, key: k }";
    for (more, auth, addr, door) in [
        ("", "key", "192.0.2.1", ""),
        (people, "key", "192.0.2.1", ""),
        (query, "none", "192.0.2.1", ""),
        (people, "people", "127.0.0.1", ""),
        (people, "people", "192.0.2.1", tls),
        (
            people,
            "people",
            "192.0.2.1",
            "trusted_proxies: [192.0.2.0/24]",
        ),
    ] {
        let report = check(more, auth, addr, door);
        assert!(
            !report.contains("without TLS"),
            "{more} {auth} {door}: {report}"
        );
    }
}

#[test]
fn a_signature_that_cannot_be_meant_is_told_with_its_name() {
    let (us, eu) = (region("us-east-1", 1_000), region("eu-west-1", 2_000));
    let check = |spec: &str| {
        let more = format!("authenticators: {{ partners: {{ signature: {spec} }} }}\n");
        check(&format!("{WORLD}{more}"), &[&us, &eu])
    };
    let key = "keys: { acme: { alg: hmac-sha256, key_file: k } }";
    assert_eq!(check(&format!("{{ {key} }}")), "");
    let report = check("{ keys: {}, components: [\"@status\"] }");
    for says in [
        "`partners` cannot be meant",
        "it has no keys",
        "`@status` is nothing",
    ] {
        assert!(report.contains(says), "{report}");
    }
    let report = check("{ keys: { acme: { alg: none, key_file: k } } }");
    assert!(report.contains("hmac-sha256"), "{report}");
}

#[test]
fn logins_are_checked() {
    let regions = [region("us-east-1", 1000), region("eu-west-1", 2000)];
    let regions = [regions[0].as_str(), regions[1].as_str()];
    let login = |more: &str| {
        format!(
            "{{ oidc: {{ issuer: 'https://id.example', client_id: gw, origin: 'https://app.example', cookie_keys_file: k{more} }} }}"
        )
    };
    let with = |more: &str, route: &str| {
        let route = format!("  site: {{ path: /s, upstream: echo, auth: web{route} }}\n");
        let web = login(more);
        let world = format!("{WORLD}{route}authenticators: {{ web: {web} }}\n");
        check(&world, &regions)
    };
    assert_eq!(with("", ""), "");
    assert_eq!(with("", ", hosts: ['*.example']"), "");
    for (more, says) in [
        (", cookie_max: 5KiB", "cookie_max is not between"),
        (", flows_max: 0", "flows_max is not 1 to 16"),
        (", scopes: [profile]", "the scope `openid`"),
        (", algorithms: [HS256]", "whoever reads our secret"),
        (", session_idle: 13h", "session_idle <= session_lifetime"),
        (", callback_path: '//evil'", "`//evil` is no plain path"),
        (
            ", callback_path: /.tidegate/logout",
            "leads to something else",
        ),
        (", params: { state: x }", "is the gateway's to say"),
        (
            ", provider: { file: keys.json }",
            "leave `file` and `url` out",
        ),
        (", renew_after: 0s", "renewed with each request"),
        (", sessions: 1", "unknown key `sessions`"),
    ] {
        let report = with(more, "");
        assert!(report.contains(says), "{more}: {report}");
    }
    for bad in [
        "app.example",
        "https://app.example/x",
        "https://u@app.example",
    ] {
        let world = format!("{WORLD}authenticators: {{ web: {} }}\n", login(""));
        let report = check(&world.replace("https://app.example", bad), &regions);
        assert!(report.contains("its origin is no site"), "{bad}: {report}");
    }
    let elsewhere = with("", ", hosts: [other.example]");
    assert!(
        elsewhere.contains("nobody can log in by `web`"),
        "{elsewhere}"
    );
    let roles = with("", ", require: { roles: [a] }");
    assert!(roles.contains("without `roles_claim`"), "{roles}");
    let two = format!(
        "{WORLD}authenticators: {{ web: {}, more: {} }}\n",
        login(""),
        login(", logout_path: /out")
    );
    let report = check(&two, &regions);
    assert!(
        report.contains("both want `/.tidegate/callback`"),
        "{report}"
    );
}

#[test]
fn a_service_falls_back_on_other_regions_if_there_are_some_and_the_relay_door_has_room() {
    let world = WORLD.replace(
        "  echo: {}",
        "  echo: { fallback: { regions_max: 2, retry_after: 1s } }",
    );
    let apart = |name: &str, mesh: u16| {
        region(name, mesh).replace(
            &format!("admin: 127.0.0.1:{mesh}"),
            &format!("admin: 127.0.0.1:{}", mesh + 2),
        )
    };
    let (us, eu) = (apart("us-east-1", 1_000), apart("eu-west-1", 2_000));
    assert_eq!(check(&world, &[&us, &eu]), "");

    let report = check(&world, &[&region("us-east-1", 1_000), &eu]);
    let taken =
        "the admin door of us-east-1/a and the relay door of us-east-1/a have the same address";
    assert!(report.contains(taken), "{report}");

    let named = us.replace(
        "  public: {}",
        "  public: {}\n  relay: { listen: 127.0.0.1:77 }",
    );
    let report = check(WORLD, &[&named, &eu]);
    assert!(
        report.contains("the door `relay` has the name of a door of ours"),
        "{report}"
    );

    let alone = world.replace("  eu-west-1: { location: [53.3, -6.3] }\n", "");
    let report = check(&alone, &[&us]);
    assert!(
        report.contains("`echo` has no other region to fall back on"),
        "{report}"
    );

    let none = world.replace("regions_max: 2", "regions_max: 0");
    assert!(check(&none, &[&us, &eu]).contains("regions_max"));
}

#[test]
fn other_regions_come_in_the_order_of_their_distance() {
    let text = WORLD.replace(
        "upstreams:\n",
        "  ap-southeast-1: { location: [1.3, 103.8] }\nupstreams:\n",
    );
    let source = |text: &str| Source::new("f.yaml".into(), text);
    let world = load_node(source(&text), source(&region("us-east-1", 1_000)))
        .unwrap()
        .0
        .world;
    assert_eq!(
        world.others_by_distance("us-east-1"),
        ["eu-west-1", "ap-southeast-1"]
    );
    assert_eq!(
        world.others_by_distance("ap-southeast-1"),
        ["eu-west-1", "us-east-1"]
    );
    assert!(world.others_by_distance("nowhere").is_empty());
}
