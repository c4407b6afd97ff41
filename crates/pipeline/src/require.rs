//! What callers must have beside a good credential: an address, scopes, roles, a group, a rule.
//!
//! The address is looked at before anything else is known, so that who may not come from there
//! learns nothing more. The rest is looked at when the caller is known, in the order in which it
//! stands in [`Require`]; all of it must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tidegate_identity::Identity;
use tidegate_model::Prefix;
use tidegate_rule::{Asked, Caller, Facts, Rule};

use crate::spine::Arrival;

/// Consumers by the name of their group.
pub type Groups = BTreeMap<String, BTreeSet<String>>;

/// What callers of a route must have.
#[derive(Clone, Debug, Default)]
pub struct Require {
    /// Where they may come from; anywhere if empty.
    pub allow: Vec<Prefix>,
    /// Where they may not come from.
    pub deny: Vec<Prefix>,
    /// Scopes, all of them.
    pub scopes: Vec<String>,
    /// Scopes, one of them.
    pub any_scope: Vec<String>,
    /// Roles, one of them.
    pub roles: Vec<String>,
    /// Groups of consumers, one of them.
    pub groups: Vec<String>,
    /// A rule that must be true.
    pub rule: Option<Arc<Rule>>,
}

/// What a caller lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forbidden {
    /// They come from elsewhere.
    Address,
    /// A scope.
    Scope,
    /// A role.
    Role,
    /// They are in none of the groups.
    Group,
    /// The rule says no.
    Rule,
    /// The rule could not be evaluated.
    RuleFailed,
}

impl Forbidden {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Address => "forbidden_address",
            Self::Scope => "forbidden_scope",
            Self::Role => "forbidden_role",
            Self::Group => "forbidden_group",
            Self::Rule => "forbidden_rule",
            Self::RuleFailed => "forbidden_rule_failed",
        }
    }
}

impl Require {
    /// Whether it asks for something that only known callers have.
    #[must_use]
    pub const fn needs_caller(&self) -> bool {
        !(self.scopes.is_empty()
            && self.any_scope.is_empty()
            && self.roles.is_empty()
            && self.groups.is_empty())
    }

    pub(crate) fn check_address(&self, client: IpAddr) -> Result<(), Forbidden> {
        let within = |prefixes: &[Prefix]| prefixes.iter().any(|prefix| prefix.contains(client));
        let allowed = self.allow.is_empty() || within(&self.allow);
        held(allowed && !within(&self.deny), Forbidden::Address)
    }

    pub(crate) fn check_caller(
        &self,
        arrival: &Arrival<'_>,
        caller: Option<&Identity>,
        groups: &Groups,
    ) -> Result<(), Forbidden> {
        let scopes = caller.map_or(&[][..], Identity::scopes);
        let roles = caller.map_or(&[][..], Identity::roles);
        let all = |wanted: &[String]| wanted.iter().all(|one| scopes.contains(one));
        held(all(&self.scopes), Forbidden::Scope)?;
        held(
            one_of(&self.any_scope, |one| scopes.contains(one)),
            Forbidden::Scope,
        )?;
        held(
            one_of(&self.roles, |one| roles.contains(one)),
            Forbidden::Role,
        )?;
        let member = |group: &String| {
            let members = groups.get(group);
            caller.is_some_and(|caller| members.is_some_and(|all| all.contains(caller.consumer())))
        };
        held(one_of(&self.groups, member), Forbidden::Group)?;
        match &self.rule {
            Some(rule) => check_rule(rule, arrival, caller, groups),
            None => Ok(()),
        }
    }
}

const fn held(holds: bool, otherwise: Forbidden) -> Result<(), Forbidden> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn one_of(wanted: &[String], has: impl Fn(&String) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(has)
}

fn check_rule(
    rule: &Rule,
    arrival: &Arrival<'_>,
    identity: Option<&Identity>,
    groups: &Groups,
) -> Result<(), Forbidden> {
    let caller = identity.map_or_else(Caller::default, |who| Caller {
        known: true,
        account: who.account(),
        subject: who.subject(),
        consumer: who.consumer(),
        plan: who.plan().unwrap_or_default(),
        auth: who.method(),
        scopes: who.scopes(),
        roles: who.roles(),
        groups: groups
            .iter()
            .filter(|(_, members)| members.contains(who.consumer()))
            .map(|(name, _)| name.as_str())
            .collect(),
    });
    let request = Asked {
        method: arrival.head.method.as_str(),
        host: &arrival.host,
        path: &arrival.path,
        address: arrival.client.to_string(),
    };
    let facts = Facts {
        claims: identity.and_then(Identity::all_claims),
        caller: &caller,
        request: &request,
    };
    match rule.allows(facts) {
        Ok(allowed) => held(allowed, Forbidden::Rule),
        Err(_) => Err(Forbidden::RuleFailed),
    }
}

#[cfg(test)]
mod tests;
