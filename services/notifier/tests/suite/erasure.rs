//! An account that is gone for good is forgotten, whatever the order in which its events arrive, and nobody else's is.
#![expect(clippy::disallowed_methods, reason = "transactions beside the storage's, held open by hand")]

use std::sync::Arc;
use std::time::Duration;

use countersign_broker::Event;
use countersign_notifier::preferences::Preferences;
use countersign_notifier::storage::{Backlog, Changed, Mark, Outcome, Settled};
use countersign_proto::event::event::Payload;
use countersign_proto::event::{InvitationEvent, RecipientReason, RecipientRibbon};
use countersign_proto::inbox::{GetCountsRequest, ListRibbonsRequest, MarkRequest, WatchRequest};
use countersign_testkit::{Fault, SmtpSink, TestDatabase, both_databases, wait_for};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::json;
use tokio::time::timeout;
use tonic::Code;
use uuid::Uuid;

use crate::inbox::{by, serve};
use crate::purge::rows;
use crate::support::{
    self, ACCOUNT, ADA, BO, LENA, NOON, Running, ZOE, about, access_event, address, approver, may_all,
    other_event, recipient, review, reviewer, smtp, submitter,
};

both_databases! {
    an_erased_account_is_refused_at_once,
    what_is_queued_is_not_sent_any_more,
    everything_but_ids_goes_and_no_other_account,
    late_events_bring_nothing_back,
    a_crash_in_between_resumes,
    a_step_passes_over_what_others_hold,
    events_at_the_same_time_leave_nothing,
    an_erasure_waits_for_what_is_being_taken,
    the_loop_erases_when_it_is_told,
}

const SOON: Duration = Duration::from_secs(20);

const OTHER: Uuid = Uuid::from_u128(0x07e4);

/// Every table with something of an account in it, beside `events`.
const TABLES: [&str; 11] = [
    "deliveries",
    "ribbon_marks",
    "ribbons",
    "ribbon_withdrawals",
    "ribbon_cursors",
    "members",
    "member_locales",
    "preferences",
    "open_digests",
    "digest_items",
    "closed_reviews",
];

/// New each time.
fn erased() -> Event {
    let mut event = access_event(9, Vec::new());
    event.event_type = "countersign.account.erased.v1".to_owned();
    event.data = json!({"accountName": "", "actor": {"displayName": "countersign"}});
    event
}

fn of(account_id: Uuid, mut event: Event) -> Event {
    event.account_id = account_id;
    event
}

/// Something for each table: a ribbon with a mark, a cursor, a withdrawal, members, mails, and an invitation's token.
fn story() -> Vec<Event> {
    let mut invited =
        recipient(Uuid::from_u128(0x14f), RecipientReason::Invited, RecipientRibbon::Unspecified);
    invited.email = "new@example.com".to_owned();
    let invitation = InvitationEvent {
        invitation_id: Uuid::from_u128(0x14f).to_string(),
        token: "secret".to_owned(),
        ..Default::default()
    };
    let invitation = Payload::Invitation(invitation);
    vec![
        access_event(1, [ADA, BO, LENA, ZOE].map(may_all).to_vec()),
        about("submitted", 1, 0, vec![approver(ADA), approver(BO)]),
        about("approval_recorded", 1, 1, vec![submitter(LENA)]),
        other_event("invitation.sent", 1, vec![invited], invitation),
    ]
}

async fn tell(running: &Running, account_id: Uuid) {
    for event in story() {
        running.take(&of(account_id, event)).await;
    }
}

/// Something for the tables that [`story`] leaves empty: a closed review, gathered reminders, preferences.
async fn tell_the_rest(running: &Running, account_id: Uuid) {
    let reminded = about("reminded", 1, 7, vec![approver(ADA)]);
    for event in [review("closed", 6, vec![reviewer(BO)]), reminded] {
        running.take(&of(account_id, event)).await;
    }
    let quiet = |preferences| Preferences { comments_mail: false, ..preferences };
    let changed = running.notifier.storage().change_preferences(account_id, ADA, None, quiet, NOON).await;
    assert!(matches!(changed.unwrap(), Changed::To(_)));
}

async fn mark_all(running: &Running) {
    let ribbons: Vec<Uuid> = running.ribbons(BO).await.iter().map(|ribbon| ribbon.ribbon_id).collect();
    assert_eq!(running.mark(BO, &ribbons, Mark::Seen).await, 1);
}

