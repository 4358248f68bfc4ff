//! Settles what a loss of rights leaves behind (REQ-10) when it concerned more requests than its own transaction took.
//!
//! The change itself recorded that this is to be done, in its own transaction. Each request is settled in one guarded commit, so
//! none is ever half settled, and how far a sweep has come is kept in the database: after a crash, or when a holder is too slow,
//! whoever claims it next goes on from there. Doing a part twice does nothing.

use std::{sync::Arc, time::Duration};

use countersign_domain::{AccountId, RequestId};
use countersign_runtime::BoxError;
use countersign_store::{About, Sweep};
use futures_util::{StreamExt as _, stream};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{fault::Fault, road::Road};

/// How many requests are looked at between two notes of how far it has come.
const BATCH: u32 = 100;
/// How many are settled at a time: most of it is waiting for the disk, and others need connections too.
const AT_ONCE: usize = 4;
/// Whoever has not come that far in this time is taken to be gone.
const LEASE: Duration = Duration::from_mins(1);
/// How often it looks for what other replicas left.
const POLL: Duration = Duration::from_secs(1);

/// Runs until `stop` is cancelled.
pub async fn run(road: Road, stop: CancellationToken) -> Result<(), BoxError> {
    while !stop.is_cancelled() {
        let worked = match sweep(&road, &stop).await {
            Ok(worked) => worked,
            Err(fault) => {
                countersign_database::warn(&fault, "requests wait to be settled after a loss of rights");
                false
            }
        };
        if !worked {
            tokio::select! {
                () = stop.cancelled() => break,
                () = wait(&road.unsettled) => {}
            }
        }
    }
    Ok(())
}

async fn wait(unsettled: &Arc<Notify>) {
    // The time-out is the poll: either way it is time to look.
    let _ = timeout(POLL, unsettled.notified()).await;
}

/// Works on one sweep to its end; whether there was one. A request that can't be settled does not hold up the others; the sweep
/// stays owed then, and begins again when its claim has run out.
async fn sweep(road: &Road, stop: &CancellationToken) -> Result<bool, Fault> {
    let Some(mut sweep) = road.store.claim_sweep(road.now(), LEASE).await? else { return Ok(false) };
    let mut failed = false;
    while !stop.is_cancelled() {
        let requests = road.store.pending_request_ids(sweep.account_id, sweep.after, BATCH).await?;
        // Made first: a closure in the stream would have to hold for any lifetime.
        let settling: Vec<_> =
            requests.iter().map(|request| settle(road, sweep.account_id, *request)).collect();
        let settled: Vec<bool> = stream::iter(settling).buffer_unordered(AT_ONCE).collect().await;
        failed |= settled.contains(&false);
        match requests.last() {
            Some(last) if requests.len() == BATCH as usize => {
                sweep = Sweep { after: Some(*last), ..sweep };
                road.store.advance_sweep(&sweep, sweep.after, road.now(), LEASE).await?;
            }
            _ if failed => {
                road.store.advance_sweep(&sweep, None, road.now(), LEASE).await?;
                return Ok(true);
            }
            _ => {
                road.store.finish_sweep(&sweep).await?;
                return Ok(true);
            }
        }
    }
    // Given back, so that whoever starts next need not wait for the claim to run out.
    let after = if failed { None } else { sweep.after };
    road.store.advance_sweep(&sweep, after, road.now(), Duration::ZERO).await?;
    Ok(true)
}

/// Whether nothing went wrong.
async fn settle(road: &Road, account: AccountId, request: RequestId) -> bool {
    match road.settle(account, &About::Request(request)).await {
        Ok(_) => true,
        Err(fault) => {
            let _of = tracing::warn_span!("settle", %account, %request).entered();
            countersign_database::warn(&fault, "a request could not be settled after a change of the rules");
            false
        }
    }
}
