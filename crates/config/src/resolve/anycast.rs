//! What nodes tell routing daemons: checked as far as it can be without them.

use tidegate_model::{Diagnostic, Prefix};

use crate::{AnycastSpec, BirdSpec, GoBgpSpec, RegionSpec, Source};

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
