//! Which requests somebody wants to see: words like `path=/api/* header.x-debug=1 status>=500`, all
//! of which must hold.
//!
//! What the head says is judged at the beginning ([`Match::may`]); who called, by which route, and
//! how it ended, when it is over ([`Match::holds`]).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, Method};
use tidegate_model::Prefix;

/// Words of one expression.
const TERMS_MAX: usize = 16;
/// Bytes of one expression.
const TEXT_MAX: usize = 1_024;

/// Which requests somebody wants to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Term {
    Method(String),
    Path(String),
    Header(HeaderName, String),
    Host(String),
    Client(Prefix),
    Route(String),
    Consumer(String),
    Status(Order, u16),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Exactly,
    AtLeast,
    AtMost,
}

/// What is known of a request at its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Early<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path as the client sent it.
    pub path: &'r str,
    /// The head.
    pub headers: &'r HeaderMap,
}

/// What is known of a request at its end.
#[derive(Clone, Copy, Debug)]
pub struct Late<'r> {
    /// The host that the client named.
    pub host: &'r str,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The route; empty if none was found.
    pub route: &'r str,
    /// Who called; empty if nobody knows. `None` where it was not judged: in another region.
    pub consumer: Option<&'r str>,
    /// The status that the client was sent.
    pub status: u16,
}

/// Why an expression cannot be used, in a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadMatch(String);

impl fmt::Display for BadMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadMatch {}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Match {
    type Err = BadMatch;

    fn from_str(text: &str) -> Result<Self, BadMatch> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if text.len() > TEXT_MAX || words.len() > TERMS_MAX {
            let sentence = format!("more than {TERMS_MAX} words or {TEXT_MAX} bytes to match");
            return Err(BadMatch(sentence));
        }
        let terms: Result<_, _> = words.iter().map(|word| term(word)).collect();
        Ok(Self {
            text: words.join(" "),
            terms: terms?,
        })
    }
}

fn term(word: &str) -> Result<Term, BadMatch> {
    let bad = |why: &str| BadMatch(format!("`{word}` cannot be matched: {why}"));
    let (name, order, value) = if let Some((name, value)) = word.split_once(">=") {
        (name, Order::AtLeast, value)
    } else if let Some((name, value)) = word.split_once("<=") {
        (name, Order::AtMost, value)
    } else if let Some((name, value)) = word.split_once('=') {
        (name, Order::Exactly, value)
    } else {
        return Err(bad("write NAME=VALUE"));
    };
    if name != "status" && order != Order::Exactly {
        return Err(bad("only `status` can be compared so"));
    }
    let text = value.to_owned();
    Ok(match name {
        "method" => Term::Method(value.to_ascii_uppercase()),
        "path" => Term::Path(text),
        "host" => Term::Host(value.to_ascii_lowercase()),
        "client" => Term::Client(value.parse().map_err(|error: String| bad(&error))?),
        "route" => Term::Route(text),
        "consumer" => Term::Consumer(text),
        "status" => {
            let status = value.parse().map_err(|_| bad("a status is a number"))?;
            Term::Status(order, status)
        }
        name => {
            let header = name.strip_prefix("header.").ok_or_else(|| {
                bad("known are method, host, path, route, client, consumer, status and header.NAME")
            })?;
            let header = HeaderName::from_bytes(header.as_bytes());
            Term::Header(header.map_err(|_| bad("not a field's name"))?, text)
        }
    })
}

