//! Erases accounts whose time of grace after a deletion is over, in small steps, any of which can be done again.

use std::time::Duration;

use countersign_runtime::{BoxError, telemetry};
use countersign_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::road::Road;

/// How often it looks.
const POLL: Duration = Duration::from_secs(30);
/// How many accounts are looked up at once.
const ACCOUNTS: u32 = 10;
/// How many rows go in one step.
const STEP: u32 = 500;

/// Runs until `stop` is cancelled.
pub async fn run(road: Road, stop: CancellationToken) -> Result<(), BoxError> {
    loop {
        if let Err(error) = erase(&road, &stop).await {
            tracing::warn!(error = %telemetry::chain(&error), "a deleted account waits to be erased");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn erase(road: &Road, stop: &CancellationToken) -> Result<(), StoreError> {
    for account in road.store.accounts_to_erase(road.now(), ACCOUNTS).await? {
        while !stop.is_cancelled() && road.store.erase_account(account, road.now(), STEP).await? {}
        tracing::info!(%account, "a deleted account was erased");
    }
    Ok(())
}
