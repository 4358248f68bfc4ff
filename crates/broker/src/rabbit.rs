//! The broker as RabbitMQ, by AMQP 0-9-1.

mod config;
mod consumer;
mod dead_letter;
mod link;
mod message;
mod publisher;
mod topology;

pub use config::{InvalidConfig, RabbitConfig};
pub use dead_letter::{DEAD_LETTERED_AT_HEADER, REASON_HEADER, ROUTING_KEY_HEADER};

pub(crate) use consumer::RabbitConsumer;
pub(crate) use publisher::RabbitPublisher;

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::consumer::Consumer;
use crate::publisher::Publisher;

/// Between two tries to connect: soon enough for a restart, slow enough for an outage.
const RECONNECT: Backoff = Backoff { first: Duration::from_millis(100), cap: Duration::from_secs(5) };

/// A publisher to RabbitMQ. It connects at its first use.
///
/// # Errors
/// [`InvalidConfig`] names the setting that can't work.
pub fn rabbit_publisher(config: RabbitConfig) -> Result<Publisher, InvalidConfig> {
    let publisher = RabbitPublisher::new(config::Settings::check(config)?);
    Ok(Publisher(crate::publisher::Transport::Rabbit(Arc::new(publisher))))
}

/// A consumer of RabbitMQ. It connects when it runs.
///
/// # Errors
/// [`InvalidConfig`] names the setting that can't work.
pub fn rabbit_consumer(config: RabbitConfig) -> Result<Consumer, InvalidConfig> {
    let consumer = RabbitConsumer::new(config::Settings::check(config)?);
    Ok(Consumer(crate::consumer::Transport::Rabbit(consumer)))
}
