//! Makes the table: keys, the index of revocations, the stream, and replicas.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateReplicationGroupMemberAction, GlobalSecondaryIndex,
    KeySchemaElement, KeyType, Projection, ProjectionType, ReplicationGroupUpdate,
    ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus, TimeToLiveSpecification,
};

use crate::layout::{AT, INDEX, LOG, PK, SK, TTL};
use crate::{Table, Trouble};

/// How often and how long a new table is waited for: five minutes.
const WAIT: Duration = Duration::from_secs(2);
const WAITS_MAX: usize = 150;

/// What to make beside the table.
#[derive(Clone, Debug, Default)]
pub struct InitSpec {
    /// AWS regions that shall have a replica, the table's own not among them.
    pub replicas: Vec<String>,
}

fn other(error: impl std::error::Error) -> Trouble {
    Trouble::Other(error.to_string())
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, Trouble> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(kind)
        .build()
        .map_err(other)
}

fn keyed(name: &str, kind: KeyType) -> Result<KeySchemaElement, Trouble> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .map_err(other)
}

impl Table {
    /// Makes what is missing. Returns whether the table was made; one that is there is kept, and
    /// only gets the replicas that it lacks.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn init(&self, spec: &InitSpec) -> Result<bool, Trouble> {
        let made = match self.status().await {
            Ok(_) => false,
            Err(Trouble::NoTable) => {
                self.create().await?;
                true
            }
            Err(trouble) => return Err(trouble),
        };
        self.active().await?;
        if made {
            self.expire().await?;
        }
        let present = self.replicas().await?;
        for region in spec.replicas.iter().filter(|r| !present.contains(r)) {
            self.replicate(region).await?;
            self.active().await?;
        }
        Ok(made)
    }

    async fn create(&self) -> Result<(), Trouble> {
        let index = GlobalSecondaryIndex::builder()
            .index_name(INDEX)
            .key_schema(keyed(LOG, KeyType::Hash)?)
            .key_schema(keyed(AT, KeyType::Range)?)
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::KeysOnly)
                    .build(),
            )
            .build()
            .map_err(other)?;
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewAndOldImages)
            .build()
            .map_err(other)?;
        self.client
            .create_table()
            .table_name(&self.name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute(PK, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(SK, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(LOG, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(AT, ScalarAttributeType::N)?)
            .key_schema(keyed(PK, KeyType::Hash)?)
            .key_schema(keyed(SK, KeyType::Range)?)
            .global_secondary_indexes(index)
            .stream_specification(stream)
            .send()
            .await
            .map(|_| ())
            .map_err(Trouble::of)
    }

    async fn expire(&self) -> Result<(), Trouble> {
        let ttl = TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name(TTL)
            .build()
            .map_err(other)?;
        self.client
            .update_time_to_live()
            .table_name(&self.name)
            .time_to_live_specification(ttl)
            .send()
            .await
            .map(|_| ())
            .map_err(Trouble::of)
    }

    async fn replicate(&self, region: &str) -> Result<(), Trouble> {
        let action = CreateReplicationGroupMemberAction::builder()
            .region_name(region)
            .build()
            .map_err(other)?;
        self.client
            .update_table()
            .table_name(&self.name)
            .replica_updates(ReplicationGroupUpdate::builder().create(action).build())
            .send()
            .await
            .map(|_| ())
            .map_err(Trouble::of)
    }

    async fn status(&self) -> Result<TableStatus, Trouble> {
        let answer = self.client.describe_table().table_name(&self.name).send();
        let table = answer.await.map_err(Trouble::of)?.table;
        table
            .and_then(|table| table.table_status)
            .ok_or_else(|| Trouble::Other("a table without a status".to_owned()))
    }

    async fn replicas(&self) -> Result<Vec<String>, Trouble> {
        let answer = self.client.describe_table().table_name(&self.name).send();
        let table = answer.await.map_err(Trouble::of)?.table;
        let replicas = table.and_then(|table| table.replicas).unwrap_or_default();
        Ok(replicas.into_iter().filter_map(|r| r.region_name).collect())
    }

    async fn active(&self) -> Result<(), Trouble> {
        for _ in 0..WAITS_MAX {
            if self.status().await? == TableStatus::Active {
                return Ok(());
            }
            tokio::time::sleep(WAIT).await;
        }
        Err(Trouble::Other(
            "the table is not ready after five minutes; try again later".to_owned(),
        ))
    }
}
