//! Announcing through ExaBGP and GoBGP: a router that is a real BIRD hears what nodes want. Root
//! only.
//!
//! The daemons run with the configurations that we ship in `deploy`, with other addresses.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::{binary, can_have_internet, report, tidegate, tool};
use tempfile::TempDir;

use crate::WORLD;

const VIP: &str = "203.0.113.1";
const ADMIN: &str = "127.0.0.1:9901";
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    ExaBgp,
    GoBgp,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::ExaBgp => "exabgp",
            Self::GoBgp => "gobgp",
        }
    }

    const fn program(self) -> &'static str {
        match self {
            Self::ExaBgp => "exabgp",
            Self::GoBgp => "gobgpd",
        }
    }

    fn is_there(self) -> bool {
        let asked = Command::new(self.program())
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        can_have_internet() && asked.is_ok()
    }
}

/// A router, and a node with its daemon, each in a network of its own.
struct Peering {
    kind: Kind,
    folder: TempDir,
    children: Vec<(&'static str, Child)>,
}

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy")
        .join(path)
}

fn run(line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let output = tool(words[0], &words[1..]);
    assert_eq!(output.code, 0, "{line}: {}{}", output.out, output.err);
}

impl Peering {
    /// `None` where it cannot be had.
    fn start(kind: Kind) -> Option<Self> {
        if !kind.is_there() {
            let name = kind.program();
            report(&format!(
                "speakers, {name}: not run, it needs root, bird2, iproute2 and {name}."
            ));
            return None;
        }
        let mut peering = Self {
            kind,
            folder: tempfile::tempdir().expect("a temporary folder"),
            children: Vec::new(),
        };
        peering.lay_link();
        peering.configure();
        peering.start_router();
        peering.start_daemon();
        let service = [
            "lab",
            "upstream",
            "--listen",
            "127.0.0.1:8081",
            "--name",
            "us-east-1",
        ];
        peering.spawn("service", "node", &binary(), &service);
        peering.start_node();
        Some(peering)
    }

