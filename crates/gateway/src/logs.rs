//! The access log's destinations: the one of the command line, and those of the region's file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tidegate_config::{LogField, LogFormatSpec, LogSpec, LogTo, Spanned, SyslogSpec};
use tidegate_model::NodeId;
use tidegate_telemetry::{Destination, LineFormat, Log, Omitted, Rotation, SyslogTo};

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

/// The name of the command line's log in metrics. A log of a file can have it as well; they are
/// counted together then.
const MAIN: &str = "main";

pub(crate) fn logs(
    main: &MainLog,
    further: &BTreeMap<String, Spanned<LogSpec>>,
    node: &NodeId,
) -> Vec<Log> {
    let main = match main {
        MainLog::Stdout => Some(Destination::Stdout),
        MainLog::File(path) => Some(Destination::File(path.clone(), None)),
        MainLog::None => None,
    };
    let main = main.map(|to| Log::new(MAIN.to_owned(), to));
    let further = further
        .iter()
        .map(|(name, spec)| log(name, &spec.value, node));
    main.into_iter().chain(further).collect()
}

fn log(name: &str, spec: &LogSpec, node: &NodeId) -> Log {
    let to = match &spec.to {
        LogTo::Stdout => Destination::Stdout,
        LogTo::File(file) => {
            let rotation = file.size_max.map(|size| Rotation {
                size_max: size.bytes(),
                keep: file.keep,
            });
            Destination::File(file.path.clone(), rotation)
        }
        LogTo::Syslog(syslog) => {
            let to = match syslog {
                SyslogSpec::Udp(addr) => SyslogTo::Udp(*addr),
                SyslogSpec::Tcp(addr) => SyslogTo::Tcp(*addr),
                SyslogSpec::Unix(path) => SyslogTo::Unix(path.clone()),
            };
            // A slash is allowed there, but programs make file names of it.
            Destination::Syslog(to, node.to_string().replace('/', "."))
        }
    };
    let omitted = Omitted::of(spec.omit.iter().map(|field| LogField::name(*field)));
    let parts = spec.sample.iter();
    Log {
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
    }
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
