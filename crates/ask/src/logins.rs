//! Logins in the browser: asks providers for what identity's `Login` decides with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::HeaderValue;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use tidegate_identity::{
    Authenticator, DigestCache, Login, LoginCounts, LoginDenied, LoginSpec, Place, Provider,
    RenewalAnswer, Renewed, Turn, TurnedAway, Wanted,
};
use tidegate_model::Mono;
use tidegate_runtime::Clock;
use tidegate_tokens::{Around, Connector, Keyring, Sealer, Tokens, trust, unusable_files};

use crate::asker::secret;
use crate::exchange::{ClientSecret, Exchange, Exchanged};
use crate::flights::Flights;

/// What a provider gave for a refresh token is remembered for so long, for requests that were sent
/// with the old one.
const RENEWED_KEPT: Duration = Duration::from_secs(60);
/// So many of them at most.
const RENEWED_MAX: usize = 4_096;

/// What the operator wrote.
#[derive(Clone, Debug)]
pub struct LoginsSpec {
    /// Methods by name.
    pub methods: BTreeMap<String, LoginSpec>,
    /// Claims that somebody asks for.
    pub claims: Wanted,
}

/// Methods by name.
#[derive(Default)]
pub struct Logins(BTreeMap<String, Entry>);

struct Entry {
    login: Arc<Login>,
    keyring: Arc<Keyring>,
    exchange: Arc<Exchange>,
    flights: Flights<Exchanged>,
    renewed: DigestCache<(Exchanged, Mono)>,
    /// Renewals rest until then, in milliseconds: the provider did not answer.
    rests_until_ms: AtomicU64,
    rest: Duration,
    clock: Clock,
}

impl std::fmt::Debug for Logins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    tidegate_runtime::fill(&mut bytes);
    bytes
}

impl Logins {
    /// Methods as the configuration says; ID tokens are judged by `tokens`, which has methods of
    /// the same names. Counters of `old` go on. Reads files.
    ///
    /// # Errors
    /// A sentence, if a file cannot be used.
    pub fn build(
        spec: LoginsSpec,
        old: &Self,
        tokens: &Tokens,
        around: &Around,
    ) -> Result<Self, String> {
        let LoginsSpec { methods, claims } = spec;
        let build = |(name, spec): (String, LoginSpec)| {
            let counts = old
                .0
                .get(&name)
                .map(|entry| Arc::clone(entry.login.counts()));
            let entry = entry(
                &name,
                spec,
                &claims,
                counts.unwrap_or_default(),
                tokens,
                around,
            );
            let entry = entry.map_err(|why| format!("the authenticator `{name}`: {why}"))?;
            Ok((name, entry))
        };
        let all = methods.into_iter().map(build);
        all.collect::<Result<_, String>>().map(Self)
    }

    /// The method of this name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<Arc<dyn Authenticator>> {
        Some(Arc::clone(&self.0.get(name)?.login) as _)
    }

    /// The login of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Login> {
        Some(&*self.0.get(name)?.login)
    }

    /// Whether some method has this path for its own, at whatever host.
    #[must_use]
    pub fn may_be_at(&self, path: &str) -> bool {
        let mut specs = self.0.values().map(|entry| entry.login.spec());
        specs.any(|spec| spec.callback_path == path || spec.logout_path == path)
    }

    /// The method that has this path of this host for its own.
    #[must_use]
    pub fn at(&self, host: &str, path: &str) -> Option<(&str, Place)> {
        self.0
            .iter()
            .find_map(|(name, entry)| Some((name.as_str(), entry.login.place(host, path)?)))
    }

    /// Sends a browser that wanted `target` to the provider of this method.
    ///
    /// # Errors
    /// If the provider cannot be reached.
    pub async fn begin(&self, name: &str, head: &Parts, target: &str) -> Result<Turn, LoginDenied> {
        let entry = self.0.get(name).ok_or(LoginDenied::ProviderDown)?;
        let down = || {
            entry.login.counts().denied(LoginDenied::ProviderDown);
            LoginDenied::ProviderDown
        };
        let provider = entry.provider().await.ok_or_else(down)?;
        let now = entry.clock.now().wall;
        let turn = entry.login.begin(head, target, &provider, now, &mut random);
        turn.ok_or(LoginDenied::TooLarge)
    }

    /// Answers a browser at one of a method's own paths.
    ///
    /// # Errors
    /// If the login went wrong.
    pub async fn visit(&self, name: &str, place: Place, head: &Parts) -> Result<Turn, TurnedAway> {
        let gone = TurnedAway {
            why: LoginDenied::State,
            cookie: None,
        };
        let entry = self.0.get(name).ok_or(gone)?;
        match place {
            Place::Callback => entry.enter(head).await,
            Place::Logout => {
                let provider = entry.keyring.provider();
                let turn = entry.login.leave(head, provider.as_deref());
                turn.map_err(|why| TurnedAway { why, cookie: None })
            }
        }
    }

    /// Asks the provider whether a session still holds. `None` if no method of this name has
    /// sessions.
    pub async fn renew(&self, name: &str, head: &Parts) -> Option<Renewed> {
        self.0.get(name)?.renew(head).await
    }

    /// What tells a browser that its session was used, if that is due.
    #[must_use]
    pub fn touch(&self, name: &str, head: &Parts) -> Option<HeaderValue> {
        let entry = self.0.get(name)?;
        entry.login.touch(head, entry.clock.now().wall, &mut random)
    }

    /// Each method with what came of its logins.
    pub fn all(&self) -> impl Iterator<Item = (&str, &LoginCounts)> {
        let all = self.0.iter();
        all.map(|(name, entry)| (name.as_str(), &**entry.login.counts()))
    }
}

