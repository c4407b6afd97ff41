//! A small internet of network namespaces: a router, and two regions that announce one address to
//! it, each with a BIRD, a node and a watchdog. All names begin with the number of this process.

mod asking;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use asking::{Asked, Asking};

use crate::config::{RegionText, WorldText};
use crate::tool::{binary, tool};

/// The anycast address.
const VIP: &str = "203.0.113.1";
/// Regions, the one first that the router prefers.
pub const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// A small internet. It goes when this is dropped.
#[derive(Debug)]
pub struct Internet {
    folder: TempDir,
    children: Vec<(String, Child)>,
}

fn space(name: &str) -> String {
    format!("tg{}-{name}", std::process::id())
}

/// Removes networks of tests that were killed and could not remove them.
fn sweep() {
    for entry in std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix("tg")
            .and_then(|rest| rest.split_once('-'));
        let dead = owner.is_some_and(|(pid, _)| {
            pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()
        });
        if dead {
            tool("ip", &["netns", "del", &name]);
        }
    }
}

fn run(line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let output = tool(words[0], &words[1..]);
    assert_eq!(output.code, 0, "{line}: {}{}", output.out, output.err);
}

/// Whether this machine lets us: root, with BIRD and iproute2.
#[must_use]
pub fn can_have_internet() -> bool {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let runs = |program: &str, flag: &str| {
        let command = Command::new(program)
            .arg(flag)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        command.is_ok()
    };
    root && runs("bird", "--version") && runs("ip", "-V") && runs("setpriv", "--version")
}

impl Internet {
    /// Builds everything and waits until both regions are announced.
    ///
    /// # Panics
    /// If that does not work within 30 seconds.
    #[must_use]
    pub fn start(world: &str) -> Self {
        let mut internet = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            children: Vec::new(),
        };
        sweep();
        internet.lay_links();
        internet.configure(world);
        internet.start_router();
        for region in 0..REGIONS.len() {
            internet.start_region(region);
        }
        internet.wait_until_announced();
        internet
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn lay_links(&self) {
        let router = space("router");
        run(&format!("ip netns add {router}"));
        run(&format!("ip -n {router} link set lo up"));
        run(&format!(
            "ip netns exec {router} sysctl -qw net.ipv4.ip_forward=1"
        ));
        for region in 0..REGIONS.len() {
            let (name, net) = (space(&format!("r{region}")), region + 1);
            run(&format!("ip netns add {name}"));
            run(&format!("ip -n {name} link set lo up"));
            run(&format!(
                "ip link add r{region} netns {router} type veth peer name eth0 netns {name}"
            ));
            run(&format!(
                "ip -n {router} addr add 10.77.{net}.1/30 dev r{region}"
            ));
            run(&format!("ip -n {router} link set r{region} up"));
            run(&format!("ip -n {name} addr add 10.77.{net}.2/30 dev eth0"));
            run(&format!("ip -n {name} link set eth0 up"));
            run(&format!("ip -n {name} route add default via 10.77.{net}.1"));
        }
    }

    fn configure(&self, world: &str) {
        let addr = |text: String| text.parse::<SocketAddr>().expect("an address");
        let regions = REGIONS.iter().enumerate().map(|(at, name)| RegionText {
            name: (*name).to_owned(),
            nodes: vec![(
                "a".to_owned(),
                addr(format!("10.77.{}.2:7946", at + 1)),
                addr("127.0.0.1:9901".to_owned()),
                addr(format!("{VIP}:80")),
            )],
            endpoints: vec![addr("127.0.0.1:8081".to_owned())],
            front: None,
            door: "{}".to_owned(),
            upstreams: String::new(),
            more: format!(
                "anycast:\n  bird:\n    socket: {}\n    graceful_protocol: tidegate_leaving\n    \
                 graceful_for: 300ms\n    prefixes: [{VIP}/32]\n    device: tidegate0\ndrain: {{ settle: 500ms, grace: 500ms, timeout: 5s }}\n",
                self.at(&format!("r{at}.ctl")).display()
            ),
        });
        let text = WorldText {
            world: world.to_owned(),
            regions: regions.collect(),
            director: None,
            dns: None,
        };
        text.write(self.folder.path());
        let data = self.at("data").display().to_string();
        let regions = self.folder.path().display().to_string();
        let made = tool(
            binary(),
            &["certs", "init", "--regions", &regions, "--data", &data],
        );
        assert_eq!(made.code, 0, "{}{}", made.out, made.err);
    }

