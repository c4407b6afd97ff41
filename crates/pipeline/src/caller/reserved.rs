//! Fields that clients may not send, in any spelling.
//!
//! Servers disagree about names: CGI and all its heirs (WSGI, Rack, PHP) make `X_User_Id`,
//! `X.User.Id` and `X-User-Id` one variable. So names are compared with everything but letters and
//! digits read as `-`.

use http::{HeaderMap, HeaderName};

/// Fields that services, proxies and frameworks take as the word of whoever stands before them
/// about the caller. `*` at the end stands for all that begin so.
const USUAL: &[&str] = &[
    "cf-access-*",
    "remote-email",
    "remote-groups",
    "remote-name",
    "remote-user",
    "ssl-client-*",
    "x-amzn-oidc-*",
    "x-anonymous-consumer",
    "x-auth-request-*",
    "x-authenticated-*",
    "x-client-cert*",
    "x-consumer*",
    "x-credential*",
    "x-forwarded-access-token",
    "x-forwarded-client-cert*",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-goog-authenticated-*",
    "x-goog-iap-*",
    "x-jwt-*",
    "x-ms-client-principal*",
    "x-remote-*",
    "x-role",
    "x-roles",
    "x-scope",
    "x-scopes",
    "x-ssl-client-*",
    "x-tidegate-*",
    "x-user",
    "x-user-email",
    "x-user-group",
    "x-user-groups",
    "x-user-id",
    "x-user-name",
    "x-user-role",
    "x-user-roles",
    "x-user-scope",
    "x-user-scopes",
    "x-userid",
    "x-username",
];

/// Fields with a meaning of their own in the right spelling; in another they have none, but a
/// server may see one.
const SPELLED: &[&str] = &[
    "authorization",
    "content-length",
    "forwarded",
    "host",
    "proxy-authorization",
    "transfer-encoding",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

/// Longer names are compared by their beginning only.
const NAME_MAX: usize = 128;

/// A set of names, sorted, in which no name begins with an open one.
#[derive(Debug)]
pub(crate) struct Reserved {
    names: Vec<Name>,
    /// Whether some name begins with this byte: most fields are known to be harmless by it.
    first: [bool; 256],
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Name {
    text: Box<[u8]>,
    /// Whether it stands for all that begin so.
    open: bool,
}

impl Name {
    fn of(pattern: &str) -> Self {
        let text = pattern.strip_suffix('*').unwrap_or(pattern);
        Self {
            text: text.bytes().map(plain).take(NAME_MAX).collect(),
            open: text.len() < pattern.len() || text.len() > NAME_MAX,
        }
    }

    fn takes(&self, folded: &[u8]) -> bool {
        match self.open {
            true => folded.starts_with(&self.text),
            false => *folded == *self.text,
        }
    }
}

/// One spelling for all that a server may read as the same.
const fn plain(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte.to_ascii_lowercase(),
        b'a'..=b'z' | b'0'..=b'9' => byte,
        _ => b'-',
    }
}

impl Reserved {
    /// What the gateway sets itself, what the operator adds, and what is usual but for what is
    /// kept.
    pub(crate) fn new<'s>(
        set: impl Iterator<Item = &'s str>,
        strip: &[String],
        keep: &[String],
    ) -> Self {
        let kept: Vec<Name> = keep.iter().map(|pattern| Name::of(pattern)).collect();
        let usual = USUAL.iter().map(|pattern| Name::of(pattern));
        let usual = usual.filter(|name| !kept.iter().any(|kept| kept.takes(&name.text)));
        let strip = strip.iter().map(|pattern| Name::of(pattern));
        let mut all: Vec<Name> = set.map(Name::of).chain(strip).chain(usual).collect();
        all.sort();
        let mut names: Vec<Name> = Vec::with_capacity(all.len());
        for name in all {
            match names.last_mut() {
                Some(last) if last.open && name.text.starts_with(&last.text) => {}
                Some(last) if last.text == name.text => last.open |= name.open,
                _ => names.push(name),
            }
        }
        let mut first = [false; 256];
        for name in &names {
            first[usize::from(name.text.first().copied().unwrap_or_default())] = true;
        }
        Self { names, first }
    }

    fn holds(&self, field: &HeaderName) -> bool {
        let name = field.as_str().as_bytes();
        let odd = name.iter().any(|byte| plain(*byte) != *byte);
        let may_be = name
            .first()
            .is_some_and(|byte| self.first[usize::from(plain(*byte))]);
        if !odd && !may_be {
            return false;
        }
        let mut folded = [0; NAME_MAX];
        let length = name.len().min(NAME_MAX);
        for (to, from) in folded.iter_mut().zip(name) {
            *to = plain(*from);
        }
        let folded = &folded[..length];
        // Everything between an open name and a name that begins with it begins with it, too, and
        // such were left out: so the one before the place where it would stand is the only one.
        let after = self.names.partition_point(|name| *name.text <= *folded);
        let reserved = after > 0 && self.names[after - 1].takes(folded);
        reserved || odd && SPELLED.iter().any(|name| name.as_bytes() == folded)
    }

    /// Takes off all fields of these names.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        let found: Vec<HeaderName> = headers
            .keys()
            .filter(|name| self.holds(name))
            .cloned()
            .collect();
        for name in found {
            headers.remove(name);
        }
    }
}
