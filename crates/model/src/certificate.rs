//! What a client's certificate says, once somebody has verified it.

/// The names of a client (RFC 5280 section 4.2.1.6), from a certificate that was verified when the
/// connection was made.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ClientCertificate {
    /// DNS names.
    pub dns_names: Vec<String>,
    /// URIs, such as a SPIFFE ID.
    pub uris: Vec<String>,
}
