//! The access log's destinations: the one of the command line, and those of the region's file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tidegate_config::{LogField, LogFileSpec, LogFormatSpec, LogSpec, LogTo, Spanned, SyslogSpec};
use tidegate_model::ByteSize;
use tidegate_telemetry::{Destination, LineFormat, Log, Omitted, Rotation, SyslogTo, Wanted};

use crate::log_ship::Around;

/// What a region's file says of them, by name.
pub(crate) type Logs = BTreeMap<String, Spanned<LogSpec>>;

/// Where the access log goes, as the command line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum MainLog {
    /// Standard output.
    Stdout,
    /// The end of this file.
    File(PathBuf),
    /// Nowhere.
    None,
}

/// The name of the command line's log in metrics.
const MAIN: &str = "main";

/// The destinations of a node that starts.
///
/// # Errors
/// A sentence, if a file that one needs cannot be used.
pub(crate) async fn logs(
    main: &MainLog,
    further: &Logs,
    around: &Around<'_>,
) -> Result<Vec<Log>, String> {
    let main = match main {
        MainLog::Stdout => Some(Destination::Stdout),
        MainLog::File(path) => Some(Destination::File(path.clone(), None)),
        MainLog::None => None,
    };
    let main = main.map(|to| Log::new(MAIN.to_owned(), to));
    let mut logs: Vec<Log> = main.into_iter().collect();
    for (name, spec) in further {
        logs.push(log(name, &spec.value, around).await?);
    }
    Ok(logs)
}

/// The destinations of a node that has others: those that did not change go on.
///
/// # Errors
/// A sentence, if a file that one needs cannot be used.
pub(crate) async fn changed(
    before: &Logs,
    further: &Logs,
    around: &Around<'_>,
) -> Result<Vec<Wanted>, String> {
    let mut wanted = vec![Wanted::Same(MAIN.to_owned())];
    for (name, spec) in further {
        let known = before.get(name).map(|known| &known.value);
        if known == Some(&spec.value) && !has_files(&spec.value) {
            wanted.push(Wanted::Same(name.clone()));
        } else {
            wanted.push(Wanted::New(log(name, &spec.value, around).await?));
        }
    }
    Ok(wanted)
}

/// Whether it depends on files that may have changed: secrets and certificates.
fn has_files(spec: &LogSpec) -> bool {
    match &spec.to.value {
        LogTo::Stdout | LogTo::File(_) | LogTo::Syslog(_) | LogTo::Cloudwatch(_) => false,
        LogTo::Http(http) => !http.header_files.is_empty() || http.ca_file.is_some(),
        LogTo::Kafka(kafka) => kafka.login.is_some() || kafka.tls.is_some(),
        LogTo::Otlp(otlp) => !otlp.header_files.is_empty() || otlp.ca_file.is_some(),
    }
}

async fn log(name: &str, spec: &LogSpec, around: &Around<'_>) -> Result<Log, String> {
    let to = destination(spec, around).await;
    let to = to.map_err(|error| format!("the log `{name}` cannot be used: {error}"))?;
    let omitted = Omitted::of(spec.omit.iter().map(|field| LogField::name(*field)));
    let parts = spec.sample.iter();
    Ok(Log {
        format: match spec.format {
            LogFormatSpec::Json => LineFormat::Json,
            LogFormatSpec::Ecs => LineFormat::Ecs,
            LogFormatSpec::Combined => LineFormat::Combined,
        },
        omitted: omitted.expect("a test holds the two lists of fields together"),
        sample: parts
            .map(|(route, part)| (route.clone(), part.value))
            .collect(),
        queue_max: usize::try_from(spec.queue_max.bytes()).unwrap_or(usize::MAX),
        ..Log::new(name.to_owned(), to)
    })
}

async fn destination(spec: &LogSpec, around: &Around<'_>) -> Result<Destination, String> {
    let shipper = match &spec.to.value {
        LogTo::Stdout => return Ok(Destination::Stdout),
        LogTo::File(file) => return Ok(to_file(file)),
        LogTo::Syslog(syslog) => return Ok(to_syslog(syslog, around)),
        LogTo::Http(http) => around.http(spec, http)?,
        LogTo::Cloudwatch(aws) => around.cloudwatch(spec, aws).await?,
        LogTo::Kafka(kafka) => around.kafka(spec, kafka)?,
        LogTo::Otlp(otlp) => around.otlp(spec, otlp)?,
    };
    Ok(Destination::Other(Box::new(shipper)))
}

fn to_file(file: &LogFileSpec) -> Destination {
    let rotation = Rotation {
        size_max: file.size_max.map(ByteSize::bytes),
        each: file.each.as_ref().map(|each| each.value.get()),
        keep: file.keep,
    };
    let rotates = rotation.size_max.is_some() || rotation.each.is_some();
    Destination::File(file.path.clone(), rotates.then_some(rotation))
}

fn to_syslog(syslog: &SyslogSpec, around: &Around<'_>) -> Destination {
    let to = match syslog {
        SyslogSpec::Udp(addr) => SyslogTo::Udp(*addr),
        SyslogSpec::Tcp(addr) => SyslogTo::Tcp(*addr),
        SyslogSpec::Unix(path) => SyslogTo::Unix(path.clone()),
    };
    // A slash is allowed there, but programs make file names of it.
    Destination::Syslog(to, around.node.to_string().replace('/', "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_can_be_written_are_those_that_can_be_left_out() {
        let names: Vec<&str> = LogField::ALL.iter().map(|field| field.name()).collect();
        assert_eq!(names, tidegate_telemetry::FIELDS);
    }
}
