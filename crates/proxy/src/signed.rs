//! Signed bodies: held until all of them is there and is what was signed, so that a service never
//! sees a byte that was not. What is held is bounded by the method, for each body and in all.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;
use tidegate_identity::{Denied, Hold, SignatureDenied, SignedBody};
use tidegate_pipeline::Refusal;

use crate::upload::{Upload, UploadFacts};

/// A body that was checked, on its way to a service.
pub(crate) struct Signed {
    parts: VecDeque<Bytes>,
    left: u64,
    /// Counts as held until it was sent.
    _hold: Hold,
}

impl Signed {
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let part = self.parts.pop_front()?;
        self.left -= part.len() as u64;
        Some(part)
    }

    pub(crate) const fn left(&self) -> u64 {
        self.left
    }
}

/// Waits for the whole body, and gives it back if it is the one that was signed.
pub(crate) async fn checked(
    mut body: Upload,
    signed: &SignedBody,
    facts: &UploadFacts,
) -> Result<Upload, Refusal> {
    let refused = |why: SignatureDenied| Refusal::Denied(Denied::Signature(why));
    if body.size_hint().lower() > signed.bytes_max {
        return Err(Refusal::BodyTooLarge);
    }
    let mut hold = signed.hold();
    let mut parts = VecDeque::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| facts.refusal().unwrap_or(Refusal::BodyBroken))?;
        let Ok(part) = frame.into_data() else {
            continue;
        };
        hold.add(&part).map_err(refused)?;
        if hold.bytes() > signed.bytes_max {
            return Err(Refusal::BodyTooLarge);
        }
        if !part.is_empty() {
            parts.push_back(part);
        }
    }
    hold.check().map_err(refused)?;
    Ok(body.held(Signed {
        parts,
        left: hold.bytes(),
        _hold: hold,
    }))
}
