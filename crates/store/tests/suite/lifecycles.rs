//! Lifecycles of an account's own are stored in all their versions, and read with the rules.

use countersign_domain::{
    Action, Area, Component, Kind, Lifecycle, PendingLabel, Policy, Resource, RulesWrite, Schedule, State,
    SystemRole,
    lifecycle::{EditRule, OWN, Registered, Target, Timed, TimedAt, Transition},
    timer,
};
use countersign_store::{About, AccountCreation, Committed};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::ConnectionTrait;

use crate::support::*;

both_databases! {
    every_version_is_read_as_it_was_registered,
    what_was_registered_never_changes,
    a_resource_keeps_its_version_and_is_due_by_it,
    one_of_two_registers_a_version,
}

const JOURNEY: Kind = Kind::known("journey");

/// A lifecycle with one of everything.
fn journey(version: i64) -> Lifecycle {
    let area = Area::given("JOURNEYS");
    let [draft, planned, live] = ["DRAFT", "PLANNED", "UNDER_WAY"].map(State::known);
    let row = |from: &State, action, pending: Option<&'static str>, target| Transition {
        rule: OWN,
        from: vec![from.clone()],
        action: Action::known(action),
        pending: pending.map(PendingLabel::known),
        target,
    };
    let mut transitions = vec![
        row(&draft, "PLAN", Some("PLAN_PENDING"), Target::State(planned.clone())),
        row(&live, "PUBLISH_EDITS", Some("EDITS_PENDING"), Target::StagedGoesLive),
        row(&live, "END", None, Target::State(State::known("OVER"))),
    ];
    transitions.truncate(if version == 1 { 2 } else { 3 });
    Lifecycle {
        kind: JOURNEY,
        version,
        component: Component::of_area(&area),
        area,
        transitions,
        edits: vec![
            (draft, EditRule::Direct),
            (planned.clone(), EditRule::VoidsApproval),
            (live.clone(), EditRule::Staged),
            (State::known("OVER"), EditRule::Refused),
        ],
        timed: vec![
            Timed { from: planned, to: live.clone(), at: TimedAt::Start },
            Timed { from: live, to: State::known("OVER"), at: TimedAt::End },
        ],
    }
}

impl World {
    fn registered_lifecycle(&self, version: i64) -> Box<Registered> {
        let by = actor(&self.admin);
        Box::new(Registered { lifecycle: journey(version), by, at: after(version), retired: None })
    }
}

/// Proves LIF-24.
async fn every_version_is_read_as_it_was_registered(db: TestDatabase) {
    let mut world = World::new(db).await;
    assert_eq!(world.snapshot(&About::Nothing).await.lifecycles.own().count(), 0);
    let (first, second) = (world.registered_lifecycle(1), world.registered_lifecycle(2));
    world.changed(vec![RulesWrite::InsertLifecycle(first.clone())]).await;
    let read = world.snapshot(&About::Nothing).await;
    assert_eq!(read.lifecycles.own().collect::<Vec<_>>(), [&*first]);
    let area = Area::given("JOURNEYS");
    assert_eq!(*read.policies.of(&area), Policy::default_of(area.clone()), "with the area's policy");

    let by = countersign_domain::ActorRef { service: Some("planner".into()), ..actor(&world.admin) };
    let retired = Box::new(Registered { retired: Some((by, after(9))), ..*first.clone() });
    let policy = Policy { version: 1, enabled: true, ..Policy::default_of(area.clone()) };
    world
        .changed(vec![RulesWrite::RetireLifecycle(retired.clone()), RulesWrite::Policy(policy.clone())])
        .await;
    world.changed(vec![RulesWrite::InsertLifecycle(second.clone())]).await;
    let read = world.snapshot(&About::Nothing).await;
    assert_eq!(read.lifecycles.own().collect::<Vec<_>>(), [&*retired, &*second]);
    assert_eq!(*read.policies.of(&area), policy);

    // Another account has none of it.
    let other = World { account: account(), ..world };
    let creation = AccountCreation {
        account: other.account.clone(),
        admin: member(&other.account, SystemRole::Admin),
        policies: vec![],
        outbox: vec![],
        idempotency: None,
    };
    assert_eq!(other.store.create_account(creation).await.unwrap(), Committed::Done);
    let read = other.snapshot(&About::Nothing).await;
    assert_eq!((read.lifecycles.own().count(), read.policies.has(&area)), (0, false));
}

/// Proves LIF-24, HIS-2.
async fn what_was_registered_never_changes(db: TestDatabase) {
    let mut world = World::new(db).await;
    let first = world.registered_lifecycle(1);
    let retired = Box::new(Registered { retired: Some((actor(&world.admin), after(9))), ..*first.clone() });
    world.changed(vec![RulesWrite::InsertLifecycle(first), RulesWrite::RetireLifecycle(retired)]).await;
    let raw = world.raw().await;
    for change in [
        "UPDATE lifecycles SET definition = '{}'",
        "DELETE FROM lifecycles",
        "UPDATE lifecycle_retirements SET version = 2",
        "DELETE FROM lifecycle_retirements",
    ] {
        let refused = raw.execute_unprepared(change).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
}

/// Proves LIF-24, LIF-17.
async fn a_resource_keeps_its_version_and_is_due_by_it(db: TestDatabase) {
    let mut world = World::new(db).await;
    let versions = [world.registered_lifecycle(1), world.registered_lifecycle(2)];
    world.changed(versions.map(RulesWrite::InsertLifecycle).into()).await;
    let lifecycles = world.snapshot(&About::Nothing).await.lifecycles;
    let planned = Resource {
        kind: JOURNEY,
        lifecycle_version: 1,
        state: State::known("PLANNED"),
        schedule: Schedule { start: Some(after(20)), end: None },
        ..campaign(&world.account, &world.admin)
    };
    let outcome = registration(&planned);
    let due_at = timer::due_at(&lifecycles, &outcome.resource);
    assert_eq!(due_at, Some(after(20)));
    let commit = countersign_store::Commit { due_at, ..world.commit(outcome) };
    assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Done);
    let read = world.resource(planned.id).await;
    assert_eq!(read, planned);
    assert_eq!(lifecycles.of(&read).map(|lifecycle| lifecycle.version), Some(1));
    let lease = std::time::Duration::from_secs(10);
    assert!(world.store.claim_due(after(19), lease, 9).await.unwrap().is_empty());
    let due = world.store.claim_due(after(20), lease, 9).await.unwrap();
    assert_eq!(due.iter().map(|due| due.resource_id).collect::<Vec<_>>(), [planned.id]);
}

/// Proves LIF-24.
async fn one_of_two_registers_a_version(db: TestDatabase) {
    let mut world = World::new(db).await;
    let register =
        |world: &World| world.change(vec![RulesWrite::InsertLifecycle(world.registered_lifecycle(1))]);
    let late = register(&world);
    let first = register(&world);
    assert_eq!(world.try_change(first).await, Committed::Done);
    assert_eq!(world.store.commit_rules(late).await.unwrap(), Committed::Conflict);
    assert_eq!(world.snapshot(&About::Nothing).await.lifecycles.own().count(), 1);
}
