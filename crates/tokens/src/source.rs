//! Where the keys of an issuer are on a network, and getting them from there.

use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use tidegate_identity::{JwtSpec, Provider, http_url};

use crate::connect::Connector;
use crate::fetch::get;

/// Where the keys are.
#[derive(Clone, Debug)]
pub(crate) enum Remote {
    /// At this URL.
    Url(Uri),
    /// Where the issuer's metadata say.
    Discovery {
        /// Who they must be of.
        issuer: String,
        /// Where they are.
        metadata: Uri,
    },
}

/// The members of OpenID Connect Discovery (section 3) that count.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Remote {
    /// `None` if the keys are in a file.
    pub(crate) fn of(spec: &JwtSpec) -> Option<Self> {
        if let Some(url) = &spec.keys.url {
            return http_url(url).map(Self::Url);
        }
        let issuer = spec.issuer.trim_end_matches('/');
        let metadata = http_url(&format!("{issuer}/.well-known/openid-configuration"))?;
        spec.keys.discovery.then(|| Self::Discovery {
            issuer: spec.issuer.clone(),
            metadata,
        })
    }

    pub(crate) async fn fetch(&self, by: &Connector, body_max: usize) -> Result<Fetched, String> {
        let (url, provider) = match self {
            Self::Url(url) => (url.clone(), None),
            Self::Discovery { issuer, metadata } => {
                let text = fetch(by, metadata, body_max).await?;
                let url = keys_of(&text, issuer, metadata)?;
                (url, Provider::read(&text, issuer))
            }
        };
        let keys = fetch(by, &url, body_max).await?;
        Ok(Fetched { keys, provider })
    }
}

/// What was got.
pub(crate) struct Fetched {
    /// A JWK set.
    pub(crate) keys: Bytes,
    /// Where people log in, if the metadata say so.
    pub(crate) provider: Option<Provider>,
}

async fn fetch(by: &Connector, url: &Uri, body_max: usize) -> Result<Bytes, String> {
    let body = get(by, url, body_max).await;
    body.map_err(|why| format!("{url}: {why}"))
}

/// Metadata of another issuer are refused (section 4.3), and so is a step down to plain HTTP.
fn keys_of(metadata: &[u8], issuer: &str, from: &Uri) -> Result<Uri, String> {
    let metadata: Metadata =
        serde_json::from_slice(metadata).map_err(|error| format!("{from}: {error}"))?;
    if metadata.issuer != issuer {
        let theirs = metadata.issuer;
        return Err(format!(
            "{from} speaks for the issuer `{theirs}`, not for `{issuer}`"
        ));
    }
    let url = http_url(&metadata.jwks_uri).ok_or_else(|| format!("{from}: no jwks_uri"))?;
    if from.scheme_str() == Some("https") && url.scheme_str() != Some("https") {
        return Err(format!(
            "{from} says that its keys are at {url}, without TLS"
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_speak_for_their_issuer_and_stay_with_tls() {
        let from: Uri = "https://id.example/.well-known/openid-configuration"
            .parse()
            .unwrap();
        let keys = |issuer: &str, url: &str| {
            let text = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{url}"}}"#);
            keys_of(text.as_bytes(), "https://id.example", &from)
        };
        assert_eq!(
            keys("https://id.example", "https://k.example/j")
                .unwrap()
                .path(),
            "/j"
        );
        assert!(keys("https://evil.example", "https://k.example/j").is_err());
        assert!(keys("https://id.example/", "https://k.example/j").is_err());
        assert!(keys("https://id.example", "http://k.example/j").is_err());
        assert!(keys("https://id.example", "file:///etc/passwd").is_err());
        assert!(keys_of(b"{}", "https://id.example", &from).is_err());
    }
}
