//! OTLP over gRPC: one connection of HTTP/2, made by our own connector.

use http::Uri;
use http::uri::PathAndQuery;
use tidegate_grpc::{Connection, Kept};
use tidegate_tokens::Connector;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic_prost::ProstCodec;

use super::{ANSWER_MAX, Target};
use crate::{Accepted, Export, Failure};

pub(super) struct Grpc {
    by: Connector,
    url: Uri,
    metadata: MetadataMap,
    gzip: bool,
    kept: Kept,
}

impl Grpc {
    pub(super) fn new(by: Connector, target: Target) -> Self {
        Self {
            by: by.for_http2(),
            url: target.url,
            metadata: MetadataMap::from_headers(target.headers),
            gzip: target.gzip,
            kept: Kept::default(),
        }
    }

    pub(super) async fn send<R: Export>(&self, request: &R) -> Result<Accepted, Failure> {
        let connection = self.connected().await?;
        let mut client = tonic::client::Grpc::with_origin(connection, self.url.clone());
        client = client.max_decoding_message_size(ANSWER_MAX);
        if self.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let ready = client.ready().await;
        ready.map_err(|error| Failure::unreachable(&error))?;
        let mut call = tonic::Request::new(request.clone());
        *call.metadata_mut() = self.metadata.clone();
        let path = PathAndQuery::from_static(R::GRPC_PATH);
        let codec = ProstCodec::<R, R::Answer>::default();
        match client.unary(call, path, codec).await {
            Ok(answer) => Ok(R::accepted(answer.into_inner())),
            Err(status) => Err(Failure::code(&status)),
        }
    }

    pub(super) async fn hang_up(&self) {
        self.kept.hang_up().await;
    }

    async fn connected(&self) -> Result<Connection, Failure> {
        let connected = self.kept.connected(self.by.connect(&self.url)).await;
        connected.map_err(|error| Failure::unreachable(&error))
    }
}
