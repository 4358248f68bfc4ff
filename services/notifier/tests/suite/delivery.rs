//! NOT-11: each recipient gets each event at most once per channel, and nobody's trouble is another's.

use std::time::Duration;

use countersign_notifier::outbound::{Folder, Outbound};
use countersign_notifier::storage::{Backlog, Outcome, Settled};
use countersign_testkit::{Fault, SmtpSink, TestDatabase, both_databases, wait_for};
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

use crate::support::{ADA, BO, LENA, NOON, Running, about, address, approver, submitter};

both_databases! {
    the_same_event_three_times_is_one_mail,
    a_failing_recipient_holds_back_nobody,
    a_hanging_recipient_holds_back_nobody,
    a_mail_put_off_goes_through_later_with_the_same_message_id,
    a_mail_put_off_for_three_days_is_given_up,
    a_mail_refused_for_good_is_given_up_and_seen,
    a_lost_answer_resends_the_same_message,
    a_crashed_senders_mail_goes_out_when_its_lease_ends,
    a_server_that_was_away_gets_everything,
    two_replicas_send_each_mail_once,
    stopping_gives_back_what_was_not_sent,
    an_address_that_is_none_is_given_up,
    the_folder_holds_each_mail_once,
}

const SOON: Duration = Duration::from_secs(20);

async fn settled(running: &Running) -> Backlog {
    wait_for("nothing under way", SOON, async || {
        let backlog = running.notifier.storage().backlog().await.unwrap();
        (backlog.queued + backlog.sending == 0).then_some(backlog)
    })
    .await
}

/// Proves NOT-11.
async fn the_same_event_three_times_is_one_mail(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    running.deliver();
    let submitted = about("submitted", 1, 0, vec![approver(ADA)]);
    for _ in 0..3 {
        running.take(&submitted).await;
    }
    settled(&running).await;
    running.take(&submitted).await;
    let other = about("approved", 1, 1, vec![submitter(LENA)]);
    running.take(&other).await;
    sink.wait_for_messages(2).await;
    settled(&running).await;
    assert_eq!(sink.messages_to(&address(ADA)).len(), 1);
    assert_eq!(running.ribbons(LENA).await.len(), 1);
    let mail = &sink.messages_to(&address(ADA))[0];
    assert_eq!(mail.message_id(), format!("{}.{ADA}@countersign.example", submitted.id));
    assert_eq!(mail.to, [address(ADA)], "one message for each recipient");
    running.stop().await;
}

/// Proves NOT-11.
async fn a_failing_recipient_holds_back_nobody(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(ADA), Fault::RefuseRecipient(451));
    let mut running = Running::to(&db, &sink).await;
    running.deliver();
    running.take(&about("submitted", 1, 0, vec![approver(ADA), approver(BO), approver(LENA)])).await;
    sink.wait_for_messages(2).await;
    assert_eq!((sink.messages_to(&address(BO)).len(), sink.messages_to(&address(LENA)).len()), (1, 1));
    assert!(sink.messages_to(&address(ADA)).is_empty());
    running.stop().await;
}

/// Proves NOT-11: also while the server says nothing at all.
async fn a_hanging_recipient_holds_back_nobody(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(ADA), Fault::Hang);
    let mut running = Running::to(&db, &sink).await;
    running.deliver();
    running.take(&about("submitted", 1, 0, vec![approver(ADA), approver(BO), approver(LENA)])).await;
    sink.wait_for_messages(2).await;
    sink.heal();
    let late = wait_for("another try after the timeout", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        Some(sink.messages_to(&address(ADA))).filter(|mails| !mails.is_empty())
    })
    .await;
    assert_eq!(late.len(), 1);
    running.stop().await;
}

/// Proves NOT-11.
async fn a_mail_put_off_goes_through_later_with_the_same_message_id(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(ADA), Fault::RefuseRecipient(450));
    let mut running = Running::to(&db, &sink).await;
    running.deliver();
    let event = about("submitted", 1, 0, vec![approver(ADA)]);
    running.take(&event).await;
    for tries in 1..=3 {
        wait_for("another try", SOON, async || {
            running.clock.advance(Duration::from_millis(1));
            (sink.attempts(&address(ADA)) >= tries).then_some(())
        })
        .await;
    }
    sink.break_recipient(&address(ADA), Fault::RefuseMessage(452));
    let tries = sink.attempts(&address(ADA));
    wait_for("a try of the message", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        (sink.attempts(&address(ADA)) > tries + 1).then_some(())
    })
    .await;
    sink.heal();
    // A try may have been under way: the pause after it begins later.
    let mails = wait_for("the mail", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        Some(sink.messages()).filter(|mails| !mails.is_empty())
    })
    .await;
    assert_eq!(mails[0].message_id(), format!("{}.{ADA}@countersign.example", event.id));
    assert_eq!(settled(&running).await, Backlog::default());
    assert_eq!(sink.messages().len(), 1);
    assert!(sink.connections() <= 2, "a refusal does not cost the connection");
    running.stop().await;
}