async fn everything(db: &TestDatabase) -> Vec<i64> {
    let mut all = Vec::new();
    for table in TABLES {
        all.push(rows(db, table).await);
    }
    all
}

/// Steps until nothing waits; how many removed something.
async fn erase_all(running: &Running, limit: u32) -> usize {
    let mut steps = 0;
    while let Some(removed) = running.notifier.storage().erase(limit, 0).await.unwrap() {
        steps += usize::from(removed > 0);
    }
    steps
}

/// Proves ACC-16 for an account that is gone: before any of it is removed.
async fn an_erased_account_is_refused_at_once(db: TestDatabase) {
    let (running, replica) = (Running::silent(&db).await, Running::silent(&db).await);
    tell(&running, ACCOUNT).await;
    let mut client = serve(&running).await;
    let account_id = ACCOUNT.to_string();
    let mut streams = Vec::new();
    for one in [&running, &replica] {
        let watch = by(BO, WatchRequest { account_id: account_id.clone(), ..Default::default() });
        let mut stream = serve(one).await.watch(watch).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        streams.push(stream);
    }
    running.take(&erased()).await;
    let list = ListRibbonsRequest { account_id: account_id.clone(), page_size: -1, ..Default::default() };
    let mark = MarkRequest { account_id: account_id.clone(), ..Default::default() };
    for refused in [
        client.list_ribbons(by(BO, list)).await.unwrap_err(),
        client.get_counts(by(BO, GetCountsRequest { account_id: account_id.clone() })).await.unwrap_err(),
        client.mark(by(BO, mark)).await.unwrap_err(),
        client.watch(by(BO, WatchRequest { account_id, ..Default::default() })).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    }
    for mut stream in streams {
        let end = timeout(SOON, stream.message()).await.unwrap().unwrap_err();
        assert_eq!(end.code(), Code::PermissionDenied);
    }
    assert_eq!(rows(&db, "members").await, 4, "they are not even removed yet");
    running.stop().await;
    replica.stop().await;
}

async fn what_is_queued_is_not_sent_any_more(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    let mut running = Running::to(&db, &sink).await;
    // One was claimed by a process that died, so that its lease ends.
    tell(&running, ACCOUNT).await;
    let storage = running.notifier.storage();
    assert_eq!(storage.claim(1, Duration::from_secs(1), running.clock.now_us()).await.unwrap().len(), 1);
    running.take(&erased()).await;
    running.take(&of(OTHER, about("submitted", 1, 0, vec![approver(ZOE)]))).await;
    running.clock.advance(Duration::from_mins(1));
    running.deliver();
    sink.wait_for_messages(1).await;
    wait_for("the only mail settled", SOON, async || {
        let backlog = running.notifier.storage().backlog().await.unwrap();
        (backlog.queued == 3 && backlog.sending == 1).then_some(())
    })
    .await;
    erase_all(&running, 100).await;
    assert_eq!(running.notifier.storage().backlog().await.unwrap(), Backlog::default());
    running.take(&of(OTHER, about("submitted", 2, 1, vec![approver(LENA)]))).await;
    sink.wait_for_messages(2).await;
    let to: Vec<_> = sink.messages().iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(to, [[address(ZOE)], [address(LENA)]]);
    running.stop().await;
}

async fn everything_but_ids_goes_and_no_other_account(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(LENA), Fault::RefuseRecipient(550));
    let mut running = Running::gathering(&db, smtp(&sink), Duration::from_mins(15)).await;
    tell(&running, ACCOUNT).await;
    mark_all(&running).await;
    // Sent, given up, claimed and waiting: every state of a delivery is there.
    running.deliver();
    let done = Backlog { failed: 1, ..Backlog::default() };
    wait_for("every mail sent or given up", SOON, async || {
        (running.notifier.storage().backlog().await.unwrap() == done).then_some(())
    })
    .await;
    running.crash().await;
    running.take(&about("submitted", 2, 2, vec![approver(ADA), approver(BO)])).await;
    mark_all(&running).await;
    running.take(&about("approval_recorded", 2, 3, Vec::new())).await;
    let storage = running.notifier.storage();
    let claimed = storage.claim(1, Duration::from_secs(9), running.clock.now_us()).await.unwrap();
    assert_eq!(claimed.len(), 1);
    tell_the_rest(&running, ACCOUNT).await;
    let mine = everything(&db).await;
    assert!(mine.iter().all(|rows| *rows > 0), "{mine:?}");
    tell(&running, OTHER).await;
    let both = everything(&db).await;
    let others: Vec<i64> = both.iter().zip(&mine).map(|(both, mine)| both - mine).collect();
    let events = rows(&db, "events").await;

    running.take(&erased()).await;
    assert!(erase_all(&running, 2).await > 1, "in several steps");
    assert_eq!(everything(&db).await, others);
    assert_eq!(rows(&db, "events").await, events + 1, "ids stay");
    assert_eq!(rows(&db, "events WHERE data IS NOT NULL").await, 3, "and what they said does not");
    assert_eq!(rows(&db, "erasures WHERE finished_at IS NOT NULL").await, 1);
    // A worker that had a mail under way finds nothing to settle.
    let outcome = Outcome::Sent;
    let claim = Arc::new(claimed[0].clone());
    let settled = Settled { claim, outcome };
    running.notifier.storage().settle(&[settled], running.clock.now_us()).await.unwrap();
    assert_eq!(everything(&db).await, others);
    let access = running.notifier.storage().access(OTHER, ADA).await.unwrap();
    assert_eq!(access, Some(support::everything()));
    running.stop().await;
}

