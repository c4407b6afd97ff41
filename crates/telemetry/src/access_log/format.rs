//! How a line looks: our own JSON, the Elastic Common Schema, and Apache's combined format.
//!
//! Values of queries are never written: tokens and secrets stand there. Of `a=1&b` stays `a=*&*`,
//! since what has no name may be a secret itself.

use std::fmt::Write as _;

use super::facts::{Omitted, RequestFacts};

/// How lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LineFormat {
    /// One flat JSON object a line.
    #[default]
    Json,
    /// JSON in the Elastic Common Schema, version 8.
    Ecs,
    /// Apache's combined format.
    Combined,
}

impl LineFormat {
    /// Adds a line, its end included.
    pub(super) fn write(self, facts: &RequestFacts<'_>, omitted: Omitted, out: &mut Vec<u8>) {
        match self {
            Self::Json => json(facts, omitted, out),
            Self::Ecs => ecs(facts, omitted, out),
            Self::Combined => combined(facts, omitted, out),
        }
        out.push(b'\n');
    }
}

// Writing to a Vec does not fail: results of `write!` are dropped below.

fn json(facts: &RequestFacts<'_>, omitted: Omitted, out: &mut Vec<u8>) {
    let mut line = Line { out, omitted };
    let _ok = write!(
        line,
        "{{\"time\":\"{}\",\"status\":{}",
        facts.at, facts.status
    );
    line.text("id", "id", facts.id);
    line.text("method", "method", facts.method);
    line.text("host", "host", facts.host);
    line.text("path", "path", facts.path);
    line.query("query", facts.query);
    line.text("protocol", "protocol", facts.protocol);
    if let Some(client) = facts.client.filter(|_| !omitted.has("client")) {
        let _ok = write!(line, ",\"client\":\"{client}\"");
    }
    line.text("agent", "agent", facts.agent);
    line.text("referer", "referer", before_query(facts.referer));
    line.ours("", facts);
    if !omitted.has("bytes") {
        let (received, sent) = (facts.bytes_in, facts.bytes_out);
        let _ok = write!(line, ",\"bytes_in\":{received},\"bytes_out\":{sent}");
    }
    let _ok = write!(line, ",\"took_us\":{}", facts.took.as_micros());
    if !facts.waited.is_zero() {
        let _ok = write!(line, ",\"waited_us\":{}", facts.waited.as_micros());
    }
    if let Some(upstream) = facts.upstream {
        let _ok = write!(line, ",\"upstream_us\":{}", upstream.as_micros());
    }
    line.trace("trace_id", facts.trace);
    line.out.push(b'}');
}

/// Fields of the schema have its names, dots and all, as it allows; ours are under `tidegate.`.
fn ecs(facts: &RequestFacts<'_>, omitted: Omitted, out: &mut Vec<u8>) {
    let mut line = Line { out, omitted };
    let outcome = if facts.is_error() {
        "failure"
    } else {
        "success"
    };
    let _ok = write!(
        line,
        "{{\"@timestamp\":\"{}\",\"ecs.version\":\"8.11.0\",\"event.kind\":\"event\",\
         \"event.category\":[\"web\"],\"event.type\":[\"access\"],\"event.outcome\":\"{outcome}\",\
         \"event.duration\":{},\"http.response.status_code\":{}",
        facts.at,
        facts.took.as_nanos(),
        facts.status
    );
    line.text("id", "http.request.id", facts.id);
    line.text("method", "http.request.method", facts.method);
    line.text("host", "url.domain", facts.host);
    line.text("path", "url.path", facts.path);
    line.query("url.query", facts.query);
    let version = facts
        .protocol
        .strip_prefix("HTTP/")
        .unwrap_or(facts.protocol);
    line.text("protocol", "http.version", version);
    if let Some(client) = facts.client.filter(|_| !omitted.has("client")) {
        let _ok = write!(line, ",\"client.ip\":\"{client}\"");
    }
    line.text("agent", "user_agent.original", facts.agent);
    line.text(
        "referer",
        "http.request.referrer",
        before_query(facts.referer),
    );
    line.ours("tidegate.", facts);
    if !omitted.has("bytes") {
        let (received, sent) = (facts.bytes_in, facts.bytes_out);
        let _ok = write!(
            line,
            ",\"http.request.body.bytes\":{received},\"http.response.body.bytes\":{sent}"
        );
    }
    line.trace("trace.id", facts.trace);
    line.out.push(b'}');
}

