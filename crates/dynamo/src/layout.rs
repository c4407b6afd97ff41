//! How facts about keys stand in the table. README.md describes it for operators.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tidegate_identity::{KeyId, KeyItem, KeyRecord, KeySecret};

/// The partition key: the key's public part.
pub(crate) const PK: &str = "pk";
/// The sort key: which fact.
pub(crate) const SK: &str = "sk";
/// The sort key of the record.
pub(crate) const KEY: &str = "KEY";
/// The sort key of the revocation.
pub(crate) const REVOKED: &str = "REVOKED";
/// The sort key of a further secret begins so; when it was made and the start of its digest follow.
/// Read backwards, a key's items are: its revocation, its record, its secrets from the newest.
pub(crate) const DIGEST: &str = "DIGEST#";
/// The record, or the secret, as JSON.
pub(crate) const RECORD: &str = "record";
/// When, in seconds since the Unix epoch.
pub(crate) const AT: &str = "at";
/// Stands in revocations only, so that the index holds nothing else.
pub(crate) const LOG: &str = "log";
/// The one value of [`LOG`].
pub(crate) const LOG_REVOKED: &str = "revoked";
/// The index of revocations by time.
pub(crate) const INDEX: &str = "revoked-at";
/// When DynamoDB may delete the item.
pub(crate) const TTL: &str = "ttl";
/// How long a record outlives its key, so that lists still show it as expired.
const KEPT_AFTER_EXPIRY_SECS: u64 = 30 * 86_400;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// A fact as an item.
pub(crate) fn to_item(fact: &KeyItem) -> Result<Item, serde_json::Error> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: u64| AttributeValue::N(number.to_string());
    let mut item = Item::from([(PK.to_owned(), text(fact.kid().as_str()))]);
    match fact {
        KeyItem::Created(record) => {
            item.insert(SK.to_owned(), text(KEY));
            item.insert(
                RECORD.to_owned(),
                AttributeValue::S(serde_json::to_string(record)?),
            );
            if let Some(at) = record.expires_unix_secs {
                let ttl = at.saturating_add(KEPT_AFTER_EXPIRY_SECS);
                item.insert(TTL.to_owned(), number(ttl));
            }
        }
        KeyItem::Secret(secret) => {
            let made = secret.made_unix_secs;
            let digest: String = secret.digest[..8]
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            let name = format!("{DIGEST}{made:020}#{digest}");
            item.insert(SK.to_owned(), AttributeValue::S(name));
            let json = serde_json::to_string(secret)?;
            item.insert(RECORD.to_owned(), AttributeValue::S(json));
        }
        KeyItem::Revoked { at_unix_secs, .. } => {
            item.insert(SK.to_owned(), text(REVOKED));
            item.insert(LOG.to_owned(), text(LOG_REVOKED));
            item.insert(AT.to_owned(), number(*at_unix_secs));
        }
    }
    Ok(item)
}

/// What an item says; `None` if it is not ours or damaged. A revocation without a readable time
/// still revokes.
pub(crate) fn fact(
    pk: Option<&str>,
    sk: Option<&str>,
    record: Option<&str>,
    at: Option<&str>,
) -> Option<KeyItem> {
    let kid: KeyId = pk?.parse().ok()?;
    match sk? {
        KEY => {
            let record: KeyRecord = serde_json::from_str(record?).ok()?;
            (record.kid == kid).then_some(KeyItem::Created(record))
        }
        REVOKED => Some(KeyItem::Revoked {
            kid,
            at_unix_secs: at.and_then(|at| at.parse().ok()).unwrap_or(0),
        }),
        sk if sk.starts_with(DIGEST) => {
            let secret: KeySecret = serde_json::from_str(record?).ok()?;
            (secret.kid == kid).then_some(KeyItem::Secret(secret))
        }
        _ => None,
    }
}

/// What an item of the table says.
pub(crate) fn from_item(item: &Item) -> Option<KeyItem> {
    let text = |name: &str| item.get(name)?.as_s().ok().map(String::as_str);
    let at = item.get(AT).and_then(|at| at.as_n().ok());
    fact(text(PK), text(SK), text(RECORD), at.map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> KeyRecord {
        KeyRecord {
            plan: Some("gold".to_owned()),
            expires_unix_secs: Some(9),
            ..KeyRecord::new("abcdefghij".parse().unwrap(), [7; 32], "acme", 5)
        }
    }

    #[test]
    fn facts_survive_the_way_through_the_table() {
        let facts = [
            KeyItem::Created(record()),
            KeyItem::Revoked {
                kid: record().kid,
                at_unix_secs: 8,
            },
            KeyItem::Secret(KeySecret {
                made_unix_secs: 7,
                digest: [8; 32],
                kid: record().kid,
                previous_until_unix_secs: 9,
            }),
        ];
        for fact in facts {
            assert_eq!(from_item(&to_item(&fact).unwrap()), Some(fact));
        }
    }

    #[test]
    fn a_record_and_its_revocation_are_two_items_so_that_neither_overwrites_the_other() {
        let created = to_item(&KeyItem::Created(record())).unwrap();
        let revoked = to_item(&KeyItem::Revoked {
            kid: record().kid,
            at_unix_secs: 8,
        })
        .unwrap();
        assert_eq!(created[PK], revoked[PK]);
        assert_ne!(created[SK], revoked[SK]);
        assert!(
            !created.contains_key(LOG),
            "the index holds revocations only"
        );
        assert!(!revoked.contains_key(TTL), "a revocation is never deleted");
    }

    #[test]
    fn a_damaged_revocation_still_revokes_and_a_damaged_record_is_none() {
        let kid = "abcdefghij";
        assert!(fact(Some(kid), Some(REVOKED), None, Some("x")).is_some());
        assert_eq!(fact(Some(kid), Some(KEY), Some("{}"), None), None);
        assert_eq!(fact(Some("other"), Some(REVOKED), None, None), None);
        let json = serde_json::to_string(&record()).unwrap();
        assert_eq!(
            fact(Some("bbbbbbbbbb"), Some(KEY), Some(&json), None),
            None,
            "a record under another key's name"
        );
    }
}
