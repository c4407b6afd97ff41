//! The formats that scrapers understand, and which one is meant.

mod protobuf;
mod text;

use crate::durations::Wanted;
use crate::scrape::Family;

/// A format of a scrape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// OpenMetrics 1.0: text, with units and exemplars.
    OpenMetrics,
    /// Prometheus's text 0.0.4.
    Text,
    /// Prometheus's protobuf, each metric with its length before it: native histograms as well.
    Protobuf,
}

impl Format {
    /// The format that an `Accept` field asks for first (RFC 9110 section 12.5.1); OpenMetrics for
    /// whoever takes anything.
    #[must_use]
    pub fn wanted(accept: &str) -> Self {
        let mut best = (Self::OpenMetrics, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let (mut quality, mut right) = (1.0, true);
            for part in parts {
                match part.split_once('=') {
                    Some(("q", q)) => quality = q.trim().parse().unwrap_or(0.0),
                    Some(("proto", proto)) => right &= proto == "io.prometheus.client.MetricFamily",
                    Some(("encoding", encoding)) => right &= encoding == "delimited",
                    _ => {}
                }
            }
            let format = match kind.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => Self::OpenMetrics,
                "application/vnd.google.protobuf" if right => Self::Protobuf,
                "text/plain" => Self::Text,
                _ => continue,
            };
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    /// What the answer says it is.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    pub(crate) const fn wants(self) -> Wanted {
        Wanted {
            fine: matches!(self, Self::Protobuf),
            exemplars: matches!(self, Self::Protobuf | Self::OpenMetrics),
        }
    }
}

/// All metrics, in the order of the catalogue.
pub(crate) fn render(format: Format, families: &[Family]) -> Vec<u8> {
    match format {
        Format::OpenMetrics => text::render(families, text::Dialect::OpenMetrics),
        Format::Text => text::render(families, text::Dialect::Prometheus),
        Format::Protobuf => protobuf::render(families),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_format_is_given() {
        let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
            application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, want) in [
            ("", Format::OpenMetrics),
            ("*/*", Format::OpenMetrics),
            ("text/plain", Format::Text),
            (
                "text/plain;q=0.5, application/openmetrics-text; q=0.9",
                Format::OpenMetrics,
            ),
            (native, Format::Protobuf),
            (
                "application/vnd.google.protobuf;proto=other,text/plain;q=0.1",
                Format::Text,
            ),
            (
                "application/vnd.google.protobuf;q=nonsense,text/plain;q=0.1",
                Format::Text,
            ),
        ] {
            assert_eq!(Format::wanted(accept), want, "{accept}");
        }
    }
}
