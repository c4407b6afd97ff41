//! The Redis of limits, if world.yaml describes one.

use std::sync::Arc;

use tidegate_config::Loaded;
use tidegate_limitstore::{Store, Target};
use tidegate_telemetry::Metrics;
use tokio::runtime::Handle;

use crate::data::DataFolder;
use crate::place::own_region;

/// The store for a configuration: the one that runs, if nothing of it has changed, so that its
/// connections and what is known of it live on.
///
/// # Errors
/// A sentence, if a file that it needs cannot be read.
pub(crate) fn store(
    loaded: &Loaded,
    data: &DataFolder,
    running: Option<Arc<Store>>,
    metrics: &Arc<Metrics>,
    control: &Handle,
) -> Result<Option<Arc<Store>>, String> {
    let Some(spec) = &loaded.world.redis else {
        return Ok(None);
    };
    let target = Target::load(spec.value.clone(), |path| data.resolve(path))
        .map_err(|error| error.to_string())?;
    if let Some(running) = running.filter(|running| running.is_for(&target)) {
        return Ok(Some(running));
    }
    let region = own_region(loaded).id.as_str();
    let store = Store::start(target, region, Arc::clone(metrics), control.clone());
    Ok(Some(store))
}
