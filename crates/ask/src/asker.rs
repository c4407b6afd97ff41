//! The methods of a generation that ask others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::request::Parts;
use tidegate_identity::{
    Answers, AskedCounts, Authenticator, Basic, BasicSpec, External, ExternalSpec, Introspection,
    IntrospectionSpec, Said, Wanted, http_url,
};
use tidegate_model::{ByteSize, Period, Secret};
use tidegate_tokens::{Around, Connector, trust};
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::external::Authorize;
pub use crate::external::Origin;
use crate::flights::Flights;
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
pub struct Askers(BTreeMap<String, Asker>);

impl std::fmt::Debug for Askers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
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
    /// Methods as the configuration says. Counters of `old` go on; what was remembered does not, as
    /// files and rules may have changed. `random` makes keys of this process.
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
            let counts = old.0.get(&name).map(|asker| asker.answers().counters());
            let counts = counts.unwrap_or_default();
            let asker = asker(&name, spec, &claims, counts, around, &mut random);
            let asker = asker.map_err(|why| format!("the authenticator `{name}`: {why}"))?;
            Ok((name, asker))
        };
        let all = methods
            .into_iter()
            .map(build)
            .collect::<Result<_, String>>()?;
        Ok(Self(all))
    }

    /// The method of this name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<Arc<dyn Authenticator>> {
        Some(match self.0.get(name)? {
            Asker::Introspection(asker) => Arc::clone(&asker.method) as _,
            Asker::Basic(asker) => Arc::clone(&asker.method) as _,
            Asker::External(asker) => Arc::clone(&asker.method) as _,
        })
    }

    /// Asks about a caller. `None` if no method of this name asks anybody.
    pub async fn ask(&self, name: &str, head: &Parts, origin: Origin<'_>) -> Option<Said> {
        Some(match self.0.get(name)? {
            Asker::Introspection(asker) => asker.ask(head).await,
            Asker::Basic(asker) => asker.ask(head).await,
            Asker::External(asker) => asker.ask(head, origin).await,
        })
    }

    /// Each method with what it was told.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Answers)> {
        self.0
            .iter()
            .map(|(name, asker)| (name.as_str(), asker.answers()))
    }
}

fn asker(
    name: &str,
    spec: AskSpec,
    claims: &Wanted,
    counts: AskedCounts,
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
            let answers = Answers::new(spec.cache_max, counts);
            Asker::Introspection(Introspect {
                credentials: credentials(&spec.client_id, secret.reveal())?,
                flights: Flights::new(spec.in_flight_max, control()),
                method: Arc::new(Introspection::new(name, spec, claims.clone(), answers)),
                client,
                clock: around.clock,
            })
        }
        AskSpec::Basic(spec) => {
            let users = Arc::new(Users::load(&around.folder.join(&spec.users_file))?);
            let answers = Answers::new(spec.cache_max, counts);
            Asker::Basic(Passwords {
                users,
                at_once: Arc::new(Semaphore::new(spec.at_once_max)),
                flights: Flights::new(spec.at_once_max + spec.queue_max, control()),
                method: Arc::new(Basic::new(name, spec, random(), answers)),
                clock: around.clock,
            })
        }
        AskSpec::External(spec) => {
            let client = client(
                &spec.url,
                spec.ca_file.as_deref(),
                (spec.body_max, spec.timeout),
                around,
            )?;
            let answers = Answers::new(spec.cache_max, counts);
            Asker::External(Authorize {
                flights: Flights::new(spec.in_flight_max, control()),
                method: Arc::new(External::new(name, spec, answers)),
                client,
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
    let uri = http_url(url).ok_or("its url is none that can be asked")?;
    let ca_file = ca_file.map(|path| around.folder.join(path));
    let by = Connector {
        dns: around.dns.clone(),
        clock: around.clock,
        tls: trust(ca_file.as_deref())?,
    };
    Ok(Client::new(by, uri, body_max.as_usize(), timeout.get()))
}

/// A secret in a file, without the line break at its end.
fn secret(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let text = Secret::new(text);
    let trimmed = text.reveal().trim_end();
    if trimmed.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(Secret::new(trimmed.to_owned()))
}
