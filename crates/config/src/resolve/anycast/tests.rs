use crate::{Source, load_node};

const WORLD: &str = "\
regions:
  us-east-1: { location: [38.9, -77.4] }
upstreams:
  echo: {}
routes:
  open: { path: /open/*, upstream: echo, auth: none }
";
const GROUP: &str =
    "arn:aws:globalaccelerator::123456789012:accelerator/1/listener/2/endpoint-group/3";

/// The report of a region with two nodes, without colours, or nothing.
fn check(anycast: &str) -> String {
    let region = format!(
        "region: us-east-1\nnodes:\n  a: {{ mesh: 10.0.0.1:1 }}\n  b: {{ mesh: 10.0.0.2:1 }}\n\
         doors:\n  public: {{ listen: 0.0.0.0:80 }}\nupstreams:\n  echo: [127.0.0.1:9]\n{anycast}\n"
    );
    report(&region)
}

fn report(region: &str) -> String {
    let source = |name: &str, text: &str| Source::new(name.into(), text);
    match load_node(source("world.yaml", WORLD), source("region.yaml", region)) {
        Ok((_, report)) | Err(report) => report.render(false),
    }
}

#[test]
fn an_accelerator_without_what_it_needs_is_told_what() {
    let with = |group: &str, rest: &str| {
        check(&format!(
            "anycast: {{ global_accelerator: {{ group: \"{group}\", {rest} }} }}"
        ))
    };
    assert_eq!(with(GROUP, "endpoints: { a: i-1, b: i-2 }"), "");
    for (group, rest, part) in [
        (
            "arn:aws:globalaccelerator::123456789012:accelerator/1",
            "endpoints: { a: i-1, b: i-2 }",
            "no ARN of an endpoint group",
        ),
        (GROUP, "endpoints: { a: i-1 }", "node `b` has no endpoint"),
        (
            GROUP,
            "endpoints: { a: i-1, b: i-2, c: i-3 }",
            "names a node `c` that is none",
        ),
        (
            GROUP,
            "endpoints: { a: i-1, b: i-2 }, weight: 5, second_weight: 5",
            "not below `weight`",
        ),
        (GROUP, "endpoints: { a: i-1, b: i-2 }, weight: 0", "weight"),
    ] {
        let told = with(group, rest);
        assert!(
            told.contains(part) && told.contains("region.yaml:"),
            "{part}: {told}"
        );
    }
}

#[test]
fn what_deploy_shows_is_accepted() {
    for text in [
        include_str!("../../../../../deploy/bird/region.yaml"),
        include_str!("../../../../../deploy/exabgp/region.yaml"),
        include_str!("../../../../../deploy/gobgp/region.yaml"),
        include_str!("../../../../../deploy/accelerator/region.yaml"),
    ] {
        assert_eq!(report(text), "");
    }
}
