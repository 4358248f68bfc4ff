//! Lifecycles of an account's own (LIF-24): registering, changing and retiring them.

mod faults;
mod twins;

use super::super::builders::*;
use crate::{
    Action, Area, Component, Kind, Lifecycles, PendingLabel, Policy, Refusal, Resource, RulesChange,
    RulesWrite, State, Violation,
    lifecycle::{Definition, OWN, Registered, Target, Transition, register, retire, revise, unknown_kind},
    limits,
    refusal::Permission,
    rules::RulesAfter,
};

const JOURNEY: Kind = Kind::known("journey");

fn state(name: &'static str) -> State {
    State::known(name)
}

fn row(
    from: &'static str,
    action: &'static str,
    pending: Option<&'static str>,
    to: &'static str,
) -> Transition {
    Transition {
        rule: OWN,
        from: vec![state(from)],
        action: Action::known(action),
        pending: pending.map(PendingLabel::known),
        target: Target::State(state(to)),
    }
}

/// What registering makes of the world.
fn registered(world: &World, definition: Definition) -> (World, Registered) {
    let change = world.act(Who::Admin, |context| register(context, definition, &world.members));
    let (change, registered) = change.unwrap();
    (after(world, &change), registered)
}

fn after(world: &World, change: &RulesChange) -> World {
    let mut after = world.clone();
    for write in &change.writes {
        let (RulesWrite::InsertLifecycle(it) | RulesWrite::RetireLifecycle(it)) = write else {
            panic!("{write:?}")
        };
        after.lifecycles.insert(it.as_ref().clone());
    }
    after
}

/// Proves LIF-24.
#[test]
fn an_admin_registers_and_everybody_else_is_refused() {
    let world = World::new();
    for who in Who::EACH {
        let result = world.act(who, |context| register(context, journeys(), &[]));
        if who == Who::Admin {
            let (change, registered) = result.unwrap();
            assert_eq!(registered.lifecycle, journeys().lifecycle(1));
            assert_eq!((&registered.by, registered.at, &registered.retired), (&who.as_ref(), NOW, &None));
            assert!(matches!(&change.writes[..], [RulesWrite::InsertLifecycle(it)] if **it == registered));
        } else {
            let (permission, component) = (Permission::ManagePolicy, "account".to_owned());
            assert_eq!(result.unwrap_err(), Refusal::PermissionDenied { permission, component }, "{who:?}");
        }
    }
}

/// Proves LIF-24, ACC-10.
#[test]
fn a_new_kind_has_an_area_a_component_and_a_policy_of_its_own() {
    let world = World::new();
    let (change, _) = world.act(Who::Admin, |context| register(context, journeys(), &world.members)).unwrap();
    assert_eq!(change.touched, world.members, "whoever may see it is told");
    let area = Area::given("JOURNEYS");
    world.act(Who::Admin, |before| {
        assert!(!before.policies.has(&area));
        let rules = RulesAfter::of(before, &change);
        let context = rules.context(before);
        assert_eq!(*context.policies.of(&area), Policy::default_of(area.clone()));
        let component = context.component("engagement.custom.journeys").unwrap();
        assert_eq!(component, Component::of_area(&area));
        assert_eq!(before.component("engagement.custom.journeys"), None);
        let sight = crate::rules::sight(&context, &member(Who::Approver));
        assert!(
            sight.readable.contains(&"journey".to_owned())
                && sight.approvable.contains(&"journey".to_owned())
        );
    });
}

