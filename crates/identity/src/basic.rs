//! User names and passwords in the `Authorization` field (HTTP Basic, RFC 7617).
//!
//! A good password hash is slow on purpose, so it is never computed here: who is not known lately
//! is asked for, elsewhere and in a bounded queue. What is remembered is found by an HMAC under a
//! key of this process, so memory holds neither passwords nor anything to guess them with.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::request::Parts;
use serde::Deserialize;
use sha2::Sha256;
use tidegate_model::{Now, Period, Secret, Wall};
use zeroize::Zeroizing;

use crate::asked::{Answers, Keep, Said};
use crate::authorization::{Presented, conceal, presented};
use crate::digest_cache::Digest;
use crate::shared::{Contradictions, cache_max};
use crate::{Authenticator, Denied, Finding, Scheme, Verified};

const SCHEME: &str = "Basic";
/// Credentials are at most so long, in base64.
const FIELD_MAX: usize = 1_024;
const USER_MAX: usize = 256;
const TTL_MAX: Period = Period::from_secs(3_600);
/// Hashes take a core each, and some tens of megabytes.
const AT_ONCE_MAX: usize = 64;
const QUEUE_MAX: usize = 4_096;

/// User names and passwords, in a file.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicSpec {
    /// Lines of `user:hash`, with bcrypt or Argon2; relative to the data folder.
    pub users_file: PathBuf,
    /// How long a right password is remembered.
    #[serde(default = "right_ttl")]
    pub right_ttl: Period,
    /// How long a wrong one is.
    #[serde(default = "wrong_ttl")]
    pub wrong_ttl: Period,
    /// Hashes computed at a time.
    #[serde(default = "at_once_max")]
    pub at_once_max: usize,
    /// Callers that wait for that; beyond it 503.
    #[serde(default = "queue_max")]
    pub queue_max: usize,
    /// Passwords remembered at most.
    #[serde(default = "cache_max")]
    pub cache_max: usize,
}

const fn right_ttl() -> Period {
    Period::from_secs(300)
}

const fn wrong_ttl() -> Period {
    Period::from_secs(10)
}

const fn at_once_max() -> usize {
    2
}

const fn queue_max() -> usize {
    64
}

impl BasicSpec {
    /// What cannot be meant, each with a way out.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(String, &'static str)> {
        let mut found = Contradictions::default();
        found.note(
            self.right_ttl > TTL_MAX || self.wrong_ttl > TTL_MAX,
            "passwords would be remembered for more than an hour",
            "`right_ttl: 5m`",
        );
        found.note(
            !(1..=AT_ONCE_MAX).contains(&self.at_once_max),
            "at_once_max is not 1 to 64",
            "each takes a core while it lasts: `at_once_max: 2`",
        );
        found.note(
            !(1..=QUEUE_MAX).contains(&self.queue_max),
            "queue_max is not 1 to 4096",
            "`queue_max: 64`",
        );
        found.note(
            self.cache_max == 0,
            "it remembers nobody",
            "cache_max starts at 1",
        );
        found.0
    }
}

/// What a caller presents.
#[derive(Debug)]
pub struct Password {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
    /// What stands for both.
    pub digest: Digest,
}

/// User names and passwords as a method.
#[derive(Debug)]
pub struct Basic {
    name: Arc<str>,
    spec: BasicSpec,
    /// The key of this process.
    key: Zeroizing<[u8; 32]>,
    /// What was found out lately.
    pub answers: Answers,
}

impl Basic {
    /// The method of this name. `key` is random and stays in this process.
    #[must_use]
    pub fn new(name: &str, spec: BasicSpec, key: [u8; 32], answers: Answers) -> Self {
        Self {
            name: name.into(),
            spec,
            key: Zeroizing::new(key),
            answers,
        }
    }

    /// What was configured.
    #[must_use]
    pub const fn spec(&self) -> &BasicSpec {
        &self.spec
    }

