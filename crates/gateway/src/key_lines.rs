//! Keys in bulk: one line a key, as it is exported and imported.
//!
//! A line with `kid` and `digest` brings a key back as it was. A line without them asks for a new
//! key.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tidegate_identity::{KeyId, KeyItem, KeyRecord};
use tidegate_keystore::Stored;
use tidegate_model::{Prefix, Secret, Wall};

use crate::key_record::{NewKey, fits, mint};
use crate::keys::{KeyError, Keys};

/// Lines that a node takes at a time.
pub(crate) const LINES_MAX: usize = 100;

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Line {
    /// A key as it was. Its digest means nothing without the pepper.
    Known(KnownKey),
    /// A new key.
    New(NewKey),
}

impl Line {
    /// Who holds the key.
    pub(crate) fn consumer(&self) -> &str {
        match self {
            Self::Known(known) => &known.record.consumer,
            Self::New(new) => &new.consumer,
        }
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // One of the two is tried, so that what is wrong with it is told.
        let line = serde_json::Value::deserialize(deserializer)?;
        let is_known = line.get("kid").is_some() || line.get("digest").is_some();
        let line = match is_known {
            true => serde_json::from_value(line).map(Self::Known),
            false => serde_json::from_value(line).map(Self::New),
        };
        line.map_err(D::Error::custom)
    }
}

/// A key as it was, and whether it was revoked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct KnownKey {
    #[serde(flatten)]
    pub(crate) record: KeyRecord,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) revoked: bool,
}

/// What came of a line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Imported {
    /// It is there; the key is shown if it is new.
    Taken {
        kid: KeyId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// It is not, in a sentence.
    Refused(String),
}

impl From<Stored> for KnownKey {
    fn from(stored: Stored) -> Self {
        Self {
            record: (*stored.record).clone(),
            revoked: stored.revoked,
        }
    }
}

/// A line as facts, and the key if it is new.
fn facts(
    line: Line,
    keys: &Keys,
    env: &str,
    has_plan: &dyn Fn(&str) -> bool,
    now: Wall,
) -> Result<(Vec<KeyItem>, Option<Secret>), KeyError> {
    let (record, revoked, text) = match line {
        Line::New(new) => {
            let (record, text) = mint(new, env, keys.pepper(), now)?;
            (record, false, Some(text))
        }
        Line::Known(known) => {
            wish_of(&known.record).check(now)?;
            fits(&known.record)?;
            (known.record, known.revoked, None)
        }
    };
    if let Some(plan) = record.plan.as_deref().filter(|plan| !has_plan(plan)) {
        let sentence = format!("there is no plan `{}` in world.yaml", plan.escape_debug());
        return Err(KeyError::Wrong(sentence));
    }
    let kid = record.kid;
    let revocation = revoked.then(|| KeyItem::Revoked {
        kid,
        at_unix_secs: now.unix_secs(),
    });
    // The revocation first: at no time is the key open.
    let facts = revocation.into_iter().chain([KeyItem::Created(record)]);
    Ok((facts.collect(), text))
}

/// What one would ask for to get such a record.
fn wish_of(record: &KeyRecord) -> NewKey {
    NewKey {
        consumer: record.consumer.clone(),
        plan: record.plan.clone(),
        scopes: record.scopes.clone(),
        roles: record.roles.clone(),
        allowed_cidrs: record.allowed_cidrs.clone(),
        metadata: record.metadata.clone(),
        not_before_unix_secs: record.not_before_unix_secs,
        expires_unix_secs: record.expires_unix_secs,
        expires_in_secs: None,
    }
}

/// Takes lines in. Says of each what came of it.
pub(crate) async fn import(
    lines: Vec<Line>,
    keys: &Keys,
    env: &str,
    has_plan: &(dyn Fn(&str) -> bool + Sync),
    now: Wall,
) -> Result<Vec<Imported>, KeyError> {
    let (mut came, mut all) = (Vec::new(), Vec::new());
    for line in lines {
        came.push(match facts(line, keys, env, has_plan, now) {
            Ok((facts, text)) => {
                let kid = facts[0].kid();
                all.extend(facts);
                let key = text.map(|text| text.reveal().to_owned());
                Imported::Taken { kid, key }
            }
            Err(error) => Imported::Refused(error.to_string()),
        });
    }
    let refused: BTreeMap<KeyId, String> = keys.add_all(all).await?;
    for one in &mut came {
        if let Imported::Taken { kid, .. } = one
            && let Some(why) = refused.get(kid)
        {
            *one = Imported::Refused(why.clone());
        }
    }
    Ok(came)
}

