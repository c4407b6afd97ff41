//! What is checked of a query without asking Prometheus: names of series, and labels in their
//! selectors.

use super::Catalog;

/// A series that a query names, and the labels that its selector names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Metric<'q> {
    pub(crate) name: &'q str,
    pub(crate) labels: Vec<&'q str>,
}

/// What is wrong with a query, in sentences.
pub(crate) fn wrong(query: &str, catalog: &Catalog) -> Vec<String> {
    let mut wrong = Vec::new();
    let named = metrics(query);
    if named.is_empty() {
        wrong.push(format!("`{query}` names no metric"));
    }
    for metric in named {
        match catalog.labels(metric.name) {
            None => wrong.push(format!("there is no series `{}`", metric.name)),
            Some(None) => {}
            Some(Some(known)) => {
                let unknown = metric
                    .labels
                    .iter()
                    .filter(|label| !known.iter().any(|k| k == *label));
                wrong.extend(
                    unknown.map(|label| format!("`{}` has no label `{label}`", metric.name)),
                );
            }
        }
    }
    wrong
}

/// All series that a query names: ours, those of processes, recording rules, and `up`.
fn metrics(query: &str) -> Vec<Metric<'_>> {
    let mut found = Vec::new();
    let bytes = query.as_bytes();
    let part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':');
    let mut at = 0;
    let mut quoted = false;
    while at < bytes.len() {
        if bytes[at] == b'"' {
            quoted = !quoted;
        }
        if quoted || !part(bytes[at]) {
            at += 1;
            continue;
        }
        let end = (at..bytes.len())
            .find(|i| !part(bytes[*i]))
            .unwrap_or(bytes.len());
        let name = &query[at..end];
        let ours = name.starts_with("tidegate_") || name.starts_with("process_") || name == "up";
        if ours || name.trim_matches(':').contains(':') {
            let selector = query[end..]
                .strip_prefix('{')
                .and_then(|rest| rest.split_once('}'));
            let labels = selector.map_or(Vec::new(), |(inside, _)| labels(inside));
            found.push(Metric { name, labels });
        }
        at = end;
    }
    found
}

fn labels(inside: &str) -> Vec<&str> {
    let names = inside
        .split(',')
        .filter_map(|pair| pair.split(['=', '!']).next());
    names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

/// The queries of a file of rules, with their lines. Expressions may go over several lines that are
/// indented further.
pub(super) fn of_rules(text: &str) -> Vec<(usize, String)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(rest) = line
            .trim_start()
            .trim_start_matches("- ")
            .strip_prefix("expr:")
        else {
            continue;
        };
        let mut query = rest.trim().trim_start_matches(['|', '>']).to_owned();
        let further = lines[at + 1..]
            .iter()
            .take_while(|next| indent(next) > indent(line));
        for next in further {
            query.push(' ');
            query.push_str(next.trim());
        }
        found.push((at + 1, query));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_found() {
        let query = r#"sum by (home) (rate(tidegate_a_total{route="x:y",status!~"2.."}[1m])) / home:b:rate1m"#;
        let found = metrics(query);
        assert_eq!(
            found[0],
            Metric {
                name: "tidegate_a_total",
                labels: vec!["route", "status"]
            }
        );
        assert_eq!(found[1].name, "home:b:rate1m");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let catalog = Catalog::read("A = Counter \"tidegate_a\" [\"route\"];", "");
        let wrong = |query| wrong(query, &catalog);
        assert!(wrong("rate(tidegate_a_total{route=\"x\"}[1m])").is_empty());
        assert_eq!(
            wrong("tidegate_a_total{rout=\"x\"}"),
            ["`tidegate_a_total` has no label `rout`"]
        );
        assert_eq!(wrong("tidegate_a"), ["there is no series `tidegate_a`"]);
        assert_eq!(wrong("1"), ["`1` names no metric"]);
    }

    #[test]
    fn expressions_of_rules_are_read() {
        let text = "rules:\n  - record: x\n    expr: |\n      sum(up)\n      / 2\n    labels: {}\n  - expr: up\n";
        assert_eq!(
            of_rules(text),
            [(3, " sum(up) / 2".to_owned()), (7, "up".to_owned())]
        );
    }
}
