//! Proxies and services of others.

use std::fmt::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Which core a process runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pin {
    /// The proxy that is measured.
    Proxy,
    /// Whatever makes or answers requests.
    Load,
}

impl Pin {
    const fn core(self) -> &'static str {
        match self {
            Self::Proxy => "0",
            Self::Load => "1",
        }
    }

    /// Starts of a command line that runs on this core.
    pub(crate) fn command(self, program: &str) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", self.core(), program]);
        command
    }

    /// Moves a process with all its threads.
    pub(crate) fn hold(self, pid: u32) {
        let moved = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", self.core()])
            .arg(pid.to_string())
            .stdout(Stdio::null())
            .status();
        assert!(
            moved.expect("taskset is installed").success(),
            "two cores are needed"
        );
    }
}

/// An nginx with one worker. It ends when this is dropped.
pub(crate) struct Nginx {
    pub(crate) addr: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Answers everything with 128 bytes.
    pub(crate) fn service(addr: SocketAddr, pin: Pin) -> Self {
        let body = "x".repeat(128);
        Self::start(
            addr,
            pin,
            "",
            &format!("default_type text/plain; return 200 {body};"),
        )
    }

    /// Passes everything on, over connections that are kept.
    pub(crate) fn proxy(addr: SocketAddr, service: SocketAddr, pin: Pin) -> Self {
        let upstream = format!(
            "upstream service {{ server {service}; keepalive 128; keepalive_requests 100000000; }}"
        );
        let location = "proxy_pass http://service; proxy_http_version 1.1;
            proxy_set_header Connection ''; proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
        Self::start(addr, pin, &upstream, location)
    }

    fn start(addr: SocketAddr, pin: Pin, upstream: &str, location: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let here = folder.path().display();
        let mut config = String::new();
        write!(
            config,
            "daemon off; master_process off; worker_processes 1; pid {here}/pid;
            error_log {here}/error.log;
            events {{ worker_connections 4096; }}
            http {{
                access_log off; keepalive_requests 100000000;
                client_body_temp_path {here}/a; proxy_temp_path {here}/b;
                fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;
                {upstream}
                server {{ listen {addr} backlog=4096; location / {{ {location} }} }}
            }}"
        )
        .expect("a String takes everything");
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config).expect("writable");
        let child = pin
            .command("nginx")
            .args(["-p".as_ref(), folder.path().as_os_str()])
            .args(["-c".as_ref(), file.as_os_str()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("taskset is installed");
        let nginx = Self {
            addr,
            child,
            _folder: folder,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(addr).is_err() {
            assert!(Instant::now() < deadline, "nginx does not start on {addr}");
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
