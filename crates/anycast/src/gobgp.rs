//! Speaks to GoBGP 3, by its gRPC API.
//!
//! A node adds and deletes paths of its own prefixes in GoBGP's global table, and reads the table
//! back again and again. A path that GoBGP itself holds for one of the prefixes is taken for ours,
//! whoever added it; what it learned from neighbours is not touched.

mod api;
mod path;

use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;
use tidegate_grpc::Connection;
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::{Daemon, Held, Levels, Wanted};
use api::{
    AddPathRequest, DeletePathRequest, ListPathRequest, ListPathResponse, ListPeerRequest,
    ListPeerResponse, Nothing, Path, TableLookupPrefix,
};
use path::{OurPrefix, carries, path};

/// Until GoBGP has answered.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Neighbours that are looked at for one that is up.
const PEERS_MAX: usize = 256;
/// Paths of one prefix that are looked at.
const PATHS_MAX: usize = 256;
/// A neighbour's state, as GoBGP numbers it.
const ESTABLISHED: i32 = 6;

/// Why GoBGP did not do what it was asked to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GoBgpError {
    /// Nobody listens.
    #[error("GoBGP does not run: nobody listens at {0} (start gobgpd, or set `anycast.gobgp.api`)")]
    Absent(String),
    /// It is there and says nothing.
    #[error("GoBGP at {0} does not answer within two seconds")]
    Silent(String),
    /// It speaks another API.
    #[error("GoBGP at {0} does not know this order: its API is not that of GoBGP 3")]
    OtherApi(String),
    /// It did not take an order.
    #[error("GoBGP refused: {0}")]
    Refused(String),
    /// It took the order, and what it holds is not as wanted.
    #[error("GoBGP took the order for {0} and holds something else: somebody else sets it too")]
    NotOurs(String),
    /// No session is up.
    #[error("GoBGP has no session with any neighbour: nobody hears what it announces")]
    Alone,
}

/// What of GoBGP belongs to this node.
#[derive(Clone, Debug)]
pub struct GoBgp {
    api: String,
    origin: Uri,
    local_as: u32,
    next_hops: Vec<IpAddr>,
    prefixes: Vec<OurPrefix>,
    levels: Levels,
}

impl Daemon for GoBgp {
    const NAME: &'static str = "GoBGP";
    type Error = GoBgpError;

    async fn hold(&mut self, wanted: Wanted) -> Result<Held, GoBgpError> {
        let corrected = self.correct(wanted).await?;
        if corrected && self.correct(wanted).await? {
            let all: Vec<String> = self.prefixes.iter().map(ToString::to_string).collect();
            return Err(GoBgpError::NotOurs(all.join(", ")));
        }
        if wanted != Wanted::Withdrawn {
            self.see_a_neighbour().await?;
        }
        Ok(Held {
            corrected,
            booted: String::new(),
        })
    }
}

impl GoBgp {
    /// GoBGP's API at `api` (`ADDRESS:PORT`), and what of it belongs to this node. The next hops
    /// are those of our routes, one a family. Nothing is connected yet.
    ///
    /// # Errors
    /// A sentence, if an address or a prefix is none.
    pub fn new(
        api: String,
        local_as: u32,
        next_hops: Vec<IpAddr>,
        prefixes: &[String],
        levels: Levels,
    ) -> Result<Self, String> {
        let origin = format!("http://{api}").parse();
        let origin =
            origin.map_err(|error| format!("`{api}` is no address of GoBGP's API: {error}"))?;
        let prefixes = prefixes.iter().map(|prefix| OurPrefix::parse(prefix));
        Ok(Self {
            api,
            origin,
            local_as,
            next_hops,
            prefixes: prefixes.collect::<Result<_, _>>()?,
            levels,
        })
    }

    /// Withdraws what is announced of ours. Returns whether something was.
    ///
    /// # Errors
    /// [`GoBgpError`].
    pub async fn withdraw(&mut self) -> Result<bool, GoBgpError> {
        self.correct(Wanted::Withdrawn).await
    }

    /// Gives the orders that are needed. Returns whether any was.
    async fn correct(&self, wanted: Wanted) -> Result<bool, GoBgpError> {
        let attributes = self.levels.of(wanted);
        let mut corrected = false;
        for prefix in &self.prefixes {
            let held = self.held(prefix).await?;
            match &attributes {
                Some(attributes) => {
                    let like = |path: &Path| carries(path, attributes, self.local_as);
                    if held.is_empty() || !held.iter().all(like) {
                        let next_hop = self.next_hop(prefix)?;
                        let path = path(prefix, next_hop, attributes, self.local_as);
                        let order = AddPathRequest {
                            table_type: 0,
                            path: Some(path),
                        };
                        self.ask::<_, Nothing>("AddPath", order).await?;
                        corrected = true;
                    }
                }
                None => {
                    for path in held {
                        let order = DeletePathRequest {
                            table_type: 0,
                            family: Some(prefix.family()),
                            path: Some(path),
                        };
                        self.ask::<_, Nothing>("DeletePath", order).await?;
                        corrected = true;
                    }
                }
            }
        }
        Ok(corrected)
    }

