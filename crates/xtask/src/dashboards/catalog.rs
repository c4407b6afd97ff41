//! What can be asked for: metrics of the catalogue, and recording rules.

use std::collections::BTreeMap;

/// Labels that Prometheus adds to what a node exposes, as deploy/prometheus has it.
const OF_TARGETS: [&str; 4] = ["job", "instance", "home", "node"];

/// Names of series, and their labels; none if any label goes.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    series: BTreeMap<String, Option<Vec<String>>>,
}

impl Catalog {
    /// From the text of the catalogue's source and of the recording rules.
    pub(crate) fn read(source: &str, rules: &str) -> Self {
        let mut catalog = Self::default();
        for (kind, name, labels) in metrics(source) {
            let names: &[&str] = match kind {
                "Counter" => &["_total"],
                "Gauge" => &[""],
                _ => &["_bucket", "_sum", "_count"],
            };
            for suffix in names {
                let mut labels: Vec<String> = labels.clone();
                if *suffix == "_bucket" {
                    labels.push("le".to_owned());
                }
                labels.extend(OF_TARGETS.map(str::to_owned));
                catalog
                    .series
                    .insert(format!("{name}{suffix}"), Some(labels));
            }
        }
        let records = rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- record: "));
        for record in records {
            catalog.series.insert(record.trim().to_owned(), None);
        }
        // Prometheus itself says whether it could scrape a target.
        let up = OF_TARGETS.map(str::to_owned).to_vec();
        catalog.series.insert("up".to_owned(), Some(up));
        catalog
    }

    /// Labels of a series; `None` if there is no such series.
    pub(crate) fn labels(&self, name: &str) -> Option<Option<&[String]>> {
        self.series.get(name).map(Option::as_deref)
    }
}

/// Kind, name and labels: `ID = Kind "name" ["label", ...]`.
fn metrics(source: &str) -> impl Iterator<Item = (&str, &str, Vec<String>)> {
    let kinds = ["Counter", "Gauge", "Histogram"];
    source.split(" = ").skip(1).filter_map(move |rest| {
        let kind = kinds.into_iter().find(|kind| rest.starts_with(kind))?;
        let mut quoted = rest.splitn(3, '"').skip(1);
        let name = quoted.next()?;
        let labels = quoted.next()?.split_once('[')?.1.split_once(']')?.0;
        let labels = labels
            .split(',')
            .map(|label| label.trim().trim_matches('"').to_owned());
        Some((
            kind,
            name,
            labels.filter(|label| !label.is_empty()).collect(),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_of_the_house_is_read() {
        let source = include_str!("../../../telemetry/src/catalog/all.rs");
        let catalog = Catalog::read(source, "  - record: home:x:rate1m\n");
        let labels = |name| catalog.labels(name).flatten().map(|all| all.join(" "));
        let requests = labels("tidegate_requests_total").unwrap();
        assert!(requests.starts_with("route status"), "{requests}");
        assert!(
            labels("tidegate_request_seconds_bucket")
                .unwrap()
                .contains(" le ")
        );
        assert!(labels("tidegate_ready").unwrap().starts_with("job"));
        assert_eq!(catalog.labels("home:x:rate1m"), Some(None));
        assert_eq!(catalog.labels("tidegate_requests"), None);
        assert!(catalog.series.len() > 80, "{}", catalog.series.len());
    }
}
