//! Events come in here, from whatever broker: plan, record, acknowledge.

use std::sync::Arc;

use countersign_broker::{Event, Handler, Verdict};
use countersign_runtime::clock::Clock;
use tokio::sync::Notify;

use crate::changes::Changes;
use crate::metrics::{EventOutcome, Metrics};
use crate::plan::Plan;
use crate::storage::{Postage, Recorded, Storage};

/// Takes events. It is done with one when its plan is durable, so that an acknowledged event is never lost, and one that
/// comes again is nothing new.
pub struct EventHandler {
    pub(crate) storage: Storage,
    pub(crate) postage: Postage,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) wake: Arc<Notify>,
    /// Notified when an account is to be erased.
    pub(crate) erase: Arc<Notify>,
    pub(crate) changes: Changes,
}

impl Handler for EventHandler {
    async fn handle(&self, event: Event) -> Verdict {
        let (event_id, account_id) = (event.id, event.account_id);
        let plan = match Plan::of(event) {
            Ok(plan) => plan,
            Err(error) => {
                self.metrics.event(EventOutcome::dead_lettered);
                return Verdict::DeadLetter { reason: error.to_string() };
            }
        };
        match self.storage.record(&plan, &self.postage, self.clock.now_us()).await {
            Ok(Recorded::Duplicate) => {
                self.metrics.event(EventOutcome::duplicate);
                Verdict::Done
            }
            Ok(Recorded::New) => {
                self.metrics.event(EventOutcome::recorded);
                if !plan.mails.is_empty() {
                    self.wake.notify_one();
                }
                if plan.erases {
                    self.erase.notify_one();
                }
                if plan.ribbons.is_some() || plan.access.is_some() || plan.erases {
                    self.changes.announce(account_id);
                }
                Verdict::Done
            }
            Err(error) => {
                self.metrics.event(EventOutcome::retried);
                let _of = tracing::warn_span!("event", %event_id).entered();
                countersign_database::warn(&error, "an event can't be recorded");
                Verdict::Retry { reason: error.to_string() }
            }
        }
    }
}
