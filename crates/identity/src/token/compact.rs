//! Tokens in compact form (RFC 7515 section 7.1), taken apart. Nothing here is believed yet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::TokenDenied;
use super::algorithm::Algorithm;
use super::json::{Json, Object};

/// A name of a key is at most so long.
const KID_BYTES_MAX: usize = 256;

/// A token, taken apart.
#[derive(Debug)]
pub(crate) struct Compact<'t> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    pub(crate) claims: Object,
    /// What is signed.
    pub(crate) message: &'t [u8],
    /// The signature, still in base64url.
    pub(crate) signature: &'t str,
}

impl<'t> Compact<'t> {
    /// Takes a token apart.
    pub(crate) fn parse(token: &'t str, bytes_max: usize) -> Result<Self, TokenDenied> {
        if token.len() > bytes_max {
            return Err(TokenDenied::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenDenied::Malformed)?;
        let (head, claims) = message.split_once('.').ok_or(TokenDenied::Malformed)?;
        let head = object(head)?;
        // Before anything else: a token without a signature is told so, as one of `none`.
        let (algorithm, kid) = read_head(&head)?;
        if signature.is_empty() || URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(TokenDenied::Malformed);
        }
        Ok(Self {
            algorithm,
            kid,
            claims: object(claims)?,
            message: message.as_bytes(),
            signature,
        })
    }
}

/// The object in a part. The decoder takes one spelling only: no padding, no white space, no bits
/// left over.
fn object(part: &str) -> Result<Object, TokenDenied> {
    let bytes = URL_SAFE_NO_PAD.decode(part);
    let object = bytes.ok().and_then(|bytes| Json::object(&bytes));
    object.ok_or(TokenDenied::Malformed)
}

/// What counts of a header. `jku`, `jwk`, `x5u` and `x5c` do not: a token does not choose whom we
/// ask for its key.
fn read_head(head: &Object) -> Result<(Algorithm, Option<String>), TokenDenied> {
    // No extension is understood, so a token that needs one is refused (RFC 7515 section 4.1.11).
    if head.contains_key("crit") || head.contains_key("b64") {
        return Err(TokenDenied::Header);
    }
    if let Some(kind) = head.get("typ") {
        let kind = kind.text().ok_or(TokenDenied::Header)?;
        if !is_access_token(kind) {
            return Err(TokenDenied::Header);
        }
    }
    let kid = match head.get("kid") {
        None => None,
        Some(Json::Text(kid)) if kid.len() <= KID_BYTES_MAX => Some(kid.clone()),
        Some(_) => return Err(TokenDenied::Header),
    };
    let name = head.get("alg").and_then(Json::text);
    let name = name.ok_or(TokenDenied::Malformed)?;
    let algorithm = Algorithm::named(name).ok_or(TokenDenied::Algorithm)?;
    Ok((algorithm, kid))
}

/// Loose, as issuers are: `JWT`, or anything that calls itself an access token (RFC 9068). Tokens
/// for another purpose (`logout+jwt`, `dpop+jwt`) are told by their type, and refused.
fn is_access_token(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind == "jwt" || kind == "application/jwt" || kind.ends_with("at+jwt")
}
