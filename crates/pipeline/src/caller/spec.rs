//! What the operator wrote about what services are told.

use std::collections::BTreeMap;

use http::HeaderName;
use serde::Deserialize;
use tidegate_identity::AssertionSpec;

/// Fields at most, and fields taken off at most.
const NAMES_MAX: usize = 32;

/// What services are told of callers.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallerSpec {
    /// Fields by name, and what each says.
    pub headers: BTreeMap<String, Fact>,
    /// Further fields that clients may not send; with `*` at the end all that begin so.
    pub strip: Vec<String>,
    /// Fields that clients may send although they usually speak of callers.
    pub keep: Vec<String>,
    /// A signed statement of who is calling.
    pub assertion: Option<AssertionSpec>,
}

impl Default for CallerSpec {
    fn default() -> Self {
        let headers = [("x-user-id", Fact::Account), ("x-user-role", Fact::Roles)];
        Self {
            headers: headers.map(|(name, fact)| (name.to_owned(), fact)).into(),
            strip: Vec::new(),
            keep: Vec::new(),
            assertion: None,
        }
    }
}

/// Something that is known of a caller.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The one account: a key's public part, or the method's name, a colon and the subject.
    Account,
    /// The subject alone, which is not unique if several methods know callers.
    Subject,
    /// Who it is, as operators name them.
    Consumer,
    /// The plan.
    Plan,
    /// The method's name.
    Method,
    /// Roles, with commas between.
    Roles,
    /// Scopes, with spaces between.
    Scopes,
    /// A claim.
    Claim(String),
}

/// Fields that say how a message travels, or that the gateway sets for another reason.
const TAKEN: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

impl CallerSpec {
    /// Claims that services are told.
    pub fn claims(&self) -> impl Iterator<Item = &String> {
        let told = self.headers.values().filter_map(|fact| match fact {
            Fact::Claim(name) => Some(name),
            _ => None,
        });
        told.chain(self.assertion.iter().flat_map(|spec| &spec.claims))
    }

    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        let assertion = self.assertion.as_ref().map(|spec| &spec.header);
        for name in self.headers.keys().chain(assertion) {
            match name.parse::<HeaderName>() {
                Err(_) => found.push((
                    format!("`{name}` is no header name"),
                    "letters, digits and `-`",
                )),
                Ok(field) if TAKEN.contains(&field.as_str()) => found.push((
                    format!("`{name}` says something else already"),
                    "choose another field, such as `x-user-id`",
                )),
                Ok(_) => {}
            }
        }
        let set = self.headers.keys().chain(assertion);
        let lower: Vec<String> = set.map(|name| name.to_ascii_lowercase()).collect();
        for (i, name) in lower.iter().enumerate() {
            if lower[..i].contains(name) {
                found.push((format!("`{name}` is set twice"), "say one thing in it"));
            }
        }
        for pattern in self.strip.iter().chain(&self.keep) {
            let name = pattern.strip_suffix('*').unwrap_or(pattern);
            if name.parse::<HeaderName>().is_err() || TAKEN.contains(&&*name.to_ascii_lowercase()) {
                found.push((
                    format!("`{pattern}` is no field that can be taken off or kept"),
                    "a name such as `x-internal-token`, or its beginning and `*`",
                ));
            }
        }
        for kept in &self.keep {
            if lower.contains(&kept.to_ascii_lowercase()) {
                found.push((
                    format!("`{kept}` is set by the gateway, so a client cannot be let to send it"),
                    "remove it from `keep`, or from `headers`",
                ));
            }
        }
        if self
            .headers
            .len()
            .max(self.strip.len())
            .max(self.keep.len())
            > NAMES_MAX
        {
            found.push((
                "there are more than 32 names in one list".to_owned(),
                "services that need so much want the assertion: `assertion: { ... }`",
            ));
        }
        if let Some(spec) = &self.assertion {
            found.extend(spec.contradictions());
            let path = &spec.jwks_path;
            if crate::normalize(path).as_deref() != Ok(&**path) || path.contains(['?', '#', '%']) {
                found.push((
                    format!("`{path}` is no plain path to publish keys at"),
                    "`jwks_path: /.well-known/tidegate/jwks.json`",
                ));
            }
        }
        found
    }
}
