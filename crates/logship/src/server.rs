//! A server of HTTP that takes batches in one of the shapes.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Uri};
use tidegate_otlp::gzipped;
use tidegate_tokens::Connector;

use crate::batch::Batch;
use crate::body::Shape;
use crate::client::HttpClient;
use crate::failure::Failure;

/// A server of HTTP.
pub struct Server {
    client: HttpClient,
    fields: HeaderMap,
    shape: Shape,
    gzip: bool,
    timeout: Duration,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// Nothing is connected yet. A URL without a path gets the one that is usual for the shape.
    #[must_use]
    pub fn new(
        connector: Connector,
        url: Uri,
        headers: HeaderMap,
        shape: Shape,
        gzip: bool,
        timeout: Duration,
    ) -> Self {
        let client = HttpClient::new(connector, with_path(url, shape.usual_path()));
        let mut fields = client.fields();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(shape.media_type()));
        if gzip {
            fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        shape.add_fields(&mut fields);
        fields.extend(headers);
        Self {
            client,
            fields,
            shape,
            gzip,
            timeout,
        }
    }

    pub(crate) fn cost(&self, line: &[u8]) -> Option<usize> {
        self.shape.cost(line)
    }

    pub(crate) async fn send(&self, batch: &Batch) -> Result<(), Failure> {
        let body = self.shape.body(batch);
        let body = if self.gzip { gzipped(&body) } else { body };
        let sent = self
            .client
            .post(&self.fields, Bytes::from(body), self.timeout);
        let answer = sent.await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(Failure::status(answer.status, answer.after))
    }
}

fn with_path(url: Uri, path: &'static str) -> Uri {
    let has_path = url
        .path_and_query()
        .is_some_and(|path| path.as_str() != "/");
    if has_path {
        return url;
    }
    let mut parts = url.clone().into_parts();
    parts.path_and_query = Some(path.parse().expect("a path of ours"));
    Uri::from_parts(parts).unwrap_or(url)
}
