//! Callers who sign their requests (RFC 9421, HTTP Message Signatures).
//!
//! A key is known by its identifier, and it alone says which algorithm applies. What must be
//! covered the operator says; what is covered is taken from the message and built into the text
//! that was signed (`base`). A signature is good for a while, and with a nonce once. Of a body the
//! head says a digest (RFC 9530), which is checked when the body comes (`content`).

mod base;
mod component;
mod content;
mod counts;
mod denied;
mod input;
mod key;
mod nonces;
mod spec;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_model::{Now, Wall};

use crate::{Authenticator, Denied, Finding, Scheme, Verified};
use component::{Request, covers};
use content::CONTENT_DIGEST;
use input::Presented;

pub use content::{Budget, Hold, SignedBody};
pub use counts::SignatureCounts;
pub use denied::{SIGNATURE_RESULTS, SignatureDenied};
pub use key::{HmacKey, MessageKey};
pub use nonces::Nonces;
pub use spec::{NonceRule, SignatureAlgorithm, SignatureKeySpec, SignatureSpec};

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// What a signature is checked with, and who signs so.
#[derive(Debug)]
struct Signer {
    key: Box<dyn MessageKey>,
    algorithm: SignatureAlgorithm,
    caller: Verified,
    nonces: Arc<Nonces>,
}

/// What goes on when the configuration is loaded anew.
#[derive(Clone, Debug, Default)]
pub struct SignatureMemory {
    /// Nonces by key: what was used stays used.
    pub nonces: BTreeMap<String, Arc<Nonces>>,
    /// Counters.
    pub counts: Arc<SignatureCounts>,
    /// Bytes of bodies that are held.
    pub held: Arc<Budget>,
}

/// Signed requests as a method.
#[derive(Debug)]
pub struct Signature {
    name: Arc<str>,
    spec: SignatureSpec,
    signers: BTreeMap<String, Signer>,
    accept: Option<HeaderValue>,
    memory: SignatureMemory,
}

impl Signature {
    /// The method of this name. `keys` are those of the spec; one that is missing there is left
    /// out.
    #[must_use]
    pub fn new(
        name: &str,
        spec: SignatureSpec,
        keys: BTreeMap<String, Box<dyn MessageKey>>,
        mut memory: SignatureMemory,
    ) -> Self {
        memory.nonces.retain(|id, _| spec.keys.contains_key(id));
        let mut signers = BTreeMap::new();
        for (id, key) in keys {
            let Some(own) = spec.keys.get(&id) else {
                continue;
            };
            let nonces = memory.nonces.entry(id.clone()).or_default();
            let signer = Signer {
                key,
                algorithm: own.alg,
                caller: own.caller(name, &id),
                nonces: Arc::clone(nonces),
            };
            signers.insert(id, signer);
        }
        Self {
            name: name.into(),
            accept: HeaderValue::from_str(&spec.accept(name)).ok(),
            spec,
            signers,
            memory,
        }
    }

    /// What was configured.
    #[must_use]
    pub const fn spec(&self) -> &SignatureSpec {
        &self.spec
    }

    /// What goes on in another life.
    #[must_use]
    pub const fn memory(&self) -> &SignatureMemory {
        &self.memory
    }

    fn judge(&self, request: &Request<'_>, now: Wall) -> Result<Verified, SignatureDenied> {
        let presented = input::read(&request.head.headers)?;
        let (presented, signer) = self.chosen(&presented)?;
        if presented
            .alg
            .as_deref()
            .is_some_and(|alg| alg != signer.algorithm.name())
        {
            return Err(SignatureDenied::Algorithm);
        }
        let until = self.check_time(presented, now)?;
        let body = self.check_cover(presented, &request.head.headers)?;
        let nonce = match (&presented.nonce, self.spec.nonce) {
            (None, NonceRule::Required) => return Err(SignatureDenied::NonceMissing),
            (nonce, _) => nonce.as_deref(),
        };
        let base = base::build(request, presented)?;
        if !signer.key.verify(base.as_bytes(), &presented.signature) {
            return Err(SignatureDenied::Wrong);
        }
        // Last, so that only who holds the key uses up what is remembered of it.
        if let Some(nonce) = nonce {
            signer
                .nonces
                .take(nonce, until, now, self.spec.nonces_max)?;
        }
        let mut caller = signer.caller.clone();
        caller.body = body;
        Ok(caller)
    }

