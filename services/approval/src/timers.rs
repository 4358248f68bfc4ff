//! What time alone does: requests expire and are reminded of, what is scheduled starts, campaigns complete (REQ-14, REQ-15, LIF-17,
//! NOT-8).
//!
//! Any number of replicas may run it. What is due is claimed with a lease, so that they share the work and do none of it twice; a
//! claim whose holder is gone runs out. Each change is an ordinary guarded commit besides, so that it happens once whatever becomes
//! of claims. Nothing is kept in memory: what came due while no replica ran is done when one does, oldest first.

use std::time::Duration;

use countersign_runtime::BoxError;
use countersign_store::{About, Due};
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{fault::Fault, road::Road};

/// How many are claimed at once.
const BATCH: u32 = 100;
/// How many take effect at a time: most of it is waiting for the disk, and others need connections too.
const AT_ONCE: usize = 4;
/// For how long a claim holds. Far more than a batch takes; and what could not take effect is left alone for as long, so that it
/// does not hold up the rest.
const LEASE: Duration = Duration::from_secs(10);
/// How often it looks: the most that a start or an expiry is late by, on a service that keeps up.
const POLL: Duration = Duration::from_millis(500);

/// Lets what is due take effect until `stop` is cancelled.
pub async fn run(road: Road, stop: CancellationToken) -> Result<(), BoxError> {
    while !stop.is_cancelled() {
        let more = match round(&road, &stop).await {
            Ok(claimed) => claimed == BATCH as usize,
            Err(fault) => {
                countersign_database::warn(&fault, "what is due could not be looked up");
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

/// Lets one batch take effect; how many were claimed for it. One that fails does not hold up the others.
pub async fn round(road: &Road, stop: &CancellationToken) -> Result<usize, Fault> {
    let now = road.now();
    let claimed = road.store.claim_due(now, LEASE, BATCH).await?;
    if claimed.is_empty() {
        road.store.forget_claims(now).await?;
        return Ok(0);
    }
    // Made first: a closure in the stream would have to hold for any lifetime.
    let ticking: Vec<_> = claimed.iter().map(|due| tick(road, stop, *due)).collect();
    let done: Vec<Due> = stream::iter(ticking).buffered(AT_ONCE).filter_map(async |due| due).collect().await;
    road.store.release_due(&done, now.plus(LEASE)).await?;
    Ok(claimed.len())
}

/// What was claimed, if nothing is left to do about it now. Else the claim stays until it runs out: whoever looks again at once would
/// find the same.
async fn tick(road: &Road, stop: &CancellationToken, due: Due) -> Option<Due> {
    // Given back, so that another replica need not wait for the claim to run out.
    if stop.is_cancelled() {
        return Some(due);
    }
    match road.tick(due.account_id, &About::Resource(due.resource_id)).await {
        Ok(did) => did.then_some(due),
        Err(fault) => {
            let _of =
                tracing::warn_span!("due", account = %due.account_id, resource = %due.resource_id).entered();
            countersign_database::warn(&fault, "what is due did not take effect");
            None
        }
    }
}
