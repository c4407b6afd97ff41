//! A trace as a tree of spans with their times, for a terminal.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::columns;
use crate::traces::{SpanDocument, TraceDocument};

/// How wide the longest bar is.
const BAR: u64 = 32;
/// Attributes that say most of a span, in this order.
const TOLD: [&str; 10] = [
    "http.response.status_code",
    "server.address",
    "tidegate.relay",
    "tidegate.limit",
    "tidegate.waited_ms",
    "tidegate.refusal",
    "tidegate.consumer",
    "tidegate.ended",
    "http.request.resend_count",
    "url.path",
];

/// A span, who tells of it, and how deep it lies.
struct Row<'d> {
    part: &'d TraceDocument,
    span: &'d SpanDocument,
    depth: usize,
}

/// The parts of one trace as a table.
pub(super) fn waterfall(parts: &[TraceDocument]) -> String {
    let rows = rows(parts);
    let spans = || rows.iter().map(|row| row.span);
    let begin = spans().map(|span| span.start_unix_ns).min().unwrap_or(0);
    let ends = spans().map(|span| span.start_unix_ns.saturating_add(span.took_ns));
    let whole = ends.max().unwrap_or(0).saturating_sub(begin).max(1);
    let mut table = columns(["SPAN", "NODE", "AFTER", "TOOK", "", "WHAT IS KNOWN"]);
    for row in &rows {
        let after = row.span.start_unix_ns.saturating_sub(begin);
        table.add_row([
            format!("{}{}", "  ".repeat(row.depth), row.span.name),
            row.part.node.to_string(),
            millis(after),
            millis(row.span.took_ns),
            bar(after, row.span.took_ns, whole),
            known(row.span),
        ]);
    }
    let trace = parts.first().map_or("", |part| &part.trace);
    let cut: u32 = parts.iter().map(|part| part.cut).sum();
    let cut = match cut {
        0 => String::new(),
        cut => format!(", {cut} spans left out"),
    };
    let table = table.to_string();
    let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
    format!(
        "trace {trace}, {}{cut}\n{}\n",
        millis(whole),
        lines.join("\n")
    )
}

/// Each span below what it is part of, in the order that they began.
fn rows(parts: &[TraceDocument]) -> Vec<Row<'_>> {
    let all = || {
        let spans = |part| move |span| (part, span);
        parts
            .iter()
            .flat_map(move |part: &TraceDocument| part.spans.iter().map(spans(part)))
    };
    let known: BTreeSet<&str> = all().map(|(_, span)| span.span.as_str()).collect();
    let mut below: BTreeMap<Option<&str>, Vec<(&TraceDocument, &SpanDocument)>> = BTreeMap::new();
    for (part, span) in all() {
        let parent = span
            .parent
            .as_deref()
            .filter(|parent| known.contains(parent));
        below.entry(parent).or_default().push((part, span));
    }
    for spans in below.values_mut() {
        spans.sort_by_key(|(_, span)| span.start_unix_ns);
    }
    let mut rows = Vec::new();
    let mut open: Vec<(Option<&str>, usize)> = vec![(None, 0)];
    let mut next: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    while let Some((parent, depth)) = open.last().copied() {
        let at = next.entry(parent).or_default();
        let Some((part, span)) = below.get(&parent).and_then(|spans| spans.get(*at)) else {
            open.pop();
            continue;
        };
        *at += 1;
        rows.push(Row { part, span, depth });
        open.push((Some(&span.span), depth + 1));
    }
    rows
}

fn millis(nanos: u64) -> String {
    format!("{:.2} ms", nanos as f64 / 1e6)
}

fn bar(after: u64, took: u64, whole: u64) -> String {
    let place = |nanos: u64| {
        let scaled = u128::from(nanos) * u128::from(BAR) / u128::from(whole);
        usize::try_from(scaled).unwrap_or(0).min(BAR as usize)
    };
    let (from, to) = (place(after), place(after.saturating_add(took)));
    let from = from.min(BAR as usize - 1);
    format!(
        "{}{}",
        "·".repeat(from),
        "━".repeat((to - from.min(to)).max(1))
    )
}

fn known(span: &SpanDocument) -> String {
    let told = TOLD.iter().filter_map(|name| {
        let value = span.attributes.get(*name)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let short = name.rsplit('.').next().unwrap_or(name);
        Some(format!("{short}={text}"))
    });
    let error = span.error.iter().map(|error| format!("error={error}"));
    // What clients sent may hold what a terminal obeys.
    let text = told.chain(error).collect::<Vec<_>>().join(" ");
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(name: &str, id: &str, parent: Option<&str>, from: u64, took: u64) -> SpanDocument {
        SpanDocument {
            span: id.to_owned(),
            parent: parent.map(str::to_owned),
            name: name.to_owned(),
            kind: "internal".to_owned(),
            start_unix_ns: from * 1_000_000,
            took_ns: took * 1_000_000,
            attributes: BTreeMap::new(),
            error: None,
        }
    }

    #[test]
    fn parts_of_several_nodes_become_one_tree() {
        let part = |node: &str, spans| TraceDocument {
            trace: "0a".to_owned(),
            node: node.parse().unwrap(),
            cut: 0,
            spans,
        };
        let mut second = span("GET", "4", Some("3"), 104, 3);
        second.error = Some("503\u{1b}[2J".to_owned());
        let parts = [
            part("eu/b", vec![second]),
            part(
                "us/a",
                vec![
                    span("GET", "1", Some("of the client"), 100, 10),
                    span("forward", "3", Some("1"), 102, 8),
                    span("route", "2", Some("1"), 100, 2),
                ],
            ),
        ];
        let text = waterfall(&parts);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "trace 0a, 10.00 ms");
        let names: Vec<&str> = lines[2..]
            .iter()
            .map(|line| line.split(" e").next().unwrap())
            .map(|line| line.split(" u").next().unwrap().trim_end())
            .collect();
        assert_eq!(names, [" GET", "   route", "   forward", "     GET"]);
        assert!(lines[5].contains("eu/b") && lines[5].contains("4.00 ms"));
        assert!(lines[5].ends_with("error=503[2J"), "{:?}", lines[5]);
    }

    #[test]
    fn nothing_that_a_node_says_breaks_the_picture() {
        let odd = [
            span("itself", "1", Some("1"), 0, u64::MAX / 1_000_000),
            span("after the end", "2", None, u64::MAX / 1_000_000, 5),
        ];
        let parts = [TraceDocument {
            trace: String::new(),
            node: "us/a".parse().unwrap(),
            cut: 3,
            spans: odd.to_vec(),
        }];
        assert!(waterfall(&parts).contains("3 spans left out"));
        assert!(waterfall(&[]).starts_with("trace"));
    }
}
