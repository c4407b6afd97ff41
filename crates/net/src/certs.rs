//! A door's certificate, replaceable while the door is open.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::Clients;
use crate::expiry::not_after;

/// Why a certificate cannot be used, in a sentence.
#[derive(Debug)]
pub struct CertError(String);

impl CertError {
    pub(crate) const fn new(sentence: String) -> Self {
        Self(sentence)
    }
}

impl fmt::Display for CertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertError {}

/// The certificate of a door and where it came from.
#[derive(Debug)]
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// [`CertError`] if a file cannot be read, holds nothing usable, or the two do not belong
    /// together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, CertError> {
        let current = RwLock::new(Arc::new(read(certificate, key)?));
        Ok(Arc::new(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current,
        }))
    }

    /// Reads the files again. Connections made from now on see what is in them.
    ///
    /// # Errors
    /// As [`load`](Self::load); the old certificate stays in use.
    pub fn reload(&self) -> Result<(), CertError> {
        let fresh = Arc::new(read(&self.certificate, &self.key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// When it is over, in seconds since the Unix epoch.
    #[must_use]
    pub fn not_after(&self) -> Option<u64> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        not_after(current.cert.first()?)
    }

    /// A TLS configuration that offers HTTP/2 and HTTP/1.1 and follows reloads. Certificates of
    /// clients are asked for if it is known who vouches for them.
    pub(crate) fn server_config(
        self: &Arc<Self>,
        clients: Option<&Arc<Clients>>,
    ) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder();
        let builder = match clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients) as _),
            None => builder.with_no_client_auth(),
        };
        let own = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = builder.with_cert_resolver(own);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if clients.is_some() {
            // A session that is resumed brings its client along without a look at its certificate.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        } else if let Ok(ticketer) = aws_lc_rs::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Arc::new(config)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.current.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertError> {
    let wrong =
        |path: &Path, why: &dyn fmt::Display| CertError(format!("{}: {why}", path.display()));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(certificate, &error))?;
    if chain.is_empty() {
        return Err(wrong(certificate, &"there is no certificate in this file"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let signer =
        aws_lc_rs::sign::any_supported_type(&secret).map_err(|error| wrong(key, &error))?;
    let certified = CertifiedKey::new(chain, signer);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(certified)
        }
        Err(_) => Err(wrong(
            key,
            &format!("this is not the key of {}", certificate.display()),
        )),
    }
}
