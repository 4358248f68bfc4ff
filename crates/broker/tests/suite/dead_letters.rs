//! What can't be handled is put aside with its reason, and the queue goes on.

use countersign_broker::{DEAD_LETTERED_AT_HEADER, REASON_HEADER, ROUTING_KEY_HEADER, Verdict};
use lapin::types::AMQPValue;

use crate::scene::{Recorder, event, header, publish_all, scene, text};

#[tokio::test]
async fn a_malformed_body_is_put_aside_and_the_next_event_goes_through() {
    let mut unknown_version: serde_json::Value = serde_json::from_slice(&event().to_json().unwrap()).unwrap();
    unknown_version["specversion"] = "2.0".into();
    let mut no_subject = unknown_version.clone();
    no_subject["specversion"] = "1.0".into();
    no_subject.as_object_mut().unwrap().remove("subject");
    let cases = [
        ("not JSON".to_owned(), "the body is not JSON: "),
        (String::new(), "the body is not JSON: "),
        (no_subject.to_string(), "attribute `subject` is missing"),
        (unknown_version.to_string(), "attribute `specversion` is not 1.0"),
    ];

    scene(async |scene| {
        let handler = Recorder::done();
        let consumer = scene.consume(&handler).await;
        let publisher = scene.publisher();
        for (body, reason) in &cases {
            scene.publish_raw(body.as_bytes()).await;
            let letter = scene.take(&scene.dead_letter_queue()).await;
            assert_eq!(letter.delivery.data, body.as_bytes());
            let found = text(header(&letter, REASON_HEADER));
            assert!(found.starts_with(reason), "{found}");
            assert_eq!(text(header(&letter, ROUTING_KEY_HEADER)), "countersign.stranger");
            assert!(matches!(header(&letter, DEAD_LETTERED_AT_HEADER), Some(AMQPValue::Timestamp(1..))));

            let next = event();
            publish_all(&publisher, std::slice::from_ref(&next)).await;
            handler.wait_for(&next).await;
        }
        consumer.stop().await;
        assert_eq!(scene.ready(&scene.config.queue).await, 0);
        assert_eq!(scene.ready(&scene.dead_letter_queue()).await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_handlers_dead_letter_keeps_the_event_and_its_properties() {
    scene(async |scene| {
        let hopeless = event();
        let reason = format!("an unknown type {}", "ö".repeat(4000));
        let handler = Recorder::new({
            let (hopeless, reason) = (hopeless.id, reason.clone());
            move |event, _| {
                if event.id == hopeless {
                    Verdict::DeadLetter { reason: reason.clone() }
                } else {
                    Verdict::Done
                }
            }
        });
        let consumer = scene.consume(&handler).await;
        let next = event();
        publish_all(&scene.publisher(), &[hopeless.clone(), next.clone()]).await;

        let letter = scene.take(&scene.dead_letter_queue()).await;
        assert_eq!(letter.delivery.data, hopeless.to_json().unwrap());
        let kept = text(header(&letter, REASON_HEADER));
        assert!(reason.starts_with(&kept) && kept.len() > 1000, "a long reason is cut short: {}", kept.len());
        assert_eq!(text(header(&letter, ROUTING_KEY_HEADER)), hopeless.event_type);
        assert_eq!(Some(text(header(&letter, "traceparent"))), hopeless.traceparent);
        let properties = &letter.delivery.properties;
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), hopeless.id.to_string());
        assert_eq!(*properties.delivery_mode(), Some(2));

        handler.wait_for(&next).await;
        consumer.stop().await;
        assert_eq!(handler.times(&hopeless), 1);
        assert_eq!(scene.ready(&scene.config.queue).await, 0);
    })
    .await;
}
