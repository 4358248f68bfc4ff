//! What the approval service counts, beside the calls themselves.

use std::sync::atomic::AtomicU64;

use countersign_domain::history::HistoryEvent;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// The label of an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    /// What history says happened, for example `APPROVED`.
    event: &'static str,
}

/// The counters and gauges.
#[derive(Debug, Default)]
pub struct Metrics {
    outcomes: Family<OutcomeLabels, Counter>,
    conflicts: Counter,
    /// Events that the broker confirmed.
    pub published: Counter,
    /// Batches that could not be published as a whole.
    pub relay_failures: Counter,
    /// Events that wait in the outbox.
    pub outbox_depth: Gauge,
    /// The age of the oldest of them, in seconds.
    pub outbox_age: Gauge<f64, AtomicU64>,
    /// Losses of rights after which pending requests are still to be settled.
    pub unsettled: Gauge,
}

impl Metrics {
    /// Registers everything under `countersign_`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("countersign");
        registry.register(
            "outcomes",
            "Commands committed, by what history says of them",
            self.outcomes.clone(),
        );
        registry.register(
            "commit_conflicts",
            "Commits that lost to another and were tried again",
            self.conflicts.clone(),
        );
        registry.register("events_published", "Events that the broker confirmed", self.published.clone());
        registry.register(
            "relay_failures",
            "Batches of events that could not be published as a whole",
            self.relay_failures.clone(),
        );
        registry.register("outbox_depth", "Events that wait in the outbox", self.outbox_depth.clone());
        registry.register(
            "unsettled_changes",
            "Losses of rights after which pending requests are still to be settled",
            self.unsettled.clone(),
        );
        registry.register_with_unit(
            "outbox_oldest_age",
            "How long the oldest event has waited in the outbox",
            Unit::Seconds,
            self.outbox_age.clone(),
        );
    }

    /// Counts a commit that lost to another and is tried again.
    pub fn lost(&self) {
        self.conflicts.inc();
    }

    /// Counts a commit.
    pub fn outcome(&self, event: HistoryEvent) {
        self.outcomes.get_or_create(&OutcomeLabels { event: event.as_str() }).inc();
    }
}
