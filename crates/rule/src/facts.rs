//! What a rule can look at.

use serde::Serialize;
use serde_json::Value;

/// What a rule can look at: `claims`, `caller` and `request`.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// The claims of the credential; none if it has no claims.
    pub claims: Option<&'f Value>,
    /// Who is calling.
    pub caller: &'f Caller<'f>,
    /// What is asked for.
    pub request: &'f Asked<'f>,
}

/// Who is calling. What a caller does not have is empty.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Caller<'f> {
    /// Whether anybody is known.
    pub known: bool,
    /// The one account.
    pub account: &'f str,
    /// The subject alone.
    pub subject: &'f str,
    /// Who it is, as operators name them.
    pub consumer: &'f str,
    /// The plan.
    pub plan: &'f str,
    /// The name of the method that knows them.
    pub auth: &'f str,
    /// Scopes.
    pub scopes: &'f [String],
    /// Roles.
    pub roles: &'f [String],
    /// Groups of consumers that they are in.
    pub groups: Vec<&'f str>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Asked<'f> {
    /// The method.
    pub method: &'f str,
    /// The host: lower case, without port.
    pub host: &'f str,
    /// The path, in its one spelling.
    pub path: &'f str,
    /// The client's address.
    pub address: String,
}

/// Fields of `caller`, as rules name them.
pub(crate) const CALLER: &[&str] = &[
    "known", "account", "subject", "consumer", "plan", "auth", "scopes", "roles", "groups",
];
/// Fields of `request`.
pub(crate) const REQUEST: &[&str] = &["method", "host", "path", "address"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_rules_may_use_are_those_that_are_there() {
        let names = |value: Value| -> Vec<String> {
            let object = value.as_object().unwrap();
            object.keys().cloned().collect()
        };
        let sorted = |names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
            names.sort();
            names
        };
        let caller = serde_json::to_value(Caller::default()).unwrap();
        let request = serde_json::to_value(Asked::default()).unwrap();
        assert_eq!(names(caller), sorted(CALLER));
        assert_eq!(names(request), sorted(REQUEST));
    }
}
