//! CloudWatch Logs, by its JSON API with signatures of version 4.
//!
//! AWS's own client for it would be built for three calls; what signs, and what finds credentials,
//! is used as it is.

use std::time::{Duration, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Uri};
use serde_json::{Value, json};
use tidegate_model::Wall;
use tidegate_tokens::Connector;

use crate::batch::Batch;
use crate::client::HttpClient;
use crate::failure::Failure;
use crate::shipper::Taken;

/// What AWS adds to each event when it counts bytes, and how long one is at most with it.
const EVENT_BYTES: usize = 26;
const EVENT_MAX: usize = 256 * 1_024;
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");

/// CloudWatch Logs.
#[derive(Debug)]
pub struct Cloudwatch {
    client: HttpClient,
    region: String,
    credentials: SharedCredentialsProvider,
    group: String,
    stream: String,
    /// Whether group and stream are made if they are not there.
    create: bool,
    timeout: Duration,
}

impl Cloudwatch {
    /// Finds out, by AWS's usual settings, where it is and who speaks. Nothing is connected yet.
    ///
    /// # Errors
    /// A sentence, if no region or nobody to speak for is known.
    pub async fn open(
        connector: Connector,
        (group, stream, create): (String, String, bool),
        region: Option<String>,
        endpoint: Option<String>,
        timeout: Duration,
    ) -> Result<Self, String> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        let config = loader.load().await;
        let region = config.region().map(ToString::to_string);
        let region = region.ok_or("no region of AWS is known: write `region`")?;
        let credentials = config.credentials_provider();
        let credentials = credentials.ok_or("no credentials for AWS are known")?;
        let endpoint = endpoint
            .or_else(|| config.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| usual_endpoint(&region));
        let url: Uri = endpoint
            .parse()
            .map_err(|_| format!("{endpoint} is not a URL"))?;
        Ok(Self {
            client: HttpClient::new(connector, url),
            region,
            credentials,
            group,
            stream,
            create,
            timeout,
        })
    }

    pub(crate) const fn cost(line: &[u8]) -> Option<usize> {
        let cost = line.len() + EVENT_BYTES;
        if cost <= EVENT_MAX { Some(cost) } else { None }
    }

    pub(crate) async fn send(&self, batch: &Batch) -> Result<Taken, Failure> {
        let events = events(batch);
        let body = json!({
            "logGroupName": self.group, "logStreamName": self.stream, "logEvents": events,
        });
        let mut answer = self.call("PutLogEvents", &body).await;
        if self.create
            && let Err(refused) = &answer
            && refused.is("ResourceNotFoundException")
        {
            self.make().await?;
            answer = self.call("PutLogEvents", &body).await;
        }
        match answer {
            Ok(answer) => Ok(taken(&answer, batch.count())),
            // AWS has this very batch already: an answer of its was lost.
            Err(refused) if refused.is("DataAlreadyAcceptedException") => Ok(Taken::default()),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Makes the group and the stream. Another node may be faster.
    async fn make(&self) -> Result<(), Failure> {
        let group = json!({ "logGroupName": self.group });
        let stream = json!({ "logGroupName": self.group, "logStreamName": self.stream });
        for (action, body) in [("CreateLogGroup", group), ("CreateLogStream", stream)] {
            match self.call(action, &body).await {
                Err(refused) if !refused.is("ResourceAlreadyExistsException") => {
                    return Err(refused.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn call(&self, action: &str, body: &Value) -> Result<Value, Refused> {
        let body = Bytes::from(body.to_string());
        let fields = self.signed(action, &body).await?;
        let answer = self.client.post(&fields, body, self.timeout).await?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return Ok(value);
        }
        let kind = value["__type"].as_str().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default().to_owned();
        let mut failure = Failure::status(answer.status, answer.after);
        if !kind.is_empty() {
            failure.why = format!("{action}: {kind}");
        }
        failure.passing |= matches!(
            kind.as_str(),
            "ThrottlingException" | "ServiceUnavailableException" | "ExpiredTokenException"
        );
        Err(Refused { kind, failure })
    }

    async fn signed(&self, action: &str, body: &[u8]) -> Result<HeaderMap, Failure> {
        let credentials = self.credentials.provide_credentials();
        let credentials = tokio::time::timeout(self.timeout, credentials).await;
        let credentials = credentials.map_err(|_| Failure::timeout(self.timeout))?;
        let identity = credentials.map_err(|error| Failure {
            passing: true,
            ..Failure::refused(format!("no credentials for AWS: {error}"))
        })?;
        let identity = identity.into();
        let wall = self.client.now();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("logs")
            .time(UNIX_EPOCH + Duration::from_micros(wall.unix_micros()))
            .settings(SigningSettings::default())
            .build()
            .map_err(Failure::refused)?
            .into();
        let mut request = Request::post(self.client.url().clone())
            .body(())
            .map_err(Failure::refused)?;
        let fields = request.headers_mut();
        *fields = self.client.fields();
        fields.insert(CONTENT_TYPE, MEDIA_TYPE);
        let target = HeaderValue::from_str(&format!("Logs_20140328.{action}"));
        fields.insert("x-amz-target", target.map_err(Failure::refused)?);
        let texts = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let url = self.client.url().to_string();
        let signable = SignableRequest::new("POST", url, texts, SignableBody::Bytes(body));
        let signature = sign(signable.map_err(Failure::refused)?, &params);
        let (instructions, _) = signature.map_err(Failure::refused)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(std::mem::take(request.headers_mut()))
    }
}

/// AWS's word, by its name.
struct Refused {
    kind: String,
    failure: Failure,
}

impl Refused {
    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            kind: String::new(),
            failure,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        refused.failure
    }
}

fn usual_endpoint(region: &str) -> String {
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://logs.{region}.amazonaws.com{china}")
}

/// By time, as AWS wants them: requests end in another order than they came.
fn events(batch: &Batch) -> Vec<Value> {
    let mut lines: Vec<_> = batch.each().collect();
    lines.sort_by_key(|(_, at)| *at);
    let event =
        |(line, at): (&str, Wall)| json!({ "timestamp": at.unix_millis(), "message": line });
    lines.into_iter().map(event).collect()
}

/// What of a batch was too old, expired or too new: AWS tells by places in it.
fn taken(answer: &Value, count: u64) -> Taken {
    let info = &answer["rejectedLogEventsInfo"];
    let place = |name: &str| info[name].as_u64();
    let old = place("tooOldLogEventEndIndex").max(place("expiredLogEventEndIndex"));
    let new = place("tooNewLogEventStartIndex");
    let new = new.map_or(0, |start| count.saturating_sub(start));
    Taken {
        lost: old.unwrap_or_default() + new,
        why: Some(Failure::refused("lines are too old or too new for it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;

    #[test]
    fn what_was_rejected_is_counted_from_both_ends() {
        let info = |old: Value, expired: Value, new: Value| {
            let info = json!({ "rejectedLogEventsInfo": {
                "tooOldLogEventEndIndex": old, "expiredLogEventEndIndex": expired,
                "tooNewLogEventStartIndex": new } });
            taken(&info, 10).lost
        };
        assert_eq!(info(Value::Null, Value::Null, Value::Null), 0);
        assert_eq!(info(json!(2), json!(3), json!(9)), 4);
        assert_eq!(info(Value::Null, Value::Null, json!(0)), 10);
        assert_eq!(taken(&Value::Null, 10).lost, 0);
    }

    #[test]
    fn an_event_is_a_line_and_when_its_request_came() {
        let events = events(&batch(&["a", "b"]));
        assert_eq!(
            events[1],
            json!({ "timestamp": 1_795_357_987_000_u64, "message": "b" })
        );
    }

    #[test]
    fn a_line_longer_than_an_event_goes_nowhere() {
        assert_eq!(Cloudwatch::cost(&[b'a'; 100]), Some(126));
        assert_eq!(Cloudwatch::cost(&vec![b'a'; EVENT_MAX]), None);
    }
}
