//! Who is calling, and may we believe it?
//!
//! Keys are recognised ([`KeyText`]), looked up ([`KeyCache`]) and verified ([`Pepper`]) here. What
//! is not known yet is asked for with [`Lookup::Ask`]: this room never fetches anything itself, and
//! never prints a credential. Tokens are taken apart and judged in `token`; whether a signature is
//! right a [`Verify`] says, which a shell brings. Logins in the browser are in `login`.

mod asked;
mod assertion;
mod authorization;
mod basic;
mod cache;
mod digest_cache;
mod external;
mod form;
mod guard;
mod halves;
mod key;
mod login;
mod method;
mod mtls;
mod place;
mod record;
mod shared;
mod signature;
mod spec;
mod token;
mod verified;
mod wanted;

pub use asked::{ASKED, Answers, AskedCounts, AskedOutcome, Keep, Said};
pub use assertion::{AssertionSpec, Statement};
pub use basic::{Basic, BasicSpec, Password};
pub use cache::{CacheSpec, KeyCache, Lookup};
pub use digest_cache::{Digest, DigestCache};
pub use external::{External, ExternalProtocol, ExternalQuestion, ExternalSpec, OnFailure};
pub use form::form;
pub use guard::Guard;
pub use key::{KeyId, KeyText, Malformed, Minted, Pepper};
pub use login::{
    ClientAuth, LOGINS, Login, LoginCounts, LoginDenied, LoginEvent, LoginSpec, Nonce, Place,
    Provider, Random, Renewal, RenewalAnswer, Renewed, Returned, Seal, Turn, TurnedAway,
    opens_a_page, strip_login_cookies,
};
pub use method::{Authenticator, Finding, Scheme};
pub use mtls::{Mtls, MtlsSpec};
pub use place::{is_present, present, strip_fields, strip_query};
pub use record::{Denied, KeyItem, KeyRecord, KeySecret, Retiring, SecretDigest};
pub use signature::{
    Budget, HmacKey, Hold, MessageKey, NonceRule, Nonces, SIGNATURE_RESULTS, Signature,
    SignatureAlgorithm, SignatureCounts, SignatureDenied, SignatureKeySpec, SignatureMemory,
    SignatureSpec, SignedBody,
};
pub use spec::{DynamoSpec, KeyStoreSpec, KeysSpec, OnKeyStoreDown};
pub use token::{
    Algorithm, Checked, Introspection, IntrospectionSpec, JwksSpec, Jwt, JwtSpec, RESULTS,
    TokenCounts, TokenDenied, Verify, http_url, in_clear,
};
pub use verified::{Identity, Verified};
pub use wanted::Wanted;
