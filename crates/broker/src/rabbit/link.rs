//! One connection to RabbitMQ. lapin's own recovery stays off: it would replay a channel's state behind the back of
//! whoever waits for a confirm, whereas a new connection leaves no doubt about what was confirmed on the old one.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::{Instant, timeout_at};

use super::config::Settings;
use super::topology;

pub(super) const MANDATORY: BasicPublishOptions = BasicPublishOptions { mandatory: true, immediate: false };

pub(super) struct Link {
    pub(super) connection: Connection,
    /// Channels that nobody uses and whose every confirm has come.
    idle: Mutex<Vec<Channel>>,
    /// Whether the topology is known to be there. Locked while declaring: RabbitMQ 3.10 fails with an internal error
    /// when a quorum queue is declared for the first time on two channels at once.
    declared: tokio::sync::Mutex<bool>,
}

impl Link {
    /// Connects, at the latest by `deadline`; `role` is what RabbitMQ lists the connection as.
    pub(super) async fn open(settings: &Settings, role: &str, deadline: Instant) -> lapin::Result<Self> {
        let properties =
            ConnectionProperties::default().with_connection_name(format!("countersign {role}").into());
        let connecting = Connection::connect_uri(settings.uri.clone(), properties);
        let connection = timeout_at(deadline, connecting)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))?;
        Ok(Self { declared: tokio::sync::Mutex::default(), connection, idle: Mutex::default() })
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection.status().connected()
    }

    /// RabbitMQ's disk or memory ran low: it reads nothing more from this connection until that is over.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// A channel in confirm mode, for one batch at a time: [`super::publisher`] tells which event was returned, and
    /// could not if two batches shared a channel. Not giving it back closes it.
    pub(super) async fn take_channel(&self, settings: &Settings) -> lapin::Result<Channel> {
        while let Some(channel) = self.idle().pop() {
            if channel.status().connected() {
                return Ok(channel);
            }
        }
        let channel = self.connection.create_channel().await?;
        let mut declared = self.declared.lock().await;
        if !*declared {
            topology::declare(&channel, settings).await?;
            *declared = true;
        }
        drop(declared);
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }

    /// Makes the next [`Link::take_channel`] declare the topology again: something of it seems to have been deleted.
    /// Idle channels go, so that the next one is new.
    pub(super) async fn doubt_topology(&self) {
        *self.declared.lock().await = false;
        self.idle().clear();
    }

    pub(super) fn give_back(&self, channel: Channel) {
        self.idle().push(channel);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that is not mandatory to any queue of ours would be confirmed and gone, so all are.
pub(super) async fn send(
    channel: &Channel,
    exchange: &lapin::types::ShortString,
    routing_key: &lapin::types::ShortString,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<lapin::PublisherConfirm> {
    channel.basic_publish(exchange.clone(), routing_key.clone(), MANDATORY, body, properties).await
}
