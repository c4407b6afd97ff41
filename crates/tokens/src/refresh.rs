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
    let mut good: Option<Mono> = None;
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
        tokio::select! {
            () = inner.wanted.notified() => {}
            () = sleep(spec.refresh.get().saturating_sub(gap)) => {}
        }
    }
}

async fn fetch(inner: &Inner, from: &Remote, by: &Connector) -> Result<bool, String> {
    let patience = inner.spec.timeout;
    let fetched = from.fetch(by, inner.spec.body_max.as_usize());
    let text = timeout(patience.get(), fetched).await;
    let text = text.map_err(|_| format!("no answer within {patience}"))??;
    inner.take(&text)
}
