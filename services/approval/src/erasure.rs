//! Erases accounts whose time of grace after a deletion is over, in small steps, any of which can be done again.

use std::time::Duration;

use countersign_domain::{AccountId, EventId};
use countersign_runtime::{BoxError, ids, telemetry};
use countersign_store::Erased;
use tokio_util::sync::CancellationToken;

use crate::{events, road::Road};

/// How often it looks.
const POLL: Duration = Duration::from_secs(30);
/// How many accounts are looked up at once.
const ACCOUNTS: u32 = 10;
/// How many rows go in one step.
const STEP: u32 = 500;

/// Runs until `stop` is cancelled.
pub async fn run(road: Road, stop: CancellationToken) -> Result<(), BoxError> {
    loop {
        match road.store.accounts_to_erase(road.now(), ACCOUNTS).await {
            Ok(accounts) => erase(&road, accounts, &stop).await,
            Err(error) => {
                countersign_database::warn(&error, "the accounts to erase could not be read");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// One that can't be erased does not hold up the others.
async fn erase(road: &Road, accounts: Vec<AccountId>, stop: &CancellationToken) {
    for account in accounts {
        while !stop.is_cancelled() {
            let told = events::of_erasure(account, road.now(), EventId(ids::new_id()));
            match road.store.erase_account(account, road.now(), STEP, told).await {
                Ok(Erased::Part) => continue,
                Ok(Erased::All) => tracing::info!(%account, "a deleted account was erased"),
                Ok(Erased::NotDue) => {}
                Err(error) => {
                    let error = telemetry::chain(&error);
                    tracing::error!(%account, %error, "a deleted account could not be erased");
                }
            }
            break;
        }
    }
}
