//! The outbox relay: what was committed is published, at least once, and forgotten only after the broker confirmed it.
//!
//! Any number of replicas may run it: each claims other rows. It is woken by commits of its own process and looks about
//! once a second for those of others, because a `NOTIFY` in the writing transaction would make commits wait for each
//! other.

use std::{sync::Arc, time::Duration};

use countersign_broker::{Event, PublishError, Publisher};
use countersign_runtime::{BoxError, telemetry};
use countersign_store::{OutboxRow, Store};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Events that are published in one go: confirms cost a round trip to the broker's disks, which a batch shares.
const BATCH: u32 = 500;
/// How often it looks for what other replicas committed and could not publish.
const POLL: Duration = Duration::from_secs(1);
/// After a failure it waits this long, doubled with each further one …
const BACKOFF_LEAST: Duration = Duration::from_millis(100);
/// … up to this.
const BACKOFF_MOST: Duration = Duration::from_secs(10);

/// Publishes outbox rows.
pub struct Relay {
    /// Where they are.
    pub store: Store,
    /// Where they go.
    pub publisher: Publisher,
    /// The CloudEvents `source`.
    pub source: String,
    /// Wakes it.
    pub committed: Arc<Notify>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Relay {
    /// Runs until `stop` is cancelled. A batch in flight is finished; what it leaves stays in the outbox.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BoxError> {
        let mut backoff = BACKOFF_LEAST;
        while !stop.is_cancelled() {
            let pause = match self.batch().await {
                Ok(true) => {
                    backoff = BACKOFF_LEAST;
                    continue;
                }
                Ok(false) => {
                    backoff = BACKOFF_LEAST;
                    None
                }
                Err(error) => {
                    countersign_database::warn(error.as_ref(), "events wait in the outbox");
                    self.metrics.relay_failures.inc();
                    let pause = backoff;
                    backoff = (backoff * 2).min(BACKOFF_MOST);
                    Some(pause)
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = wait(pause, &self.committed) => {}
            }
        }
        Ok(())
    }

    /// Publishes one batch; whether more waits. A batch of which nothing was published is an error: then it is time to wait.
    async fn batch(&self) -> Result<bool, BoxError> {
        let mut first_error = None;
        let relayed = self.store.relay(BATCH, |rows| self.publish(rows, &mut first_error)).await?;
        self.metrics.published.inc_by(relayed.published as u64);
        let Some(error) = first_error else { return Ok(relayed.more) };
        if relayed.published == 0 {
            return Err(error.into());
        }
        self.metrics.relay_failures.inc();
        tracing::warn!(
            failed = relayed.failed, published = relayed.published, error = %telemetry::chain(&error),
            "some events were not confirmed and wait in the outbox"
        );
        Ok(relayed.more)
    }

    /// Which of the rows the broker has confirmed, and why the first of the others was not.
    async fn publish(&self, rows: Vec<OutboxRow>, first_error: &mut Option<PublishError>) -> Vec<bool> {
        let events: Vec<_> = rows.into_iter().map(|row| self.event(row)).collect();
        let results = self.publisher.publish(&events).await;
        let mut confirmed = Vec::with_capacity(results.len());
        for (event, result) in events.iter().zip(results) {
            confirmed.push(result.is_ok());
            if let Err(error) = result {
                tracing::debug!(event = %event.id, error = %telemetry::chain(&error), "not confirmed");
                first_error.get_or_insert(error);
            }
        }
        confirmed
    }

    fn event(&self, row: OutboxRow) -> Event {
        Event {
            id: row.event_id.0,
            event_type: row.event_type,
            source: self.source.clone(),
            subject: row.subject,
            time_us: row.occurred_at.0,
            account_id: row.account_id.0,
            sequence: row.sequence,
            traceparent: row.traceparent,
            // The payload was written by this service; were it not JSON after all, consumers would get it as a string and
            // put it aside with a reason.
            data: serde_json::from_str(&row.payload).unwrap_or(serde_json::Value::String(row.payload)),
        }
    }
}

async fn wait(pause: Option<Duration>, committed: &Notify) {
    match pause {
        // After a failure a commit is no reason to try sooner.
        Some(pause) => tokio::time::sleep(pause).await,
        None => {
            // The time-out is the poll: either way it is time to look.
            let _ = timeout(POLL, committed.notified()).await;
        }
    }
}