    /// What a caller presents, if it can be read.
    #[must_use]
    pub fn password(&self, head: &Parts) -> Option<Password> {
        let Presented::Credentials(text) = presented(head, SCHEME) else {
            return None;
        };
        let short = (text.len() <= FIELD_MAX).then_some(text)?;
        let bytes = Zeroizing::new(STANDARD.decode(short).ok()?);
        let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        let plain = !user.is_empty() && !user.chars().any(char::is_control);
        if !plain || user.len() > USER_MAX {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC takes any key");
        // The name has no NUL, so both cannot be cut in another place.
        mac.update(user.as_bytes());
        mac.update(b"\0");
        mac.update(password.as_bytes());
        Some(Password {
            user: user.to_owned(),
            password: Secret::new(password.to_owned()),
            digest: mac.finalize().into_bytes().into(),
        })
    }

    /// What follows from a password that was looked at; it is remembered.
    pub fn judge(&self, presented: &Password, right: bool, now: Wall) -> Said {
        let said = match right {
            true => Ok(Arc::new(Verified {
                method: Arc::clone(&self.name),
                account: format!("{}:{}", self.name, presented.user),
                consumer: presented.user.clone(),
                ..Verified::default()
            })),
            false => Err(Denied::Password),
        };
        let fresh = match right {
            true => self.spec.right_ttl,
            false => self.spec.wrong_ttl,
        };
        let fresh = fresh.get().as_secs();
        let keep = Keep { fresh, stale: 0 };
        self.answers.remember(presented.digest, &said, keep, now);
        said
    }
}

impl Authenticator for Basic {
    fn name(&self) -> &str {
        &self.name
    }

    fn identify(&self, head: &Parts, _: Scheme, now: Now) -> Finding {
        if presented(head, SCHEME) == Presented::Absent {
            return Finding::Absent;
        }
        let Some(presented) = self.password(head) else {
            return Finding::Denied(Denied::Password);
        };
        let known = self.answers.fresh(&presented.digest, now.wall);
        known.unwrap_or(Finding::Ask(Denied::PasswordBusy))
    }

    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        conceal(headers, SCHEME);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tidegate_model::Mono;

    use super::*;

    fn method(key: u8) -> Basic {
        let spec: BasicSpec = serde_json::from_str(r#"{"users_file":"u"}"#).unwrap();
        assert_eq!(spec.contradictions(), []);
        Basic::new("people", spec, [key; 32], Answers::new(100, Arc::default()))
    }

    fn head(credentials: &[u8]) -> Parts {
        let field = format!("Basic {}", STANDARD.encode(credentials));
        let request = Request::get("/").header("authorization", field);
        request.body(()).unwrap().into_parts().0
    }

    fn at(secs: u64) -> Now {
        Now {
            mono: Mono::from_millis(0),
            wall: Wall::from_unix_secs(secs),
        }
    }

    #[test]
    fn a_password_is_looked_at_once_for_its_time() {
        let method = method(1);
        let (right, wrong) = (head(b"ada:a:b"), head(b"ada:a:c"));
        for (head, good) in [(&right, true), (&wrong, false)] {
            assert!(matches!(
                method.identify(head, Scheme::Https, at(100)),
                Finding::Ask(_)
            ));
            let presented = method.password(head).unwrap();
            assert_eq!(presented.user, "ada");
            assert_eq!(method.judge(&presented, good, at(100).wall).is_ok(), good);
        }
        let Finding::Verified(ada) = method.identify(&right, Scheme::Https, at(399)) else {
            panic!("not remembered");
        };
        assert_eq!(
            (ada.account.as_str(), ada.consumer.as_str()),
            ("people:ada", "ada")
        );
        assert!(matches!(
            method.identify(&right, Scheme::Https, at(400)),
            Finding::Ask(_)
        ));
        assert!(matches!(
            method.identify(&wrong, Scheme::Https, at(109)),
            Finding::Denied(Denied::Password)
        ));
        assert!(matches!(
            method.identify(&wrong, Scheme::Https, at(110)),
            Finding::Ask(_)
        ));
    }

    #[test]
    fn what_stands_for_a_password_is_of_this_process_and_of_both_parts() {
        let digest = |key, text: &[u8]| method(key).password(&head(text)).unwrap().digest;
        assert_ne!(digest(1, b"ada:x"), digest(2, b"ada:x"));
        assert_ne!(digest(1, b"ada:x"), digest(1, b"adax:"));
        assert_ne!(digest(1, b"a:b:c"), digest(1, b"a:bc"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_asking() {
        let method = method(1);
        for credentials in [&b"ada"[..], b":x", b"a\nb:x", b"\xff:x", &[b'a'; 2_000]] {
            let said = method.identify(&head(credentials), Scheme::Https, at(0));
            assert!(
                matches!(said, Finding::Denied(Denied::Password)),
                "{credentials:?}"
            );
        }
        let printed = format!("{:?}", method.password(&head(b"ada:hunter2")));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
