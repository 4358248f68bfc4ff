//! What time alone does (LIF-17).

use super::builders::*;
use crate::{
    Action, Kind, LaunchMode, Outcome, Resource, Schedule, State, Timestamp, history::HistoryEvent,
    outcome::EventKind, timer::due_at,
};

fn just_before(hours: u64) -> Timestamp {
    Timestamp(after_hours(hours).0 - 1)
}

/// Checks that `outcome` moves `before` to `state` by Countersign itself and changes nothing else.
fn check(outcome: Outcome, before: Resource, state: State, event: HistoryEvent, at: Timestamp) {
    let history = outcome.history;
    assert_eq!((history.event, history.actor, history.at), (event, Who::Timer.as_ref(), at));
    assert_eq!((history.from, &history.to), (Some(before.state.clone()), &state));
    assert_eq!((history.sequence, history.action, history.request_id), (before.version + 1, None, None));
    assert_eq!(outcome.resource, Resource { state, version: before.version + 1, updated_at: at, ..before });
    assert_eq!(outcome.event.kind, EventKind::ResourceChanged);
    assert_eq!((outcome.event.recipients, outcome.request), (Vec::new(), None));
}

/// Proves LIF-17, HIS-1.
#[test]
fn what_is_scheduled_starts_at_its_start_time_and_not_before() {
    for before in [scheduled_campaign(), ab_test(State::SCHEDULED)] {
        assert_eq!(due_at(&crate::Lifecycles::default(), &before), Some(after_hours(24)));
        assert_eq!(World::new().at(just_before(24)).fire(&before), None);
        let at = after_hours(24);
        let started = World::new().at(at).fire(&before).unwrap();
        check(started, before, State::RUNNING, HistoryEvent::Started, at);
    }
}

/// Proves LIF-17, HIS-1.
#[test]
fn a_running_campaign_completes_at_its_end_time_and_not_before() {
    let before = Resource { state: State::RUNNING, ..scheduled_campaign() };
    assert_eq!(World::new().at(just_before(48)).fire(&before), None);
    let at = after_hours(48);
    let completed = World::new().at(at).fire(&before).unwrap();
    check(completed, before, State::COMPLETED, HistoryEvent::Completed, at);
}

/// What ended while no timer ran must not reach customers late.
///
/// Proves LIF-17, REQ-15.
#[test]
fn a_scheduled_campaign_whose_end_has_passed_completes_without_starting() {
    let before = scheduled_campaign();
    let at = after_hours(48);
    let completed = World::new().at(at).fire(&before).unwrap();
    check(completed, before, State::COMPLETED, HistoryEvent::Completed, at);
    // An A/B test has no end: it starts, however late.
    let test = ab_test(State::SCHEDULED);
    assert_eq!(World::new().at(at).fire(&test).unwrap().resource.state, State::RUNNING);
}

/// Proves LIF-17.
#[test]
fn a_running_ab_test_and_an_endless_campaign_go_on() {
    let endless = Resource {
        state: State::RUNNING,
        schedule: Schedule { start: Some(after_hours(24)), end: None },
        ..scheduled_campaign()
    };
    for resource in [ab_test(State::RUNNING), endless] {
        assert_eq!(due_at(&crate::Lifecycles::default(), &resource), None);
        assert_eq!(World::new().at(Timestamp(i64::MAX)).fire(&resource), None);
    }
}

/// Proves LIF-17, POL-6.
#[test]
fn a_passive_launch_without_start_time_starts_at_once() {
    let world = World::new();
    let before = Resource { schedule: Schedule::default(), ..campaign() };
    let command =
        crate::perform::PerformAction { launch_mode: Some(LaunchMode::Passive), ..doing(Action::LAUNCH) };
    let launched = world.perform(Who::Creator, &before, &command).unwrap().resource;
    assert_eq!(due_at(&crate::Lifecycles::default(), &launched), Some(NOW));
    assert_eq!(world.fire(&launched).unwrap().resource.state, State::RUNNING);
}

/// Proves LIF-17.
#[test]
fn a_stopped_service_catches_up() {
    let late = World::new().at(after_hours(99));
    let mut resource = scheduled_campaign();
    while let Some(outcome) = late.fire(&resource) {
        resource = outcome.resource;
    }
    assert_eq!(resource.state, State::COMPLETED);
}

/// A start is not held up by a request to take it back: that expires at the start time, and then the start comes.
///
/// Proves LIF-9, LIF-17, LIF-20, REQ-14.
#[test]
fn a_pending_unschedule_gives_way_to_the_start() {
    let pending = World::new().submit(Who::Creator, &ab_test(State::SCHEDULED), &doing(Action::UNSCHEDULE));
    let at_start = World::new().at(after_hours(24));
    assert_eq!(due_at(&crate::Lifecycles::default(), &pending.resource), None);
    assert_eq!(at_start.fire(&pending.resource), None);
    let expired = at_start.expire(&pending).unwrap().resource;
    assert_eq!(at_start.fire(&expired).unwrap().resource.state, State::RUNNING);
}

/// Proves LIF-20.
#[test]
fn time_changes_nothing_that_is_locked() {
    let world = World::new();
    for pending in [
        world.launch_by_creator(),
        world.submit(Who::Creator, &ab_test(State::DRAFT), &doing(Action::SCHEDULE)),
        world.submit(Who::Creator, &ab_test(State::RUNNING), &doing(Action::PAUSE)),
    ] {
        assert_eq!(World::new().at(Timestamp(i64::MAX)).fire(&pending.resource), None);
    }
}

/// Proves LIF-17.
#[test]
fn time_changes_no_other_state() {
    for lifecycle in crate::Lifecycle::all_built_in() {
        for state in lifecycle.states() {
            let timed =
                state == State::SCHEDULED || (lifecycle.kind == Kind::CAMPAIGN && state == State::RUNNING);
            let due = due_at(&crate::Lifecycles::default(), &resource(lifecycle.kind.clone(), state.clone()));
            assert_eq!(due.is_some(), timed, "{} {state}", lifecycle.kind);
        }
    }
}
