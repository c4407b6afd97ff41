//! A node's endpoint, held at the weight that its plan wants.

use std::time::Duration;

use tidegate_anycast::{Daemon, Held, Wanted};

use crate::group::Group;
use crate::{GroupAccess, Trouble, Weights};

/// Announces a node by the weight of its endpoint.
#[derive(Debug)]
pub struct Accelerator {
    access: GroupAccess,
    endpoint: String,
    weights: Weights,
    /// Opened at the first order: to find credentials takes time, and may need a network.
    group: Option<Group>,
}

impl Accelerator {
    /// The endpoint of a node in its region's group. Nothing is asked yet.
    #[must_use]
    pub const fn new(access: GroupAccess, endpoint: String, weights: Weights) -> Self {
        Self {
            access,
            endpoint,
            weights,
            group: None,
        }
    }

    /// Sets the node's weight to 0. Returns whether it was another.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn withdraw(&mut self) -> Result<bool, Trouble> {
        self.correct(Wanted::Withdrawn).await
    }

    /// Gives the order that is needed. Returns whether one was.
    async fn correct(&mut self, wanted: Wanted) -> Result<bool, Trouble> {
        let weight = self.weights.of(wanted);
        let group = match &mut self.group {
            Some(group) => group,
            none => none.insert(Group::open(&self.access).await),
        };
        let seen = group.look().await?;
        let ours = seen.endpoint(&self.endpoint)?;
        if ours.weight != weight {
            group.set_weight(&seen, &self.endpoint, weight).await?;
            return Ok(true);
        }
        if wanted != Wanted::Withdrawn {
            seen.serves(ours)?;
        }
        Ok(false)
    }
}

impl Daemon for Accelerator {
    const NAME: &'static str = "Global Accelerator";
    /// Its API allows few calls a second for a whole account.
    const LOOK: Duration = Duration::from_secs(10);
    type Error = Trouble;

    async fn hold(&mut self, wanted: Wanted) -> Result<Held, Trouble> {
        let corrected = self.correct(wanted).await?;
        // The whole group is written at once, so a neighbour that wrote at the same time may have
        // put our old weight back.
        if corrected && self.correct(wanted).await? {
            return Err(Trouble::Contended(self.endpoint.clone()));
        }
        Ok(Held {
            corrected,
            booted: String::new(),
        })
    }
}
