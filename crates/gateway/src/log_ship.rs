//! Destinations of the access log that take many lines at a time, from what the region's file says.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use tidegate_config::{
    BatchSpec, CloudwatchSpec, DatadogSpec, HttpLogSpec, KafkaCompressionSpec, KafkaLoginSpec,
    KafkaMechanism, KafkaSpec, KafkaTlsSpec, LogFormatSpec, LogSpec, LokiSpec, OtlpSpec, ShapeSpec,
};
use tidegate_dns::Dns;
use tidegate_logship::{
    Cloudwatch, Collector, Datadog, Kafka, KafkaCompression, KafkaLogin, KafkaTarget, KafkaTls,
    Limits, Loki, Retry, Server, Shape, Shipper, To,
};
use tidegate_model::NodeId;
use tidegate_runtime::Clock;

use crate::data::DataFolder;
use crate::otlp::{attempts, connector, exporter, headers, retry};

/// What destinations need of the node.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) node: &'a NodeId,
    pub(crate) data: &'a DataFolder,
    pub(crate) clock: Clock,
    /// How long destinations go on when there will be no more lines.
    pub(crate) linger: Duration,
}

impl Around<'_> {
    /// A server of HTTP.
    pub(crate) fn http(&self, log: &LogSpec, spec: &HttpLogSpec) -> Result<Shipper, String> {
        let ca_file = spec.ca_file.as_deref();
        let server = Server::new(
            connector(ca_file, self.data, names(), self.clock)?,
            spec.url.value.parse().map_err(|_| "not a URL")?,
            headers(&spec.headers, &spec.header_files, self.data)?,
            self.shape(log, &spec.shape),
            spec.gzip,
            spec.timeout.get(),
        );
        self.shipper(log, To::Server(server), attempts(spec.attempts_max))
    }

    /// CloudWatch Logs.
    pub(crate) async fn cloudwatch(
        &self,
        log: &LogSpec,
        spec: &CloudwatchSpec,
    ) -> Result<Shipper, String> {
        let connector = connector(None, self.data, names(), self.clock)?;
        let stream = spec.stream.clone();
        // A colon and a star are all that streams may not have in their names.
        let stream = stream.unwrap_or_else(|| self.node.to_string());
        let endpoint = spec.endpoint.as_ref().map(|url| url.value.clone());
        let aws = Cloudwatch::open(
            connector,
            (spec.group.clone(), stream, spec.create),
            spec.region.clone(),
            endpoint,
            spec.timeout.get(),
        );
        self.shipper(log, To::Cloudwatch(aws.await?), attempts(spec.attempts_max))
    }

    /// A collector of OpenTelemetry.
    pub(crate) fn otlp(&self, log: &LogSpec, spec: &OtlpSpec) -> Result<Shipper, String> {
        let exporter = exporter(spec, self.data, names(), self.clock)?;
        let (region, node) = (self.node.region.as_str(), self.node.name());
        let collector = Collector::new(exporter, region, node);
        self.shipper(log, To::Collector(collector), retry(spec))
    }

    /// A topic of Kafka.
    pub(crate) fn kafka(&self, log: &LogSpec, spec: &KafkaSpec) -> Result<Shipper, String> {
        let target = KafkaTarget {
            brokers: spec.brokers.value.iter().map(ToString::to_string).collect(),
            topic: spec.topic.value.clone(),
            compression: match spec.compression {
                KafkaCompressionSpec::None => KafkaCompression::None,
                KafkaCompressionSpec::Gzip => KafkaCompression::Gzip,
                KafkaCompressionSpec::Snappy => KafkaCompression::Snappy,
                KafkaCompressionSpec::Lz4 => KafkaCompression::Lz4,
            },
            timeout: spec.timeout.get(),
            delivery_timeout: spec.delivery_timeout.value.get(),
        };
        let tls = spec.tls.as_ref().map(|tls| self.kafka_tls(tls));
        let login = match &spec.login {
            Some(login) => self.kafka_login(&login.value)?,
            None => KafkaLogin::Unnamed,
        };
        let kafka = Kafka::new(target, tls.transpose()?, login, limits(log));
        // Its client tries again by itself.
        self.shipper(log, To::Kafka(Box::new(kafka)), attempts(NonZeroU32::MIN))
    }

    fn kafka_tls(&self, spec: &KafkaTlsSpec) -> Result<KafkaTls, String> {
        let identity = spec.identity.as_ref().map(|identity| {
            let certificate = self.data.read(&identity.certificate)?;
            Ok::<_, String>((certificate, self.data.read(&identity.key)?))
        });
        let ca = spec.ca_file.as_ref().map(|path| self.data.read(path));
        Ok(KafkaTls {
            ca: ca.transpose()?,
            identity: identity.transpose()?,
        })
    }

    fn kafka_login(&self, spec: &KafkaLoginSpec) -> Result<KafkaLogin, String> {
        let password = self.data.read_line(&spec.password_file)?;
        let user = spec.user.clone();
        Ok(match spec.mechanism {
            KafkaMechanism::ScramSha512 => KafkaLogin::Scram512(user, password),
            KafkaMechanism::ScramSha256 => KafkaLogin::Scram256(user, password),
            KafkaMechanism::Plain => KafkaLogin::Plain(user, password),
        })
    }

    fn shipper(&self, log: &LogSpec, to: To, retry: Retry) -> Result<Shipper, String> {
        let shipper = Shipper::new(to, limits(log), retry, self.linger);
        shipper.map_err(|error| error.to_string())
    }

    fn shape(&self, log: &LogSpec, spec: &ShapeSpec) -> Shape {
        match spec {
            ShapeSpec::Ndjson => Shape::Lines(log.format != LogFormatSpec::Combined),
            ShapeSpec::JsonArray => Shape::Array,
            ShapeSpec::Datadog(spec) => Shape::Datadog(self.datadog(spec)),
            ShapeSpec::Loki(spec) => Shape::Loki(self.loki(spec)),
        }
    }

    fn datadog(&self, spec: &DatadogSpec) -> Datadog {
        let region = ("region".to_owned(), self.node.region.to_string());
        let mut tags = BTreeMap::from([region]);
        tags.extend(spec.tags.clone());
        let tags: Vec<String> = tags
            .into_iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect();
        let host = self.node.to_string();
        Datadog::new(&spec.source, &spec.service, &host, &tags.join(","))
    }

    fn loki(&self, spec: &LokiSpec) -> Loki {
        let ours = [
            ("service_name", "tidegate".to_owned()),
            ("region", self.node.region.to_string()),
            ("node", self.node.name().to_owned()),
        ];
        let ours = ours.map(|(name, value)| (name.to_owned(), value));
        let theirs = spec.labels.iter();
        let theirs = theirs.map(|(name, value)| (name.clone(), value.value.clone()));
        let tenant = spec.tenant.as_ref().map(|tenant| tenant.value.clone());
        Loki::new(ours.into_iter().chain(theirs), tenant)
    }
}

fn limits(log: &LogSpec) -> Limits {
    let batch = log.batch.as_ref().map(|batch| batch.value);
    let batch: BatchSpec = batch.unwrap_or_default();
    Limits {
        lines_max: batch.lines_max as usize,
        bytes_max: batch.bytes_max.as_usize(),
        age_max: batch.age_max.get(),
        in_flight_max: batch.in_flight_max as usize,
    }
}

/// Names are asked for in the destination's own runtime, which can end before the node does.
fn names() -> Dns {
    Dns::system()
}
