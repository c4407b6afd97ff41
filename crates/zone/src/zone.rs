//! One question, one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::rr::rdata::{A, AAAA, NS, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use tidegate_model::{Prefix, RegionId};

use crate::Outcome;

/// What any resolver can take without a fragment (DNS flag day 2020).
const UDP_MAX: usize = 1_232;
/// What a client without EDNS can take.
const PLAIN_MAX: usize = 512;
/// Nothing transfers the zone, so nobody compares its serial number.
const SERIAL: u32 = 1;
/// How long resolvers may keep the names of its servers.
const NS_TTL: u32 = 3_600;

/// Where a region is, for clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which region.
    pub region: RegionId,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// All regions, this one first, by how far they are from it.
    pub nearest: Vec<RegionId>,
}

/// What is wrong with a zone.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no name of DNS: {1}")]
pub struct ZoneError(String, String);

/// The zone.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    servers: Vec<Name>,
    contact: Name,
    ttl: u32,
    names: BTreeSet<Name>,
    places: BTreeMap<RegionId, Place>,
    /// Networks and the region that they are nearest to; the narrowest counts.
    near: Vec<(Prefix, RegionId)>,
    home: RegionId,
    regions_max: usize,
}

/// An answer, as bytes, and what became of the question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The answer.
    pub bytes: Vec<u8>,
    /// What became of the question.
    pub outcome: Outcome,
}

impl Zone {
    /// A zone with addresses of `places`, served from the region `home`. Answers name at most
    /// `regions_max` regions.
    ///
    /// # Errors
    /// A name that is none.
    #[expect(clippy::too_many_arguments, reason = "what an operator writes")]
    pub fn new(
        origin: &str,
        servers: &[String],
        contact: &str,
        ttl: u32,
        names: &[String],
        places: Vec<Place>,
        near: Vec<(Prefix, RegionId)>,
        home: RegionId,
        regions_max: usize,
    ) -> Result<Self, ZoneError> {
        let origin = absolute(origin)?;
        let named = |name: &String| match name.as_str() {
            "@" => Ok(origin.to_lowercase()),
            name => Name::parse(name, Some(&origin))
                .map(|name| name.to_lowercase())
                .map_err(|error| ZoneError(name.to_owned(), error.to_string())),
        };
        Ok(Self {
            names: names.iter().map(named).collect::<Result<_, _>>()?,
            servers: servers
                .iter()
                .map(|server| absolute(server))
                .collect::<Result<_, _>>()?,
            contact: absolute(contact)?,
            ttl,
            places: places.into_iter().map(|p| (p.region.clone(), p)).collect(),
            near,
            home,
            regions_max: regions_max.max(1),
            origin,
        })
    }

    /// Answers a question from `source`, over UDP or not, while `announced` regions are. `None` if
    /// it is no question: those get no answer, whoever sent them.
    #[must_use]
    pub fn answer(
        &self,
        question: &[u8],
        source: IpAddr,
        announced: &BTreeSet<RegionId>,
        udp: bool,
    ) -> Option<Reply> {
        let asked = Message::from_vec(question).ok()?;
        if asked.metadata.message_type != MessageType::Query {
            return None;
        }
        let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
        reply.metadata.recursion_desired = asked.metadata.recursion_desired;
        let code = match asked.queries.as_slice() {
            _ if asked.metadata.op_code != OpCode::Query => ResponseCode::NotImp,
            [query] if asked.version() == 0 => {
                reply.add_query(query.clone());
                self.fill(&mut reply, query, client(&asked, source), announced)
            }
            [_] => ResponseCode::BADVERS,
            _ => ResponseCode::FormErr,
        };
        reply.metadata.response_code = code;
        if let Some(edns) = &asked.edns {
            reply.set_edns(echo(edns, code));
        }
        let room = match (&asked.edns, udp) {
            (_, false) => usize::from(u16::MAX),
            (Some(_), true) => usize::from(asked.max_payload()).clamp(PLAIN_MAX, UDP_MAX),
            (None, true) => PLAIN_MAX,
        };
        let bytes = reply.to_vec().ok()?;
        let outcome = match code {
            ResponseCode::NoError | ResponseCode::NXDomain => Outcome::Answered,
            _ => Outcome::Refused,
        };
        if bytes.len() > room {
            return Some(Reply {
                bytes: truncated(&reply).to_vec().ok()?,
                outcome: Outcome::Truncated,
            });
        }
        Some(Reply { bytes, outcome })
    }

    /// Says that TCP is the way: no longer than the question.
    #[must_use]
    pub fn slip(question: &[u8]) -> Option<Vec<u8>> {
        let asked = Message::from_vec(question).ok()?;
        if asked.metadata.message_type != MessageType::Query {
            return None;
        }
        let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
        reply.queries.extend(asked.queries.first().cloned());
        truncated(&reply).to_vec().ok()
    }

