//! Signed tokens (JWT, RFC 7519): who issued them, for whom, and whether they may be believed.
//!
//! [`Jwt`] is the method. A token is taken apart (`compact`, `json`), its claims are judged
//! (`rules`), its signature is checked by a [`Verify`], and what came of it is remembered
//! (`cache`). RFC 8725 is followed throughout: algorithms are the operator's choice and never the
//! token's, a key serves one family of algorithms only, and nothing that a token points at is
//! fetched.

mod algorithm;
mod cache;
mod compact;
mod counts;
mod denied;
mod introspection;
mod json;
mod jwt;
mod rules;
mod spec;
#[cfg(test)]
mod tests;
mod verify;

pub use algorithm::Algorithm;
pub use counts::{RESULTS, TokenCounts};
pub use denied::TokenDenied;
pub use introspection::{Introspection, IntrospectionSpec};
pub use jwt::Jwt;
pub use spec::{JwksSpec, JwtSpec, http_url, in_clear};
pub use verify::{Checked, Verify};
