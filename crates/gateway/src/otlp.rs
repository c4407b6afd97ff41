//! Exporters for the collectors that the configuration names.

use std::fs;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_config::{OtlpProtocol, OtlpSpec};
use tidegate_dns::Dns;
use tidegate_otlp::{Exporter, Protocol, Retry, Target};
use tidegate_runtime::Clock;
use tidegate_tokens::{Connector, trust};

use crate::data::DataFolder;

/// The wait after a first attempt that failed, and the longest one.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// An exporter for a collector.
///
/// # Errors
/// A sentence, if a file that it needs cannot be used.
pub(crate) fn exporter(
    spec: &OtlpSpec,
    data: &DataFolder,
    dns: Dns,
    clock: Clock,
) -> Result<Exporter, String> {
    let ca_file = spec.ca_file.as_deref().map(|path| data.resolve(path));
    let connector = Connector {
        dns,
        clock,
        tls: trust(ca_file.as_deref())?,
    };
    let target = Target {
        url: spec.url.value.parse().map_err(|_| "not a URL")?,
        protocol: match spec.protocol {
            OtlpProtocol::Http => Protocol::Http,
            OtlpProtocol::Grpc => Protocol::Grpc,
        },
        headers: headers(spec, data)?,
        timeout: spec.timeout.get(),
    };
    Ok(Exporter::new(connector, target))
}

/// How often it tries.
pub(crate) fn retry(spec: &OtlpSpec) -> Retry {
    Retry {
        attempts_max: spec.attempts_max.get(),
        pause: PAUSE,
        pause_max: PAUSE_MAX,
    }
}

fn headers(spec: &OtlpSpec, data: &DataFolder) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let mut value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok::<_, String>(())
    };
    for (name, value) in &spec.headers {
        add(name, &value.value)?;
    }
    for (name, file) in &spec.header_files {
        let path = data.resolve(&file.value);
        let unusable =
            |error: &dyn std::fmt::Display| format!("{} cannot be used: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| unusable(&error))?;
        add(name, text.trim()).map_err(|error| unusable(&error))?;
    }
    Ok(headers)
}
