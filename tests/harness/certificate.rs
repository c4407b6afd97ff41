//! Certificates that vouch for themselves.

use std::path::{Path, PathBuf};

use crate::tool::tool;

/// Makes a certificate for 127.0.0.1 that vouches for itself. Returns it and its key, as PEM files
/// in `folder`.
///
/// # Panics
/// If openssl is not there.
#[must_use]
pub fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let certificate = folder.join(format!("{name}.pem"));
    let key = folder.join(format!("{name}.key"));
    let made = tool(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-days",
            "2",
            "-keyout",
            &key.display().to_string(),
            "-out",
            &certificate.display().to_string(),
        ],
    );
    assert_eq!(made.code, 0, "{}", made.err);
    (certificate, key)
}
