//! What the notifier counts. Names and units follow Prometheus; counters end in `_total` on the page.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::storage::Backlog;

/// The counters; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(crate) events: Family<EventLabels, Counter>,
    pub(crate) mails_sent: Counter,
    pub(crate) mails_failed: Counter,
    pub(crate) mails_dropped: Counter,
    pub(crate) mail_retries: Counter,
    deliveries: Family<DeliveryLabels, Gauge>,
    oldest: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct EventLabels {
    pub(crate) outcome: EventOutcome,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the variants' names are the label's values")]
pub(crate) enum EventOutcome {
    recorded,
    duplicate,
    retried,
    dead_lettered,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeliveryLabels {
    state: DeliveryState,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the variants' names are the label's values")]
enum DeliveryState {
    queued,
    sending,
    failed,
}

impl Metrics {
    /// Puts them into `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("countersign_notifier");
        registry.register(
            "events",
            "Events taken from the broker, by what became of them",
            self.events.clone(),
        );
        registry.register("mails_sent", "Mails that the mail server took", self.mails_sent.clone());
        registry.register("mails_failed", "Mails given up", self.mails_failed.clone());
        registry.register(
            "mails_dropped",
            "Mails that asked for a decision, and waited until there was none left to make",
            self.mails_dropped.clone(),
        );
        registry.register("mail_retries", "Tries that failed and are repeated", self.mail_retries.clone());
        registry.register("deliveries", "Deliveries in the database, by state", self.deliveries.clone());
        registry.register_with_unit(
            "oldest_waiting_delivery_age",
            "Age of the oldest delivery that is neither sent nor given up",
            Unit::Seconds,
            self.oldest.clone(),
        );
    }

    pub(crate) fn event(&self, outcome: EventOutcome) {
        self.events.get_or_create(&EventLabels { outcome }).inc();
    }

    pub(crate) fn backlog(&self, backlog: &Backlog, now_us: i64) {
        for (state, count) in [
            (DeliveryState::queued, backlog.queued),
            (DeliveryState::sending, backlog.sending),
            (DeliveryState::failed, backlog.failed),
        ] {
            self.deliveries.get_or_create(&DeliveryLabels { state }).set(count);
        }
        let age_us = backlog.oldest.map_or(0, |oldest| now_us.saturating_sub(oldest).max(0));
        #[expect(clippy::cast_precision_loss, reason = "exact for ages below 285 years")]
        self.oldest.set(age_us as f64 / 1e6);
    }
}
