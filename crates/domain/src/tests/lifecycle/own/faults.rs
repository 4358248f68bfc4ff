//! What a lifecycle can have wrong, and how it is told.

use super::{super::super::builders::*, row, state, twins::twin};
use crate::{
    Action, Area, Kind, Lifecycle, PendingLabel, State, Violation,
    lifecycle::{Definition, EditRule, Target, Timed, TimedAt},
};

/// What is wrong with the journeys' lifecycle after `change`.
fn wrong(change: impl FnOnce(&mut Definition)) -> Vec<(String, String)> {
    let mut definition = journeys();
    change(&mut definition);
    let violations = definition.violations().into_iter();
    violations.map(|Violation { field, description }| (field, description)).collect()
}

/// Where the state stands in the list.
fn place(definition: &Definition, name: &str) -> usize {
    definition.states.iter().position(|(state, _)| state.as_str() == name).unwrap()
}

fn set_edit(definition: &mut Definition, name: &str, rule: EditRule) {
    let place = place(definition, name);
    definition.states[place].1 = Some(rule);
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