/// Proves LIF-24.
#[test]
fn a_kind_is_registered_once_and_then_changed() {
    let (world, first) = registered(&World::new(), journeys());
    let again = world.act(Who::Admin, |context| register(context, journeys(), &[]));
    assert_eq!(again.unwrap_err(), Refusal::LifecycleExists(JOURNEY));

    let same = world.act(Who::Admin, |context| revise(context, journeys(), Some(first.etag()))).unwrap();
    assert!(same.0.is_empty(), "what is the same changes nothing");
    assert_eq!(same.1, first);

    let mut other = journeys();
    other.transitions.push(row("UNDER_WAY", "END", Some("END_PENDING"), "OVER"));
    let stale = world.act(Who::Admin, |context| revise(context, other.clone(), Some(first.etag() - 1)));
    assert_eq!(stale.unwrap_err(), Refusal::EtagMismatch { current: first.etag() });
    let denied = world.act(Who::Approver, |context| revise(context, other.clone(), None));
    assert!(matches!(denied, Err(Refusal::PermissionDenied { .. })));

    let (change, second) = world.act(Who::Admin, |context| revise(context, other.clone(), None)).unwrap();
    assert_eq!(second.lifecycle, other.lifecycle(2));
    let world = after(&world, &change);
    assert_eq!(world.lifecycles.version(&JOURNEY, 1), Some(&first.lifecycle), "the first one is as it was");
    assert_eq!(world.lifecycles.newest(&JOURNEY), Some(&second.lifecycle));

    let moved = Definition { area: Area::given("TRIPS"), ..journeys() };
    let refused = world.act(Who::Admin, |context| revise(context, moved, None));
    let text = "must stay JOURNEYS: requests of it may be pending";
    assert_eq!(refused.unwrap_err(), Refusal::Invalid(vec![Violation::new("lifecycle.area", text)]));
}

/// What is read and sent back is the same, in whatever order its states were given.
///
/// Proves LIF-24.
#[test]
fn the_order_of_states_makes_no_version() {
    let mut definition = journeys();
    definition.states.reverse();
    let (world, first) = registered(&World::new(), definition);
    assert_eq!(first.lifecycle, journeys().lifecycle(1));
    let states: Vec<State> = first.lifecycle.edits.iter().map(|(state, _)| state.clone()).collect();
    assert_eq!(states, first.lifecycle.states());
    let (change, _) = world.act(Who::Admin, |context| revise(context, journeys(), None)).unwrap();
    assert!(change.is_empty());
}

/// Proves LIF-24, REQ-14, REQ-15: what is over does not come back, nor is it asked for.
#[test]
fn what_is_over_does_not_go_on() {
    let world = World::new().with_journeys();
    let held = Resource { lifecycle_version: 1, staged: None, ..resource(JOURNEY, state("HELD")) };
    let go_on = doing(Action::known("GO_ON"));
    let pending = world.submit(Who::Creator, &held, &go_on);
    assert_eq!(pending.request.deadline, held.schedule.end, "then there is nothing left to go on with");
    let late = world.clone().at(after_hours(48));
    for late in [late.clone(), late.with(|policy| policy.enabled = false)] {
        let refused = late.perform(Who::Creator, &held, &go_on).unwrap_err();
        assert!(matches!(refused, Refusal::Schedule { .. }), "{refused:?}");
    }
    let endless = Resource { schedule: crate::Schedule::default(), ..held };
    assert_eq!(world.submit(Who::Creator, &endless, &go_on).request.deadline, None);
}

/// Proves LIF-24.
#[test]
fn only_kinds_of_the_account_s_own_can_be_changed_and_retired() {
    let world = World::new();
    let mut built_in = journeys();
    built_in.kind = Kind::CAMPAIGN;
    let known = |field: &str| Violation::new(field, "is built in, and the same in every account");
    let unknown = |field: &str| Violation { field: field.into(), ..unknown_kind(&world.lifecycles) };
    world.act(Who::Admin, |context| {
        let refusal = revise(context, built_in, None).unwrap_err();
        assert_eq!(refusal, Refusal::Invalid(vec![known("lifecycle.kind")]));
        let refusal = revise(context, journeys(), None).unwrap_err();
        assert_eq!(refusal, Refusal::Invalid(vec![unknown("lifecycle.kind")]));
        let refusal = retire(context, &Kind::AB_TEST, None).unwrap_err();
        assert_eq!(refusal, Refusal::Invalid(vec![known("kind")]));
        assert_eq!(retire(context, &JOURNEY, None).unwrap_err(), Refusal::Invalid(vec![unknown("kind")]));
    });
}