impl Match {
    /// The expression for records: values of fields may be secrets, and are left out.
    #[must_use]
    pub fn redacted(&self) -> String {
        let words = self.text.split(' ');
        let words = words.map(|word| match word.split_once('=') {
            Some((name, _)) if name.starts_with("header.") => format!("{name}=*"),
            _ => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Whether the request may be wanted, by what is known at its beginning.
    #[must_use]
    pub fn may(&self, early: &Early<'_>) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Method(wanted) => like(wanted, early.method.as_str()),
            Term::Path(wanted) => like(wanted, early.path),
            Term::Header(name, wanted) => {
                let mut values = early.headers.get_all(name).iter();
                values.any(|value| value.to_str().is_ok_and(|value| like(wanted, value)))
            }
            Term::Host(_)
            | Term::Client(_)
            | Term::Route(_)
            | Term::Consumer(_)
            | Term::Status(..) => true,
        })
    }

    /// Whether the request is wanted, by what is known at its end.
    #[must_use]
    pub fn holds(&self, late: &Late<'_>) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Host(wanted) => like(wanted, late.host),
            Term::Client(wanted) => late.client.is_some_and(|client| wanted.contains(client)),
            Term::Route(wanted) => like(wanted, late.route),
            Term::Consumer(wanted) => late.consumer.is_none_or(|known| like(wanted, known)),
            Term::Status(Order::Exactly, status) => late.status == *status,
            Term::Status(Order::AtLeast, status) => late.status >= *status,
            Term::Status(Order::AtMost, status) => late.status <= *status,
            Term::Method(_) | Term::Path(_) | Term::Header(..) => true,
        })
    }
}

/// `*` stands for any text. Greedy from both ends: linear in the text for each part.
fn like(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        let Some((_, after)) = text.split_once(part) else {
            return false;
        };
        text = after;
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, want) in [
            ("/api/*", "/api/orders", true),
            ("/api/*", "/apis", false),
            ("*", "", true),
            ("*.json", "/a.json", true),
            ("/a/*/b/*", "/a/x/b/y", true),
            ("/a/*/b/*", "/a/x/c/y", false),
            ("a*a", "a", false),
            ("a*b*c", "abbc", true),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("**", "x", true),
        ] {
            assert_eq!(like(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn words_must_all_hold_each_at_its_time() {
        let matches: Match =
            "path=/api/* method=get header.x-debug=1 client=10.0.0.0/8 status>=500"
                .parse()
                .unwrap();
        let mut headers = HeaderMap::new();
        let early = |path, headers: &HeaderMap| {
            matches.may(&Early {
                method: &Method::GET,
                path,
                headers,
            })
        };
        assert!(!early("/api/a", &headers), "the field is missing");
        headers.insert("x-debug", "1".parse().unwrap());
        assert!(early("/api/a", &headers));
        assert!(!early("/", &headers));
        let late = |client: &str, status| {
            let client = client.parse().ok();
            matches.holds(&Late {
                host: "",
                client,
                route: "",
                consumer: Some(""),
                status,
            })
        };
        assert!(late("10.1.2.3", 503));
        assert!(!late("10.1.2.3", 404) && !late("192.0.2.1", 503));
    }

    #[test]
    fn a_consumer_is_judged_where_it_is_known() {
        let matches: Match = "consumer=acme host=A.example route=or*".parse().unwrap();
        let late = |consumer| {
            let (host, route) = ("a.example", "orders");
            matches.holds(&Late {
                host,
                client: None,
                route,
                consumer,
                status: 200,
            })
        };
        assert!(late(Some("acme")) && late(None) && !late(Some("other")));
    }

    #[test]
    fn records_say_no_values_of_fields() {
        let matches: Match = "path=/a header.x-api-key=secret=1 status>=500"
            .parse()
            .unwrap();
        assert_eq!(matches.redacted(), "path=/a header.x-api-key=* status>=500");
    }

    #[test]
    fn what_cannot_be_matched_is_told_why() {
        for (text, part) in [
            ("path", "NAME=VALUE"),
            ("paths=/a", "known are method"),
            ("path>=/a", "only `status`"),
            ("status>=high", "a number"),
            ("client=here", "address block"),
            ("header.a(b=1", "field's name"),
            (&"a=b ".repeat(17), "more than 16"),
        ] {
            let why = text.parse::<Match>().unwrap_err().to_string();
            assert!(why.contains(part), "{text}: {why}");
        }
        assert!("".parse::<Match>().is_ok(), "everything");
    }
}