/// `host ident user [time] "request" status bytes "referer" "agent"`, as Apache's `combined` has
/// it.
fn combined(facts: &RequestFacts<'_>, omitted: Omitted, out: &mut Vec<u8>) {
    let mut line = Line { out, omitted };
    match facts.client.filter(|_| !omitted.has("client")) {
        Some(client) => drop(write!(line, "{client}")),
        None => line.out.push(b'-'),
    }
    line.out.extend_from_slice(b" - ");
    let user = if omitted.has("consumer") {
        ""
    } else {
        facts.consumer
    };
    // A space would be read as the end of the name.
    let user = user.replace(' ', "_");
    line.quoted_part(if user.is_empty() { "-" } else { &user });
    let _ok = write!(line, " [{}] \"", ApacheTime(facts.at));
    line.quoted_part(facts.method);
    line.out.push(b' ');
    line.quoted_part(if omitted.has("path") { "-" } else { facts.path });
    if !facts.query.is_empty() && !omitted.has("query") {
        line.out.push(b'?');
        redacted(facts.query, |part| line.quoted_part(part));
    }
    let _ok = write!(
        line,
        " {}\" {} {} \"",
        facts.protocol, facts.status, facts.bytes_out
    );
    let or_none = |field, text| match omitted.has(field) {
        false if facts_has(text) => text,
        _ => "-",
    };
    line.quoted_part(or_none("referer", before_query(facts.referer)));
    line.out.extend_from_slice(b"\" \"");
    line.quoted_part(or_none("agent", facts.agent));
    line.out.push(b'"');
}

const fn facts_has(text: &str) -> bool {
    !text.is_empty()
}

/// `22/Nov/2026:14:33:07 +0000`.
struct ApacheTime(tidegate_model::Wall);

impl std::fmt::Display for ApacheTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let text = self.0.to_string();
        let (year, month, day) = (&text[..4], &text[5..7], &text[8..10]);
        let month = month
            .parse::<usize>()
            .map_or("-", |month| MONTHS[month - 1]);
        write!(f, "{day}/{month}/{year}:{} +0000", &text[11..19])
    }
}

fn before_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// A query without what it says: names stay, values become `*`.
fn redacted(query: &str, mut write: impl FnMut(&str)) {
    for (at, pair) in query.split('&').enumerate() {
        if at > 0 {
            write("&");
        }
        if let Some((name, _)) = pair.split_once('=') {
            write(name);
            write("=");
        }
        write("*");
    }
}

struct Line<'b> {
    out: &'b mut Vec<u8>,
    omitted: Omitted,
}

impl std::fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Line<'_> {
    /// What only a gateway like this has to say.
    fn ours(&mut self, prefix: &str, facts: &RequestFacts<'_>) {
        for (field, value) in [
            ("door", facts.door),
            ("route", facts.route),
            ("refusal", facts.refusal),
            ("shadow", facts.shadow),
            ("partition", facts.partition),
            ("unstored", facts.unstored),
            ("ended", facts.ended),
            ("consumer", facts.consumer),
            ("key", facts.key),
            ("auth", facts.auth),
            ("endpoint", facts.endpoint),
            ("relay", facts.relay),
        ] {
            if self.begin(field, prefix, field, value) {
                self.escaped(value);
                self.out.push(b'"');
            }
        }
        if facts.attempts > 0 && !self.omitted.has("attempts") {
            let _ok = write!(self, ",\"{prefix}attempts\":{}", facts.attempts);
        }
    }

    /// A member with a text; nothing if the text is empty or the field left out.
    fn text(&mut self, field: &str, name: &str, value: &str) {
        if self.begin(field, "", name, value) {
            self.escaped(value);
            self.out.push(b'"');
        }
    }

    fn trace(&mut self, name: &str, trace: Option<u128>) {
        if let Some(trace) = trace.filter(|_| !self.omitted.has("trace_id")) {
            let _ok = write!(self, ",\"{name}\":\"{trace:032x}\"");
        }
    }

    fn query(&mut self, name: &str, query: &str) {
        if self.begin("query", "", name, query) {
            redacted(query, |part| self.escaped(part));
            self.out.push(b'"');
        }
    }

    fn begin(&mut self, field: &str, prefix: &str, name: &str, value: &str) -> bool {
        if value.is_empty() || self.omitted.has(field) {
            return false;
        }
        for part in [",\"", prefix, name, "\":\""] {
            self.out.extend_from_slice(part.as_bytes());
        }
        true
    }

    /// As RFC 8259 section 7 wants it.
    fn escaped(&mut self, value: &str) {
        let mut rest = value.as_bytes();
        while let Some(at) = rest.iter().position(|byte| needs_escape(*byte)) {
            self.out.extend_from_slice(&rest[..at]);
            match rest[at] {
                byte @ (b'"' | b'\\') => self.out.extend_from_slice(&[b'\\', byte]),
                byte => drop(write!(self, "\\u{byte:04x}")),
            }
            rest = &rest[at + 1..];
        }
        self.out.extend_from_slice(rest);
    }

    /// As Apache writes what clients sent.
    fn quoted_part(&mut self, value: &str) {
        for byte in value.bytes() {
            match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                0..0x20 | 0x7f..=0xff => drop(write!(self, "\\x{byte:02x}")),
                plain => self.out.push(plain),
            }
        }
    }
}

const fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f)
}
