//! Connections to issuers, plain or with TLS.

use std::path::Path;
use std::sync::Arc;

use http::Uri;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tidegate_dns::Dns;
use tidegate_runtime::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to issuers.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Names into addresses.
    pub dns: Dns,
    /// The clocks.
    pub clock: Clock,
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
}

impl Connector {
    /// The same, saying that HTTP/2 is spoken: servers of gRPC over TLS insist on hearing it.
    #[must_use]
    pub fn for_http2(mut self) -> Self {
        let mut tls = (*self.tls).clone();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        self.tls = Arc::new(tls);
        self
    }

    /// Connects to the server of a URL.
    ///
    /// # Errors
    /// A sentence.
    pub async fn connect(&self, uri: &Uri) -> Result<Box<dyn Stream>, String> {
        let secure = uri.scheme_str() == Some("https");
        let host = uri.host().ok_or("the URL has no host")?;
        // Brackets belong to the URL, not to the address.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let addr = self.dns.socket_addr(host, port, self.clock.mono()).await;
        let addr = addr.map_err(|error| error.to_string())?;
        let stream = TcpStream::connect(addr).await;
        let stream = stream.map_err(|error| format!("{addr}: {error}"))?;
        if !secure {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| format!("TLS: {error}"))?))
    }
}

/// Trusts the certificates in this file, or those of the system.
///
/// # Errors
/// A sentence, if the file cannot be used.
pub fn trust(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unusable = |error: &dyn std::fmt::Display| {
                format!("{} cannot be used: {error}", path.display())
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unusable(&e))? {
                let certificate = certificate.map_err(|e| unusable(&e))?;
                roots.add(certificate).map_err(|e| unusable(&e))?;
            }
            if roots.is_empty() {
                return Err(unusable(&"no certificate in it"));
            }
        }
        // Old ones in a system's store may be unusable; whoever needs one sees the handshake fail.
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}
