//! Records of keys as operators ask for them and see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_identity::{KeyId, KeyRecord, KeySecret, KeyText, Minted, Pepper};
use tidegate_keystore::Stored;
use tidegate_model::{Prefix, Secret, Wall};

use crate::keys::KeyError;

/// Names of consumers, plans, scopes and roles, and names in metadata.
const NAME_LEN_MAX: usize = 128;
/// Values in metadata.
const VALUE_LEN_MAX: usize = 256;
/// Scopes, roles, address blocks, and entries of metadata, each.
const PARTS_MAX: usize = 32;
/// A whole record as JSON: it must fit into an entry of the ledger, which holds 4 KiB.
const RECORD_LEN_MAX: usize = 3_584;

/// What is asked for when a key is made. Times are in seconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    pub(crate) consumer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_cidrs: Vec<Prefix>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_before_unix_secs: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_unix_secs: Option<u64>,
    /// From now, in place of `expires_unix_secs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in_secs: Option<u64>,
}

/// A key as it is listed: nothing that opens anything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ListedKey {
    pub(crate) kid: KeyId,
    pub(crate) consumer: String,
    pub(crate) plan: Option<String>,
    pub(crate) state: KeyState,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    pub(crate) allowed_cidrs: Vec<Prefix>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) created_unix_secs: u64,
    #[serde(default)]
    pub(crate) not_before_unix_secs: Option<u64>,
    pub(crate) expires_unix_secs: Option<u64>,
    /// Until when the secret before the newest still opens it.
    #[serde(default)]
    pub(crate) old_secret_until_unix_secs: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyState {
    Active,
    NotYet,
    Revoked,
    Expired,
}

impl KeyState {
    /// For tables.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::NotYet => "not yet",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

fn wrong(sentence: String) -> KeyError {
    KeyError::Wrong(sentence)
}

/// Whether a text can stand in a line of a log or a table.
fn plain(text: &str, len_max: usize) -> bool {
    !text.is_empty() && text.len() <= len_max && !text.contains(char::is_control)
}

impl NewKey {
    pub(crate) fn check(&self, now: Wall) -> Result<(), KeyError> {
        let named = |name: &str| plain(name, NAME_LEN_MAX);
        if !named(&self.consumer) || !self.plan.as_deref().is_none_or(named) {
            return Err(wrong(format!(
                "a consumer and a plan have 1 to {NAME_LEN_MAX} plain characters"
            )));
        }
        // As RFC 6749 section 3.3 has it: scopes stand side by side, with spaces between. So do
        // roles.
        let word =
            |word: &String| named(word) && !word.contains([' ', '"', '\\']) && word.is_ascii();
        let mut words = self.scopes.iter().chain(&self.roles);
        if let Some(bad) = words.find(|text| !word(text)) {
            return Err(wrong(format!(
                "`{}` is no scope or role: it has 1 to {NAME_LEN_MAX} characters of ASCII without space, quote and backslash",
                bad.escape_default()
            )));
        }
        let noted = |(name, value): (&String, &String)| named(name) && plain(value, VALUE_LEN_MAX);
        if !self.metadata.iter().all(noted) {
            return Err(wrong(format!(
                "metadata have names of 1 to {NAME_LEN_MAX} and values of 1 to {VALUE_LEN_MAX} plain characters"
            )));
        }
        let most = [
            self.scopes.len(),
            self.roles.len(),
            self.allowed_cidrs.len(),
            self.metadata.len(),
        ];
        if most.iter().any(|len| *len > PARTS_MAX) {
            return Err(wrong(format!(
                "a key has at most {PARTS_MAX} scopes, roles, address blocks and entries of metadata each"
            )));
        }
        self.check_times(now)
    }

