//! Removes what was told long ago, a batch at a time.

use std::time::Duration;

use countersign_runtime::clock::Clock;
use countersign_runtime::telemetry::chain;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::storage::Storage;

/// How long sent mails and taken events are kept where nothing else is said.
pub const DEFAULT_KEEP: Duration = Duration::from_hours(30 * 24);

/// The least that can be said. An event's id is what tells a second copy from a first, so it must outlive every copy that
/// the broker may still hand out: those of a connection that broke come back within moments, and those that the approval
/// service could not get confirmed when it can reach the broker again. A week is far more than either.
pub const LEAST_KEEP_DAYS: u64 = 7;

/// How often it is looked for what is old.
const LOOK: Duration = Duration::from_mins(10);

/// Events removed in one transaction: small enough that nobody waits for it.
const BATCH: u32 = 500;

/// Between two batches, so that a backlog of old events does not take the database for itself.
const PAUSE: Duration = Duration::from_millis(100);

/// Removes until `stop` what was taken, and sent, longer than `keep` ago.
pub(crate) async fn run(storage: Storage, clock: Clock, keep: Duration, stop: CancellationToken) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let keep_us = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let before = clock.now_us().saturating_sub(keep_us);
        let mut total = 0;
        loop {
            match storage.purge(before, BATCH).await {
                Ok(0) => break,
                Ok(purged) => total += purged,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "old events can't be removed");
                    break;
                }
            }
            if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                return;
            }
        }
        if total > 0 {
            tracing::info!(events = total, "old events removed");
        }
    }
}
