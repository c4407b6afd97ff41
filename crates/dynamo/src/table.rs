//! The table: fetch, add, list, and the log of revocations.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, Config};
use tidegate_identity::{DynamoSpec, KeyId, KeyItem, KeyRecord, KeySecret};
use tidegate_keystore::{FetchError, KeySource, Stored};

use crate::Trouble;
use crate::layout::{AT, INDEX, Item, LOG, LOG_REVOKED, from_item, to_item};

/// Items of one key that are read: its revocation, its record and its newest secrets, of which two
/// may count.
const ITEMS_OF_A_KEY: i32 = 8;
/// Items asked for at a time.
const PAGE: i32 = 1_000;
/// Pages of a list at most: a million items.
const PAGES_MAX: usize = 1_000;

/// For one attempt of what an operator waits for, and for all attempts.
const PATIENT_ATTEMPT: Duration = Duration::from_secs(5);
const PATIENT_TOTAL: Duration = Duration::from_secs(12);

fn patient() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(PATIENT_ATTEMPT)
        .operation_attempt_timeout(PATIENT_ATTEMPT)
        .operation_timeout(PATIENT_TOTAL)
        .build()
}

/// A region's replica of the table. Cheap to clone.
#[derive(Clone)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) streams: aws_sdk_dynamodbstreams::Client,
    pub(crate) name: String,
}

/// A part of the log of revocations.
#[derive(Debug)]
pub struct RevokedPage {
    /// The revocations.
    pub items: Vec<KeyItem>,
    /// Where the next page begins; `None` if this was the last.
    pub next: Option<Cursor>,
}

/// A place in the log of revocations.
#[derive(Clone, Debug)]
pub struct Cursor(Item);

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Table {
    /// The table as the configuration names it. Credentials, and what it leaves out, come from the
    /// usual chain: environment, profile, web identity, container, instance.
    pub async fn open(spec: &DynamoSpec) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(spec.connect_timeout.get())
            .operation_attempt_timeout(spec.attempt_timeout.get())
            .operation_timeout(spec.total_timeout.get())
            .build();
        Self::open_with(spec, timeouts).await
    }

    /// As [`Table::open`], for an operator who waits: no request does.
    pub async fn open_patiently(spec: &DynamoSpec) -> Self {
        Self::open_with(spec, patient()).await
    }

    async fn open_with(spec: &DynamoSpec, timeouts: TimeoutConfig) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(spec.attempts_max.into()));
        if let Some(region) = &spec.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &spec.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let config = loader.load().await;
        Self {
            client: Client::new(&config),
            streams: aws_sdk_dynamodbstreams::Client::new(&config),
            name: spec.table.clone(),
        }
    }

    /// Adds a fact. One that is there already is left as it is. Returns whether it is new.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn add(&self, fact: &KeyItem) -> Result<bool, Trouble> {
        let item = to_item(fact).map_err(|error| Trouble::Other(error.to_string()))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match put.map_err(Trouble::of) {
            Ok(_) => Ok(true),
            Err(Trouble::Exists) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// What the table knows of a key: record, secrets and revocation come in one answer.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn get(&self, kid: KeyId) -> Result<Option<Stored>, Trouble> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :kid")
            .expression_attribute_values(":kid", AttributeValue::S(kid.to_string()))
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(ITEMS_OF_A_KEY)
            .send()
            .await
            .map_err(Trouble::of)?;
        let mut facts = Facts::default();
        for fact in answer.items().iter().filter_map(from_item) {
            facts.add(fact);
        }
        Ok(facts.stored())
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// [`Trouble`]; also if there are more than can be listed.
    pub async fn list(&self) -> Result<Vec<Stored>, Trouble> {
        let mut keys: BTreeMap<KeyId, Facts> = BTreeMap::new();
        let mut from: Option<Item> = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .client
                .scan()
                .table_name(&self.name)
                .limit(PAGE)
                .set_exclusive_start_key(from)
                .customize()
                .config_override(Config::builder().timeout_config(patient()))
                .send()
                .await
                .map_err(Trouble::of)?;
            for fact in page.items().iter().filter_map(from_item) {
                keys.entry(fact.kid()).or_default().add(fact);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                let mut keys: Vec<Stored> = keys.into_values().filter_map(Facts::stored).collect();
                keys.sort_by_key(|key| (key.record.created_unix_secs, key.record.kid));
                return Ok(keys);
            }
        }
        Err(Trouble::Other(
            "the table holds more than can be listed".to_owned(),
        ))
    }

    /// A page of revocations made at `since` (seconds since the Unix epoch) or later.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn revoked_since(
        &self,
        since_unix_secs: u64,
        from: Option<Cursor>,
    ) -> Result<RevokedPage, Trouble> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("#log = :log AND #at >= :since")
            .expression_attribute_names("#log", LOG)
            .expression_attribute_names("#at", AT)
            .expression_attribute_values(":log", AttributeValue::S(LOG_REVOKED.to_owned()))
            .expression_attribute_values(":since", AttributeValue::N(since_unix_secs.to_string()))
            .limit(PAGE)
            .set_exclusive_start_key(from.map(|cursor| cursor.0))
            .send()
            .await
            .map_err(Trouble::of)?;
        Ok(RevokedPage {
            items: answer.items().iter().filter_map(from_item).collect(),
            next: answer.last_evaluated_key.map(Cursor),
        })
    }
}

/// What was found of one key, in any order.
#[derive(Default)]
struct Facts {
    record: Option<KeyRecord>,
    secrets: Vec<KeySecret>,
    revoked: bool,
}

impl Facts {
    fn add(&mut self, fact: KeyItem) {
        match fact {
            KeyItem::Created(record) => self.record = Some(record),
            KeyItem::Secret(secret) => self.secrets.push(secret),
            KeyItem::Revoked { .. } => self.revoked = true,
        }
    }

    /// `None` if there is no record: whatever else there is tells nothing yet.
    fn stored(self) -> Option<Stored> {
        let record = self.record?.with_secrets(self.secrets);
        Some(Stored {
            record: Arc::new(record),
            revoked: self.revoked,
        })
    }
}

impl KeySource for Table {
    fn fetch(
        &self,
        kid: KeyId,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Stored>, FetchError>> + Send + '_>> {
        Box::pin(async move {
            self.get(kid)
                .await
                .map_err(|trouble| FetchError(trouble.to_string()))
        })
    }
}
