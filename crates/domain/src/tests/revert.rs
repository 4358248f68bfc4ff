//! What a workflow that is switched off leaves (POL-2).

use super::builders::*;
use crate::{
    Action, Outcome, Policy, Refusal, RequestState, State, decide::Approve, history::HistoryEvent,
    loss::settle, outcome::EventKind, resource::ApprovalStatus,
};

fn off(world: &World) -> World {
    world.clone().with(|policy: &mut Policy| policy.enabled = false)
}

fn settled(world: &World, pending: &Pending) -> Option<Outcome> {
    world.act(Who::Timer, |context| settle(context, &pending.resource, &pending.request))
}

/// Proves POL-2: the resource goes back, and nobody is told by mail.
#[test]
fn a_pending_request_is_reverted_in_silence() {
    let world = World::new();
    let pending = world.launch_by_creator();
    assert_eq!(settled(&world, &pending), None);
    let outcome = settled(&off(&world), &pending).unwrap();
    let request = outcome.request.as_ref().unwrap().request();
    assert!(matches!(request.state, RequestState::Reverted { .. }), "{:?}", request.state);
    assert_eq!(outcome.resource.state, State::DRAFT);
    assert_eq!(outcome.resource.lock, None);
    assert_eq!(outcome.resource.approval_status, ApprovalStatus::ApprovalCancelled);
    assert_eq!(outcome.history.event, HistoryEvent::Reverted);
    assert_eq!(outcome.history.note, "the workflow of CAMPAIGNS was switched off");
    assert_eq!(outcome.event.kind, EventKind::RequestReverted);
    assert!(outcome.event.recipients.is_empty(), "submitters are not told automatically (D4)");
    assert_eq!(settled(&off(&world), &Pending::after(outcome)), None);
}

/// Proves POL-2: nobody loses work, where a rejection would have discarded it (LIF-5).
#[test]
fn staged_edits_that_were_submitted_are_kept() {
    let world = World::new();
    let mut test = ab_test(State::RUNNING);
    test.staged = Some(content("staged", 2));
    let pending = world.submit(Who::Creator, &test, &doing(Action::PUBLISH_EDITS));
    let reverted = settled(&off(&world), &pending).unwrap();
    assert_eq!(reverted.resource.staged, test.staged);
    assert_eq!(world.reject(Who::Approver, &pending).unwrap().resource.staged, None);
}

/// Proves POL-2, REQ-4: what arrives while requests are still being reverted comes after it.
#[test]
fn nothing_is_decided_once_the_workflow_is_off() {
    let pending = World::new().launch_by_creator();
    let world = off(&World::new());
    let command = Approve::default();
    for refused in [
        world.approve_with(Who::Admin, &pending, &command),
        world.reject(Who::Admin, &pending),
        world.cancel(Who::Creator, &pending),
    ] {
        let Err(Refusal::Decided { state, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(state, "REVERTED");
    }
}
