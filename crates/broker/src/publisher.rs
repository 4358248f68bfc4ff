//! The sending side.

use std::io;
use std::sync::Arc;

use crate::in_process::InProcessPublisher;
use crate::rabbit::RabbitPublisher;
use crate::{Event, Malformed};

/// Hands events over. Cheap to clone; clones share the connection, and may publish at the same time.
#[derive(Clone)]
pub struct Publisher(pub(crate) Transport);

#[derive(Clone)]
pub(crate) enum Transport {
    Rabbit(Arc<RabbitPublisher>),
    InProcess(InProcessPublisher),
}

impl Publisher {
    /// Publishes `events` and returns one result for each, in the same order.
    ///
    /// `Ok` means that the event is safe: RabbitMQ has confirmed it into a queue, or the consumer of this process is
    /// done with it. After any error the event may or may not have arrived, so the caller keeps it and publishes it
    /// again. Dropping the future is safe and means the same.
    ///
    /// A large batch is much faster than many small ones, as all of it is sent before the first confirm is awaited.
    pub async fn publish(&self, events: &[Event]) -> Vec<Result<(), PublishError>> {
        match &self.0 {
            Transport::Rabbit(publisher) => publisher.publish(events).await,
            Transport::InProcess(publisher) => publisher.publish(events).await,
        }
    }

    /// Whether an event published now would find the broker, as far as is known without asking it. A RabbitMQ
    /// publisher connects at its first use and is not connected before; nor is one that RabbitMQ has blocked because
    /// its disk or memory ran low.
    pub fn is_connected(&self) -> bool {
        match &self.0 {
            Transport::Rabbit(publisher) => publisher.is_connected(),
            Transport::InProcess(publisher) => publisher.is_connected(),
        }
    }
}

/// Why an event is not known to be safe. Every one of these may pass, so the caller tries again later.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The event breaks the envelope's rules: it will go through only after a fix of what made it.
    #[error("the event can't be put into its envelope")]
    Malformed(#[from] Malformed),
    /// There is no connection, and making one or opening a channel on it failed.
    #[error("the broker can't be reached")]
    Unreachable(#[source] lapin::Error),
    /// The connection broke before the broker confirmed.
    #[error("the connection to the broker broke before it confirmed the event")]
    Interrupted(#[source] lapin::Error),
    /// The broker returned the event: no queue is bound for its type.
    #[error("no queue is bound for this type of event")]
    Unroutable,
    /// The broker answered with a negative confirm.
    #[error("the broker refused the event")]
    Refused,
    /// No confirm, or in process no verdict, in time.
    #[error("the event was not confirmed in time")]
    TimedOut,
    /// In process: the consumer does not run.
    #[error("no consumer is running in this process")]
    NoConsumer,
    /// In process: the consumer stopped before it had begun with the event.
    #[error("the consumer stopped before it began with the event")]
    ConsumerStopped,
    /// In process: the handler's verdict.
    #[error("the consumer asks for another try: {reason}")]
    Retry {
        /// The handler's reason.
        reason: String,
    },
    /// In process: the event belongs in the dead-letter folder, and could not be written there.
    #[error("the dead letter could not be written")]
    DeadLetterNotWritten(#[source] io::Error),
}
