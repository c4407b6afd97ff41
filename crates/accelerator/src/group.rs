//! An endpoint group: one region of an accelerator.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_globalaccelerator::Client;
use aws_sdk_globalaccelerator::types::{
    EndpointConfiguration, EndpointDescription, EndpointGroup, HealthState,
};
use tidegate_anycast::Wanted;

use crate::Trouble;

/// Where the API of Global Accelerator lives, for all regions of the world.
const API_REGION: &str = "us-west-2";
/// To connect, for one attempt, and for all attempts of a call.
const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(4);
const TOTAL: Duration = Duration::from_secs(8);
/// What a group weighs an endpoint with that was given no weight.
const WEIGHT_DEFAULT: u8 = 128;

/// Which group, and how to reach its API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupAccess {
    /// The group's ARN.
    pub arn: String,
    /// Where the API is; AWS's own if left out.
    pub api: Option<String>,
}

/// Weights of an endpoint within its group, 0 to 255.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weights {
    /// As usual.
    pub usual: u8,
    /// As the second choice.
    pub second: u8,
}

impl Weights {
    pub(crate) const fn of(self, wanted: Wanted) -> u8 {
        match wanted {
            Wanted::Announced => self.usual,
            // Connections that there are stay where they are; new ones go elsewhere.
            Wanted::Reduced | Wanted::Graceful => self.second,
            Wanted::Withdrawn => 0,
        }
    }
}

/// A connection to the API, for one group.
#[derive(Debug)]
pub(crate) struct Group {
    client: Client,
    arn: String,
}

/// A group as it was seen.
#[derive(Debug)]
pub(crate) struct Seen(EndpointGroup);

/// One endpoint of it.
#[derive(Debug)]
pub(crate) struct Endpoint<'g> {
    pub(crate) weight: u8,
    description: &'g EndpointDescription,
}

impl Group {
    /// Credentials come from the usual chain: environment, profile, web identity, container,
    /// instance.
    pub(crate) async fn open(access: &GroupAccess) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(TOTAL)
            .build();
        // Whoever holds the weight asks again by itself.
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(API_REGION))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::disabled());
        if let Some(api) = &access.api {
            loader = loader.endpoint_url(api);
        }
        Self {
            client: Client::new(&loader.load().await),
            arn: access.arn.clone(),
        }
    }

    pub(crate) async fn look(&self) -> Result<Seen, Trouble> {
        let asked = self
            .client
            .describe_endpoint_group()
            .endpoint_group_arn(&self.arn)
            .send()
            .await
            .map_err(Trouble::of)?;
        asked.endpoint_group.map(Seen).ok_or(Trouble::NoGroup)
    }

    /// Writes the group as it was seen, with one weight changed: the API replaces the whole list.
    pub(crate) async fn set_weight(
        &self,
        seen: &Seen,
        endpoint: &str,
        weight: u8,
    ) -> Result<(), Trouble> {
        let configured = |description: &EndpointDescription| {
            let ours = description.endpoint_id.as_deref() == Some(endpoint);
            let weight = ours.then_some(i32::from(weight)).or(description.weight);
            EndpointConfiguration::builder()
                .set_endpoint_id(description.endpoint_id.clone())
                .set_weight(weight)
                .set_client_ip_preservation_enabled(description.client_ip_preservation_enabled)
                .build()
        };
        self.client
            .update_endpoint_group()
            .endpoint_group_arn(&self.arn)
            .set_endpoint_configurations(Some(seen.all().iter().map(configured).collect()))
            .send()
            .await
            .map_err(Trouble::of)?;
        Ok(())
    }
}

impl Seen {
    fn all(&self) -> &[EndpointDescription] {
        self.0.endpoint_descriptions()
    }

    pub(crate) fn endpoint(&self, id: &str) -> Result<Endpoint<'_>, Trouble> {
        let ours =
            |description: &&EndpointDescription| description.endpoint_id.as_deref() == Some(id);
        let description = self.all().iter().find(ours);
        let description = description.ok_or_else(|| Trouble::NoEndpoint(id.to_owned()))?;
        let weight = description
            .weight
            .map_or(Some(WEIGHT_DEFAULT), |weight| u8::try_from(weight).ok());
        Ok(Endpoint {
            weight: weight.unwrap_or(u8::MAX),
            description,
        })
    }

    /// Whether an endpoint that has its weight gets traffic.
    pub(crate) fn serves(&self, endpoint: Endpoint<'_>) -> Result<(), Trouble> {
        if self.0.traffic_dial_percentage == Some(0.0) {
            return Err(Trouble::DialedDown);
        }
        if endpoint.description.health_state == Some(HealthState::Unhealthy) {
            let reason = endpoint.description.health_reason.clone();
            return Err(Trouble::Unhealthy(reason.unwrap_or_default()));
        }
        Ok(())
    }
}
