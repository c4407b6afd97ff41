//! `cargo xtask deploy-check`: what operators deploy, looked at by the programs that will take it.
//!
//! Where a program cannot be had, the nearest thing to it looks: Helm's charts are rendered by
//! Go's own templates with Sprig (`deploy-check/helm.go`), Terraform's files are parsed as HCL.
//! What names metrics is checked by `tidy`, and queries run in `tests/e2e/dashboards.rs`.

use std::path::Path;
use std::process::Command;

use crate::command::{output, show};
use crate::tools;

const CHART: &str = "deploy/kubernetes/tidegate";
const SCRIPTS: &str = "crates/xtask/deploy-check";

/// Runs all checks. Whether nothing is wrong.
pub(crate) fn run(root: &Path) -> Result<bool, String> {
    tools::ensure(&[
        tools::PROMTOOL,
        tools::AMTOOL,
        tools::SYSTEMD_ANALYZE,
        tools::BIRD,
        tools::GOBGP,
        tools::GO,
        tools::SPRIG,
    ])?;
    let python = tools::ensure_python(root)?.join("bin");
    let scratch = root.join("target/deploy-check");
    std::fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
    let mut wrong = Vec::new();
    let mut check = |name: &str, command: &mut Command| -> Result<(), String> {
        println!("-- {name}");
        if !show(command.current_dir(root))? {
            wrong.push(name.to_owned());
        }
        Ok(())
    };
    let rules = ["recording", "alerts"].map(|name| format!("deploy/prometheus/rules/{name}.yml"));
    check("rules", of("promtool", &["check", "rules"]).args(&rules))?;
    let tests = "deploy/prometheus/rules/tests.yml";
    check(
        "tests of alerts",
        &mut of("promtool", &["test", "rules", tests]),
    )?;
    let config = "deploy/prometheus/prometheus.yml";
    check(
        "Prometheus",
        &mut of("promtool", &["check", "config", config]),
    )?;
    let config = "deploy/prometheus/alertmanager.yml";
    check("Alertmanager", &mut of("amtool", &["check-config", config]))?;
    for name in ["node.conf", "router.conf"] {
        let file = format!("deploy/bird/{name}");
        check(&file, &mut of("bird", &["-p", "-c", &file]))?;
    }
    let file = "deploy/gobgp/gobgpd.toml";
    check(file, &mut of("gobgpd", &["--dry-run", "-f", file]))?;
    units(root, &scratch, &mut check)?;
    let hadolint = python.join("hadolint");
    check(
        "container",
        Command::new(hadolint).arg("deploy/container/Containerfile"),
    )?;
    let read = |what: &str| {
        let mut command = Command::new(python.join("python"));
        command.arg(format!("{SCRIPTS}/read.py")).arg(what);
        command
    };
    check(
        "Terraform",
        read("hcl").args(files(root, "deploy/terraform", "tf")?),
    )?;
    if tools::found("terraform") {
        let fmt = ["fmt", "-check", "-recursive", "deploy/terraform"];
        check("Terraform's own format", &mut of("terraform", &fmt))?;
    }
    let mut yaml = files(root, "deploy/compose", "yaml")?;
    yaml.extend(files(root, "deploy/grafana", "yaml")?);
    check("YAML", read("yaml").args(yaml))?;
    for kind in ["DaemonSet", "Deployment"] {
        let mut helm = of("go", &["run", &format!("{SCRIPTS}/helm.go"), CHART, "edge"]);
        helm.arg(format!("kind={kind}"))
            .env("GO111MODULE", "off")
            .env("GOPATH", "/usr/share/gocode");
        let documents = output(helm.current_dir(root))?;
        let rendered = scratch.join(format!("{kind}.yaml"));
        std::fs::write(&rendered, documents).map_err(|error| error.to_string())?;
        let mut read = read("kubernetes");
        check(
            &format!("chart, {kind}"),
            read.arg(rendered).arg(scratch.join(kind)),
        )?;
    }
    for name in &wrong {
        println!("wrong: {name}");
    }
    Ok(wrong.is_empty())
}

/// Units, with a program in place of ours, which need not be installed here.
fn units(
    root: &Path,
    scratch: &Path,
    check: &mut impl FnMut(&str, &mut Command) -> Result<(), String>,
) -> Result<(), String> {
    let mut all = Vec::new();
    for file in files(root, "deploy/systemd", "service")? {
        let text = std::fs::read_to_string(root.join(&file)).map_err(|error| error.to_string())?;
        let name = Path::new(&file).file_name().unwrap_or_default();
        let copy = scratch.join(name);
        std::fs::write(&copy, text.replace("/usr/bin/tidegate", "/bin/true"))
            .map_err(|error| error.to_string())?;
        all.push(copy);
    }
    check(
        "units",
        of("systemd-analyze", &["verify", "--man=no"]).args(all),
    )
}

fn of(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Files below a folder with this ending, as paths from the root.
fn files(root: &Path, folder: &str, ending: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files(root, &path, ending)?);
        } else if path.ends_with(&format!(".{ending}")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