    fn fill(
        &self,
        reply: &mut Message,
        query: &Query,
        client: IpAddr,
        announced: &BTreeSet<RegionId>,
    ) -> ResponseCode {
        let name = query.name().to_lowercase();
        if query.query_class() != DNSClass::IN || !self.origin.zone_of(&name) {
            return ResponseCode::Refused;
        }
        reply.metadata.authoritative = true;
        let at_origin = self.origin.zone_of(&name) && name.zone_of(&self.origin);
        match query.query_type() {
            RecordType::NS if at_origin => {
                reply.add_answers(self.servers());
            }
            RecordType::SOA if at_origin => {
                reply.add_answer(self.soa());
            }
            RecordType::AXFR | RecordType::IXFR => return ResponseCode::Refused,
            // One kind is enough of an answer to ANY: RFC 8482.
            RecordType::A | RecordType::AAAA | RecordType::ANY if self.names.contains(&name) => {
                let v6 = query.query_type() == RecordType::AAAA;
                reply.add_answers(self.addresses(query.name(), client, announced, v6));
            }
            _ => {}
        }
        if reply.answers.is_empty() {
            reply.add_authority(self.soa());
            let exists = at_origin || self.names.iter().any(|known| name.zone_of(known));
            if !exists {
                return ResponseCode::NXDomain;
            }
        }
        ResponseCode::NoError
    }

    /// Addresses for a client: of the nearest regions that are announced. If none is known to be,
    /// of the nearest ones all the same: an answer without addresses helps nobody.
    fn addresses(
        &self,
        name: &Name,
        client: IpAddr,
        announced: &BTreeSet<RegionId>,
        v6: bool,
    ) -> Vec<Record> {
        let order = self.order(client);
        let has = |place: &&Place| place.addresses.iter().any(|ip| ip.is_ipv6() == v6);
        let known: Vec<&Place> = order
            .iter()
            .filter_map(|region| self.places.get(region))
            .filter(has)
            .collect();
        let there = |place: &&&Place| announced.contains(&place.region);
        let mut chosen: Vec<&Place> = known.iter().filter(there).copied().collect();
        if chosen.is_empty() {
            chosen = known;
        }
        let chosen = chosen.into_iter().take(self.regions_max);
        let addresses = chosen.flat_map(|place| &place.addresses);
        addresses
            .filter_map(|ip| match ip {
                IpAddr::V4(ip) if !v6 => Some(RData::A(A(*ip))),
                IpAddr::V6(ip) if v6 => Some(RData::AAAA(AAAA(*ip))),
                _ => None,
            })
            .map(|data| Record::from_rdata(name.clone(), self.ttl, data))
            .collect()
    }

    /// Regions by how near they are to a client: to the region of its network if the table has it,
    /// else to the node that answers.
    fn order(&self, client: IpAddr) -> &[RegionId] {
        let holds = |(prefix, _): &&(Prefix, RegionId)| prefix.contains(client);
        let narrowest = self.near.iter().filter(holds).max_by_key(|(p, _)| p.bits());
        let near = narrowest.map_or(&self.home, |(_, region)| region);
        let place = self
            .places
            .get(near)
            .or_else(|| self.places.values().next());
        place.map_or(&[], |place| &place.nearest)
    }

    fn servers(&self) -> Vec<Record> {
        let server = |name: &Name| {
            Record::from_rdata(self.origin.clone(), NS_TTL, RData::NS(NS(name.clone())))
        };
        self.servers.iter().map(server).collect()
    }

    fn soa(&self) -> Record {
        let first = self.servers.first().unwrap_or(&self.origin).clone();
        let soa = SOA::new(
            first,
            self.contact.clone(),
            SERIAL,
            3_600,
            600,
            86_400,
            self.ttl,
        );
        Record::from_rdata(self.origin.clone(), self.ttl, RData::SOA(soa))
    }
}

fn absolute(name: &str) -> Result<Name, ZoneError> {
    let parsed = Name::parse(name, Some(&Name::root()));
    parsed.map_err(|error| ZoneError(name.to_owned(), error.to_string()))
}

fn truncated(reply: &Message) -> Message {
    let mut short = reply.clone();
    short.answers.clear();
    short.authorities.clear();
    short.metadata.truncation = true;
    short
}

/// Where the client is: the network that its resolver names (RFC 7871), else its resolver.
fn client(asked: &Message, source: IpAddr) -> IpAddr {
    let edns = asked.edns.as_ref();
    match edns.and_then(|edns| edns.option(EdnsCode::Subnet)) {
        Some(EdnsOption::Subnet(subnet)) if subnet.source_prefix() > 0 => subnet.addr(),
        _ => source,
    }
}

fn echo(asked: &Edns, code: ResponseCode) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_MAX as u16);
    edns.set_rcode_high(code.high());
    if let Some(EdnsOption::Subnet(subnet)) = asked.option(EdnsCode::Subnet) {
        let (address, bits) = (subnet.addr(), subnet.source_prefix());
        let subnet = ClientSubnet::new(address, bits, bits);
        edns.options_mut().insert(EdnsOption::Subnet(subnet));
    }
    edns
}

#[cfg(test)]
mod tests;
