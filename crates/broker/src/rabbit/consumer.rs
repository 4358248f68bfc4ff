//! Consuming: one session per connection, one task per message.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::RECONNECT;
use super::config::Settings;
use super::dead_letter;
use super::link::Link;
use super::topology;
use crate::backoff::Backoff;
use crate::handler::{self, Handler, Verdict};
use crate::{Event, Health};

/// Between two tries of one message: soon for a hiccup, and no burden on a database that is down for long.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), cap: Duration::from_secs(30) };

/// For steps of the protocol that a healthy broker answers at once.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// For an acknowledgement, which is not answered but only written.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct RabbitConsumer {
    settings: Arc<Settings>,
    health: Health,
}

impl RabbitConsumer {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings), health: Health::default() }
    }

    pub(crate) fn health(&self) -> Health {
        self.health.clone()
    }

    pub(crate) async fn run<H: Handler>(self, handler: Arc<H>, shutdown: CancellationToken) {
        let running = TaskTracker::new();
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let mut subscribed = false;
            if let Err(error) = self.session(&handler, &running, &shutdown, &mut subscribed).await {
                failures = if subscribed { 1 } else { failures + 1 };
                tracing::warn!(%error, failures, "consumer lost the broker");
                shutdown.run_until_cancelled(tokio::time::sleep(RECONNECT.pause(failures))).await;
            }
        }
        // Handlers of messages whose connection is gone: redelivery has them covered, but they end in their own time.
        running.close();
        running.wait().await;
    }

    /// Consumes over one connection until it breaks (an error) or until `shutdown`.
    async fn session<H: Handler>(
        &self,
        handler: &Arc<H>,
        running: &TaskTracker,
        shutdown: &CancellationToken,
        subscribed: &mut bool,
    ) -> lapin::Result<()> {
        let deadline = Instant::now() + STEP_TIMEOUT;
        let subscribing = async {
            let link = Link::open(&self.settings, "consumer", deadline).await?;
            let channel = link.connection.create_channel().await?;
            topology::declare(&channel, &self.settings).await?;
            channel.basic_qos(self.settings.prefetch, BasicQosOptions::default()).await?;
            let deliveries = channel
                .basic_consume(
                    self.settings.queue.clone(),
                    ShortString::default(), // RabbitMQ makes up a unique tag
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            Ok((link, channel, deliveries))
        };
        let Some(outcome) = shutdown.run_until_cancelled(timeout_at(deadline, subscribing)).await else {
            return Ok(());
        };
        let (link, channel, mut deliveries) = outcome.unwrap_or_else(|_| Err(timed_out()))?;
        *subscribed = true;
        let connected = self.health.connected();
        tracing::info!(queue = %self.settings.queue, "consumer subscribed");

        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let link = Arc::new(link);
        while let Some(next) = shutdown.run_until_cancelled(deliveries.next()).await {
            // A stream that just ends was cancelled by the broker: the queue is gone, and comes back with the session.
            let delivery = next.ok_or_else(cancelled_by_broker)??;
            let task = Task {
                settings: Arc::clone(&self.settings),
                link: Arc::clone(&link),
                ended: ended.clone(),
                delivery,
            };
            let handler = Arc::clone(handler);
            running.spawn(async move { task.run(&*handler).await });
        }

        drop(connected);
        let cancelling = channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default());
        // If it fails, closing the connection cancels as well.
        let _cancelled = timeout(STEP_TIMEOUT, cancelling).await;
        drop(end);
        running.close();
        running.wait().await;
        // What was delivered and not begun goes back to the queue with this.
        let _closed = timeout(STEP_TIMEOUT, link.connection.close(200, "shutdown".into())).await;
        Ok(())
    }
}

/// One message on its way through the handler.
struct Task {
    settings: Arc<Settings>,
    /// Keeps the connection open for the acknowledgement.
    link: Arc<Link>,
    /// The session is over: trying again is the next session's affair.
    ended: CancellationToken,
    delivery: Delivery,
}

impl Task {
    async fn run<H: Handler>(self, handler: &H) {
        match Event::from_json(&self.delivery.data) {
            Ok(event) => self.handle(handler, event).await,
            Err(malformed) => self.bury(&malformed.to_string()).await,
        }
    }

    async fn handle<H: Handler>(&self, handler: &H, event: Event) {
        let give_back_at = Instant::now() + self.settings.retry_hold;
        let mut failures = self.earlier_deliveries();
        loop {
            match handler::call(handler, event.clone()).await {
                Verdict::Done => return self.ack().await,
                Verdict::DeadLetter { reason } => return self.bury(&reason).await,
                Verdict::Retry { reason } => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(event_id = %event.id, failures, %reason, "event will be tried again");
                    if !self.pause(failures).await || Instant::now() >= give_back_at {
                        return self.give_back().await;
                    }
                }
            }
        }
    }

    async fn bury(&self, reason: &str) {
        let message_id = self.message_id();
        let Settings { dead_letter, publish_timeout, .. } = &*self.settings;
        match dead_letter::bury(&self.link.connection, dead_letter, &self.delivery, reason, *publish_timeout)
            .await
        {
            Ok(()) => {
                tracing::warn!(message_id, %reason, "message dead-lettered");
                self.ack().await;
            }
            Err(error) => {
                tracing::error!(message_id, %error, "message could not be dead-lettered; it goes back to the queue");
                self.pause(self.earlier_deliveries().saturating_add(1)).await;
                self.give_back().await;
            }
        }
    }

    /// False when the session ended meanwhile.
    async fn pause(&self, failures: u32) -> bool {
        self.ended.run_until_cancelled(tokio::time::sleep(RETRY.pause(failures))).await.is_some()
    }

    async fn ack(&self) {
        self.settle("acknowledged", self.delivery.ack(BasicAckOptions::default())).await;
    }

    async fn give_back(&self) {
        let options = BasicNackOptions { requeue: true, multiple: false };
        self.settle("given back", self.delivery.nack(options)).await;
    }

    /// Sends the message's fate. On a connection that has just died lapin may never answer, hence the timeout; what
    /// was sent by then is not taken back.
    async fn settle(&self, fate: &str, sending: impl Future<Output = lapin::Result<bool>>) {
        let problem = match timeout(SETTLE_TIMEOUT, sending).await {
            Ok(Ok(true)) => return,
            Ok(Ok(false)) => "the channel is closed".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        let message_id = self.message_id();
        tracing::debug!(message_id, %problem, "message could not be {fate} and will come again");
    }

    fn message_id(&self) -> Option<&str> {
        self.delivery.properties.message_id().as_ref().map(ShortString::as_str)
    }

    /// How often a quorum queue says that it has delivered this message before. RabbitMQ 4 counts deliveries under
    /// `x-acquired-count` that it does not hold against the message.
    fn earlier_deliveries(&self) -> u32 {
        let headers = self.delivery.properties.headers().as_ref();
        let count = |name| match headers.and_then(|headers| headers.inner().get(name)) {
            Some(AMQPValue::LongLongInt(count)) => u32::try_from(*count).unwrap_or(0),
            _ => 0,
        };
        count("x-delivery-count").max(count("x-acquired-count"))
    }
}

fn timed_out() -> lapin::Error {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

fn cancelled_by_broker() -> lapin::Error {
    std::io::Error::other("the broker cancelled the subscription").into()
}
