use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use ::http::{HeaderMap, StatusCode};
use tidegate_dns::Dns;
use tidegate_runtime::Clock;
use tidegate_tokens::{Connector, install_crypto, trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::{ExportTraceServiceRequest, FailureKind, ResourceSpans};

const RETRY: Retry = Retry {
    attempts_max: 3,
    pause: Duration::from_millis(1),
    pause_max: Duration::from_millis(10),
};

/// A collector that gives these answers, one a connection; then it hangs.
async fn collector(answers: &'static [&'static str]) -> (Exporter, Arc<AtomicUsize>) {
    install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut answers = answers.iter();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, SeqCst);
            let mut head = [0; 4_096];
            let n = stream.read(&mut head).await.unwrap();
            assert!(head[..n].starts_with(b"POST /base/v1/traces HTTP/1.1\r\n"));
            match answers.next() {
                Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                None => tokio::time::sleep(Duration::from_secs(60)).await,
            }
        }
    });
    let target = Target {
        url: url.parse().unwrap(),
        protocol: Protocol::Http,
        headers: HeaderMap::new(),
        gzip: false,
        timeout: Duration::from_millis(300),
    };
    (Exporter::new(connector(), target), asked)
}

fn connector() -> Connector {
    Connector {
        dns: Dns::system(),
        clock: Clock::start(),
        tls: trust(None).unwrap(),
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let request = ExportTraceServiceRequest::default();
    let busy =
        "HTTP/1.1 503 -\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let good = "HTTP/1.1 200 -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let bad = "HTTP/1.1 400 -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let answers = Box::leak(Box::new([busy, good, bad]));
    let (exporter, asked) = collector(answers).await;
    let mut failures = 0;
    let sent = exporter.deliver(&request, RETRY, |_| failures += 1).await;
    assert_eq!((sent, failures), (Ok(Accepted::default()), 1));
    let refused = exporter.deliver(&request, RETRY, |_| ()).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused);
    assert_eq!(asked.load(SeqCst), 3);
}

#[tokio::test]
async fn a_collector_that_hangs_is_left_after_so_many_attempts() {
    let request = ExportTraceServiceRequest::default();
    let (exporter, asked) = collector(&[]).await;
    let once = Retry {
        attempts_max: 1,
        ..RETRY
    };
    let late = exporter.deliver(&request, once, |_| ()).await.unwrap_err();
    assert_eq!(late.kind, FailureKind::Timeout);
    assert_eq!(asked.load(SeqCst), 1);
}

#[tokio::test]
async fn what_goes_by_grpc_is_compressed_if_wanted() {
    install_crypto();
    for gzip in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target {
            url: format!("http://{}", listener.local_addr().unwrap())
                .parse()
                .unwrap(),
            protocol: Protocol::Grpc,
            headers: HeaderMap::new(),
            gzip,
            timeout: Duration::from_millis(300),
        };
        let exporter = Exporter::new(connector(), target);
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans::default()],
        };
        let heard = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while stream.read_buf(&mut bytes).await.unwrap() > 0 {}
            bytes
        };
        let (sent, bytes) = tokio::join!(exporter.send(&request), heard);
        assert_eq!(sent.unwrap_err().kind, FailureKind::Timeout);
        // RFC 1952: how what is compressed begins.
        let zipped = bytes.windows(3).any(|part| part == [0x1f, 0x8b, 8]);
        assert_eq!(zipped, gzip);
    }
}

#[test]
fn statuses_and_codes_pass_as_otlp_says() {
    for (status, passing) in [(429, true), (503, true), (400, false), (500, false)] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Failure::status(status, None).passing, passing, "{status}");
    }
    for (status, passing) in [
        (tonic::Status::unavailable(""), true),
        (tonic::Status::resource_exhausted(""), false),
        (tonic::Status::unauthenticated(""), false),
    ] {
        assert_eq!(Failure::code(&status).passing, passing, "{status}");
    }
}
