//! Where an API key stands in a request, and how it is taken out again before a service sees the
//! request.
//!
//! A key may come in a header, and if the operator allows it in the query, in a cookie, or as the
//! user of Basic (RFC 7617). One key in one place counts; two are none.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};

use crate::{Denied, KeysSpec};

/// Longer credentials of Basic are not decoded: no key is that long.
const BASIC_LEN_MAX: usize = 512;

/// Whether a key stands anywhere that keys may stand.
#[must_use]
pub fn is_present(head: &Parts, spec: &KeysSpec) -> bool {
    head.headers.contains_key(&spec.header) || others(head, spec).next().is_some()
}

/// The one key of a request.
///
/// # Errors
/// [`Denied::Missing`] if there is none or several, [`Denied::Malformed`] if it is no text.
pub fn present<'h>(head: &'h Parts, spec: &KeysSpec) -> Result<Cow<'h, str>, Denied> {
    let in_header = head.headers.get_all(&spec.header).iter();
    let in_header =
        in_header.map(|field| field.to_str().map(Cow::from).map_err(|_| Denied::Malformed));
    let mut found = in_header.chain(others(head, spec));
    match (found.next(), found.next()) {
        (Some(key), None) => key,
        _ => Err(Denied::Missing),
    }
}

/// Keys in other places than the header.
fn others<'h>(
    head: &'h Parts,
    spec: &KeysSpec,
) -> impl Iterator<Item = Result<Cow<'h, str>, Denied>> {
    let in_query = spec.query.as_deref().into_iter().flat_map(|name| {
        let query = head.uri.query().unwrap_or_default();
        query
            .split('&')
            .filter_map(move |pair| value_of(pair, name))
    });
    let in_cookie = spec.cookie.as_deref().into_iter().flat_map(|name| {
        let fields = head.headers.get_all(COOKIE).iter();
        let pairs = fields.filter_map(|field| field.to_str().ok());
        let pairs = pairs.flat_map(|field| field.split(';'));
        pairs.filter_map(move |pair| value_of(pair.trim(), name))
    });
    let plain = in_query
        .chain(in_cookie)
        .map(|text| Ok(Cow::Borrowed(text)));
    let fields = head.headers.get_all(AUTHORIZATION).iter();
    let in_basic = fields.filter(|_| spec.basic).filter_map(basic_user);
    plain.chain(in_basic)
}

fn value_of<'t>(pair: &'t str, name: &str) -> Option<&'t str> {
    pair.strip_prefix(name)?.strip_prefix('=')
}

/// The user of Basic; `None` if the field is of another scheme.
fn basic_user<'h>(field: &'h HeaderValue) -> Option<Result<Cow<'h, str>, Denied>> {
    let encoded = basic(field)?;
    let decoded = (encoded.len() <= BASIC_LEN_MAX).then(|| STANDARD.decode(encoded).ok());
    let user = decoded.flatten().and_then(|bytes| {
        let text = String::from_utf8(bytes).ok()?;
        Some(text.split_once(':')?.0.to_owned())
    });
    Some(user.map(Cow::Owned).ok_or(Denied::Malformed))
}

/// The credentials of Basic.
fn basic(field: &HeaderValue) -> Option<&str> {
    let (scheme, rest) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| rest.trim())
}

/// Takes keys out of a head's fields.
pub fn strip_fields(headers: &mut HeaderMap, spec: &KeysSpec) {
    headers.remove(&spec.header);
    if spec.basic
        && headers
            .get(AUTHORIZATION)
            .is_some_and(|field| basic(field).is_some())
    {
        headers.remove(AUTHORIZATION);
    }
    if let Some(name) = &spec.cookie {
        strip_cookie(headers, name);
    }
}

