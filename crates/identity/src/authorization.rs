//! The `Authorization` field (RFC 9110 section 11.6.2), which several methods share: each has a
//! scheme of its own.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

/// What the field holds for one scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presented<'h> {
    /// No credentials of this scheme.
    Absent,
    /// Several fields, or no text.
    Ambiguous,
    /// What follows the scheme.
    Credentials(&'h str),
}

fn is_of(field: &[u8], scheme: &str) -> bool {
    let start = field.get(..scheme.len());
    let after = field.get(scheme.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes())) && after == Some(&b' ')
}

/// The credentials of a request. Other schemes are somebody else's.
pub(crate) fn presented<'h>(head: &'h Parts, scheme: &str) -> Presented<'h> {
    let fields = head.headers.get_all(AUTHORIZATION);
    if !fields.iter().any(|field| is_of(field.as_bytes(), scheme)) {
        return Presented::Absent;
    }
    let mut fields = fields.iter();
    match (fields.next().map(|field| field.to_str()), fields.next()) {
        (Some(Ok(text)), None) => Presented::Credentials(&text[scheme.len() + 1..]),
        _ => Presented::Ambiguous,
    }
}

/// Takes credentials of a scheme off, so that a service does not see them.
pub(crate) fn conceal(headers: &mut HeaderMap, scheme: &str) {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    if fields.any(|field| is_of(field.as_bytes(), scheme)) {
        headers.remove(AUTHORIZATION);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(fields: &[&str]) -> Parts {
        let mut request = Request::get("/");
        for field in fields {
            request = request.header(AUTHORIZATION, *field);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_method_sees_its_own_scheme_only() {
        for (fields, want) in [
            (&["Bearer abc"][..], Presented::Credentials("abc")),
            (&["bEARER abc"], Presented::Credentials("abc")),
            (&["Bearer  abc"], Presented::Credentials(" abc")),
            (&["Bearerabc"], Presented::Absent),
            (&["Bearer"], Presented::Absent),
            (&["Basic abc"], Presented::Absent),
            (&[], Presented::Absent),
            (&["Basic abc", "Bearer abc"], Presented::Ambiguous),
            (&["Bearer \u{e4}"], Presented::Ambiguous),
        ] {
            assert_eq!(presented(&head(fields), "Bearer"), want, "{fields:?}");
        }
    }

    #[test]
    fn what_is_concealed_is_gone_in_every_field() {
        let mut both = head(&["Basic abc", "Bearer abc"]);
        conceal(&mut both.headers, "Bearer");
        assert!(both.headers.is_empty());
        let mut other = head(&["Basic abc"]);
        conceal(&mut other.headers, "Bearer");
        assert_eq!(other.headers.len(), 1);
    }
}
