//! Emergency bypasses and their reviews, and approvers who change: written whole or not at all.

use countersign_domain::{
    ActorRef, Area, Kind, Policy, Resource, RulesWrite, SystemRole, policy::Cancellation,
};
use countersign_store::{About, Committed, PolicyRevision, Snapshot};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::ConnectionTrait;

use crate::support::*;

both_databases! {
    one_bypass_at_a_time,
    a_review_is_closed_once,
    other_approvers_replace_the_chosen,
    policies_have_a_history,
}

impl World {
    async fn ab_test(&self) -> Resource {
        let resource = Resource { kind: Kind::AB_TEST, ..campaign(&self.account, &self.admin) };
        self.done(registration(&resource)).await;
        resource
    }

    async fn about_a_bypass(&self, resource: &Resource) -> Snapshot {
        let about = About::Bypass(resource.id);
        let (account, admin) = (self.account.id, self.admin.id);
        self.store.snapshot(account, Some(admin), &about, &[], None).await.unwrap().unwrap()
    }
}

/// Proves POL-8: who has bypassed can't again before that is reviewed, whatever the code does.
async fn one_bypass_at_a_time(db: TestDatabase) {
    let mut world = World::new(db).await;
    let other = world.joined(member(&world.account, SystemRole::Admin)).await;
    let (first, second, third) = (world.ab_test().await, world.ab_test().await, world.ab_test().await);
    assert_eq!(world.about_a_bypass(&first).await.review, None);
    let (bypassed, review) = bypass(&first, &world.admin);
    world.done(bypassed.clone()).await;
    let snapshot = world.about_a_bypass(&second).await;
    assert_eq!(snapshot.review.as_deref(), Some(&review));
    assert_eq!(snapshot.resource.map(|it| (it.id, it.version)), Some((second.id, 1)));

    // Both decided before either was written, by the same Admin on two resources: one is written.
    let commit = world.commit(bypass(&second, &world.admin).0);
    assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Conflict);
    assert_eq!(world.resource(second.id).await.version, 1);
    // Another Admin may.
    let (theirs, other_review) = bypass(&third, &other);
    world.done(theirs).await;
    let list = async |open| {
        let page = world.store.list_reviews(world.account.id, &Area::BUILT_IN, open, None, 10).await.unwrap();
        page.items.into_iter().map(|(review, _)| review.id).collect::<Vec<_>>()
    };
    assert_eq!(list(true).await, [other_review.id, review.id]);

    world.done(reviewed(&bypassed.resource, &review, &other)).await;
    assert_eq!(world.about_a_bypass(&second).await.review, None);
    assert_eq!(list(true).await, [other_review.id]);
    assert_eq!(list(false).await, [other_review.id, review.id]);
    let page = world.store.list_reviews(world.account.id, &Area::BUILT_IN, false, None, 1).await.unwrap();
    assert!(page.more);
    let rest = world
        .store
        .list_reviews(world.account.id, &Area::BUILT_IN, false, Some(other_review.id), 1)
        .await
        .unwrap();
    assert_eq!((rest.items[0].0.id, rest.more), (review.id, false));
    world.done(bypass(&second, &world.admin).0).await;
}

/// Proves POL-8: of two who close a review one does, and is in history.
async fn a_review_is_closed_once(db: TestDatabase) {
    let mut world = World::new(db).await;
    let first = world.joined(member(&world.account, SystemRole::Admin)).await;
    let second = world.joined(member(&world.account, SystemRole::Approver)).await;
    let resource = world.ab_test().await;
    let (bypassed, review) = bypass(&resource, &world.admin);
    world.done(bypassed.clone()).await;
    let closing = reviewed(&bypassed.resource, &review, &first);
    world.done(closing.clone()).await;
    // The resource's version stops the second, and where that fits the review does.
    let late = world.commit(reviewed(&bypassed.resource, &review, &second));
    assert_eq!(world.store.commit(late).await.unwrap(), Committed::Conflict);
    let forced = world.commit(reviewed(&closing.resource, &review, &second));
    assert!(!matches!(world.store.commit(forced).await, Ok(Committed::Done)));
    let read = world.snapshot(&About::Review(review.id)).await;
    assert_eq!(read.review.unwrap().closed.unwrap().by, actor(&first));
    assert_eq!(read.resource.unwrap(), closing.resource);
    assert!(read.directory.get(world.admin.id).is_some(), "who bypassed is known");
}

