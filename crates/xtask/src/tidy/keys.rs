//! Every key that operators may write stands in a document.

use super::report::Report;

/// Where keys of structs in a folder are described.
const DOCUMENTS: [(&str, &str); 2] = [
    ("crates/sim/", "simulations/README.md"),
    ("crates/", "regions/README.md"),
];

/// The document that must describe what a source file reads, if it reads anything from operators.
pub(super) fn document(path: &str, text: &str) -> Option<&'static str> {
    let reads = path.ends_with(".rs") && !path.ends_with("/tests.rs");
    let of_crate = |(folder, _): &&(&str, &str)| path.starts_with(folder);
    let (_, document) = DOCUMENTS.iter().find(of_crate)?;
    (reads && keys(text).next().is_some()).then_some(document)
}

pub(super) fn check(path: &str, text: &str, document: &str, described: &str, report: &mut Report) {
    for key in keys(text) {
        if !described.contains(&format!("{key}:")) {
            report.error(format!(
                "{path}: the key `{key}` is not described in {document}"
            ));
        }
    }
}

/// Public fields of structs that forbid unknown keys: those that operators write.
fn keys(text: &str) -> impl Iterator<Item = &str> {
    let structs = text.split("deny_unknown_fields").skip(1);
    let bodies = structs.filter_map(|rest| {
        let body = rest.split_once("pub struct ")?.1;
        body.split_once("\n}").map(|(body, _)| body)
    });
    let field = |line: &'_ str| -> Option<(usize, usize)> {
        let rest = line.strip_prefix("    pub ")?;
        let end = rest.find(':')?;
        Some((8, 8 + end))
    };
    bodies
        .flat_map(str::lines)
        .filter_map(move |line| field(line).map(|(from, to)| &line[from..to]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "\
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct A {
    /// About it.
    pub amount: u32,
    hidden: u32,
}
pub struct B {
    pub other: u32,
}
";

    #[test]
    fn keys_that_are_not_described_are_found() {
        assert_eq!(
            document("crates/limit/src/spec.rs", SPEC),
            Some("regions/README.md")
        );
        assert_eq!(
            document("crates/sim/src/plan.rs", SPEC),
            Some("simulations/README.md")
        );
        assert_eq!(document("crates/limit/src/spec.rs", "fn main() {}"), None);
        let mut report = Report::default();
        check("a.rs", SPEC, "A.md", "amount: 3", &mut report);
        assert!(report.errors.is_empty());
        check("a.rs", SPEC, "A.md", "nothing", &mut report);
        assert_eq!(
            report.errors,
            ["a.rs: the key `amount` is not described in A.md"]
        );
    }
}
