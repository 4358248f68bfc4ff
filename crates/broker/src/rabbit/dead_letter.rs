//! Putting a message aside together with the reason, which RabbitMQ's own dead-lettering could not record.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapin::message::Delivery;
use lapin::options::ConfirmSelectOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Confirmation, Connection};
use tokio::time::timeout;

use super::link;
use crate::publisher::PublishError;

/// Header of a dead letter: why it is one. Missing where the queue itself gave up (see its `x-death` header).
pub const REASON_HEADER: &str = "x-countersign-reason";
/// Header of a dead letter: the routing key that the message came with.
pub const ROUTING_KEY_HEADER: &str = "x-countersign-routing-key";
/// Header of a dead letter: when it became one, an AMQP timestamp (Unix time in seconds). When the event happened is
/// in the message's `timestamp` property, as ever.
pub const DEAD_LETTERED_AT_HEADER: &str = "x-countersign-dead-lettered-at";

/// All headers of a message travel in one frame, of 128 KiB by default.
const MAX_REASON_BYTES: usize = 2048;

/// Publishes a copy of `delivery` to the dead-letter exchange. `Ok` means that the dead-letter queue holds it, and
/// the original may be acknowledged.
pub(super) async fn bury(
    connection: &Connection,
    exchange: &ShortString,
    delivery: &Delivery,
    reason: &str,
    within: Duration,
) -> Result<(), PublishError> {
    let mut headers = delivery.properties.headers().clone().unwrap_or_default();
    mark(&mut headers, delivery, reason);
    let properties = delivery.properties.clone().with_delivery_mode(2).with_headers(headers);
    let publish = async {
        // A channel each: dead letters are rare, and what a channel returns is then about this one.
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        link::send(&channel, exchange, &delivery.routing_key, &delivery.data, properties).await?.await
    };
    match timeout(within, publish).await {
        Ok(Ok(Confirmation::Ack(None))) => Ok(()),
        Ok(Ok(Confirmation::Ack(Some(_)))) => Err(PublishError::Unroutable),
        Ok(Ok(Confirmation::Nack(_) | Confirmation::NotRequested)) => Err(PublishError::Refused),
        Ok(Err(error)) => Err(PublishError::Interrupted(error)),
        Err(_) => Err(PublishError::TimedOut),
    }
}

fn mark(headers: &mut FieldTable, delivery: &Delivery, reason: &str) {
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)];
    headers.insert(REASON_HEADER.into(), AMQPValue::LongString(reason.into()));
    headers.insert(ROUTING_KEY_HEADER.into(), AMQPValue::LongString(delivery.routing_key.as_str().into()));
    headers.insert(DEAD_LETTERED_AT_HEADER.into(), AMQPValue::Timestamp(unix_seconds()));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a note for the person who looks at the dead letter; no rule reads it"
)]
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}
