//! What nodes tell routing daemons: checked as far as it can be without them.

use tidegate_model::{Diagnostic, Prefix};

use crate::{AcceleratorSpec, AnycastSpec, BirdSpec, GoBgpSpec, RegionSpec, Source};

/// Collects what is wrong with a region's `anycast`.
struct Wrong<'a> {
    region: &'a RegionSpec,
    source: &'a Source,
    problems: &'a mut Vec<Diagnostic>,
}

impl Wrong<'_> {
    fn say(&mut self, message: impl Into<String>, label: &'static str, hint: &str) {
        let span = self.source.span(self.region.anycast.range.clone());
        let problem = Diagnostic::error(message.into(), span, label);
        self.problems.push(problem.hint(hint));
    }
}

/// What is said to a routing daemon must be words that it knows.
pub(super) fn check_anycast(region: &RegionSpec, source: &Source, problems: &mut Vec<Diagnostic>) {
    let mut wrong = Wrong {
        region,
        source,
        problems,
    };
    let anycast = &region.anycast.value;
    match anycast {
        AnycastSpec::Bird(bird) => check_bird(bird, &mut wrong),
        AnycastSpec::Gobgp(gobgp) => check_gobgp(gobgp, &mut wrong),
        AnycastSpec::GlobalAccelerator(accelerator) => check_accelerator(accelerator, &mut wrong),
        AnycastSpec::Exabgp(_) | AnycastSpec::DryRun | AnycastSpec::Director(_) => {}
    }
    if let Some(prefixes) = anycast.prefixes() {
        check_prefixes(prefixes, anycast.device(), &mut wrong);
    }
}

fn check_bird(bird: &BirdSpec, wrong: &mut Wrong<'_>) {
    let more = [&bird.second_protocol, &bird.graceful_protocol];
    let protocols = std::iter::once(&bird.protocol).chain(more.into_iter().flatten());
    let mut names: Vec<&String> = protocols.collect();
    for protocol in &names {
        if !is_symbol(protocol) {
            wrong.say(
                format!("`{protocol}` is no name of a protocol in BIRD"),
                "here",
                "letters, digits and underscores, beginning with a letter: `protocol static NAME { ... }`",
            );
        }
    }
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        wrong.say(
            "`protocol`, `second_protocol` and `graceful_protocol` are not three different ones",
            "one name twice",
            "each holds the same prefixes with other attributes; see deploy/bird/node.conf",
        );
    }
}

fn check_gobgp(gobgp: &GoBgpSpec, wrong: &mut Wrong<'_>) {
    let has = |v4: bool| gobgp.next_hops.iter().any(|hop| hop.is_ipv4() == v4);
    let is_v4 = |prefix: &Prefix| !prefix.to_string().contains(':');
    let mut prefixes = gobgp.prefixes.iter();
    if let Some(lost) = prefixes.find(|prefix| !has(is_v4(prefix))) {
        wrong.say(
            format!("there is no next hop for {lost}"),
            "no `next_hops` of its family",
            "add this machine's address that neighbours reach it by",
        );
    }
}

fn check_accelerator(accelerator: &AcceleratorSpec, wrong: &mut Wrong<'_>) {
    if !is_endpoint_group(&accelerator.group) {
        wrong.say(
            format!("`{}` is no ARN of an endpoint group", accelerator.group),
            "`group` is wrong",
            "arn:aws:globalaccelerator::ACCOUNT:accelerator/.../listener/.../endpoint-group/..., as `terraform output` prints it",
        );
    }
    let region = wrong.region;
    let endpoints = &accelerator.endpoints;
    for name in region
        .nodes
        .keys()
        .filter(|node| !endpoints.contains_key(*node))
    {
        wrong.say(
            format!("node `{name}` has no endpoint"),
            "one is missing in `endpoints`",
            "write the id of its instance, address or load balancer: `endpoints: { NODE: i-0123456789abcdef0 }`",
        );
    }
    for name in endpoints
        .keys()
        .filter(|node| !region.nodes.contains_key(*node))
    {
        wrong.say(
            format!("`endpoints` names a node `{name}` that is none"),
            "one too many in `endpoints`",
            "remove it, or add the node under `nodes`",
        );
    }
    if accelerator.second_weight >= accelerator.weight {
        wrong.say(
            "`second_weight` is not below `weight`",
            "no second choice",
            "a node that has been ill, or is about to leave, gets fewer clients than the others",
        );
    }
}

/// `arn:PARTITION:globalaccelerator::ACCOUNT:accelerator/A/listener/L/endpoint-group/G`
fn is_endpoint_group(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [arn, _, service, _, account, resource] = parts[..] else {
        return false;
    };
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let path: Vec<&str> = resource.split('/').collect();
    let kinds = (path.first(), path.get(2), path.get(4));
    arn == "arn"
        && service == "globalaccelerator"
        && digits
        && path.len() == 6
        && kinds
            == (
                Some(&"accelerator"),
                Some(&"listener"),
                Some(&"endpoint-group"),
            )
}

fn check_prefixes(prefixes: &[Prefix], device: Option<&str>, wrong: &mut Wrong<'_>) {
    if prefixes.is_empty() {
        wrong.say(
            "nothing would be announced",
            "no prefixes",
            "add `prefixes: [203.0.113.0/24]`, as the daemon's configuration has them",
        );
    }
    let Some(device) = device else { return };
    if device.len() > 15 || !is_symbol(device) {
        wrong.say(
            format!("`{device}` is no name of a network device"),
            "here",
            "at most 15 letters, digits and underscores, such as `tidegate0`",
        );
    }
    if prefixes.iter().any(|prefix| prefix.single().is_none()) {
        wrong.say(
            "a device can carry single addresses only",
            "a whole block",
            "write the address that clients use (203.0.113.1/32), and let BIRD announce the block while it has that route",
        );
    }
}

/// Whether this is a name that needs no quotes in BIRD.
fn is_symbol(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.len() <= 64
}

#[cfg(test)]
mod tests;
