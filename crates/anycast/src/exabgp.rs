//! Speaks to ExaBGP, by its text API.
//!
//! ExaBGP talks to processes that it starts itself. Ours is [`bridge`]: it stands between ExaBGP
//! and a Unix socket that the node uses. The node may come and go: what ExaBGP announces stays.
//! Routes are announced and withdrawn by command, ExaBGP says `done` to each, and what it holds for
//! its neighbours is read back again and again.

mod bridge;
mod talk;

use std::path::PathBuf;

pub use bridge::bridge;
pub use talk::ExaBgpError;

use crate::{Attributes, Daemon, Held, Levels, Wanted};
use talk::Talk;

/// What of ExaBGP belongs to this node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExaBgp {
    /// The bridge's socket.
    pub socket: PathBuf,
    /// Our AS, for paths that have it more than once.
    pub local_as: u32,
    /// The next hop of our routes; ExaBGP's own address if it is left out.
    pub next_hop: Option<std::net::IpAddr>,
    /// Our prefixes.
    pub prefixes: Vec<String>,
    /// What routes carry.
    pub levels: Levels,
}

impl Daemon for ExaBgp {
    const NAME: &'static str = "ExaBGP";
    type Error = ExaBgpError;

    async fn hold(&mut self, wanted: Wanted) -> Result<Held, ExaBgpError> {
        let mut talk = Talk::open(&self.socket).await?;
        let booted = talk.booted().to_owned();
        let corrected = self.correct(&mut talk, wanted).await?;
        if corrected && self.correct(&mut talk, wanted).await? {
            // It said `done` to everything, and still it is not so: no neighbour takes our routes.
            return Err(ExaBgpError::Deaf);
        }
        if wanted != Wanted::Withdrawn {
            talk.see_a_neighbour().await?;
        }
        Ok(Held { corrected, booted })
    }
}

impl ExaBgp {
    /// Withdraws what is announced of ours. Returns whether something was.
    ///
    /// # Errors
    /// [`ExaBgpError`].
    pub async fn withdraw(&self) -> Result<bool, ExaBgpError> {
        let mut talk = Talk::open(&self.socket).await?;
        self.correct(&mut talk, Wanted::Withdrawn).await
    }

    /// Gives the orders that are needed. Returns whether any was.
    async fn correct(&self, talk: &mut Talk, wanted: Wanted) -> Result<bool, ExaBgpError> {
        let held = talk.ask("show adj-rib out extensive").await?;
        let attributes = self.levels.of(wanted);
        let mut corrected = false;
        for prefix in &self.prefixes {
            let routes = held.iter().filter_map(|line| Route::of(line, prefix));
            let routes: Vec<Route> = routes.collect();
            match &attributes {
                Some(attributes) => {
                    let like = |route: &Route| route.carries(attributes);
                    if routes.is_empty() || !routes.iter().all(like) {
                        talk.order(&self.announcement(prefix, attributes)).await?;
                        corrected = true;
                    }
                }
                None if routes.is_empty() => {}
                None => {
                    let order = format!("withdraw route {prefix} {}", self.next_hop());
                    talk.order(&order).await?;
                    corrected = true;
                }
            }
        }
        Ok(corrected)
    }

    fn next_hop(&self) -> String {
        self.next_hop
            .map_or_else(|| "next-hop self".to_owned(), |ip| format!("next-hop {ip}"))
    }

    fn announcement(&self, prefix: &str, attributes: &Attributes) -> String {
        let mut order = format!("announce route {prefix} {}", self.next_hop());
        if let Some(med) = attributes.med {
            order.push_str(&format!(" med {med}"));
        }
        if attributes.prepend > 0 {
            let path = vec![self.local_as.to_string(); usize::from(attributes.prepend) + 1];
            order.push_str(&format!(" as-path [ {} ]", path.join(" ")));
        }
        if !attributes.communities.is_empty() {
            let communities = attributes.communities.iter();
            let communities: Vec<_> = communities.map(|(a, b)| format!("{a}:{b}")).collect();
            order.push_str(&format!(" community [ {} ]", communities.join(" ")));
        }
        order
    }
}

