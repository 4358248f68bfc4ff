//! NOT-12: whatever the order in which events arrive, the same ribbons are left.

use countersign_broker::Event;
use countersign_notifier::storage::{Counts, Filter, Mark};
use countersign_proto::inbox::RibbonKind::{self, Awaiting, Decide, Result as Told, Review};
use countersign_testkit::{TestDatabase, both_databases};
use uuid::Uuid;

use crate::support::{
    ADA, BO, LENA, REVIEW, Running, ZOE, about, approver, everything, recipient, request, review, reviewer,
    submitter,
};
use countersign_proto::event::{self, Recipient, RecipientReason, RecipientRibbon};
use countersign_proto::json;

both_databases! {
    every_order_of_arrival_leaves_the_same_ribbons,
    events_that_arrive_at_once_leave_the_same_ribbons,
    a_stale_submission_asks_nobody,
    one_of_several_approvals_asks_that_approver_no_more,
    everybody_else_sees_that_it_awaits_approval,
    marks_are_each_viewers_own,
    a_new_request_shows_again_what_was_dismissed,
    every_end_takes_the_decision_away,
    a_reassignment_asks_others,
    a_comment_and_a_reminder_change_no_ribbon,
    a_review_is_shown_beside_a_request,
    a_review_is_shown_to_who_can_close_it,
}

/// What each viewer sees in the end.
type Seen = Vec<(Uuid, Vec<(RibbonKind, Uuid)>)>;

