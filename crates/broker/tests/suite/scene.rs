//! What every test needs: names of its own, handlers that record, and a look into queues.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_broker::{
    Consumer, Event, Handler, Publisher, RabbitConfig, Verdict, rabbit_consumer, rabbit_publisher,
};
use futures_util::FutureExt;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub fn amqp_url() -> String {
    std::env::var("COUNTERSIGN_TEST_AMQP_URL").expect(
        "COUNTERSIGN_TEST_AMQP_URL is not set: run cargo xtask test, which starts a RabbitMQ and sets it",
    )
}

#[expect(clippy::disallowed_methods, reason = "names and ids that no other test has")]
pub fn unique() -> Uuid {
    Uuid::new_v4()
}

pub fn event() -> Event {
    Event {
        id: unique(),
        event_type: "countersign.test.v1.happened".to_owned(),
        source: "/countersign/test".to_owned(),
        subject: "campaign/1".to_owned(),
        time_us: 1_785_000_000_123_456,
        account_id: Uuid::from_u128(9),
        sequence: 3,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        data: json!({ "title": "Sömmer" }),
    }
}

pub fn events(count: usize) -> Vec<Event> {
    (0..count).map(|_| event()).collect()
}

/// Waits until `condition` holds; fails, saying `what`, when it takes too long.
pub async fn wait_for(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

pub struct Scene {
    pub config: RabbitConfig,
    /// Past every proxy, for looking at what is there.
    channel: Channel,
    _connection: Connection,
}

/// Runs a test with names of its own, and deletes what it made, also when it fails.
pub async fn scene(test: impl AsyncFnOnce(&Scene)) {
    let url = amqp_url();
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let name = format!("test-{}", unique());
    let mut config = RabbitConfig::new(url);
    config.exchange = format!("{name}.events");
    config.queue = format!("{name}.queue");
    let scene = Scene { config, channel, _connection: connection };
    let outcome = AssertUnwindSafe(test(&scene)).catch_unwind().await;
    scene.clean_up().await;
    if let Err(failure) = outcome {
        std::panic::resume_unwind(failure);
    }
}

impl Scene {
    pub fn publisher(&self) -> Publisher {
        rabbit_publisher(self.config.clone()).unwrap()
    }

    /// A publisher whose queue takes events: one that was made a moment ago may still refuse some.
    pub async fn ready_publisher(&self) -> Publisher {
        let publisher = self.publisher();
        publish_all(&publisher, &[event()]).await;
        self.take(&self.config.queue).await;
        publisher
    }

    pub fn consumer(&self) -> Consumer {
        rabbit_consumer(self.config.clone()).unwrap()
    }

    /// A consumer that is subscribed.
    pub async fn consume(&self, handler: &Arc<Recorder>) -> Running {
        Running::start(self.consumer(), handler).await
    }

    pub fn dead_letter_queue(&self) -> String {
        format!("{}.dead-letter", self.config.queue)
    }

    /// Takes a message off a queue, when there is one.
    pub async fn take(&self, queue: &str) -> BasicGetMessage {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(message) = self.try_take(queue).await {
                return message;
            }
            assert!(Instant::now() < deadline, "no message came to {queue}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn try_take(&self, queue: &str) -> Option<BasicGetMessage> {
        self.channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.unwrap()
    }

    /// The number of messages in a queue that no consumer holds.
    pub async fn ready(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        self.channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .unwrap()
            .message_count()
    }

    pub async fn delete_queue(&self) {
        self.channel
            .queue_delete(self.config.queue.as_str().into(), QueueDeleteOptions::default())
            .await
            .unwrap();
    }

    /// Publishes past the publisher, as a stranger might.
    pub async fn publish_raw(&self, body: &[u8]) {
        let confirm = self.channel.basic_publish(
            self.config.exchange.as_str().into(),
            "countersign.stranger".into(),
            lapin::options::BasicPublishOptions::default(),
            body,
            lapin::BasicProperties::default(),
        );
        confirm.await.unwrap().await.unwrap();
    }

    async fn clean_up(&self) {
        let Self { config, channel, .. } = self;
        let dead_letter = self.dead_letter_queue();
        for queue in [&config.queue, &dead_letter] {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        for exchange in [&config.exchange, &dead_letter] {
            channel
                .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
                .await
                .unwrap();
        }
    }
}

/// A consumer at work.
pub struct Running {
    pub shutdown: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Running {
    pub async fn start(consumer: Consumer, handler: &Arc<Recorder>) -> Self {
        let (shutdown, health) = (CancellationToken::new(), consumer.health());
        let task = tokio::spawn(consumer.run(Arc::clone(handler), shutdown.clone()));
        wait_for("the consumer to subscribe", async || health.is_connected()).await;
        Self { shutdown, task }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

type Answer = Box<dyn Fn(&Event, usize) -> Verdict + Send + Sync>;

/// A handler that remembers what came, and answers by event and the number of times that it has come, from 1.
pub struct Recorder {
    answer: Answer,
    seen: Mutex<HashMap<Uuid, Vec<Event>>>,
    /// Handlers wait here before they answer.
    gate: Option<CancellationToken>,
}

impl Recorder {
    pub fn new(answer: impl Fn(&Event, usize) -> Verdict + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), seen: Mutex::default(), gate: None })
    }

    pub fn done() -> Arc<Self> {
        Self::new(|_, _| Verdict::Done)
    }

    /// Says "done" once the gate is open, that is cancelled.
    pub fn gated(gate: &CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(|_, _| Verdict::Done),
            seen: Mutex::default(),
            gate: Some(gate.clone()),
        })
    }

    pub fn times(&self, event: &Event) -> usize {
        self.seen.lock().unwrap().get(&event.id).map_or(0, Vec::len)
    }

    pub fn distinct(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn first(&self, event: &Event) -> Option<Event> {
        self.seen.lock().unwrap().get(&event.id).and_then(|seen| seen.first().cloned())
    }

    pub async fn wait_for(&self, event: &Event) {
        wait_for("an event to come", async || self.times(event) > 0).await;
    }
}

impl Handler for Recorder {
    async fn handle(&self, event: Event) -> Verdict {
        let times = {
            let mut seen = self.seen.lock().unwrap();
            let entry = seen.entry(event.id).or_default();
            entry.push(event.clone());
            entry.len()
        };
        if let Some(gate) = &self.gate {
            gate.cancelled().await;
        }
        (self.answer)(&event, times)
    }
}

pub fn header<'a>(message: &'a BasicGetMessage, name: &str) -> Option<&'a AMQPValue> {
    message.delivery.properties.headers().as_ref()?.inner().get(name)
}

pub fn text(value: Option<&AMQPValue>) -> String {
    match value {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("not a text: {other:?}"),
    }
}

/// Publishes until every event is confirmed, as an outbox relay does.
pub async fn publish_all(publisher: &Publisher, events: &[Event]) {
    countersign_testkit::publish_all(events, async |left| publisher.publish(left).await).await;
}