fn strip_cookie(headers: &mut HeaderMap, name: &str) {
    let fields: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for field in fields {
        let Ok(text) = field.to_str() else {
            headers.append(COOKIE, field);
            continue;
        };
        let kept = text
            .split(';')
            .map(str::trim)
            .filter(|pair| value_of(pair, name).is_none());
        let kept: Vec<&str> = kept.collect();
        if let Ok(value) = HeaderValue::from_str(&kept.join("; "))
            && !value.is_empty()
        {
            headers.append(COOKIE, value);
        }
    }
}

/// A target without keys in its query.
#[must_use]
pub fn strip_query(target: PathAndQuery, spec: &KeysSpec) -> PathAndQuery {
    let (Some(name), Some(query)) = (&spec.query, target.query()) else {
        return target;
    };
    let holds = |pair: &&str| value_of(pair, name).is_some();
    if !query.split('&').any(|pair| holds(&pair)) {
        return target;
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !holds(pair)).collect();
    let text = match kept[..] {
        [] => target.path().to_owned(),
        _ => format!("{}?{}", target.path(), kept.join("&")),
    };
    text.parse().expect("parts of a parsed target")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn spec() -> KeysSpec {
        KeysSpec {
            query: Some("key".to_owned()),
            cookie: Some("key".to_owned()),
            basic: true,
            ..KeysSpec::default()
        }
    }

    fn head(target: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_key_is_found_where_the_operator_allows_it_and_taken_out_again() {
        let basic = format!("basic {}", STANDARD.encode("k1:"));
        let basic_field = [("authorization", basic.as_str())];
        for (target, fields, rest) in [
            ("/x?a=1", &[("x-api-key", "k1")][..], "/x?a=1"),
            ("/x?a=1&key=k1&b", &[], "/x?a=1&b"),
            ("/x?key=k1", &[], "/x"),
            ("/x", &[("cookie", "a=1; key=k1; b=2")], "/x"),
            ("/x", &basic_field, "/x"),
        ] {
            let mut head = head(target, fields);
            assert_eq!(
                present(&head, &spec()).unwrap(),
                "k1",
                "{target} {fields:?}"
            );
            assert!(is_present(&head, &spec()));
            let only_header = is_present(&head, &KeysSpec::default());
            assert_eq!(
                only_header,
                fields.iter().any(|(name, _)| *name == "x-api-key")
            );
            strip_fields(&mut head.headers, &spec());
            let target = strip_query(target.parse().unwrap(), &spec());
            assert_eq!(target.as_str(), rest);
            let left: Vec<_> = head.headers.values().collect();
            assert!(left.is_empty() || left == ["a=1; b=2"], "{left:?}");
        }
    }

    #[test]
    fn two_keys_are_none_and_a_broken_one_is_no_key() {
        let denied = |target, fields: &[_]| present(&head(target, fields), &spec()).unwrap_err();
        let two = [("x-api-key", "k1"), ("cookie", "key=k1")];
        assert_eq!(denied("/x", &two), Denied::Missing);
        assert_eq!(denied("/x?key=k1&key=k2", &[]), Denied::Missing);
        assert_eq!(
            denied("/x?keys=k1", &[("authorization", "Bearer x")]),
            Denied::Missing
        );
        for broken in ["Basic *", "Basic", "Basic YQ=="] {
            let wrong = head("/x", &[("authorization", broken)]);
            let found = present(&wrong, &spec());
            assert!(found.is_err(), "{broken}");
        }
        let long = format!("Basic {}", STANDARD.encode("a".repeat(600)));
        assert_eq!(denied("/x", &[("authorization", &long)]), Denied::Malformed);
    }

    #[test]
    fn what_is_no_key_of_ours_stays() {
        let mut head = head(
            "/x",
            &[
                ("authorization", "Bearer x"),
                ("cookie", "a=1"),
                ("cookie", "b=2; keys=3"),
            ],
        );
        let before = head.headers.clone();
        strip_fields(&mut head.headers, &spec());
        assert_eq!(head.headers, before);
        let target: PathAndQuery = "/x?a=%26key=1&&keys=2".parse().unwrap();
        assert_eq!(strip_query(target.clone(), &spec()), target);
    }
}
