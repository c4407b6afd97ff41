//! `/metrics`: what was counted, and what is.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use tidegate_cluster::ClusterStatus;
use tidegate_limit::{Judged, TopBy};
use tidegate_proxy::WATCHES_MAX;
use tidegate_telemetry::{Format, Scrape, catalog};
use tidegate_zone::Outcome;

use super::Shared;
use crate::limits::by_id;
use crate::services::Services;
use crate::watch::LISTENERS_MAX;

/// Subjects that are told of.
const HOTTEST: usize = 10;

pub(super) async fn metrics(headers: HeaderMap, State(services): State<Shared>) -> Response {
    let accept = headers.get(ACCEPT).and_then(|field| field.to_str().ok());
    let format = Format::wanted(accept.unwrap_or_default());
    let scrape = gather(&services, format).await;
    let began = services.clock.mono();
    let answer = scrape.finish();
    let took = services.clock.mono().since(began);
    services.metrics.scraped(took);
    ([(CONTENT_TYPE, format.content_type())], answer).into_response()
}

/// All that was counted and is, with as much of it as a format can say.
pub(crate) async fn gather(services: &Services, format: Format) -> Scrape {
    let mut scrape = Scrape::new(format);
    services.metrics.scrape(&mut scrape);
    if let Some(status) = services.cluster.look(tidegate_cluster::Node::status).await {
        add_cluster(&mut scrape, services, &status);
    }
    add_anycast(&mut scrape, services);
    add_zone(&mut scrape, services);
    add_judged(&mut scrape, services).await;
    add_tables(&mut scrape, services);
    add_hottest(&mut scrape, services).await;
    add_traces(&mut scrape, services);
    add_console(&mut scrape, services);
    add_process(&mut scrape, services.started.unix_micros());
    scrape
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

fn add_cluster(scrape: &mut Scrape, services: &Services, status: &ClusterStatus) {
    scrape.gauge(&catalog::LIMIT_SUBJECTS, &["known"], status.subjects as f64);
    scrape.gauge(
        &catalog::LIMIT_SUBJECTS,
        &["hot"],
        status.subjects_hot as f64,
    );
    scrape.counter(&catalog::LIMIT_ROWS, &["learned"], status.rows_learned);
    let dropped = status.rows_dropped;
    for (outcome, rows) in [
        ("unknown_limit", dropped.unknown_limit),
        ("out_of_window", dropped.out_of_window),
        ("implausible", dropped.implausible),
        ("no_room", dropped.no_room),
    ] {
        scrape.counter(&catalog::LIMIT_ROWS, &[outcome], rows);
    }
    let delayed = status.news_delayed;
    scrape.counter(&catalog::LIMIT_NEWS_DELAYED, &["region"], delayed.region);
    scrape.counter(&catalog::LIMIT_NEWS_DELAYED, &["world"], delayed.world);
    scrape.counter(&catalog::MESH_DROPPED, &["undecodable"], status.undecodable);
    scrape.counter(
        &catalog::MESH_DROPPED,
        &["swim_rejected"],
        status.packets_rejected,
    );
    let (ahead_us, follows) = services.clock.state();
    scrape.gauge(&catalog::CLOCK_AHEAD_SECONDS, &[], ahead_us as f64 / 1e6);
    scrape.gauge(&catalog::CLOCK_FOLLOWS_PEERS, &[], flag(follows));
    if let Some(ms) = status.clock_apart_ms {
        scrape.gauge(&catalog::CLOCK_APART_SECONDS, &[], ms as f64 / 1_000.0);
    }
    scrape.gauge(&catalog::LEDGER_ENTRIES, &[], status.ledger_entries as f64);
    for region in &status.regions {
        let name = region.region.as_str();
        if let Some(ms) = region.staleness_ms {
            scrape.gauge(
                &catalog::LIMIT_STALENESS_SECONDS,
                &[name],
                ms as f64 / 1_000.0,
            );
            let (lag, pair) = (ms as f64 / 1_000.0, [name, services.node.region.as_str()]);
            scrape.gauge(&catalog::REPLICATION_LAG_SECONDS, &pair, lag);
        }
        let pair = [services.node.region.as_str(), name];
        scrape.counter(&catalog::LIMIT_SYNC_BYTES, &pair, region.limit_bytes_sent);
        if let Some(relays) = services.shared.relays.as_ref().filter(|_| !region.home) {
            let (fit, unfit) = relays.counts(&region.region);
            scrape.gauge(&catalog::RELAY_NODES, &[name, "fit"], fit as f64);
            scrape.gauge(&catalog::RELAY_NODES, &[name, "unfit"], unfit as f64);
        }
        if let Some(announced) = region.announced {
            scrape.gauge(&catalog::REGION_ANNOUNCED, &[name], flag(announced));
        }
        for (alive, word) in [(true, "yes"), (false, "no")] {
            let nodes = region
                .nodes
                .iter()
                .filter(|node| node.alive == alive)
                .count();
            scrape.gauge(&catalog::NODES, &[name, word], nodes as f64);
        }
        let own = region.nodes.iter().find(|node| node.node == services.node);
        if let Some(own) = own {
            scrape.gauge(&catalog::ANNOUNCED, &[], flag(own.facts.announced));
            scrape.gauge(&catalog::READY, &[], flag(own.facts.ready));
        }
    }
}

/// How the routing daemon does.
fn add_anycast(scrape: &mut Scrape, services: &Services) {
    let condition = &services.anycast;
    let follows = flag(condition.trouble().is_none());
    scrape.gauge(&catalog::ANYCAST_FOLLOWS, &[], follows);
    scrape.counter(&catalog::ANYCAST_FAILURES, &[], condition.failures());
    scrape.counter(&catalog::ANYCAST_CORRECTIONS, &[], condition.corrections());
}

/// The hottest subjects, and where regions are.
async fn add_hottest(scrape: &mut Scrape, services: &Services) {
    let topology = services.topology.load();
    for place in &topology.places {
        let (latitude, longitude) = (place.latitude.to_string(), place.longitude.to_string());
        let labels = [place.region.as_str(), &latitude, &longitude];
        scrape.gauge(&catalog::REGION_PLACE, &labels, 1.0);
    }
    let look =
        |node: &tidegate_cluster::Node, now| node.counters().top(None, TopBy::Asked, HOTTEST, now);
    let Some(top) = services.cluster.look(look).await else {
        return;
    };
    let live = services.shared.live.load();
    for (id, view) in top.rows {
        let Some(limit) = by_id(&live.snapshot, id) else {
            continue;
        };
        let subject = view.subject.to_string();
        let labels = [&*limit.name, subject.as_str()];
        scrape.gauge(&catalog::LIMIT_HOTTEST_ASKED, &labels, view.asked_per_s);
        scrape.gauge(&catalog::LIMIT_HOTTEST_TAKEN, &labels, view.full);
    }
}

/// The way to the collector of traces, and who watches them.
fn add_traces(scrape: &mut Scrape, services: &Services) {
    let traces = &services.shared.traces;
    if let Some((waiting, most)) = traces.queue() {
        for (state, count) in [("now", waiting), ("max", most)] {
            scrape.gauge(&catalog::SPAN_QUEUE, &[state], count as f64);
        }
    }
    let (watches, missed) = traces.watches.counts();
    for (state, count) in [("now", watches), ("max", WATCHES_MAX)] {
        scrape.gauge(&catalog::TRACE_WATCHES, &[state], count as f64);
    }
    scrape.counter(&catalog::TRACE_WATCHES_MISSED, &[], missed);
}

/// Who listens to the console.
fn add_console(scrape: &mut Scrape, services: &Services) {
    let (listeners, turned_away) = services.watch.counts();
    for (state, count) in [("now", listeners), ("max", LISTENERS_MAX)] {
        scrape.gauge(&catalog::CONSOLE_LISTENERS, &[state], count as f64);
    }
    scrape.counter(&catalog::CONSOLE_TURNED_AWAY, &[], turned_away);
}

/// What became of questions to the DNS zone.
fn add_zone(scrape: &mut Scrape, services: &Services) {
    let Some(served) = &services.zone else { return };
    for (outcome, name) in Outcome::ALL {
        let count = served.counts.get(outcome);
        scrape.counter(&catalog::DNS_QUESTIONS, &[name], count);
    }
}

/// How far limits were off, by their names.
async fn add_judged(scrape: &mut Scrape, services: &Services) {
    let live = services.shared.live.load_full();
    let places: Vec<_> = live.snapshot.limits.iter().map(|(_, ix)| *ix).collect();
    let look = move |node: &tidegate_cluster::Node, _| -> Vec<Judged> {
        let counters = node.counters();
        places.iter().map(|ix| counters.judged(*ix)).collect()
    };
    let Some(judged) = services.cluster.look(look).await else {
        return;
    };
    for ((limit, _), judged) in live.snapshot.limits.iter().zip(judged) {
        let name = [&*limit.name];
        for (def, sum) in [
            (&catalog::LIMIT_JUDGED_WINDOWS, judged.windows),
            (&catalog::LIMIT_JUDGED_ALLOWED, judged.allowed),
            (&catalog::LIMIT_JUDGED_OVER, judged.over),
            (&catalog::LIMIT_JUDGED_UNDER, judged.under),
            (&catalog::LIMIT_JUDGED_WORST, judged.worst),
        ] {
            scrape.counter(def, &name, sum);
        }
        scrape.counter_float(&catalog::LIMIT_JUDGED_EXPECTED, &name, judged.expected);
    }
}

fn add_tables(scrape: &mut Scrape, services: &Services) {
    let live = services.shared.live.load();
    scrape.gauge(&catalog::BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
    for door in &services.doors {
        if let Some(secs) = door.tls.as_ref().and_then(|tls| tls.not_after()) {
            scrape.gauge(&catalog::TLS_EXPIRY, &[&door.name], secs as f64);
        }
    }
    scrape.gauge(
        &catalog::CONFIG,
        &[&live.snapshot.generation.to_string()],
        1.0,
    );
    scrape.counter(
        &catalog::LIMIT_OVERFLOWED,
        &[],
        services.shared.counters.overflowed(),
    );
    scrape.counter(
        &catalog::LIMIT_EVICTED,
        &[],
        services.shared.counters.evicted(),
    );
    scrape.gauge(
        &catalog::LIMIT_SUBJECTS_MAX,
        &[],
        services.shared.counters.capacity() as f64,
    );
    if let Some(store) = &live.store {
        scrape.gauge(&catalog::LIMIT_STORE_UP, &[], flag(store.is_up()));
        let (now, most) = store.in_flight();
        scrape.gauge(&catalog::LIMIT_STORE_IN_FLIGHT, &["now"], now as f64);
        scrape.gauge(&catalog::LIMIT_STORE_IN_FLIGHT, &["max"], most as f64);
    }
    let (known, unknown) = services.keys.cached();
    scrape.gauge(&catalog::KEYS_CACHED, &["known"], known as f64);
    scrape.gauge(&catalog::KEYS_CACHED, &["unknown"], unknown as f64);
    let answers = services.shared.keys.store_answers();
    scrape.gauge(&catalog::KEY_STORE_ANSWERS, &[], flag(answers));
    if services.has_table {
        add_tail(scrape, services);
    }
    for (name, counts, keyring, cached) in live.tokens.all() {
        for (result, count) in counts.all() {
            scrape.counter(&catalog::TOKENS, &[name, result], count);
        }
        scrape.gauge(&catalog::TOKENS_CACHED, &[name], cached as f64);
        for (outcome, count) in keyring.fetches() {
            scrape.counter(&catalog::TOKEN_KEY_FETCHES, &[name, outcome], count);
        }
    }
    for (name, memory) in live.signatures.all() {
        for (result, count) in memory.counts.all() {
            scrape.counter(&catalog::SIGNATURES, &[name, result], count);
        }
        let nonces: usize = memory.nonces.values().map(|nonces| nonces.len()).sum();
        scrape.gauge(&catalog::SIGNATURE_NONCES, &[name], nonces as f64);
        let held = memory.held.bytes();
        scrape.gauge(&catalog::SIGNED_BODIES_HELD_BYTES, &[name], held as f64);
    }
    for (name, answers) in live.askers.all() {
        for (outcome, count) in answers.counts() {
            scrape.counter(&catalog::ASKED, &[name, outcome], count);
        }
        scrape.gauge(&catalog::ASKED_CACHED, &[name], answers.len() as f64);
    }
    for (name, counts) in live.logins.all() {
        for (result, count) in counts.all() {
            scrape.counter(&catalog::LOGINS, &[name, result], count);
        }
    }
    if let Some(signer) = &live.signer {
        scrape.gauge(&catalog::ASSERTIONS_CACHED, &[], signer.cached() as f64);
    }
    let now = services.clock.mono();
    for pool in &live.snapshot.pools {
        for endpoint in &pool.endpoints {
            let fit = flag(endpoint.is_fit());
            scrape.gauge(
                &catalog::UPSTREAM_FIT,
                &[&pool.name, &endpoint.name.to_string()],
                fit,
            );
        }
        let held = pool.fallback.iter().flat_map(|all| all.held(now));
        for (region, held) in held {
            let labels = [pool.name.as_str(), region.as_str()];
            scrape.gauge(&catalog::RELAY_HELD, &labels, flag(held));
        }
    }
}

fn add_tail(scrape: &mut Scrape, services: &Services) {
    let (tail, now) = (&services.tail, services.clock.mono());
    scrape.gauge(&catalog::KEY_TAIL_ELECTED, &[], flag(tail.elected()));
    if tail.elected() {
        let lag = tail.lag().as_secs_f64();
        scrape.gauge(&catalog::KEY_TAIL_LAG_SECONDS, &[], lag);
    }
    if let Some(age) = tail.log_age(now) {
        scrape.gauge(&catalog::KEY_LOG_AGE_SECONDS, &[], age.as_secs_f64());
    }
    let unstored = services.keys.unstored();
    scrape.gauge(&catalog::KEYS_UNSTORED, &[], unstored as f64);
    scrape.gauge(&catalog::KEYS_STALE, &[], flag(tail.stale(now)));
}

/// What Prometheus clients usually tell of their process; on Linux only, from /proc (proc(5)).
fn add_process(scrape: &mut Scrape, started_unix_micros: u64) {
    scrape.gauge(
        &catalog::START_SECONDS,
        &[],
        started_unix_micros as f64 / 1e6,
    );
    let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).ok();
    // The kernel's tick is a hundredth of a second for user space on every Linux of the last twenty
    // years.
    let ticks = read("stat").and_then(|stat| {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    });
    if let Some(ticks) = ticks {
        scrape.counter_float(&catalog::CPU_SECONDS, &[], ticks as f64 / 100.0);
    }
    let status = read("status").unwrap_or_default();
    for (line, unit, def) in [
        ("VmRSS:", 1_024.0, &catalog::RSS_BYTES),
        ("VmSize:", 1_024.0, &catalog::VIRTUAL_BYTES),
        ("Threads:", 1.0, &catalog::THREADS),
    ] {
        let found = status.lines().find_map(|found| found.strip_prefix(line));
        let number = found.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        if let Some(number) = number {
            scrape.gauge(def, &[], number as f64 * unit);
        }
    }
    let limits = read("limits").unwrap_or_default();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = files.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(soft) = soft {
        scrape.gauge(&catalog::MAX_FDS, &[], soft as f64);
    }
    if let Ok(fds) = std::fs::read_dir("/proc/self/fd") {
        scrape.gauge(&catalog::OPEN_FDS, &[], fds.count() as f64);
    }
}
