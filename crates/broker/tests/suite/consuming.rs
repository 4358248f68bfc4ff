//! What a consumer does with verdicts.

use std::sync::Arc;
use std::time::Duration;

use countersign_broker::{Verdict, rabbit_consumer};
use tokio_util::sync::CancellationToken;

use crate::proxy::Proxy;
use crate::scene::{Recorder, Running, event, events, header, publish_all, scene, wait_for};

#[tokio::test]
async fn an_event_arrives_as_it_was_sent_and_once() {
    scene(async |scene| {
        let handler = Recorder::done();
        let consumer = scene.consume(&handler).await;
        let sent = event();
        publish_all(&scene.publisher(), std::slice::from_ref(&sent)).await;
        handler.wait_for(&sent).await;
        consumer.stop().await;
        assert_eq!(handler.first(&sent), Some(sent.clone()));
        assert_eq!(handler.times(&sent), 1);
        assert_eq!(scene.ready(&scene.config.queue).await, 0);
    })
    .await;
}

#[tokio::test]
async fn as_many_at_a_time_as_prefetch_says() {
    scene(async |scene| {
        let mut config = scene.config.clone();
        config.prefetch = 8;
        let gate = CancellationToken::new();
        let handler = Recorder::gated(&gate);
        let consumer = Running::start(rabbit_consumer(config).unwrap(), &handler).await;
        publish_all(&scene.publisher(), &events(20)).await;
        wait_for("8 handlers at once", async || handler.distinct() == 8).await;
        wait_for("the rest to wait in the queue", async || scene.ready(&scene.config.queue).await == 12)
            .await;
        assert_eq!(handler.distinct(), 8);
        gate.cancel();
        wait_for("the rest", async || handler.distinct() == 20).await;
        consumer.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_dies_before_it_acknowledges_loses_nothing() {
    scene(async |scene| {
        let proxy = Proxy::start().await;
        let mut config = scene.config.clone();
        config.url.clone_from(&proxy.url);
        let doomed = Recorder::gated(&CancellationToken::new());
        let dying = Running::start(rabbit_consumer(config).unwrap(), &doomed).await;
        let batch = events(10);
        publish_all(&scene.publisher(), &batch).await;
        wait_for("the doomed to hold all", async || doomed.distinct() == 10).await;

        // To RabbitMQ this is what kill -9 looks like.
        proxy.cut();
        dying.task.abort();

        let handler = Recorder::done();
        let successor = scene.consume(&handler).await;
        wait_for("redelivery of all", async || handler.distinct() == 10).await;
        successor.stop().await;
        assert!(batch.iter().all(|event| handler.times(event) == 1));
    })
    .await;
}

#[tokio::test]
async fn retry_comes_back_and_holds_nobody_up() {
    scene(async |scene| {
        let slow = event();
        let handler = Recorder::new({
            let slow = slow.id;
            move |event, times| match times {
                1..3 if event.id == slow => Verdict::Retry { reason: "not yet".to_owned() },
                _ => Verdict::Done,
            }
        });
        let consumer = scene.consume(&handler).await;
        let other = event();
        publish_all(&scene.publisher(), &[slow.clone(), other.clone()]).await;
        handler.wait_for(&other).await;
        wait_for("the third try", async || handler.times(&slow) == 3).await;
        consumer.stop().await;
        assert_eq!((handler.times(&slow), handler.times(&other)), (3, 1));
        assert_eq!(scene.ready(&scene.config.queue).await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_event_held_for_a_retry_goes_back_to_the_queue_at_shutdown() {
    scene(async |scene| {
        let handler = Recorder::new(|_, _| Verdict::Retry { reason: "the database is away".to_owned() });
        let consumer = scene.consume(&handler).await;
        let sent = event();
        publish_all(&scene.publisher(), std::slice::from_ref(&sent)).await;
        wait_for("some tries", async || handler.times(&sent) >= 3).await;
        consumer.stop().await;
        let message = scene.take(&scene.config.queue).await;
        assert!(message.delivery.redelivered);
    })
    .await;
}

#[tokio::test]
async fn what_fails_past_the_delivery_limit_is_dead_lettered_by_the_queue() {
    scene(async |scene| {
        let mut config = scene.config.clone();
        config.delivery_limit = 2;
        config.retry_hold = Duration::ZERO;
        let poison = event();
        let handler = Recorder::new({
            let poison = poison.id;
            move |event, _| {
                assert_ne!(event.id, poison, "a bug that this event meets");
                Verdict::Done
            }
        });
        let consumer = Running::start(rabbit_consumer(config.clone()).unwrap(), &handler).await;
        let other = event();
        let publisher = countersign_broker::rabbit_publisher(config).unwrap();
        publish_all(&publisher, &[poison.clone(), other.clone()]).await;

        let letter = scene.take(&scene.dead_letter_queue()).await;
        assert_eq!(letter.delivery.properties.message_id().as_ref().unwrap().as_str(), poison.id.to_string());
        assert!(header(&letter, "x-death").is_some());
        assert_eq!(handler.times(&poison), 3);
        handler.wait_for(&other).await;
        consumer.stop().await;
    })
    .await;
}

#[tokio::test]
async fn shutdown_lets_handlers_finish_and_leaves_the_rest_in_the_queue() {
    scene(async |scene| {
        let mut config = scene.config.clone();
        config.prefetch = 2;
        let gate = CancellationToken::new();
        let handler = Recorder::gated(&gate);
        let consumer = Running::start(rabbit_consumer(config).unwrap(), &handler).await;
        publish_all(&scene.publisher(), &events(5)).await;
        wait_for("two in hand", async || handler.distinct() == 2).await;
        consumer.shutdown.cancel();
        assert!(!consumer.task.is_finished());
        gate.cancel();
        consumer.task.await.unwrap();
        assert_eq!(handler.distinct(), 2);
        assert_eq!(scene.ready(&scene.config.queue).await, 3);
    })
    .await;
}

#[tokio::test]
async fn shutdown_is_heard_while_there_is_no_broker() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = countersign_broker::RabbitConfig::new(format!("amqp://{closed}/%2f"));
    let consumer = rabbit_consumer(config).unwrap();
    let (health, shutdown) = (consumer.health(), CancellationToken::new());
    let running = tokio::spawn(consumer.run(Arc::clone(&Recorder::done()), shutdown.clone()));
    tokio::task::yield_now().await;
    assert!(!health.is_connected());
    shutdown.cancel();
    running.await.unwrap();
}
