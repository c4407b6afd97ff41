//! How a node is announced: on which device, by which daemon.

use std::sync::Arc;

use tidegate_anycast::{
    Announcement, Bird, BirdError, Condition, Director, DryRun, Speaker, Spoken, Vip,
};
use tidegate_cluster::{Event, Node};
use tidegate_config::AnycastSpec;
use tidegate_runtime::Handle;

use crate::place::{Place, bird_place};

/// The device that carries the anycast addresses, before doors open on them.
///
/// A former life that was killed has left its protocol enabled in BIRD: with the device its route
/// would come back before this life is fit. So that is withdrawn first.
pub(crate) async fn open_vip(anycast: &AnycastSpec) -> Result<Option<Vip>, String> {
    let AnycastSpec::Bird(bird) = anycast else {
        return Ok(None);
    };
    match bird_place(bird).withdraw().await {
        // A BIRD that is started later has it disabled.
        Ok(_) | Err(BirdError::Absent(_)) => {}
        Err(error) => {
            tracing::warn!(%error, "What a former life of this node announces cannot be withdrawn.");
        }
    }
    let addresses: Vec<_> = bird
        .prefixes
        .iter()
        .filter_map(tidegate_model::Prefix::single)
        .collect();
    let open = |device: &String| Vip::open(device, &addresses).map_err(|error| error.to_string());
    bird.device.as_ref().map(open).transpose()
}

/// Who makes routers agree with what the node decides.
pub(crate) fn speaker(
    place: &Place,
    condition: Arc<Condition>,
    cluster: Handle<Node>,
) -> Box<dyn Speaker> {
    let said = move |spoken| {
        let event = match spoken {
            Spoken::Applied { announced } => Event::Applied { announced },
            Spoken::Routes(routes) => Event::Routes(routes),
        };
        cluster.offer(event);
    };
    match &place.anycast {
        AnycastSpec::DryRun => Box::new(DryRun::new(said)),
        AnycastSpec::Bird(bird) => Box::new(Bird::start(
            bird_place(bird),
            bird.graceful_for.get(),
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
    }
}
