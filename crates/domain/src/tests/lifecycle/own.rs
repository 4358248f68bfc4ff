//! Lifecycles of an account's own (LIF-24).

use super::{super::builders::*, ACTIONS, STATES};
use crate::{
    Action, Area, Component, Kind, Lifecycle, Lifecycles, Outcome, PendingLabel, Policy, Refusal, Resource,
    RulesChange, RulesWrite, State, Violation,
    decide::{Approve, Reject},
    edit::Edit,
    lifecycle::{
        Definition, EditRule, Registered, Row, Target, Timed, TimedAt, register, retire, revise, unknown_kind,
    },
    limits,
    refusal::Permission,
    rules::RulesAfter,
};

const JOURNEY: Kind = Kind::known("journey");

/// What is wrong with the journeys' lifecycle after `change`.
fn wrong(change: impl FnOnce(&mut Definition)) -> Vec<(String, String)> {
    let mut definition = journeys();
    change(&mut definition);
    let violations = definition.violations().into_iter();
    violations.map(|Violation { field, description }| (field, description)).collect()
}

fn state(name: &'static str) -> State {
    State::known(name)
}

/// Where the state stands in the list.
fn place(definition: &Definition, name: &str) -> usize {
    definition.states.iter().position(|(state, _)| state.as_str() == name).unwrap()
}

fn set_edit(definition: &mut Definition, name: &str, rule: EditRule) {
    let place = place(definition, name);
    definition.states[place].1 = Some(rule);
}

fn row(from: &'static str, action: &'static str, pending: Option<&'static str>, to: &'static str) -> Row {
    Row {
        from: vec![state(from)],
        action: Action::known(action),
        pending: pending.map(PendingLabel::known),
        target: Target::State(state(to)),
    }
}

/// Proves LIF-24.
#[test]
fn a_lifecycle_without_a_fault_has_no_violation() {
    assert_eq!(wrong(|_| ()), []);
    // The built-in ones would pass too, under names of an account's own.
    for lifecycle in Lifecycle::all_built_in() {
        assert_eq!(twin(lifecycle).violations(), [], "{}", lifecycle.kind);
    }
}

