//! A node's questions to itself: does its own door answer?
//!
//! `OPTIONS *` asks of a server as a whole (RFC 9110 section 9.3.7). With a word that only this
//! process knows it is answered before any route is looked for, and is neither logged nor counted.

use std::fmt;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use tidegate_net::Busy;

use crate::body::Answer;
use crate::observe::Story;

/// The header that carries the word.
const OWN_HEADER: &str = "tidegate-self";

/// A word that only this process knows.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnWord(String);

impl fmt::Debug for OwnWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnWord")
    }
}

impl OwnWord {
    /// A word of random bytes.
    #[must_use]
    pub fn new(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }

    /// The request that a door that answers `204` to is well.
    #[must_use]
    pub fn question(&self) -> String {
        format!(
            "OPTIONS * HTTP/1.1\r\nhost: localhost\r\n{OWN_HEADER}: {}\r\nconnection: close\r\n\r\n",
            self.0
        )
    }

    pub(crate) fn is_said_in(&self, head: &Parts) -> bool {
        head.method == Method::OPTIONS
            && head.uri.path() == "*"
            && head
                .headers
                .get(OWN_HEADER)
                .is_some_and(|said| said.as_bytes() == self.0.as_bytes())
    }
}

pub(crate) fn answer(mut story: Story, busy: Busy) -> Response<Answer> {
    story.untold = true;
    let mut response = Response::new(Answer::own(bytes::Bytes::new(), story, busy));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
