//! What systemd is told: ready, alive, stopping (sd_notify(3)). Nothing where it does not ask.

use std::time::Duration;

use sd_notify::NotifyState;

pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Says again and again that the process lives, twice as often as systemd wants to hear it
/// (`WatchdogSec=`). Never ends.
pub(crate) async fn keep_alive() {
    let Some(within) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    loop {
        tell(NotifyState::Watchdog);
        tokio::time::sleep((within / 2).max(Duration::from_millis(10))).await;
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told how this process is.");
    }
}
