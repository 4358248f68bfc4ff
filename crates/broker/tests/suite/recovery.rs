//! Connections that break under load.

use countersign_broker::{rabbit_consumer, rabbit_publisher};

use crate::proxy::Proxy;
use crate::scene::{Recorder, Running, event, events, publish_all, scene, wait_for};

#[tokio::test]
async fn cut_connections_lose_nothing() {
    scene(async |scene| {
        let proxy = Proxy::start().await;
        let mut config = scene.config.clone();
        config.url.clone_from(&proxy.url);
        let publisher = rabbit_publisher(config.clone()).unwrap();
        let handler = Recorder::done();
        let consumer = Running::start(rabbit_consumer(config).unwrap(), &handler).await;

        let mut all = Vec::new();
        for round in 1..=5 {
            let batch = events(200);
            // Cut while the batch is on its way: after the consumer has seen some of it.
            let (publishing, cutting) = (publish_all(&publisher, &batch), async {
                wait_for("the batch to get going", async || handler.distinct() > all.len() + 20).await;
                proxy.cut();
                proxy.heal();
            });
            tokio::join!(publishing, cutting);
            all.extend(batch);
            wait_for("every event of the round", async || all.iter().all(|event| handler.times(event) > 0))
                .await;
            assert_eq!(handler.distinct(), 200 * round);
        }
        // What was not confirmed before a cut was sent again, and comes twice.
        wait_for("what was sent twice", async || scene.ready(&scene.config.queue).await == 0).await;
        consumer.stop().await;
        assert_eq!(scene.ready(&scene.config.queue).await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_outage_ends_by_itself_for_both_sides() {
    scene(async |scene| {
        let proxy = Proxy::start().await;
        let mut config = scene.config.clone();
        config.url.clone_from(&proxy.url);
        let publisher = rabbit_publisher(config.clone()).unwrap();
        let handler = Recorder::done();
        let consumer = rabbit_consumer(config).unwrap();
        let health = consumer.health();
        let consumer = Running::start(consumer, &handler).await;
        let before = event();
        publish_all(&publisher, std::slice::from_ref(&before)).await;
        handler.wait_for(&before).await;

        proxy.cut();
        wait_for("both to notice", async || !health.is_connected() && !publisher.is_connected()).await;
        assert!(publisher.publish(&[event()]).await[0].is_err());

        proxy.heal();
        let after = event();
        publish_all(&publisher, std::slice::from_ref(&after)).await;
        handler.wait_for(&after).await;
        assert!(health.is_connected() && publisher.is_connected());
        consumer.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_queue_comes_back_with_its_consumer() {
    scene(async |scene| {
        let handler = Recorder::done();
        let consumer = scene.consumer();
        let health = consumer.health();
        let consumer = Running::start(consumer, &handler).await;
        scene.delete_queue().await;
        wait_for("the consumer to notice", async || !health.is_connected()).await;
        wait_for("the consumer to subscribe again", async || health.is_connected()).await;
        let sent = event();
        publish_all(&scene.publisher(), std::slice::from_ref(&sent)).await;
        handler.wait_for(&sent).await;
        consumer.stop().await;
    })
    .await;
}