/// Stories, as events in their order, and what is left of them.
fn life() -> [(&'static str, Vec<Event>, Seen); 12] {
    let submitted =
        |number, sequence| about("submitted", number, sequence, vec![approver(ADA), approver(BO)]);
    let recorded = about("approval_recorded", 1, 1, Vec::new());
    let approved = about("approved", 1, 2, vec![submitter(LENA)]);
    let rejected = about("rejected", 2, 4, vec![submitter(LENA)]);
    let asked_three = about("submitted", 1, 0, vec![approver(ADA), approver(BO), approver(ZOE)]);
    let lost = about("assignment_expired", 1, 1, vec![told_by_mail(LENA)]);
    let expired = about("expired", 1, 2, vec![submitter(LENA)]);
    [
        (
            "two of three lost the right to decide",
            vec![asked_three.clone(), lost.clone()],
            vec![
                (ADA, vec![(Awaiting, request(1))]),
                (BO, vec![(Awaiting, request(1))]),
                (ZOE, vec![(Decide, request(1))]),
                (LENA, vec![(Awaiting, request(1))]),
            ],
        ),
        (
            "two of three lost the right to decide, then it expired, then another was asked of all",
            vec![asked_three, lost, expired, submitted(2, 3)],
            vec![
                (ADA, vec![(Decide, request(2))]),
                (BO, vec![(Decide, request(2))]),
                (ZOE, vec![(Awaiting, request(2))]),
            ],
        ),
        (
            "approved by two, then submitted again",
            vec![submitted(1, 0), recorded.clone(), approved.clone(), submitted(2, 3)],
            vec![
                (ADA, vec![(Decide, request(2))]),
                (BO, vec![(Decide, request(2))]),
                (LENA, vec![(Awaiting, request(2))]),
                (ZOE, vec![(Awaiting, request(2))]),
            ],
        ),
        (
            "approved by one of two",
            vec![submitted(1, 0), recorded.clone()],
            vec![
                (ADA, vec![(Awaiting, request(1))]),
                (BO, vec![(Decide, request(1))]),
                (LENA, vec![(Awaiting, request(1))]),
            ],
        ),
        (
            "approved by two, submitted again, rejected",
            vec![submitted(1, 0), recorded, approved, submitted(2, 3), rejected],
            vec![(ADA, vec![]), (BO, vec![]), (LENA, vec![(Told, request(2))]), (ZOE, vec![])],
        ),
        (
            "given to others, of whom one approved",
            vec![
                submitted(1, 0),
                about("reassigned", 1, 1, vec![approver(ADA), approver(ZOE)]),
                about("approval_recorded", 1, 2, Vec::new()),
            ],
            vec![
                (ADA, vec![(Awaiting, request(1))]),
                (BO, vec![(Awaiting, request(1))]),
                (ZOE, vec![(Decide, request(1))]),
            ],
        ),
        (
            "one approved, then given to others, then approved",
            vec![
                submitted(1, 0),
                about("approval_recorded", 1, 1, Vec::new()),
                about("reassigned", 1, 2, vec![approver(ZOE)]),
                about("approved", 1, 4, vec![submitter(LENA)]),
            ],
            vec![(ADA, vec![]), (BO, vec![]), (ZOE, vec![]), (LENA, vec![(Told, request(1))])],
        ),
        (
            "bypassed after a rejection, and submitted again",
            vec![
                submitted(1, 0),
                about("rejected", 1, 1, vec![submitter(LENA)]),
                review("bypassed", 2, vec![reviewer(ADA), reviewer(ZOE)]),
                submitted(2, 3),
            ],
            vec![
                (ADA, vec![(Decide, request(2)), (Review, Uuid::nil())]),
                (BO, vec![(Decide, request(2))]),
                (ZOE, vec![(Awaiting, request(2)), (Review, Uuid::nil())]),
                (LENA, vec![(Awaiting, request(2))]),
            ],
        ),
        (
            "bypassed after a rejection, reviewed, and submitted again",
            vec![
                about("rejected", 1, 1, vec![submitter(LENA)]),
                review("bypassed", 2, vec![reviewer(ADA), reviewer(ZOE)]),
                review("closed", 3, Vec::new()),
                submitted(2, 4),
            ],
            vec![
                (ADA, vec![(Decide, request(2))]),
                (ZOE, vec![(Awaiting, request(2))]),
                (LENA, vec![(Awaiting, request(2))]),
            ],
        ),
        (
            "submitted to more than one event names, of whom one approved",
            vec![
                about("submitted", 1, 0, vec![approver(BO)]),
                more(&about("submitted", 1, 0, Vec::new()), &[approver(ADA)]),
                more(&about("submitted", 1, 0, Vec::new()), &[approver(ZOE)]),
                about("approval_recorded", 1, 1, Vec::new()),
            ],
            vec![
                (ADA, vec![(Awaiting, request(1))]),
                (BO, vec![(Decide, request(1))]),
                (ZOE, vec![(Decide, request(1))]),
                (LENA, vec![(Awaiting, request(1))]),
            ],
        ),
        (
            "given to more than one event names, some of whom were asked before",
            vec![
                submitted(1, 0),
                about("reassigned", 1, 1, vec![approver(BO)]),
                more(&about("reassigned", 1, 1, Vec::new()), &[approver(ADA)]),
                more(&about("reassigned", 1, 1, Vec::new()), &[approver(ZOE)]),
            ],
            vec![
                (ADA, vec![(Decide, request(1))]),
                (BO, vec![(Decide, request(1))]),
                (ZOE, vec![(Decide, request(1))]),
                (LENA, vec![(Awaiting, request(1))]),
            ],
        ),
        (
            "told to more than one event names, and submitted again",
            vec![
                submitted(1, 0),
                about("rejected", 1, 1, vec![submitter(LENA)]),
                more(&about("rejected", 1, 1, Vec::new()), &[submitter(ZOE)]),
                about("submitted", 2, 2, vec![approver(ADA)]),
                more(&about("submitted", 2, 2, Vec::new()), &[approver(BO)]),
            ],
            vec![
                (ADA, vec![(Decide, request(2))]),
                (BO, vec![(Decide, request(2))]),
                (ZOE, vec![(Awaiting, request(2))]),
                (LENA, vec![(Awaiting, request(2))]),
            ],
        ),
    ]
}

/// Further recipients of `event`.
fn more(event: &Event, recipients: &[Recipient]) -> Event {
    let mut more = event.clone();
    let first: Uuid = recipients[0].member_id.parse().unwrap();
    more.id = Uuid::from_u128(event.id.as_u128() ^ (first.as_u128() << 40));
    more.data["continues"] = event.event_type.clone().into();
    more.event_type = "countersign.recipients.continued.v1".to_owned();
    let recipients = event::Event { recipients: recipients.to_vec(), ..Default::default() };
    more.data["recipients"] = json::to_value(&recipients).unwrap()["recipients"].clone();
    more
}

fn told_by_mail(member: Uuid) -> Recipient {
    recipient(member, RecipientReason::Submitter, RecipientRibbon::Unspecified)
}

fn permutations(events: &[Event]) -> Vec<Vec<Event>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    (0..events.len())
        .flat_map(|first| {
            let mut rest = events.to_vec();
            let event = rest.remove(first);
            permutations(&rest).into_iter().map(move |mut tail| {
                tail.insert(0, event.clone());
                tail
            })
        })
        .collect()
}

