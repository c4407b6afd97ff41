//! Who may be a peer, and how it proves its name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::aws_lc_rs::hmac;
use quinn::EndpointConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::RandomConnectionIdGenerator;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tidegate_model::NodeId;

/// What both sides must speak. A later format of messages gets a later name.
const ALPN: &[u8] = b"tidegate-mesh/1";
/// What gateways speak when they pass a request on to another region: HTTP/1.1, and what
/// `tidegate-pipeline` says of it.
const RELAY_ALPN: &[u8] = b"tidegate-relay/1";
const DOMAIN: &str = ".mesh.tidegate";

/// Why a node cannot prove who it is.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or holds nothing usable.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The parts do not fit each other.
    #[error("the mesh's certificates do not fit: {0}")]
    Unfit(String),
}

/// A node's own certificate and the authority that it trusts.
#[derive(Clone)]
pub struct PeerTls {
    pub(crate) client: Arc<QuicClientConfig>,
    pub(crate) server: Arc<QuicServerConfig>,
    pub(crate) endpoint: EndpointConfig,
    relay_client: Arc<ClientConfig>,
    relay_server: Arc<ServerConfig>,
}

impl std::fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerTls").finish_non_exhaustive()
    }
}

/// The name that a node's certificate carries.
#[must_use]
pub fn server_name(node: &NodeId) -> String {
    format!("{}.{}{DOMAIN}", node.name(), node.region)
}

/// The node that a certificate was given to.
#[must_use]
pub fn node_of(certificate: &CertificateDer<'_>) -> Option<NodeId> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut names = certificate.valid_dns_names();
    names.find_map(|name| {
        let (node, region) = name.strip_suffix(DOMAIN)?.split_once('.')?;
        format!("{region}/{node}").parse().ok()
    })
}

impl PeerTls {
    /// Reads `ca.pem` and the node's certificate and key from a folder.
    ///
    /// # Errors
    /// [`TlsError`], naming the file.
    pub fn load(folder: &Path, node: &NodeId) -> Result<Self, TlsError> {
        let unfit = |error: &dyn std::fmt::Display| TlsError::Unfit(error.to_string());
        let ca = certificates(&folder.join("ca.pem"))?;
        let own = folder.join(format!("{}.{}.pem", node.region, node.name()));
        let chain = certificates(&own)?;
        let key_path = own.with_extension("key");
        let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|error| TlsError::File {
            path: key_path.clone(),
            why: error.to_string(),
        })?;
        if chain.first().and_then(node_of).as_ref() != Some(node) {
            let why = format!("this certificate is not for the node {node}");
            return Err(TlsError::File { path: own, why });
        }
        let endpoint = endpoint(key.secret_der());
        let mut roots = RootCertStore::empty();
        for certificate in ca {
            roots.add(certificate).map_err(|error| unfit(&error))?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|error| unfit(&error))?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| unfit(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|error| unfit(&error))?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| unfit(&error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| unfit(&error))?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        let (relay_client, relay_server) = for_relays(&client, &server);
        Ok(Self {
            client: Arc::new(QuicClientConfig::try_from(client).map_err(|error| unfit(&error))?),
            server: Arc::new(QuicServerConfig::try_from(server).map_err(|error| unfit(&error))?),
            endpoint,
            relay_client: Arc::new(relay_client),
            relay_server: Arc::new(relay_server),
        })
    }

    /// The same proofs for connections by TCP, by which requests are passed on to other
    /// regions: for who dials, and for who listens.
    #[must_use]
    pub fn relay(&self) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
        (
            Arc::clone(&self.relay_client),
            Arc::clone(&self.relay_server),
        )
    }
}

/// A session that is resumed brings its peer along without a look at its certificate, so none is.
fn for_relays(client: &ClientConfig, server: &ServerConfig) -> (ClientConfig, ServerConfig) {
    let (mut client, mut server) = (client.clone(), server.clone());
    client.alpn_protocols = vec![RELAY_ALPN.to_vec()];
    client.resumption = Resumption::disabled();
    server.alpn_protocols = vec![RELAY_ALPN.to_vec()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    (client, server)
}

/// How a node tells peers that it has forgotten their links, since it was started again: by a
/// stateless reset (RFC 9000 section 10.3), whose secret must be the same as before. It comes from
/// the node's private key. Without it a peer would speak into the void until its link is idle.
fn endpoint(key: &[u8]) -> EndpointConfig {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let secret = hmac::sign(&key, b"tidegate mesh: stateless reset");
    let reset_key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref());
    let mut config = EndpointConfig::new(Arc::new(reset_key));
    // quinn's own ids are signed by a key of the process, and those of the one before are ignored
    // rather than reset.
    config.cid_generator(|| Box::new(RandomConnectionIdGenerator::default()));
    config
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |why: String| TlsError::File {
        path: path.to_owned(),
        why,
    };
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        Err(wrong("there is no certificate in this file".to_owned()))
    } else {
        Ok(found)
    }
}
