//! Checks across values: names that refer to nothing, addresses that clash, rules that contradict.

mod anycast;
mod auth;
mod caller;
mod clear;
mod exposure;
mod log_targets;
mod logs;
mod names;
mod otlp;
mod regions;
mod require;
mod routes;
#[cfg(test)]
mod sample;
mod traces;
mod world;
mod zone;

pub(crate) use regions::check_regions;
pub(crate) use world::check_world;
