//! The cluster's private authority and the certificates it gives to nodes.
//!
//! Whoever holds `ca-key.pem` can make members of the cluster. It is needed to add a node, never to
//! run one: keep it away from the nodes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tidegate_model::{NodeId, Wall};
use time::{Duration, OffsetDateTime};

use crate::tls::server_name;

const CA_DAYS: i64 = 3_650;
const NODE_DAYS: i64 = 397;
/// Clocks of nodes may differ a little.
const BACKDATED: Duration = Duration::hours(1);

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The authority's files hold nothing usable.
    #[error("{}: {source}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rcgen::Error,
    },
}

/// What was made, and what was there already.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Issued {
    /// Files written.
    pub made: Vec<PathBuf>,
    /// Certificates that were there already and were left alone.
    pub kept: usize,
}

/// Makes the authority if there is none, and a certificate for each node and each host that has
/// none yet.
///
/// # Errors
/// [`CertsError`]; what was written until then stays and is kept by the next call.
pub fn init_certs(
    folder: &Path,
    nodes: &[NodeId],
    hosts: &[String],
    now: Wall,
) -> Result<Issued, CertsError> {
    let file = |path: &Path, source| CertsError::File {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(|error| file(folder, error))?;
    let mut issued = Issued::default();
    let issuer = authority(folder, now, &mut issued)?;
    for node in nodes {
        let name = server_name(node);
        let file_name = format!("{}.{}", node.region, node.name());
        issue(folder, &file_name, &name, true, &issuer, now, &mut issued)?;
    }
    for host in hosts {
        issue(
            folder,
            &format!("host.{host}"),
            host,
            false,
            &issuer,
            now,
            &mut issued,
        )?;
    }
    Ok(issued)
}

fn authority(
    folder: &Path,
    now: Wall,
    issued: &mut Issued,
) -> Result<Issuer<'static, KeyPair>, CertsError> {
    let (cert_path, key_path) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
    let file = |path: &Path, source| CertsError::File {
        path: path.to_owned(),
        source,
    };
    let unusable = |path: &Path, source| CertsError::Unusable {
        path: path.to_owned(),
        source,
    };
    let params = authority_params(now);
    if cert_path.exists() && key_path.exists() {
        let key = fs::read_to_string(&key_path).map_err(|error| file(&key_path, error))?;
        let key = KeyPair::from_pem(&key).map_err(|error| unusable(&key_path, error))?;
        issued.kept += 1;
        // Issuing needs the authority's name and key only, and both are those that its certificate
        // was made with.
        return Ok(Issuer::new(params, key));
    }
    let key = KeyPair::generate().map_err(|error| unusable(&key_path, error))?;
    let certificate = params
        .self_signed(&key)
        .map_err(|error| unusable(&cert_path, error))?;
    write(&key_path, &key.serialize_pem(), issued)?;
    write(&cert_path, &certificate.pem(), issued)?;
    Ok(Issuer::new(params, key))
}

fn authority_params(now: Wall) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Tidegate cluster authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now, CA_DAYS);
    params
}

fn set_validity(params: &mut CertificateParams, now: Wall, days: i64) {
    let now =
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(i64::try_from(now.unix_secs()).unwrap_or(0));
    params.not_before = now - BACKDATED;
    params.not_after = now + Duration::days(days);
}

fn issue(
    folder: &Path,
    file_name: &str,
    dns_name: &str,
    mesh: bool,
    issuer: &Issuer<'static, KeyPair>,
    now: Wall,
    issued: &mut Issued,
) -> Result<(), CertsError> {
    let (cert_path, key_path) = (
        folder.join(format!("{file_name}.pem")),
        folder.join(format!("{file_name}.key")),
    );
    if cert_path.exists() && key_path.exists() {
        issued.kept += 1;
        return Ok(());
    }
    let unusable = |source| CertsError::Unusable {
        path: cert_path.clone(),
        source,
    };
    let mut names = vec![dns_name.to_owned()];
    if dns_name == "localhost" {
        names.push("127.0.0.1".to_owned());
    }
    let mut params = CertificateParams::new(names).map_err(unusable)?;
    params.distinguished_name.push(DnType::CommonName, dns_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if mesh {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, NODE_DAYS);
    let key = KeyPair::generate().map_err(unusable)?;
    let certificate = params.signed_by(&key, issuer).map_err(unusable)?;
    write(&key_path, &key.serialize_pem(), issued)?;
    write(&cert_path, &certificate.pem(), issued)
}

/// Writes a file that only its owner may read.
fn write(path: &Path, text: &str, issued: &mut Issued) -> Result<(), CertsError> {
    let write = || -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?.write_all(text.as_bytes())
    };
    write().map_err(|source| CertsError::File {
        path: path.to_owned(),
        source,
    })?;
    issued.made.push(path.to_owned());
    Ok(())
}