/// Each fault alone is told once, with its place and what it must be.
///
/// Proves LIF-24.
#[test]
fn each_fault_is_told_with_its_place() {
    type Fault = (&'static str, &'static str, Box<dyn FnOnce(&mut Definition)>);
    let faults: Vec<Fault> = vec![
        // A trap that only an end time would lead out of, which a resource need not have.
        (
            "states[2].name",
            "UNDER_WAY is a trap",
            Box::new(|it| {
                it.transitions.retain(|row| row.action.as_str() != "HOLD" && row.action.as_str() != "GO_ON");
                it.states.remove(3);
                it.transitions.iter_mut().for_each(|row| row.from.retain(|from| from.as_str() != "HELD"));
            }),
        ),
        // And one that only a start time would, which has passed by then and can't be changed any more.
        (
            "states[3].name",
            "HELD is a trap",
            Box::new(|it| {
                it.transitions[3].target = Target::State(state("PLANNED"));
                it.transitions[5].from = vec![State::DRAFT, state("OVER")];
            }),
        ),
        // Ways around approvals.
        (
            "transitions[4].pending_label",
            "is required: staged edits",
            Box::new(|it| it.transitions[4].pending = None),
        ),
        (
            "transitions[0].pending_label",
            "is required: the start time leads on from PLANNED",
            Box::new(|it| it.transitions[0].pending = None),
        ),
        (
            "transitions[7].target_state",
            "can be reached without this approval: another way leads to HELD",
            Box::new(|it| {
                it.states.push((state("HIDDEN"), None));
                it.transitions.push(row("DRAFT", "HIDE", None, "HIDDEN"));
                it.transitions.push(row("DRAFT", "SHOW", Some("SHOW_PENDING"), "HELD"));
                it.transitions.push(row("HIDDEN", "SHOW", None, "HELD"));
            }),
        ),
        (
            "transitions[2].target_state",
            "can be reached without this approval: another way leads to HELD",
            Box::new(|it| {
                it.states.push((state("SLOW"), None));
                it.transitions.push(row("UNDER_WAY", "SLOW_DOWN", None, "SLOW"));
                it.transitions.push(row("SLOW", "HOLD", None, "HELD"));
            }),
        ),
        (
            "states[5].edit_mode",
            "VOIDS_APPROVAL is for what waits for its start time",
            Box::new(|it| set_edit(it, "GONE", EditRule::VoidsApproval)),
        ),
        (
            "transitions",
            "must lead from at most 60 states",
            Box::new(|it| {
                let held = it.transitions[3].clone();
                it.transitions.extend((0..50).map(|_| held.clone()));
                it.transitions[0].from = vec![State::DRAFT; 10];
            }),
        ),
        // A trap: nothing leads from there to an end.
        (
            "states[6].name",
            "ROUND is a trap: no end can be reached from it",
            Box::new(|it| {
                it.states.push((state("ROUND"), None));
                it.states.push((state("AND_ROUND"), None));
                it.transitions.push(row("UNDER_WAY", "CIRCLE", Some("CIRCLE_PENDING"), "ROUND"));
                it.transitions.push(row("ROUND", "CIRCLE", None, "AND_ROUND"));
                it.transitions.push(row("AND_ROUND", "CIRCLE", None, "ROUND"));
            }),
        ),
        (
            "states[6].name",
            "LOST can't be reached from DRAFT",
            Box::new(|it| {
                it.states.push((state("LOST"), None));
            }),
        ),
        ("states", "need an end", Box::new(|it| it.transitions.push(row("GONE", "REVIVE", None, "DRAFT")))),
        (
            "states",
            "must hold DRAFT",
            Box::new(|it| {
                it.states.remove(0);
                it.transitions.retain(|row| {
                    !row.from.contains(&State::DRAFT) && row.target != Target::State(State::DRAFT)
                });
            }),
        ),
        ("states", "must be 2 to 30", Box::new(|it| it.states.truncate(1))),
        ("transitions", "must be 1 to 60", Box::new(|it| it.transitions.clear())),
        ("timed_transitions", "must be 0 to 30", Box::new(|it| it.timed = vec![it.timed[0].clone(); 31])),
        (
            "transitions[0].from_states",
            "is required: where the action leads from",
            Box::new(|it| it.transitions[0].from.clear()),
        ),
        ("kind", "must be 1 to 40 lower-case letters", Box::new(|it| it.kind = Kind::known("Journey"))),
        ("kind", "must be 1 to 40 lower-case letters", Box::new(|it| it.kind = Kind::given("j".repeat(41)))),
        ("kind", "must be 1 to 40 lower-case letters", Box::new(|it| it.kind = Kind::known("1st"))),
        ("kind", "is built in", Box::new(|it| it.kind = Kind::CAMPAIGN)),
        ("area", "must be 1 to 40 upper-case letters", Box::new(|it| it.area = Area::given("'; DROP"))),
        ("area", "must be one of the account's own", Box::new(|it| it.area = Area::CAMPAIGNS)),
        ("states[5].name", "is named twice", Box::new(|it| it.states.insert(5, (state("OVER"), None)))),
        (
            "states[6].name",
            "must be 1 to 40 upper-case letters",
            Box::new(|it| it.states.push((state("over"), None))),
        ),
        (
            "states[1].edit_mode",
            "DIRECT is for DRAFT alone",
            Box::new(|it| set_edit(it, "PLANNED", EditRule::Direct)),
        ),
        (
            "states[0].edit_mode",
            "must be DIRECT or REFUSED for DRAFT",
            Box::new(|it| {
                set_edit(it, "DRAFT", EditRule::VoidsApproval);
            }),
        ),
        (
            "states[3].edit_mode",
            "STAGED needs an action",
            Box::new(|it| set_edit(it, "HELD", EditRule::Staged)),
        ),
        (
            "transitions[4].from_states[1]",
            "must have the edit_mode STAGED",
            Box::new(|it| {
                it.transitions[4].from.push(state("HELD"));
            }),
        ),
        (
            "transitions[0].action",
            "must be 1 to 40 upper-case letters",
            Box::new(|it| {
                it.transitions[0].action = Action::known("plan it");
            }),
        ),
        (
            "transitions[0].pending_label",
            "must be 1 to 40 upper-case letters",
            Box::new(|it| {
                it.transitions[0].pending = Some(PendingLabel::known(""));
            }),
        ),
        // An action that leads nowhere: to a state that there is not, and to where it begins.
        (
            "transitions[0].target_state",
            "must be one of the states",
            Box::new(|it| {
                it.transitions[0].target = Target::State(state("PLANED"));
            }),
        ),
        (
            "transitions[6].from_states[0]",
            "IDLE leads nowhere from HELD",
            Box::new(|it| {
                it.transitions.push(row("HELD", "IDLE", None, "HELD"));
            }),
        ),
        (
            "transitions[5].from_states[3]",
            "must be one of the states",
            Box::new(|it| {
                it.transitions[5].from.push(state("OVR"));
            }),
        ),
        (
            "transitions[6].from_states[0]",
            "HELD has the action GO_ON already",
            Box::new(|it| {
                it.transitions.push(row("HELD", "GO_ON", None, "OVER"));
            }),
        ),
        (
            "transitions[6].pending_label",
            "GO_ON_PENDING is shown for another action from HELD",
            Box::new(|it| {
                it.transitions.push(row("HELD", "END", Some("GO_ON_PENDING"), "OVER"));
            }),
        ),
        (
            "timed_transitions[2].from_state",
            "must not be DRAFT",
            Box::new(|it| {
                it.timed.push(Timed { from: State::DRAFT, to: state("HELD"), at: TimedAt::End });
            }),
        ),
        (
            "timed_transitions[2].from_state",
            "time leads on from UNDER_WAY already",
            Box::new(|it| {
                it.timed.push(Timed { from: state("UNDER_WAY"), to: state("HELD"), at: TimedAt::End });
            }),
        ),
        (
            "timed_transitions[0].target_state",
            "must not be DRAFT at START",
            Box::new(|it| it.timed[0].to = State::DRAFT),
        ),
        (
            "timed_transitions[2].target_state",
            "time would lead on from PLANNED at once",
            Box::new(|it| {
                it.timed.push(Timed { from: state("OVER"), to: state("PLANNED"), at: TimedAt::End });
            }),
        ),
        (
            "timed_transitions[1].from_state",
            "must be one of the states",
            Box::new(|it| {
                it.timed[1].from = state("LIVE");
            }),
        ),
    ];
    for (field, problem, change) in faults {
        let found = wrong(change);
        let expected = (format!("lifecycle.{field}"), problem);
        let told = found.iter().any(|(at, text)| *at == expected.0 && text.starts_with(expected.1));
        assert!(told, "{expected:?} is not told: {found:?}");
    }
}