/// The same event on another resource and with another id, so that one database serves every permutation.
fn moved(event: &Event, to: Uuid) -> Event {
    let mut event = event.clone();
    event.id = Uuid::from_u128(event.id.as_u128() ^ (to.as_u128() << 80));
    let payload = if event.data.get("bypass").is_some() { "bypass" } else { "request" };
    event.data[payload]["resource"]["resourceId"] = to.to_string().into();
    if payload == "bypass" {
        event.data[payload]["reviewId"] = to.to_string().into();
    }
    event
}

/// Proves NOT-9 and NOT-12: 2 + 24 + 24 + 2 + 120 + 6 + 24 + 24 + 24 + 24 + 24 + 120 orders of arrival, each with every event delivered
/// twice.
async fn every_order_of_arrival_leaves_the_same_ribbons(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let mut resource = 0;
    for (story, events, expected) in life() {
        for order in permutations(&events) {
            resource += 1;
            let resource = Uuid::from_u128(resource);
            for event in order.iter().chain(order.iter().rev()) {
                running.take(&moved(event, resource)).await;
            }
            assert_ribbons(&running, resource, &expected, &format!("{story}, as {order:?}")).await;
        }
    }
    running.stop().await;
}

/// Proves NOT-12: the order in which concurrent transactions commit does not matter either.
async fn events_that_arrive_at_once_leave_the_same_ribbons(db: TestDatabase) {
    let running = Running::silent(&db).await;
    for round in 1..=30_u128 {
        for (index, (story, events, expected)) in (1..).zip(life()) {
            let resource = Uuid::from_u128(round * 100 + index);
            let handler = running.notifier.handler();
            let mut tasks = tokio::task::JoinSet::new();
            for event in &events {
                let (handler, event) = (handler.clone(), moved(event, resource));
                tasks.spawn(async move { countersign_broker::Handler::handle(&*handler, event).await });
            }
            for verdict in tasks.join_all().await {
                assert_eq!(verdict, countersign_broker::Verdict::Done);
            }
            assert_ribbons(&running, resource, &expected, story).await;
        }
    }
    running.stop().await;
}

async fn assert_ribbons(running: &Running, resource: Uuid, expected: &Seen, story: &str) {
    let filter = Filter { resource_id: Some(resource), kind: None };
    for (viewer, expected) in expected {
        let seen = running.page(*viewer, &everything(), filter).await;
        let mut seen: Vec<_> =
            seen.iter().map(|r| (r.kind.try_into().unwrap(), r.approval_request_id)).collect();
        seen.sort_by_key(|(kind, _): &(RibbonKind, Uuid)| *kind as i32);
        assert_eq!(&seen, expected, "{viewer} after: {story}");
    }
}

/// Proves NOT-12.
async fn a_stale_submission_asks_nobody(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&about("approved", 1, 1, vec![submitter(LENA)])).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    assert_eq!(running.sees(ADA).await, []);
    assert_eq!(running.sees(LENA).await, [(Told, request(1))]);
    running.stop().await;
}

/// Proves NOT-12.
async fn one_of_several_approvals_asks_that_approver_no_more(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&about("approval_recorded", 1, 1, Vec::new())).await;
    assert_eq!(running.sees(ADA).await, []);
    running.take(&about("submitted", 1, 0, vec![approver(ADA), approver(BO)])).await;
    assert_eq!(running.sees(ADA).await, [(Awaiting, request(1))]);
    assert_eq!(running.sees(BO).await, [(Decide, request(1))]);
    running.stop().await;
}

