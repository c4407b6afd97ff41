//! A block of IP addresses in CIDR notation (RFC 4632, RFC 4291).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An address block such as `10.0.0.0/8` or `2001:db8::/32`. A bare address is the block of that
/// one address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Prefix(IpNet);

impl Prefix {
    /// Whether the block holds `address`. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Its address, if it is the block of one address only.
    #[must_use]
    pub fn single(&self) -> Option<IpAddr> {
        (self.0.prefix_len() == self.0.max_prefix_len()).then(|| self.0.addr())
    }

    /// How many leading bits it fixes.
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.0.prefix_len()
    }

    /// The block of `bits` leading bits that `address` lies in; the whole address if `bits` is too
    /// large for it.
    #[must_use]
    pub fn around(address: IpAddr, v4_bits: u8, v6_bits: u8) -> Self {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() {
            v4_bits.min(32)
        } else {
            v6_bits.min(128)
        };
        let net = IpNet::new(address, bits).unwrap_or_else(|_| IpNet::from(address));
        Self(net.trunc())
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| {
                format!("`{text}` is not an address block: write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32")
            })?,
        };
        if net.trunc() != net {
            return Err(format!(
                "`{text}` has bits set beyond its prefix: did you mean {}?",
                net.trunc()
            ));
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_parsed_and_checked() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
        ] {
            let prefix: Prefix = text.parse().unwrap();
            assert!(
                prefix.contains(inside.parse().unwrap()),
                "{text} holds {inside}"
            );
            assert!(
                !prefix.contains(outside.parse().unwrap()),
                "{text} does not hold {outside}"
            );
        }
        for (text, says) in [
            ("10.0.0.0/33", "not an address block"),
            ("10.0.0.1/8", "did you mean 10.0.0.0/8?"),
        ] {
            assert!(text.parse::<Prefix>().unwrap_err().contains(says), "{text}");
        }
    }

    #[test]
    fn the_block_around_an_address_is_cut_by_family() {
        let around = |a: &str| Prefix::around(a.parse().unwrap(), 24, 48).to_string();
        assert_eq!(around("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(around("2001:db8:1:2::3"), "2001:db8:1::/48");
        assert_eq!(around("::ffff:192.0.2.77"), "192.0.2.0/24");
    }
}