/// Proves NOT-11 and NOT-12 for an account that is gone: late, again, or never heard of before.
async fn late_events_bring_nothing_back(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let nothing = vec![0; TABLES.len()];
    let gone = erased();
    // The erasure may be the first that is heard of the account, and its own copies change nothing.
    for first in [true, false] {
        running.take(&gone).await;
        if first {
            tell(&running, ACCOUNT).await;
        }
        erase_all(&running, 100).await;
        assert_eq!(everything(&db).await, nothing, "nothing was kept in the first place");
    }
    let newer = access_event(99, vec![may_all(ADA)]);
    let late = ["bypassed", "closed"].map(|what| review(what, 60, vec![reviewer(ADA)]));
    for event in story().into_iter().chain(late).chain([
        newer,
        about("reminded", 7, 69, vec![approver(ADA)]),
        about("approved", 7, 70, vec![submitter(LENA)]),
        erased(),
    ]) {
        running.take(&event).await;
        running.take(&event).await;
    }
    assert_eq!(everything(&db).await, nothing);
    assert_eq!(rows(&db, "events WHERE data IS NOT NULL").await, 0);
    assert_eq!(running.notifier.storage().access(ACCOUNT, ADA).await.unwrap(), None);
    let change = |preferences| Preferences { comments_mail: false, ..preferences };
    let changed = running.notifier.storage().change_preferences(ACCOUNT, ADA, None, change, NOON).await;
    assert_eq!(changed.unwrap(), Changed::Gone);
    assert_eq!(everything(&db).await, nothing);
    // Also when the ids are long gone.
    running.clock.advance(Duration::from_hours(31 * 24));
    let old = rows(&db, "events").await;
    let purged = running.notifier.storage().purge(running.clock.now_us(), 100).await.unwrap();
    assert_eq!(i64::try_from(purged).unwrap(), old);
    tell(&running, ACCOUNT).await;
    assert_eq!(everything(&db).await, nothing);
    running.stop().await;
}

/// What was interrupted is taken up, also when more of the account's events came meanwhile.
async fn a_crash_in_between_resumes(db: TestDatabase) {
    let before = Running::silent(&db).await;
    tell(&before, ACCOUNT).await;
    mark_all(&before).await;
    before.take(&erased()).await;
    let removed = before.notifier.storage().erase(1, 0).await.unwrap();
    assert_eq!(removed, Some(7), "a row of each table that has any");
    assert!(everything(&db).await.iter().sum::<i64>() > 0);
    before.stop().await;

    let after = Running::silent(&db).await;
    tell(&after, ACCOUNT).await;
    after.take(&about("submitted", 3, 5, vec![approver(ADA)])).await;
    let purging = tokio::spawn(after.notifier.purge(after.stop.clone()));
    wait_for("the rest removed", SOON, async || {
        (rows(&db, "erasures WHERE finished_at IS NULL").await == 0).then_some(())
    })
    .await;
    assert_eq!(everything(&db).await, [0; TABLES.len()]);
    assert_eq!(rows(&db, "events WHERE data IS NOT NULL").await, 0);
    after.stop.cancel();
    purging.await.unwrap();
    after.stop().await;
}

