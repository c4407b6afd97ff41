//! The cryptography that checks signatures.

/// The one provider of the mathematics in this process; call it before anything that verifies.
pub fn install_crypto() {
    // An error says that it is installed already.
    let _already = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}
