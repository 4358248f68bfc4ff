//! NOT-8 and NOT-11 for reminders: gathered, told once, and only as long as they still ask.

use std::sync::Arc;
use std::time::Duration;

use countersign_broker::Event;
use countersign_notifier::outbound::{Folder, Outbound};
use countersign_notifier::preferences::Preferences;
use countersign_notifier::storage::{Backlog, Changed, Outcome, Settled, Told};
use countersign_proto::event::MemberAccess;
use countersign_proto::event::event::Payload;
use countersign_testkit::{Fault, Mail, SmtpSink, TestDatabase, both_databases, wait_for};
use mail_parser::MessageParser;
use sea_orm::ConnectionTrait as _;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::purge::rows;
use crate::support::{
    ACCOUNT, ADA, BO, LENA, NOON, Running, ZOE, about, access_event, address, approver, may_all, request,
    smtp, submitter,
};

both_databases! {
    reminders_of_a_span_are_one_mail,
    one_reminder_is_a_mail_like_others,
    what_asks_no_more_is_left_out,
    where_nothing_is_left_nothing_is_sent,
    who_lost_the_right_is_not_reminded,
    who_prefers_it_is_reminded_at_once,
    a_span_of_zero_gathers_nothing,
    a_failed_digest_is_tried_again_unchanged,
    a_crash_at_any_step_loses_and_repeats_nothing,
    reminders_while_it_is_claimed_are_in_one_digest_each,
}

const SOON: Duration = Duration::from_secs(20);
const SPAN: Duration = Duration::from_mins(15);

/// Request `number`, on a resource of its own.
fn of(number: u128, what: &str, sequence: i64, members: &[Uuid]) -> Event {
    let members = members.iter();
    let recipients = match what {
        "submitted" | "reminded" | "reassigned" => members.map(|member| approver(*member)).collect(),
        _ => members.map(|member| submitter(*member)).collect(),
    };
    let mut event = about(what, number, sequence, recipients);
    event.data["request"]["resource"]["resourceId"] =
        Uuid::from_u128(0x4e50_0000 + number).to_string().into();
    event.data["request"]["resource"]["title"] = format!("Sale {number}").into();
    event.data["request"]["deadline"] = "2026-05-03T10:00:00Z".into();
    event
}

/// Submits requests 1 to `count`, of which nobody gets a mail, and reminds of each.
async fn remind(running: &Running, count: u128, members: &[Uuid]) {
    for number in 1..=count {
        let mut submitted = of(number, "submitted", 0, members);
        for recipient in submitted.data["recipients"].as_array_mut().unwrap() {
            recipient["mail"] = false.into();
        }
        running.take(&submitted).await;
        running.take(&of(number, "reminded", 1, members)).await;
    }
}

async fn done(running: &Running) {
    wait_for("nothing under way", SOON, async || {
        (running.notifier.storage().backlog().await.unwrap() == Backlog::default()).then_some(())
    })
    .await;
}

fn text(mail: &Mail) -> (String, String) {
    let parsed = MessageParser::default().parse(&mail.raw).unwrap();
    (parsed.subject().unwrap().to_owned(), parsed.body_text(0).unwrap().into_owned())
}