/// Proves NOT-1, NOT-2 and NOT-12.
async fn everybody_else_sees_that_it_awaits_approval(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    let stranger = Uuid::from_u128(77);
    assert_eq!(running.sees(ADA).await, [(Decide, request(1))]);
    assert_eq!(running.sees(stranger).await, [(Awaiting, request(1))]);
    assert_eq!((running.counts(ADA).await.decide, running.counts(ADA).await.awaiting), (1, 0));
    assert_eq!((running.counts(stranger).await.decide, running.counts(stranger).await.awaiting), (0, 1));
    // Nothing crosses accounts.
    let other = running.notifier.storage().counts(Uuid::from_u128(0xbad), ADA, &everything()).await.unwrap();
    assert_eq!(other, Counts::default());
    running.stop().await;
}

/// Proves NOT-12.
async fn marks_are_each_viewers_own(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    let shared = running.ribbons(ZOE).await[0].ribbon_id;
    let adas = running.ribbons(ADA).await[0].ribbon_id;

    assert_eq!(running.mark(ZOE, &[shared, adas, Uuid::from_u128(1)], Mark::Seen).await, 1);
    assert_eq!(running.counts(ZOE).await.unseen, 0);
    assert_eq!(running.counts(LENA).await.unseen, 1, "only for Zoe");
    assert!(running.ribbons(ZOE).await[0].seen && !running.ribbons(LENA).await[0].seen);

    for _ in 0..2 {
        assert_eq!(running.mark(ZOE, &[shared], Mark::Dismissed).await, 1, "twice is harmless");
    }
    assert_eq!(running.sees(ZOE).await, []);
    assert_eq!(running.counts(ZOE).await, Counts::default());
    assert_eq!(running.mark(ZOE, &[shared], Mark::Seen).await, 1);
    assert_eq!(running.sees(ZOE).await, [], "dismissed stays dismissed");
    assert_eq!(running.sees(LENA).await, [(Awaiting, request(1))]);

    assert_eq!(running.mark(ADA, &[adas], Mark::Dismissed).await, 1);
    assert_eq!(running.sees(ADA).await, [], "who dismisses their own is not told what everybody is");
    assert_eq!(running.counts(ADA).await, Counts::default());
    running.stop().await;
}

/// Proves NOT-12.
async fn a_new_request_shows_again_what_was_dismissed(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    for viewer in [ADA, ZOE] {
        let ribbon = running.ribbons(viewer).await[0].ribbon_id;
        running.mark(viewer, &[ribbon], Mark::Dismissed).await;
    }
    running.take(&about("rejected", 1, 1, vec![submitter(LENA)])).await;
    running.take(&about("submitted", 2, 2, vec![approver(ADA)])).await;
    assert_eq!(running.sees(ADA).await, [(Decide, request(2))]);
    assert_eq!(running.sees(ZOE).await, [(Awaiting, request(2))]);
    assert_eq!(running.sees(LENA).await, [(Awaiting, request(2))], "the old result is gone");
    running.stop().await;
}

/// Proves NOT-3, NOT-4, NOT-5, NOT-6 and NOT-7, as far as ribbons go.
async fn every_end_takes_the_decision_away(db: TestDatabase) {
    let running = Running::silent(&db).await;
    for (number, end) in (1..).zip(["approved", "rejected", "cancelled", "expired", "reverted"]) {
        let sequence = i64::try_from(number).unwrap() * 2;
        running.take(&about("submitted", number, sequence, vec![approver(ADA)])).await;
        running.take(&about(end, number, sequence + 1, vec![submitter(LENA)])).await;
        assert_eq!(running.sees(ADA).await, [], "{end}");
        assert_eq!(running.sees(ZOE).await, [], "{end}");
        assert_eq!(running.sees(LENA).await, [(Told, request(number))], "{end}");
        assert_eq!(running.counts(LENA).await.results, 1, "{end}");
    }
    running.stop().await;
}

