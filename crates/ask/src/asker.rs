//! The methods of a generation that ask others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::Uri;
use http::request::Parts;
use tidegate_identity::{
    Answers, AskedCounts, Authenticator, Basic, BasicSpec, External, ExternalProtocol,
    ExternalSpec, Introspection, IntrospectionSpec, Said, Wanted, http_url,
};
use tidegate_model::{ByteSize, Period, Secret};
use tidegate_tokens::{Around, Connector, trust};
use tokio::sync::Semaphore;

use crate::client::Client;
pub use crate::external::Origin;
use crate::external::{Authorize, By};
use crate::flights::Flights;
use crate::grpc::Checker;
use crate::introspect::{Introspect, credentials};
use crate::passwords::{Passwords, Users};

/// A method that asks others, as the operator wrote it.
#[derive(Clone, Debug)]
pub enum AskSpec {
    /// Opaque tokens.
    Introspection(IntrospectionSpec),
    /// User names and passwords.
    Basic(BasicSpec),
    /// An authorizer.
    External(ExternalSpec),
}

/// What the operator wrote.
#[derive(Clone, Debug)]
pub struct Methods {
    /// Methods by name.
    pub methods: BTreeMap<String, AskSpec>,
    /// Claims that somebody asks for.
    pub claims: Wanted,
}

/// Methods by name.
#[derive(Default)]
pub struct Askers {
    by_name: BTreeMap<String, Asker>,
    claims: Wanted,
}

impl std::fmt::Debug for Askers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

enum Asker {
    Introspection(Introspect),
    Basic(Passwords),
    External(Authorize),
}

impl Asker {
    fn answers(&self) -> &Answers {
        match self {
            Self::Introspection(asker) => &asker.method.answers,
            Self::Basic(asker) => &asker.method.answers,
            Self::External(asker) => &asker.method.answers,
        }
    }
}

impl Askers {
    /// Methods as the configuration says. Counters of `old` go on, and what a method remembers if
    /// nothing has changed that its answers depend on. `random` makes keys of this process.
    ///
    /// # Errors
    /// A sentence, if a file cannot be used.
    pub fn build(
        spec: Methods,
        old: &Self,
        around: &Around,
        mut random: impl FnMut() -> [u8; 32],
    ) -> Result<Self, String> {
        let Methods { methods, claims } = spec;
        let build = |(name, spec): (String, AskSpec)| {
            let before = Before {
                asker: old.by_name.get(&name),
                same_claims: old.claims == claims,
            };
            let asker = asker(&name, spec, &claims, before, around, &mut random);
            let asker = asker.map_err(|why| format!("the authenticator `{name}`: {why}"))?;
            Ok((name, asker))
        };
        let by_name = methods
            .into_iter()
            .map(build)
            .collect::<Result<_, String>>()?;
        Ok(Self { by_name, claims })
    }

    /// The method of this name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<Arc<dyn Authenticator>> {
        Some(match self.by_name.get(name)? {
            Asker::Introspection(asker) => Arc::clone(&asker.method) as _,
            Asker::Basic(asker) => Arc::clone(&asker.method) as _,
            Asker::External(asker) => Arc::clone(&asker.method) as _,
        })
    }

    /// Asks about a caller. `None` if no method of this name asks anybody.
    pub async fn ask(&self, name: &str, head: &Parts, origin: Origin<'_>) -> Option<Said> {
        Some(match self.by_name.get(name)? {
            Asker::Introspection(asker) => asker.ask(head).await,
            Asker::Basic(asker) => asker.ask(head).await,
            Asker::External(asker) => asker.ask(head, origin).await,
        })
    }

    /// Each method with what it was told.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Answers)> {
        self.by_name
            .iter()
            .map(|(name, asker)| (name.as_str(), asker.answers()))
    }
}

/// The method of the same name in the generation before.
#[derive(Clone, Copy)]
struct Before<'o> {
    asker: Option<&'o Asker>,
    same_claims: bool,
}