/// Proves NOT-8 and NOT-11: each with its link and deadline, and each member's own.
async fn reminders_of_a_span_are_one_mail(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::gathering(&db, smtp(&sink), SPAN).await;
    running.deliver();
    remind(&running, 3, &[ADA, BO]).await;
    // The same reminder once more, and another one of a request that is reminded of already.
    running.take(&of(3, "reminded", 1, &[ADA, BO])).await;
    running.take(&of(1, "reminded", 2, &[ADA])).await;
    let backlog = running.notifier.storage().backlog().await.unwrap();
    assert_eq!(
        (backlog.queued, backlog.oldest),
        (2, Some(NOON + 15 * 60_000_000)),
        "not late before it is due"
    );
    running.clock.advance(SPAN.checked_sub(Duration::from_secs(1)).unwrap());
    running.take(&of(4, "submitted", 0, &[LENA])).await;
    sink.wait_for_messages(1).await;
    assert_eq!(sink.messages_to(&address(ADA)).len(), 0, "not before its time");
    running.clock.advance(Duration::from_secs(1));
    sink.wait_for_messages(3).await;
    done(&running).await;
    for member in [ADA, BO] {
        let mails = sink.messages_to(&address(member));
        assert_eq!(mails.len(), 1);
        let (subject, text) = text(&mails[0]);
        assert_eq!(subject, "3 requests wait for your decision");
        for number in 1..=3 {
            assert!(text.contains(&format!("“Sale {number}”")), "{text}");
            let link = format!("https://app.example/{ACCOUNT}/review/{}", request(number));
            assert_eq!(text.matches(&link).count(), 1, "{text}");
        }
        assert_eq!(text.matches("3 May 2026, 10:00 UTC").count(), 3, "{text}");
    }
    for table in ["open_digests", "digest_items"] {
        assert_eq!(rows(&db, table).await, 0, "{table}");
    }
    // The next one opens another.
    running.take(&of(2, "reminded", 3, &[ADA])).await;
    running.clock.advance(SPAN);
    sink.wait_for_messages(4).await;
    assert_eq!(sink.messages_to(&address(ADA)).len(), 2);
    running.stop().await;
}

async fn one_reminder_is_a_mail_like_others(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::gathering(&db, smtp(&sink), SPAN).await;
    remind(&running, 1, &[ADA]).await;
    running.clock.advance(SPAN);
    running.deliver();
    let mail = &sink.wait_for_messages(1).await[0];
    assert_eq!(text(mail).0, "Approval request: launch “Sale 1”");
    let raw = String::from_utf8_lossy(&mail.raw).into_owned();
    assert!(
        raw.contains(&format!("References: <request.{}.{ADA}@countersign.example>", request(1))),
        "{raw}"
    );
    running.stop().await;
}

/// Proves NOT-8 and NOT-12: ended, given to others, approved already.
async fn what_asks_no_more_is_left_out(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::gathering(&db, smtp(&sink), SPAN).await;
    remind(&running, 5, &[ADA, ZOE]).await;
    running.take(&of(1, "rejected", 2, &[])).await;
    running.take(&of(2, "approval_recorded", 2, &[])).await;
    let mut given = of(3, "reassigned", 2, &[ZOE]);
    given.data["recipients"][0]["mail"] = false.into();
    running.take(&given).await;
    running.clock.advance(SPAN);
    running.deliver();
    sink.wait_for_messages(2).await;
    let titles = |member| {
        let (_, text) = text(&sink.messages_to(&address(member))[0]);
        (1..=5).filter(|number| text.contains(&format!("“Sale {number}”"))).collect::<Vec<_>>()
    };
    assert_eq!(titles(ADA), [4, 5]);
    assert_eq!(titles(ZOE), [2, 3, 4, 5], "who is still asked of what Ada approved, and was given one");
    running.stop().await;
}

/// Proves NOT-8.
async fn where_nothing_is_left_nothing_is_sent(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::gathering(&db, smtp(&sink), SPAN).await;
    running.deliver();
    remind(&running, 2, &[ADA]).await;
    for number in 1..=2 {
        running.take(&of(number, "cancelled", 2, &[])).await;
    }
    running.clock.advance(SPAN);
    done(&running).await;
    running.take(&of(3, "submitted", 0, &[BO])).await;
    sink.wait_for_messages(1).await;
    assert_eq!(sink.attempts(&address(ADA)), 0);
    assert_eq!((rows(&db, "deliveries").await, rows(&db, "digest_items").await), (1, 0));
    assert_eq!(rows(&db, "events WHERE data IS NOT NULL").await, 1, "nothing is kept to tell it with");
    running.stop().await;
}

