//! Checks of what a destination of the access log takes: addresses, fields, shapes, sizes.

use http::HeaderValue;
use tidegate_identity::http_url;
use tidegate_model::Diagnostic;

use super::otlp::{check_fields, check_otlp};
use crate::{
    BatchSpec, HttpLogSpec, KafkaMechanism, KafkaSpec, LogFormatSpec, LogSpec, LogTo, LokiSpec,
    ShapeSpec, Source, Spanned,
};

/// What no batch is beyond, whoever takes it.
const LINES_MAX: u32 = 100_000;
const BYTES_MAX: u64 = 64 * 1_024 * 1_024;
const IN_FLIGHT_MAX: u32 = 64;
/// Brokers that a cluster is looked for at.
const BROKERS_MAX: usize = 64;
/// What Kafka names a topic with at most.
const TOPIC_MAX: usize = 249;
/// Labels that Loki takes of a stream, less those of ours.
const LABELS_MAX: usize = 12;

pub(super) fn check_target(
    name: &str,
    log: &LogSpec,
    source: &Source,
    problems: &mut Vec<Diagnostic>,
) {
    let who = format!("the log `{name}`");
    let mut target = Target {
        who: &who,
        log,
        source,
        problems,
    };
    match &log.to.value {
        LogTo::Stdout | LogTo::Syslog(_) | LogTo::File(_) => target.no_batches(),
        LogTo::Http(http) => target.http(http),
        LogTo::Cloudwatch(aws) => {
            if let Some(endpoint) = &aws.endpoint {
                target.url(endpoint);
            }
            target.batch(10_000, 1_048_576, "CloudWatch");
        }
        LogTo::Kafka(kafka) => target.kafka(kafka),
        LogTo::Otlp(otlp) => {
            check_otlp(&who, otlp, source, target.problems);
            target.only_json("a collector takes fields, not texts");
            target.batch(LINES_MAX, BYTES_MAX, "a collector");
        }
    }
}

struct Target<'t> {
    who: &'t str,
    log: &'t LogSpec,
    source: &'t Source,
    problems: &'t mut Vec<Diagnostic>,
}

