//! Removes what was told long ago, and what is kept of erased accounts, a batch at a time.

use std::sync::Arc;
use std::time::Duration;

use countersign_runtime::clock::Clock;
use tokio::sync::Notify;
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

/// Events, or rows of a table, removed in one transaction: small enough that nobody waits for it.
const BATCH: u32 = 500;

/// Between two batches, so that a backlog of old events does not take the database for itself.
const PAUSE: Duration = Duration::from_millis(100);

/// Until `stop`, removes what was taken, and sent, longer than `keep` ago, and what is kept of erased accounts: of these at
/// once when `wake` is notified, else with the next look, which finds what another process left undone.
pub(crate) async fn run(
    storage: Storage,
    clock: Clock,
    keep: Duration,
    wake: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let keep_us = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake.notified() => {}
            _ = ticks.tick() => {}
        }
        erase(&storage, &clock, &stop).await;
        remove_old(&storage, clock.now_us().saturating_sub(keep_us), &stop).await;
    }
}

async fn erase(storage: &Storage, clock: &Clock, stop: &CancellationToken) {
    let mut total = 0;
    loop {
        match storage.erase(BATCH, clock.now_us()).await {
            Ok(None) => break,
            Ok(Some(removed)) => total += removed,
            Err(error) => {
                countersign_database::warn(&error, "what is kept of erased accounts can't be removed");
                break;
            }
        }
        if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
            return;
        }
    }
    if total > 0 {
        tracing::info!(rows = total, "what was kept of erased accounts removed");
    }
}

async fn remove_old(storage: &Storage, before_us: i64, stop: &CancellationToken) {
    let mut total = 0;
    loop {
        match storage.purge(before_us, BATCH).await {
            Ok(0) => break,
            Ok(purged) => total += purged,
            Err(error) => {
                countersign_database::warn(&error, "old events can't be removed");
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
