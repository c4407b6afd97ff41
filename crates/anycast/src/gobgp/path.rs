//! A route of ours as GoBGP holds it, made and compared.

use std::fmt;
use std::net::IpAddr;

use prost::Message;

use super::api::{
    Any, AsPathAttribute, AsSegment, CommunitiesAttribute, Family, IpAddressPrefix,
    MpReachNlriAttribute, MultiExitDiscAttribute, NextHopAttribute, OriginAttribute, Path,
};
use crate::Attributes;

/// A segment of a path whose order matters.
const AS_SEQUENCE: u32 = 2;
/// Where it came from: from inside.
const IGP: u32 = 0;
const UNICAST: i32 = 1;

/// A prefix of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct OurPrefix {
    pub(super) address: IpAddr,
    bits: u8,
}

impl OurPrefix {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parsed = parts.and_then(|(address, bits)| {
            Some(Self {
                address: address.parse().ok()?,
                bits: bits.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| format!("`{text}` is no prefix"))
    }

    pub(super) const fn family(&self) -> Family {
        Family {
            afi: if self.address.is_ipv4() { 1 } else { 2 },
            safi: UNICAST,
        }
    }

    fn nlri(&self) -> Any {
        let prefix = IpAddressPrefix {
            prefix_len: u32::from(self.bits),
            prefix: self.address.to_string(),
        };
        named("IPAddressPrefix", &prefix)
    }
}

impl fmt::Display for OurPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn named(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/apipb.{name}"),
        value: message.encode_to_vec(),
    }
}

/// The path that announces a prefix.
pub(super) fn path(
    prefix: &OurPrefix,
    next_hop: IpAddr,
    attributes: &Attributes,
    local_as: u32,
) -> Path {
    let origin = OriginAttribute { origin: IGP };
    let mut pattrs = vec![named("OriginAttribute", &origin)];
    // GoBGP puts our AS in front once, as for any neighbour outside.
    if attributes.prepend > 0 {
        let segment = AsSegment {
            kind: AS_SEQUENCE,
            numbers: vec![local_as; usize::from(attributes.prepend)],
        };
        let path = AsPathAttribute {
            segments: vec![segment],
        };
        pattrs.push(named("AsPathAttribute", &path));
    }
    let next_hop = next_hop.to_string();
    if prefix.address.is_ipv4() {
        pattrs.push(named("NextHopAttribute", &NextHopAttribute { next_hop }));
    } else {
        let reach = MpReachNlriAttribute {
            family: Some(prefix.family()),
            next_hops: vec![next_hop],
            nlris: vec![prefix.nlri()],
        };
        pattrs.push(named("MpReachNLRIAttribute", &reach));
    }
    if let Some(med) = attributes.med {
        let med = MultiExitDiscAttribute { med };
        pattrs.push(named("MultiExitDiscAttribute", &med));
    }
    if !attributes.communities.is_empty() {
        let communities = CommunitiesAttribute {
            communities: numbers(attributes),
        };
        pattrs.push(named("CommunitiesAttribute", &communities));
    }
    Path {
        nlri: Some(prefix.nlri()),
        pattrs,
        family: Some(prefix.family()),
        neighbor_ip: String::new(),
        uuid: Vec::new(),
    }
}

fn numbers(attributes: &Attributes) -> Vec<u32> {
    let communities = attributes.communities.iter();
    let numbers = communities.map(|(a, b)| u32::from(*a) << 16 | u32::from(*b));
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Whether a path carries what it shall, and nothing else that matters.
pub(super) fn carries(path: &Path, wanted: &Attributes, local_as: u32) -> bool {
    let med: Option<MultiExitDiscAttribute> = find(path, "MultiExitDiscAttribute");
    let communities: Option<CommunitiesAttribute> = find(path, "CommunitiesAttribute");
    let mut communities = communities.map_or_else(Vec::new, |found| found.communities);
    communities.sort_unstable();
    let way: Option<AsPathAttribute> = find(path, "AsPathAttribute");
    let way = way.map_or_else(Vec::new, |way| way.segments);
    let way: Vec<u32> = way.into_iter().flat_map(|part| part.numbers).collect();
    med.map(|med| med.med) == wanted.med
        && communities == numbers(wanted)
        && way == vec![local_as; usize::from(wanted.prepend)]
}

fn find<M: Message + Default>(path: &Path, name: &str) -> Option<M> {
    let mut all = path.pattrs.iter();
    let found = all.find(|any| any.type_url.rsplit('.').next() == Some(name))?;
    M::decode(found.value.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_known_again_and_nothing_else() {
        let wanted = Attributes {
            med: Some(500),
            prepend: 2,
            communities: vec![(65_535, 0), (64_500, 80)],
        };
        for prefix in ["203.0.113.1/32", "2001:db8::1/128"] {
            let prefix = OurPrefix::parse(prefix).expect("a prefix");
            let hop = "192.0.2.1".parse().expect("an address");
            let made = path(&prefix, hop, &wanted, 64_501);
            assert!(carries(&made, &wanted, 64_501));
            assert!(!carries(&made, &Attributes::default(), 64_501));
            let usual = path(&prefix, hop, &Attributes::default(), 64_501);
            assert!(carries(&usual, &Attributes::default(), 64_501));
            assert!(!carries(&usual, &wanted, 64_501));
        }
        assert!(OurPrefix::parse("203.0.113.1").is_err());
    }
}