/// Proves NOT-11.
async fn a_mail_put_off_for_three_days_is_given_up(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_all(Fault::RefuseRecipient(450));
    let mut running = Running::to(&db, &sink).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    running.clock.advance(Duration::from_hours(71));
    running.deliver();
    wait_for("the first try", SOON, async || (sink.attempts(&address(ADA)) > 0).then_some(())).await;
    assert_eq!(running.notifier.storage().backlog().await.unwrap().failed, 0);
    running.clock.advance(Duration::from_hours(1));
    assert_eq!(settled(&running).await.failed, 1);
    running.stop().await;
}

/// Proves NOT-11: visible as a row, and in the metrics.
async fn a_mail_refused_for_good_is_given_up_and_seen(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(ADA), Fault::RefuseRecipient(550));
    sink.break_recipient(&address(BO), Fault::RefuseMessage(554));
    let mut running = Running::to(&db, &sink).await;
    let mut registry = prometheus_client::registry::Registry::default();
    running.notifier.metrics().register(&mut registry);
    running.deliver();
    running.take(&about("submitted", 1, 0, vec![approver(ADA), approver(BO), approver(LENA)])).await;
    sink.wait_for_messages(1).await;
    assert_eq!(settled(&running).await, Backlog { failed: 2, ..Backlog::default() });
    sink.heal();
    running.clock.advance(Duration::from_hours(100));
    running.take(&about("rejected", 1, 1, vec![submitter(LENA)])).await;
    sink.wait_for_messages(2).await;
    assert_eq!((sink.attempts(&address(ADA)), sink.attempts(&address(BO))), (1, 1), "never tried again");
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
    assert!(page.contains("countersign_notifier_mails_failed_total 2\n"), "{page}");
    assert!(page.contains("countersign_notifier_events_total{outcome=\"recorded\"} 2\n"), "{page}");
    running.stop().await;
}

/// Proves NOT-11: the server took the message, and its answer was lost. That is the window that SMTP leaves.
async fn a_lost_answer_resends_the_same_message(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(ADA), Fault::DropAfterData);
    let mut running = Running::to(&db, &sink).await;
    running.deliver();
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    sink.wait_for_messages(1).await;
    sink.heal();
    let mails = wait_for("the second copy", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        Some(sink.messages()).filter(|mails| mails.len() > 1)
    })
    .await;
    assert!(!mails[0].acknowledged);
    assert_eq!(mails[0].raw, mails[1].raw, "the same bytes, Message-ID included");
    settled(&running).await;
    assert_eq!(sink.messages().last().unwrap().message_id(), mails[0].message_id());
    running.stop().await;
}

/// Proves NOT-11: nobody sends during the lease, somebody after.
async fn a_crashed_senders_mail_goes_out_when_its_lease_ends(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    let lease = Duration::from_mins(1);
    let storage = running.notifier.storage();
    let crashed = storage.claim(10, lease, NOON).await.unwrap();
    assert_eq!(crashed.len(), 1);
    assert_eq!((crashed[0].attempts, crashed[0].lease_until), (1, NOON + 60_000_000));
    running.clock.advance(Duration::from_secs(59));
    assert!(storage.claim(10, lease, running.clock.now_us()).await.unwrap().is_empty(), "leased");
    running.clock.advance(Duration::from_secs(1));
    running.deliver();
    sink.wait_for_messages(1).await;
    assert_eq!(settled(&running).await, Backlog::default());

    // The first sender was not dead, only slow: what it says now changes nothing.
    let late = Settled {
        claim: crashed[0].clone().into(),
        outcome: Outcome::Retry { due_at: 0, error: String::new() },
    };
    running.notifier.storage().settle(&[late], NOON).await.unwrap();
    assert_eq!(running.notifier.storage().backlog().await.unwrap(), Backlog::default());
    running.stop().await;
}

