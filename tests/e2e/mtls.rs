//! Clients with certificates, made by openssl and shown by curl.

use std::path::Path;

use harness::{Behaviour, Node, Output, Ports, Service, WorldText, tool};

const WORLD: &str = "\
upstreams:
  echo: { health: { interval: 200ms, timeout: 1s } }
keys: { env: test }
caller: { headers: { x-user-id: account } }
authenticators:
  machines: { mtls: { names: ['*.clients.test', 'spiffe://test/team/*'] } }
routes:
  mutual: { path: /m/*, upstream: echo, auth: machines }
  either: { path: /e/*, upstream: echo, auth: [machines, key] }
  open: { path: /o/*, upstream: echo, auth: none }
";

fn openssl(folder: &Path, args: &str) {
    let folder = folder.display().to_string();
    let args: Vec<String> = args
        .split(' ')
        .map(|arg| arg.replace("@", &format!("{folder}/")))
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let made = tool("openssl", &args);
    assert_eq!(made.code, 0, "{}", made.err);
}

fn authority(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} \
             -addext keyUsage=critical,keyCertSign,cRLSign -keyout @{name}.key -out @{name}.pem"
        ),
    );
}

fn client(folder: &Path, ca: &str, name: &str, serial: u32, names: &str) {
    let extensions =
        format!("subjectAltName={names}\nextendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n");
    std::fs::write(folder.join("ext"), extensions).expect("writable");
    openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout @{name}.key -out @{name}.csr"
        ),
    );
    openssl(
        folder,
        &format!(
            "x509 -req -in @{name}.csr -CA @{ca}.pem -CAkey @{ca}.key -set_serial {serial} -days 1 -extfile @ext -out @{name}.pem"
        ),
    );
}

/// The list of revoked certificates of the authority `ca`: these serial numbers.
fn revoke(folder: &Path, serials: &[u32]) {
    let lines = serials
        .iter()
        .map(|serial| format!("R\t400101000000Z\t240101000000Z\t{serial:02X}\tunknown\t/CN=x\n"));
    std::fs::write(folder.join("index"), lines.collect::<String>()).expect("writable");
    let config = format!(
        "[ca]\ndefault_ca=d\n[d]\ndatabase={0}/index\ncrlnumber={0}/number\ndefault_md=sha256\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid:always\n",
        folder.display()
    );
    std::fs::write(folder.join("config"), config).expect("writable");
    std::fs::write(folder.join("number"), "01\n").expect("writable");
    openssl(
        folder,
        "ca -gencrl -config @config -keyfile @ca.key -cert @ca.pem -crldays 1 -out @crl.pem",
    );
}

struct Door {
    url: String,
    ca: String,
    folder: String,
}

impl Door {
    fn curl(&self, client: &str, paths: &[&str], more: &[&str]) -> Output {
        let urls: Vec<String> = paths
            .iter()
            .map(|path| format!("{}{path}", self.url))
            .collect();
        let (own, key) = (
            format!("{}/{client}.pem", self.folder),
            format!("{}/{client}.key", self.folder),
        );
        let mut args = vec![
            "-sS",
            "--max-time",
            "5",
            "--cacert",
            &self.ca,
            "-w",
            " %{http_code}\n",
        ];
        if !client.is_empty() {
            args.extend(["--cert", &own, "--key", &key]);
        }
        args.extend(more);
        args.extend(urls.iter().map(String::as_str));
        tool("curl", &args)
    }

    fn status(&self, client: &str, path: &str) -> String {
        let out = self.curl(client, &[path], &[]).out;
        out.trim().rsplit(' ').next().unwrap_or_default().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_known_by_certificates_until_these_are_revoked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    authority(at, "ca");
    authority(at, "other");
    client(at, "ca", "ada", 7, "DNS:ada.clients.test");
    client(
        at,
        "ca",
        "bot",
        8,
        "DNS:bot.elsewhere.test,URI:spiffe://test/team/bot",
    );
    client(
        at,
        "ca",
        "foreign",
        9,
        "DNS:ada.elsewhere.test,URI:spiffe://test/teams",
    );
    client(at, "other", "stranger", 7, "DNS:ada.clients.test");
    revoke(at, &[99]);
    let [optional, required] = {
        let mut ports = Ports::default();
        [ports.take(), ports.take()]
    };
    let service = Service::start(Behaviour::Mirrors).await;
    let mut text = WorldText::one_node(WORLD, &[service.addr]);
    let tls = |more: &str| {
        format!(
            "{{ certificate: certs/host.localhost.pem, key: certs/host.localhost.key, client_ca: {0}/ca.pem, client_crls: [{0}/crl.pem]{more} }}",
            at.display()
        )
    };
    text.regions[0].door = format!(
        "{{}}\n  optional: {{ listen: {optional}, tls: {} }}\n  required: {{ listen: {required}, tls: {} }}",
        tls(""),
        tls(", client_required: true")
    );
    let node = Node::start(text, &[]).await;
    let door = |port: u16| Door {
        url: format!("https://localhost:{port}"),
        ca: node.data().join("certs/ca.pem").display().to_string(),
        folder: at.display().to_string(),
    };
    let (optional, required) = (door(optional.port()), door(required.port()));

    for (client, path, status) in [
        ("ada", "/m/x", "200"),
        ("bot", "/m/x", "200"),
        ("foreign", "/m/x", "401"),
        ("foreign", "/o/x", "200"),
        ("", "/m/x", "401"),
        ("", "/o/x", "200"),
        ("stranger", "/o/x", "000"),
    ] {
        assert_eq!(optional.status(client, path), status, "{client} {path}");
    }
    for (client, status) in [("ada", "200"), ("", "000"), ("stranger", "000")] {
        assert_eq!(required.status(client, "/o/x"), status, "{client}");
    }
    let told = optional
        .curl("bot", &["/m/x"], &["-H", "X-User-Id: root"])
        .out;
    assert!(
        told.contains("x-user-id: machines:spiffe://test/team/bot") && !told.contains("root"),
        "{told}"
    );
    let key = node.key("acme");
    let by_key = optional.curl("foreign", &["/e/x"], &["-H", &format!("x-api-key: {key}")]);
    assert!(
        by_key.out.ends_with(" 200\n"),
        "another method takes them: {}",
        by_key.out
    );
    // On a door without certificates nobody is known by one.
    let plain = harness::Client::new(node.door())
        .get("/m/x", &[])
        .await
        .expect("an answer");
    assert_eq!(plain.status, 401, "{}", plain.body);

    // Revoked: at once for new connections, and for those that are open.
    let open = required.curl("ada", &["/m/x"], &["--http1.1", "-o", "/dev/null"]);
    assert!(open.out.contains("200"), "{} {}", open.out, open.err);
    let mut kept = std::process::Command::new("curl");
    let config = at.join("later");
    // A client that keeps its connection: its second request comes when the file has it.
    let url = |path: &str| format!("{}{path}", required.url);
    std::fs::write(
        &config,
        format!(
            "url = \"{}\"\nurl = \"{}\"\nrate = \"30/m\"\n",
            url("/m/1"),
            url("/m/2")
        ),
    )
    .expect("writable");
    let (own, own_key) = (at.join("ada.pem"), at.join("ada.key"));
    kept.args([
        "-sS",
        "--http1.1",
        "--max-time",
        "20",
        "-o",
        "/dev/null",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{num_connects}\n",
    ]);
    kept.arg("--cacert")
        .arg(&required.ca)
        .arg("--cert")
        .arg(&own)
        .arg("--key")
        .arg(&own_key);
    kept.arg("--config")
        .arg(&config)
        .stdout(std::process::Stdio::piped());
    let kept = kept.spawn().expect("curl runs");
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    revoke(at, &[7]);
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["\"loaded\""], 0.0)
        .await;
    assert_eq!(required.status("ada", "/m/x"), "000", "no new connection");
    assert_eq!(required.status("bot", "/m/x"), "200", "others go on");
    let said = kept.wait_with_output().expect("curl ends").stdout;
    assert_eq!(
        String::from_utf8_lossy(&said),
        "200 1\n401 0\n",
        "the same connection, and known no longer"
    );

    std::fs::write(at.join("crl.pem"), "nothing").expect("writable");
    node.signal("HUP");
    node.metric_above("tidegate_config_reloads_total", &["\"refused\""], 0.0)
        .await;
    assert!(
        node.said().contains("no list of revoked certificates"),
        "{}",
        node.said()
    );
    assert_eq!(
        required.status("ada", "/m/x"),
        "000",
        "what was read before stays"
    );
}