/// A route that ExaBGP holds for a neighbour.
#[derive(Debug, Default)]
struct Route {
    med: Option<u32>,
    path: usize,
    communities: Vec<(u16, u16)>,
}

impl Route {
    /// Reads a line of `show adj-rib out extensive`, if it is about this prefix: the neighbour,
    /// then the prefix, then pairs of a word and a value or a list in brackets.
    fn of(line: &str, prefix: &str) -> Option<Self> {
        let mut words = line.split_whitespace().skip_while(|word| *word != prefix);
        words.next()?;
        let mut route = Self::default();
        let mut name = "";
        let mut listing = false;
        for word in words {
            match word {
                "[" => listing = true,
                "]" => listing = false,
                _ if !listing && word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    name = word;
                }
                value => route.note(name, value),
            }
        }
        Some(route)
    }

    fn note(&mut self, name: &str, value: &str) {
        match name {
            "med" => self.med = value.parse().ok(),
            "as-path" => self.path += 1,
            "community" => {
                let pair = value.split_once(':');
                let pair = pair.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                self.communities.extend(pair);
            }
            _ => {}
        }
    }

    fn carries(&self, wanted: &Attributes) -> bool {
        let sorted = |communities: &[(u16, u16)]| {
            let mut communities = communities.to_vec();
            communities.sort_unstable();
            communities
        };
        let path = match wanted.prepend {
            0 => 0,
            more => usize::from(more) + 1,
        };
        self.med == wanted.med
            && self.path == path
            && sorted(&self.communities) == sorted(&wanted.communities)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "neighbor 10.77.1.1 local-ip 10.77.1.2 local-as 64501 peer-as 64500 router-id 10.77.1.2 \
        family-allowed in-open ipv4 unicast 203.0.113.1/32 next-hop self as-path [ 64501 64501 64501 ] med 500 \
        community [ 65535:0 64500:80 ]";

    fn exabgp() -> ExaBgp {
        ExaBgp {
            socket: "/nowhere/exabgp.sock".into(),
            local_as: 64_501,
            next_hop: None,
            prefixes: vec!["203.0.113.1/32".to_owned()],
            levels: Levels {
                usual: Attributes::default(),
                second: Attributes {
                    med: Some(500),
                    prepend: 2,
                    communities: vec![(64_500, 80)],
                },
            },
        }
    }

    #[test]
    fn what_is_held_is_read_and_compared() {
        let second = Attributes {
            med: Some(500),
            prepend: 2,
            communities: vec![(64_500, 80), (65_535, 0)],
        };
        let route = Route::of(LINE, "203.0.113.1/32").expect("ours");
        assert!(route.carries(&second), "{route:?}");
        for wrong in [
            Attributes::default(),
            Attributes {
                med: None,
                ..second.clone()
            },
            Attributes {
                prepend: 1,
                ..second.clone()
            },
            Attributes {
                communities: vec![(64_500, 80)],
                ..second
            },
        ] {
            assert!(!route.carries(&wrong), "{wrong:?}");
        }
        assert!(Route::of(LINE, "203.0.113.2/32").is_none());
        let one = LINE.replace("[ 65535:0 64500:80 ]", "65535:0");
        let one = Route::of(&one, "203.0.113.1/32").expect("ours");
        assert_eq!(one.communities, [(65_535, 0)]);
    }

    #[test]
    fn orders_say_all_that_a_level_carries() {
        let exabgp = exabgp();
        let order = |wanted| {
            let attributes = exabgp.levels.of(wanted).expect("announced");
            exabgp.announcement("203.0.113.1/32", &attributes)
        };
        assert_eq!(
            order(Wanted::Announced),
            "announce route 203.0.113.1/32 next-hop self"
        );
        assert_eq!(
            order(Wanted::Graceful),
            "announce route 203.0.113.1/32 next-hop self med 500 as-path [ 64501 64501 64501 ] community [ 64500:80 65535:0 ]"
        );
    }

    #[tokio::test]
    async fn an_absent_exabgp_is_told_in_a_sentence() {
        let error = exabgp().hold(Wanted::Announced).await.expect_err("absent");
        assert!(error.to_string().contains("ExaBGP does not run"), "{error}");
    }
}
