//! Encrypted doors, HTTP/2, and a client that everyone knows: curl.

use harness::{Behaviour, Node, Service, WorldText, tool};

use crate::WORLD;

#[tokio::test(flavor = "multi_thread")]
async fn curl_speaks_every_protocol_on_every_door() {
    let service = Service::start(Behaviour::Good).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    let secure = harness::Ports::default().take();
    text.regions[0].door = format!(
        "{{}}\n  secure: {{ listen: {secure}, tls: {{ certificate: certs/host.localhost.pem, key: certs/host.localhost.key }} }}"
    );
    let node = Node::start(text, &[]).await;
    let ca = node.data().join("certs/ca.pem").display().to_string();
    let plain = format!("http://{}/open/x", node.door());
    let encrypted = format!("https://localhost:{}/open/x", secure.port());
    for (flags, url, version) in [
        (&["--http1.1"][..], &plain, "1.1"),
        (&["--http2-prior-knowledge"], &plain, "2"),
        (&["--http1.1", "--cacert", &ca], &encrypted, "1.1"),
        (&["--http2", "--cacert", &ca], &encrypted, "2"),
        (
            &["--http2", "--tls-max", "1.2", "--cacert", &ca],
            &encrypted,
            "2",
        ),
        (&["--http1.0"], &plain, "1"),
    ] {
        let args = [
            &[
                "-sS",
                "--max-time",
                "5",
                "-w",
                " %{http_code} %{http_version}",
            ],
            flags,
            &[url],
        ]
        .concat();
        let output = tool("curl", &args);
        assert_eq!(
            output.out,
            format!("hello 200 {version}"),
            "{flags:?} {}",
            output.err
        );
    }
    let stranger = tool("curl", &["-sS", "--max-time", "5", &encrypted]);
    assert_ne!(
        stranger.code, 0,
        "who does not know the authority is not fooled"
    );
    let wrong = tool(
        "curl",
        &[
            "-sS",
            "--max-time",
            "5",
            &encrypted.replace("https", "http"),
        ],
    );
    assert_ne!(wrong.code, 0);
    let words = ["\"secure\"", "\"tls\""];
    node.metric_above("tidegate_connections_cut_total", &words, 0.0)
        .await;

    // Many requests at once on one HTTP/2 connection.
    let urls = vec![encrypted.as_str(); 40];
    let many = [
        &[
            "-sS",
            "--http2",
            "--parallel",
            "--parallel-immediate",
            "--cacert",
            &*ca,
        ][..],
        &urls,
    ]
    .concat();
    assert_eq!(tool("curl", &many).out, "hello".repeat(40));
}
