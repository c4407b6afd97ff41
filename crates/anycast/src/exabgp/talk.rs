//! ExaBGP's text API through the bridge: a command a line, answered by lines and `done` or `error`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// Until ExaBGP has answered. It takes some milliseconds.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const ANSWER_MAX: u64 = 256 * 1_024;

/// Why ExaBGP did not do what it was asked to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExaBgpError {
    /// No socket, or nobody behind it.
    #[error(
        "ExaBGP does not run: nobody listens at {0} (start exabgp with `tidegate exabgp-bridge` as its process, or set `anycast.exabgp.socket`)"
    )]
    Absent(PathBuf),
    /// The socket belongs to others.
    #[error("the socket {0} of ExaBGP's bridge may not be opened by this user")]
    Forbidden(PathBuf),
    /// It is there and says nothing.
    #[error("ExaBGP at {0} does not answer within two seconds (is `exabgp.api.ack` off?)")]
    Silent(PathBuf),
    /// The connection broke.
    #[error("ExaBGP at {0} hung up: {1}")]
    Broken(PathBuf, String),
    /// It did not take an order.
    #[error("ExaBGP refused `{0}`")]
    Refused(String),
    /// It took the order and holds nothing: the route fits no neighbour.
    #[error(
        "ExaBGP took the order and announces nothing: no neighbour of its configuration takes these prefixes"
    )]
    Deaf,
    /// No session is up.
    #[error("ExaBGP has no session with any neighbour: nobody hears what it announces")]
    Alone,
}

/// Talks to one ExaBGP.
#[derive(Debug)]
pub(super) struct Talk {
    path: PathBuf,
    stream: BufReader<UnixStream>,
    booted: String,
}

impl Talk {
    pub(super) async fn open(path: &Path) -> Result<Self, ExaBgpError> {
        let opening = async {
            let stream = UnixStream::connect(path).await;
            let stream = stream.map_err(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => ExaBgpError::Forbidden(path.to_owned()),
                _ => ExaBgpError::Absent(path.to_owned()),
            })?;
            let mut talk = Self {
                path: path.to_owned(),
                stream: BufReader::new(stream),
                booted: String::new(),
            };
            // The bridge says when it was started: with ExaBGP.
            let mut left = ANSWER_MAX;
            talk.booted = talk.line(&mut left).await?;
            Ok(talk)
        };
        let opened = tokio::time::timeout(TIMEOUT, opening).await;
        opened.map_err(|_| ExaBgpError::Silent(path.to_owned()))?
    }

    pub(super) fn booted(&self) -> &str {
        &self.booted
    }

    /// Gives an order.
    pub(super) async fn order(&mut self, order: &str) -> Result<(), ExaBgpError> {
        self.ask(order).await.map(|_| ())
    }

    /// Asks, and returns the lines before `done`.
    pub(super) async fn ask(&mut self, command: &str) -> Result<Vec<String>, ExaBgpError> {
        let asking = async {
            let sent = self.stream.get_mut();
            let sent = sent.write_all(format!("{command}\n").as_bytes()).await;
            sent.map_err(|error| self.broken(&error.to_string()))?;
            let (mut lines, mut left) = (Vec::new(), ANSWER_MAX);
            loop {
                match self.line(&mut left).await? {
                    line if line == "done" => return Ok(lines),
                    line if line == "error" => {
                        return Err(ExaBgpError::Refused(command.to_owned()));
                    }
                    line if line == "shutdown" => {
                        return Err(self.broken("it is shutting down"));
                    }
                    line => lines.push(line),
                }
            }
        };
        match tokio::time::timeout(TIMEOUT, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(ExaBgpError::Silent(self.path.clone())),
        }
    }

    /// Sees that some session is up.
    pub(super) async fn see_a_neighbour(&mut self) -> Result<(), ExaBgpError> {
        let lines = self.ask("show neighbor summary").await?;
        let up = |line: &String| line.split_whitespace().any(|word| word == "established");
        if lines.iter().any(up) {
            Ok(())
        } else {
            Err(ExaBgpError::Alone)
        }
    }

    fn broken(&self, why: &str) -> ExaBgpError {
        ExaBgpError::Broken(self.path.clone(), why.to_owned())
    }

    async fn line(&mut self, left: &mut u64) -> Result<String, ExaBgpError> {
        let mut line = Vec::new();
        let mut rest = (&mut self.stream).take(*left);
        let read = rest.read_until(b'\n', &mut line).await;
        let read = read.map_err(|error| self.broken(&error.to_string()))?;
        if line.last() != Some(&b'\n') {
            return Err(self.broken("it ended in the middle of an answer"));
        }
        *left = left.saturating_sub(read as u64);
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}
