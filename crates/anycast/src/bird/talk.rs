//! BIRD's control socket: a line goes in, numbered lines come out, the last of them has a space
//! after its number.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// Until BIRD has answered. It answers within a millisecond, unless it is frozen.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The longest answer that is read.
const ANSWER_MAX: u64 = 64 * 1_024;

/// Why BIRD did not do what it was asked to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BirdError {
    /// No socket, or nobody behind it.
    #[error("BIRD does not run: nobody listens at {0} (start bird, or set `anycast.bird.socket`)")]
    Absent(PathBuf),
    /// The socket belongs to others.
    #[error("BIRD's socket {0} may not be opened by this user (add it to the group `bird`)")]
    Forbidden(PathBuf),
    /// It is there and says nothing.
    #[error("BIRD at {0} does not answer within a second")]
    Silent(PathBuf),
    /// The connection broke.
    #[error("BIRD at {0} hung up: {1}")]
    Broken(PathBuf, String),
    /// The socket only answers questions.
    #[error("BIRD at {0} refuses orders: the socket is restricted")]
    Restricted(PathBuf),
    /// The configuration of BIRD lacks the protocol.
    #[error(
        "BIRD has no protocol `{0}`: its configuration does not hold what `anycast.bird` names"
    )]
    NoProtocol(String),
    /// The protocol is up and does not hold the prefix.
    #[error(
        "BIRD's protocol `{protocol}` is up, but has no route for {prefix}: the prefix is not its own, or the device that \
         carries it is gone"
    )]
    NotOurs {
        /// Which protocol.
        protocol: String,
        /// Which prefix.
        prefix: String,
    },
    /// Anything else.
    #[error("BIRD answered `{0}`")]
    Refused(String),
}

/// An answer: lines with their numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) lines: Vec<(u16, String)>,
}

impl Answer {
    pub(super) fn line(&self, code: u16) -> Option<&str> {
        let mut lines = self.lines.iter();
        lines
            .find(|(known, _)| *known == code)
            .map(|(_, text)| text.as_str())
    }

    /// The first line that reports a failure.
    fn failure(&self) -> Option<&(u16, String)> {
        self.lines.iter().find(|(code, _)| *code >= 8_000)
    }
}

/// Talks to one BIRD.
#[derive(Debug)]
pub(super) struct Talk {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Talk {
    pub(super) async fn open(path: &Path) -> Result<Self, BirdError> {
        let opening = async {
            let stream = UnixStream::connect(path)
                .await
                .map_err(|error| match error.kind() {
                    io::ErrorKind::PermissionDenied => BirdError::Forbidden(path.to_owned()),
                    _ => BirdError::Absent(path.to_owned()),
                })?;
            let mut talk = Self {
                path: path.to_owned(),
                stream: BufReader::new(stream),
            };
            talk.answer().await.map(|_| talk)
        };
        tokio::time::timeout(TIMEOUT, opening)
            .await
            .map_err(|_| BirdError::Silent(path.to_owned()))?
    }

    /// Asks, and returns the answer whatever it is, as long as it is one.
    pub(super) async fn ask(&mut self, line: &str) -> Result<Answer, BirdError> {
        let asking = async {
            let sent = self
                .stream
                .get_mut()
                .write_all(format!("{line}\n").as_bytes())
                .await;
            sent.map_err(|error| self.broken(&error.to_string()))?;
            self.answer().await
        };
        match tokio::time::timeout(TIMEOUT, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(BirdError::Silent(self.path.clone())),
        }
    }

    /// Gives an order about a protocol.
    pub(super) async fn order(&mut self, verb: &str, protocol: &str) -> Result<(), BirdError> {
        let answer = self.ask(&format!("{verb} {protocol}")).await?;
        match answer.failure() {
            None => Ok(()),
            Some((8_003 | 9_001, _)) => Err(BirdError::NoProtocol(protocol.to_owned())),
            Some((8_007, _)) => Err(BirdError::Restricted(self.path.clone())),
            Some((_, text)) => Err(BirdError::Refused(text.clone())),
        }
    }

    fn broken(&self, why: &str) -> BirdError {
        BirdError::Broken(self.path.clone(), why.to_owned())
    }

    async fn answer(&mut self) -> Result<Answer, BirdError> {
        let mut lines: Vec<(u16, String)> = Vec::new();
        let mut left = ANSWER_MAX;
        loop {
            let mut line = Vec::new();
            let read = (&mut self.stream)
                .take(left)
                .read_until(b'\n', &mut line)
                .await;
            let read = read.map_err(|error| self.broken(&error.to_string()))?;
            if line.last() != Some(&b'\n') {
                return Err(self.broken("it ended in the middle of an answer"));
            }
            left = left.saturating_sub(read as u64);
            let text = String::from_utf8_lossy(&line);
            let Some((code, last, text)) = numbered(text.trim_end(), lines.last()) else {
                return Err(self.broken("it does not speak BIRD's protocol"));
            };
            lines.push((code, text));
            if last {
                return Ok(Answer { lines });
            }
        }
    }
}

/// A line's number, whether it is the last one, and its text. A line that begins with a blank goes
/// on under the number of the one before it.
fn numbered(line: &str, before: Option<&(u16, String)>) -> Option<(u16, bool, String)> {
    if let Some(text) = line.strip_prefix(' ') {
        return Some((before?.0, false, text.to_owned()));
    }
    let code = line.get(..4)?.parse().ok()?;
    let last = match line.as_bytes().get(4) {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    Some((code, last, line.get(5..).unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(
            numbered("1002-vip  Static", None),
            Some((1_002, false, "vip  Static".to_owned()))
        );
        assert_eq!(numbered("0000 ", None), Some((0, true, String::new())));
        assert_eq!(numbered("0000", None), Some((0, true, String::new())));
        let before = (1_007, String::new());
        assert_eq!(
            numbered(" more", Some(&before)),
            Some((1_007, false, "more".to_owned()))
        );
        for garbage in ["", " first", "HTTP/1.1 200 OK", "12", "1234x", "äöü€"] {
            assert_eq!(numbered(garbage, None), None, "{garbage}");
        }
    }
}
