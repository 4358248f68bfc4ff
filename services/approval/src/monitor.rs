//! Watches what the service depends on: readiness follows the database, and the outbox is measured.
//!
//! Readiness does not follow the broker: while it is away, events wait in the outbox and the service goes on deciding.

use std::time::Duration;

use countersign_domain::Timestamp;
use countersign_runtime::{BoxError, readiness::Readiness};
use tokio_util::sync::CancellationToken;

use crate::{DATABASE, road::Road};

/// How often it looks.
const POLL: Duration = Duration::from_secs(2);
/// Answers to repeated calls are remembered this long.
const REMEMBER: Duration = Duration::from_hours(7 * 24);
/// How many of them are forgotten in one step.
const FORGET: u32 = 1_000;
/// How many steps are taken at a time.
const FORGET_STEPS: u32 = 20;

/// Runs until `stop` is cancelled.
pub async fn run(road: Road, readiness: Readiness, stop: CancellationToken) -> Result<(), BoxError> {
    loop {
        look(&road, &readiness).await;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn look(road: &Road, readiness: &Readiness) {
    let now = road.now();
    if let Err(error) = road.store.ping().await {
        countersign_database::warn(&error, "the database can't be reached");
        readiness.set(DATABASE, false, countersign_database::told(&error));
        return;
    }
    readiness.set(DATABASE, true, "");
    // Not a reason to be unready: a long outbox takes long to count, and the service goes on deciding meanwhile.
    match road.store.outbox_depth(now).await {
        Ok(depth) => {
            road.metrics.outbox_depth.set(i64::try_from(depth.count).unwrap_or(i64::MAX));
            road.metrics.outbox_age.set(depth.oldest_age.unwrap_or_default().as_secs_f64());
        }
        Err(error) => countersign_database::warn(&error, "the outbox could not be measured"),
    }
    match road.store.count_sweeps().await {
        Ok(count) => {
            road.metrics.unsettled.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        Err(error) => countersign_database::warn(&error, "the sweeps could not be counted"),
    }
    let before = Timestamp(now.0.saturating_sub(i64::try_from(REMEMBER.as_micros()).unwrap_or(i64::MAX)));
    // In small steps, so that none holds up the writes of others, and as many as keep pace with them.
    for _ in 0..FORGET_STEPS {
        match road.store.purge_idempotency(before, FORGET).await {
            Ok(forgotten) if forgotten == u64::from(FORGET) => {}
            Ok(_) => return,
            Err(error) => {
                countersign_database::warn(&error, "old answers could not be forgotten");
                return;
            }
        }
    }
}
