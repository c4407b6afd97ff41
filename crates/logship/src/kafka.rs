//! Kafka, by a client that is not ours: a line is a record, and all replicas in sync acknowledge
//! it.

use std::sync::Arc;
use std::time::Duration;

use krafka::Compression;
use krafka::auth::{AuthConfig, TlsConfig};
use krafka::error::KrafkaError;
use krafka::producer::{Acks, Producer, Record};
use tidegate_telemetry::DropReason;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::batch::{Batch, Limits};
use crate::failure::Failure;
use crate::shipper::Taken;

/// A record is so long at most, in bytes: brokers take 1 MiB if nobody tells them otherwise, with
/// what goes around it.
const RECORD_MAX: usize = 1_000_000;
/// What goes around each line.
const RECORD_BYTES: usize = 70;
/// While no broker can be reached, one is looked for so often.
const RECONNECT_EACH: Duration = Duration::from_millis(500);
/// Who was turned away for what does not pass, as for a wrong password, comes again after so long:
/// brokers lock out those who guess.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Records go to one partition until they are so many bytes, and then to another one.
const PARTITION_BYTES: usize = 256 * 1_024;

/// Who we are to brokers.
#[derive(Clone)]
pub enum KafkaLogin {
    /// Whom our certificate names, or anybody.
    Unnamed,
    /// SASL/PLAIN: user and password.
    Plain(String, String),
    /// SASL/SCRAM-SHA-256.
    Scram256(String, String),
    /// SASL/SCRAM-SHA-512.
    Scram512(String, String),
}

/// How brokers are told from others: PEM.
#[derive(Clone, Default)]
pub struct KafkaTls {
    /// Whose certificates are trusted, instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// Our certificate and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// How records are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KafkaCompression {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
    /// By Snappy.
    Snappy,
    /// By LZ4.
    Lz4,
}

/// A topic of a cluster of brokers, and how these are spoken to.
pub struct KafkaTarget {
    /// Brokers to begin with, as `host:port`.
    pub brokers: Vec<String>,
    /// The topic. It is not made.
    pub topic: String,
    /// How records are compressed.
    pub compression: KafkaCompression,
    /// One question to a broker takes so long at most.
    pub timeout: Duration,
    /// A line that is not acknowledged after so long is lost.
    pub delivery_timeout: Duration,
}

/// A topic of a cluster of brokers, and the connections to them.
pub struct Kafka {
    target: KafkaTarget,
    /// TLS, and who we are.
    security: AuthConfig,
    /// Bytes that the client may hold.
    memory: usize,
    link: Mutex<Link>,
}

/// What is known of the way to the brokers.
#[derive(Default)]
struct Link {
    /// Made when it is needed, and again when it is of no use any more.
    producer: Option<Arc<Producer>>,
    /// What brokers said last who would say it again, and when.
    refused: Option<(Instant, Failure)>,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kafka").finish_non_exhaustive()
    }
}

impl Kafka {
    /// Nothing is connected yet. Brokers speak TLS if there is something to say of it. `limits` are
    /// those of the batches that will come.
    #[must_use]
    pub fn new(
        target: KafkaTarget,
        tls: Option<KafkaTls>,
        login: KafkaLogin,
        limits: Limits,
    ) -> Self {
        let security = match login {
            KafkaLogin::Unnamed => AuthConfig::plaintext(),
            KafkaLogin::Plain(user, password) => AuthConfig::sasl_plain(user, password),
            KafkaLogin::Scram256(user, password) => AuthConfig::sasl_scram_sha256(user, password),
            KafkaLogin::Scram512(user, password) => AuthConfig::sasl_scram_sha512(user, password),
        };
        let security = match tls {
            Some(tls) => security.with_tls(tls_config(tls)),
            None => security,
        };
        Self {
            target,
            security,
            // A line that is longer than a batch goes alone.
            memory: limits.in_flight_max * (limits.bytes_max + RECORD_MAX),
            link: Mutex::default(),
        }
    }

    pub(crate) const fn cost(line: &[u8]) -> Option<usize> {
        let cost = line.len() + RECORD_BYTES;
        if cost <= RECORD_MAX { Some(cost) } else { None }
    }

    /// Sends a batch. What is not acknowledged in time is not sent again by anybody: the client has
    /// done that already, so that brokers could tell a second copy from a new record.
    pub(crate) async fn send(&self, batch: &Batch) -> Result<Taken, Failure> {
        let until = Instant::now() + self.target.delivery_timeout;
        let producer = self.producer(until).await?;
        let mut sent = Sent::default();
        // The client ends by itself at that time; if not, this is the bound.
        let bound = until + self.target.timeout;
        let all = tokio::time::timeout_at(bound, sent.all(&producer, &self.target, batch));
        if all.await.is_err() {
            sent.failed = Some(Failure::timeout(self.target.delivery_timeout));
        }
        if sent.useless {
            let mut link = self.link.lock().await;
            let same = |kept: &mut Arc<Producer>| Arc::ptr_eq(kept, &producer);
            link.producer.take_if(same);
        }
        match sent.failed {
            Some(failure) if sent.acknowledged == 0 => Err(failure),
            failed => Ok(Taken {
                lost: batch.count() - sent.acknowledged,
                why: failed,
            }),
        }
    }

