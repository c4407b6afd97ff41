//! Keeps keys fresh: one task an issuer, which fetches at intervals, and earlier when a token names
//! a key that is not known. Between two fetches lies a gap, so that made-up names cost the issuer
//! little. While it cannot be asked, the last keys serve on, up to a limit.

use std::sync::Arc;
use std::time::Duration;

use tidegate_model::Mono;
use tokio::time::{sleep, timeout};

use crate::connect::Connector;
use crate::keyring::{Inner, Stage};
use crate::source::Remote;

pub(crate) async fn refresh(name: String, inner: Arc<Inner>, from: Remote, by: Connector) {
    let spec = &inner.spec;
    let gap = spec.refresh_gap.get();
    let random = tidegate_runtime::seed();
    let mut fetches = 0_u64;
    // Keys of a former definition age from here on.
    let mut good: Option<Mono> = inner.has_keys().then(|| by.clock.mono());
    loop {
        inner.stage.send_replace(Stage::Fetching);
        match fetch(&inner, &from, &by).await {
            Ok(changed) => {
                inner.count(usize::from(!changed));
                good = Some(by.clock.mono());
                if changed {
                    tracing::info!(authenticator = name, "Keys were fetched.");
                }
            }
            Err(why) => {
                inner.count(2);
                inner.set_provider(None);
                tracing::warn!(authenticator = name, why, "Keys cannot be fetched.");
                let age = good.map_or(Duration::ZERO, |good| by.clock.mono().since(good));
                if age > spec.stale_max.get() && inner.forget() {
                    good = None;
                    tracing::error!(
                        authenticator = name,
                        "Keys are too old: tokens are refused."
                    );
                }
            }
        }
        inner.stage.send_replace(Stage::Resting);
        sleep(gap).await;
        inner.stage.send_replace(Stage::Ready);
        fetches += 1;
        let draw = random.child(&fetches.to_string()).value();
        tokio::select! {
            () = inner.wanted.notified() => {}
            () = sleep(jittered(spec.refresh.get(), draw).saturating_sub(gap)) => {}
        }
    }
}

/// A tenth earlier at most, so that nodes which were started together do not ask together for ever.
fn jittered(interval: Duration, draw: u64) -> Duration {
    interval.mul_f64(1.0 - draw as f64 / u64::MAX as f64 / 10.0)
}

async fn fetch(inner: &Inner, from: &Remote, by: &Connector) -> Result<bool, String> {
    let patience = inner.spec.timeout;
    let fetched = from.fetch(by, inner.spec.body_max.as_usize());
    let fetched = timeout(patience.get(), fetched).await;
    let fetched = fetched.map_err(|_| format!("no answer within {patience}"))??;
    let changed = inner.take(&fetched.keys)?;
    inner.set_provider(fetched.provider);
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetches_of_many_nodes_drift_apart_and_none_is_late() {
        let interval = Duration::from_secs(600);
        let at = |draw| jittered(interval, draw);
        assert_eq!(at(0), interval);
        assert_eq!(at(u64::MAX / 2 + 1), Duration::from_secs(570));
        assert_eq!(at(u64::MAX), Duration::from_secs(540));
    }
}
