//! A real server of syslog: rsyslogd, in a folder of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::config::Ports;

/// An rsyslogd that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Rsyslog {
    /// Where it listens, by TCP.
    pub addr: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Rsyslog {
    /// Starts it.
    ///
    /// # Panics
    /// If it is not installed, or does not listen within ten seconds.
    pub async fn start() -> Self {
        let addr = Ports::default().take();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path().display().to_string();
        let settings = format!(
            "global(workDirectory=\"{at}\")\n\
             module(load=\"imtcp\")\n\
             input(type=\"imtcp\" address=\"{}\" port=\"{}\")\n\
             template(name=\"parts\" type=\"string\" string=\"%hostname% %app-name% %msgid%%msg%\\n\")\n\
             action(type=\"omfile\" file=\"{at}/lines\" template=\"parts\")\n",
            addr.ip(),
            addr.port()
        );
        let file = folder.path().join("rsyslog.conf");
        std::fs::write(&file, settings).expect("writable");
        let child = Command::new("rsyslogd")
            .arg("-n")
            .arg("-f")
            .arg(&file)
            .arg("-i")
            .arg(folder.path().join("pid"))
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rsyslogd starts (`cargo xtask test` installs it)");
        let server = Self {
            addr,
            folder,
            child,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while tokio::net::TcpStream::connect(addr).await.is_err() {
            assert!(Instant::now() < deadline, "rsyslogd does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    /// What it has written so far: host, program, kind and message of each line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let path: PathBuf = self.folder.path().join("lines");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
