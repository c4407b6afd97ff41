//! Certificates of clients: who vouches for them, and which are revoked.
//!
//! What is verified when a connection is made can be over before the connection is: its time ends,
//! or a list of revoked ones is read anew. So it is looked at again while the connection serves
//! ([`Client::still_good`]), and sessions of such doors are not resumed, which would skip the look.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use tidegate_model::{ClientCertificate, Mono, Now};

use crate::certs::CertError;

/// Between two looks at a certificate while its connection serves.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Names that are read of a certificate.
const NAMES_MAX: usize = 32;

/// Where it is written who vouches for clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientTrust {
    /// Certificates that a client's must descend from, in PEM.
    pub ca: PathBuf,
    /// Lists of revoked certificates, in PEM.
    pub crls: Vec<PathBuf>,
    /// Whether a connection without a certificate is refused.
    pub required: bool,
}

/// Verifies certificates of clients, as the files say at the moment.
#[derive(Debug)]
pub struct Clients {
    trust: ClientTrust,
    current: RwLock<Arc<dyn ClientCertVerifier>>,
    /// How often the files were read.
    generation: AtomicU64,
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> CertError {
    CertError::new(format!("{}: {why}", path.display()))
}

fn read(trust: &ClientTrust) -> Result<Arc<dyn ClientCertVerifier>, CertError> {
    let ca = trust.ca.as_path();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| wrong(ca, &error))? {
        let certificate = certificate.map_err(|error| wrong(ca, &error))?;
        roots.add(certificate).map_err(|error| wrong(ca, &error))?;
    }
    if roots.is_empty() {
        return Err(wrong(ca, &"there is no certificate in this file"));
    }
    let mut crls = Vec::new();
    for path in &trust.crls {
        let before = crls.len();
        let lists = CertificateRevocationListDer::pem_file_iter(path);
        for list in lists.map_err(|error| wrong(path, &error))? {
            crls.push(list.map_err(|error| wrong(path, &error))?);
        }
        if crls.len() == before {
            return Err(wrong(
                path,
                &"there is no list of revoked certificates in this file",
            ));
        }
    }
    let mut builder = WebPkiClientVerifier::builder(Arc::new(roots)).with_crls(crls);
    if !trust.required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| wrong(ca, &error))
}

impl Clients {
    /// Reads the files.
    ///
    /// # Errors
    /// [`CertError`] if one cannot be used.
    pub fn load(trust: ClientTrust) -> Result<Arc<Self>, CertError> {
        let current = RwLock::new(read(&trust)?);
        Ok(Arc::new(Self {
            trust,
            current,
            generation: AtomicU64::new(0),
        }))
    }

    /// Reads the files again. Open connections are held to them, too.
    ///
    /// # Errors
    /// As [`load`](Self::load); what was read before stays in use.
    pub fn reload(&self) -> Result<(), CertError> {
        let fresh = read(&self.trust)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.generation.fetch_add(1, Relaxed);
        Ok(())
    }

    fn current(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientCertVerifier for Clients {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        self.trust.required
    }

    /// None are told: a reference could not follow reloads, and clients mostly have one
    /// certificate.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.current()
            .verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.current().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.current().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().supported_verify_schemes()
    }
}

/// The client of one connection.
#[derive(Debug)]
pub struct Client {
    names: Arc<ClientCertificate>,
    chain: Vec<CertificateDer<'static>>,
    clients: Arc<Clients>,
    /// When it was looked at, and with which files; `None` if it is not good any longer.
    looked: Cell<Option<(Mono, u64)>>,
}

impl Client {
    /// The client whose chain was just verified. `None` if it has none that can be read.
    pub(crate) fn of(
        chain: &[CertificateDer<'_>],
        clients: &Arc<Clients>,
        now: Mono,
    ) -> Option<Self> {
        let own = webpki::EndEntityCert::try_from(chain.first()?).ok()?;
        let texts = |names: &mut dyn Iterator<Item = &str>| {
            names.take(NAMES_MAX).map(str::to_owned).collect()
        };
        let names = ClientCertificate {
            dns_names: texts(&mut own.valid_dns_names()),
            uris: texts(&mut own.valid_uri_names()),
        };
        Some(Self {
            names: Arc::new(names),
            chain: chain.iter().map(|part| part.clone().into_owned()).collect(),
            clients: Arc::clone(clients),
            looked: Cell::new(Some((now, clients.generation.load(Relaxed)))),
        })
    }

    /// Its names, unless its certificate is over or revoked by now.
    #[must_use]
    pub fn still_good(&self, now: Now) -> Option<&Arc<ClientCertificate>> {
        let (at, with) = self.looked.get()?;
        let generation = self.clients.generation.load(Relaxed);
        if with == generation && now.mono.since(at) < LOOK_INTERVAL {
            return Some(&self.names);
        }
        let (own, others) = self.chain.split_first()?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now.wall.unix_secs()));
        let good = self.clients.verify_client_cert(own, others, time).is_ok();
        self.looked.set(good.then_some((now.mono, generation)));
        good.then_some(&self.names)
    }
}
