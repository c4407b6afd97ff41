//! The text that was signed (RFC 9421 section 2.5).

use super::SignatureDenied;
use super::component::Request;
use super::input::Presented;

/// A longer text is not built.
const BASE_MAX: usize = 64 * 1_024;

/// The signature base of a request.
pub(super) fn build(
    request: &Request<'_>,
    presented: &Presented,
) -> Result<String, SignatureDenied> {
    let mut base = String::with_capacity(512);
    for component in &presented.components {
        base.push_str(&component.identifier);
        base.push_str(": ");
        base.push_str(&request.value(component)?);
        base.push('\n');
        if base.len() > BASE_MAX {
            return Err(SignatureDenied::Component);
        }
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(&presented.params);
    Ok(base)
}
