use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use tidegate_model::{Period, Prefix};

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    #[serde(default)]
    wait: Option<Period>,
    #[serde(default)]
    from: Vec<Prefix>,
    #[serde(default)]
    count: u16,
    #[serde(default)]
    on: bool,
    #[serde(default)]
    how: Option<How>,
    #[serde(default)]
    parts: BTreeMap<String, Spanned<u8>>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum How {
    Fast,
    Slow(Period),
}

type Things = BTreeMap<String, Thing>;

/// What was read, and the problems as `line:column message (hint)`.
fn reading(text: &str) -> (Option<Things>, Vec<String>) {
    let source = Source::new("t.yaml".into(), text);
    let mut problems = Vec::new();
    let things = read(&source, &mut problems);
    let place = |problem: &Diagnostic| {
        let start = problem.span.as_ref().unwrap().range.start;
        let line = text[..start].matches('\n').count() + 1;
        let column = start - text[..start].rfind('\n').map_or(0, |at| at + 1) + 1;
        let hint = problem
            .hint
            .as_ref()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        format!("{line}:{column} {}{hint}", problem.message)
    };
    let mut all: Vec<String> = problems.iter().map(place).collect();
    all.sort();
    (things, all)
}

#[test]
fn good_text_is_read() {
    let (things, problems) = reading(
        "a:\n  name: 7\n  wait: 1m\n  from: [10.0.0.0/8]\n  count: 3\n  on: true\n  how: { slow: 3s }\n  parts: {x: 1}\nb: {name: \"true\", how: fast}\n",
    );
    assert_eq!(problems, [""; 0]);
    let things = things.unwrap();
    assert_eq!(things["a"].how, Some(How::Slow(Period::from_secs(3))));
    assert_eq!(things["a"].parts["x"].value, 1);
    assert_eq!(
        (things["b"].name.as_str(), &things["b"].how),
        ("true", &Some(How::Fast))
    );
}

#[test]
fn every_problem_is_told_in_one_run() {
    let (things, problems) = reading(
        "a:\n  nam: x\n  wait: soon\n  from: [10.0.0.0/8, 10.0.0.1/8, nowhere]\n  count: 70000\n  on: yes\n  how: fats\n\
         b:\n  name: b\n  count: -1\n  count: 2\n\
         c: just text\n\
         d:\n  name: [x]\n  parts: {x: 1, y: 300}\n  how: {slow: never}\n",
    );
    assert_eq!(
        problems,
        [
            "10:10 expected a whole number from 0 to 65535, found `-1`",
            "11:3 `count` stands here twice (remove or rename one of them)",
            "12:4 expected a map with keys such as name, wait, from, count, on, how, parts, found a value",
            "14:9 expected a text, found a list",
            "15:20 expected a whole number from 0 to 255, found `300`",
            "16:15 `never` is not a duration: write a number with ms, s, m, h or d, like 750ms or 1m30s",
            "2:3 `name` is missing",
            "2:3 unknown key `nam` (did you mean `name`?)",
            "3:9 `soon` is not a duration: write a number with ms, s, m, h or d, like 750ms or 1m30s",
            "4:22 `10.0.0.1/8` has bits set beyond its prefix: did you mean 10.0.0.0/8?",
            "4:34 `nowhere` is not an address block: write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
            "5:10 expected a whole number from 0 to 65535, found `70000`",
            "6:7 expected true or false, found `yes`",
            "7:8 `fats` is not one of fast, slow (did you mean `fast`?)",
        ]
    );
    assert_eq!(
        things.unwrap().keys().collect::<Vec<_>>(),
        ["b"],
        "what can be read is read"
    );
}

#[test]
fn anchors_work_within_a_budget() {
    let (things, problems) = reading("a: &base {name: x, count: 1}\nb: *base\n");
    assert_eq!(problems, [""; 0]);
    assert_eq!(things.unwrap()["b"].name, "x");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let all = format!("*a{}, ", i - 1).repeat(10);
        bomb.push_str(&format!("a{i}: &a{i} [{all}]\n"));
    }
    let (_, problems) = reading(&bomb);
    assert!(problems[0].contains("too large"), "{problems:?}");
}

#[test]
fn what_is_not_yaml_is_told_with_its_place() {
    for (text, place) in [
        ("a: [1, 2\nb: 3\n", "2:"),
        ("a:\n\t- x\n", "2:"),
        ("a: \"x\n", "1:"),
        ("a: b: c\n", "1:"),
    ] {
        let (things, problems) = reading(text);
        assert!(things.is_none());
        assert!(
            problems[0].starts_with(place) && problems[0].contains("this is not YAML"),
            "{text:?}: {problems:?}"
        );
    }
    let (_, problems) = reading("a: {name: x}\n---\nb: {name: y}\n");
    assert!(problems[0].contains("one document"), "{problems:?}");
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(reading(&deep).1[0].contains("too deeply"));
}

#[test]
fn places_are_right_beyond_ascii() {
    let (_, problems) = reading("a:\n  name: Zürich – 東京\n  wait: später\n");
    assert!(problems[0].starts_with("3:9 "), "{problems:?}");
}

proptest! {
    #[test]
    fn no_text_panics_or_runs_for_ever(text in "[ab:{}\\[\\],\\-&*!|>\"'#\n x1]{0,60}") {
        let _ignored = reading(&text);
    }
}
