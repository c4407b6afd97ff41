//! How facts about keys stand in the table. README.md describes it for operators.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tidegate_identity::{KeyId, KeyItem, KeyRecord};

/// The partition key: the key's public part.
pub(crate) const PK: &str = "pk";
/// The sort key: which fact.
pub(crate) const SK: &str = "sk";
/// The sort key of the record.
pub(crate) const KEY: &str = "KEY";
/// The sort key of the revocation.
pub(crate) const REVOKED: &str = "REVOKED";
/// The record as JSON.
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
            kid: "abcdefghij".parse().unwrap(),
            digest: [7; 32],
            consumer: "acme".to_owned(),
            plan: Some("gold".to_owned()),
            created_unix_secs: 5,
            expires_unix_secs: Some(9),
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
