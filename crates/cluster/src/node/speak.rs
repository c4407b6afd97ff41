//! What a node says at every pulse, whether or not there is news.

use tidegate_limit::Audience;
use tidegate_model::Now;

use super::{Node, REPEAT, REPORTS_PER_MESSAGE};
use crate::Message;
use crate::outbox::Effect;
use crate::spec::{COMPARE_CLOCKS, MATE_SILENT_AFTER, PULSE};

impl Node {
    /// Speaks to everyone, even with nothing to say: silence is what tells of a cut.
    pub(super) fn pulse(&mut self, now: Now) {
        self.pulse_at = now.mono + PULSE;
        // Until the others have reported, their regions are taken to be as large as ours.
        let (regions, mates) = (self.spec.regions.len(), self.spec.nodes.len());
        let reported = self.bulletin.len();
        self.replicator
            .set_counting(reported.max(regions * mates), now.mono);
        self.share_borders(now);
        if now.mono >= self.repeat_at {
            self.repeat_at = now.mono + REPEAT;
            self.bulletin.repeat_own(now.mono);
        }
        for audience in [Audience::Mates, Audience::World] {
            let mut reports = self
                .bulletin
                .export(audience, REPORTS_PER_MESSAGE, now.mono);
            if reports.is_empty() {
                reports.push(Vec::new());
            }
            let peers = self.peers.of(audience);
            for (i, reports) in reports.into_iter().enumerate() {
                let heard = if i == 0 {
                    self.replicator.hearing().list(now.mono)
                } else {
                    Vec::new()
                };
                let pulse = Message::Pulse {
                    heard,
                    reports,
                    ledger: self.ledger.root(),
                    wall_us: now.wall.unix_micros(),
                };
                self.out.send(peers, &pulse, false);
            }
        }
    }

    pub(super) fn compare_clocks(&mut self, now: Now) {
        if now.mono < self.compare_clocks_at {
            return;
        }
        self.compare_clocks_at = now.mono + COMPARE_CLOCKS;
        self.apart_us = self.clocks.apart_us(now);
        self.out.push(Effect::Clocks {
            apart_us: self.apart_us,
        });
    }

    /// Shares the telling of other regions with the border nodes that are heard.
    pub(super) fn share_borders(&mut self, now: Now) {
        self.mates_heard
            .retain(|_, heard| now.mono.since(*heard) <= MATE_SILENT_AFTER);
        let borders = self.borders.iter();
        let heard =
            borders.filter(|node| **node == self.spec.node || self.mates_heard.contains_key(*node));
        let heard = heard.cloned().collect();
        self.replicator.set_voices(heard, now.mono);
    }
}
