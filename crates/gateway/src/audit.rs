//! A record of each change that an operator made by the admin door: one JSON object a line,
//! appended to `audit.jsonl` in the node's folder.
//!
//! The file is opened for each line, so that it may be moved away at any time. It is never cut: an
//! operator's tools decide how long records are kept.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tidegate_identity::KeyId;
use tidegate_model::{NodeId, Wall};
use tidegate_telemetry::Metrics;

/// Where records go.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    path: PathBuf,
    node: NodeId,
    metrics: Arc<Metrics>,
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) enum Action {
    #[serde(rename = "key.create")]
    Create,
    #[serde(rename = "key.rotate")]
    Rotate,
    #[serde(rename = "key.revoke")]
    Revoke,
    #[serde(rename = "key.import")]
    Import,
    #[serde(rename = "key.export")]
    Export,
    #[serde(rename = "limit.reset")]
    ResetLimit,
    #[serde(rename = "config.reload")]
    Reload,
    #[serde(rename = "node.drain")]
    Drain,
    #[serde(rename = "node.undrain")]
    Undrain,
    #[serde(rename = "steer.hold")]
    Hold,
    #[serde(rename = "steer.release")]
    Release,
    #[serde(rename = "node.trace")]
    Trace,
    #[serde(rename = "lab.link")]
    ChangeLink,
}

/// One record. There is no secret in it.
#[derive(Debug, Serialize)]
struct Record<'a> {
    time: String,
    node: String,
    /// Who asked the admin door.
    from: String,
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    /// `done`, or why not.
    outcome: &'a str,
}

/// What a record is about.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) action: Action,
    pub(crate) from: SocketAddr,
    pub(crate) kid: Option<KeyId>,
    pub(crate) consumer: Option<String>,
    /// What was changed, of what is no key: a subject's hash, a region.
    pub(crate) target: Option<String>,
    pub(crate) outcome: String,
}

impl Audit {
    pub(crate) const fn new(path: PathBuf, node: NodeId, metrics: Arc<Metrics>) -> Self {
        Self {
            path,
            node,
            metrics,
        }
    }

    /// Appends records, and waits until the system has them.
    pub(crate) async fn write(&self, deeds: Vec<Deed>, at: Wall) {
        let audit = self.clone();
        let count = deeds.len() as u64;
        let written = tokio::task::spawn_blocking(move || audit.append(&deeds, at)).await;
        let error = match written {
            Ok(Ok(())) => return self.metrics.keys.audited[0].add(count),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.metrics.keys.audited[1].add(count);
        tracing::error!(
            error,
            count,
            "Records of what operators changed are not on disk."
        );
    }

    fn append(&self, deeds: &[Deed], at: Wall) -> std::io::Result<()> {
        let mut text = String::new();
        for deed in deeds {
            text.push_str(&self.line(deed, at)?);
            text.push('\n');
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // One write: lines of two requests do not mix.
        options.open(&self.path)?.write_all(text.as_bytes())
    }

    fn line(&self, deed: &Deed, at: Wall) -> serde_json::Result<String> {
        serde_json::to_string(&Record {
            time: at.to_string(),
            node: self.node.to_string(),
            from: deed.from.to_string(),
            action: deed.action,
            kid: deed.kid.as_ref().map(KeyId::as_str),
            consumer: deed.consumer.as_deref(),
            target: deed.target.as_deref(),
            outcome: &deed.outcome,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn records_are_lines_of_json_and_a_full_disk_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let metrics = Arc::new(Metrics::new(1, &["other"]));
        let audit = Audit::new(path.clone(), "us/a".parse().unwrap(), Arc::clone(&metrics));
        let deed = Deed {
            action: Action::Revoke,
            from: ([127, 0, 0, 1], 9).into(),
            kid: Some("abcdefghij".parse().unwrap()),
            consumer: Some("a\n\"b".to_owned()),
            target: None,
            outcome: "done".to_owned(),
        };
        let at = Wall::from_unix_secs(0);
        audit.write(vec![deed.clone(), deed.clone()], at).await;
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(
            text.lines().next().unwrap(),
            r#"{"time":"1970-01-01T00:00:00.000Z","node":"us/a","from":"127.0.0.1:9","action":"key.revoke","kid":"abcdefghij","consumer":"a\n\"b","outcome":"done"}"#
        );
        let nowhere = Audit::new(folder.path().to_owned(), "us/a".parse().unwrap(), metrics);
        nowhere.write(vec![deed], at).await;
        assert_eq!(
            nowhere
                .metrics
                .keys
                .audited
                .each_ref()
                .map(tidegate_telemetry::Cell::get),
            [2, 1]
        );
    }
}