    fn spawn(&mut self, name: &str, within: &str, program: &Path, args: &[&str]) {
        let log = std::fs::File::create(self.at(&format!("{name}.log"))).expect("writable");
        // Whoever kills the tests kills what they started.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "ip", "netns", "exec", &space(within)])
            .arg(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("setpriv starts");
        self.children.push((name.to_owned(), child));
    }

    fn start_bird(&mut self, name: &str, within: &str, config: &str) {
        let path = |end: &str| self.at(&format!("{name}.{end}")).display().to_string();
        let (conf, ctl, pid) = (path("conf"), path("ctl"), path("pid"));
        std::fs::write(&conf, config).expect("writable");
        let args = ["-f", "-c", &conf, "-s", &ctl, "-P", &pid];
        self.spawn(&format!("bird-{name}"), within, Path::new("bird"), &args);
    }

    fn start_router(&mut self) {
        let mut config = "router id 10.77.0.1;\nprotocol device { }\n\
             protocol kernel { ipv4 { export where source = RTS_BGP; }; }\n\
             protocol bfd { interface \"*\" { interval 100 ms; multiplier 3; }; }\n"
            .to_owned();
        for region in 0..REGIONS.len() {
            let (net, preference) = (region + 1, 200 - region * 100);
            config.push_str(&format!(
                "protocol bgp r{region} {{ local as 64500; neighbor 10.77.{net}.2 as {}; {SESSION}\n\
                 ipv4 {{ import filter {{ if net != {VIP}/32 then reject; bgp_local_pref = {preference};\n\
                 if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }}; export none; }}; }}\n",
                64_501 + region
            ));
        }
        self.start_bird("router", "router", &config);
    }

    fn start_region(&mut self, region: usize) {
        let (name, net) = (format!("r{region}"), region + 1);
        let config = format!(
            "router id 10.77.{net}.2;\nprotocol device {{ }}\n\
             protocol direct tidegate {{ disabled; ipv4; interface \"tidegate0\"; }}\n\
             protocol direct tidegate_leaving {{ disabled; ipv4 {{ preference 100;\n\
             import filter {{ bgp_community.add((65535, 0)); accept; }}; }}; interface \"tidegate0\"; }}\n\
             protocol bfd {{ interface \"*\" {{ interval 100 ms; multiplier 3; }}; }}\n\
             protocol bgp up {{ local as {}; neighbor 10.77.{net}.1 as 64500; {SESSION}\n\
             ipv4 {{ import none; export where source = RTS_DEVICE && net = {VIP}/32; }}; }}\n",
            64_501 + region
        );
        self.start_bird(&name, &name, &config);
        let program = binary();
        let service = [
            "lab",
            "upstream",
            "--listen",
            "127.0.0.1:8081",
            "--name",
            REGIONS[region],
        ];
        self.spawn(&format!("service-{name}"), &name, &program, &service);
        self.start_node(region);
        let file = self.region_file(region);
        let dog = ["watchdog", "--region", &file, "--node", "a"];
        self.spawn(&format!("dog-{name}"), &name, &program, &dog);
    }

    fn region_file(&self, region: usize) -> String {
        let file = self.at(&format!("{}.yaml", REGIONS[region]));
        file.display().to_string()
    }

    /// Starts the node of a region, anew if it was killed.
    pub fn start_node(&mut self, region: usize) {
        let name = format!("r{region}");
        let file = self.region_file(region);
        let data = self.at("data").display().to_string();
        let node = [
            "run",
            "--region",
            &file,
            "--node",
            "a",
            "--data",
            &data,
            "--access-log",
            "none",
        ];
        self.spawn(&format!("node-{name}"), &name, &binary(), &node);
    }

    fn wait_until_announced(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let ctl = self.at("router.ctl").display().to_string();
        loop {
            let known = tool("birdc", &["-s", &ctl, "show", "route", "for", VIP]).out;
            let bfd = tool("birdc", &["-s", &ctl, "show", "bfd", "sessions"]).out;
            if known.contains("10.77.1.2")
                && known.contains("10.77.2.2")
                && bfd.matches("Up").count() >= 2
            {
                return;
            }
            if Instant::now() > deadline {
                let logs: Vec<String> = self
                    .children
                    .iter()
                    .map(|(name, _)| {
                        let log = std::fs::read_to_string(self.at(&format!("{name}.log")));
                        format!("{name}: {}", log.unwrap_or_default())
                    })
                    .collect();
                panic!("not announced: {known}\n{bfd}\n{}", logs.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Sends a signal to a process: `node-r0`, `bird-r0`.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn signal(&self, name: &str, signal: &str) {
        // The newest, if it was started anew.
        let child = self.children.iter().rfind(|(known, _)| known == name);
        let pid = child.expect("a process of this internet").1.id();
        run(&format!("kill -{signal} {pid}"));
    }

    /// Takes the link of the first region down.
    pub fn cut_link(&self) {
        run(&format!("ip -n {} link set eth0 down", space("r0")));
    }

    /// Loses every packet on the link of the first region, while it looks sound from both ends:
    /// they are sent to an address that nobody has.
    pub fn blackhole(&self) {
        for (within, device, peer) in [("router", "r0", "10.77.1.2"), ("r0", "eth0", "10.77.1.1")] {
            run(&format!(
                "ip -n {} neigh replace {peer} lladdr 02:00:00:00:00:99 dev {device} nud permanent",
                space(within)
            ));
        }
    }

    /// Drains the first region.
    pub fn drain(&self) {
        let program = binary().display().to_string();
        run(&format!(
            "ip netns exec {} {program} drain --admin 127.0.0.1:9901",
            space("r0")
        ));
    }

    /// Starts clients that never stop asking, where the router is.
    #[must_use]
    pub fn ask(&self) -> Asking {
        Asking::start(&space("router"))
    }
}

const SESSION: &str = "direct; bfd on; hold time 9; keepalive time 3; connect delay time 1; connect retry time 1; \
     error wait time 1, 2; graceful restart off;";

impl Drop for Internet {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        for name in ["router", "r0", "r1"] {
            tool("ip", &["netns", "del", &space(name)]);
        }
    }
}
