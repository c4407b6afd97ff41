//! Reads what a small internet left behind.

use std::fs;
use std::path::Path;

use super::episode::Evidence;
use crate::internet::{Inside, VIP};
use crate::timeline::{Asked, Sign, of_node, of_router, read_lines};

impl Evidence {
    /// Everything that is known of the small internet in a data folder, whether it still runs or
    /// not; `None` if there was none.
    #[must_use]
    pub fn read(data: &Path) -> Option<Self> {
        let inside = Inside::read(data)?;
        let internet = &inside.internet;
        let sites = || 0..internet.sites.len();
        let mut asked: Vec<Asked> = sites()
            .flat_map(|site| read_lines(&inside.asked(site)))
            .collect();
        asked.sort_by_key(|asked| asked.at);
        let vip = format!("{VIP}/32");
        let routers =
            sites().map(|site| signs(&inside.router_log(site), |line| of_router(line, &vip)));
        let machines = internet.machines().map(|(site, at)| {
            let logs = inside.node_logs(&internet.sites[site].machines[at].node);
            logs.iter().flat_map(|log| signs(log, of_node)).collect()
        });
        Some(Self {
            marks: read_lines(&Inside::marks(data)),
            asked,
            routers: routers.collect(),
            machines: machines.collect(),
            internet: internet.clone(),
        })
    }
}

fn signs(log: &Path, read: impl Fn(&str) -> Option<Sign>) -> Vec<Sign> {
    let text = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(read)
        .collect()
}