/// Proves NOT-12: whoever is asked no more sees what everybody sees, and it is still the submitter who asks.
async fn a_reassignment_asks_others(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA), approver(BO)])).await;
    let (bo, everybody) = (running.ribbons(BO).await, running.ribbons(LENA).await);
    running.mark(BO, &[bo[0].ribbon_id], Mark::Seen).await;
    running.mark(LENA, &[everybody[0].ribbon_id], Mark::Dismissed).await;
    running.take(&about("reassigned", 1, 1, vec![approver(BO), approver(ZOE)])).await;
    assert_eq!(running.sees(ADA).await, [(Awaiting, request(1))]);
    for asked in [BO, ZOE] {
        assert_eq!(running.sees(asked).await, [(Decide, request(1))]);
    }
    let ribbon = running.ribbons(ZOE).await.remove(0);
    assert_eq!(
        (ribbon.actor_name.as_str(), ribbon.note.as_str()),
        ("Lena Weber", "Please look at the discount.")
    );
    running.stop().await;
}

/// Proves NOT-8, as far as ribbons go: not even a mark is lost.
async fn a_comment_and_a_reminder_change_no_ribbon(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    let before = running.ribbons(ADA).await;
    running.mark(ADA, &[before[0].ribbon_id], Mark::Seen).await;
    for (sequence, what) in (1..).zip(["commented", "reminded"]) {
        running.take(&about(what, 1, sequence, vec![approver(ADA), approver(BO)])).await;
    }
    let after = running.ribbons(ADA).await;
    assert_eq!((after.len(), after[0].ribbon_id, after[0].seen), (1, before[0].ribbon_id, true));
    assert_eq!(running.sees(BO).await, [(Awaiting, request(1))]);
    running.stop().await;
}

/// Proves NOT-9.
async fn a_review_is_shown_beside_a_request(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&review("bypassed", 0, vec![reviewer(ADA), reviewer(ZOE)])).await;
    running.take(&about("submitted", 1, 1, vec![approver(ADA)])).await;
    let filter = Filter { kind: Some(Review), ..Filter::default() };
    let asked = running.page(ADA, &everything(), filter).await.remove(0);
    assert_eq!((asked.review_id, asked.approval_request_id, asked.request_state), (REVIEW, Uuid::nil(), 0));
    assert_eq!((asked.actor_name.as_str(), asked.note.as_str()), ("Bo Lindqvist", "The shop was down."));
    let counts = running.counts(ADA).await;
    assert_eq!((counts.decide, counts.reviews, counts.unseen), (1, 1, 2));
    let counts = running.counts(LENA).await;
    assert_eq!((counts.awaiting, counts.reviews), (1, 0), "who was not asked to review");
    // Each viewer's own, as all marks are; closed, it is gone for all.
    assert_eq!(running.mark(ADA, &[asked.ribbon_id], Mark::Dismissed).await, 1);
    assert_eq!((running.counts(ADA).await.reviews, running.counts(ZOE).await.reviews), (0, 1));
    running.take(&review("closed", 2, vec![submitter(BO)])).await;
    assert_eq!(running.counts(ZOE).await.reviews, 0);
    assert_eq!(running.sees(ADA).await, [(Decide, request(1))]);
    running.stop().await;
}

/// Proves NOT-9 and NOT-12: who lost the right to decide is not asked, told or counted, and has nothing to mark.
async fn a_review_is_shown_to_who_can_close_it(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&review("bypassed", 0, vec![reviewer(ADA)])).await;
    let ribbon_id = running.ribbons(ADA).await[0].ribbon_id;
    let mut reads = everything();
    reads.approvable_kinds.clear();
    for kind in [None, Some(Review)] {
        assert_eq!(running.page(ADA, &reads, Filter { kind, ..Filter::default() }).await, []);
    }
    let storage = running.notifier.storage();
    let account = crate::support::ACCOUNT;
    assert_eq!(storage.counts(account, ADA, &reads).await.unwrap(), Counts::default());
    assert_eq!(storage.mark(account, ADA, &reads, &[ribbon_id], Mark::Dismissed, 0).await.unwrap(), 0);
    assert_eq!(running.sees(ADA).await, [(Review, Uuid::nil())], "with the right back it is there again");
    running.stop().await;
}