/// Proves NOT-12: also who lost it with their role, before anything else says so.
async fn who_lost_the_right_is_not_reminded(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::gathering(&db, smtp(&sink), SPAN).await;
    running.admit(&[ADA, BO, LENA, ZOE]).await;
    remind(&running, 2, &[ADA, BO, LENA, ZOE]).await;
    let reads = MemberAccess { approvable_kinds: Vec::new(), ..may_all(ADA) };
    let revoked = MemberAccess { member_id: BO.to_string(), ..MemberAccess::default() };
    let scoped = MemberAccess {
        scope_property: "Country".to_owned(),
        scope_values: vec!["US".to_owned()],
        ..may_all(LENA)
    };
    running.take(&access_event(2, vec![reads, revoked, scoped])).await;
    running.clock.advance(SPAN);
    running.deliver();
    done(&running).await;
    let to: Vec<_> = sink.messages().iter().flat_map(|mail| mail.to.clone()).collect();
    assert_eq!(to, [address(ZOE)]);
    running.stop().await;
}

/// Proves NOT-14.
async fn who_prefers_it_is_reminded_at_once(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::gathering(&db, smtp(&sink), SPAN).await;
    let at_once = |preferences| Preferences { reminders_digest: false, ..preferences };
    let changed = running.notifier.storage().change_preferences(ACCOUNT, ADA, None, at_once, NOON).await;
    assert!(matches!(changed.unwrap(), Changed::To(_)));
    running.deliver();
    remind(&running, 2, &[ADA, BO]).await;
    sink.wait_for_messages(2).await;
    assert_eq!(sink.messages_to(&address(ADA)).len(), 2);
    running.clock.advance(SPAN);
    sink.wait_for_messages(3).await;
    assert_eq!(sink.messages_to(&address(BO)).len(), 1);
    running.stop().await;
}

async fn a_span_of_zero_gathers_nothing(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::gathering(&db, smtp(&sink), Duration::ZERO).await;
    running.deliver();
    remind(&running, 2, &[ADA]).await;
    sink.wait_for_messages(2).await;
    assert_eq!(rows(&db, "open_digests").await, 0);
    running.stop().await;
}

/// Proves NOT-11: the same message in every try, whatever happens meanwhile.
async fn a_failed_digest_is_tried_again_unchanged(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(ADA), Fault::RefuseRecipient(451));
    let mut running = Running::gathering(&db, smtp(&sink), SPAN).await;
    remind(&running, 2, &[ADA]).await;
    running.clock.advance(SPAN);
    running.deliver();
    wait_for("a try", SOON, async || (sink.attempts(&address(ADA)) > 0).then_some(())).await;
    // Too late for this one, and the next is another mail.
    running.take(&of(1, "rejected", 2, &[])).await;
    running.take(&of(2, "reminded", 3, &[ADA])).await;
    sink.heal();
    let mails = wait_for("the mail", SOON, async || {
        running.clock.advance(Duration::from_millis(1));
        Some(sink.messages_to(&address(ADA))).filter(|mails| !mails.is_empty())
    })
    .await;
    assert_eq!(text(&mails[0]).0, "2 requests wait for your decision");
    running.clock.advance(SPAN);
    sink.wait_for_messages(2).await;
    done(&running).await;
    let mails = sink.messages_to(&address(ADA));
    assert_eq!(text(&mails[1]).0, "Approval request: launch “Sale 2”");
    assert_ne!(mails[0].message_id(), mails[1].message_id());
    running.stop().await;
}

