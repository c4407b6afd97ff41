//! Asks endpoints whether they are fit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{HOST, USER_AGENT};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tidegate_balance::{EndpointName, Health, HealthSpec, Pool, Turn};
use tidegate_dns::Dns;
use tidegate_runtime::Clock;
use tidegate_telemetry::Metrics;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The probes of one generation. Dropping it ends them.
#[derive(Debug, Default)]
pub struct Probes {
    tasks: JoinSet<()>,
}

impl Probes {
    /// Starts a probe for every endpoint of these pools.
    #[must_use]
    pub fn start(pools: &[Arc<Pool>], dns: &Dns, clock: Clock, metrics: &Arc<Metrics>) -> Self {
        let mut tasks = JoinSet::new();
        for pool in pools {
            for at in 0..pool.endpoints.len() {
                let metrics = Arc::clone(metrics);
                tasks.spawn(watch(Arc::clone(pool), at, dns.clone(), clock, metrics));
            }
        }
        Self { tasks }
    }

    /// How many endpoints are probed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

async fn watch(pool: Arc<Pool>, at: usize, dns: Dns, clock: Clock, metrics: Arc<Metrics>) {
    let spec = &pool.spec.health;
    let endpoint = &pool.endpoints[at];
    let mut health = Health::new(spec);
    endpoint.set_fit(health.is_fit());
    let mut ticks = tokio::time::interval(spec.interval.get().max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let asked =
            tokio::time::timeout(spec.timeout.get(), ask(&endpoint.name, spec, &dns, clock)).await;
        let (good, why) = match asked {
            Ok(Ok(())) => (true, String::new()),
            Ok(Err(why)) => (false, why),
            Err(_) => (false, format!("no answer within {}", spec.timeout)),
        };
        let turn = health.observe(good);
        if let Some(turn) = turn {
            metrics.turned(&pool.name, turn == Turn::Fit);
        }
        match turn {
            Some(Turn::Fit) => {
                endpoint.set_fit(true);
                tracing::info!(upstream = pool.name, endpoint = %endpoint.name, "An endpoint is fit again.");
            }
            Some(Turn::Unfit) => {
                endpoint.set_fit(false);
                tracing::warn!(upstream = pool.name, endpoint = %endpoint.name, why, "An endpoint is unfit.");
            }
            None => {}
        }
    }
}

/// One probe, on a connection of its own: a connection that was made before proves less.
async fn ask(
    endpoint: &EndpointName,
    spec: &HealthSpec,
    dns: &Dns,
    clock: Clock,
) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let addr = dns
        .socket_addr(&endpoint.host, endpoint.port, clock.mono())
        .await
        .map_err(|e| text(&e))?;
    let stream = TcpStream::connect(addr).await.map_err(|e| text(&e))?;
    let (mut sender, conn) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| text(&e))?;
    let request = Request::get(&spec.path)
        .header(HOST, endpoint.to_string())
        .header(USER_AGENT, "tidegate-probe")
        .body(Empty::<Bytes>::new())
        .map_err(|e| text(&e))?;
    let mut running = JoinSet::new();
    running.spawn(conn);
    let response = sender.send_request(request).await.map_err(|e| text(&e))?;
    let status = response.status();
    if status.is_success() || status.is_redirection() {
        Ok(())
    } else {
        Err(format!("status {status}"))
    }
}

/// Whether each service has at least one fit endpoint; `Err` names the first that has none.
///
/// # Errors
/// A sentence for operators.
pub fn fit_everywhere(pools: &[Arc<Pool>]) -> Result<(), String> {
    match pools.iter().find(|pool| pool.fit() == 0) {
        Some(pool) => Err(format!(
            "no endpoint of the upstream `{}` is fit",
            pool.name
        )),
        None => Ok(()),
    }
}
