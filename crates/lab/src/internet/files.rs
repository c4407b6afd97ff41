//! The configuration of a world as its nodes need it in a small internet: other addresses, BIRD
//! instead of a director, and a route that clients may ask without end. Everything else stays as
//! the operator wrote it.

use std::fmt::Write;
use std::path::Path;

use tidegate_config::{Loaded, LoadedRegion};

use super::topology::{PROBE_PATH, Topology, VIP};

const STRING: &str = "a String takes everything";

/// Why a text cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RewriteError {
    /// Not written as a list of keys, one a line.
    #[error(
        "`up --anycast` needs `{key}:` on a line of its own in {file}, and what belongs to it indented below"
    )]
    NotBlock {
        /// Which key.
        key: &'static str,
        /// In which file.
        file: String,
    },
    /// No service to ask for.
    #[error("`up --anycast` needs an upstream in world.yaml: clients ask for something")]
    NoUpstream,
}

/// A region's file with the addresses of a small internet, for the machine whose BIRD listens at
/// `socket`.
///
/// # Errors
/// If the text is not written as one expects.
pub fn region_file(
    text: &str,
    region: &LoadedRegion,
    internet: &Topology,
    socket: &Path,
) -> Result<String, RewriteError> {
    let file = region.source.file.display().to_string();
    let site = internet.site(region.id.as_str()).unwrap_or_default();
    let mut nodes = "nodes:\n".to_owned();
    for (at, machine) in internet.sites[site].machines.iter().enumerate() {
        let name = machine.node.name();
        writeln!(
            nodes,
            "  {name}:\n    mesh: {}:7946\n    admin: {}\n    doors: {{ {} }}\n    workers: {}",
            internet.addr(site, at),
            machine.admin,
            doors(region),
            machine.workers
        )
        .expect(STRING);
    }
    let mut text = replace(text, "nodes", &nodes, &file)?;
    text = replace(&text, "peers", &peers(internet, site), &file)?;
    let bird = format!(
        "anycast:\n  bird:\n    socket: {}\n    graceful_protocol: tidegate_leaving\n    \
         prefixes: [{VIP}/32]\n    device: tidegate0\n",
        socket.display()
    );
    replace(&text, "anycast", &bird, &file)
}

/// Doors of a node: all on the anycast address. The first without TLS is at 80, the first with it
/// at 443, others keep their ports.
fn doors(region: &LoadedRegion) -> String {
    let (mut plain, mut secure) = (Some(80), Some(443));
    let door = |(name, spec): (
        &String,
        &tidegate_config::Spanned<tidegate_config::DoorSpec>,
    )| {
        let usual = if spec.value.tls.is_some() {
            secure.take()
        } else {
            plain.take()
        };
        let mut listed = region
            .spec
            .nodes
            .values()
            .filter_map(|node| node.value.doors.get(name));
        let own = || {
            let shared = spec.value.listen.as_ref().map(|addr| addr.value);
            let listed = listed.next().map(|addr| addr.value);
            listed.or(shared).map_or(8_080, |addr| addr.port())
        };
        format!("{name}: \"{VIP}:{}\"", usual.unwrap_or_else(own))
    };
    let doors: Vec<String> = region.spec.doors.iter().map(door).collect();
    doors.join(", ")
}

fn peers(internet: &Topology, own: usize) -> String {
    let mut peers = "peers:\n".to_owned();
    for (site, spec) in internet
        .sites
        .iter()
        .enumerate()
        .filter(|(site, _)| *site != own)
    {
        let nodes = spec.machines.iter().enumerate();
        let nodes: Vec<String> = nodes
            .map(|(at, machine)| {
                format!(
                    "{}: \"{}:7946\"",
                    machine.node.name(),
                    internet.addr(site, at)
                )
            })
            .collect();
        writeln!(peers, "  {}: {{ {} }}", spec.region, nodes.join(", ")).expect(STRING);
    }
    if internet.sites.len() < 2 {
        peers.clear();
    }
    peers
}

/// The world's file with a route for clients that ask without end.
///
/// # Errors
/// If the text is not written as one expects, or there is no upstream.
pub fn world_file(text: &str, file: &Path, loaded: &Loaded) -> Result<String, RewriteError> {
    let upstream = loaded
        .world
        .upstreams
        .keys()
        .next()
        .ok_or(RewriteError::NoUpstream)?;
    let route = format!(
        "tidegate-lab: {{ path: {PROBE_PATH}, methods: [GET], upstream: {upstream}, auth: none }}"
    );
    let not_block = RewriteError::NotBlock {
        key: "routes",
        file: file.display().to_string(),
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| is_key(line, "routes"))
        .ok_or_else(|| not_block.clone())?;
    let first = lines[at + 1..].iter().find(|line| !is_blank(line));
    let indent = first.map_or(0, |line| line.len() - line.trim_start_matches(' ').len());
    let rest = lines[at]["routes:".len()..].trim();
    if indent == 0 || !(rest.is_empty() || rest.starts_with('#')) {
        return Err(not_block);
    }
    let route = format!("{}{route}", " ".repeat(indent));
    lines.insert(at + 1, &route);
    Ok(lines.join("\n") + "\n")
}

/// Puts `section` in place of the one that begins with `key`, or at the end if there is none.
fn replace(
    text: &str,
    key: &'static str,
    section: &str,
    file: &str,
) -> Result<String, RewriteError> {
    let is_top = |line: &str| !line.starts_with([' ', '#', '-']) && !line.trim().is_empty();
    // A whole file in braces has no lines that begin with keys.
    if !text.lines().any(|line| is_key(line, "region")) {
        let file = file.to_owned();
        return Err(RewriteError::NotBlock { key, file });
    }
    let mut out = String::with_capacity(text.len() + section.len());
    let (mut within, mut done) = (false, false);
    for line in text.lines() {
        if is_top(line) {
            within = is_key(line, key);
            if within && !done {
                out.push_str(section);
                done = true;
            }
        }
        if !within {
            out.push_str(line);
            out.push('\n');
        }
    }
    if !done {
        out.push_str(section);
    }
    Ok(out)
}

fn is_key(line: &str, key: &str) -> bool {
    line.strip_prefix(key)
        .is_some_and(|rest| rest.starts_with(':'))
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "file.yaml";

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let text = "region: a\n# Two.\nnodes:\n  a: 1\n\n  b: 2\ndoors: {}\nanycast: { x: 1 }\n";
        let new = replace(text, "nodes", "nodes:\n  c: 3\n", FILE).unwrap();
        assert_eq!(
            new,
            "region: a\n# Two.\nnodes:\n  c: 3\ndoors: {}\nanycast: { x: 1 }\n"
        );
        let new = replace(text, "anycast", "anycast: 2\n", FILE).unwrap();
        assert!(new.ends_with("doors: {}\nanycast: 2\n"), "{new}");
        let new = replace(text, "peers", "peers: {}\n", FILE).unwrap();
        assert_eq!(new, format!("{text}peers: {{}}\n"));
    }

    #[test]
    fn a_file_in_braces_is_refused_in_a_sentence() {
        let refused = replace("{ region: a }", "nodes", "nodes: {}\n", FILE).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("on a line of its own in file.yaml")
        );
    }
}
