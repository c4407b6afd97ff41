//! Makes and removes network namespaces and links, by `ip`.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};

use super::topology::{End, Link, Topology};

/// Why a small internet cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SpaceError {
    /// Not Linux, or not root.
    #[error("{0}")]
    Unfit(String),
    /// A command did not work.
    #[error("`{line}` did not work: {said}")]
    Failed {
        /// The command.
        line: String,
        /// What it said.
        said: String,
    },
}

/// The namespaces of a small internet, by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spaces(pub Vec<String>);

/// Programs of others that are needed, with the package of Debian that has them.
const PROGRAMS: [(&str, &str); 3] = [("ip", "iproute2"), ("bird", "bird2"), ("sysctl", "procps")];

impl Spaces {
    /// Whether this machine can hold a small internet.
    ///
    /// # Errors
    /// What is missing, in a sentence.
    pub fn fit() -> Result<(), SpaceError> {
        let unfit = |why: &str| Err(SpaceError::Unfit(format!("`up --anycast` {why}")));
        if !cfg!(target_os = "linux") {
            return unfit("works on Linux only: it makes network namespaces");
        }
        if !rustix::process::geteuid().is_root() {
            return unfit("needs root: it makes network namespaces (plain `up` does not)");
        }
        if let Some((program, package)) = PROGRAMS.iter().find(|(program, _)| !found(program)) {
            return unfit(&format!("needs `{program}` (apt install {package})"));
        }
        if !Path::new("/dev/net/tun").exists() {
            return unfit(
                "needs /dev/net/tun: nodes keep the anycast address on it (modprobe tun; in a container: --device /dev/net/tun)",
            );
        }
        Ok(())
    }

    /// Makes namespaces and links. Lines with a length are not made here.
    ///
    /// # Errors
    /// The command that did not work.
    pub fn make(&self, internet: &Topology) -> Result<(), SpaceError> {
        for space in &self.0 {
            ip(&["netns", "add", space])?;
            ip(&["-n", space, "link", "set", "lo", "up"])?;
        }
        for router in internet.routers() {
            // Connections are spread over machines, not addresses of clients.
            inside(
                &router,
                &[
                    "sysctl",
                    "-qw",
                    "net.ipv4.ip_forward=1",
                    "net.ipv4.fib_multipath_hash_policy=1",
                ],
            )?;
        }
        for link in internet.links() {
            if link.one_way.is_zero() {
                veth(&link)?;
                link.a.set_up()?;
                link.b.set_up()?;
            }
        }
        for (site, machine) in internet.machines() {
            set_default(&internet.machine_link(site, machine))?;
        }
        for site in 0..internet.sites.len() {
            set_default(&internet.clients_link(site))?;
        }
        Ok(())
    }

    /// Ends what runs in the namespaces, and removes them. What is gone already is no failure.
    pub fn remove(&self) {
        for space in &self.0 {
            let running = Command::new("ip").args(["netns", "pids", space]).output();
            let running = running.map(|output| output.stdout).unwrap_or_default();
            for pid in String::from_utf8_lossy(&running).split_whitespace() {
                if let Ok(pid) = pid.parse() {
                    crate::child::kill(pid);
                }
            }
            let _gone = ip(&["netns", "del", space]);
        }
    }

    /// Those that are there.
    #[must_use]
    pub fn left(&self) -> Vec<String> {
        let there = |space: &&String| Path::new("/run/netns").join(space).exists();
        self.0.iter().filter(there).cloned().collect()
    }

    /// Those that are there with names that begin like this.
    #[must_use]
    pub fn named(prefix: &str) -> Self {
        let entries = std::fs::read_dir("/run/netns")
            .into_iter()
            .flatten()
            .flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Self(names.filter(|name| name.starts_with(prefix)).collect())
    }
}

fn veth(link: &Link) -> Result<(), SpaceError> {
    let (a, b) = (&link.a, &link.b);
    ip(&[
        "link", "add", &a.device, "netns", &a.space, "type", "veth", "peer", "name", &b.device,
        "netns", &b.space,
    ])
}

impl End {
    /// Whether its device is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        ip(&["-n", &self.space, "link", "show", &self.device]).is_ok()
    }

    /// Gives it its address and sets it up.
    ///
    /// # Errors
    /// The command that did not work.
    pub fn set_up(&self) -> Result<(), SpaceError> {
        let addr = format!("{}/30", self.addr);
        ip(&["-n", &self.space, "addr", "add", &addr, "dev", &self.device])?;
        ip(&["-n", &self.space, "link", "set", &self.device, "up"])
    }
}

fn set_default(link: &Link) -> Result<(), SpaceError> {
    let via = link.a.addr.to_string();
    ip(&[
        "-n",
        &link.b.space,
        "route",
        "replace",
        "default",
        "via",
        &via,
    ])
}

/// The neighbours that a router sends packets for `addr` to.
///
/// # Errors
/// If it cannot be asked.
pub fn routes(space: &str, addr: Ipv4Addr) -> Result<Vec<Ipv4Addr>, SpaceError> {
    let args = ["-n", space, "-json", "route", "show", &addr.to_string()];
    let output = run("ip", &args)?;
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let hops = found.as_array().into_iter().flatten().flat_map(|route| {
        let one = route.get("gateway").into_iter();
        let many = route["nexthops"].as_array().into_iter().flatten();
        one.chain(many.filter_map(|hop| hop.get("gateway")))
    });
    Ok(hops.filter_map(|hop| hop.as_str()?.parse().ok()).collect())
}

/// Runs `ip`.
///
/// # Errors
/// What it said.
pub fn ip(args: &[&str]) -> Result<(), SpaceError> {
    run("ip", args).map(drop)
}

/// Runs a program in a namespace.
fn inside(space: &str, line: &[&str]) -> Result<(), SpaceError> {
    let args: Vec<&str> = ["netns", "exec", space]
        .iter()
        .chain(line)
        .copied()
        .collect();
    ip(&args)
}

fn run(program: &str, args: &[&str]) -> Result<Output, SpaceError> {
    let failed = |said: String| SpaceError::Failed {
        line: format!("{program} {}", args.join(" ")),
        said: said.trim().to_owned(),
    };
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(failed(said))
}

/// Whether a program is on the path, or where an administrator's programs are.
fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let admin = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path)
        .chain(admin)
        .any(|folder| folder.join(program).is_file())
}

/// Puts the calling thread into a network namespace: sockets that it opens belong there.
///
/// # Errors
/// If there is none of this name, or we may not.
#[cfg(target_os = "linux")]
pub fn enter(space: &str) -> io::Result<()> {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    let file = std::fs::File::open(Path::new("/run/netns").join(space))?;
    let fd = std::os::fd::AsFd::as_fd(&file);
    Ok(move_into_link_name_space(
        fd,
        Some(LinkNameSpaceType::Network),
    )?)
}

/// Puts the calling thread into a network namespace: sockets that it opens belong there.
///
/// # Errors
/// Always: there are none on this system.
#[cfg(not(target_os = "linux"))]
pub fn enter(_space: &str) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
