//! Callers known by the certificate that their connection was made with (mutual TLS, RFC 8705's
//! setting without its tokens). A door has verified it; here its names are looked at.

use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use serde::Deserialize;
use tidegate_model::{ClientCertificate, Now};

use crate::{Authenticator, Denied, Finding, Scheme, Verified};

const PATTERNS_MAX: usize = 64;
const NAME_MAX: usize = 256;

/// Clients with certificates.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MtlsSpec {
    /// Names that are let in: a DNS name, `*.NAME` for one label more, or a URI, with `/*` at its
    /// end all below it.
    pub names: Vec<String>,
}

/// A kind of name.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Pattern {
    Dns(String),
    /// One label more than this, which begins with a dot.
    BelowDns(String),
    Uri(String),
    /// All that begin with this, which ends with a slash.
    BelowUri(String),
}

impl Pattern {
    fn of(text: &str) -> Option<Self> {
        let dns = |text: &str| {
            let label = |label: &str| {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                !label.is_empty() && label.bytes().all(plain)
            };
            (text.len() <= NAME_MAX && text.split('.').all(label))
                .then(|| text.to_ascii_lowercase())
        };
        if let Some((scheme, rest)) = text.split_once("://") {
            let authority = rest.split('/').next().unwrap_or_default();
            let inner = rest.strip_suffix("/*").unwrap_or(rest);
            if scheme.is_empty() || authority.is_empty() || inner.contains('*') {
                return None;
            }
            return Some(match text.strip_suffix('*') {
                Some(below) => Self::BelowUri(below.to_owned()),
                None => Self::Uri(text.to_owned()),
            });
        }
        match text.strip_prefix("*.") {
            Some(below) => dns(below).map(|below| Self::BelowDns(format!(".{below}"))),
            None => dns(text).map(Self::Dns),
        }
    }

    /// The name of the certificate that fits, in lower case if case makes no difference.
    fn find(&self, certificate: &ClientCertificate) -> Option<String> {
        let dns = || {
            certificate
                .dns_names
                .iter()
                .map(|name| name.to_ascii_lowercase())
        };
        let mut uris = certificate.uris.iter().cloned();
        match self {
            Self::Dns(own) => dns().find(|name| name == own),
            Self::BelowDns(below) => dns().find(|name| {
                let label = name.strip_suffix(&**below);
                label.is_some_and(|label| !label.is_empty() && !label.contains(['.', '*']))
            }),
            Self::Uri(own) => uris.find(|uri| uri == own),
            // What could lead up again is no name below.
            Self::BelowUri(below) => uris.find(|uri| {
                let rest = uri.strip_prefix(&**below);
                rest.is_some_and(|rest| {
                    !rest.is_empty() && rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
                })
            }),
        }
    }
}

impl MtlsSpec {
    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        if self.names.is_empty() || self.names.len() > PATTERNS_MAX {
            found.push((
                "it lets in nobody, or more than 64 names".to_owned(),
                "`names: [\"*.clients.example.com\", \"spiffe://example.com/team/*\"]`",
            ));
        }
        for name in self.names.iter().filter(|name| Pattern::of(name).is_none()) {
            found.push((
                format!("`{name}` is no name that a certificate could have"),
                "a DNS name, `*.NAME`, or a URI such as spiffe://example.com/team/*",
            ));
        }
        found
    }
}

/// Clients with certificates as a method.
#[derive(Debug)]
pub struct Mtls {
    name: Arc<str>,
    patterns: Vec<Pattern>,
}

impl Mtls {
    /// The method of this name.
    #[must_use]
    pub fn new(name: &str, spec: &MtlsSpec) -> Self {
        Self {
            name: name.into(),
            patterns: spec
                .names
                .iter()
                .filter_map(|name| Pattern::of(name))
                .collect(),
        }
    }
}

impl Authenticator for Mtls {
    fn name(&self) -> &str {
        &self.name
    }

