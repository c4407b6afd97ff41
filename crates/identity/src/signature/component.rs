//! What a signature covers (RFC 9421 section 2): fields, and what is derived from the request.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderName, Version};
use sfv::{BareItem, Dictionary, FieldType, Item, KeyRef, Parser};

use super::SignatureDenied;
use super::input::{joined, one_spelling};
use crate::Scheme;

/// A component of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Component {
    /// Name and parameters in their one spelling.
    pub(super) identifier: String,
    pub(super) of: Of,
}

/// What it is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Of {
    Derived(Derived),
    /// One parameter of the query, by its encoded name.
    QueryParam(String),
    Field(HeaderName),
    /// A member of a field that is a dictionary.
    Member(HeaderName, String),
    /// A field's lines as bytes.
    Bytes(HeaderName),
}

/// Components that are derived from the request's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Derived {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
}

impl Derived {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "@method" => Self::Method,
            "@target-uri" => Self::TargetUri,
            "@authority" => Self::Authority,
            "@scheme" => Self::Scheme,
            "@request-target" => Self::RequestTarget,
            "@path" => Self::Path,
            "@query" => Self::Query,
            _ => return None,
        })
    }

    /// Whether who covers this has covered `other`, too.
    const fn includes(self, other: Self) -> bool {
        match self {
            Self::TargetUri => matches!(
                other,
                Self::TargetUri | Self::Scheme | Self::Authority | Self::Path | Self::Query
            ),
            Self::RequestTarget => {
                matches!(other, Self::RequestTarget | Self::Path | Self::Query)
            }
            _ => self as u8 == other as u8,
        }
    }
}

/// Whether components cover the one of this name, as a whole.
pub(super) fn covers(components: &[Component], name: &str) -> bool {
    let derived = Derived::named(name);
    components.iter().any(|component| match &component.of {
        Of::Derived(own) => derived.is_some_and(|other| own.includes(other)),
        Of::Field(own) | Of::Bytes(own) => own == name,
        Of::QueryParam(_) | Of::Member(..) => false,
    })
}

impl Component {
    /// As it stands in `Signature-Input`. Components of answers and of trailers are none here, and
    /// `sf` needs to know each field's type.
    pub(super) fn read(item: &Item) -> Result<Self, SignatureDenied> {
        let name = item
            .bare_item
            .as_string()
            .ok_or(SignatureDenied::Malformed)?;
        let mut params = item.params.iter();
        let param = params.next().map(|(key, value)| (key.as_str(), value));
        if params.next().is_some() {
            return Err(SignatureDenied::Component);
        }
        let of = match (name.as_str(), param) {
            ("@query-param", Some(("name", BareItem::String(name)))) => {
                Of::QueryParam(name.as_str().to_owned())
            }
            (name, None) if name.starts_with('@') => {
                Of::Derived(Derived::named(name).ok_or(SignatureDenied::Component)?)
            }
            (name, param) => field(name, param)?,
        };
        Ok(Self {
            identifier: item.serialize(),
            of,
        })
    }
}

fn field(name: &str, param: Option<(&str, &BareItem)>) -> Result<Of, SignatureDenied> {
    let known = name.parse::<HeaderName>();
    let known = known.ok().filter(|known| known.as_str() == name);
    let known = known.ok_or(SignatureDenied::Component)?;
    Ok(match param {
        None => Of::Field(known),
        Some(("bs", BareItem::Boolean(true))) => Of::Bytes(known),
        Some(("key", BareItem::String(key))) => Of::Member(known, key.as_str().to_owned()),
        Some(_) => return Err(SignatureDenied::Component),
    })
}

/// A request, as a signature sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'r> {
    pub(super) head: &'r Parts,
    pub(super) scheme: Scheme,
}

impl Request<'_> {
    /// The value of a component (RFC 9421 sections 2.1 and 2.2).
    pub(super) fn value(&self, component: &Component) -> Result<String, SignatureDenied> {
        let headers = &self.head.headers;
        let value = match &component.of {
            Of::Derived(derived) => self.derived(*derived),
            Of::QueryParam(name) => self.query_param(name),
            Of::Field(name) => joined(headers, name),
            Of::Member(name, key) => joined(headers, name).and_then(|text| member(&text, key)),
            Of::Bytes(name) => {
                let lines = headers.get_all(name).iter().map(|value| {
                    let line = value.as_bytes().trim_ascii();
                    format!(":{}:", STANDARD.encode(line))
                });
                let lines: Vec<String> = lines.collect();
                (!lines.is_empty()).then(|| lines.join(", "))
            }
        };
        value.ok_or(SignatureDenied::Component)
    }

    fn derived(&self, derived: Derived) -> Option<String> {
        let uri = &self.head.uri;
        let path = match uri.path() {
            "" => "/",
            path => path,
        };
        let query = || uri.query().map(|query| format!("?{query}"));
        Some(match derived {
            Derived::Method => self.head.method.as_str().to_owned(),
            Derived::Scheme => self.scheme.name().to_owned(),
            Derived::Authority => self.authority()?,
            Derived::Path => path.to_owned(),
            // Without a query it is the mark alone (section 2.2.7).
            Derived::Query => query().unwrap_or_else(|| "?".to_owned()),
            Derived::TargetUri => {
                let (scheme, authority) = (self.scheme.name(), self.authority()?);
                let query = query().unwrap_or_default();
                format!("{scheme}://{authority}{path}{query}")
            }
            // In absolute form it is what was sent; HTTP/2 has its path only (section 2.2.5).
            Derived::RequestTarget if self.head.version < Version::HTTP_2 => uri.to_string(),
            Derived::RequestTarget => format!("{path}{}", query().unwrap_or_default()),
        })
    }

    /// In lower case, without the scheme's own port (section 2.2.3).
    fn authority(&self) -> Option<String> {
        let named = match self.head.uri.authority() {
            Some(authority) => authority.as_str(),
            None => self.head.headers.get(HOST)?.to_str().ok()?,
        };
        let named = named.to_ascii_lowercase();
        let bare = named.strip_suffix(self.scheme.port()).unwrap_or(&named);
        Some(bare.to_owned())
    }

    /// The value of the one parameter of this name, encoded anew (section 2.2.8). One that comes
    /// twice cannot be covered.
    fn query_param(&self, name: &str) -> Option<String> {
        let query = self.head.uri.query()?;
        let mut found = query.split('&').filter_map(|pair| {
            let (own, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(own) == name).then_some(value)
        });
        let value = found.next()?;
        found.next().is_none().then(|| encoded(value))
    }
}

fn member(text: &str, key: &str) -> Option<String> {
    let members: Dictionary = Parser::new(text).parse().ok()?;
    let entry = members.get(KeyRef::from_str(key).ok()?)?;
    one_spelling(entry.clone()).ok()
}

/// A name or value of a form (WHATWG URL, application/x-www-form-urlencoded) decoded, and encoded
/// anew with `%20` for a space.
fn encoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escape = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = after;
        match (escape, first) {
            (Some((high, low)), _) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            (None, b'+') => bytes.push(b' '),
            (None, byte) => bytes.push(*byte),
        }
    }
    // What is no UTF-8 is read with marks in its place, as forms are.
    let text = String::from_utf8_lossy(&bytes);
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    out
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
