//! Names into addresses, keeping the last good answer.
//!
//! Answers are used for as long as their time to live says, within bounds, and asked for again in
//! the background. When the name server does not answer, or says that a name does not exist, the
//! last good answer serves on: a service that was there a minute ago is likelier to be there still
//! than to have moved without its name.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use tidegate_model::Mono;

/// An answer is used at least and at most so long, whatever it says.
const TTL_MIN: Duration = Duration::from_secs(1);
const TTL_MAX: Duration = Duration::from_secs(300);
/// After a failure, the name is asked for again this much later.
const RETRY: Duration = Duration::from_secs(2);
/// Until a name server has answered.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Names remembered at most. They come from the configuration, so there are never many.
const NAMES_MAX: usize = 4_096;

/// Resolves names. Cheap to clone; all clones share what they know.
#[derive(Clone)]
pub struct Dns {
    resolver: Option<Arc<TokioResolver>>,
    known: Arc<Mutex<HashMap<Box<str>, Known>>>,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Known {
    addresses: Vec<IpAddr>,
    ask_again: Mono,
    asking: bool,
}

impl Dns {
    /// A resolver that asks the name servers of the system's configuration. Without one, only
    /// addresses and `localhost` resolve.
    #[must_use]
    pub fn system() -> Self {
        let resolver =
            TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
        if let Err(error) = &resolver {
            tracing::warn!(%error, "No name server is configured: only addresses and localhost resolve.");
        }
        Self {
            resolver: resolver.ok().map(Arc::new),
            known: Arc::default(),
        }
    }

    /// The addresses of `host`, which may be an address itself. Answers from memory if it can.
    ///
    /// # Errors
    /// If the name was never resolved and cannot be now.
    pub async fn resolve(&self, host: &str, now: Mono) -> io::Result<Vec<IpAddr>> {
        if let Some(addresses) = literal(host) {
            return Ok(addresses);
        }
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(host)
            .cloned();
        match known {
            Some(known) if !known.addresses.is_empty() => {
                if now >= known.ask_again && !known.asking {
                    self.refresh(host, now);
                }
                Ok(known.addresses)
            }
            _ => self.ask(host, now).await,
        }
    }

    /// The first address of `host` with this port.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub async fn socket_addr(&self, host: &str, port: u16, now: Mono) -> io::Result<SocketAddr> {
        let addresses = self.resolve(host, now).await?;
        let first = addresses.first().copied();
        first
            .map(|ip| SocketAddr::new(ip, port))
            .ok_or_else(|| unknown(host))
    }

    /// Asks in the background, so that nobody waits for it.
    fn refresh(&self, host: &str, now: Mono) {
        if let Some(known) = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(host)
        {
            known.asking = true;
        }
        let (dns, host) = (self.clone(), host.to_owned());
        tokio::spawn(async move {
            if let Err(error) = dns.ask(&host, now).await {
                tracing::warn!(host, %error, "A name cannot be resolved anew; its last addresses serve on.");
            }
        });
    }

    async fn ask(&self, host: &str, now: Mono) -> io::Result<Vec<IpAddr>> {
        let answer = match &self.resolver {
            Some(resolver) => {
                let asked = tokio::time::timeout(TIMEOUT, resolver.lookup_ip(host)).await;
                asked
                    .map_err(io::Error::from)
                    .and_then(|answer| answer.map_err(io::Error::other))
            }
            None => Err(unknown(host)),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(answer) => {
                let addresses: Vec<IpAddr> = answer.iter().collect();
                let ttl = time_to_live(&answer);
                if known.len() < NAMES_MAX || known.contains_key(host) {
                    let entry = Known {
                        addresses: addresses.clone(),
                        ask_again: now + ttl,
                        asking: false,
                    };
                    known.insert(host.into(), entry);
                }
                Ok(addresses)
            }
            Err(error) => match known.get_mut(host) {
                Some(entry) => {
                    entry.ask_again = now + RETRY;
                    entry.asking = false;
                    Ok(entry.addresses.clone())
                }
                None => Err(error),
            },
        }
    }
}

fn time_to_live(answer: &hickory_resolver::lookup_ip::LookupIp) -> Duration {
    let records = answer.as_lookup().answers().iter();
    let shortest = records
        .map(|record| u64::from(record.ttl))
        .min()
        .unwrap_or(0);
    Duration::from_secs(shortest).clamp(TTL_MIN, TTL_MAX)
}

fn literal(host: &str) -> Option<Vec<IpAddr>> {
    if host == "localhost" {
        return Some(vec![IpAddr::from([127, 0, 0, 1])]);
    }
    host.parse().ok().map(|address| vec![address])
}

fn unknown(host: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("no address is known for `{host}`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_resolve_to_themselves() {
        let dns = Dns {
            resolver: None,
            known: Arc::default(),
        };
        for (host, want) in [
            ("127.0.0.9", "127.0.0.9"),
            ("::1", "::1"),
            ("localhost", "127.0.0.1"),
        ] {
            assert_eq!(
                dns.resolve(host, Mono::ZERO).await.unwrap(),
                [want.parse::<IpAddr>().unwrap()]
            );
        }
        let error = dns
            .resolve("nowhere.invalid", Mono::ZERO)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("nowhere.invalid"));
    }

    #[tokio::test]
    async fn the_last_good_answer_serves_on() {
        let dns = Dns {
            resolver: None,
            known: Arc::default(),
        };
        let addresses = vec![IpAddr::from([192, 0, 2, 1])];
        let known = Known {
            addresses: addresses.clone(),
            ask_again: Mono::from_millis(5),
            asking: false,
        };
        dns.known
            .lock()
            .unwrap()
            .insert("orders.internal".into(), known);
        for ms in [0, 10, 10_000] {
            assert_eq!(
                dns.resolve("orders.internal", Mono::from_millis(ms))
                    .await
                    .unwrap(),
                addresses
            );
            tokio::task::yield_now().await;
        }
    }
}
