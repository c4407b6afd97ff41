//! Whether a table will do as a store of keys, before a node needs it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::layout::{INDEX, PK, SK};
use crate::{Table, Trouble, clock};

/// Keeps what an answer says of the time.
#[derive(Clone, Debug, Default)]
struct Dated(Arc<Mutex<Option<i64>>>);

impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "Dated"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let ahead = clock::ahead_secs(context.response().headers().get("date"));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
        Ok(())
    }
}

impl Table {
    /// Whether the table can be read, has what nodes follow, and agrees about the time.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn probe(&self) -> Result<(), Trouble> {
        let dated = Dated::default();
        self.client
            .get_item()
            .table_name(&self.name)
            .key(PK, AttributeValue::S("probe".to_owned()))
            .key(SK, AttributeValue::S("probe".to_owned()))
            .customize()
            .interceptor(dated.clone())
            .send()
            .await
            .map_err(Trouble::of)?;
        let ahead = *dated.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.is_some_and(|secs| secs.abs() > clock::SKEW_MAX_SECS) {
            return Err(Trouble::Clock(clock::sentence(ahead)));
        }
        let described = self.client.describe_table().table_name(&self.name).send();
        let table = described.await.map_err(Trouble::of)?.table;
        let table = table.ok_or(Trouble::NoTable)?;
        if table.latest_stream_arn().is_none() {
            return Err(Trouble::Lacks("stream with NEW_AND_OLD_IMAGES"));
        }
        let mut indexes = table.global_secondary_indexes().iter();
        if !indexes.any(|index| index.index_name() == Some(INDEX)) {
            return Err(Trouble::Lacks("index `revoked-at`"));
        }
        Ok(())
    }
}
