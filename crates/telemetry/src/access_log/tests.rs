use std::io::Read;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use tidegate_model::Wall;
use tokio::sync::mpsc::Receiver;

use super::*;

fn facts() -> RequestFacts<'static> {
    RequestFacts {
        at: Wall::from_unix_secs(1_795_357_987),
        id: "r1",
        door: "public",
        client: Some(IpAddr::from([203, 0, 113, 5])),
        protocol: "HTTP/1.1",
        method: "GET",
        host: "h",
        path: "/a\"b\\c\n\u{7f}ü",
        query: "token=sesame&open-sesame",
        agent: "curl/8",
        referer: "https://r.test/p?secret=1",
        status: 200,
        refusal: "",
        shadow: "",
        partition: "",
        unstored: "",
        waited: Duration::ZERO,
        ended: "",
        route: "orders",
        consumer: "acme",
        key: "",
        auth: "",
        endpoint: "",
        relay: "",
        attempts: 1,
        bytes_in: 0,
        bytes_out: 12,
        took: Duration::from_micros(345),
        upstream: None,
        trace: Some(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
    }
}

fn line(format: LineFormat, omitted: Omitted) -> String {
    let mut out = Vec::new();
    format.write(&facts(), omitted, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_line_is_json_whatever_the_path() {
    let text = line(LineFormat::Json, Omitted::NONE);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["path"], "/a\"b\\c\n\u{7f}ü");
    assert_eq!(value["time"], "2026-11-22T14:33:07.000Z");
    assert_eq!(value["took_us"], 345);
    assert!(value.get("refusal").is_none(), "what is empty is left out");
}

#[test]
fn a_line_names_its_trace_unless_that_is_left_out() {
    let trace = "\"4bf92f3577b34da6a3ce929d0e0e4736\"";
    let json = line(LineFormat::Json, Omitted::NONE);
    assert!(json.contains(&format!("\"trace_id\":{trace}")), "{json}");
    let ecs = line(LineFormat::Ecs, Omitted::NONE);
    assert!(ecs.contains(&format!("\"trace.id\":{trace}")), "{ecs}");
    let without = Omitted::of(["trace_id"]).unwrap();
    for format in [LineFormat::Json, LineFormat::Ecs] {
        assert!(!line(format, without).contains(trace));
    }
}

#[test]
fn ecs_has_the_names_of_its_schema() {
    let text = line(LineFormat::Ecs, Omitted::NONE);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (name, want) in [
        ("@timestamp", "2026-11-22T14:33:07.000Z"),
        ("http.request.method", "GET"),
        ("http.version", "1.1"),
        ("client.ip", "203.0.113.5"),
        ("url.query", "token=*&*"),
        ("event.outcome", "success"),
        ("tidegate.route", "orders"),
    ] {
        assert_eq!(value[name], want, "{name}");
    }
    assert_eq!(value["http.response.status_code"], 200);
    assert_eq!(value["event.duration"], 345_000);
}

#[test]
fn combined_is_what_apache_writes() {
    let want = "203.0.113.5 - acme [22/Nov/2026:14:33:07 +0000] \
        \"GET /a\\\"b\\\\c\\x0a\\x7f\\xc3\\xbc?token=*&* HTTP/1.1\" 200 12 \
        \"https://r.test/p\" \"curl/8\"\n";
    assert_eq!(line(LineFormat::Combined, Omitted::NONE), want);
}

#[test]
fn secrets_are_in_no_format_and_omitted_fields_are_left_out() {
    let omitted = Omitted::of(["path", "agent", "consumer", "client"]).unwrap();
    assert_eq!(Omitted::of(["path", "nonsense"]), Err("nonsense"));
    for format in [LineFormat::Json, LineFormat::Ecs, LineFormat::Combined] {
        let text = line(format, Omitted::NONE);
        assert!(
            !text.contains("sesame") && !text.contains("secret"),
            "{text}"
        );
        let text = line(format, omitted);
        for gone in ["/a", "curl", "acme", "203.0"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }
}

fn log(to: Destination) -> (AccessLog, Metrics) {
    let metrics = Metrics::new(1, &["other"]);
    let log = AccessLog::open(vec![Log::new("main".to_owned(), to)], &metrics).unwrap();
    (log, metrics)
}

/// Waits until all of `count` lines are told of.
#[expect(
    clippy::disallowed_methods,
    reason = "waits for the writer's thread; there is no task to block"
)]
fn settled(metrics: &Metrics, count: u64) -> [u64; 3] {
    let log = metrics.log("main");
    for _ in 0..500 {
        let told = [
            log.written.get(),
            log.dropped(DropReason::Failed).get(),
            log.dropped(DropReason::QueueFull).get(),
        ];
        if told.iter().sum::<u64>() == count {
            return told;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("lines are told of within 5 s");
}

fn lines_of(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn lines_reach_the_file_and_a_file_moved_aside_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("log"), folder.path().join("moved"));
    let (log, metrics) = log(Destination::File(path.clone(), None));
    let mut buffer = log.buffer(0);
    (0..500).for_each(|_| buffer.write(&facts()));
    buffer.flush();
    assert_eq!(settled(&metrics, 500), [500, 0, 0]);
    std::fs::rename(&path, &moved).unwrap();
    log.reopen();
    buffer.write(&facts());
    buffer.flush();
    assert_eq!(settled(&metrics, 501), [501, 0, 0]);
    assert_eq!((lines_of(&moved), lines_of(&path)), (500, 1));
}

#[test]
fn a_full_file_is_put_aside_and_no_line_is_lost_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let rotation = Rotation {
        size_max: Some(1),
        each: None,
        keep: 2,
    };
    let (log, metrics) = log(Destination::File(path.clone(), Some(rotation)));
    let mut buffer = log.buffer(0);
    for n in 1..=4 {
        (0..n).for_each(|_| buffer.write(&facts()));
        buffer.flush();
    }
    assert_eq!(settled(&metrics, 10), [10, 0, 0]);
    let counts = ["log", "log.1", "log.2", "log.3"].map(|name| lines_of(&folder.path().join(name)));
    assert_eq!(counts, [4, 3, 2, 0]);
}

