//! Which nodes an order is for.

use std::net::SocketAddr;
use std::path::Path;

use hyper::Method;
use tidegate_model::{NodeId, RegionId};

use super::block_on;
use super::client::{Target, order as give, world};
use super::sheet::spelled;

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    #[command(flatten)]
    target: Target,
    /// All nodes of a region of the world that `up` started.
    #[arg(long, global = true, value_name = "REGION", conflicts_with = "admin")]
    region: Option<RegionId>,
    /// One node of that world: REGION/NAME.
    #[arg(long, global = true, value_name = "NODE", conflicts_with_all = ["admin", "region"])]
    node: Option<NodeId>,
}

/// A node that was chosen.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// Its name, as far as the command line tells it; else its admin door.
    pub(super) label: String,
    pub(super) admin: SocketAddr,
}

impl Which {
    /// The nodes that were named, at least one.
    pub(super) fn chosen(&self) -> Result<Vec<Chosen>, String> {
        if let Some(admin) = self.target.admin {
            return Ok(vec![door(admin)]);
        }
        if self.region.is_none() && self.node.is_none() {
            return Err("say which: --region, --node, or a node's --admin door".to_owned());
        }
        let all = self.world()?;
        let known: Vec<String> = all.iter().map(|(id, _)| id.to_string()).collect();
        let wanted = |id: &NodeId| {
            self.region.as_ref() == Some(&id.region) || self.node.as_ref() == Some(id)
        };
        let chosen: Vec<Chosen> = all
            .into_iter()
            .filter(|(id, _)| wanted(id))
            .map(named)
            .collect();
        if chosen.is_empty() {
            let known = known.join(", ");
            return Err(format!(
                "this world has no such node or region, only {known}"
            ));
        }
        Ok(chosen)
    }

    /// The nodes that were named; if none was, all of the world that runs here, or the node of this
    /// machine.
    pub(super) fn chosen_or_all(&self) -> Result<Vec<Chosen>, String> {
        if self.target.admin.is_some() || self.region.is_some() || self.node.is_some() {
            return self.chosen();
        }
        match self.world() {
            Ok(all) => Ok(all.into_iter().map(named).collect()),
            Err(_) => Ok(vec![door(SocketAddr::from(([127, 0, 0, 1], 9_901)))]),
        }
    }

    /// The data folder, where the admin door's token is.
    pub(super) fn data(&self) -> &Path {
        &self.target.data
    }

    fn world(&self) -> Result<Vec<(NodeId, SocketAddr)>, String> {
        let state =
            world(&self.target.data).ok_or("no world runs here: name a node with --admin")?;
        Ok(state.admins.into_iter().collect())
    }

    /// What to type to give another order to the same nodes.
    pub(super) fn spelled(&self, subcommand: &str) -> String {
        let data: &Path = &self.target.data;
        match (&self.region, &self.node, self.target.admin) {
            (Some(region), _, _) => spelled(&format!("{subcommand} --region {region}"), data),
            (_, Some(node), _) => spelled(&format!("{subcommand} --node {node}"), data),
            (_, _, Some(admin)) => {
                spelled(&format!("{subcommand} --admin {admin}"), Path::new("data"))
            }
            _ => spelled(subcommand, data),
        }
    }
}

fn named((id, admin): (NodeId, SocketAddr)) -> Chosen {
    Chosen {
        label: id.to_string(),
        admin,
    }
}

fn door(admin: SocketAddr) -> Chosen {
    Chosen {
        label: format!("The node at {admin}"),
        admin,
    }
}

/// Gives an order to all at once and says of each what came of it. Whether all did it.
pub(super) fn order(
    chosen: Vec<Chosen>,
    data: &Path,
    method: &Method,
    path: &'static str,
    done: &str,
) -> Result<bool, String> {
    block_on(async {
        // All at once: drained one after the other, each would send its clients to the next.
        let asking = chosen.into_iter().map(|node| {
            let (method, data) = (method.clone(), data.to_owned());
            tokio::spawn(async move {
                let asked = async { give(node.admin, method, path, None, &data).await?.good() };
                (asked.await, node.label)
            })
        });
        let mut all_well = true;
        for asked in asking.collect::<Vec<_>>() {
            let (outcome, label) = asked.await.map_err(|error| error.to_string())?;
            match outcome {
                Ok(()) => anstream::println!("{label} {done}"),
                Err(error) => {
                    all_well = false;
                    anstream::eprintln!("{label}: {error}");
                }
            }
        }
        Ok(all_well)
    })
}