    /// The one signature that is for us: by a key of ours, and with our tag if there is one. Others
    /// on the way may have added theirs.
    fn chosen<'p>(
        &self,
        presented: &'p [Presented],
    ) -> Result<(&'p Presented, &Signer), SignatureDenied> {
        let tagged = presented
            .iter()
            .filter(|one| self.spec.tag.is_none() || one.tag == self.spec.tag);
        let mut ours = tagged.filter_map(|one| {
            let signer = self.signers.get(one.keyid.as_deref()?)?;
            Some((one, signer))
        });
        match (ours.next(), ours.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(SignatureDenied::UnknownKey),
            (Some(_), Some(_)) => Err(SignatureDenied::Ambiguous),
        }
    }

    /// From when on the signature is too old, in seconds since the Unix epoch.
    fn check_time(&self, presented: &Presented, now: Wall) -> Result<u64, SignatureDenied> {
        let leeway = self.spec.leeway.get().as_secs();
        let now = now.unix_secs();
        let created = presented.created.ok_or(SignatureDenied::Malformed)?;
        if created > now.saturating_add(leeway) {
            return Err(SignatureDenied::NotYet);
        }
        let until = created
            .saturating_add(self.spec.max_age.get().as_secs())
            .saturating_add(leeway);
        let expires = presented.expires.unwrap_or(u64::MAX);
        if now >= until || now >= expires.saturating_add(leeway) {
            return Err(SignatureDenied::Stale);
        }
        Ok(until)
    }

    /// Whether all is covered that must be, and what follows for the body.
    fn check_cover(
        &self,
        presented: &Presented,
        headers: &HeaderMap,
    ) -> Result<Option<SignedBody>, SignatureDenied> {
        let mut required = self.spec.components.iter();
        if !required.all(|name| covers(&presented.components, name)) {
            return Err(SignatureDenied::Uncovered);
        }
        let body = |digests| SignedBody {
            digests,
            bytes_max: self.spec.body_max.bytes(),
            held: Arc::clone(&self.memory.held),
            held_max: self.spec.held_max.bytes(),
            counts: Arc::clone(&self.memory.counts),
        };
        if covers(&presented.components, CONTENT_DIGEST) {
            return Ok(Some(body(content::read(headers)?)));
        }
        if !self.spec.sign_body {
            return Ok(None);
        }
        // HTTP/2 need not say that there is a body: then it shows when the first byte comes.
        let length = headers.get(CONTENT_LENGTH);
        let announced = length.is_some_and(|length| length.as_bytes() != b"0")
            || headers.contains_key(TRANSFER_ENCODING);
        match announced {
            true => Err(SignatureDenied::Uncovered),
            false => Ok(Some(body(Vec::new()))),
        }
    }
}

impl Authenticator for Signature {
    fn name(&self) -> &str {
        &self.name
    }

    fn identify(&self, head: &Parts, scheme: Scheme, now: Now) -> Finding {
        if !head.headers.contains_key(SIGNATURE_INPUT) {
            return Finding::Absent;
        }
        let scheme = self.spec.scheme.unwrap_or(scheme);
        let judged = self.judge(&Request { head, scheme }, now.wall);
        self.memory.counts.count(judged.as_ref().err().copied());
        match judged {
            Ok(caller) => Finding::Verified(Arc::new(caller)),
            Err(why @ SignatureDenied::UnknownKey) => Finding::Foreign(Denied::Signature(why)),
            Err(why) => Finding::Denied(Denied::Signature(why)),
        }
    }

    /// No scheme is registered for it: what is asked for stands in `Accept-Signature`.
    fn scheme(&self) -> &'static str {
        "Signature"
    }

    fn accept_signature(&self) -> Option<&HeaderValue> {
        self.accept.as_ref()
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        headers.remove(SIGNATURE);
        headers.remove(SIGNATURE_INPUT);
    }
}

#[cfg(test)]
mod tests;
