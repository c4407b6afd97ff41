//! Sends requests to one collector.

mod grpc;
mod http;

use std::time::Duration;

use ::http::{HeaderMap, Uri};
use tidegate_tokens::Connector;

use crate::{Accepted, Export, Failure, Retry};
use grpc::Grpc;
use http::Http;

/// An answer larger than this is not read, in bytes.
const ANSWER_MAX: usize = 64 * 1_024;

/// A collector.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is. By HTTP, `/v1/traces` and the like are added to the path.
    pub url: Uri,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Fields that go with each request.
    pub headers: HeaderMap,
    /// Whether requests are compressed. All collectors take that.
    pub gzip: bool,
    /// An attempt takes so long at most.
    pub timeout: Duration,
}

/// How a collector is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Protobuf over HTTP/1.1.
    Http,
    /// gRPC.
    Grpc,
}

/// Sends requests to one collector, over one connection that is kept.
pub struct Exporter {
    by: By,
    timeout: Duration,
}

enum By {
    Http(Http),
    Grpc(Grpc),
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

impl Exporter {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(connector: Connector, target: Target) -> Self {
        let timeout = target.timeout;
        let by = match target.protocol {
            Protocol::Http => By::Http(Http::new(connector, target)),
            Protocol::Grpc => By::Grpc(Grpc::new(connector, target)),
        };
        Self { by, timeout }
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send<R: Export>(&self, request: &R) -> Result<Accepted, Failure> {
        let sent = async {
            match &self.by {
                By::Http(http) => http.send(request).await,
                By::Grpc(grpc) => grpc.send(request).await,
            }
        };
        let answer = tokio::time::timeout(self.timeout, sent).await;
        if answer.is_err() {
            // What the collector still says on this connection would belong to nobody.
            match &self.by {
                By::Http(http) => http.hang_up().await,
                By::Grpc(grpc) => grpc.hang_up().await,
            }
        }
        answer.unwrap_or_else(|_| Err(Failure::timeout(self.timeout)))
    }

    /// Sends a request, and again while that may help. `failed` hears of each attempt that failed.
    ///
    /// # Errors
    /// The last [`Failure`].
    pub async fn deliver<R: Export>(
        &self,
        request: &R,
        retry: Retry,
        mut failed: impl FnMut(&Failure),
    ) -> Result<Accepted, Failure> {
        let mut attempts = retry.first();
        loop {
            let failure = match self.send(request).await {
                Ok(accepted) => return Ok(accepted),
                Err(failure) => failure,
            };
            failed(&failure);
            let passing = failure.passing.then_some(failure.after);
            let Some(wait) = passing.and_then(|after| attempts.next_after(after)) else {
                return Err(failure);
            };
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests;