/// Nobody is waited for, and nothing that was passed over is forgotten. `SQLite` has one writer, who holds nothing back.
async fn a_step_passes_over_what_others_hold(db: TestDatabase) {
    let running = Running::silent(&db).await;
    tell(&running, ACCOUNT).await;
    running.take(&erased()).await;
    if db.is_postgres() {
        let holder = sea_orm::Database::connect(db.url()).await.unwrap();
        let held = holder.begin().await.unwrap();
        held.execute_unprepared("SELECT 1 FROM deliveries FOR UPDATE").await.unwrap();
        held.execute_unprepared("SELECT 1 FROM members FOR UPDATE").await.unwrap();
        let storage = running.notifier.storage();
        assert!(storage.erase(100, 0).await.unwrap().unwrap() > 0);
        assert_eq!(storage.erase(100, 0).await.unwrap(), Some(0));
        assert_eq!(rows(&db, "erasures WHERE finished_at IS NULL").await, 1, "it is not done");
        assert_eq!((rows(&db, "deliveries").await, rows(&db, "members").await), (4, 4));
        held.rollback().await.unwrap();
        holder.close().await.unwrap();
    }
    erase_all(&running, 100).await;
    assert_eq!(everything(&db).await, [0; TABLES.len()]);
    running.stop().await;
}

/// Whoever comes first, an event that is taken while the account is erased leaves nothing.
async fn events_at_the_same_time_leave_nothing(db: TestDatabase) {
    let (one, two) = (Running::silent(&db).await, Running::silent(&db).await);
    for round in 1..=20 {
        let account_id = Uuid::from_u128(0xacc0_0000 + round);
        let all = async {
            for event in story() {
                two.take(&of(account_id, event)).await;
            }
        };
        let gone = of(account_id, erased());
        let erasing = async {
            tokio::time::sleep(Duration::from_millis(u64::try_from(round % 7).unwrap())).await;
            one.take(&gone).await;
            erase_all(&one, 100).await;
        };
        tokio::join!(all, erasing);
        assert_eq!(everything(&db).await, [0; TABLES.len()], "round {round}");
        assert_eq!(rows(&db, "events WHERE data IS NOT NULL").await, 0);
    }
    one.stop().await;
    two.stop().await;
}

/// An erasure that overtook an event in the middle of its transaction would not find what that leaves. `SQLite` has one
/// writer, so that there is no middle.
async fn an_erasure_waits_for_what_is_being_taken(db: TestDatabase) {
    let running = Arc::new(Running::silent(&db).await);
    tell(&running, ACCOUNT).await;
    if db.is_postgres() {
        let holder = sea_orm::Database::connect(db.url()).await.unwrap();
        let held = holder.begin().await.unwrap();
        held.execute_unprepared("SELECT 1 FROM ribbon_cursors FOR UPDATE").await.unwrap();
        let one = Arc::clone(&running);
        let taking = tokio::spawn(async move {
            one.take(&about("submitted", 2, 2, vec![approver(ADA)])).await;
        });
        let blocked = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_for("the event in the middle", SOON, async || (rows(&db, blocked).await == 1).then_some(()))
            .await;
        let one = Arc::clone(&running);
        let erasing = tokio::spawn(async move { one.take(&erased()).await });
        wait_for("the erasure behind it", SOON, async || {
            assert!(!erasing.is_finished(), "it overtook the event");
            (rows(&db, blocked).await == 2).then_some(())
        })
        .await;
        timeout(SOON, running.take(&of(OTHER, erased()))).await.unwrap();
        held.rollback().await.unwrap();
        holder.close().await.unwrap();
        taking.await.unwrap();
        erasing.await.unwrap();
    } else {
        running.take(&erased()).await;
    }
    erase_all(&running, 100).await;
    assert_eq!(everything(&db).await, [0; TABLES.len()]);
    assert_eq!(rows(&db, "events WHERE data IS NOT NULL").await, 0);
    Arc::into_inner(running).unwrap().stop().await;
}

/// Not only with the next look, which may be minutes away.
async fn the_loop_erases_when_it_is_told(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let purging = tokio::spawn(running.notifier.purge(running.stop.clone()));
    // After its first look.
    tokio::time::sleep(Duration::from_millis(300)).await;
    tell(&running, ACCOUNT).await;
    running.take(&erased()).await;
    wait_for("all of it removed", SOON, async || (everything(&db).await == [0; TABLES.len()]).then_some(()))
        .await;
    running.stop.cancel();
    purging.await.unwrap();
    running.stop().await;
}