    fn next_hop(&self, prefix: &OurPrefix) -> Result<IpAddr, GoBgpError> {
        let mut hops = self.next_hops.iter();
        let found = hops.find(|hop| hop.is_ipv4() == prefix.address.is_ipv4());
        found
            .copied()
            .ok_or_else(|| GoBgpError::Refused(format!("there is no next hop for {prefix}")))
    }

    /// The paths of a prefix that GoBGP did not learn from a neighbour.
    async fn held(&self, prefix: &OurPrefix) -> Result<Vec<Path>, GoBgpError> {
        let question = ListPathRequest {
            table_type: 0,
            family: Some(prefix.family()),
            prefixes: vec![TableLookupPrefix {
                prefix: prefix.to_string(),
            }],
        };
        let answers: Vec<ListPathResponse> = match self.list("ListPath", question, PATHS_MAX).await
        {
            // How it says that a table has no such prefix.
            Err(GoBgpError::Refused(why)) if why.contains("not found") => Vec::new(),
            other => other?,
        };
        let paths = answers.into_iter().filter_map(|answer| answer.destination);
        let paths = paths.flat_map(|destination| destination.paths);
        Ok(paths.filter(|path| !path.is_learned()).collect())
    }

    async fn see_a_neighbour(&self) -> Result<(), GoBgpError> {
        let peers: Vec<ListPeerResponse> =
            self.list("ListPeer", ListPeerRequest {}, PEERS_MAX).await?;
        let states = peers.into_iter().filter_map(|answer| answer.peer?.state);
        match states
            .into_iter()
            .any(|state| state.session_state == ESTABLISHED)
        {
            true => Ok(()),
            false => Err(GoBgpError::Alone),
        }
    }

    async fn ask<Q, A>(&self, method: &'static str, question: Q) -> Result<A, GoBgpError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let asking = async {
            let mut client = self.client().await?;
            let codec = ProstCodec::<Q, A>::default();
            let answer = client.unary(Request::new(question), route(method), codec);
            answer.await.map_err(|status| self.failed(&status))
        };
        let answer = tokio::time::timeout(TIMEOUT, asking).await;
        let answer = answer.map_err(|_| GoBgpError::Silent(self.api.clone()))??;
        Ok(answer.into_inner())
    }

    /// Asks for a list, of which at most `most` entries are read.
    async fn list<Q, A>(
        &self,
        method: &'static str,
        question: Q,
        most: usize,
    ) -> Result<Vec<A>, GoBgpError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let asking = async {
            let mut client = self.client().await?;
            let codec = ProstCodec::<Q, A>::default();
            let answer = client.server_streaming(Request::new(question), route(method), codec);
            let mut answers = answer
                .await
                .map_err(|status| self.failed(&status))?
                .into_inner();
            let mut all = Vec::new();
            while all.len() < most {
                match answers.message().await {
                    Ok(Some(answer)) => all.push(answer),
                    Ok(None) => break,
                    Err(status) => return Err(self.failed(&status)),
                }
            }
            Ok(all)
        };
        let answer = tokio::time::timeout(TIMEOUT, asking).await;
        answer.map_err(|_| GoBgpError::Silent(self.api.clone()))?
    }

    /// A connection of its own for each question: on loopback it costs nothing, and a GoBGP that
    /// was started anew is no special case.
    async fn client(&self) -> Result<Grpc<Connection>, GoBgpError> {
        let stream = TcpStream::connect(&self.api).await;
        let stream = stream.map_err(|_| self.absent())?;
        let connection = Connection::over(stream).await;
        let connection = connection.map_err(|_| self.absent())?;
        let mut client = Grpc::with_origin(connection, self.origin.clone());
        client.ready().await.map_err(|_| self.absent())?;
        Ok(client)
    }

    fn absent(&self) -> GoBgpError {
        GoBgpError::Absent(self.api.clone())
    }

    fn failed(&self, status: &Status) -> GoBgpError {
        match status.code() {
            Code::Unavailable => self.absent(),
            Code::DeadlineExceeded | Code::Cancelled => GoBgpError::Silent(self.api.clone()),
            Code::Unimplemented => GoBgpError::OtherApi(self.api.clone()),
            _ => GoBgpError::Refused(status.message().to_owned()),
        }
    }
}

fn route(method: &'static str) -> PathAndQuery {
    format!("/apipb.GobgpApi/{method}")
        .parse()
        .expect("a name makes a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_absent_gobgp_is_told_in_a_sentence() {
        let prefixes = ["203.0.113.1/32".to_owned()];
        let hop = vec!["192.0.2.1".parse().expect("an address")];
        let api = "127.0.0.1:1".to_owned();
        let mut gobgp =
            GoBgp::new(api, 64_501, hop, &prefixes, Levels::default()).expect("all is right");
        let error = gobgp.hold(Wanted::Announced).await.expect_err("absent");
        assert!(error.to_string().contains("GoBGP does not run"), "{error}");
    }
}
