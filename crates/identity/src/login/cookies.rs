//! Cookies of logins: their names, how they are set, and how they are kept from services.
//!
//! All have the prefix `__Host-` (RFC 6265bis section 4.1.3.2): no other host, and no page without
//! TLS, can set one of these names, so nobody can put their own login under another's browser.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// What all our cookies begin with, of whatever method.
pub(super) const PREFIX: &str = "__Host-tidegate-";
/// What stands between a method's name and the login that a cookie is about.
pub(super) const OF_FLOW: char = '.';
/// Attributes of all of them.
const ATTRIBUTES: &str = "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=";

/// Cookies of a request: names and values.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let fields = headers.get_all(COOKIE).iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('='))
}

/// The one cookie of this name. Two are none: a browser sends one.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = cookies(headers).filter(|(given, _)| *given == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// What sets a cookie for so many seconds. `None` if it is larger than may be.
pub(super) fn set(name: &str, value: &str, secs: u64, bytes_max: usize) -> Option<HeaderValue> {
    let text = format!("{name}={value}{ATTRIBUTES}{secs}");
    if text.len() > bytes_max {
        return None;
    }
    let mut value = HeaderValue::from_maybe_shared(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What takes a cookie away.
pub(super) fn clear(name: &str) -> Option<HeaderValue> {
    set(name, "", 0, usize::MAX)
}

/// Takes cookies of logins out of a request, of whatever method they are: a service that saw one
/// could be its bearer.
pub fn strip_login_cookies(headers: &mut HeaderMap) {
    let holds = |field: &HeaderValue| {
        let prefix = PREFIX.as_bytes();
        field
            .as_bytes()
            .windows(prefix.len())
            .any(|part| part == prefix)
    };
    if !headers.get_all(COOKIE).iter().any(holds) {
        return;
    }
    let fields: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    headers.remove(COOKIE);
    for field in fields {
        let pairs = field.as_bytes().split(|byte| *byte == b';');
        let others = pairs
            .map(<[u8]>::trim_ascii)
            .filter(|pair| !pair.starts_with(PREFIX.as_bytes()) && !pair.is_empty());
        let others: Vec<&[u8]> = others.collect();
        if let Ok(value) = HeaderValue::from_bytes(&others.join(&b"; "[..]))
            && !value.is_empty()
        {
            // The map is full at 32,768 entries, and had these fields before.
            let _full = headers.try_append(COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(COOKIE, HeaderValue::from_bytes(field).unwrap());
        }
        headers
    }

    #[test]
    fn services_see_all_cookies_but_ours() {
        let mut headers = head(&[
            b"a=1; __Host-tidegate-web=x;b=2",
            b"__Host-tidegate-web.Abc=y",
            b"c=\xff; __Host-tidegate-other=z",
            b"d=__Host-tidegate-web",
        ]);
        strip_login_cookies(&mut headers);
        let left: Vec<_> = headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        assert_eq!(
            left,
            [&b"a=1; b=2"[..], b"c=\xff", b"d=__Host-tidegate-web"]
        );
    }

    #[test]
    fn two_cookies_of_a_name_are_none_and_large_ones_are_not_set() {
        assert_eq!(cookie(&head(&[b"a=1; b=2=3"]), "b"), Some("2=3"));
        assert_eq!(cookie(&head(&[b"a=1", b"a=1"]), "a"), None);
        assert_eq!(cookie(&head(&[b"A=1"]), "a"), None);
        let set_it = |bytes_max| set("a", "1", 60, bytes_max);
        let text = "a=1; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60";
        assert_eq!(set_it(text.len()).unwrap(), text);
        assert_eq!(set_it(text.len() - 1), None);
    }
}