    fn identify(&self, head: &Parts, _: Scheme, _: Now) -> Finding {
        let Some(certificate) = head.extensions.get::<Arc<ClientCertificate>>() else {
            return Finding::Absent;
        };
        let mut fitting = self
            .patterns
            .iter()
            .filter_map(|pattern| pattern.find(certificate));
        let plain = |name: &String| name.len() <= NAME_MAX && !name.chars().any(char::is_control);
        match fitting.find(plain) {
            Some(name) => Finding::Verified(Arc::new(Verified {
                method: Arc::clone(&self.name),
                account: format!("{}:{name}", self.name),
                consumer: name,
                ..Verified::default()
            })),
            // Another method may take a caller with a certificate that is not for this one.
            None => Finding::Foreign(Denied::Certificate),
        }
    }

    /// No scheme is registered for it: the connection is what must be made in another way.
    fn scheme(&self) -> &'static str {
        "Certificate"
    }

    fn conceal(&self, _: &mut HeaderMap) {}
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tidegate_model::{Mono, Wall};

    use super::*;

    fn said(patterns: &[&str], dns: &[&str], uris: &[&str]) -> Option<String> {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let spec = MtlsSpec {
            names: texts(patterns),
        };
        assert_eq!(spec.contradictions(), []);
        let certificate = ClientCertificate {
            dns_names: texts(dns),
            uris: texts(uris),
        };
        let request = Request::get("/").extension(Arc::new(certificate));
        let (head, ()) = request.body(()).unwrap().into_parts();
        let now = Now {
            mono: Mono::from_millis(0),
            wall: Wall::from_unix_secs(0),
        };
        match Mtls::new("m", &spec).identify(&head, Scheme::Https, now) {
            Finding::Verified(who) => Some(who.account.clone()),
            Finding::Foreign(Denied::Certificate) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_fit_as_they_are_written() {
        for (pattern, dns, uri, fits) in [
            ("a.b", "a.b", "", true),
            ("a.b", "A.B", "", true),
            ("a.b", "x.a.b", "", false),
            ("*.a.b", "x.a.b", "", true),
            ("*.a.b", "y.x.a.b", "", false),
            ("*.a.b", "a.b", "", false),
            ("*.a.b", "*.a.b", "", false),
            ("*.a.b", "xa.b", "", false),
            ("spiffe://t/a", "", "spiffe://t/a", true),
            ("spiffe://t/a", "", "spiffe://t/a/b", false),
            ("spiffe://t/a/*", "", "spiffe://t/a/b/c", true),
            ("spiffe://t/a/*", "", "spiffe://t/ab", false),
            ("spiffe://t/a/*", "", "spiffe://t/a/", false),
            ("spiffe://t/a/*", "", "spiffe://t/a/../b", false),
            ("spiffe://t/*", "", "spiffe://u/a", false),
            ("a.b", "", "a.b", false),
        ] {
            let dns: &[&str] = if dns.is_empty() { &[] } else { &[dns] };
            let uris: &[&str] = if uri.is_empty() { &[] } else { &[uri] };
            assert_eq!(
                said(&[pattern], dns, uris).is_some(),
                fits,
                "{pattern} {dns:?} {uris:?}"
            );
        }
        let both = said(&["spiffe://t/*", "*.a"], &["x.a"], &["spiffe://t/x"]);
        assert_eq!(
            both.as_deref(),
            Some("m:spiffe://t/x"),
            "in the order of the list"
        );
    }

    #[test]
    fn what_no_certificate_could_have_is_refused() {
        for bad in [
            "",
            "*",
            "*.",
            "a..b",
            "a b",
            "*.*.a",
            "a.*",
            "://x",
            "spiffe:///a",
            "spiffe://*/a",
            "spiffe://t/*/a",
        ] {
            let spec = MtlsSpec {
                names: vec![bad.to_owned()],
            };
            assert_eq!(spec.contradictions().len(), 1, "{bad}");
        }
    }
}
