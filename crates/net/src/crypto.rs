//! The cryptography that TLS uses.

/// The one crypto provider of this process; call it before anything that uses TLS.
pub fn install_crypto() {
    // An error says that it is installed already.
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
