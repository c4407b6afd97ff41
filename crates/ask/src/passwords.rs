//! A file of users, as `htpasswd -B` and `argon2` write it, and the slow look at a password.
//!
//! A hash takes a core for a tenth of a second, on purpose. So few run at a time, on threads of
//! their own, few wait, and the rest is told to come again. A name that nobody has costs as much as
//! a wrong password.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use http::request::Parts;
use tidegate_identity::{AskedOutcome, Basic, Denied, Said};
use tidegate_model::Secret;
use tidegate_runtime::Clock;
use tokio::sync::Semaphore;

use crate::flights::Flights;

const FILE_MAX: u64 = 4 * 1_024 * 1_024;
const USERS_MAX: usize = 65_536;
/// What a hash may cost at most: bcrypt's exponent, and Argon2's memory in KiB and passes.
const BCRYPT_COST_MAX: u32 = 14;
const ARGON2_KIB_MAX: u32 = 256 * 1_024;
const ARGON2_PASSES_MAX: u32 = 16;
/// bcrypt does not see more of a password.
const BCRYPT_BYTES: usize = 72;

/// Users by name.
pub(crate) struct Users {
    hashes: BTreeMap<String, Secret>,
    /// Looked at for names that nobody has.
    decoy: Secret,
}

impl PartialEq for Users {
    fn eq(&self, other: &Self) -> bool {
        let mut both = self.hashes.iter().zip(&other.hashes);
        self.hashes.len() == other.hashes.len()
            && both.all(|((user, hash), (other, theirs))| {
                user == other && hash.reveal() == theirs.reveal()
            })
    }
}

