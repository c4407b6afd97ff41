//! `tidegate watchdog`: withdraws a node that is dead or frozen.
//!
//! It stands outside of the process it looks after, asks it how it is, and withdraws from the
//! routing daemon what a node would withdraw that could. It never announces: a node that lives
//! again reads its daemon back within half a second and sets it, if it is fit to serve.
//!
//! A machine that was paused pauses its watchdog too. What was asked before a pause was not missed
//! by the node: a watchdog that was late itself asks anew before it counts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tidegate_config::AnycastSpec;
use tidegate_model::Mono;
use tidegate_runtime::Clock;
use tidegate_telemetry::{LogFormat, init_log};

use super::client::ask;
use super::{Outcome, block_on};
use crate::announce::withdraw;
use crate::files::load_region;
use crate::place::own_region;
use crate::systemd;

/// How often the node is asked.
const ASK: Duration = Duration::from_millis(200);
/// How often a withdrawal is tried that goes over a network, where calls are counted.
const CALL: Duration = Duration::from_secs(10);
/// Whoever is later than this was not waiting for the node.
const LATE: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The region's file, the same that the node has.
    #[arg(long, value_name = "FILE")]
    region: PathBuf,
    /// The node's name in that file.
    #[arg(long, value_name = "NAME")]
    node: String,
    /// Until an answer counts as missed.
    #[arg(long, default_value = "300", value_name = "MILLISECONDS")]
    patience: u64,
    /// Missed answers in a row until the node is withdrawn.
    #[arg(long, default_value = "3", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    misses: u32,
}

pub(crate) fn run(args: &Args) -> Outcome {
    init_log(LogFormat::Text, "info").map_err(|error| error.to_string())?;
    let (loaded, _) = load_region(&args.region).map_err(|refused| refused.text(false))?;
    let region = own_region(&loaded);
    let node = region.spec.nodes.get(&args.node);
    let node =
        node.ok_or_else(|| format!("{} lists no node `{}`", args.region.display(), args.node))?;
    let anycast = &region.spec.anycast.value;
    if !anycast.is_routed() {
        return Err(
            "a watchdog works with a routing daemon only (`anycast: { bird: ... }`, `exabgp` or `gobgp`) or \
             `global_accelerator`: nothing else outlives the node"
                .to_owned(),
        );
    }
    let dog = Watchdog {
        admin: node.value.admin.value,
        anycast: anycast.clone(),
        node: args.node.clone(),
        patience: Duration::from_millis(args.patience),
        fall: args.misses,
        missed: 0,
        tried: None,
        withdrew: false,
        clock: Clock::start(),
    };
    systemd::ready();
    block_on(async {
        tokio::spawn(systemd::keep_alive());
        dog.watch().await;
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

struct Watchdog {
    admin: SocketAddr,
    anycast: AnycastSpec,
    node: String,
    patience: Duration,
    fall: u32,
    missed: u32,
    /// When it last tried to withdraw the node.
    tried: Option<Mono>,
    /// Whether it withdrew the node since the last good answer.
    withdrew: bool,
    clock: Clock,
}

impl Watchdog {
    async fn watch(mut self) {
        let mut ticks = tokio::time::interval(ASK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let asleep = self.clock.mono();
            ticks.tick().await;
            let begun = self.clock.mono();
            let slept = begun.since(asleep);
            if slept > ASK + LATE {
                self.was_late(slept);
            }
            let asked = ask(self.admin, "/healthz");
            let answer = tokio::time::timeout(self.patience, asked).await;
            let took = self.clock.mono().since(begun);
            if matches!(answer, Ok(Ok(answer)) if answer.status.is_success()) {
                self.alive();
            } else if took > self.patience + LATE {
                self.was_late(took);
            } else {
                self.silent().await;
            }
        }
    }

    /// It was paused itself while it waited: the node may have answered.
    fn was_late(&mut self, took: Duration) {
        tracing::warn!(
            took_ms = took.as_millis(),
            "This watchdog was paused itself: it asks anew before it judges the node."
        );
        self.missed = 0;
    }

    /// Between two attempts to withdraw the node.
    const fn pause(&self) -> Duration {
        match self.anycast {
            AnycastSpec::GlobalAccelerator(_) => CALL,
            AnycastSpec::Bird(_)
            | AnycastSpec::Exabgp(_)
            | AnycastSpec::Gobgp(_)
            | AnycastSpec::Director(_)
            | AnycastSpec::DryRun => Duration::ZERO,
        }
    }

    async fn silent(&mut self) {
        self.missed = self.missed.saturating_add(1);
        let now = self.clock.mono();
        let just_tried = self
            .tried
            .is_some_and(|tried| now.since(tried) < self.pause());
        if self.missed < self.fall || just_tried {
            return;
        }
        self.tried = Some(now);
        match withdraw(&self.anycast, &self.node).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                tracing::warn!(missed = self.missed, "The node does not answer: withdrawn.");
                self.withdrew = true;
            }
            Ok(Err(error)) | Err(error) => {
                tracing::warn!(%error, "The node does not answer, and cannot be withdrawn.");
            }
        }
    }

    fn alive(&mut self) {
        self.missed = 0;
        if std::mem::take(&mut self.withdrew) {
            tracing::info!("The node answers again: it announces itself once it is fit.");
        }
    }
}