#[test]
fn a_sample_is_of_what_went_well_and_errors_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Metrics::new(1, &["other"]);
    let mut sampled = Log::new(
        "main".to_owned(),
        Destination::File(folder.path().join("log"), None),
    );
    sampled.sample = BTreeMap::from([("orders".to_owned(), 0.25)]);
    let log = AccessLog::open(vec![sampled], &metrics).unwrap();
    let mut buffer = log.buffer(3);
    let failed = RequestFacts {
        status: 503,
        ..facts()
    };
    let elsewhere = RequestFacts {
        route: "other",
        ..facts()
    };
    for _ in 0..1_000 {
        buffer.write(&facts());
        buffer.write(&failed);
        buffer.write(&elsewhere);
    }
    buffer.flush();
    let out = metrics.log("main").sampled_out.get();
    assert!((650..850).contains(&out), "{out}");
    assert_eq!(settled(&metrics, 3_000 - out), [3_000 - out, 0, 0]);
}

#[test]
fn syslog_is_spoken_over_udp_tcp_and_a_local_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (udp, tcp) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let path = folder.path().join("log");
    let unix = UnixDatagram::bind(&path).unwrap();
    let send = |to| {
        let (log, metrics) = log(Destination::Syslog(to, "us-east-1.a".to_owned()));
        let mut buffer = log.buffer(0);
        buffer.write(&facts());
        buffer.flush();
        assert_eq!(settled(&metrics, 1), [1, 0, 0]);
        log
    };
    let begin = "<134>1 2026-11-22T14:33:07.000Z us-east-1.a tidegate - access - {\"time\"";
    let mut bytes = [0; 2_048];
    let _log = send(SyslogTo::Udp(udp.local_addr().unwrap()));
    let length = udp.recv(&mut bytes).unwrap();
    assert!(bytes[..length].starts_with(begin.as_bytes()) && bytes[length - 1] == b'}');
    let _log = send(SyslogTo::Unix(path));
    let length = unix.recv(&mut bytes).unwrap();
    assert!(bytes[..length].starts_with(begin.as_bytes()));
    let tcp_log = send(SyslogTo::Tcp(tcp.local_addr().unwrap()));
    let (mut stream, _) = tcp.accept().unwrap();
    drop(tcp_log);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (length, message) = text.split_once(' ').unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), message.len());
    assert!(message.starts_with(begin), "{message}");
}

