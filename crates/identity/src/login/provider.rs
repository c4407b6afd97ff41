//! What a provider's metadata say of where it is asked (OpenID Connect Discovery section 3).

use http::Uri;
use serde::Deserialize;

use crate::token::http_url;

/// Where a provider is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provider {
    /// Where browsers log in.
    pub authorization_endpoint: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: Uri,
    /// Where browsers log out, if it offers that.
    pub end_session_endpoint: Option<String>,
    /// Whether its answers to browsers always name it (RFC 9207).
    pub names_itself: bool,
}

#[derive(Deserialize)]
struct Metadata {
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Provider {
    /// What the metadata of an issuer say. `None` if nobody can log in there: an endpoint is
    /// missing, or comes without TLS where the issuer has it.
    #[must_use]
    pub fn read(metadata: &[u8], issuer: &str) -> Option<Self> {
        let metadata: Metadata = serde_json::from_slice(metadata).ok()?;
        let secure = issuer.starts_with("https:");
        let usable = |url: &String| {
            let uri = http_url(url)?;
            let plain = url.bytes().all(|b| b.is_ascii_graphic()) && !url.contains('#');
            (plain && (!secure || uri.scheme_str() == Some("https"))).then_some(uri)
        };
        let authorization_endpoint = metadata.authorization_endpoint?;
        usable(&authorization_endpoint)?;
        Some(Self {
            authorization_endpoint,
            token_endpoint: usable(&metadata.token_endpoint?)?,
            end_session_endpoint: metadata
                .end_session_endpoint
                .filter(|url| usable(url).is_some()),
            names_itself: metadata.authorization_response_iss_parameter_supported,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_stay_with_tls_and_are_urls() {
        let read = |issuer: &str, auth: &str, token: &str, end: &str| {
            let text = format!(
                r#"{{"authorization_endpoint":"{auth}","token_endpoint":"{token}","end_session_endpoint":"{end}"}}"#
            );
            Provider::read(text.as_bytes(), issuer)
        };
        let (issuer, good) = ("https://id.example", "https://id.example/x");
        let read_end = |end| read(issuer, good, good, end).unwrap().end_session_endpoint;
        assert_eq!(read_end(good).as_deref(), Some(good));
        assert_eq!(read_end("javascript:alert(1)"), None);
        for bad in [
            "http://id.example/x",
            "ftp://id.example",
            "/x",
            "https://id.example/#x",
            "",
        ] {
            assert_eq!(read(issuer, bad, good, good), None, "{bad}");
            assert_eq!(read(issuer, good, bad, good), None, "{bad}");
        }
        assert!(
            read(
                "http://localhost:1",
                "http://localhost:1/a",
                "http://localhost:1/t",
                ""
            )
            .is_some()
        );
        assert_eq!(Provider::read(b"{}", issuer), None);
    }
}