    /// The client; until it is connected, for as long as there is time.
    async fn producer(&self, until: Instant) -> Result<Arc<Producer>, Failure> {
        // Batches that are under way at once wait for one connection.
        let mut link = self.link.lock().await;
        if let Some(producer) = &link.producer {
            return Ok(Arc::clone(producer));
        }
        if let Some((at, failure)) = &link.refused
            && at.elapsed() < REFUSED_FOR
        {
            return Err(failure.clone());
        }
        loop {
            let error = match self.connect().await {
                Ok(producer) => {
                    let producer = Arc::new(producer);
                    link.producer = Some(Arc::clone(&producer));
                    link.refused = None;
                    return Ok(producer);
                }
                Err(error) => error,
            };
            if !error.is_retriable() {
                link.refused = Some((Instant::now(), failure(&error)));
            }
            if !error.is_retriable() || Instant::now() >= until {
                return Err(failure(&error));
            }
            tokio::time::sleep(RECONNECT_EACH).await;
        }
    }

    async fn connect(&self) -> Result<Producer, KrafkaError> {
        let target = &self.target;
        let kafka = krafka::Kafka::builder(target.brokers.join(","))
            .client_id("tidegate")
            .security(self.security.clone())
            .connect_timeout(target.timeout)
            .request_timeout(target.timeout)
            .connect()
            .await?;
        kafka
            .producer()
            .acks(Acks::All)
            .compression(compression(target.compression))
            .batch_size(PARTITION_BYTES)
            // Lines were gathered before.
            .linger(Duration::ZERO)
            .max_block(target.delivery_timeout)
            .delivery_timeout(target.delivery_timeout)
            .buffer_memory(self.memory)
            .metrics_push(false)
            .build()
            .await
    }
}

/// What has become of a batch so far.
#[derive(Default)]
struct Sent {
    acknowledged: u64,
    failed: Option<Failure>,
    /// Whether the client will not do any better.
    useless: bool,
}

impl Sent {
    async fn all(&mut self, producer: &Producer, target: &KafkaTarget, batch: &Batch) {
        let mut sent = Vec::with_capacity(usize::try_from(batch.count()).unwrap_or_default());
        for (line, at) in batch.each() {
            let at = i64::try_from(at.unix_millis()).unwrap_or(i64::MAX);
            let line = line.as_bytes().to_vec();
            let record = Record::new(target.topic.as_str(), line).timestamp(at);
            match producer.enqueue(record).await {
                Ok(one) => sent.push(one),
                // The same would be said of the others.
                Err(error) => {
                    self.note(&error);
                    break;
                }
            }
        }
        for one in sent {
            match one.await {
                Ok(_) => self.acknowledged += 1,
                Err(error) => self.note(&error),
            }
        }
    }

    fn note(&mut self, error: &KrafkaError) {
        self.useless |= error.is_fatal();
        self.failed = Some(failure(error));
    }
}

fn tls_config(tls: KafkaTls) -> TlsConfig {
    let config = match tls.ca {
        Some(pem) => TlsConfig::new().with_ca_cert_pem(pem),
        None => TlsConfig::new().with_native_roots(),
    };
    match tls.identity {
        Some((certificate, key)) => config.with_client_cert_pem(certificate, key),
        None => config,
    }
}

const fn compression(wanted: KafkaCompression) -> Compression {
    match wanted {
        KafkaCompression::None => Compression::None,
        KafkaCompression::Gzip => Compression::Gzip,
        KafkaCompression::Snappy => Compression::Snappy,
        KafkaCompression::Lz4 => Compression::Lz4,
    }
}

fn failure(error: &KrafkaError) -> Failure {
    let reason = match error {
        KrafkaError::Network(_) => DropReason::Unreachable,
        KrafkaError::Timeout { .. } | KrafkaError::DeliveryTimeout { .. } => DropReason::Timeout,
        _ => DropReason::Refused,
    };
    Failure {
        reason,
        ..Failure::refused(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_longer_than_a_record_goes_nowhere() {
        assert_eq!(Kafka::cost(&[b'a'; 100]), Some(170));
        assert_eq!(Kafka::cost(&vec![b'a'; RECORD_MAX]), None);
    }
}