    fn check_times(&self, now: Wall) -> Result<(), KeyError> {
        if self.expires_in_secs.is_some() && self.expires_unix_secs.is_some() {
            return Err(wrong(
                "a key ends once: write expires_in_secs or expires_unix_secs".to_owned(),
            ));
        }
        match (self.not_before_unix_secs, self.ends(now)) {
            (Some(begins), Some(ends)) if begins >= ends => {
                Err(wrong("a key ends after it begins".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn ends(&self, now: Wall) -> Option<u64> {
        let from_now = self.expires_in_secs;
        let from_now = from_now.map(|secs| now.unix_secs().saturating_add(secs));
        from_now.or(self.expires_unix_secs)
    }
}

/// A new record and the key that opens it.
pub(crate) fn mint(
    new: NewKey,
    env: &str,
    pepper: &Pepper,
    now: Wall,
) -> Result<(KeyRecord, Secret), KeyError> {
    new.check(now)?;
    let Minted { kid, text } = Minted::new(env, &mut tidegate_runtime::fill);
    let key = KeyText::parse(text.reveal()).expect("a key that was just made");
    let expires_unix_secs = new.ends(now);
    let record = KeyRecord {
        kid,
        digest: pepper.digest(&key),
        retiring: None,
        consumer: new.consumer,
        plan: new.plan,
        scopes: new.scopes,
        roles: new.roles,
        allowed_cidrs: new.allowed_cidrs,
        metadata: new.metadata,
        created_unix_secs: now.unix_secs(),
        not_before_unix_secs: new.not_before_unix_secs,
        expires_unix_secs,
    };
    fits(&record)?;
    Ok((record, text))
}

/// Whether a record fits wherever it must be kept.
pub(crate) fn fits(record: &KeyRecord) -> Result<(), KeyError> {
    let len = serde_json::to_vec(record).map_or(usize::MAX, |json| json.len());
    if len > RECORD_LEN_MAX {
        return Err(wrong(format!(
            "what is written about the key has {len} bytes, and {RECORD_LEN_MAX} is the most: shorten its metadata"
        )));
    }
    Ok(())
}

/// A further secret of a key, and the key with it.
pub(crate) fn rotated(
    stored: &Stored,
    overlap_secs: u64,
    env: &str,
    pepper: &Pepper,
    now: Wall,
) -> Result<(KeySecret, Secret), KeyError> {
    if stored.revoked {
        return Err(wrong("the key is revoked: make a new one".to_owned()));
    }
    let text = Minted::again(env, stored.record.kid, &mut tidegate_runtime::fill).text;
    let key = KeyText::parse(text.reveal()).expect("a key that was just made");
    let secret = KeySecret {
        made_unix_secs: stored.record.next_secret_unix_secs(now),
        digest: pepper.digest(&key),
        kid: stored.record.kid,
        previous_until_unix_secs: now.unix_secs().saturating_add(overlap_secs),
    };
    Ok((secret, text))
}

/// How a key is listed.
pub(crate) fn listed(stored: &Stored, now: Wall) -> ListedKey {
    let record = &stored.record;
    let state = if stored.revoked {
        KeyState::Revoked
    } else if record.expired(now) {
        KeyState::Expired
    } else if record.premature(now) {
        KeyState::NotYet
    } else {
        KeyState::Active
    };
    let old = record.retiring.as_ref().map(|old| old.until_unix_secs);
    ListedKey {
        kid: record.kid,
        consumer: record.consumer.clone(),
        plan: record.plan.clone(),
        state,
        scopes: record.scopes.clone(),
        roles: record.roles.clone(),
        allowed_cidrs: record.allowed_cidrs.clone(),
        metadata: record.metadata.clone(),
        created_unix_secs: record.created_unix_secs,
        not_before_unix_secs: record.not_before_unix_secs,
        expires_unix_secs: record.expires_unix_secs,
        old_secret_until_unix_secs: old.filter(|until| now.unix_secs() < *until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minted(new: NewKey) -> Result<KeyRecord, String> {
        let pepper = Pepper::new(vec![7; 32]).unwrap();
        match mint(new, "test", &pepper, Wall::from_unix_secs(1_000)) {
            Ok((record, _)) => Ok(record),
            Err(KeyError::Wrong(sentence)) => Err(sentence),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn new() -> NewKey {
        NewKey {
            consumer: "acme".to_owned(),
            ..NewKey::default()
        }
    }

    #[test]
    fn what_cannot_be_kept_or_meant_is_refused_in_a_sentence() {
        let many: Vec<String> = (0..33).map(|n| format!("s{n}")).collect();
        let notes = |n: usize| (0..n).map(|n| (format!("n{n}"), "x".repeat(200))).collect();
        for (says, key) in [
            ("a consumer", NewKey::default()),
            (
                "is no scope",
                NewKey {
                    scopes: vec!["a b".to_owned()],
                    ..new()
                },
            ),
            (
                "at most 32",
                NewKey {
                    scopes: many,
                    ..new()
                },
            ),
            (
                "shorten its metadata",
                NewKey {
                    metadata: notes(20),
                    ..new()
                },
            ),
            (
                "ends after it begins",
                NewKey {
                    not_before_unix_secs: Some(2_000),
                    expires_in_secs: Some(1_000),
                    ..new()
                },
            ),
            (
                "ends once",
                NewKey {
                    expires_in_secs: Some(1),
                    expires_unix_secs: Some(1),
                    ..new()
                },
            ),
        ] {
            let sentence = minted(key).unwrap_err();
            assert!(sentence.contains(says), "{sentence}");
        }
        let record = minted(NewKey {
            metadata: notes(10),
            ..new()
        })
        .unwrap();
        let entry = serde_json::to_vec(&tidegate_identity::KeyItem::Created(record)).unwrap();
        assert!(
            tidegate_cluster::Entry::new(entry).is_ok(),
            "it can be told"
        );
    }

    #[test]
    fn states_follow_the_clock_and_a_revocation_is_above_all() {
        let record = minted(NewKey {
            not_before_unix_secs: Some(1_010),
            expires_unix_secs: Some(1_020),
            ..new()
        });
        let mut stored = Stored {
            record: record.unwrap().into(),
            revoked: false,
        };
        let state = |stored: &Stored, at| listed(stored, Wall::from_unix_secs(at)).state;
        let states = [1_000, 1_010, 1_020].map(|at| state(&stored, at));
        assert_eq!(
            states,
            [KeyState::NotYet, KeyState::Active, KeyState::Expired]
        );
        stored.revoked = true;
        assert_eq!(state(&stored, 1_010), KeyState::Revoked);
    }
}
