//! What is due is found, the longest overdue first, and only while it is.

use countersign_domain::{Schedule, State, Timestamp};
use countersign_store::Due;
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! { what_is_due_is_found }

async fn what_is_due_is_found(db: TestDatabase) {
    let world = World::new(db).await;
    // A draft has no timer, a scheduled campaign its start, a pending request its deadline.
    world.registered().await;
    let mut scheduled = campaign(&world.account, &world.admin);
    scheduled.state = State::SCHEDULED;
    scheduled.schedule = Schedule { start: Some(after(20)), end: None };
    world.done(registration(&scheduled)).await;
    let pending = async |deadline: Option<Timestamp>| {
        let resource = world.registered().await;
        let mut request = request(&resource, &world.admin);
        request.deadline = deadline;
        let outcome = submission_of(&resource, request.clone());
        world.done(outcome.clone()).await;
        (outcome.resource, request)
    };
    let (resource, request) = pending(Some(after(10))).await;
    pending(None).await;

    let start =
        Due { account_id: world.account.id, resource_id: scheduled.id, request_id: None, since: after(20) };
    let deadline = Due {
        account_id: world.account.id,
        resource_id: resource.id,
        request_id: Some(request.id),
        since: after(10),
    };
    assert_eq!(world.store.due(after(9), 10).await.unwrap(), []);
    assert_eq!(world.store.due(after(10), 10).await.unwrap(), [deadline]);
    assert_eq!(world.store.due(after(20), 10).await.unwrap(), [deadline, start]);
    assert_eq!(world.store.due(after(20), 1).await.unwrap(), [deadline]);

    let mut approved = approval(&resource, &request, &world.admin);
    approved.resource.schedule = Schedule::default();
    approved.resource.state = State::DRAFT;
    world.done(approved).await;
    let mut started = edit(&scheduled, "started");
    started.resource.state = State::RUNNING;
    world.done(started).await;
    assert_eq!(world.store.due(after(1_000_000), 10).await.unwrap(), []);
}
