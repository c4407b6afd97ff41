//! Exporters for the collectors that the configuration names.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_config::{OtlpProtocol, OtlpSpec, Spanned};
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
    let connector = connector(spec.ca_file.as_deref(), data, dns, clock)?;
    let target = Target {
        url: spec.url.value.parse().map_err(|_| "not a URL")?,
        protocol: match spec.protocol {
            OtlpProtocol::Http => Protocol::Http,
            OtlpProtocol::Grpc => Protocol::Grpc,
        },
        headers: headers(&spec.headers, &spec.header_files, data)?,
        gzip: spec.gzip,
        timeout: spec.timeout.get(),
    };
    Ok(Exporter::new(connector, target))
}

/// How often it tries.
pub(crate) fn retry(spec: &OtlpSpec) -> Retry {
    attempts(spec.attempts_max)
}

/// So many attempts, with the pauses of all who send telemetry.
pub(crate) const fn attempts(attempts_max: NonZeroU32) -> Retry {
    Retry {
        attempts_max: attempts_max.get(),
        pause: PAUSE,
        pause_max: PAUSE_MAX,
    }
}

/// What connects, and whom it trusts: who is vouched for in this file of the data folder, or by the
/// system's certificates.
///
/// # Errors
/// A sentence, if the file cannot be used.
pub(crate) fn connector(
    ca_file: Option<&Path>,
    data: &DataFolder,
    dns: Dns,
    clock: Clock,
) -> Result<Connector, String> {
    let ca_file = ca_file.map(|path| data.resolve(path));
    let tls = trust(ca_file.as_deref())?;
    Ok(Connector { dns, clock, tls })
}

/// Fields that go with each request, by their values and by files of the data folder.
///
/// # Errors
/// A sentence, if a file cannot be used.
pub(crate) fn headers(
    texts: &BTreeMap<String, Spanned<String>>,
    files: &BTreeMap<String, Spanned<PathBuf>>,
    data: &DataFolder,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let mut value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok::<_, String>(())
    };
    for (name, value) in texts {
        add(name, &value.value)?;
    }
    for (name, file) in files {
        let line = data.read_line(&file.value)?;
        let path = data.resolve(&file.value);
        add(name, &line).map_err(|error| format!("{} cannot be used: {error}", path.display()))?;
    }
    Ok(headers)
}
