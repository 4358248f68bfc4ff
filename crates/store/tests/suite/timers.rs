//! What is due is claimed, by one at a time, the longest overdue first, and only while it is due.

use std::{collections::BTreeSet, time::Duration};

use countersign_domain::{RequestState, RequestWrite, Resource, ResourceId, Schedule, State, Timestamp};
use countersign_domain::{
    history::HistoryEvent,
    request::{Ending, ExpiryReason},
};
use countersign_store::Due;
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    what_is_due_is_found,
    a_claim_keeps_others_away_until_it_runs_out,
    two_replicas_share_what_is_due,
    a_reminder_is_due_once,
}

const LEASE: Duration = Duration::from_secs(10);

impl World {
    async fn pending(&self, deadline: Option<Timestamp>) -> (Resource, countersign_domain::Request) {
        let resource = self.registered().await;
        let mut request = request(&resource, &self.admin);
        request.deadline = deadline;
        let outcome = submission_of(&resource, request.clone());
        self.done(outcome.clone()).await;
        (outcome.resource, request)
    }

    fn due(&self, resource: &Resource) -> Due {
        Due { account_id: self.account.id, resource_id: resource.id }
    }

    /// What is due at that time, whoever has claimed it before.
    async fn all_due(&self, at: Timestamp, limit: u32) -> Vec<Due> {
        let due = self.store.claim_due(at, LEASE, limit).await.unwrap();
        self.store.release_due(&due, at.plus(LEASE)).await.unwrap();
        due
    }
}

async fn what_is_due_is_found(db: TestDatabase) {
    let world = World::new(db).await;
    // A draft has no timer, a scheduled campaign its start, a pending request its deadline.
    world.registered().await;
    let mut scheduled = campaign(&world.account, &world.admin);
    scheduled.state = State::SCHEDULED;
    scheduled.schedule = Schedule { start: Some(after(20)), end: None };
    world.done(registration(&scheduled)).await;
    let (resource, request) = world.pending(Some(after(10))).await;
    world.pending(None).await;

    let (start, deadline) = (world.due(&scheduled), world.due(&resource));
    assert_eq!(world.all_due(after(9), 10).await, []);
    assert_eq!(world.all_due(after(10), 10).await, [deadline]);
    assert_eq!(world.all_due(after(20), 10).await, [deadline, start]);
    assert_eq!(world.all_due(after(20), 1).await, [deadline]);

    let mut approved = approval(&resource, &request, &world.admin);
    approved.resource.schedule = Schedule::default();
    approved.resource.state = State::DRAFT;
    world.done(approved).await;
    let mut started = edit(&scheduled, "started");
    started.resource.state = State::RUNNING;
    world.done(started).await;
    assert_eq!(world.all_due(after(1_000_000), 10).await, []);
}

async fn a_claim_keeps_others_away_until_it_runs_out(db: TestDatabase) {
    let world = World::new(db).await;
    let (first, _) = world.pending(Some(after(1))).await;
    let (second, _) = world.pending(Some(after(2))).await;
    let (first, second) = (world.due(&first), world.due(&second));
    let claim = async |at| world.store.claim_due(at, LEASE, 1).await.unwrap();
    assert_eq!(claim(after(5)).await, [first]);
    // The next one takes the next, and the one after finds nothing, until the first claim has run out.
    assert_eq!(claim(after(6)).await, [second]);
    assert_eq!(claim(after(7)).await, []);
    assert_eq!(claim(after(14)).await, []);
    assert_eq!(claim(after(15)).await, [first]);
    // Given back, it is there again at once; what somebody claimed anew since is not.
    world.store.release_due(&[first], after(15)).await.unwrap();
    assert_eq!(claim(after(15)).await, []);
    world.store.release_due(&[first], after(25)).await.unwrap();
    assert_eq!(claim(after(15)).await, [first]);
    // What is left over goes once it has run out.
    world.store.forget_claims(after(20)).await.unwrap();
    let raw = world.raw().await;
    assert_eq!(number(&raw, "SELECT count(*) FROM timer_claims").await, 1);
    world.store.forget_claims(after(1_000)).await.unwrap();
    assert_eq!(number(&raw, "SELECT count(*) FROM timer_claims").await, 0);
}

async fn two_replicas_share_what_is_due(db: TestDatabase) {
    let world = World::new(db).await;
    let mut expected = BTreeSet::new();
    for seconds in 0..60 {
        expected.insert(world.pending(Some(after(seconds))).await.0.id);
    }
    let other = connect(&world.db).await;
    let take_all = async |store: &countersign_store::Store| {
        let mut taken: Vec<ResourceId> = vec![];
        loop {
            let due = store.claim_due(after(100), LEASE, 7).await.unwrap();
            if due.is_empty() {
                return taken;
            }
            taken.extend(due.into_iter().map(|due| due.resource_id));
        }
    };
    let (mine, others) = tokio::join!(take_all(&world.store), take_all(&other));
    let all: Vec<ResourceId> = mine.into_iter().chain(others).collect();
    assert_eq!(all.len(), expected.len(), "something was claimed twice, or not at all");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// Proves NOT-8 as far as the store goes: a reminder that was sent is not due any more, and changes nothing that a decision is
/// about.
async fn a_reminder_is_due_once(db: TestDatabase) {
    let world = World::new(db).await;
    let resource = world.registered().await;
    let mut request = request(&resource, &world.admin);
    (request.deadline, request.remind_at) = (Some(after(50)), Some(after(10)));
    let outcome = submission_of(&resource, request.clone());
    world.done(outcome.clone()).await;
    let due = world.due(&resource);
    assert_eq!(world.all_due(after(9), 10).await, []);
    assert_eq!(world.all_due(after(10), 10).await, [due]);

    let sent = countersign_domain::Request { remind_at: None, comments: 3, ..request.clone() };
    let reminded =
        told(&outcome.resource, &request, HistoryEvent::Reminded, RequestWrite::Noted(sent.clone()));
    world.done(reminded.clone()).await;
    assert_eq!(world.all_due(after(49), 10).await, []);
    assert_eq!(world.resource_and_request(resource.id).await, (reminded.resource.clone(), sent.clone()));

    // Both come due together once: the resource is claimed once.
    assert_eq!(world.all_due(after(50), 10).await, [due]);
    let ending =
        Ending { by: countersign_domain::ActorRef::countersign(), at: after(50), note: String::new() };
    let state = RequestState::Expired { ending, reason: ExpiryReason::Deadline };
    world.done(ended(&reminded.resource, &sent, state)).await;
    assert_eq!(world.all_due(after(100), 10).await, []);
}

impl World {
    async fn resource_and_request(&self, id: ResourceId) -> (Resource, countersign_domain::Request) {
        let snapshot = self.snapshot(&countersign_store::About::Resource(id)).await;
        (snapshot.resource.unwrap(), snapshot.request.unwrap())
    }
}
