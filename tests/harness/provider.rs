//! An OpenID provider, as another process: the npm package `oidc-provider`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::config::Ports;

/// A provider that runs. It ends when this is dropped, or stopped.
#[derive(Debug)]
pub struct Provider {
    /// Where it listens.
    pub addr: SocketAddr,
    child: Child,
}

impl Provider {
    /// Starts a provider with the client `gateway` of this origin.
    ///
    /// # Panics
    /// If it is not installed, or does not start within 30 seconds.
    pub async fn start(origin: &str) -> Self {
        let addr = Ports::default().take();
        let folder = std::env::var("TIDEGATE_TEST_NODE").unwrap_or_default();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/provider.mjs");
        let started = Command::new("node")
            .arg(script)
            .args([&folder, &addr.port().to_string(), origin])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = started.expect("node starts (`cargo xtask test` installs it)");
        let provider = Self { addr, child };
        let deadline = Instant::now() + Duration::from_secs(30);
        while tokio::net::TcpStream::connect(addr).await.is_err() {
            assert!(
                Instant::now() < deadline,
                "oidc-provider does not listen (`cargo xtask test` installs it; TIDEGATE_TEST_NODE says where node_modules is)"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        provider
    }

    /// Its name.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Ends it.
    pub fn stop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}
