//! References by name, and names themselves.

use std::ops::Range;

use tidegate_model::{Diagnostic, RegionId};

use crate::suggest::nearest;
use crate::{Source, Spanned};

/// What kind of thing a name stands for, and where such things are declared.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) noun: &'static str,
    pub(super) declared: &'static str,
}

pub(super) const UPSTREAM: Kind = Kind {
    noun: "upstream",
    declared: "under `upstreams:` in world.yaml",
};
pub(super) const LIMIT: Kind = Kind {
    noun: "limit",
    declared: "under `limits:` in world.yaml",
};
pub(super) const METHOD: Kind = Kind {
    noun: "method",
    declared: "under `authenticators:` in world.yaml; `key` and `none` are always there",
};
pub(super) const GROUP: Kind = Kind {
    noun: "group",
    declared: "under `groups:` in world.yaml",
};
pub(super) const REGION: Kind = Kind {
    noun: "region",
    declared: "under `regions:` in world.yaml",
};
pub(super) const ROUTE: Kind = Kind {
    noun: "route",
    declared: "under `routes:` in world.yaml",
};
pub(super) const DOOR: Kind = Kind {
    noun: "door",
    declared: "under `doors:` in this file",
};

/// Complains if `part` is not a part of 1. `whole` says what of it cannot be, as the end of a
/// sentence.
pub(super) fn must_be_part(
    whole: &str,
    part: &Spanned<f64>,
    hint: &str,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    if !(0.0..=1.0).contains(&part.value) {
        let message = format!("{} of {whole} cannot be kept", part.value);
        let span = source.span(part.range.clone());
        let problem = Diagnostic::error(message, span, "not a part of 1");
        problems.push(problem.hint(hint.to_owned()));
    }
}

/// Complains if `name` is not among `known`. `who` says what refers to it, as the start of a
/// sentence.
pub(super) fn must_be_known<'k>(
    who: &str,
    name: &str,
    range: Range<usize>,
    kind: Kind,
    known: impl Iterator<Item = &'k str> + Clone,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let Kind { noun, declared } = kind;
    let mut all = known.clone();
    if all.any(|candidate| candidate == name) {
        return;
    }
    let problem = Diagnostic::error(
        format!("{who} an unknown {noun}"),
        source.span(range),
        format!("no {noun} of this name"),
    );
    let meant = nearest(name, known)
        .map(|near| format!("did you mean `{near}`? "))
        .unwrap_or_default();
    problems.push(problem.hint(format!("{meant}{noun}s are declared {declared}")));
}

/// Complains if `name` cannot be a name: names become labels of metrics, certificates and RateLimit
/// fields.
pub(super) fn must_be_name(
    noun: &str,
    name: &str,
    range: Range<usize>,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    if let Err(bad) = name.parse::<RegionId>() {
        let problem = Diagnostic::error(
            format!("the {noun} `{name}` has an unusable name"),
            source.span(range),
            "this one",
        );
        problems.push(problem.hint(bad.to_string()));
    }
}
