//! What a consumer asks of the code that it serves.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::Event;

/// What becomes of an event that a [`Handler`] was given.
///
/// A reason is stored beside the event and logged: it names what failed, by ids, and quotes nothing of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What the event asks for is durably done; it will not come again.
    Done,
    /// It can't be done now but may be later (a database is away); the event comes again after a pause.
    Retry {
        /// Why not now.
        reason: String,
    },
    /// It can never be done (an unknown type, data that makes no sense); the event is kept for a person to look at.
    DeadLetter {
        /// Why never.
        reason: String,
    },
}

/// Takes events, several at a time.
///
/// The same event can come more than once, also at the same time (from a connection that died and its successor), so
/// a handler dedupes by [`Event::id`] in the transaction that does the work.
pub trait Handler: Send + Sync + 'static {
    /// Handles one event. A panic counts as [`Verdict::Retry`].
    fn handle(&self, event: Event) -> impl Future<Output = Verdict> + Send;
}

/// Calls `handler` so that a panic ends this event's try, not the consumer.
pub(crate) async fn call<H: Handler>(handler: &H, event: Event) -> Verdict {
    // Unwind safety: nothing of ours is shared with the handler, and its own state is its own affair.
    let outcome = AssertUnwindSafe(async { handler.handle(event).await }).catch_unwind().await;
    outcome.unwrap_or_else(|_| Verdict::Retry { reason: "the handler panicked".to_owned() })
}
