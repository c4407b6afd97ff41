//! How a node is announced: on which device, by which daemon.

use std::sync::Arc;

use tidegate_accelerator::Trouble;

use tidegate_anycast::{
    Announcement, BirdError, Condition, Director, DryRun, ExaBgpError, GoBgpError, Keeper, Speaker,
    Spoken, Vip,
};
use tidegate_cluster::{Event, Node};
use tidegate_config::AnycastSpec;
use tidegate_runtime::Handle;

use crate::place::{Place, accelerator_place, bird_place, exabgp_place, gobgp_place};

/// The device that carries the anycast addresses, before doors open on them.
///
/// A former life that was killed has left its routes in the daemon: with the device they would lead
/// here before this life is fit. So they are withdrawn first.
pub(crate) async fn open_vip(anycast: &AnycastSpec, node: &str) -> Result<Option<Vip>, String> {
    if let Err(why) = withdraw(anycast, node).await? {
        tracing::warn!(%why, "What a former life of this node announces cannot be withdrawn.");
    }
    let prefixes = anycast.prefixes().unwrap_or_default();
    let addresses: Vec<_> = prefixes
        .iter()
        .filter_map(tidegate_model::Prefix::single)
        .collect();
    let open = |device: &str| Vip::open(device, &addresses).map_err(|error| error.to_string());
    anycast.device().map(open).transpose()
}

/// Withdraws what a node announces, without that node. Returns whether something was withdrawn, or
/// why that is not known. A daemon that does not run announces nothing, and one that is started
/// later begins with nothing.
///
/// # Errors
/// The configuration names something that is nothing.
pub(crate) async fn withdraw(
    anycast: &AnycastSpec,
    node: &str,
) -> Result<Result<bool, String>, String> {
    Ok(match anycast {
        AnycastSpec::DryRun | AnycastSpec::Director(_) => Ok(false),
        AnycastSpec::Bird(bird) => match bird_place(bird).withdraw().await {
            Ok(disabled) => Ok(!disabled.is_empty()),
            Err(BirdError::Absent(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        },
        AnycastSpec::Exabgp(exabgp) => match exabgp_place(exabgp).withdraw().await {
            Ok(withdrawn) => Ok(withdrawn),
            Err(ExaBgpError::Absent(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        },
        AnycastSpec::Gobgp(gobgp) => match gobgp_place(gobgp)?.withdraw().await {
            Ok(withdrawn) => Ok(withdrawn),
            Err(GoBgpError::Absent(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        },
        AnycastSpec::GlobalAccelerator(accelerator) => {
            match accelerator_place(accelerator, node)?.withdraw().await {
                Ok(withdrawn) => Ok(withdrawn),
                // Nothing leads here.
                Err(Trouble::NoGroup | Trouble::NoEndpoint(_)) => Ok(false),
                Err(error) => Err(error.to_string()),
            }
        }
    })
}

/// Who makes routers agree with what the node decides.
///
/// # Errors
/// The configuration names something that is nothing.
pub(crate) fn speaker(
    place: &Place,
    condition: Arc<Condition>,
    cluster: Handle<Node>,
) -> Result<Box<dyn Speaker>, String> {
    let said = move |spoken| {
        let event = match spoken {
            Spoken::Applied { announced } => Event::Applied { announced },
            Spoken::Routes(routes) => Event::Routes(routes),
        };
        cluster.offer(event);
    };
    let graceful_for = place.anycast.graceful_for().get();
    Ok(match &place.anycast {
        AnycastSpec::DryRun => Box::new(DryRun::new(said)),
        AnycastSpec::Bird(bird) => Box::new(Keeper::start(
            bird_place(bird),
            graceful_for,
            condition,
            said,
        )),
        AnycastSpec::Exabgp(exabgp) => Box::new(Keeper::start(
            exabgp_place(exabgp),
            graceful_for,
            condition,
            said,
        )),
        AnycastSpec::Gobgp(gobgp) => Box::new(Keeper::start(
            gobgp_place(gobgp)?,
            graceful_for,
            condition,
            said,
        )),
        AnycastSpec::GlobalAccelerator(accelerator) => Box::new(Keeper::start(
            accelerator_place(accelerator, place.node.name())?,
            graceful_for,
            condition,
            said,
        )),
        AnycastSpec::Director(director) => {
            let announcement = Announcement {
                node: place.node.clone(),
                announce: false,
                doors: place.doors.clone(),
            };
            Box::new(Director::start(director.at, announcement, said))
        }
    })
}
