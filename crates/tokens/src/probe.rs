//! Whether an issuer's keys can be had, before a node needs them.

use tidegate_dns::Dns;
use tidegate_identity::JwtSpec;
use tidegate_runtime::Clock;
use tokio::time::timeout;

use crate::connect::{Connector, trust};
use crate::keyset::KeySet;
use crate::source::Remote;

/// Fetches an issuer's keys once. `None` if they are in a file.
///
/// # Errors
/// Why they cannot be had, in a sentence.
pub async fn probe(
    spec: &JwtSpec,
    folder: &std::path::Path,
    dns: Dns,
    clock: Clock,
) -> Option<Result<(), String>> {
    let remote = Remote::of(spec)?;
    Some(fetch(&remote, spec, folder, dns, clock).await)
}

async fn fetch(
    remote: &Remote,
    spec: &JwtSpec,
    folder: &std::path::Path,
    dns: Dns,
    clock: Clock,
) -> Result<(), String> {
    let keys = &spec.keys;
    let ca_file = keys.ca_file.as_ref().map(|path| folder.join(path));
    let tls = trust(ca_file.as_deref())?;
    let by = Connector { dns, clock, tls };
    let fetched = remote.fetch(&by, keys.body_max.as_usize());
    let fetched = timeout(keys.timeout.get(), fetched).await;
    let fetched = fetched.map_err(|_| format!("no answer within {}", keys.timeout))??;
    KeySet::parse(&fetched.keys, keys.keys_max, false).map(|_| ())
}
