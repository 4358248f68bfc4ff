use std::fs;
use std::future::pending;
use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;

fn event(number: u128) -> Event {
    Event {
        id: Uuid::from_u128(number),
        event_type: "countersign.test".to_owned(),
        source: "/test".to_owned(),
        subject: "subject".to_owned(),
        time_us: 0,
        account_id: Uuid::from_u128(9),
        sequence: 0,
        traceparent: None,
        data: json!({ "number": number.to_string() }),
    }
}

/// Answers by the event's number: 0 is done, 1 retry, 2 dead letter, 3 panics, 4 hangs.
#[derive(Default)]
struct ByNumber {
    seen: Mutex<Vec<Event>>,
}

impl Handler for ByNumber {
    async fn handle(&self, event: Event) -> Verdict {
        let number = event.id.as_u128();
        self.seen.lock().unwrap().push(event);
        match number {
            1 => Verdict::Retry { reason: "not now".to_owned() },
            2 => Verdict::DeadLetter { reason: "never".to_owned() },
            3 => panic!("a bug"),
            4 => pending().await,
            _ => Verdict::Done,
        }
    }
}

struct Fixture {
    folder: tempfile::TempDir,
    publisher: Publisher,
    handler: Arc<ByNumber>,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

/// A consumer that runs.
async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let (publisher, consumer) = in_process(folder.path().join("dead"));
    let (handler, shutdown, health) =
        (Arc::<ByNumber>::default(), CancellationToken::new(), consumer.health());
    let running = tokio::spawn(consumer.run(Arc::clone(&handler), shutdown.clone()));
    while !health.is_connected() {
        tokio::task::yield_now().await;
    }
    Fixture { folder, publisher, handler, shutdown, running }
}

#[tokio::test]
async fn each_event_gets_its_own_answer_in_order() {
    let Fixture { publisher, handler, .. } = fixture().await;
    let broken = Event { event_type: String::new(), ..event(7) };
    let results = publisher.publish(&[event(0), event(1), broken, event(3), event(5)]).await;
    assert!(matches!(
        &results[..],
        [
            Ok(()),
            Err(PublishError::Retry { .. }),
            Err(PublishError::Malformed(_)),
            Err(PublishError::Retry { .. }),
            Ok(())
        ]
    ));
    let mut seen: Vec<_> = handler.seen.lock().unwrap().clone();
    seen.sort_by_key(|event| event.id);
    assert_eq!(seen, [event(0), event(1), event(3), event(5)]);
}

#[tokio::test]
async fn a_batch_larger_than_the_consumer_takes_at_once() {
    let Fixture { publisher, handler, .. } = fixture().await;
    let events: Vec<_> = (100..1100).map(event).collect();
    assert!(publisher.publish(&events).await.iter().all(Result::is_ok));
    assert_eq!(handler.seen.lock().unwrap().len(), 1000);
    assert!(publisher.publish(&[]).await.is_empty());
}

#[tokio::test]
async fn a_dead_letter_is_a_file_with_its_reason() {
    let Fixture { folder, publisher, .. } = fixture().await;
    // Twice at once: the same event may be retried while its first try ends.
    let results = publisher.publish(&[event(2), event(2)]).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");

    let dead = folder.path().join("dead");
    let files: Vec<_> = fs::read_dir(&dead).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, [format!("{}.json", event(2).id).as_str()]);
    let letter: Value = serde_json::from_slice(&fs::read(dead.join(&files[0])).unwrap()).unwrap();
    assert_eq!(letter["reason"], "never");
    assert_eq!(Event::from_json(letter["event"].to_string().as_bytes()), Ok(event(2)));
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_written_is_not_forgotten() {
    let Fixture { folder, publisher, .. } = fixture().await;
    fs::write(folder.path().join("dead"), "a file where the folder should be").unwrap();
    let results = publisher.publish(&[event(2), event(0)]).await;
    assert!(matches!(&results[..], [Err(PublishError::DeadLetterNotWritten(_)), Ok(())]), "{results:?}");
}

#[tokio::test]
async fn without_a_running_consumer_nothing_is_taken() {
    let (publisher, consumer) = in_process(PathBuf::from("unused"));
    assert!(!publisher.is_connected());
    assert!(matches!(publisher.publish(&[event(0)]).await[..], [Err(PublishError::NoConsumer)]));
    drop(consumer);
    assert!(matches!(publisher.publish(&[event(0)]).await[..], [Err(PublishError::NoConsumer)]));
}

#[tokio::test]
async fn shutdown_lets_running_handlers_finish_and_takes_no_more() {
    struct Gate(CancellationToken, CancellationToken);
    impl Handler for Gate {
        async fn handle(&self, _: Event) -> Verdict {
            self.0.cancel();
            self.1.cancelled().await;
            Verdict::Done
        }
    }
    let (publisher, consumer) = in_process(PathBuf::from("unused"));
    let (begun, open, shutdown) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let health = consumer.health();
    let running = tokio::spawn(consumer.run(Arc::new(Gate(begun.clone(), open.clone())), shutdown.clone()));
    while !health.is_connected() {
        tokio::task::yield_now().await;
    }
    let publishing = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish(&[event(0)]).await }
    });
    begun.cancelled().await;
    shutdown.cancel();
    while publisher.is_connected() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(publisher.publish(&[event(1)]).await[..], [Err(PublishError::NoConsumer)]));
    assert!(!running.is_finished());
    open.cancel();
    assert!(matches!(publishing.await.unwrap()[..], [Ok(())]));
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_does_not_hang_the_publisher() {
    let Fixture { publisher, shutdown, running, .. } = fixture().await;
    let results = publisher.publish(&[event(4), event(0)]).await;
    assert!(matches!(&results[..], [Err(PublishError::TimedOut), Ok(())]), "{results:?}");
    shutdown.cancel();
    running.abort();
}