impl Entry {
    /// Where people log in, asked for lately: a browser is not sent to a provider that is known to
    /// be down. All who log in wait for the same fetch, and there is one in a gap.
    async fn provider(&self) -> Option<Arc<Provider>> {
        self.keyring.refetch().await;
        self.keyring.provider()
    }

    async fn enter(&self, head: &Parts) -> Result<Turn, TurnedAway> {
        let known = self.keyring.provider();
        let now = self.clock.now().wall;
        let returned = self.login.returned(head, known.as_deref(), now)?;
        let down = || self.login.refused(&returned, LoginDenied::ProviderDown);
        // Its keys may have changed while the browser was there.
        let provider = self.provider().await.ok_or_else(down)?;
        match self.ask(&provider, &returned.exchange).await {
            Exchanged::Given(given) => {
                let now = self.clock.now();
                self.login.enter(&returned, &given, now, &mut random)
            }
            Exchanged::Ended => Err(self.login.refused(&returned, LoginDenied::Code)),
            Exchanged::Failed => Err(down()),
        }
    }

    async fn renew(&self, head: &Parts) -> Option<Renewed> {
        let renewal = self.login.renewal(head, self.clock.now().wall)?;
        let now = self.clock.mono();
        let kept = self.renewed.get(&renewal.digest, |(_, until)| now < *until);
        let exchanged = match kept {
            Some((exchanged, _)) => exchanged,
            None if now.as_millis() < self.rests_until_ms.load(Relaxed) => Exchanged::Failed,
            None => {
                let exchanged = match self.provider().await {
                    Some(provider) => self.ask(&provider, &renewal.exchange).await,
                    None => Exchanged::Failed,
                };
                let now = self.clock.mono();
                match exchanged {
                    Exchanged::Failed => {
                        let until = (now + self.rest).as_millis();
                        self.rests_until_ms.store(until, Relaxed);
                    }
                    _ => {
                        let until = now + RENEWED_KEPT;
                        self.renewed
                            .insert(renewal.digest, (exchanged.clone(), until));
                    }
                }
                exchanged
            }
        };
        let answer = match &exchanged {
            Exchanged::Given(given) => RenewalAnswer::Given(given),
            Exchanged::Ended => RenewalAnswer::Ended,
            Exchanged::Failed => RenewalAnswer::Failed,
        };
        Some(
            self.login
                .renewed(renewal, answer, self.clock.now(), &mut random),
        )
    }

    /// Exchanges a code or a refresh token, once for all who wait for the same.
    async fn ask(&self, provider: &Provider, body: &str) -> Exchanged {
        let digest = Sha256::digest(body).into();
        let (exchange, uri) = (Arc::clone(&self.exchange), provider.token_endpoint.clone());
        let body = body.to_owned();
        let errand = || async move { exchange.run(uri, body).await };
        match self.flights.join(digest, errand).await {
            Ok(Some(exchanged)) => exchanged,
            Ok(None) | Err(_) => Exchanged::Failed,
        }
    }
}

fn entry(
    name: &str,
    spec: LoginSpec,
    claims: &Wanted,
    counts: Arc<LoginCounts>,
    tokens: &Tokens,
    around: &Around,
) -> Result<Entry, String> {
    let path = |path: &Path| around.folder.join(path);
    let (judge, keyring) = tokens.judge(name).ok_or("nobody judges its ID tokens")?;
    let seal = Arc::new(Sealer::load(&path(&spec.cookie_keys_file))?);
    let shown = spec.client_secret_file.as_deref();
    let shown = shown.map(|file| secret(&path(file))).transpose()?;
    let ca_file = spec.provider.ca_file.as_deref().map(path);
    let by = Connector {
        dns: around.dns.clone(),
        clock: around.clock,
        tls: trust(ca_file.as_deref())?,
    };
    let exchange = Exchange {
        name: name.to_owned(),
        by,
        secret: ClientSecret::new(&spec.client_id, shown, spec.client_auth)?,
        body_max: spec.body_max.as_usize(),
        timeout: spec.timeout.get(),
    };
    Ok(Entry {
        exchange: Arc::new(exchange),
        flights: Flights::new(spec.in_flight_max, around.control.clone()),
        renewed: DigestCache::new(RENEWED_MAX),
        rests_until_ms: AtomicU64::new(0),
        rest: spec.provider.refresh_gap.get(),
        clock: around.clock,
        login: Arc::new(Login::new(name, spec, claims, seal, judge, counts)),
        keyring,
    })
}

/// Which files of a login's definition cannot be used, and why.
#[must_use]
pub fn unusable_login_files(spec: &LoginSpec, folder: &Path) -> Vec<tidegate_tokens::UnusableFile> {
    let mut found = unusable_files(&spec.id_tokens(), folder);
    let keys = Sealer::load(&folder.join(&spec.cookie_keys_file)).map(|_| ());
    let shown = spec.client_secret_file.iter();
    let shown = shown.map(|file| (file, secret(&folder.join(file)).map(|_| ())));
    let tried = std::iter::once((&spec.cookie_keys_file, keys)).chain(shown);
    found.extend(tried.filter_map(|(file, used)| {
        let (path, why) = (file.clone(), used.err()?);
        Some(tidegate_tokens::UnusableFile { path, why })
    }));
    found
}
