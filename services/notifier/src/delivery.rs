//! The delivery loop: claims what is due, has a few workers send it, and writes how it went.
//!
//! ```text
//! claim ──jobs──► worker × connections ──settled──► settle (in batches)
//!   ▲                                                  │
//!   └────────────── slots given back ◄─────────────────┘
//! ```
//! A mail that is out but not yet settled when the process dies is sent again when its lease ends, with the same
//! Message-ID: that is the window of NOT-11.

mod retry;
mod trouble;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use countersign_runtime::clock::Clock;
use countersign_runtime::telemetry::chain;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::mail::Composer;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::storage::{Claim, Outcome, Settled, Storage};
pub use retry::RetryPolicy;
use trouble::Trouble;
use worker::Worker;

/// Claims held for each worker, so that it never waits for the database.
const CLAIMS_PER_WORKER: usize = 8;

/// How often the database is asked for what is due, when nothing wakes the loop: for retries, other processes' leases,
/// and plans of other replicas.
const POLL: Duration = Duration::from_secs(1);

/// How long a claim may wait for its worker.
const LEASE_SLACK: Duration = Duration::from_secs(20);

/// Between two tries when the database is away.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// How mail is delivered.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// Mails under way at a time, each on a connection of its own.
    pub connections: usize,
    /// When to try again, and when to give up.
    pub retry: RetryPolicy,
}

/// What the loop needs.
pub(crate) struct Deliveries {
    pub(crate) storage: Storage,
    pub(crate) composer: Arc<Composer>,
    pub(crate) outbound: Outbound,
    pub(crate) settings: DeliverySettings,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    /// Notified when deliveries were planned.
    pub(crate) wake: Arc<Notify>,
}

/// One claim on its way through a worker; its slot is free again when it is settled.
pub(crate) struct Job {
    claim: Arc<Claim>,
    slot: OwnedSemaphorePermit,
}

/// A job whose try has ended.
pub(crate) struct Done {
    settled: Settled,
    _slot: OwnedSemaphorePermit,
}

impl Deliveries {
    /// Delivers until `shutdown`; then finishes the mails under way and gives back the rest.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let window = this.settings.connections * CLAIMS_PER_WORKER;
        let slots = Arc::new(Semaphore::new(window));
        let trouble = Arc::new(Trouble::default());
        let (jobs, queue) = mpsc::channel(window);
        let (done, results) = mpsc::channel(window);
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = JoinSet::new();
        for _ in 0..this.settings.connections {
            let worker = Worker::new(Arc::clone(&this), Arc::clone(&trouble), done.clone());
            workers.spawn(worker.run(Arc::clone(&queue), shutdown.clone()));
        }
        drop(done);
        let settling = tokio::spawn(settle(Arc::clone(&this), results));
        this.claim_all(&slots, &trouble, &jobs, &shutdown).await;
        // The workers end when the queue is empty, and the settling when they have.
        drop(jobs);
        while workers.join_next().await.is_some() {}
        if let Err(error) = settling.await {
            tracing::error!(error = chain(&error), "settling deliveries ended before its time");
        }
    }

    async fn claim_all(
        &self,
        slots: &Arc<Semaphore>,
        trouble: &Trouble,
        jobs: &mpsc::Sender<Job>,
        shutdown: &CancellationToken,
    ) {
        // Waiting for several slots makes claims of several deliveries.
        let batch = u32::try_from(self.settings.connections * 2).unwrap_or(u32::MAX);
        let lease = self.lease();
        while !shutdown.is_cancelled() {
            let Some(Ok(mut held)) =
                shutdown.run_until_cancelled(Arc::clone(slots).acquire_many_owned(batch)).await
            else {
                return;
            };
            if shutdown.run_until_cancelled(trouble.pause()).await.is_none() {
                return;
            }
            let surplus = u32::try_from(slots.available_permits()).unwrap_or(0);
            if let Ok(more) = Arc::clone(slots).try_acquire_many_owned(surplus) {
                held.merge(more);
            }
            // Registered before the claim, so that a plan made meanwhile is not slept over.
            let woken = self.wake.notified();
            let claims = match self.storage.claim(held.num_permits(), lease, self.clock.now_us()).await {
                Ok(claims) => claims,
                Err(error) => {
                    countersign_database::warn(&error, "deliveries can't be claimed");
                    drop(held);
                    let _stopped = shutdown.run_until_cancelled(sleep(DATABASE_PAUSE)).await;
                    continue;
                }
            };
            let idle = claims.is_empty();
            for claim in claims {
                if let Some(slot) = held.split(1) {
                    // Never full: it has room for every slot. Closed only after this loop.
                    let _closed = jobs.send(Job { claim: Arc::new(claim), slot }).await;
                }
            }
            drop(held);
            if idle {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = woken => {}
                    () = sleep(POLL) => {}
                }
            }
        }
    }

    /// Long enough for one try. A worker gives back what it could not begin in time, so a crash holds mail up no longer
    /// than this.
    fn lease(&self) -> Duration {
        self.outbound.patience() + LEASE_SLACK
    }
}

/// Writes results as they come, as many at a time as there are.
async fn settle(this: Arc<Deliveries>, mut results: mpsc::Receiver<Done>) {
    let mut batch = Vec::new();
    while results.recv_many(&mut batch, 1_000).await > 0 {
        let settled: Vec<Settled> = batch.iter().map(|done: &Done| done.settled.clone()).collect();
        // What can't be written would be sent again: it is tried for as long as the lease lasts.
        let deadline = settled.iter().map(|one| one.claim.lease_until).max().unwrap_or_default();
        while let Err(error) = this.storage.settle(&settled, this.clock.now_us()).await {
            countersign_database::warn(&error, "results of deliveries can't be written");
            if this.clock.now_us() > deadline {
                break;
            }
            sleep(DATABASE_PAUSE).await;
        }
        for one in &settled {
            this.count(one);
        }
        batch.clear();
    }
}

impl Deliveries {
    /// Counts and logs a result; by ids, never by address.
    fn count(&self, Settled { claim, outcome }: &Settled) {
        let (event_id, member_id, attempts) = (claim.event_id, claim.member_id, claim.attempts);
        match outcome {
            Outcome::Sent => {
                self.metrics.mails_sent.inc();
                tracing::debug!(%event_id, %member_id, attempts, "mail sent");
            }
            Outcome::Retry { .. } => {
                self.metrics.mail_retries.inc();
            }
            Outcome::Failed { .. } => {
                self.metrics.mails_failed.inc();
                tracing::error!(%event_id, %member_id, attempts, "mail given up; the delivery's row says why");
            }
            Outcome::Dropped => {
                self.metrics.mails_dropped.inc();
                tracing::debug!(%event_id, %member_id, attempts, "mail dropped: nothing is left to decide");
            }
            Outcome::Released => {}
        }
    }
}