/// Proves LIF-24.
#[test]
fn all_faults_are_told_at_once() {
    let found = wrong(|it| {
        it.kind = Kind::known("Journey");
        it.area = Area::CAMPAIGNS;
        it.transitions[0].target = Target::State(state("PLANED"));
        it.transitions[5].pending = Some(PendingLabel::known("x"));
        it.timed[1].to = State::known("OVR");
    });
    let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
    let expected = [
        "kind",
        "area",
        "transitions[0].target_state",
        "transitions[5].pending_label",
        "timed_transitions[1].target_state",
    ];
    assert_eq!(fields, expected.map(|field| format!("lifecycle.{field}")));
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

/// The built-in lifecycle under names of an account's own.
fn twin(lifecycle: &Lifecycle) -> Definition {
    let states = lifecycle.states().into_iter();
    Definition {
        kind: Kind::given(format!("own_{}", lifecycle.kind)),
        area: Area::given("OWN"),
        states: states.map(|state| (state.clone(), Some(lifecycle.edit_rule(&state)))).collect(),
        transitions: lifecycle
            .transitions
            .iter()
            .map(|row| Row {
                from: row.from.clone(),
                action: row.action.clone(),
                pending: row.pending.clone(),
                target: row.target.clone(),
            })
            .collect(),
        timed: lifecycle.timed.clone(),
    }
}

/// What a decision said, without the names in which twins differ.
fn said(result: &Result<Outcome, Refusal>) -> String {
    format!("{result:?}")
        .replace("own_remote_config", "remote_config")
        .replace("own_ab_test", "ab_test")
        .replace("lifecycle_version: 1", "lifecycle_version: 0")
        .replace("engagement.custom.own", "engagement.product_experiences")
        .replace("\"OWN\"", "\"PRODUCT_EXPERIENCES\"")
        .replace("approver of OWN", "approver of PRODUCT_EXPERIENCES")
}

/// Whatever anybody does to a resource of a registered kind, in any state, with the workflow on or off, goes as with the built-in
/// kind of the same table: outcome, request, history, event, recipients and refusals are the same to the letter.
///
/// Proves LIF-24, LIF-19, LIF-20, LIF-21, REQ-1, REQ-4, REQ-5, REQ-11, REQ-14, POL-1, POL-5, POL-8, ACC-8, ACC-10, NOT-2, NOT-4.
#[test]
fn a_registered_kind_obeys_every_rule_as_a_built_in_one() {
    let mut compared = 0;
    for kind in [Kind::AB_TEST, Kind::REMOTE_CONFIG] {
        let definition = twin(Lifecycle::built_in(&kind).unwrap());
        let own = definition.kind.clone();
        let states = STATES.iter().find(|(name, _)| *name == kind.as_str()).unwrap().1;
        for world in [World::new(), World::off(), World::with_every_ending()] {
            let (mut world, _) = registered(&world, definition.clone());
            world.own = vec![Policy { area: Area::given("OWN"), ..world.experiences.clone() }];
            for name in states {
                // An A/B test has variants, which only that kind has.
                let before = Resource { variants: Vec::new(), ..resource(kind.clone(), state(name)) };
                let twin = Resource { kind: own.clone(), lifecycle_version: 1, ..before.clone() };
                for who in Who::EACH {
                    let edit = || Edit { content: Some(content("new", 0)), ..Edit::default() };
                    let (one, other) = (world.update(who, &before, edit()), world.update(who, &twin, edit()));
                    assert_eq!(said(&one), said(&other), "{name}: edit by {who:?}");
                    assert_eq!(
                        said(&world.fire(&before).ok_or(Refusal::NothingStaged)),
                        said(&world.fire(&twin).ok_or(Refusal::NothingStaged))
                    );
                    for action in ACTIONS {
                        for reason in ["", "it burns"] {
                            let command = crate::perform::PerformAction {
                                emergency_reason: reason.into(),
                                ..doing(Action::known(action))
                            };
                            let one = world.perform(who, &before, &command);
                            let other = world.perform(who, &twin, &command);
                            compared += compare_endings(&world, &one, &other);
                            assert_eq!(said(&one), said(&other), "{name}: {action} by {who:?}");
                        }
                    }
                }
            }
        }
    }
    assert!(compared > 1000, "only {compared} endings were compared");
}

/// Whoever ends what was submitted: the same again. How many endings were compared.
fn compare_endings(world: &World, one: &Result<Outcome, Refusal>, other: &Result<Outcome, Refusal>) -> usize {
    let pending = |result: &Result<Outcome, Refusal>| {
        let outcome = result.as_ref().ok().filter(|outcome| outcome.request.is_some())?;
        Some(Pending::after(outcome.clone()))
    };
    let (Some(one), Some(other)) = (pending(one), pending(other)) else { return 0 };
    let late = world.clone().at(after_hours(24 * 400));
    assert_eq!(
        said(&late.expire(&one).ok_or(Refusal::NothingStaged)),
        said(&late.expire(&other).ok_or(Refusal::NothingStaged))
    );
    for who in Who::EACH {
        let [approve, reject] = [&one, &other].map(|it| {
            (
                said(&world.approve_with(who, it, &Approve::default())),
                said(&world.reject_with(who, it, &Reject { note: "no".into(), ..Reject::default() })),
            )
        });
        assert_eq!(approve, reject);
        assert_eq!(said(&world.cancel(who, &one)), said(&world.cancel(who, &other)));
    }
    3 * Who::EACH.len()
}
