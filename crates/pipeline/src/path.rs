//! One spelling for every path (RFC 3986 section 6.2.2), so that what was matched is what is
//! forwarded.
//!
//! Percent-encoded unreserved characters are decoded, remaining escapes get upper-case digits, dot
//! segments are resolved and repeated slashes merged. What services disagree about is refused
//! rather than guessed: an encoded slash, backslash or NUL, a bare backslash, dot segments that
//! climb above the root, and those with a parameter (`..;x`), which servlets resolve and others
//! take for a name.

use std::borrow::Cow;

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadPath {
    /// `%2F`, `%5C`, `%00`, a bare backslash, or dots with a parameter (`..;`).
    Ambiguous,
    /// A percent sign without two hexadecimal digits.
    BrokenEscape,
    /// More `..` than there are segments.
    AboveRoot,
    /// Does not start with a slash.
    Relative,
}

/// The path in its one spelling; borrowed if it had it already.
///
/// # Errors
/// [`BadPath`].
pub fn normalize(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if !path.starts_with('/') {
        return Err(BadPath::Relative);
    }
    if path.contains('\\') {
        return Err(BadPath::Ambiguous);
    }
    let plain = !path.contains('%') && !path.contains("//") && !path.contains("/.");
    if plain {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = decode_unreserved(path)?;
    resolve_dots(&decoded).map(Cow::Owned)
}

fn decode_unreserved(path: &str) -> Result<String, BadPath> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 3).ok_or(BadPath::BrokenEscape)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadPath::BrokenEscape);
        }
        let byte = u8::from_str_radix(digits, 16).map_err(|_| BadPath::BrokenEscape)?;
        match byte {
            b'/' | b'\\' | 0 => return Err(BadPath::Ambiguous),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Ok(out)
}

/// RFC 3986 section 5.2.4, and repeated slashes merged.
fn resolve_dots(path: &str) -> Result<String, BadPath> {
    let mut segments: Vec<&str> = Vec::new();
    let mut last_is_folder = false;
    for segment in path.split('/').skip(1) {
        if let Some(("." | "..", _)) = segment.split_once(';') {
            return Err(BadPath::Ambiguous);
        }
        last_is_folder = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop().ok_or(BadPath::AboveRoot)?;
            }
            _ => segments.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &segments {
        out.push('/');
        out.push_str(segment);
    }
    if last_is_folder || segments.is_empty() {
        out.push('/');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_has_one_form() {
        for (path, want) in [
            ("/", Ok("/")),
            ("/a/b", Ok("/a/b")),
            ("/a/b/", Ok("/a/b/")),
            ("/a/./b", Ok("/a/b")),
            ("/a/../b", Ok("/b")),
            ("/a/b/..", Ok("/a/")),
            ("/a/%2e%2E/b", Ok("/b")),
            ("//a///b", Ok("/a/b")),
            ("/%61dmin", Ok("/admin")),
            ("/a%20b%c3%a4", Ok("/a%20b%C3%A4")),
            ("/.well-known/x", Ok("/.well-known/x")),
            ("/a..b", Ok("/a..b")),
            ("/a%2Fb", Err(BadPath::Ambiguous)),
            ("/a%5cb", Err(BadPath::Ambiguous)),
            ("/a\\b", Err(BadPath::Ambiguous)),
            ("/a/..;/b", Err(BadPath::Ambiguous)),
            ("/a/.;x=1/b", Err(BadPath::Ambiguous)),
            ("/a/%2e.;/b", Err(BadPath::Ambiguous)),
            ("/a;..;/b", Ok("/a;..;/b")),
            ("/a%00", Err(BadPath::Ambiguous)),
            ("/a%2", Err(BadPath::BrokenEscape)),
            ("/a%zz", Err(BadPath::BrokenEscape)),
            ("/a%+1", Err(BadPath::BrokenEscape)),
            ("/%ü", Err(BadPath::BrokenEscape)),
            ("/..", Err(BadPath::AboveRoot)),
            ("/a/../../b", Err(BadPath::AboveRoot)),
            ("*", Err(BadPath::Relative)),
            ("", Err(BadPath::Relative)),
        ] {
            assert_eq!(normalize(path).as_deref(), want.as_deref(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn the_one_form_is_its_own_one_form(path in "/([a-c./%]|%2[eEfF]|%6[1-3]|\\PC){0,12}") {
            if let Ok(once) = normalize(&path) {
                prop_assert_eq!(normalize(&once), Ok(Cow::Borrowed(&*once)));
                prop_assert!(!once.contains("//") && !once.split('/').any(|s| s == ".."));
            }
        }
    }
}
