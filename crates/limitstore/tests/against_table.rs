//! A real Redis decides as the table does, whatever is asked.

#![expect(
    clippy::disallowed_methods,
    reason = "a test outside of any runtime waits for a real server"
)]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_limit::{
    Algorithm, Ask, Limit, LimitSpec, Question, RedisSpec, SubjectKey, Table, TableSpec, Verdict,
};
use tidegate_limitstore::{Store, Target, Unasked};
use tidegate_model::{Mono, Now, Period, Wall};
use tidegate_telemetry::Metrics;
use tokio::runtime::Runtime;

/// A server that is gone when this is.
struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--bind",
                "127.0.0.1",
            ])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (`cargo xtask test` does that)");
        Self {
            child,
            port,
            _folder: folder,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

fn store(port: u16, runtime: &Runtime) -> Arc<Store> {
    let spec = RedisSpec {
        nodes: vec![format!("127.0.0.1:{port}")],
        cluster: false,
        tls: false,
        tls_ca: None,
        user: None,
        password_file: None,
        prefix: "test".to_owned(),
        // Whoever shares the machine with this test must not make it fail.
        connect_timeout: Period::from_millis(500),
        command_timeout: Period::from_millis(300),
        probe_interval: Period::from_millis(50),
        connections: 2.try_into().expect("not zero"),
        in_flight_max: 64.try_into().expect("not zero"),
    };
    let target = Target::load(spec, std::path::Path::to_owned).expect("no files are named");
    let metrics = Arc::new(Metrics::new(1, &["other"]));
    Store::start(target, "here", metrics, runtime.handle().clone())
}

fn wait_until(store: &Store, up: bool) {
    for _ in 0..1_000 {
        if store.is_up() == up {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("Redis is not taken to be up={up} within ten seconds");
}

fn limit(name: &str, algorithm: Algorithm, amount: u32) -> Limit {
    let mut spec = LimitSpec::new(amount.try_into().unwrap(), "1m".parse().unwrap());
    spec.algorithm = algorithm;
    Limit::new(name, &spec)
}

fn at(us: u64) -> Now {
    const START_US: u64 = 1_700_000_000_000_000;
    Now {
        wall: Wall::from_unix_micros(START_US + us),
        mono: Mono::from_nanos((START_US + us) * 1_000),
    }
}

/// What both say, if they were to say the same.
fn brief(verdict: &Verdict) -> (bool, u32) {
    (verdict.admitted, verdict.remaining)
}

#[test]
fn redis_admits_what_the_table_would() {
    let server = Server::start(free_port());
    let runtime = Runtime::new().expect("a runtime");
    let store = store(server.port, &runtime);
    wait_until(&store, true);
    let subjects = AtomicU64::new(0);
    let steps = prop::collection::vec((0_u64..90_000_000, 0.0_f64..1.2), 1..25);
    let algorithms = prop::sample::select(vec![
        Algorithm::Sliding,
        Algorithm::Fixed,
        Algorithm::Bucket,
    ]);
    let amounts = prop_oneof![1_u32..50, 1_000_000_u32..1_000_000_000];
    let config = ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(
            &(algorithms, amounts, steps),
            |(algorithm, amount, steps)| {
                let subject = SubjectKey::from_raw(subjects.fetch_add(1, Relaxed) + 1);
                let table = Table::new(TableSpec::default());
                let limit = limit("l", algorithm, amount);
                let ix = table.register(&limit).expect("room");
                let mut us = 0;
                for (later, part) in steps {
                    us += later;
                    let now = at(us);
                    let cost = ((f64::from(amount) * part) as u32).max(1);
                    let ask = Ask {
                        limit: &limit,
                        ix,
                        subject,
                        amount,
                        cost,
                    };
                    let question = Question::of(&ask, now.wall).expect("not under way");
                    let taken = runtime
                        .block_on(store.take(&[question]))
                        .expect("an answer");
                    let said = question.verdict(taken.answers[0], taken.admitted);
                    let want = table.decide(now, &[ask]).verdicts()[0];
                    prop_assert_eq!(brief(&said), brief(&want), "after {} us", us);
                }
                Ok(())
            },
        )
        .expect("the same decisions");
}

/// A question about `cost` of a limit of ten a minute.
fn question(raw: u64, algorithm: Algorithm, cost: u32) -> Question {
    let limit = limit("ten", algorithm, 10);
    let ask = Ask {
        limit: &limit,
        ix: Table::new(TableSpec::default())
            .register(&limit)
            .expect("room"),
        subject: SubjectKey::from_raw(raw),
        amount: 10,
        cost,
    };
    Question::of(&ask, at(0).wall).expect("not under way")
}

#[test]
fn of_several_limits_all_or_none_are_taken_and_costs_come_back() {
    let server = Server::start(free_port());
    let runtime = Runtime::new().expect("a runtime");
    let store = store(server.port, &runtime);
    wait_until(&store, true);
    let take = |questions: &[Question]| runtime.block_on(store.take(questions)).expect("an answer");
    for (raw, algorithm) in [(1, Algorithm::Fixed), (2, Algorithm::Bucket)] {
        let (wide, full) = (
            question(raw, algorithm, 1),
            question(raw + 10, algorithm, 11),
        );
        let refused = take(&[wide, full]);
        assert!(!refused.admitted && refused.answers[0].fits);
        let whole = [question(raw, algorithm, 10)];
        let taken = take(&whole);
        assert!(taken.admitted, "nothing was taken before");
        assert!(!take(&[wide]).admitted, "it is full");
        store.give_back(&whole, &taken.answers);
        // The background gives back; ten seconds are enough for any machine.
        let back = (0..1_000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            take(&whole).admitted
        });
        assert!(back, "{algorithm:?}");
        store.give_back(&whole, &taken.answers);
        store.charge(question(raw, algorithm, 13));
        let over = (0..1_000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            !take(&[wide]).admitted
        });
        assert!(over, "a charge may exceed the amount");
    }
}

#[test]
fn a_dead_redis_is_not_asked_and_comes_back_by_itself() {
    let server = Server::start(free_port());
    let port = server.port;
    let runtime = Runtime::new().expect("a runtime");
    let store = store(port, &runtime);
    wait_until(&store, true);
    drop(server);
    let began = std::time::Instant::now();
    wait_until(&store, false);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let one = [question(3, Algorithm::Fixed, 1)];
    assert_eq!(runtime.block_on(store.take(&one)), Err(Unasked));
    let _again = Server::start(port);
    wait_until(&store, true);
    assert!(
        runtime
            .block_on(store.take(&one))
            .expect("an answer")
            .admitted
    );
}