async fn other_approvers_replace_the_chosen(db: TestDatabase) {
    let mut world = World::new(db).await;
    let mut approvers = vec![];
    for _ in 0..3 {
        approvers.push(world.joined(member(&world.account, SystemRole::Approver)).await);
    }
    let [one, two, three] = approvers.as_slice() else { unreachable!() };
    let (resource, request) = world.submitted_to(&[one, two]).await;
    let open = "SELECT count(*) FROM request_approvers WHERE open";
    let raw = world.raw().await;
    assert_eq!(number(&raw, open).await, 2);

    let outcome = reassignment(&resource, &request, &[three, two]);
    world.done(outcome.clone()).await;
    let read = world.snapshot(&About::Request(request.id)).await.request.unwrap();
    assert_eq!(
        read.assigned().collect::<Vec<_>>(),
        [three.id, two.id],
        "in the order in which they were chosen"
    );
    assert_eq!(read, *outcome.request.as_ref().unwrap().request());
    // Decided on what was before: nothing of it is written.
    let late = world.commit(reassignment(&resource, &request, &[one]));
    assert_eq!(world.store.commit(late).await.unwrap(), Committed::Conflict);
    assert_eq!(world.snapshot(&About::Request(request.id)).await.request.unwrap(), read);

    // To everybody, and back to one.
    let everybody = reassignment(&outcome.resource, &read, &[]);
    world.done(everybody.clone()).await;
    let read = world.snapshot(&About::Request(request.id)).await.request.unwrap();
    assert!(!read.has_chosen_approvers());
    assert_eq!(number(&raw, "SELECT count(*) FROM request_approvers").await, 0);
    let back = reassignment(&everybody.resource, &read, &[one]);
    world.done(back.clone()).await;
    let read = world.snapshot(&About::Request(request.id)).await.request.unwrap();
    assert_eq!(read.assigned().collect::<Vec<_>>(), [one.id]);

    world.done(approval(&back.resource, &read, one)).await;
    assert_eq!(number(&raw, open).await, 0, "nobody is asked any more");
    let read = world.snapshot(&About::Request(request.id)).await.request.unwrap();
    assert_eq!(
        read.assignments,
        [countersign_domain::Assignment::new(one.id)],
        "who was asked is still known"
    );
}

/// Proves POL-7, HIS-2: what a policy was stays, and who changed it.
async fn policies_have_a_history(db: TestDatabase) {
    let mut world = World::new(db).await;
    let by = actor(&world.admin);
    let mut revisions = vec![];
    for version in 1..=3 {
        let policy = Policy {
            version,
            enabled: version % 2 == 1,
            required_approvals: 2,
            cancellation: Cancellation::Nobody,
            reminder_after: Some(std::time::Duration::from_hours(3)),
            request_max_age: Some(std::time::Duration::from_hours(30)),
            updated_at: Some(after(version)),
            ..Policy::default_of(Area::CAMPAIGNS)
        };
        let by = if version == 2 { ActorRef::countersign() } else { by.clone() };
        world
            .changed(vec![
                RulesWrite::Policy(policy.clone()),
                RulesWrite::RecordPolicy(policy.clone(), by.clone()),
            ])
            .await;
        revisions.insert(0, PolicyRevision { policy, by });
    }
    let account = world.account.id;
    let page = world.store.list_policy_revisions(account, &Area::CAMPAIGNS, None, 2).await.unwrap();
    assert_eq!((page.items.as_slice(), page.more), (&revisions[..2], true));
    let page = world.store.list_policy_revisions(account, &Area::CAMPAIGNS, Some(2), 2).await.unwrap();
    assert_eq!((page.items.as_slice(), page.more), (&revisions[2..], false));
    let none = world.store.list_policy_revisions(account, &Area::PRODUCT_EXPERIENCES, None, 2).await.unwrap();
    assert!(none.items.is_empty());
    let raw = world.raw().await;
    for change in ["UPDATE policy_revisions SET enabled = false", "DELETE FROM policy_revisions"] {
        let refused = raw.execute_unprepared(change).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
}
