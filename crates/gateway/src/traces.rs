//! Traces: what the configuration says of them, the way to the collector, and who watches.

mod document;
mod export;
mod spans;

use std::sync::Arc;

use tidegate_config::{OtlpSpec, SampleSpec, TraceFormat, TracesSpec, TracesTo};
use tidegate_dns::Dns;
use tidegate_model::NodeId;
use tidegate_proxy::{TraceSettings, Traces};
use tidegate_runtime::Clock;
use tidegate_telemetry::Metrics;
use tidegate_trace::{Format, Propagation, Sampling};
use tokio::sync::mpsc::channel;

pub(crate) use document::{SpanDocument, TraceDocument};
pub(crate) use export::{Export, Flush};

use crate::data::DataFolder;
use crate::otlp::{exporter, retry};

/// How traces are read, written and kept.
pub(crate) fn settings(spec: &TracesSpec) -> TraceSettings {
    let formats = |formats: &[TraceFormat]| formats.iter().map(|one| format(*one)).collect();
    let SampleSpec {
        parent,
        ratio,
        routes,
        errors,
        slow,
    } = &spec.sample;
    let routes = routes.iter();
    TraceSettings {
        propagation: Propagation {
            read: formats(&spec.read),
            write: formats(&spec.write),
        },
        sampling: Sampling {
            parent: *parent,
            ratio: ratio.value,
            routes: routes
                .map(|(route, part)| (route.clone(), part.value))
                .collect(),
            errors: *errors,
            slow: slow.map(tidegate_model::Period::get),
        },
        spans_max: spec.spans_max.get() as usize,
        per_second_max: spec.per_second_max.get(),
    }
}

const fn format(spec: TraceFormat) -> Format {
    match spec {
        TraceFormat::W3c => Format::W3c,
        TraceFormat::B3 => Format::B3,
        TraceFormat::B3Multi => Format::B3Multi,
    }
}

/// What takes traces, and what carries them to the collector if there is one.
///
/// # Errors
/// A sentence, if a file that it needs cannot be used.
pub(crate) fn traces(
    spec: Option<&TracesSpec>,
    data: &DataFolder,
    dns: Dns,
    clock: Clock,
    metrics: &Metrics,
    node: &NodeId,
) -> Result<(Traces, Option<(Export, Flush)>), String> {
    let counts = Arc::clone(&metrics.traces);
    let Some(spec) = spec else {
        return Ok((Traces::new(None, counts), None));
    };
    let to = collector(spec);
    let exporter = exporter(to, data, dns, clock)
        .map_err(|error| format!("traces cannot be sent: {error}"))?;
    let (sender, queue) = channel(spec.queue_max.get() as usize);
    let traces = Traces::new(Some(sender), Arc::clone(&counts));
    let export = Export::new(exporter, retry(to), queue, spec, node, clock, counts);
    Ok((traces, Some(export)))
}

/// What cannot change while a node runs is different.
pub(crate) fn needs_restart(running: Option<&TracesSpec>, fresh: Option<&TracesSpec>) -> bool {
    let fixed = |spec: &TracesSpec| {
        let sizes = (spec.queue_max, spec.batch_max, spec.flush_interval);
        (collector(spec).clone(), sizes)
    };
    running.map(fixed) != fresh.map(fixed)
}

const fn collector(spec: &TracesSpec) -> &OtlpSpec {
    let TracesTo::Otlp(to) = &spec.to;
    to
}
