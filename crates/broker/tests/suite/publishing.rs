//! What `publish` promises.

use std::collections::HashSet;
use std::time::Duration;

use countersign_broker::{Event, PublishError, RabbitConfig, rabbit_publisher};
use lapin::types::AMQPValue;

use crate::proxy::Proxy;
use crate::scene::{Recorder, event, events, header, publish_all, scene, text, wait_for};

#[tokio::test]
async fn an_event_is_a_message_that_explains_itself() {
    scene(async |scene| {
        let sent = event();
        let publisher = scene.publisher();
        assert!(!publisher.is_connected());
        publish_all(&publisher, std::slice::from_ref(&sent)).await;
        assert!(publisher.is_connected());

        let message = scene.take(&scene.config.queue).await;
        assert_eq!(Event::from_json(&message.delivery.data), Ok(sent.clone()));
        assert_eq!(message.delivery.routing_key.as_str(), sent.event_type);
        let properties = &message.delivery.properties;
        let content_type = properties.content_type().as_ref().unwrap().as_str();
        assert_eq!(content_type, "application/cloudevents+json; charset=utf-8");
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), sent.id.to_string());
        assert_eq!(properties.kind().as_ref().unwrap().as_str(), sent.event_type);
        assert_eq!(*properties.timestamp(), Some(1_785_000_000));
        assert_eq!(*properties.delivery_mode(), Some(2));
        assert_eq!(Some(text(header(&message, "traceparent"))), sent.traceparent);
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_500_is_confirmed_and_consumed() {
    scene(async |scene| {
        let batch = events(500);
        publish_all(&scene.publisher(), &batch).await;

        // The first consumer comes after the events.
        let handler = Recorder::done();
        let consumer = scene.consume(&handler).await;
        wait_for("500 events", async || handler.distinct() == 500).await;
        consumer.stop().await;
        assert!(batch.iter().all(|event| handler.first(event).as_ref() == Some(event)));
        assert_eq!(scene.ready(&scene.config.queue).await, 0);
    })
    .await;
}

/// An unroutable event among routable ones: whichever confirm the return is attached to, only that event fails.
#[tokio::test]
async fn an_event_that_no_queue_takes_is_an_error_of_its_own() {
    scene(async |scene| {
        let publisher = scene.ready_publisher().await;
        for stray in [0, 1, 50, 98, 99] {
            let mut batch = events(100);
            batch[stray].event_type = "elsewhere.v1.happened".to_owned();
            batch[(stray + 7) % 100].event_type = String::new();
            let results = publisher.publish(&batch).await;
            for (index, result) in results.iter().enumerate() {
                match result {
                    Err(PublishError::Unroutable) => assert_eq!(index, stray),
                    Err(PublishError::Malformed(_)) => assert_eq!(index, (stray + 7) % 100),
                    Ok(()) => assert!(index != stray && index != (stray + 7) % 100),
                    Err(other) => panic!("{index}: {other}"),
                }
            }
        }
        assert_eq!(scene.ready(&scene.config.queue).await, 5 * 98);
    })
    .await;
}

#[tokio::test]
async fn concurrent_callers_get_their_own_results() {
    scene(async |scene| {
        let publisher = scene.ready_publisher().await;
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..8 {
            let publisher = publisher.clone();
            callers.spawn(async move {
                let mut batch = events(50);
                batch[caller].event_type = "elsewhere.v1.happened".to_owned();
                let results = publisher.publish(&batch).await;
                let failed: Vec<_> = (0..50).filter(|&index| results[index].is_err()).collect();
                assert_eq!(failed, [caller], "{results:?}");
            });
        }
        callers.join_all().await;
        assert_eq!(scene.ready(&scene.config.queue).await, 8 * 49);
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_was_deleted_fails_one_batch_and_is_made_again() {
    scene(async |scene| {
        let publisher = scene.ready_publisher().await;
        scene.delete_queue().await;
        assert!(matches!(publisher.publish(&[event()]).await[..], [Err(PublishError::Unroutable)]));
        publish_all(&publisher, &[event()]).await;
    })
    .await;
}

#[tokio::test]
async fn the_queues_are_durable_and_limited() {
    scene(async |scene| {
        publish_all(&scene.publisher(), &[event()]).await;
        // Declaring with other arguments is refused, so what is declared is what the settings say.
        let mut other = scene.config.clone();
        other.delivery_limit += 1;
        let results = rabbit_publisher(other).unwrap().publish(&[event()]).await;
        let [Err(PublishError::Unreachable(cause))] = &results[..] else { panic!("{results:?}") };
        assert!(cause.to_string().contains("x-delivery-limit"), "{cause}");
    })
    .await;
}

#[tokio::test]
async fn without_a_broker_every_event_fails_and_nothing_panics() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = RabbitConfig::new(format!("amqp://{closed}/%2f"));
    config.publish_timeout = Duration::from_millis(300);
    let publisher = rabbit_publisher(config).unwrap();
    for _ in 0..5 {
        let results = publisher.publish(&events(3)).await;
        assert_eq!(results.len(), 3);
        assert!(
            results.iter().all(|result| matches!(result, Err(PublishError::Unreachable(_)))),
            "{results:?}"
        );
    }
    assert!(!publisher.is_connected());
}

#[tokio::test]
async fn a_broker_that_falls_silent_times_out_and_is_found_again() {
    scene(async |scene| {
        let proxy = Proxy::start().await;
        let mut config = scene.config.clone();
        config.url.clone_from(&proxy.url);
        config.publish_timeout = Duration::from_secs(1);
        let publisher = rabbit_publisher(config).unwrap();
        publish_all(&publisher, &[event()]).await;

        proxy.stall();
        let results = publisher.publish(&events(2)).await;
        assert!(
            matches!(results[..], [Err(PublishError::TimedOut), Err(PublishError::TimedOut)]),
            "{results:?}"
        );

        // The old connection stays silent; only a new one can carry this.
        let (batch, publisher) = (events(2), &publisher);
        proxy.heal();
        publish_all(publisher, &batch).await;
        let mut found = HashSet::new();
        while let Some(message) = scene.try_take(&scene.config.queue).await {
            found.insert(Event::from_json(&message.delivery.data).unwrap().id);
        }
        assert!(batch.iter().all(|event| found.contains(&event.id)));
    })
    .await;
}

#[tokio::test]
async fn an_event_without_a_trace_has_no_trace_header() {
    scene(async |scene| {
        let sent = Event { traceparent: None, ..event() };
        publish_all(&scene.publisher(), &[sent]).await;
        let message = scene.take(&scene.config.queue).await;
        assert_eq!(header(&message, "traceparent"), None::<&AMQPValue>);
    })
    .await;
}
