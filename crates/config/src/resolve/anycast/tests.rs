use super::super::sample::{report, report_with as check};

const GROUP: &str =
    "arn:aws:globalaccelerator::123456789012:accelerator/1/listener/2/endpoint-group/3";

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