#[test]
fn who_is_down_costs_lines_that_are_counted() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (log, metrics) = log(Destination::Syslog(SyslogTo::Tcp(gone), "n".to_owned()));
    let mut buffer = log.buffer(0);
    buffer.write(&facts());
    buffer.flush();
    assert_eq!(settled(&metrics, 1), [0, 1, 0]);
}

#[test]
fn who_is_slow_costs_lines_that_are_counted_and_nobody_waits() {
    struct Stuck(std::sync::mpsc::Receiver<()>);
    impl Carrier for Stuck {
        fn run(self: Box<Self>, _lines: Receiver<Lines>, _told: Told) {
            // Until the test is over.
            let _over = self.0.recv();
        }
    }
    let (over, until) = std::sync::mpsc::sync_channel(0);
    let metrics = Metrics::new(1, &["other"]);
    let mut stuck = Log::new(
        "main".to_owned(),
        Destination::Other(Box::new(Stuck(until))),
    );
    stuck.queue_max = 2 * BUFFER_BYTES;
    let log = AccessLog::open(vec![stuck], &metrics).unwrap();
    let mut buffer = log.buffer(0);
    for _ in 0..100 {
        buffer.write(&facts());
        buffer.flush();
    }
    let dropped = metrics.log("main").dropped(DropReason::QueueFull).get();
    assert!(dropped == 98, "{dropped}");
    drop(over);
}

fn at(secs: u64) -> RequestFacts<'static> {
    RequestFacts {
        at: Wall::from_unix_secs(secs),
        ..facts()
    }
}

#[test]
fn each_hour_has_a_file_of_its_own_wherever_it_began() {
    const HOUR: u64 = 3_600;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let rotation = Rotation {
        size_max: None,
        each: Some(Duration::from_secs(HOUR)),
        keep: 3,
    };
    let (log, metrics) = log(Destination::File(path.clone(), Some(rotation)));
    let mut buffer = log.buffer(0);
    let begin = 500_000 * HOUR;
    // Two buffers, and the hour ends in the middle of the first; one request ends late.
    for secs in [begin - 2, begin - 1, begin, begin - 1, begin + HOUR - 1] {
        buffer.write(&at(secs));
    }
    buffer.flush();
    buffer.write(&at(begin + 5 * HOUR));
    buffer.flush();
    assert_eq!(settled(&metrics, 6), [6, 0, 0]);
    let counts = ["log", "log.1", "log.2", "log.3"].map(|name| lines_of(&folder.path().join(name)));
    assert_eq!(counts, [1, 3, 2, 0]);
}

#[test]
fn a_file_of_an_earlier_period_is_put_aside_by_the_first_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "old\n").unwrap();
    let rotation = Rotation {
        size_max: None,
        each: Some(Duration::from_secs(86_400)),
        keep: 1,
    };
    let (log, metrics) = log(Destination::File(path.clone(), Some(rotation)));
    let mut buffer = log.buffer(0);
    // The year 2100: later than whenever this file was written.
    buffer.write(&at(4_102_444_800));
    buffer.flush();
    assert_eq!(settled(&metrics, 1), [1, 0, 0]);
    let aside = std::fs::read_to_string(folder.path().join("log.1")).unwrap();
    assert_eq!((aside.as_str(), lines_of(&path)), ("old\n", 1));
}

#[test]
fn destinations_are_swapped_without_a_line_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let file = |name: &str| {
        let to = Destination::File(path(name), None);
        Log::new(name.to_owned(), to)
    };
    let metrics = Metrics::new(1, &["other"]);
    let log = AccessLog::open(vec![file("kept"), file("gone")], &metrics).unwrap();
    let mut buffer = log.buffer(0);
    buffer.write(&facts());
    let wanted = vec![Wanted::New(file("fresh")), Wanted::Same("kept".to_owned())];
    log.swap(wanted, &metrics).unwrap();
    // This core has not seen it yet.
    buffer.write(&facts());
    buffer.flush();
    buffer.write(&facts());
    drop(buffer);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(log.finish());
    let counts = ["kept", "gone", "fresh"].map(|name| lines_of(&path(name)));
    assert_eq!(counts, [3, 2, 1]);

    let nowhere = Log::new(
        "nowhere".to_owned(),
        Destination::File(path("no/such/folder"), None),
    );
    assert!(log.swap(vec![Wanted::New(nowhere)], &metrics).is_err());
}