/// Proves NOT-11: nothing is lost while the mail server is down, and it goes on by itself.
async fn a_server_that_was_away_gets_everything(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.stop_accepting().await;
    let mut running = Running::to(&db, &sink).await;
    running.deliver();
    let members: Vec<Uuid> = (1..=40).map(Uuid::from_u128).collect();
    running.take(&about("submitted", 1, 0, members.iter().map(|member| approver(*member)).collect())).await;
    sink.accept_again().await;
    wait_for("every mail", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        (sink.messages().len() >= members.len()).then_some(())
    })
    .await;
    assert_eq!(settled(&running).await, Backlog::default());
    let mut ids: Vec<String> = sink.messages().iter().map(countersign_testkit::Mail::message_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), sink.messages().len()), (members.len(), members.len()));
    running.stop().await;
}

/// Proves NOT-11.
async fn two_replicas_send_each_mail_once(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut one = Running::to(&db, &sink).await;
    let mut two = Running::to(&db, &sink).await;
    one.deliver();
    two.deliver();
    let members: Vec<Uuid> = (1..=50).map(Uuid::from_u128).collect();
    for number in 1..=4 {
        let recipients = members.iter().map(|member| approver(*member)).collect();
        let mut event = about("submitted", number, i64::try_from(number).unwrap(), recipients);
        // Each on a resource of its own: where one request is made, the one before has ended.
        event.data["request"]["resource"]["resourceId"] = Uuid::from_u128(number).to_string().into();
        let (first, second) = tokio::join!(one.handle(&event), two.handle(&event));
        assert_eq!((first, second), (countersign_broker::Verdict::Done, countersign_broker::Verdict::Done));
    }
    sink.wait_for_messages(200).await;
    settled(&one).await;
    assert_eq!(sink.messages().len(), 200);
    one.stop().await;
    two.stop().await;
}

/// A stopping process leaves nothing leased that it did not send.
async fn stopping_gives_back_what_was_not_sent(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_all(Fault::Hang);
    let mut running = Running::to(&db, &sink).await;
    running.take(&about("submitted", 1, 0, (1..=16).map(|n| approver(Uuid::from_u128(n))).collect())).await;
    running.deliver();
    wait_for("two mails under way", SOON, async || {
        let tried = (1..=16).map(|n| sink.attempts(&address(Uuid::from_u128(n)))).sum::<usize>();
        (tried == 2).then_some(())
    })
    .await;
    let after = running.notifier.storage().clone();
    running.stop.cancel();
    sink.heal();
    let backlog = wait_for("everything given back", SOON, async || {
        let backlog = after.backlog().await.unwrap();
        (backlog.sending == 0).then_some(backlog)
    })
    .await;
    assert_eq!(backlog.queued, 16);
    running.stop().await;
}

async fn an_address_that_is_none_is_given_up(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    let mut nobody = approver(ADA);
    nobody.email = "ada@example.com>\r\nRCPT TO:<victim@example.com".to_owned();
    running.take(&about("submitted", 1, 0, vec![nobody, approver(BO)])).await;
    running.deliver();
    sink.wait_for_messages(1).await;
    assert_eq!(settled(&running).await.failed, 1);
    assert_eq!(sink.attempts("victim@example.com"), 0);
    running.stop().await;
}

/// Proves NOT-11 for the local mailbox: a crash before the result was written, then the same file again.
async fn the_folder_holds_each_mail_once(db: TestDatabase) {
    let mailbox = tempfile::tempdir().unwrap();
    let folder = mailbox.path().join("mail");
    let mut running = Running::with(&db, Outbound::Folder(Folder::new(&folder))).await;
    let event = about("submitted", 1, 0, vec![approver(ADA), approver(BO)]);
    running.take(&event).await;
    running.deliver();
    settled(&running).await;
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let expected: Vec<String> =
        [BO, ADA].iter().map(|member| format!("20260501T100000Z-{}-{member}.eml", event.id)).collect();
    assert_eq!(names(), expected);
    running.crash().await;
    // As if the results had not been written.
    let raw = sea_orm::Database::connect(db.url()).await.unwrap();
    raw.execute_unprepared("UPDATE deliveries SET state = 'SENDING', due_at = 0").await.unwrap();
    raw.close().await.unwrap();
    running.deliver();
    settled(&running).await;
    assert_eq!(names(), expected);
    running.stop().await;
}