/// A line of CSV by column: empty columns count as left out.
pub(crate) fn from_columns(columns: &BTreeMap<String, String>, now: Wall) -> Result<Line, String> {
    let get = |name: &str| {
        columns
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    };
    let words = |name: &str| {
        let text = get(name).unwrap_or_default();
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let time = |name: &str| {
        let moment = get(name).map(|text| moment(text, now));
        moment.transpose().map_err(|why| format!("{name}: {why}"))
    };
    let cidrs = words("allowed_cidrs")
        .iter()
        .map(|text| text.parse::<Prefix>())
        .collect::<Result<_, _>>()?;
    let pair = |text: &str| {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("metadata: `{}` is no name=value", text.escape_debug()))?;
        Ok::<_, String>((name.trim().to_owned(), value.trim().to_owned()))
    };
    let noted = get("metadata")
        .unwrap_or_default()
        .split(';')
        .filter(|text| !text.trim().is_empty());
    let new = NewKey {
        consumer: get("consumer").unwrap_or_default().to_owned(),
        plan: get("plan").map(str::to_owned),
        scopes: words("scopes"),
        roles: words("roles"),
        allowed_cidrs: cidrs,
        metadata: noted.map(pair).collect::<Result<_, _>>()?,
        not_before_unix_secs: time("not_before")?,
        expires_unix_secs: time("expires")?,
        expires_in_secs: None,
    };
    match (get("kid"), get("digest")) {
        (None, None) => Ok(Line::New(new)),
        (Some(kid), Some(digest)) => {
            let created = time("created")?.unwrap_or_else(|| now.unix_secs());
            let mut line = serde_json::to_value(&new).map_err(|error| error.to_string())?;
            line["kid"] = kid.into();
            line["digest"] = digest.into();
            line["created_unix_secs"] = created.into();
            line["revoked"] = match get("revoked") {
                None | Some("false") => false.into(),
                Some("true") => true.into(),
                Some(_) => return Err("revoked: write true or false".to_owned()),
            };
            serde_json::from_value(line)
                .map(Line::Known)
                .map_err(|error| error.to_string())
        }
        _ => Err("a key that is brought back has both kid and digest".to_owned()),
    }
}

/// A time, or a duration from now.
pub(crate) fn moment(text: &str, now: Wall) -> Result<u64, String> {
    if let Ok(period) = text.parse::<tidegate_model::Period>() {
        return Ok((now + period.get()).unix_secs());
    }
    let time = text.parse::<Wall>();
    time.map(Wall::unix_secs)
        .map_err(|error| format!("{error}, or from now, like 90d"))
}

/// The columns of CSV, in order.
pub(crate) const COLUMNS: [&str; 12] = [
    "kid",
    "digest",
    "consumer",
    "plan",
    "scopes",
    "roles",
    "allowed_cidrs",
    "metadata",
    "created",
    "not_before",
    "expires",
    "revoked",
];

/// A key by column. `None` if columns cannot hold it: a secret that is on its way out, or metadata
/// with separators in them.
pub(crate) fn to_columns(key: &KnownKey) -> Option<[String; 12]> {
    let record = &key.record;
    let time = |secs: u64| Wall::from_unix_secs(secs).to_string();
    let separated =
        |(name, value): (&String, &String)| name.contains(['=', ';']) || value.contains(';');
    if record.retiring.is_some() || record.metadata.iter().any(separated) {
        return None;
    }
    let cidrs: Vec<String> = record
        .allowed_cidrs
        .iter()
        .map(ToString::to_string)
        .collect();
    let noted: Vec<String> = record
        .metadata
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let digest: String = record.digest.iter().map(|b| format!("{b:02x}")).collect();
    Some([
        record.kid.to_string(),
        digest,
        record.consumer.clone(),
        record.plan.clone().unwrap_or_default(),
        record.scopes.join(" "),
        record.roles.join(" "),
        cidrs.join(" "),
        noted.join(";"),
        time(record.created_unix_secs),
        record.not_before_unix_secs.map(time).unwrap_or_default(),
        record.expires_unix_secs.map(time).unwrap_or_default(),
        key.revoked.to_string(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Wall {
        Wall::from_unix_secs(1_795_000_000)
    }

    fn known() -> KnownKey {
        let mut record = KeyRecord::new("abcdefghij".parse().unwrap(), [7; 32], "acme, \"inc\"", 5);
        record.scopes = vec!["read".to_owned(), "write".to_owned()];
        record.roles = vec!["ops".to_owned()];
        record.allowed_cidrs = vec!["10.0.0.0/8".parse().unwrap()];
        record.metadata = BTreeMap::from([("team".to_owned(), "a=b".to_owned())]);
        record.expires_unix_secs = Some(1_800_000_000);
        KnownKey {
            record,
            revoked: true,
        }
    }

    fn by_column(values: &[String]) -> BTreeMap<String, String> {
        COLUMNS
            .iter()
            .map(|name| (*name).to_owned())
            .zip(values.iter().cloned())
            .collect()
    }

    #[test]
    fn a_key_comes_back_as_it_was_from_json_and_from_columns() {
        let json = serde_json::to_string(&known()).unwrap();
        assert_eq!(
            serde_json::from_str::<Line>(&json).unwrap(),
            Line::Known(known())
        );
        let columns = by_column(&to_columns(&known()).unwrap());
        assert_eq!(from_columns(&columns, now()), Ok(Line::Known(known())));
    }

    #[test]
    fn what_columns_cannot_hold_is_not_cut() {
        let mut key = known();
        key.record.metadata.insert("a".to_owned(), "x;y".to_owned());
        assert_eq!(to_columns(&key), None);
    }

    #[test]
    fn a_line_without_a_digest_asks_for_a_new_key() {
        let line: Line = serde_json::from_str(r#"{"consumer":"acme","scopes":["a"]}"#).unwrap();
        assert!(matches!(line, Line::New(new) if new.scopes == ["a"]));
        let columns = BTreeMap::from([
            ("consumer".to_owned(), "acme".to_owned()),
            ("expires".to_owned(), "1d".to_owned()),
            ("plan".to_owned(), String::new()),
        ]);
        let Ok(Line::New(new)) = from_columns(&columns, now()) else {
            panic!("a new key");
        };
        assert_eq!(
            (new.plan, new.expires_unix_secs),
            (None, Some(1_795_086_400))
        );
        let mut half = columns;
        half.insert("kid".to_owned(), "abcdefghij".to_owned());
        assert!(from_columns(&half, now()).unwrap_err().contains("both"));
    }
}
