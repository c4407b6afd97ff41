//! Checks of collectors that telemetry goes to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::{HeaderName, HeaderValue};
use tidegate_identity::http_url;
use tidegate_model::Diagnostic;

use crate::{OtlpSpec, Source, Spanned};

pub(super) fn check_otlp(
    who: &str,
    spec: &OtlpSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let url = &spec.url;
    if http_url(&url.value).is_none() {
        let message = format!("{who} cannot be sent to `{}`", url.value);
        let span = source.span(url.range.clone());
        let problem = Diagnostic::error(message, span, "not a URL of HTTP");
        problems.push(problem.hint("write http://HOST:4318, or :4317 with `protocol: grpc`"));
    }
    check_fields(who, &spec.headers, &spec.header_files, source, problems);
}

/// Fields that go with each request, by their values and by files that have these.
pub(super) fn check_fields(
    who: &str,
    headers: &BTreeMap<String, Spanned<String>>,
    header_files: &BTreeMap<String, Spanned<PathBuf>>,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let values = headers.iter();
    let values = values.map(|(name, text)| (name, &text.range, text.value.as_str()));
    let files = header_files.iter();
    let files = files.map(|(name, file)| (name, &file.range, ""));
    for (name, range, value) in values.chain(files) {
        let good = HeaderName::from_bytes(name.as_bytes()).is_ok();
        if !good || HeaderValue::from_str(value).is_err() {
            let message = format!("{who} cannot go with the field `{name}`");
            let span = source.span(range.clone());
            let problem = Diagnostic::error(message, span, "not a field of HTTP");
            problems.push(problem.hint("names are letters, digits and `-`; values are one line"));
        }
    }
    for (name, file) in header_files {
        if headers.contains_key(name) {
            let message = format!("{who} has the field `{name}` twice");
            let span = source.span(file.range.clone());
            let problem = Diagnostic::error(message, span, "also under `headers:`");
            problems.push(problem.hint("keep the file if it is a secret"));
        }
    }
}
