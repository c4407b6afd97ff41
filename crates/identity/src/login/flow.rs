//! A login under way: what must be the same when the browser comes back from the provider. The
//! browser keeps it, sealed, in a cookie of its own for each login, so that tabs do not meet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::seal::Random;

/// What a browser wanted is kept up to this length; beyond it the login leads to `/`.
const RETURN_MAX: usize = 1_024;
/// So much of `state` names the cookie.
const NAMED_BY: usize = 8;

/// A login under way. It has a secret, so it does not print.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Flow {
    #[serde(rename = "s")]
    pub(super) state: String,
    #[serde(rename = "n")]
    pub(super) nonce: String,
    /// PKCE's (RFC 7636).
    #[serde(rename = "v")]
    pub(super) verifier: String,
    /// Where the browser wanted to go.
    #[serde(rename = "r")]
    pub(super) return_to: String,
    #[serde(rename = "b")]
    pub(super) begun: u64,
}

impl Flow {
    pub(super) fn begin(target: &str, now: u64, random: Random<'_>) -> Self {
        let mut word = || URL_SAFE_NO_PAD.encode(random());
        Self {
            state: word(),
            nonce: word(),
            verifier: word(),
            return_to: return_to(target).to_owned(),
            begun: now,
        }
    }

    /// `code_challenge` of the method S256.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }
}

/// The part of `state` that names the cookie, if it can be one of ours.
pub(super) fn name_of(state: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let name = state.get(..NAMED_BY)?;
    name.bytes().all(plain).then_some(name)
}

/// Where a browser is sent after a login: to what it asked for, if that stays on its site however
/// it is read. Browsers read `\` as `/` and skip tabs and line breaks; some servers decode first.
pub(super) fn return_to(target: &str) -> &str {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
    let stays = target.strip_prefix('/').is_some_and(|rest| {
        let first = rest.get(..3).unwrap_or_default().to_ascii_lowercase();
        !rest.starts_with('/') && first != "%2f" && first != "%5c"
    });
    match stays && target.len() <= RETURN_MAX && target.bytes().all(plain) {
        true => target,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_leads_to_another_site() {
        for good in ["/", "/a", "/a?b=//c&d=http://e", "/a/%2F/b", "/?x", "/a//b"] {
            assert_eq!(return_to(good), good);
        }
        let long = format!("/{}", "a".repeat(RETURN_MAX));
        for bad in [
            "",
            "//evil",
            "///evil",
            "/\\evil",
            "\\\\evil",
            "/\t/evil",
            "/\n/evil",
            "/ /evil",
            "https://evil",
            "evil",
            "/%2Fevil",
            "/%2fevil",
            "/%5Cevil",
            "/%5cevil",
            "/a\\b",
            "/\u{e4}",
            "/a\r\nset-cookie:x",
            &long,
        ] {
            assert_eq!(return_to(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let mut random = || [0; 32];
        let flow = Flow {
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
            ..Flow::begin("/", 0, &mut random)
        };
        assert_eq!(
            flow.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn only_what_can_be_a_state_names_a_cookie() {
        assert_eq!(name_of("abcdefgh-rest"), Some("abcdefgh"));
        for bad in ["", "abc", "abcdefg;x", "abcdef\u{e4}gh", "abcdefg=h"] {
            assert_eq!(name_of(bad), None, "{bad}");
        }
    }
}
