//! Publisher and consumer in one process: no queue in between, so nothing to lose. The publisher's outbox is the
//! queue, and [`Publisher::publish`] answers only after the handler has.

mod dead_letters;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::consumer::{self, Consumer};
use crate::handler::{self, Handler, Verdict};
use crate::health::Health;
use crate::publisher::{self, PublishError, Publisher};
use crate::{Event, Malformed};
use dead_letters::DeadLetters;

/// As many events at a time as a RabbitMQ consumer takes by default.
const CONCURRENCY: usize = 64;

/// A handler that hangs must not hang the publisher with it.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(30);

/// A publisher and the consumer that it publishes to. Dead letters become files in the folder `dead_letters`, named
/// by the event's id, each holding `{"reason": …, "event": …}`; the folder is made when the first one comes.
pub fn in_process(dead_letters: PathBuf) -> (Publisher, Consumer) {
    let (jobs, queue) = mpsc::channel(CONCURRENCY);
    let health = Health::default();
    let publisher = InProcessPublisher { jobs, health: health.clone() };
    let consumer =
        InProcessConsumer { queue, health, dead_letters: Arc::new(DeadLetters::new(dead_letters)) };
    (
        Publisher(publisher::Transport::InProcess(publisher)),
        Consumer(consumer::Transport::InProcess(consumer)),
    )
}

/// One event on its way, as the bytes that RabbitMQ would carry: an event that would not survive the wire does not
/// survive here either.
struct Job {
    body: Vec<u8>,
    answer: oneshot::Sender<Result<(), PublishError>>,
}

#[derive(Clone)]
pub(crate) struct InProcessPublisher {
    jobs: mpsc::Sender<Job>,
    health: Health,
}

impl InProcessPublisher {
    pub(crate) fn is_connected(&self) -> bool {
        self.health.is_connected()
    }

    pub(crate) async fn publish(&self, events: &[Event]) -> Vec<Result<(), PublishError>> {
        join_all(events.iter().map(|event| async {
            timeout(VERDICT_TIMEOUT, self.publish_one(event)).await.unwrap_or(Err(PublishError::TimedOut))
        }))
        .await
    }

    async fn publish_one(&self, event: &Event) -> Result<(), PublishError> {
        let body = event.to_json()?;
        // Before `run` the queue would take the event and nobody would answer.
        if !self.health.is_connected() {
            return Err(PublishError::NoConsumer);
        }
        let (answer, verdict) = oneshot::channel();
        self.jobs.send(Job { body, answer }).await.map_err(|_| PublishError::NoConsumer)?;
        verdict.await.unwrap_or(Err(PublishError::ConsumerStopped))
    }
}

pub(crate) struct InProcessConsumer {
    queue: mpsc::Receiver<Job>,
    health: Health,
    dead_letters: Arc<DeadLetters>,
}

impl InProcessConsumer {
    pub(crate) fn health(&self) -> Health {
        self.health.clone()
    }

    pub(crate) async fn run<H: Handler>(mut self, handler: Arc<H>, shutdown: CancellationToken) {
        let connected = self.health.connected();
        let running = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(CONCURRENCY));
        while let Some(Ok(slot)) = shutdown.run_until_cancelled(Arc::clone(&slots).acquire_owned()).await {
            let Some(Some(job)) = shutdown.run_until_cancelled(self.queue.recv()).await else {
                break;
            };
            let (handler, dead_letters) = (Arc::clone(&handler), Arc::clone(&self.dead_letters));
            running.spawn(async move {
                let outcome = handle(&*handler, &dead_letters, &job.body).await;
                // A publisher that went away meanwhile will publish again, and the handler dedupes.
                let _gone = job.answer.send(outcome);
                drop(slot);
            });
        }
        drop(connected);
        // Tells the publishers of what still waits here that it was not begun.
        drop(self.queue);
        running.close();
        running.wait().await;
    }
}

async fn handle<H: Handler>(
    handler: &H,
    dead_letters: &Arc<DeadLetters>,
    body: &[u8],
) -> Result<(), PublishError> {
    let event = Event::from_json(body).map_err(|malformed: Malformed| PublishError::Malformed(malformed))?;
    let id = event.id;
    match handler::call(handler, event).await {
        Verdict::Done => Ok(()),
        Verdict::Retry { reason } => Err(PublishError::Retry { reason }),
        Verdict::DeadLetter { reason } => {
            tracing::warn!(event_id = %id, %reason, "event dead-lettered");
            dead_letters.write(id, reason, body.to_vec()).await.map_err(PublishError::DeadLetterNotWritten)
        }
    }
}
