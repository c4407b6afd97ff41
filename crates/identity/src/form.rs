//! application/x-www-form-urlencoded, as OAuth speaks it.

/// One name or value, encoded.
#[must_use]
pub fn form(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Names and values, encoded.
pub(crate) fn pairs<'p>(all: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let pairs = all
        .into_iter()
        .map(|(name, value)| format!("{}={}", form(name), form(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The value of the one parameter of this name: an error if it stands there twice, or is no text.
pub(crate) fn parameter(query: &str, name: &str) -> Result<Option<String>, ()> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(given, _)| decode(given).as_deref() == Some(name));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) => decode(value).map(Some).ok_or(()),
        (Some(_), Some(_)) => Err(()),
    }
}

fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_again_and_nothing_is_read_twice() {
        let query = pairs([("a b", "x&y=%\u{e4}"), ("c", "")]);
        assert_eq!(query, "a+b=x%26y%3D%25%C3%A4&c=");
        assert_eq!(parameter(&query, "a b"), Ok(Some("x&y=%\u{e4}".to_owned())));
        assert_eq!(parameter(&query, "c"), Ok(Some(String::new())));
        assert_eq!(parameter(&query, "d"), Ok(None));
        for bad in ["s=1&s=2", "s=1&%73=2", "s=%", "s=%4", "s=%zz", "s=%ff"] {
            assert_eq!(parameter(bad, "s"), Err(()), "{bad}");
        }
    }
}
