//! The methods of a generation that take tokens. What did not change goes on with its keys and its
//! cache when the configuration is loaded anew.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_dns::Dns;
use tidegate_identity::{Authenticator, Jwt, JwtSpec, TokenCounts, Verify, Wanted};
use tidegate_runtime::Clock;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::connect::{Connector, trust};
use crate::files::Files;
use crate::keyring::{FETCHES, Inner, Keyring, Stage};
use crate::refresh::refresh;
use crate::source::Remote;

/// What the operator wrote.
#[derive(Clone, Debug)]
pub struct TokensSpec {
    /// Methods by name.
    pub methods: BTreeMap<String, JwtSpec>,
    /// Claims that somebody asks for.
    pub claims: Wanted,
}

/// What methods need of the process that they run in.
#[derive(Debug)]
pub struct Around {
    /// Names into addresses.
    pub dns: Dns,
    /// The clocks.
    pub clock: Clock,
    /// Where keys are fetched: not on a core that serves.
    pub control: Handle,
    /// What paths are relative to.
    pub folder: PathBuf,
}

/// Methods by name.
#[derive(Debug, Default)]
pub struct Tokens(BTreeMap<String, Method>);

#[derive(Clone, Debug)]
struct Method {
    spec: JwtSpec,
    claims: Wanted,
    jwt: Arc<Jwt>,
    keyring: Arc<Keyring>,
    counts: Arc<TokenCounts>,
}

impl Tokens {
    /// Methods as the configuration says, which take over from `old` what they can. Reads files.
    ///
    /// # Errors
    /// A sentence, if a file cannot be used.
    pub fn build(spec: TokensSpec, old: &Self, around: &Around) -> Result<Self, String> {
        let TokensSpec { methods, claims } = spec;
        let method = |(name, spec): (String, JwtSpec)| {
            let known = old.0.get(&name);
            let method = build(&name, spec, &claims, known, around);
            let method = method.map_err(|why| format!("the authenticator `{name}`: {why}"));
            Ok((name, method?))
        };
        methods
            .into_iter()
            .map(method)
            .collect::<Result<_, String>>()
            .map(Self)
    }

    /// The method of this name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<Arc<dyn Authenticator>> {
        let method = self.0.get(name)?;
        Some(Arc::clone(&method.jwt) as _)
    }

    /// What judges tokens of this method, and its issuer's keys.
    #[must_use]
    pub fn judge(&self, name: &str) -> Option<(Arc<Jwt>, Arc<Keyring>)> {
        let method = self.0.get(name)?;
        Some((Arc::clone(&method.jwt), Arc::clone(&method.keyring)))
    }

    /// Fetches keys for a method that lacks one. Whether it is worth asking again.
    pub async fn fetch(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(method) => method.keyring.refetch().await,
            None => false,
        }
    }

    /// Each method with its counts, its keys and the number of tokens it remembers.
    pub fn all(&self) -> impl Iterator<Item = (&str, &TokenCounts, &Keyring, usize)> {
        self.0.iter().map(|(name, method)| {
            (
                name.as_str(),
                &*method.counts,
                &*method.keyring,
                method.jwt.cached(),
            )
        })
    }
}

fn build(
    name: &str,
    spec: JwtSpec,
    claims: &Wanted,
    known: Option<&Method>,
    around: &Around,
) -> Result<Method, String> {
    let files = Files::read(&spec, &around.folder)?;
    let same_issuer = known.filter(|known| {
        let old = &known.spec;
        old.issuer == spec.issuer && old.keys == spec.keys
    });
    let keyring = match same_issuer {
        Some(known) if known.keyring.files == files => Arc::clone(&known.keyring),
        _ => Arc::new(keyring(name, &spec, files, known, same_issuer, around)?),
    };
    if let Some(known) = known
        && Arc::ptr_eq(&known.keyring, &keyring)
        && known.spec == spec
        && known.claims == *claims
    {
        return Ok(known.clone());
    }
    let counts = known
        .map(|known| Arc::clone(&known.counts))
        .unwrap_or_default();
    let verify = Arc::clone(&keyring) as Arc<dyn Verify>;
    let jwt = Jwt::new(
        name,
        spec.clone(),
        claims.clone(),
        verify,
        Arc::clone(&counts),
    );
    let (claims, jwt) = (claims.clone(), Arc::new(jwt));
    Ok(Method {
        spec,
        claims,
        jwt,
        keyring,
        counts,
    })
}

fn keyring(
    name: &str,
    spec: &JwtSpec,
    files: Files,
    known: Option<&Method>,
    same_issuer: Option<&Method>,
    around: &Around,
) -> Result<Keyring, String> {
    // Counters go on, as those of a process do.
    let counts = match known {
        Some(known) => Arc::clone(&known.keyring.inner.fetches),
        None => Arc::new([(); FETCHES.len()].map(|()| Default::default())),
    };
    let mut refreshing = JoinSet::new();
    let inner = |stage| Arc::new(Inner::new(spec.keys.clone(), stage, counts));
    let Some(remote) = Remote::of(spec) else {
        let inner = inner(Stage::Resting);
        let path = around
            .folder
            .join(spec.keys.file.as_deref().ok_or("no place of keys")?);
        let taken = inner.take(files.keys.as_deref().unwrap_or_default());
        taken.map_err(|why| format!("{} cannot be used: {why}", path.display()))?;
        return Ok(Keyring {
            inner,
            files,
            _refreshing: refreshing,
        });
    };
    let ca_file = spec
        .keys
        .ca_file
        .as_ref()
        .map(|path| around.folder.join(path));
    let by = Connector {
        dns: around.dns.clone(),
        clock: around.clock,
        tls: trust(ca_file.as_deref())?,
    };
    let inner = inner(Stage::Fetching);
    // Other certificates are trusted, but the issuer and its keys are the same.
    if let Some(known) = same_issuer {
        inner.inherit(&known.keyring.inner);
    }
    let task = refresh(name.to_owned(), Arc::clone(&inner), remote, by);
    refreshing.spawn_on(task, &around.control);
    Ok(Keyring {
        inner,
        files,
        _refreshing: refreshing,
    })
}
