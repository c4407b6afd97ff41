//! What BIRD announces, read and corrected.

use std::path::PathBuf;

use super::talk::{BirdError, Talk};
use crate::{Held, Wanted};

/// What of BIRD's configuration belongs to this node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BirdPlace {
    /// Its control socket.
    pub socket: PathBuf,
    /// The protocol that holds our prefixes: `static` or `direct`.
    pub protocol: String,
    /// The protocol that holds them as the second choice, if there is one.
    pub reduced: Option<String>,
    /// The protocol that holds them with the community GRACEFUL_SHUTDOWN, if there is one.
    pub graceful: Option<String>,
    /// Our prefixes.
    pub prefixes: Vec<String>,
}

impl BirdPlace {
    /// Makes BIRD announce what is wanted, and reads back whether it does.
    ///
    /// The protocol that shall be up is enabled before the other one is disabled, so that
    /// neighbours hear an update and never a gap.
    ///
    /// # Errors
    /// [`BirdError`].
    pub async fn hold(&self, wanted: Wanted) -> Result<Held, BirdError> {
        let mut talk = Talk::open(&self.socket).await?;
        let status = talk.ask("show status").await?;
        let booted = status.lines.iter().find_map(|(_, text)| {
            let text = text.strip_prefix("Last reboot on ")?;
            Some(text.to_owned())
        });
        let up = self.protocol_for(wanted);
        let mut switches: Vec<(&str, bool)> = self
            .protocols()
            .map(|protocol| (protocol, up == Some(protocol)))
            .collect();
        switches.sort_by_key(|(_, up)| !up);
        let mut corrected = false;
        for (protocol, up) in switches {
            if is_up(&mut talk, protocol).await? != up {
                let verb = if up { "enable" } else { "disable" };
                talk.order(verb, protocol).await?;
                corrected = true;
            }
            if up {
                self.see_routes(&mut talk, protocol).await?;
            }
        }
        Ok(Held {
            corrected,
            booted: booted.unwrap_or_default(),
        })
    }

    /// Withdraws, if we are announced. Returns which protocols were disabled.
    ///
    /// # Errors
    /// [`BirdError`].
    pub async fn withdraw(&self) -> Result<Vec<String>, BirdError> {
        let mut talk = Talk::open(&self.socket).await?;
        let mut disabled = Vec::new();
        for protocol in self.protocols() {
            if is_up(&mut talk, protocol).await? {
                talk.order("disable", protocol).await?;
                disabled.push(protocol.to_owned());
            }
        }
        Ok(disabled)
    }

    fn protocols(&self) -> impl Iterator<Item = &str> {
        let more = [&self.reduced, &self.graceful].into_iter().flatten();
        std::iter::once(&self.protocol)
            .chain(more)
            .map(String::as_str)
    }

    /// The protocol that shall be up. Without one for the second choice it is the usual one;
    /// without one for GRACEFUL_SHUTDOWN a withdrawal is a plain one.
    fn protocol_for(&self, wanted: Wanted) -> Option<&str> {
        match wanted {
            Wanted::Announced => Some(&self.protocol),
            Wanted::Reduced => Some(self.reduced.as_ref().unwrap_or(&self.protocol)),
            Wanted::Graceful => self.graceful.as_deref(),
            Wanted::Withdrawn => None,
        }
    }

    async fn see_routes(&self, talk: &mut Talk, protocol: &str) -> Result<(), BirdError> {
        for prefix in &self.prefixes {
            let question = format!("show route for {prefix} protocol {protocol}");
            if talk.ask(&question).await?.line(1_007).is_none() {
                return Err(BirdError::NotOurs {
                    protocol: protocol.to_owned(),
                    prefix: prefix.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Whether a protocol is up.
async fn is_up(talk: &mut Talk, protocol: &str) -> Result<bool, BirdError> {
    let answer = talk.ask(&format!("show protocols {protocol}")).await?;
    let line = answer
        .line(1_002)
        .ok_or_else(|| BirdError::NoProtocol(protocol.to_owned()))?;
    // Name, kind, table, state.
    Ok(line
        .split_whitespace()
        .nth(3)
        .is_some_and(|state| state == "up"))
}