/// Proves LIF-24.
#[test]
fn a_retired_kind_has_no_new_resources_and_the_old_ones_go_on() {
    let (world, first) = registered(&World::new().with_journeys(), trips());
    let kind = first.lifecycle.kind.clone();
    let command = || crate::edit::Register { kind: kind.clone(), ..new_campaign() };
    let trip = world.register(Who::Creator, command()).unwrap().resource;
    let denied = world.act(Who::Approver, |context| retire(context, &kind, None));
    assert!(matches!(denied, Err(Refusal::PermissionDenied { .. })));
    let stale = world.act(Who::Admin, |context| retire(context, &kind, Some(7)));
    assert!(matches!(stale, Err(Refusal::EtagMismatch { .. })));

    let (change, retired) =
        world.act(Who::Admin, |context| retire(context, &kind, Some(first.etag()))).unwrap();
    let world = after(&world, &change);
    assert_eq!(retired.retired, Some((Who::Admin.as_ref(), NOW)));
    assert_ne!(retired.etag(), first.etag());
    let (again, _) = world.act(Who::Admin, |context| retire(context, &kind, Some(7))).unwrap();
    assert!(again.is_empty(), "twice is as once");

    let refused = world.register(Who::Creator, command());
    assert_eq!(refused.unwrap_err(), Refusal::LifecycleRetired(kind.clone()));
    let planned = world.perform(Who::Creator, &trip, &doing(Action::known("PLAN"))).unwrap();
    assert_eq!(planned.resource.state, state("PLANNED"));

    let (change, second) = world.act(Who::Admin, |context| revise(context, trips(), None)).unwrap();
    assert_eq!((second.lifecycle.version, &second.retired), (2, &None), "a further version ends it");
    assert!(after(&world, &change).register(Who::Creator, command()).is_ok());
}

fn trips() -> Definition {
    Definition { kind: Kind::known("trip"), area: Area::given("TRIPS"), ..journeys() }
}

/// Proves LIF-24.
#[test]
fn a_resource_keeps_the_version_that_it_began_with() {
    let world = World::new().with_journeys();
    let command = || crate::edit::Register { kind: JOURNEY, ..new_campaign() };
    let old = world.register(Who::Creator, command()).unwrap().resource;
    let mut other = journeys();
    other.transitions[0].action = Action::known("ENVISAGE");
    let (change, _) = world.act(Who::Admin, |context| revise(context, other, None)).unwrap();
    let world = after(&world, &change);
    let new = world.register(Who::Creator, command()).unwrap().resource;
    assert_eq!((old.lifecycle_version, new.lifecycle_version), (1, 2));
    let submits = |resource: &Resource, action| {
        world.perform(Who::Creator, resource, &doing(Action::known(action))).is_ok()
    };
    assert_eq!((submits(&old, "PLAN"), submits(&old, "ENVISAGE")), (true, false));
    assert_eq!((submits(&new, "PLAN"), submits(&new, "ENVISAGE")), (false, true));
    let pending = world.submit(Who::Creator, &old, &doing(Action::known("PLAN")));
    assert_eq!(world.approve(Who::Approver, &pending).unwrap().resource.state, state("PLANNED"));
}

/// Proves LIF-24.
#[test]
fn kinds_and_versions_are_limited() {
    let mut lifecycles = Lifecycles::default();
    for number in 0..limits::LIFECYCLE_KINDS {
        let definition = Definition { kind: Kind::given(format!("kind_{number}")), ..journeys() };
        let lifecycle = definition.lifecycle(1);
        lifecycles.insert(Registered { lifecycle, by: Who::Admin.as_ref(), at: NOW, retired: None });
    }
    let full = World { lifecycles, ..World::new() };
    let refused = full.act(Who::Admin, |context| register(context, journeys(), &[])).unwrap_err();
    let text = "can't be registered: an account has at most 20 kinds";
    assert_eq!(refused, Refusal::Invalid(vec![Violation::new("lifecycle.kind", text)]));

    let mut world = World::new();
    for version in (1..).take(limits::LIFECYCLE_VERSIONS) {
        let lifecycle = journeys().lifecycle(version);
        world.lifecycles.insert(Registered { lifecycle, by: Who::Admin.as_ref(), at: NOW, retired: None });
    }
    let mut other = journeys();
    other.transitions[0].action = Action::known("ENVISAGE");
    let text = "can't be registered: an account has at most 100 versions, all kinds together";
    let full = Refusal::Invalid(vec![Violation::new("lifecycle", text)]);
    assert_eq!(world.act(Who::Admin, |context| revise(context, other, None)).unwrap_err(), full);
    assert_eq!(world.act(Who::Admin, |context| register(context, trips(), &[])).unwrap_err(), full);
}
