//! The few messages of GoBGP's API that a node uses, as structs: no protocol compiler is needed to
//! build. Numbers are those of GoBGP 3; fields that a node neither sets nor reads are left out, and
//! skipped when they arrive.

use prost::Message;

/// An answer without anything that matters here.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Nothing {}

/// Which routes: of IPv4 or IPv6, unicast.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Family {
    #[prost(int32, tag = "1")]
    pub(super) afi: i32,
    #[prost(int32, tag = "2")]
    pub(super) safi: i32,
}

/// A message of any kind, with its name.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// A path in a table.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Path {
    #[prost(message, optional, tag = "1")]
    pub(super) nlri: Option<Any>,
    #[prost(message, repeated, tag = "2")]
    pub(super) pattrs: Vec<Any>,
    #[prost(message, optional, tag = "9")]
    pub(super) family: Option<Family>,
    #[prost(string, tag = "15")]
    pub(super) neighbor_ip: String,
    #[prost(bytes = "vec", tag = "16")]
    pub(super) uuid: Vec<u8>,
}

impl Path {
    /// Whether a neighbour told it.
    pub(super) fn is_learned(&self) -> bool {
        !matches!(self.neighbor_ip.as_str(), "" | "<nil>" | "invalid IP")
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AddPathRequest {
    #[prost(int32, tag = "1")]
    pub(super) table_type: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) path: Option<Path>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DeletePathRequest {
    #[prost(int32, tag = "1")]
    pub(super) table_type: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) family: Option<Family>,
    #[prost(message, optional, tag = "4")]
    pub(super) path: Option<Path>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct TableLookupPrefix {
    #[prost(string, tag = "1")]
    pub(super) prefix: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ListPathRequest {
    #[prost(int32, tag = "1")]
    pub(super) table_type: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) family: Option<Family>,
    #[prost(message, repeated, tag = "4")]
    pub(super) prefixes: Vec<TableLookupPrefix>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListPathResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) destination: Option<Destination>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Destination {
    #[prost(message, repeated, tag = "2")]
    pub(super) paths: Vec<Path>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ListPeerRequest {}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ListPeerResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) peer: Option<Peer>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Peer {
    #[prost(message, optional, tag = "5")]
    pub(super) state: Option<PeerState>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct PeerState {
    #[prost(int32, tag = "13")]
    pub(super) session_state: i32,
}

// What a path is made of.

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct IpAddressPrefix {
    #[prost(uint32, tag = "1")]
    pub(super) prefix_len: u32,
    #[prost(string, tag = "2")]
    pub(super) prefix: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct OriginAttribute {
    #[prost(uint32, tag = "1")]
    pub(super) origin: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct AsSegment {
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(uint32, repeated, tag = "2")]
    pub(super) numbers: Vec<u32>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct AsPathAttribute {
    #[prost(message, repeated, tag = "1")]
    pub(super) segments: Vec<AsSegment>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct NextHopAttribute {
    #[prost(string, tag = "1")]
    pub(super) next_hop: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct MultiExitDiscAttribute {
    #[prost(uint32, tag = "1")]
    pub(super) med: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct CommunitiesAttribute {
    #[prost(uint32, repeated, tag = "1")]
    pub(super) communities: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MpReachNlriAttribute {
    #[prost(message, optional, tag = "1")]
    pub(super) family: Option<Family>,
    #[prost(string, repeated, tag = "2")]
    pub(super) next_hops: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    pub(super) nlris: Vec<Any>,
}
