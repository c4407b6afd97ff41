//! Texts into a checked generation.

use tidegate_model::{Diagnostic, Generation, NodeId, RegionId};
use xxhash_rust::xxh3::xxh3_64;

use crate::read::read;
use crate::resolve::{check_regions, check_world};
use crate::{RegionSpec, Report, Source, WorldSpec};

/// A world whose texts are free of errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Which configuration this is: a digest of `world.yaml`, the same on every node that runs the
    /// same text.
    pub generation: Generation,
    /// What `world.yaml` says.
    pub world: WorldSpec,
    /// The file.
    pub world_source: Source,
    /// All regions of the world, by name.
    pub region_ids: Vec<RegionId>,
    /// The regions whose files were read.
    pub regions: Vec<LoadedRegion>,
}

/// A region whose text is free of errors.
#[derive(Clone, Debug)]
pub struct LoadedRegion {
    /// Which region.
    pub id: RegionId,
    /// What its file says.
    pub spec: RegionSpec,
    /// The file.
    pub source: Source,
}

impl LoadedRegion {
    /// The node called `name` in this region, if the file lists one.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<NodeId> {
        let known = self.spec.nodes.contains_key(name);
        known.then(|| NodeId::new(self.id.clone(), name).expect("checked by load"))
    }
}

/// Checks a world and all its regions.
///
/// # Errors
/// A [`Report`] with at least one error. Warnings come with success, too.
pub fn load(world: Source, regions: Vec<Source>) -> Result<(Loaded, Report), Report> {
    load_checked(world, regions, true)
}

/// Checks a world and one region, for a node that has no other region's file.
///
/// # Errors
/// A [`Report`] with at least one error. Warnings come with success, too.
pub fn load_node(world: Source, region: Source) -> Result<(Loaded, Report), Report> {
    load_checked(world, vec![region], false)
}

fn load_checked(
    world: Source,
    regions: Vec<Source>,
    whole: bool,
) -> Result<(Loaded, Report), Report> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    let generation = Generation(xxh3_64(world.text.as_bytes()));
    let world_spec: Option<WorldSpec> = read(&world, &mut problems);
    let mut region_specs: Vec<(RegionSpec, Source)> = Vec::new();
    for source in &regions {
        if let Some(spec) = read(source, &mut problems) {
            region_specs.push((spec, source.clone()));
        }
    }
    if let Some(spec) = &world_spec {
        check_world(spec, &world, &mut problems);
        check_regions(spec, &world, &region_specs, whole, &mut problems);
    }
    let sources = std::iter::once(world.clone()).chain(regions).collect();
    let report = Report::new(sources, problems);
    match world_spec {
        Some(spec) if !report.has_errors() => {
            Ok((loaded(generation, spec, world, region_specs), report))
        }
        _ => Err(report),
    }
}

fn loaded(
    generation: Generation,
    world: WorldSpec,
    world_source: Source,
    regions: Vec<(RegionSpec, Source)>,
) -> Loaded {
    let id = |name: &str| name.parse::<RegionId>().expect("region names were checked");
    Loaded {
        generation,
        region_ids: world.regions.keys().map(|name| id(name)).collect(),
        regions: regions
            .into_iter()
            .map(|(spec, source)| LoadedRegion {
                id: id(&spec.region.value),
                spec,
                source,
            })
            .collect(),
        world,
        world_source,
    }
}

#[cfg(test)]
mod tests;