impl Before<'_> {
    fn counts(self) -> AskedCounts {
        let counts = self.asker.map(|asker| asker.answers().counters());
        counts.unwrap_or_default()
    }

    /// A caller's claims are part of what is remembered of a token.
    fn introspection(self, spec: &IntrospectionSpec) -> Option<Arc<Introspection>> {
        match self.asker {
            Some(Asker::Introspection(old)) if self.same_claims && old.method.spec() == spec => {
                Some(Arc::clone(&old.method))
            }
            _ => None,
        }
    }

    /// A password that is remembered is right for a file.
    fn basic(self, spec: &BasicSpec, users: &Users) -> Option<Arc<Basic>> {
        match self.asker {
            Some(Asker::Basic(old)) if old.method.spec() == spec && *old.users == *users => {
                Some(Arc::clone(&old.method))
            }
            _ => None,
        }
    }

    fn external(self, spec: &ExternalSpec) -> Option<Arc<External>> {
        match self.asker {
            Some(Asker::External(old)) if old.method.spec() == spec => {
                Some(Arc::clone(&old.method))
            }
            _ => None,
        }
    }
}

fn asker(
    name: &str,
    spec: AskSpec,
    claims: &Wanted,
    before: Before<'_>,
    around: &Around,
    random: &mut impl FnMut() -> [u8; 32],
) -> Result<Asker, String> {
    let control = || around.control.clone();
    Ok(match spec {
        AskSpec::Introspection(spec) => {
            let secret = secret(&around.folder.join(&spec.client_secret_file))?;
            let client = client(
                &spec.url,
                spec.ca_file.as_deref(),
                (spec.body_max, spec.timeout),
                around,
            )?;
            let fresh = |spec: IntrospectionSpec| {
                let answers = Answers::new(spec.cache_max, before.counts());
                Arc::new(Introspection::new(name, spec, claims.clone(), answers))
            };
            Asker::Introspection(Introspect {
                credentials: credentials(&spec.client_id, secret.reveal())?,
                flights: Flights::new(spec.in_flight_max, control()),
                method: before.introspection(&spec).unwrap_or_else(|| fresh(spec)),
                client,
                clock: around.clock,
            })
        }
        AskSpec::Basic(spec) => {
            let users = Arc::new(Users::load(&around.folder.join(&spec.users_file))?);
            let mut fresh = |spec: BasicSpec| {
                let answers = Answers::new(spec.cache_max, before.counts());
                Arc::new(Basic::new(name, spec, random(), answers))
            };
            let known = before.basic(&spec, &users);
            Asker::Basic(Passwords {
                users,
                at_once: Arc::new(Semaphore::new(spec.at_once_max)),
                flights: Flights::new(spec.at_once_max + spec.queue_max, control()),
                method: known.unwrap_or_else(|| fresh(spec)),
                clock: around.clock,
            })
        }
        AskSpec::External(spec) => {
            let (ca_file, bounds) = (spec.ca_file.as_deref(), (spec.body_max, spec.timeout));
            let by = match spec.protocol {
                ExternalProtocol::Http => By::Http(client(&spec.url, ca_file, bounds, around)?),
                ExternalProtocol::Grpc => By::Grpc(checker(&spec.url, ca_file, bounds, around)?),
            };
            let fresh = |spec: ExternalSpec| {
                let answers = Answers::new(spec.cache_max, before.counts());
                Arc::new(External::new(name, spec, answers))
            };
            Asker::External(Authorize {
                flights: Flights::new(spec.in_flight_max, control()),
                method: before.external(&spec).unwrap_or_else(|| fresh(spec)),
                by,
                clock: around.clock,
            })
        }
    })
}

fn client(
    url: &str,
    ca_file: Option<&Path>,
    (body_max, timeout): (ByteSize, Period),
    around: &Around,
) -> Result<Arc<Client>, String> {
    let (by, uri) = way(url, ca_file, around)?;
    Ok(Client::new(by, uri, body_max.as_usize(), timeout.get()))
}

fn checker(
    url: &str,
    ca_file: Option<&Path>,
    (body_max, timeout): (ByteSize, Period),
    around: &Around,
) -> Result<Arc<Checker>, String> {
    let (by, uri) = way(url, ca_file, around)?;
    Ok(Checker::new(by, uri, body_max.as_usize(), timeout.get()))
}

/// How a server is reached.
fn way(url: &str, ca_file: Option<&Path>, around: &Around) -> Result<(Connector, Uri), String> {
    let uri = http_url(url).ok_or("its url is none that can be asked")?;
    let ca_file = ca_file.map(|path| around.folder.join(path));
    let by = Connector {
        dns: around.dns.clone(),
        clock: around.clock,
        tls: trust(ca_file.as_deref())?,
    };
    Ok((by, uri))
}

/// A secret in a file, without the line break at its end.
pub(crate) fn secret(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let text = Secret::new(text);
    let trimmed = text.reveal().trim_end();
    if trimmed.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(Secret::new(trimmed.to_owned()))
}
