//! One worker: one mail at a time, on a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use countersign_runtime::telemetry::chain;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::trouble::Trouble;
use super::{Deliveries, Done, Job};
use crate::outbound::{Courier, Meaning};
use crate::storage::{Claim, Outcome, Settled};

/// A connection without work is closed after this: servers close it after some minutes, and others may need the place.
const IDLE: Duration = Duration::from_secs(30);

/// The longest pause after a failure that is the server's: when it is back, mail should not wait long.
const SERVER_TROUBLE_CAP_US: i64 = 60 * 1_000_000;

/// The pause when the database can't be asked whether a mail still asks.
const DATABASE_TROUBLE_US: i64 = 5 * 1_000_000;

pub(super) struct Worker {
    deliveries: Arc<Deliveries>,
    trouble: Arc<Trouble>,
    done: mpsc::Sender<Done>,
    courier: Courier,
}

impl Worker {
    pub(super) fn new(deliveries: Arc<Deliveries>, trouble: Arc<Trouble>, done: mpsc::Sender<Done>) -> Self {
        let courier = deliveries.outbound.courier();
        Self { deliveries, trouble, done, courier }
    }

    /// Works until the queue is closed and empty. From `shutdown` on, jobs are given back untried.
    pub(super) async fn run(mut self, queue: Arc<Mutex<mpsc::Receiver<Job>>>, shutdown: CancellationToken) {
        loop {
            let next = timeout(IDLE, async { queue.lock().await.recv().await }).await;
            let Job { claim, slot } = match next {
                Ok(Some(job)) => job,
                Ok(None) => break,
                Err(_idle) => {
                    self.courier.rest().await;
                    continue;
                }
            };
            let outcome = if shutdown.is_cancelled() || !self.has_time_for(&claim) {
                Outcome::Released
            } else {
                self.send(&claim).await
            };
            let done = Done { settled: Settled { claim, outcome }, _slot: slot };
            // Settling ends only after all workers.
            let _closed = self.done.send(done).await;
        }
        self.courier.rest().await;
    }

    /// Whether a try would end before others may claim the delivery.
    fn has_time_for(&self, claim: &Claim) -> bool {
        let patience = i64::try_from(self.deliveries.outbound.patience().as_micros()).unwrap_or(i64::MAX);
        self.deliveries.clock.now_us().saturating_add(patience) < claim.lease_until
    }

    async fn send(&mut self, claim: &Claim) -> Outcome {
        // As late as can be: it may have waited for days.
        match self.deliveries.storage.is_stale(claim).await {
            Ok(true) => return Outcome::Dropped,
            Ok(false) => {}
            Err(error) => {
                let due_at = self.deliveries.clock.now_us().saturating_add(DATABASE_TROUBLE_US);
                return Outcome::Retry { due_at, error: chain(&error) };
            }
        }
        let mail = match self.deliveries.composer.compose(claim) {
            Ok(mail) => mail,
            Err(error) => return Outcome::Failed { error: chain(&error) },
        };
        let Err(error) = self.courier.deliver(&mail, &file_name(claim)).await else {
            self.trouble.none();
            return Outcome::Sent;
        };
        let meaning = error.meaning();
        match meaning {
            Meaning::ServerTrouble => self.trouble.seen(),
            Meaning::Later | Meaning::Never => self.trouble.none(),
        }
        let now = self.deliveries.clock.now_us();
        let retry = self.deliveries.settings.retry;
        let error = if claim.holds_secret() { error.without_words() } else { chain(&error) };
        if meaning == Meaning::Never || retry.is_over(claim.created_at, now) {
            return Outcome::Failed { error };
        }
        let pause = retry.pause_us(claim.attempts, claim.event_id, claim.member_id);
        let pause = if meaning == Meaning::ServerTrouble { pause.min(SERVER_TROUBLE_CAP_US) } else { pause };
        Outcome::Retry { due_at: now.saturating_add(pause), error }
    }
}

/// `<time>-<event>-<member>`: sorts by time, and is the same in every try.
fn file_name(claim: &Claim) -> String {
    let shape = format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(claim.occurred_at) * 1_000)
        .ok()
        .and_then(|time| time.format(&shape).ok())
        .unwrap_or_default();
    format!("{time}-{}-{}", claim.event_id, claim.member_id)
}
