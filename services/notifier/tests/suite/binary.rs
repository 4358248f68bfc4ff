//! The real process, with real RabbitMQ.

use std::time::Duration;

use countersign_broker::{Event, RabbitConfig, rabbit_publisher};
use countersign_notifier::storage::{Backlog, Storage};
use countersign_testkit::{
    Process, SmtpSink, TestBroker, TestDatabase, both_databases, free_port, publish_all, wait_for,
};
use sea_orm::ConnectionTrait as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use crate::invitation::invitation;
use crate::support::{ADA, LENA, about, address, approver, submitter};

both_databases! { killed_at_any_moment_it_goes_on }

const NAME: &str = env!("CARGO_BIN_EXE_countersign-notifier");
const SOON: Duration = Duration::from_secs(30);

/// Proves NOT-11: kill -9 while it works, again and again, loses no mail and sends none twice but those whose answer the
/// process did not live to write down, which carry the same Message-ID.
async fn killed_at_any_moment_it_goes_on(db: TestDatabase) {
    let (broker, sink) = (TestBroker::rabbitmq(), SmtpSink::start().await);
    let (exchange, queue) = (broker.name("events"), broker.name("notifier"));
    broker.name("notifier.dead-letter");
    let admin = format!("127.0.0.1:{}", free_port());
    let grpc = format!("127.0.0.1:{}", free_port());
    let smtp = format!("smtp://127.0.0.1:{}?tls=none", sink.port());
    let env = [
        ("COUNTERSIGN_DATABASE_URL", db.url()),
        ("COUNTERSIGN_AMQP_URL", broker.url()),
        ("COUNTERSIGN_EXCHANGE", exchange.as_str()),
        ("COUNTERSIGN_QUEUE", queue.as_str()),
        ("COUNTERSIGN_SMTP_URL", smtp.as_str()),
        // On a busy machine an answer takes longer than a short time-out, and each failure would double the pause.
        ("COUNTERSIGN_SMTP_TIMEOUT_SECONDS", "20"),
        ("COUNTERSIGN_MAIL_RETRY_SECONDS", "1"),
        ("COUNTERSIGN_REMINDER_DIGEST", "2s"),
        ("COUNTERSIGN_MAIL_FROM", "countersign@countersign.example"),
        ("COUNTERSIGN_REVIEW_URL_TEMPLATE", "https://app.example/{approval_request_id}"),
        ("COUNTERSIGN_INVITATION_URL_TEMPLATE", "https://app.example/join#{token}"),
        ("COUNTERSIGN_GRPC_LISTEN", grpc.as_str()),
        ("COUNTERSIGN_ADMIN_LISTEN", admin.as_str()),
    ];
    let database: Vec<_> =
        env.iter().copied().filter(|(name, _)| *name == "COUNTERSIGN_DATABASE_URL").collect();

    let mut too_early = Process::start(NAME, &["serve"], &env);
    assert!(!too_early.wait(SOON).await.success());
    assert!(too_early.log().contains("run `countersign-notifier migrate`"), "{}", too_early.log());
    assert!(Process::start(NAME, &["migrate"], &database).wait(SOON).await.success());

    let mut service = Process::start(NAME, &["serve"], &env);
    service.wait_for_log("serving on", SOON).await;
    let publisher = rabbit_publisher(RabbitConfig {
        exchange: exchange.clone(),
        queue: queue.clone(),
        ..RabbitConfig::new(broker.url())
    })
    .unwrap();
    let members: Vec<Uuid> = (1..=20).map(Uuid::from_u128).collect();
    // Reminders that become due while the process is killed.
    let publish = async |events: &[Event]| publisher.publish(events).await;
    publish_all(&reminded(&members), publish).await;
    for round in 0..5 {
        let recipients = members.iter().map(|member| approver(*member)).collect();
        let number = u128::try_from(round).unwrap() + 1;
        let mut submitted = about("submitted", number, round * 2, recipients);
        // Each on a resource of its own: of what has ended nobody is asked any more.
        submitted.data["request"]["resource"]["resourceId"] = Uuid::from_u128(number).to_string().into();
        let events = [submitted, about("rejected", number, round * 2 + 1, vec![submitter(LENA)])];
        publish_all(&events, publish).await;
        let before = sink.messages().len();
        wait_for("a mail of this round", SOON, async || (sink.messages().len() > before).then_some(())).await;
        service.kill9();
        // What the dead process had claimed is not waited for: its lease is given up by hand.
        give_up_leases(&db).await;
        service.start_again();
        wait_for("readiness", SOON, async || {
            page(&admin, "/readyz").await.filter(|page| page.contains("200 OK"))
        })
        .await;
    }
    let storage = Storage::connect(db.url()).await.unwrap();
    publish_all(&[invitation("s3cret-token")], publish).await;
    let expected = 5 * (members.len() + 1) + members.len() + 1;
    wait_for("every mail", SOON, async || {
        let backlog = storage.backlog().await.unwrap();
        (backlog == Backlog::default() && ids(&sink).len() == expected).then_some(())
    })
    .await;
    assert_eq!(sink.messages_to(&address(ADA)).len(), 0);
    let reminders = |mail: &&countersign_testkit::Mail| {
        String::from_utf8_lossy(&mail.raw).contains("X-Countersign-Event-Type: notifier.reminders.v1")
    };
    let sent = sink.messages();
    let reminders: std::collections::BTreeSet<_> =
        sent.iter().filter(reminders).map(|mail| &mail.to).collect();
    assert_eq!(reminders.len(), members.len(), "each is reminded");
    assert!(broker.peek(&queue).await.is_empty());
    storage.close().await;
    assert!(
        Process::start(NAME, &["healthcheck"], &[("COUNTERSIGN_ADMIN_LISTEN", admin.as_str())])
            .wait(SOON)
            .await
            .success()
    );
    assert!(page(&admin, "/metrics").await.unwrap().contains("countersign_notifier_mails_sent_total"));
    assert!(service.terminate().await.success(), "{}", service.log());
    assert!(!service.log().contains("@example.com"), "no address in the log");
    assert!(!service.log().contains("s3cret-token"), "no secret in the log");
    assert!(sink.messages().iter().any(|mail| String::from_utf8_lossy(&mail.raw).contains("s3cret-token")));
}

/// A request that the members are asked to decide, without mail, and then reminded of.
fn reminded(members: &[Uuid]) -> [Event; 2] {
    [("submitted", false), ("reminded", true)].map(|(what, mail)| {
        let sequence = i64::from(mail);
        let mut event = about(what, 100, sequence, members.iter().map(|member| approver(*member)).collect());
        event.data["request"]["resource"]["resourceId"] = Uuid::from_u128(0x100).to_string().into();
        for recipient in event.data["recipients"].as_array_mut().unwrap() {
            recipient["mail"] = mail.into();
        }
        event
    })
}

fn ids(sink: &SmtpSink) -> std::collections::BTreeSet<String> {
    sink.messages().iter().map(countersign_testkit::Mail::message_id).collect()
}

async fn give_up_leases(db: &TestDatabase) {
    let database = sea_orm::Database::connect(db.url()).await.unwrap();
    database.execute_unprepared("UPDATE deliveries SET due_at = 0 WHERE state = 'SENDING'").await.unwrap();
    database.close().await.unwrap();
}

/// A page of the admin server, if it answers.
async fn page(admin: &str, path: &str) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(admin).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
