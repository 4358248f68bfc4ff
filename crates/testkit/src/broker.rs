//! A corner of a real broker that is a test's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::task::AbortHandle;

use crate::environment::required;
use crate::{cleanup, publish_all, wait_for};

/// The broker of `COUNTERSIGN_TEST_AMQP_URL`, with names that no other test uses.
pub struct TestBroker {
    url: String,
    prefix: String,
    names: Mutex<Vec<String>>,
}

impl TestBroker {
    /// Makes up a prefix; nothing is declared.
    pub fn rabbitmq() -> Self {
        let url = required("COUNTERSIGN_TEST_AMQP_URL");
        Self { url, prefix: format!("cs-{}", crate::network::unique()), names: Mutex::default() }
    }

    /// As `lapin` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A name of this test's own for an exchange or a queue; both are deleted with this value.
    pub fn name(&self, what: &str) -> String {
        let name = format!("{}.{what}", self.prefix);
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.contains(&name) {
            names.push(name.clone());
        }
        name
    }

    /// Publishes anything, also what no well-behaved publisher would, until the broker confirms it: a queue that was made
    /// a moment ago may refuse it once.
    pub async fn publish(&self, exchange: &str, routing_key: &str, properties: BasicProperties, body: &[u8]) {
        let (_connection, channel) = self.connect().await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("publisher confirms");
        publish_all(&[properties], async |left| {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let (exchange, key) = (exchange.into(), routing_key.into());
            let sent = channel.basic_publish(exchange, key, options, body, left[0].clone());
            let confirm = sent.await.expect("a published message").await.expect("a confirm");
            let confirmed = if confirm.is_ack() { Ok(()) } else { Err("the broker refused the message") };
            assert!(confirm.take_message().is_none(), "no queue takes `{routing_key}`");
            vec![confirmed]
        })
        .await;
    }

    /// The messages of a queue that nobody holds, which stay there.
    pub async fn peek(&self, queue: &str) -> Vec<BrokerMessage> {
        // Unacknowledged messages go back into their places when the connection closes.
        self.read(queue, false).await
    }

    /// The messages of a queue that nobody holds, which are removed from it.
    pub async fn drain(&self, queue: &str) -> Vec<BrokerMessage> {
        self.read(queue, true).await
    }

    /// Collects everything that is published to an exchange from now on under routing keys that match `pattern`
    /// (`#` for all).
    pub async fn tap(&self, exchange: &str, pattern: &str) -> Tap {
        let (connection, channel) = self.connect().await;
        let options =
            QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue =
            channel.queue_declare("".into(), options, FieldTable::default()).await.expect("a private queue");
        let name = queue.name().clone();
        let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
        let bound = channel.queue_bind(name.clone(), exchange.into(), pattern.into(), options, arguments);
        bound.await.expect("the exchange to bind to");
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consumer = channel.basic_consume(name, "".into(), options, FieldTable::default()).await;
        let mut consumer = consumer.expect("a consumer of the private queue");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let _open = (connection, channel);
            while let Some(Ok(delivery)) = consumer.next().await {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(BrokerMessage::from(delivery));
            }
        });
        Tap { seen, task: task.abort_handle() }
    }

    async fn connect(&self) -> (Connection, Channel) {
        let connection =
            Connection::connect(&self.url, ConnectionProperties::default()).await.expect("a broker");
        let channel = connection.create_channel().await.expect("a channel");
        (connection, channel)
    }

    async fn read(&self, queue: &str, remove: bool) -> Vec<BrokerMessage> {
        let (connection, channel) = self.connect().await;
        let mut found = Vec::new();
        while let Some(message) =
            channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("a queue to read")
        {
            if remove {
                message.delivery.ack(BasicAckOptions::default()).await.expect("an acknowledgement");
            }
            found.push(BrokerMessage::from(message.delivery));
        }
        connection.close(200, "done".into()).await.expect("a closed connection");
        found
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
        if names.is_empty() {
            return;
        }
        let url = self.url.clone();
        cleanup::run(&format!("the broker's {}.*", self.prefix), async move {
            delete(&url, names).await.map_err(|error| error.to_string())
        });
    }
}

/// Deleting what isn't there is no error for RabbitMQ.
async fn delete(url: &str, names: Vec<String>) -> lapin::Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for name in names {
        channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await?;
        channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await?;
    }
    connection.close(200, "done".into()).await
}

/// See [`TestBroker::tap`]. It stops collecting with this value.
pub struct Tap {
    seen: Arc<Mutex<Vec<BrokerMessage>>>,
    task: AbortHandle,
}

impl Tap {
    /// What has come so far, in the order in which it came.
    pub fn messages(&self) -> Vec<BrokerMessage> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for at least `count` messages and returns all that have come.
    pub async fn wait_for_messages(&self, count: usize) -> Vec<BrokerMessage> {
        wait_for(&format!("{count} messages at the exchange"), Duration::from_secs(30), async || {
            Some(self.messages()).filter(|messages| messages.len() >= count)
        })
        .await
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A message as it lay in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerMessage {
    /// The exchange that it was published to.
    pub exchange: String,
    /// The key that it was published with.
    pub routing_key: String,
    /// The property `message-id`.
    pub message_id: Option<String>,
    /// The property `type`.
    pub kind: Option<String>,
    /// The property `content-type`.
    pub content_type: Option<String>,
    /// Headers by name: strings as they are, other values as Rust's debug form.
    pub headers: BTreeMap<String, String>,
    /// The payload.
    pub body: Vec<u8>,
}

impl BrokerMessage {
    /// The payload, read as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a payload in JSON")
    }
}

impl From<Delivery> for BrokerMessage {
    fn from(delivery: Delivery) -> Self {
        let properties = &delivery.properties;
        let headers = properties.headers().as_ref().map(FieldTable::inner).into_iter().flatten();
        Self {
            exchange: delivery.exchange.to_string(),
            routing_key: delivery.routing_key.to_string(),
            message_id: properties.message_id().as_ref().map(ToString::to_string),
            kind: properties.kind().as_ref().map(ToString::to_string),
            content_type: properties.content_type().as_ref().map(ToString::to_string),
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: delivery.data,
        }
    }
}

fn text(value: &AMQPValue) -> String {
    match value {
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        AMQPValue::ShortString(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}
