//! What a signed head says of the body (RFC 9530, Digest Fields), and the check of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};
use sha2::{Digest as _, Sha256, Sha512};

use super::input::{distinct, joined};
use super::{SignatureCounts, SignatureDenied};

pub(super) const CONTENT_DIGEST: &str = "content-digest";
const FIELD_MAX: usize = 1_024;

/// A digest of the body. Those that RFC 9530 lists as insecure are not looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum BodyDigest {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

/// The digests of `Content-Digest`: one at least that is understood.
pub(super) fn read(headers: &HeaderMap) -> Result<Vec<BodyDigest>, SignatureDenied> {
    let text = joined(headers, &HeaderName::from_static(CONTENT_DIGEST))
        .ok_or(SignatureDenied::Component)?;
    if text.len() > FIELD_MAX {
        return Err(SignatureDenied::Malformed);
    }
    let members: Dictionary = Parser::new(&text)
        .parse()
        .map_err(|_| SignatureDenied::Malformed)?;
    distinct(&text, members.len())?;
    let mut digests = Vec::new();
    for (name, value) in &members {
        let ListEntry::Item(Item { bare_item, .. }) = value else {
            return Err(SignatureDenied::Malformed);
        };
        let BareItem::ByteSequence(bytes) = bare_item else {
            return Err(SignatureDenied::Malformed);
        };
        let wrong_length = |_| SignatureDenied::Malformed;
        digests.push(match name.as_str() {
            "sha-256" => BodyDigest::Sha256(bytes[..].try_into().map_err(wrong_length)?),
            "sha-512" => BodyDigest::Sha512(bytes[..].try_into().map_err(wrong_length)?),
            _ => continue,
        });
    }
    match digests.is_empty() {
        true => Err(SignatureDenied::Malformed),
        false => Ok(digests),
    }
}

/// Bytes of bodies that are held until they are checked.
#[derive(Debug, Default)]
pub struct Budget(AtomicU64);

impl Budget {
    /// How many are held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What the body must be.
#[derive(Clone, Debug)]
pub struct SignedBody {
    /// All of these; if there are none, it must be empty.
    pub(super) digests: Vec<BodyDigest>,
    /// A larger one is refused.
    pub bytes_max: u64,
    pub(super) held: Arc<Budget>,
    pub(super) held_max: u64,
    pub(super) counts: Arc<SignatureCounts>,
}

impl PartialEq for SignedBody {
    fn eq(&self, other: &Self) -> bool {
        (&self.digests, self.bytes_max) == (&other.digests, other.bytes_max)
    }
}

impl Eq for SignedBody {}

impl SignedBody {
    /// Begins to hold the body.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold {
            body: self.clone(),
            bytes: 0,
            sha256: Sha256::new(),
            sha512: Sha512::new(),
        }
    }
}

/// A body that is on its way in. What it holds is given back when it goes.
#[derive(Debug)]
pub struct Hold {
    body: SignedBody,
    bytes: u64,
    sha256: Sha256,
    sha512: Sha512,
}

impl Hold {
    /// Takes a part of the body in.
    ///
    /// # Errors
    /// [`SignatureDenied::Content`] if there should be none, [`SignatureDenied::BodiesFull`] if
    /// there is no room for it.
    pub fn add(&mut self, part: &[u8]) -> Result<(), SignatureDenied> {
        let bytes = part.len() as u64;
        if bytes == 0 {
            return Ok(());
        }
        if self.body.digests.is_empty() {
            return Err(self.refused(SignatureDenied::Content));
        }
        let before = self.body.held.0.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
        if before.saturating_add(bytes) > self.body.held_max {
            return Err(self.refused(SignatureDenied::BodiesFull));
        }
        for digest in &self.body.digests {
            match digest {
                BodyDigest::Sha256(_) => self.sha256.update(part),
                BodyDigest::Sha512(_) => self.sha512.update(part),
            }
        }
        Ok(())
    }

    /// Whether the body that came is the one that was signed.
    ///
    /// # Errors
    /// [`SignatureDenied::Content`].
    pub fn check(&self) -> Result<(), SignatureDenied> {
        let fits = |digest: &BodyDigest| match digest {
            BodyDigest::Sha256(want) => self.sha256.clone().finalize()[..] == want[..],
            BodyDigest::Sha512(want) => self.sha512.clone().finalize()[..] == want[..],
        };
        match self.body.digests.iter().all(fits) {
            true => Ok(()),
            false => Err(self.refused(SignatureDenied::Content)),
        }
    }

    fn refused(&self, why: SignatureDenied) -> SignatureDenied {
        self.body.counts.count(Some(why));
        why
    }

    /// Bytes that came.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.body.held.0.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_DIGEST, text.parse().unwrap());
        headers
    }

    fn body(text: &str, held_max: u64) -> SignedBody {
        SignedBody {
            digests: read(&headers(text)).unwrap(),
            bytes_max: 100,
            held: Arc::default(),
            held_max,
            counts: Arc::default(),
        }
    }

    // RFC 9530 appendix D, of `{"hello": "world"}` and a line break.
    const SHA256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    const SHA512: &str = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
    const HELLO: &[u8] = b"{\"hello\": \"world\"}\n";

    #[test]
    fn a_body_is_the_one_that_all_digests_describe() {
        let checked = |text: &str, parts: &[&[u8]]| {
            let body = body(text, 100);
            let mut hold = body.hold();
            parts.iter().for_each(|part| hold.add(part).unwrap());
            hold.check().is_ok()
        };
        let both = format!("{SHA256}, {SHA512}, md5=:AAAA:");
        for text in [SHA256, SHA512, &both] {
            assert!(checked(text, &[HELLO]), "{text}");
            assert!(checked(text, &[&HELLO[..3], b"", &HELLO[3..]]), "{text}");
            assert!(!checked(text, &[&HELLO[1..]]), "{text}");
            assert!(!checked(text, &[]), "{text}");
        }
        let other = format!("sha-256=:{}:, {SHA512}", "A".repeat(43) + "=");
        assert!(!checked(&other, &[HELLO]), "one is not enough");
    }

    #[test]
    fn what_cannot_be_read_or_understood_is_refused() {
        for text in [
            "",
            "sha-256",
            "sha-256=abc",
            "sha-256=:AAAA:",
            "sha-256=(:AAAA:)",
            "md5=:AAAA:",
            &format!("{SHA256}, {SHA256}"),
            &format!("{SHA256}, x=:{}:", "A".repeat(FIELD_MAX)),
        ] {
            assert_eq!(
                read(&headers(text)),
                Err(SignatureDenied::Malformed),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let body = body(SHA256, 30);
        let mut first = body.hold();
        assert_eq!(first.add(&[0; 20]), Ok(()));
        let mut second = body.hold();
        assert_eq!(second.add(&[0; 20]), Err(SignatureDenied::BodiesFull));
        drop(second);
        assert_eq!(body.held.bytes(), 20);
        drop(first);
        assert_eq!(body.held.bytes(), 0);
    }
}
