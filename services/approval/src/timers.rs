//! What time alone does: requests expire, what is scheduled starts, campaigns complete (REQ-14, REQ-15, LIF-17).
//!
//! Any number of replicas may run it: each change is an ordinary guarded commit, so that it happens once. Nothing is kept
//! in memory: what came due while no replica ran is done when one does, oldest first.

use std::time::Duration;

use countersign_runtime::{BoxError, telemetry};
use countersign_store::{About, Due};
use tokio_util::sync::CancellationToken;

use crate::{fault::Fault, road::Road};

/// How many are looked up at once.
const BATCH: u32 = 100;
/// How often it looks: the most that a start or an expiry is late by, on a service that keeps up.
const POLL: Duration = Duration::from_millis(500);

/// Lets what is due take effect until `stop` is cancelled.
pub async fn run(road: Road, stop: CancellationToken) -> Result<(), BoxError> {
    while !stop.is_cancelled() {
        let more = match batch(&road).await {
            Ok(more) => more,
            Err(fault) => {
                tracing::warn!(error = %telemetry::chain(&fault), "what is due could not be looked up");
                false
            }
        };
        if !more {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
    Ok(())
}

/// Lets one batch take effect; whether to look again at once. One that fails does not hold up the others; a batch that
/// changed nothing is no reason to hurry.
async fn batch(road: &Road) -> Result<bool, Fault> {
    let due = road.store.due(road.now(), BATCH).await?;
    let full = due.len() == BATCH as usize;
    let mut changed = false;
    for due in due {
        let Due { account_id, resource_id, request_id, since: _ } = due;
        let about = match request_id {
            Some(request) => About::Request(request),
            None => About::Resource(resource_id),
        };
        match road.tick(account_id, &about).await {
            Ok(did) => changed |= did,
            Err(fault) => tracing::warn!(
                account = %account_id, resource = %resource_id, error = %telemetry::chain(&fault),
                "what is due did not take effect"
            ),
        }
    }
    Ok(full && changed)
}
