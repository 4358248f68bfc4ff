//! What must exist in RabbitMQ. Both sides declare all of it, so that it does not matter which starts first: an event
//! published before there ever was a consumer waits in the queue.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use super::config::Settings;

pub(super) async fn declare(channel: &Channel, settings: &Settings) -> lapin::Result<()> {
    let Settings { exchange, queue, binding, dead_letter, delivery_limit, .. } = settings;

    durable_exchange(channel, dead_letter, ExchangeKind::Fanout).await?;
    // RabbitMQ 4 drops a message of a quorum queue after 20 returns unless told otherwise, and looking at dead letters
    // returns them; RabbitMQ 3 knows no "never".
    quorum_queue(channel, dead_letter, [("x-delivery-limit", i64::from(i32::MAX).into())]).await?;
    bind(channel, dead_letter, dead_letter, ShortString::default()).await?;

    durable_exchange(channel, exchange, ExchangeKind::Topic).await?;
    let arguments = [
        ("x-delivery-limit", i64::from(*delivery_limit).into()),
        ("x-dead-letter-exchange", text(dead_letter.as_str())),
        // By default a message that is dead-lettered while the target is away is lost.
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")), // at-least-once demands it
    ];
    quorum_queue(channel, queue, arguments).await?;
    bind(channel, queue, exchange, binding.clone()).await
}

async fn durable_exchange(channel: &Channel, name: &ShortString, kind: ExchangeKind) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.clone(), kind, options, FieldTable::default()).await
}

async fn quorum_queue<const N: usize>(
    channel: &Channel,
    name: &ShortString,
    arguments: [(&'static str, AMQPValue); N],
) -> lapin::Result<()> {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    for (key, value) in arguments {
        table.insert(key.into(), value);
    }
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.clone(), options, table).await?;
    Ok(())
}

async fn bind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &ShortString,
    key: ShortString,
) -> lapin::Result<()> {
    channel
        .queue_bind(queue.clone(), exchange.clone(), key, QueueBindOptions::default(), FieldTable::default())
        .await
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
