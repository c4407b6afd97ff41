//! Which crate may use which of ours. ARCHITECTURE.md draws it.

use serde::Deserialize;

use super::report::Report;

/// Each crate and what of ours it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("rule", &[]),
    ("route", &["model"]),
    ("identity", &["model"]),
    ("limit", &["model"]),
    ("balance", &["model"]),
    ("steer", &["model"]),
    ("trace", &["model"]),
    ("cluster", &["model", "limit", "steer"]),
    (
        "pipeline",
        &["model", "rule", "route", "identity", "limit", "balance"],
    ),
    (
        "config",
        &[
            "model", "rule", "route", "identity", "limit", "balance", "steer", "cluster",
            "pipeline",
        ],
    ),
    (
        "sim",
        &["model", "identity", "limit", "steer", "cluster", "config"],
    ),
    ("runtime", &["model"]),
    ("telemetry", &["model"]),
    ("dns", &["model"]),
    ("net", &["model", "runtime", "telemetry"]),
    ("keystore", &["model", "identity", "telemetry"]),
    ("dynamo", &["identity", "keystore", "runtime"]),
    ("limitstore", &["model", "limit", "telemetry"]),
    ("tokens", &["model", "identity", "runtime", "dns"]),
    ("grpc", &[]),
    ("ask", &["model", "identity", "runtime", "tokens", "grpc"]),
    ("otlp", &["tokens", "grpc"]),
    (
        "logship",
        &["model", "runtime", "telemetry", "tokens", "otlp"],
    ),
    (
        "proxy",
        &[
            "model",
            "route",
            "identity",
            "limit",
            "balance",
            "pipeline",
            "trace",
            "keystore",
            "limitstore",
            "tokens",
            "ask",
            "runtime",
            "telemetry",
            "dns",
            "net",
        ],
    ),
    ("mesh", &["model", "cluster", "runtime", "telemetry", "dns"]),
    (
        "anycast",
        &["model", "steer", "runtime", "telemetry", "grpc"],
    ),
    ("accelerator", &["anycast"]),
    ("zone", &["model"]),
    ("lab", &["model", "config", "anycast"]),
    (
        "gateway",
        &[
            "model",
            "rule",
            "route",
            "identity",
            "limit",
            "balance",
            "steer",
            "trace",
            "cluster",
            "pipeline",
            "config",
            "sim",
            "runtime",
            "telemetry",
            "dns",
            "net",
            "keystore",
            "dynamo",
            "limitstore",
            "tokens",
            "ask",
            "otlp",
            "logship",
            "proxy",
            "mesh",
            "anycast",
            "accelerator",
            "zone",
            "lab",
        ],
    ),
    ("xtask", &[]),
    ("tests", &["model", "sim"]),
];

/// Crates above which nothing with sockets or clocks stands.
pub(super) const PURE: &[&str] = &[
    "model", "rule", "route", "identity", "limit", "balance", "steer", "trace", "cluster",
    "pipeline", "config", "sim",
];

/// Crates of others that only decide or hold data: pure crates may use them.
const PURE_FRIENDS: &[&str] = &[
    "arrayvec",
    "annotate-snippets",
    "arc-swap",
    "base64",
    "bytes",
    "cel",
    "crdts",
    "foca",
    "hmac",
    "http",
    "ipnet",
    "jiff",
    "libm",
    "postcard",
    "rand",
    "rand_pcg",
    "saphyr-parser",
    "serde",
    "serde_json",
    "sfv",
    "sha2",
    "subtle",
    "thiserror",
    "xxhash-rust",
    "zeroize",
];

/// A crate of ours and what it uses, tests left out.
pub(super) struct Package {
    name: String,
    uses: Vec<String>,
}