/// Proves NOT-11: claimed and closed by a process that died, before and after sending; another one finishes it with the same
/// message, and no reminder is in two.
async fn a_crash_at_any_step_loses_and_repeats_nothing(db: TestDatabase) {
    let nowhere = || Outbound::Folder(Folder::new("/nowhere"));
    let dies = Running::gathering(&db, nowhere(), SPAN).await;
    remind(&dies, 2, &[ADA]).await;
    dies.clock.advance(SPAN);
    let lease = Duration::from_secs(30);
    let storage = dies.notifier.storage();
    let first = storage.claim(10, lease, dies.clock.now_us()).await.unwrap().remove(0);
    assert!(matches!(&first.told, Some(Told::Reminders(events)) if events.len() == 2));
    // Between its being closed and sent another reminder comes.
    dies.take(&of(1, "reminded", 2, &[ADA])).await;
    assert!(storage.claim(10, lease, dies.clock.now_us()).await.unwrap().is_empty());
    dies.clock.advance(lease);
    let again = storage.claim(10, lease, dies.clock.now_us()).await.unwrap().remove(0);
    assert_eq!((again.event_id, &again.message_id), (first.event_id, &first.message_id));
    assert_eq!((again.told.as_ref(), again.attempts), (first.told.as_ref(), 2));
    assert_eq!(again.occurred_at, first.occurred_at, "the same Date");
    let settled = Settled { claim: Arc::new(again), outcome: Outcome::Sent };
    storage.settle(&[settled], dies.clock.now_us()).await.unwrap();
    // The second one is claimed by a process that dies before it closes it, and added to by another.
    let database = sea_orm::Database::connect(db.url()).await.unwrap();
    let claimed = "UPDATE deliveries SET state = 'SENDING', attempts = 1 WHERE state = 'QUEUED'";
    assert_eq!(database.execute_unprepared(claimed).await.unwrap().rows_affected(), 1);
    database.close().await.unwrap();
    dies.take(&of(2, "reminded", 3, &[ADA])).await;
    dies.clock.advance(SPAN);
    let second = storage.claim(10, lease, dies.clock.now_us()).await.unwrap().remove(0);
    assert_ne!(second.event_id, first.event_id);
    assert!(matches!(&second.told, Some(Told::Reminders(events)) if events.len() == 2), "{second:?}");
    assert_eq!((rows(&db, "deliveries").await, rows(&db, "digest_items").await), (2, 0));
    dies.stop().await;
}

/// Claims and closes what is due, and adds what is told by it; whether anything was.
async fn drain(running: &Running, told: &mut Vec<(Uuid, String)>) -> bool {
    running.clock.advance(Duration::from_secs(1));
    let storage = running.notifier.storage();
    let claims = storage.claim(100, Duration::from_hours(9), running.clock.now_us()).await.unwrap();
    let any = !claims.is_empty();
    for claim in claims {
        let Some(Told::Reminders(events)) = claim.told else { panic!("{claim:?}") };
        told.extend(events.iter().map(|event| match &event.payload {
            Some(Payload::Request(request)) => (claim.member_id, request.approval_request_id.clone()),
            other => panic!("{other:?}"),
        }));
    }
    any
}

/// Proves NOT-11: whoever closes a digest and whoever adds to it wait for each other, so that each reminder is in exactly one.
async fn reminders_while_it_is_claimed_are_in_one_digest_each(db: TestDatabase) {
    const REQUESTS: u128 = 40;
    let nowhere = Outbound::Folder(Folder::new("/nowhere"));
    // Due at once, so that claims and reminders meet.
    let running = Arc::new(Running::gathering(&db, nowhere, Duration::from_micros(1)).await);
    for number in 1..=REQUESTS {
        running.take(&of(number, "submitted", 0, &[])).await;
        let mut asks = of(number, "reassigned", 1, &[ADA, BO]);
        for recipient in asks.data["recipients"].as_array_mut().unwrap() {
            recipient["mail"] = false.into();
        }
        running.take(&asks).await;
    }
    let mut tasks = JoinSet::new();
    for number in 1..=REQUESTS {
        let running = Arc::clone(&running);
        tasks.spawn(async move {
            // In both orders: they must not wait for each other for ever.
            let both = if number % 2 == 0 { [ADA, BO] } else { [BO, ADA] };
            running.take(&of(number, "reminded", 2, &both)).await;
        });
    }
    let mut told = Vec::new();
    while !tasks.is_empty() {
        drain(&running, &mut told).await;
        while let Some(taken) = tasks.try_join_next() {
            taken.unwrap();
        }
    }
    while drain(&running, &mut told).await {}
    told.sort();
    let mut expected: Vec<_> = (1..=REQUESTS)
        .flat_map(|number| [ADA, BO].map(|member| (member, request(number).to_string())))
        .collect();
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(rows(&db, "digest_items").await, 0);
    Arc::into_inner(running).unwrap().stop().await;
}