    fn space(&self, name: &str) -> String {
        format!("tg{}-{}-{name}", std::process::id(), self.kind.name())
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn lay_link(&self) {
        let (router, node) = (self.space("router"), self.space("node"));
        for space in [&router, &node] {
            run(&format!("ip netns add {space}"));
            run(&format!("ip -n {space} link set lo up"));
        }
        run(&format!(
            "ip link add link0 netns {router} type veth peer name eth0 netns {node}"
        ));
        for (space, device, address) in [
            (&router, "link0", "10.77.1.1"),
            (&node, "eth0", "10.77.1.2"),
        ] {
            run(&format!("ip -n {space} addr add {address}/30 dev {device}"));
            run(&format!("ip -n {space} link set {device} up"));
        }
    }

    /// What we ship, with this test's addresses.
    fn shipped(&self, file: &str) -> String {
        let path = deploy(&format!("{}/{file}", self.kind.name()));
        let text = std::fs::read_to_string(path).expect("we ship it");
        text.replace("198.51.100.1\"", "10.77.1.1\"")
            .replace("198.51.100.1 ", "10.77.1.1 ")
            .replace("198.51.100.2", "10.77.1.2")
            .replace("/run/tidegate/exabgp.sock", &self.at("exabgp.sock"))
            .replace("/usr/bin/tidegate", &binary().display().to_string())
            .replace("10.1.0.20:8080", "127.0.0.1:8081")
            .replace("graceful_for: 500ms", "graceful_for: 2s")
    }

    fn configure(&self) {
        let write = |name: &str, text: &str| {
            std::fs::write(self.folder.path().join(name), text).expect("writable");
        };
        write("us-east-1.yaml", &self.shipped("region.yaml"));
        write(
            "world.yaml",
            &format!("regions:\n  us-east-1: {{ location: [38.9, -77.4] }}\n{WORLD}"),
        );
        let daemon = match self.kind {
            Kind::ExaBgp => "exabgp.conf",
            Kind::GoBgp => "gobgpd.toml",
        };
        write("daemon.conf", &self.shipped(daemon));
        let made = tidegate(&[
            "certs",
            "init",
            "--regions",
            &self.at(""),
            "--data",
            &self.at("data"),
        ]);
        assert_eq!(made.code, 0, "{}{}", made.out, made.err);
    }

    fn spawn(&mut self, name: &'static str, within: &str, program: &Path, args: &[&str]) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.at(&format!("{name}.log")))
            .expect("writable");
        let child = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "ip",
                "netns",
                "exec",
                &self.space(within),
            ])
            .arg(program)
            .args(args)
            .env("exabgp.daemon.user", "root")
            .env("exabgp.log.destination", "stdout")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("setpriv starts");
        self.children.push((name, child));
    }

    fn start_router(&mut self) {
        let config = "router id 10.77.0.1;\nprotocol device { }\n\
             protocol bgp node { local as 64500; neighbor 10.77.1.2 as 64501; direct; hold time 9; connect delay time 1;\n\
             connect retry time 1; error wait time 1, 2; graceful restart off; ipv4 { import all; export none; }; }\n";
        let (conf, ctl, pid) = (
            self.at("router.conf"),
            self.at("router.ctl"),
            self.at("router.pid"),
        );
        std::fs::write(&conf, config).expect("writable");
        let args = ["-f", "-c", &conf, "-s", &ctl, "-P", &pid];
        self.spawn("router", "router", Path::new("bird"), &args);
    }

    fn start_daemon(&mut self) {
        let conf = self.at("daemon.conf");
        match self.kind {
            Kind::ExaBgp => self.spawn("daemon", "node", Path::new("exabgp"), &[&conf]),
            Kind::GoBgp => {
                let args = [
                    "-f",
                    &conf,
                    "--api-hosts",
                    "127.0.0.1:50051",
                    "--pprof-disable",
                ];
                self.spawn("daemon", "node", Path::new("gobgpd"), &args);
            }
        }
    }

    fn start_node(&mut self) {
        let (region, data) = (self.at("us-east-1.yaml"), self.at("data"));
        let args = [
            "run",
            "--region",
            &region,
            "--node",
            "a",
            "--data",
            &data,
            "--access-log",
            "none",
        ];
        self.spawn("node", "node", &binary(), &args);
    }

    fn start_watchdog(&mut self) {
        let region = self.at("us-east-1.yaml");
        self.spawn(
            "dog",
            "node",
            &binary(),
            &["watchdog", "--region", &region, "--node", "a"],
        );
    }

    fn kill(&mut self, name: &str) {
        let at = self.children.iter().rposition(|(known, _)| *known == name);
        let (_, mut child) = self.children.remove(at.expect("it was started"));
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }

    /// What the router knows of the address.
    fn route(&self) -> String {
        tool(
            "birdc",
            &[
                "-s",
                &self.at("router.ctl"),
                "show",
                "route",
                "for",
                VIP,
                "all",
            ],
        )
        .out
    }

    fn until(&self, what: &str, mut is: impl FnMut(&str) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            let route = self.route();
            if is(&route) {
                return begun.elapsed();
            }
            if begun.elapsed() > PATIENCE {
                let logs = ["node", "daemon", "router", "dog"].map(|name| {
                    let log = std::fs::read_to_string(self.at(&format!("{name}.log")));
                    format!("== {name}\n{}", log.unwrap_or_default())
                });
                panic!("{:?}: not {what}: {route}\n{}", self.kind, logs.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn until_announced(&self) -> Duration {
        self.until("announced", |route| {
            route.contains("10.77.1.2") && !route.contains("BGP.med")
        })
    }

    fn until_gone(&self) -> Duration {
        self.until("withdrawn", |route| !route.contains("10.77.1.2"))
    }

    fn within(&self, program: &str, args: &[&str]) -> harness::Output {
        let space = self.space("node");
        let mut line = vec!["netns", "exec", space.as_str(), program];
        line.extend(args);
        tool("ip", &line)
    }

    fn order(&self, args: &[&str]) -> harness::Output {
        let program = binary().display().to_string();
        self.within(&program, &[args, &["--admin", ADMIN]].concat())
    }

    /// Somebody else withdraws what the node announces.
    fn meddle(&self) {
        match self.kind {
            Kind::GoBgp => {
                let prefix = format!("{VIP}/32");
                let done = self.within("gobgp", &["global", "rib", "del", &prefix]);
                assert_eq!(done.code, 0, "{}{}", done.out, done.err);
            }
            Kind::ExaBgp => {
                use std::io::{Read, Write};
                let mut stream = std::os::unix::net::UnixStream::connect(self.at("exabgp.sock"))
                    .expect("it listens");
                let order = format!("withdraw route {VIP}/32 next-hop self\n");
                stream.write_all(order.as_bytes()).expect("it takes orders");
                stream
                    .set_read_timeout(Some(Duration::from_secs(5)))
                    .expect("a timeout");
                let (mut said, mut buffer) = (String::new(), [0; 256]);
                while !said.ends_with("done\n") {
                    let n = stream.read(&mut buffer).expect("it answers");
                    said.push_str(&String::from_utf8_lossy(&buffer[..n]));
                }
            }
        }
    }
}

impl Drop for Peering {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        for name in ["router", "node"] {
            tool("ip", &["netns", "del", &self.space(name)]);
        }
    }
}

/// Everything that a speaker promises, with one daemon.
fn promises(kind: Kind) {
    let Some(mut net) = Peering::start(kind) else {
        return;
    };
    net.until_announced();
    let route = net.route();
    assert!(route.contains("BGP.as_path: 64501\n"), "{route}");
    assert!(!route.contains("BGP.community"), "{route}");

    // What somebody else changes is set again.
    net.meddle();
    net.until_gone();
    let corrected = net.until_announced();
    let status = net.order(&["steer", "explain"]).out;
    assert!(!status.contains("What it wants is not"), "{status}");

    // The daemon dies and comes back: the node serves on, says what is wrong, and announces itself
    // again.
    net.kill("daemon");
    net.until_gone();
    let begun = Instant::now();
    let sentence = loop {
        let told = net.order(&["steer", "explain"]).out;
        if told.contains("does not run") || told.contains("hung up") {
            break told;
        }
        assert!(begun.elapsed() < PATIENCE, "{told}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(
        sentence.contains("What it wants is not what routers do"),
        "{sentence}"
    );
    let ready = net.within(
        "curl",
        &[
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &format!("http://{ADMIN}/readyz"),
        ],
    );
    assert_eq!(
        ready.out, "200",
        "serving does not depend on a routing daemon"
    );
    let metrics = net
        .within("curl", &["-s", &format!("http://{ADMIN}/metrics")])
        .out;
    assert!(metrics.contains("tidegate_anycast_follows 0"), "the alarm");
    net.start_daemon();
    let back = net.until_announced();

    // A planned withdrawal says so first, and is the second choice meanwhile.
    let refused = net.order(&["drain"]);
    assert_ne!(refused.code, 0, "it is the last one: {}", refused.out);
    let drained = net.order(&["drain", "--force"]);
    assert_eq!(drained.code, 0, "{}{}", drained.out, drained.err);
    net.until("graceful", |route| {
        route.contains("(65535,0)")
            && route.contains("BGP.med: 1000")
            && route.contains("BGP.as_path: 64501 64501 64501 64501\n")
    });
    net.until_gone();
    let undrained = net.order(&["undrain"]);
    assert_eq!(undrained.code, 0, "{}{}", undrained.out, undrained.err);
    net.until_announced();

    // The node's death changes nothing by itself; its watchdog withdraws it.
    net.kill("node");
    std::thread::sleep(Duration::from_secs(2));
    assert!(net.route().contains("10.77.1.2"), "nobody has withdrawn it");
    net.start_watchdog();
    let withdrawn = net.until_gone();
    // A new life begins with nothing announced until it is fit.
    net.start_node();
    net.until_announced();
    report(&format!(
        "speakers, {}: a stranger's withdrawal is corrected after {} ms, a restarted daemon announces after {} ms, a dead \
         node is withdrawn by its watchdog after {} ms.",
        kind.program(),
        corrected.as_millis(),
        back.as_millis(),
        withdrawn.as_millis()
    ));
}

#[test]
fn exabgp_announces_what_a_node_wants_whatever_happens_to_either() {
    promises(Kind::ExaBgp);
}

#[test]
fn gobgp_announces_what_a_node_wants_whatever_happens_to_either() {
    promises(Kind::GoBgp);
}

#[test]
fn what_we_ship_for_exabgp_and_gobgp_is_right() {
    for kind in [Kind::ExaBgp, Kind::GoBgp] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let region = deploy(&format!("{}/region.yaml", kind.name()));
        std::fs::copy(region, folder.path().join("us-east-1.yaml")).expect("readable");
        let world = format!("regions:\n  us-east-1: {{ location: [38.9, -77.4] }}\n{WORLD}");
        std::fs::write(folder.path().join("world.yaml"), world).expect("writable");
        let checked = tidegate(&["check", &folder.path().display().to_string()]);
        assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    }
    if Kind::ExaBgp.is_there() {
        // It looks whether its processes are there.
        let text = std::fs::read_to_string(deploy("exabgp/exabgp.conf")).expect("readable");
        let text = text.replace("/usr/bin/tidegate", &binary().display().to_string());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let conf = folder.path().join("exabgp.conf");
        std::fs::write(&conf, text).expect("writable");
        let valid = tool("exabgp", &["--validate", &conf.display().to_string()]);
        assert_eq!(valid.code, 0, "{}{}", valid.out, valid.err);
    }
    if Kind::GoBgp.is_there() {
        let conf = deploy("gobgp/gobgpd.toml").display().to_string();
        let valid = tool("gobgpd", &["--dry-run", "-f", &conf]);
        assert_eq!(valid.code, 0, "{}{}", valid.out, valid.err);
    }
}