impl Users {
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let unusable = |why: String| format!("{} cannot be used: {why}", path.display());
        let size = std::fs::metadata(path)
            .map_err(|error| unusable(error.to_string()))?
            .len();
        if size > FILE_MAX {
            return Err(unusable(format!("larger than {FILE_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
        Self::parse(&text).map_err(unusable)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut hashes = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, hash) = line
                .split_once(':')
                .ok_or_else(|| format!("line {number} is not user:hash"))?;
            check(hash).map_err(|why| format!("line {number}: {why}"))?;
            if hashes
                .insert(user.to_owned(), Secret::new(hash.to_owned()))
                .is_some()
            {
                return Err(format!("line {number}: `{user}` stands there twice"));
            }
        }
        if hashes.len() > USERS_MAX {
            return Err(format!("more than {USERS_MAX} users"));
        }
        let decoy = hashes.values().next().ok_or("no user in it")?.clone();
        Ok(Self { hashes, decoy })
    }

    /// Whether the password is the user's. Slow.
    fn verify(&self, user: &str, password: &str) -> bool {
        let known = self.hashes.get(user);
        let right = verify(known.unwrap_or(&self.decoy).reveal(), password);
        right && known.is_some()
    }
}

/// What is no such hash, or too weak or too costly a one.
fn check(hash: &str) -> Result<(), String> {
    if hash.starts_with("$2") {
        let parts: bcrypt::HashParts = hash.parse().map_err(|_| "no bcrypt hash")?;
        return match parts.get_cost() {
            ..=BCRYPT_COST_MAX => Ok(()),
            cost => Err(format!("cost {cost} is more than {BCRYPT_COST_MAX}")),
        };
    }
    if !hash.starts_with("$argon2") {
        return Err("neither bcrypt ($2y$...) nor Argon2 ($argon2id$...)".to_owned());
    }
    let parsed = PasswordHash::new(hash).map_err(|_| "no Argon2 hash")?;
    let params = argon2::Params::try_from(&parsed).map_err(|_| "no Argon2 hash")?;
    if params.m_cost() > ARGON2_KIB_MAX || params.t_cost() > ARGON2_PASSES_MAX {
        return Err("an Argon2 hash of more than 256 MiB, or 16 passes".to_owned());
    }
    Ok(())
}

fn verify(hash: &str, password: &str) -> bool {
    if hash.starts_with("$2") {
        let right = bcrypt::verify(password, hash).unwrap_or(false);
        return right && password.len() <= BCRYPT_BYTES;
    }
    PasswordHash::new(hash).is_ok_and(|hash| {
        let checked = Argon2::default().verify_password(password.as_bytes(), &hash);
        checked.is_ok()
    })
}

/// Looks at passwords.
pub(crate) struct Passwords {
    pub(crate) method: Arc<Basic>,
    pub(crate) users: Arc<Users>,
    /// How many may be computed at a time.
    pub(crate) at_once: Arc<Semaphore>,
    pub(crate) clock: Clock,
    pub(crate) flights: Flights<Option<Said>>,
}

impl Passwords {
    pub(crate) async fn ask(&self, head: &Parts) -> Said {
        let Some(presented) = self.method.password(head) else {
            return Err(Denied::Password);
        };
        let digest = presented.digest;
        let errand = || {
            let (method, users) = (Arc::clone(&self.method), Arc::clone(&self.users));
            let (at_once, clock) = (Arc::clone(&self.at_once), self.clock);
            async move {
                let _permit = at_once.acquire_owned().await.ok()?;
                let looked = tokio::task::spawn_blocking(move || {
                    let right = users.verify(&presented.user, presented.password.reveal());
                    method.judge(&presented, right, clock.now().wall)
                });
                looked.await.ok()
            }
        };
        let (outcome, said) = match self.flights.join(digest, errand).await {
            Ok(Some(Some(Ok(caller)))) => (AskedOutcome::Good, Ok(caller)),
            Ok(Some(Some(Err(why)))) => (AskedOutcome::Bad, Err(why)),
            Ok(_) => (AskedOutcome::Failed, Err(Denied::PasswordBusy)),
            Err(_) => (AskedOutcome::Full, Err(Denied::PasswordBusy)),
        };
        self.method.answers.count(outcome);
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGON2: &str = "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ$aPS2ql1gMCGuK2ppEMqPiQ";

    fn users() -> Users {
        let bcrypt = bcrypt::hash("right", 4).unwrap();
        Users::parse(&format!("# people\n\nada:{bcrypt}\n")).unwrap()
    }

    #[test]
    fn a_password_is_right_for_its_user_only() {
        let users = users();
        for (user, password, right) in [
            ("ada", "right", true),
            ("ada", "wrong", false),
            ("ada", "", false),
            ("bob", "right", false),
            ("", "right", false),
        ] {
            assert_eq!(users.verify(user, password), right, "{user}:{password}");
        }
    }

    #[test]
    fn what_bcrypt_does_not_see_is_not_taken_for_right() {
        let long = "x".repeat(72);
        let hash = bcrypt::hash(&long, 4).unwrap();
        assert!(verify(&hash, &long) && !verify(&hash, &format!("{long}y")));
    }

    #[test]
    fn files_are_checked_line_by_line() {
        let bcrypt = bcrypt::hash("x", 4).unwrap();
        for (text, says) in [
            (String::new(), "no user"),
            ("ada".to_owned(), "line 1 is not user:hash"),
            ("ada:secret".to_owned(), "neither bcrypt"),
            ("ada:$apr1$x$y".to_owned(), "neither bcrypt"),
            ("ada:$2y$10$x".to_owned(), "no bcrypt hash"),
            (format!("ada:{}", bcrypt.replace("$04$", "$20$")), "cost 20"),
            ("ada:$argon2id$x".to_owned(), "no Argon2 hash"),
            (
                format!("ada:{}", ARGON2.replace("m=16", "m=999999")),
                "256 MiB",
            ),
            (
                format!("ada:{bcrypt}\nada:{bcrypt}"),
                "line 2: `ada` stands there twice",
            ),
        ] {
            let why = Users::parse(&text).map(|_| ()).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
            assert!(!why.contains("secret"), "{why}");
        }
        assert!(Users::parse(&format!("ada:{ARGON2}")).is_ok());
    }
}