/// The packages in the output of `cargo metadata`.
pub(super) fn packages(metadata: &str) -> Result<Vec<Package>, String> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Listed>,
    }
    #[derive(Deserialize)]
    struct Listed {
        name: String,
        dependencies: Vec<Dependency>,
    }
    #[derive(Deserialize)]
    struct Dependency {
        name: String,
        kind: Option<String>,
    }
    let metadata: Metadata = serde_json::from_str(metadata)
        .map_err(|error| format!("`cargo metadata` cannot be read: {error}"))?;
    let package = |listed: Listed| Package {
        name: listed.name,
        uses: listed
            .dependencies
            .into_iter()
            .filter(|dependency| dependency.kind.is_none())
            .map(|dependency| dependency.name)
            .collect(),
    };
    Ok(metadata.packages.into_iter().map(package).collect())
}

/// The folder of a package.
fn folder(package: &str) -> &str {
    match package {
        "tidegate" => "gateway",
        other => other.strip_prefix("tidegate-").unwrap_or(other),
    }
}

pub(super) fn check(packages: &[Package], report: &mut Report) {
    let ours = |name: &str| packages.iter().any(|package| package.name == name);
    for package in packages {
        let name = folder(&package.name);
        let Some((_, allowed)) = ARROWS.iter().find(|(listed, _)| *listed == name) else {
            report.error(format!(
                "the crate {name} is not in the table of arrows (crates/xtask/src/tidy/arrows.rs)"
            ));
            continue;
        };
        for used in &package.uses {
            if ours(used) && !allowed.contains(&folder(used)) {
                report.error(format!(
                    "{name} uses {}: no such arrow in ARCHITECTURE.md",
                    folder(used)
                ));
            }
            if !ours(used) && PURE.contains(&name) && !PURE_FRIENDS.contains(&used.as_str()) {
                report.error(format!(
                    "{name} decides and does nothing else, so it may not use the crate {used}"
                ));
            }
        }
        for unused in allowed.iter().filter(|allowed| {
            let uses = |used: &String| ours(used) && folder(used) == **allowed;
            !package.uses.iter().any(uses)
        }) {
            report.warn(format!("the arrow from {name} to {unused} is not used"));
        }
    }
    for (listed, _) in ARROWS {
        if !packages
            .iter()
            .any(|package| folder(&package.name) == *listed)
        {
            report.error(format!(
                "the table of arrows names {listed}, which is no crate"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, uses: &[&str]) -> Report {
        let mut packages: Vec<Package> = ARROWS
            .iter()
            .map(|(folder, _)| Package {
                name: format!("tidegate-{folder}"),
                uses: Vec::new(),
            })
            .collect();
        packages.retain(|package| folder(&package.name) != folder(name));
        packages.push(Package {
            name: name.to_owned(),
            uses: uses.iter().map(|&used| used.to_owned()).collect(),
        });
        let mut report = Report::default();
        check(&packages, &mut report);
        report
    }

    #[test]
    fn arrows_point_down_only() {
        assert!(
            with("tidegate-limit", &["tidegate-model"])
                .errors
                .is_empty()
        );
        let report = with("tidegate-limit", &["tidegate-cluster"]);
        assert!(
            report.errors[0].contains("limit uses cluster"),
            "{report:?}"
        );
    }

    #[test]
    fn what_decides_has_no_sockets() {
        let report = with("tidegate-steer", &["tokio"]);
        assert!(
            report.errors[0].contains("may not use the crate tokio"),
            "{report:?}"
        );
        assert!(with("tidegate-mesh", &["tokio"]).errors.is_empty());
    }

    #[test]
    fn a_new_crate_must_be_drawn() {
        let report = with("tidegate-cellar", &[]);
        assert!(report.errors[0].contains("the crate cellar"), "{report:?}");
    }

    #[test]
    fn dependencies_of_tests_are_free() {
        let metadata = r#"{"packages": [{"name": "tidegate-limit", "dependencies": [
            {"name": "tidegate-model", "kind": null},
            {"name": "tokio", "kind": "dev"}]}]}"#;
        let packages = packages(metadata).expect("metadata");
        assert_eq!(packages[0].uses, ["tidegate-model"]);
    }
}