impl Target<'_> {
    fn push<T>(&mut self, at: &Spanned<T>, what: &str, label: &str, hint: &str) {
        let span = self.source.span(at.range.clone());
        let problem = Diagnostic::error(format!("{} {what}", self.who), span, label.to_owned());
        self.problems.push(problem.hint(hint.to_owned()));
    }

    fn no_batches(&mut self) {
        if let Some(batch) = &self.log.batch {
            let what = "goes line by line, not in batches";
            let hint = "take `batch` out: it is for http, cloudwatch, kafka and otlp";
            self.push(batch, what, "of no effect", hint);
        }
    }

    fn url(&mut self, url: &Spanned<String>) {
        if http_url(&url.value).is_none() {
            let what = format!("cannot be sent to `{}`", url.value);
            let hint = "write https://HOST or http://HOST:PORT";
            self.push(url, &what, "not a URL of HTTP", hint);
        }
    }

    fn only_json(&mut self, why: &str) {
        if self.log.format != LogFormatSpec::Json {
            let what = "cannot have this format there";
            let hint = format!("take `format` out: {why}");
            self.push(&self.log.to, what, "wants JSON", &hint);
        }
    }

    fn http(&mut self, http: &HttpLogSpec) {
        self.url(&http.url);
        let (headers, files) = (&http.headers, &http.header_files);
        check_fields(self.who, headers, files, self.source, self.problems);
        match &http.shape {
            ShapeSpec::Ndjson => self.batch(LINES_MAX, BYTES_MAX, "a server"),
            ShapeSpec::JsonArray => {
                if self.log.format == LogFormatSpec::Combined {
                    let what = "cannot be an array of JSON in this format";
                    let hint = "choose json or ecs, or the shape ndjson";
                    self.push(&self.log.to, what, "wants JSON", hint);
                }
                self.batch(LINES_MAX, BYTES_MAX, "a server");
            }
            ShapeSpec::Datadog(_) => self.batch(1_000, 5_000_000, "Datadog"),
            ShapeSpec::Loki(loki) => {
                self.loki(loki);
                self.batch(LINES_MAX, BYTES_MAX, "Loki");
            }
        }
    }

    fn loki(&mut self, loki: &LokiSpec) {
        for (at, (label, value)) in loki.labels.iter().enumerate() {
            let what = format!("cannot have the label `{label}`");
            if !is_label(label) {
                let hint = "letters, digits and `_`, and no digit at the beginning";
                self.push(value, &what, "not a label of Loki", hint);
            } else if ["service_name", "region", "node"].contains(&label.as_str()) {
                self.push(value, &what, "put in already", "take it out");
            } else if at >= LABELS_MAX {
                let hint = "each label makes streams: keep what you search by";
                self.push(value, &what, "one too many", hint);
            }
        }
        if let Some(tenant) = &loki.tenant
            && HeaderValue::from_str(&tenant.value).is_err()
        {
            let what = "cannot be of this tenant";
            self.push(
                tenant,
                what,
                "not a value of HTTP",
                "write its name in one line",
            );
        }
    }

    fn kafka(&mut self, kafka: &KafkaSpec) {
        if !(1..=BROKERS_MAX).contains(&kafka.brokers.value.len()) {
            let hint = format!("name 1 to {BROKERS_MAX}; the others are learned from them");
            self.push(&kafka.brokers, "has unusable brokers", "these", &hint);
        }
        if !is_topic(&kafka.topic.value) {
            let what = format!("cannot go to the topic `{}`", kafka.topic.value);
            let hint = "letters, digits, `.`, `_` and `-`, 249 at most";
            self.push(&kafka.topic, &what, "not a name of a topic", hint);
        }
        let delivery = &kafka.delivery_timeout;
        if delivery.value < kafka.timeout {
            // What is not written has no place.
            let range = match delivery.range.is_empty() {
                true => kafka.topic.range.clone(),
                false => delivery.range.clone(),
            };
            let what = "gives lines up before a broker can have answered";
            let label = "`delivery_timeout` is shorter than `timeout`";
            let hint = "make it at least as long";
            self.push(&Spanned { value: (), range }, what, label, hint);
        }
        if let Some(login) = &kafka.login
            && kafka.tls.is_none()
            && login.value.mechanism == KafkaMechanism::Plain
        {
            let message = format!("{} sends its password without TLS", self.who);
            let span = self.source.span(login.range.clone());
            let problem = Diagnostic::error(message, span, "who is on the way can read it");
            let hint = "add `tls: {}`, or let `mechanism` be scram_sha_512";
            self.problems.push(problem.warning().hint(hint));
        }
        self.batch(LINES_MAX, BYTES_MAX, "Kafka");
    }

    fn batch(&mut self, lines_max: u32, bytes_max: u64, taker: &str) {
        let Some(batch) = &self.log.batch else {
            return;
        };
        let BatchSpec {
            lines_max: lines,
            bytes_max: bytes,
            in_flight_max: in_flight,
            age_max: _,
        } = batch.value;
        if !(1..=lines_max).contains(&lines) {
            let hint = format!("{taker} takes 1 to {lines_max} lines at a time");
            self.push(batch, "has unusable batches", "`lines_max`", &hint);
        }
        if !(1_024..=bytes_max).contains(&bytes.bytes()) {
            let hint = format!("{taker} takes 1,024 to {bytes_max} bytes at a time");
            self.push(batch, "has unusable batches", "`bytes_max`", &hint);
        }
        if !(1..=IN_FLIGHT_MAX).contains(&in_flight) {
            let hint = format!("1 to {IN_FLIGHT_MAX} can be under way at once");
            self.push(batch, "has unusable batches", "`in_flight_max`", &hint);
        }
    }
}

fn is_topic(name: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=TOPIC_MAX).contains(&name.len()) && !matches!(name, "." | "..") && name.bytes().all(usual)
}

fn is_label(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().unwrap_or('0');
    (first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}
