//! The receiving side.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::in_process::InProcessConsumer;
use crate::rabbit::RabbitConsumer;
use crate::{Handler, Health};

/// Hands events to a [`Handler`].
pub struct Consumer(pub(crate) Transport);

pub(crate) enum Transport {
    Rabbit(RabbitConsumer),
    InProcess(InProcessConsumer),
}

impl Consumer {
    /// Consumes until `shutdown`: then takes no more, lets the handlers that run finish, and returns. It survives
    /// everything else (an absent broker, a lost connection, a panic in the handler) and goes on by itself.
    pub async fn run<H: Handler>(self, handler: Arc<H>, shutdown: CancellationToken) {
        match self.0 {
            Transport::Rabbit(consumer) => consumer.run(handler, shutdown).await,
            Transport::InProcess(consumer) => consumer.run(handler, shutdown).await,
        }
    }

    /// Whether it is consuming; take it before [`Consumer::run`] takes the consumer.
    pub fn health(&self) -> Health {
        match &self.0 {
            Transport::Rabbit(consumer) => consumer.health(),
            Transport::InProcess(consumer) => consumer.health(),
        }
    }
}
