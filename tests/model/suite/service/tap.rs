//! Between the relay and the notifier: keeps what passes.

use std::sync::{Arc, Mutex, PoisonError};

use countersign_broker::{Event, Handler, Verdict};
use countersign_notifier::consume::EventHandler;

/// Hands each event on to the notifier and remembers it.
pub struct Tap {
    onward: Arc<EventHandler>,
    passed: Mutex<Vec<Event>>,
}

impl Tap {
    pub fn new(onward: Arc<EventHandler>) -> Self {
        Self { onward, passed: Mutex::default() }
    }

    /// What passed since the last time.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.passed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Handler for Tap {
    async fn handle(&self, event: Event) -> Verdict {
        let verdict = self.onward.handle(event.clone()).await;
        assert_eq!(verdict, Verdict::Done, "the notifier could not take {}", event.event_type);
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        verdict
    }
}
