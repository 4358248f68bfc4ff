//! Mail that asked for a decision, and waited until there was none left to make (NOT-12).

use std::time::Duration;

use countersign_broker::Event;
use countersign_notifier::storage::Backlog;
use countersign_proto::event::{RecipientReason, RecipientRibbon};
use countersign_testkit::{Fault, SmtpSink, TestDatabase, both_databases, wait_for};
use uuid::Uuid;

use crate::purge::rows;
use crate::support::{ADA, BO, LENA, Running, ZOE, about, address, approver, recipient, smtp, submitter};

both_databases! {
    what_ended_while_its_mail_waited_is_not_asked_for,
    a_mail_that_was_refused_is_dropped_once_it_asks_no_more,
    only_who_is_still_asked_is_asked,
    who_is_only_told_is_told_until_it_ends,
    a_reminder_alone_is_still_sent,
    gathered_reminders_are_dropped_when_none_asks_any_more,
}

const SOON: Duration = Duration::from_secs(20);

/// Request `number`, on a resource of its own.
fn of(number: u128, what: &str, sequence: i64, members: &[Uuid]) -> Event {
    let asks = matches!(what, "submitted" | "reminded" | "reassigned");
    let to = |member: &Uuid| if asks { approver(*member) } else { submitter(*member) };
    let mut event = about(what, number, sequence, members.iter().map(to).collect());
    event.data["request"]["resource"]["resourceId"] =
        Uuid::from_u128(0x57a1_0000 + number).to_string().into();
    event
}

async fn done(running: &Running) {
    wait_for("nothing under way", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        (running.notifier.storage().backlog().await.unwrap() == Backlog::default()).then_some(())
    })
    .await;
}

/// Proves NOT-12: whichever way it ended, whatever mail asked, and in whatever order the events came.
async fn what_ended_while_its_mail_waited_is_not_asked_for(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    let mut registry = prometheus_client::registry::Registry::default();
    running.notifier.metrics().register(&mut registry);
    for (number, ended) in (1..).zip(["approved", "rejected", "cancelled", "expired", "reverted"]) {
        running.take(&of(number, "submitted", 0, &[ADA, BO])).await;
        running.take(&of(number, "reassigned", 1, &[ADA, BO, ZOE])).await;
        running.take(&of(number, "reminded", 2, &[ADA, BO, ZOE])).await;
        running.take(&of(number, ended, 3, &[LENA])).await;
    }
    running.take(&of(6, "rejected", 1, &[LENA])).await;
    running.take(&of(6, "submitted", 0, &[ADA])).await;
    running.deliver();
    done(&running).await;
    assert_eq!(sink.messages_to(&address(LENA)).len(), 6);
    for member in [ADA, BO, ZOE] {
        assert_eq!(sink.attempts(&address(member)), 0);
    }
    assert_eq!(rows(&db, "deliveries").await, 6);
    assert_eq!(rows(&db, "events WHERE data IS NOT NULL").await, 6, "nothing is kept to tell it with");
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
    assert!(page.contains("countersign_notifier_mails_dropped_total 41\n"), "{page}");
    // The same events once more are nothing new.
    running.take(&of(1, "submitted", 0, &[ADA, BO])).await;
    assert_eq!(rows(&db, "deliveries").await, 6);
    running.stop().await;
}

/// Proves NOT-12: also between two tries.
async fn a_mail_that_was_refused_is_dropped_once_it_asks_no_more(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(ADA), Fault::RefuseRecipient(451));
    let mut running = Running::to(&db, &sink).await;
    running.deliver();
    running.take(&of(1, "submitted", 0, &[ADA])).await;
    wait_for("a try", SOON, async || (sink.attempts(&address(ADA)) > 0).then_some(())).await;
    running.take(&of(1, "cancelled", 1, &[LENA])).await;
    sink.heal();
    done(&running).await;
    assert_eq!(sink.messages_to(&address(LENA)).len(), 1);
    assert!(sink.messages_to(&address(ADA)).is_empty());
    running.stop().await;
}

/// Proves NOT-12: who approved already, and who is an approver no more, is not asked; the others are.
async fn only_who_is_still_asked_is_asked(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    running.take(&of(1, "submitted", 0, &[ADA, BO])).await;
    running.take(&of(1, "approval_recorded", 1, &[])).await;
    running.take(&of(2, "submitted", 0, &[LENA])).await;
    running.take(&of(2, "reassigned", 1, &[ZOE])).await;
    running.take(&of(3, "submitted", 0, &[ADA])).await;
    running.take(&of(3, "commented", 1, &[LENA])).await;
    running.take(&of(3, "rejected", 2, &[])).await;
    running.deliver();
    done(&running).await;
    let mut to: Vec<String> = sink.messages().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, [address(BO), address(LENA), address(ZOE)], "Lena reads the comment, and is not asked");
    assert!(String::from_utf8_lossy(&sink.messages_to(&address(LENA))[0].raw).contains("Sunday"));
    running.stop().await;
}

/// Proves NOT-2 and NOT-12: approvers of a product experience who were not chosen have no ribbon that asks.
async fn who_is_only_told_is_told_until_it_ends(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    let told = |member| recipient(member, RecipientReason::AreaApprover, RecipientRibbon::Unspecified);
    for number in 1..=2 {
        let mut submitted = of(number, "submitted", 0, &[ADA]);
        submitted.data["recipients"] =
            about("submitted", number, 0, vec![approver(ADA), told(BO)]).data["recipients"].take();
        // The part that names the others comes first.
        let mut rest = of(number, "submitted", 0, &[]);
        rest.id = Uuid::from_u128(0xc0_0000 + number);
        rest.event_type = "countersign.recipients.continued.v1".to_owned();
        rest.data["continues"] = submitted.event_type.clone().into();
        rest.data["recipients"] = about("submitted", number, 0, vec![told(ZOE)]).data["recipients"].take();
        running.take(&rest).await;
        if number == 2 {
            running.take(&submitted).await;
            running.take(&of(number, "rejected", 1, &[])).await;
        }
    }
    running.deliver();
    done(&running).await;
    let to: Vec<String> = sink.messages().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(to, [address(ZOE)]);
    running.stop().await;
}

/// Of a request that was submitted before the notifier was there, nothing says that it ended.
async fn a_reminder_alone_is_still_sent(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    running.take(&of(1, "reminded", 5, &[ADA])).await;
    running.deliver();
    sink.wait_for_messages(1).await;
    done(&running).await;
    running.stop().await;
}

/// Proves NOT-8 and NOT-12.
async fn gathered_reminders_are_dropped_when_none_asks_any_more(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(ADA), Fault::RefuseRecipient(451));
    let span = Duration::from_mins(15);
    let mut running = Running::gathering(&db, smtp(&sink), span).await;
    for number in 1..=2 {
        let mut submitted = of(number, "submitted", 0, &[ADA]);
        submitted.data["recipients"][0]["mail"] = false.into();
        running.take(&submitted).await;
        running.take(&of(number, "reminded", 1, &[ADA])).await;
    }
    running.clock.advance(span);
    running.deliver();
    wait_for("a try", SOON, async || (sink.attempts(&address(ADA)) > 0).then_some(())).await;
    for number in 1..=2 {
        running.take(&of(number, "rejected", 2, &[])).await;
    }
    sink.heal();
    done(&running).await;
    assert!(sink.messages().is_empty());
    assert_eq!(rows(&db, "deliveries").await, 0);
    running.stop().await;
}
