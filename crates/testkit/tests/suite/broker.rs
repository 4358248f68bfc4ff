use countersign_testkit::TestBroker;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};

async fn connect(broker: &TestBroker) -> (Connection, Channel) {
    let connection =
        Connection::connect(broker.url(), ConnectionProperties::default()).await.expect("a broker");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

/// An exchange and a queue that takes everything from it.
async fn declare(channel: &Channel, exchange: &str, queue: &str) {
    let arguments = FieldTable::default;
    let options = ExchangeDeclareOptions::default();
    channel
        .exchange_declare(exchange.into(), ExchangeKind::Topic, options, arguments())
        .await
        .expect("an exchange");
    channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments()).await.expect("a queue");
    let options = QueueBindOptions::default();
    channel
        .queue_bind(queue.into(), exchange.into(), "#".into(), options, arguments())
        .await
        .expect("a binding");
}

fn properties(id: &str) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert("reason".into(), AMQPValue::LongString("poison".into()));
    BasicProperties::default().with_message_id(id.into()).with_headers(headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peeking_leaves_messages_and_draining_takes_them() {
    let broker = TestBroker::rabbitmq();
    let (exchange, queue) = (broker.name("events"), broker.name("dead"));
    let (_connection, channel) = connect(&broker).await;
    declare(&channel, &exchange, &queue).await;
    for id in ["1", "2"] {
        broker.publish(&exchange, "request.submitted", properties(id), b"{\"n\":1}").await;
    }

    for _ in 0..2 {
        let seen = broker.peek(&queue).await;
        assert_eq!(
            seen.iter().map(|message| message.message_id.as_deref()).collect::<Vec<_>>(),
            [Some("1"), Some("2")]
        );
        assert_eq!(seen[0].routing_key, "request.submitted");
        assert_eq!(seen[0].headers["reason"], "poison");
        assert_eq!(seen[0].json()["n"], 1);
    }
    assert_eq!(broker.drain(&queue).await.len(), 2);
    assert_eq!(broker.drain(&queue).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_sees_what_matches_beside_the_queue_that_gets_it() {
    let broker = TestBroker::rabbitmq();
    let (exchange, queue) = (broker.name("events"), broker.name("queue"));
    let (_connection, channel) = connect(&broker).await;
    declare(&channel, &exchange, &queue).await;
    let tap = broker.tap(&exchange, "request.*").await;
    for (key, id) in [("request.submitted", "1"), ("policy.changed", "2"), ("request.approved", "3")] {
        broker.publish(&exchange, key, properties(id), b"{}").await;
    }
    let seen = tap.wait_for_messages(2).await;
    assert_eq!(
        seen.iter().map(|message| message.message_id.as_deref()).collect::<Vec<_>>(),
        [Some("1"), Some("3")]
    );
    assert_eq!(broker.peek(&queue).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_on_the_broker() {
    let watcher = TestBroker::rabbitmq();
    let broker = TestBroker::rabbitmq();
    let (exchange, queue) = (broker.name("events"), broker.name("queue"));
    let (_connection, channel) = connect(&watcher).await;
    declare(&channel, &exchange, &queue).await;
    drop(broker);
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    channel
        .queue_declare(queue.as_str().into(), passive, FieldTable::default())
        .await
        .expect_err("a deleted queue");
    let (_connection, channel) = connect(&watcher).await;
    let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let found = channel.exchange_declare(
        exchange.as_str().into(),
        ExchangeKind::Topic,
        passive,
        FieldTable::default(),
    );
    found.await.expect_err("a deleted exchange");
}
