//! Signed tokens (JWT, RFC 7519): who issued them, for whom, and whether they may be believed.

mod denied;

pub use denied::TokenDenied;
