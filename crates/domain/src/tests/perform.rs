//! Doing an action: who is gated, which fields and schedules are acceptable, what a submission asks for.

use std::time::Duration;

use super::builders::*;
use crate::{
    Action, Actor, Area, Component, LaunchMode, Outcome, Refusal, Resource, Rights, Role, RoleId, Schedule,
    State, SystemRole, Violation,
    edit::Edit,
    history::HistoryEvent,
    perform::{self, PerformAction},
    resource::ApprovalStatus,
};

/// A custom role that writes and approves campaigns.
fn approver_role() -> Role {
    Role {
        account_id: ACCOUNT,
        id: RoleId(uuid::Uuid::from_u128(9_000)),
        name: "Campaigns".into(),
        accesses: [(Component::CAMPAIGNS, Rights::FULL)].into(),
        scope: None,
        masks_pii: false,
        version: 1,
        created_at: CREATED,
        updated_at: CREATED,
    }
}

fn launching(mode: LaunchMode) -> PerformAction {
    PerformAction { launch_mode: Some(mode), ..doing(Action::LAUNCH) }
}

fn with_schedule(start: Option<u64>, end: Option<u64>) -> Resource {
    let schedule = Schedule { start: start.map(after_hours), end: end.map(after_hours) };
    Resource { schedule, ..campaign() }
}

/// `resource` with its content staged or not.
fn nothing_staged(resource: Resource) -> Resource {
    Resource { staged: None, ..resource }
}

/// Proves REQ-1.
#[test]
fn the_same_call_submits_or_applies_and_the_outcome_says_which() {
    let submitted = World::new().perform(Who::Creator, &campaign(), &doing(Action::LAUNCH)).unwrap();
    assert_eq!(submitted.resource.state, State::DRAFT);
    assert!(submitted.request.is_some());
    let applied = World::off().perform(Who::Creator, &campaign(), &doing(Action::LAUNCH)).unwrap();
    assert_eq!(applied.resource.state, State::SCHEDULED);
    assert!(applied.request.is_none());
}

/// Proves REQ-2, LIF-20.
#[test]
fn a_pending_request_keeps_everybody_from_a_second_action() {
    let world = World::new();
    let locked = world.submit(Who::Creator, &ab_test(State::RUNNING), &doing(Action::PAUSE)).resource;
    for who in [Who::Admin, Who::Approver, Who::Creator, Who::Editor, Who::EditorWithRight] {
        for action in [Action::PAUSE, Action::FINISH, Action::DELETE, Action::PUBLISH_EDITS] {
            assert_eq!(
                world.perform(who, &locked, &doing(action.clone())),
                Err(Refusal::RequestPending { request: REQUEST, action: Action::PAUSE }),
                "{who:?} {action}"
            );
        }
    }
}

/// Proves LIF-20.
#[test]
fn a_pending_launch_keeps_even_free_actions_away() {
    let world = World::new();
    let locked = world.launch_by_creator().resource;
    assert_eq!(
        world.perform(Who::Admin, &locked, &doing(Action::ARCHIVE)),
        Err(Refusal::Locked { request: REQUEST, action: Action::LAUNCH })
    );
}

/// Proves REQ-3.
#[test]
fn a_request_carries_note_approvers_deadline_and_the_staged_change_with_its_digest() {
    let world = World::new();
    let before = ab_test(State::RUNNING);
    let command = PerformAction {
        note: "please".into(),
        ..asking(Action::PUBLISH_EDITS, &[Who::Approver, Who::EditorWithRight])
    };
    let outcome = world.perform(Who::Creator, &before, &command).unwrap();
    assert_eq!(outcome.history.note, "please");
    let request = Pending::after(outcome).request;
    assert_eq!(request.note, "please");
    assert_eq!(request.assigned().collect::<Vec<_>>(), [Who::Approver.id(), Who::EditorWithRight.id()]);
    assert_eq!(request.change, before.staged);
    assert_eq!(request.digest, before.staged.unwrap().digest);
    assert_eq!(request.version, 1);
}

/// Proves REQ-3.
#[test]
fn the_request_of_a_content_that_is_not_staged_has_the_digest_of_the_live_one() {
    let before = ab_test(State::RUNNING);
    let request = World::new().submit(Who::Creator, &before, &doing(Action::PAUSE)).request;
    assert_eq!((request.change, request.digest), (None, before.live.digest));
}

#[test]
fn publishing_needs_staged_edits() {
    for world in [World::new(), World::off()] {
        for before in [ab_test(State::RUNNING), ab_test(State::PAUSED), remote_config(State::LIVE)] {
            let command = doing(Action::PUBLISH_EDITS);
            assert_eq!(
                world.perform(Who::Creator, &nothing_staged(before), &command),
                Err(Refusal::NothingStaged)
            );
        }
    }
}

/// The etag is compared before anything about the resource is said (AIP-154).
#[test]
fn a_stale_etag_is_refused() {
    let stale = PerformAction { expected_version: Some(6), ..doing(Action::LAUNCH) };
    let refused = World::new().perform(Who::Creator, &campaign(), &stale);
    assert_eq!(refused, Err(Refusal::EtagMismatch { current: 7 }));
    let fresh = PerformAction { expected_version: Some(7), ..stale };
    assert!(World::new().perform(Who::Creator, &campaign(), &fresh).is_ok());
}

/// Proves REQ-6.
#[test]
fn chosen_approvers_must_be_approvers_then() {
    let chosen =
        [Who::Approver, Who::Creator, Who::Member, Who::Editor, Who::Revoked, Who::Stranger, Who::Roleless];
    let refused =
        World::new().perform(Who::Admin, &campaign(), &asking(Action::LAUNCH, &chosen)).unwrap_err();
    let Refusal::Invalid(violations) = refused else { panic!("{refused:?}") };
    let expected: Vec<Violation> = (1..=6)
        .map(|index| Violation::new(format!("approver_ids[{index}]"), "must be an approver of CAMPAIGNS"))
        .collect();
    assert_eq!(violations, expected);
}

/// Proves REQ-6, ACC-10.
#[test]
fn every_approver_of_the_area_may_be_chosen() {
    let chosen = [Who::Admin, Who::SecondAdmin, Who::Approver, Who::SecondApprover, Who::EditorWithRight];
    for before in [campaign(), ab_test(State::DRAFT)] {
        let action = if before.kind == crate::Kind::CAMPAIGN { Action::LAUNCH } else { Action::START };
        let request = World::new().submit(Who::Creator, &before, &asking(action, &chosen)).request;
        assert_eq!(request.assigned().collect::<Vec<_>>(), chosen.map(Who::id));
    }
}

/// Proves REQ-5, REQ-6.
#[test]
fn the_submitter_can_be_chosen_only_where_self_approval_is_allowed() {
    let command = asking(Action::LAUNCH, &[Who::Approver]);
    let refused = World::new().perform(Who::Approver, &campaign(), &command);
    assert_eq!(violated(refused), ["approver_ids[0]"]);
    let allowed = World::new().with(|policy| policy.allow_self_approval = true);
    assert!(allowed.perform(Who::Approver, &campaign(), &command).is_ok());
}

/// Proves REQ-6.
#[test]
fn an_approver_is_chosen_once() {
    let command = asking(Action::LAUNCH, &[Who::Approver, Who::Admin, Who::Approver]);
    assert_eq!(violated(World::new().perform(Who::Creator, &campaign(), &command)), ["approver_ids[2]"]);
}

/// A list beyond the limit is not looked at name by name: that would take time that grows with its square.
#[test]
fn too_many_approvers_are_one_violation() {
    let chosen = vec![Who::Approver; 51];
    let refused = World::new().perform(Who::Creator, &campaign(), &asking(Action::LAUNCH, &chosen));
    assert_eq!(
        refused,
        Err(Refusal::Invalid(vec![Violation::new(
            "approver_ids",
            "must name at most 50 approvers, names 51"
        )]))
    );
}

#[test]
fn approvers_are_refused_where_no_approval_is_needed() {
    let command = asking(Action::LAUNCH, &[Who::Approver]);
    assert_eq!(violated(World::off().perform(Who::Creator, &campaign(), &command)), ["approver_ids"]);
}

/// Who has the approve right may still ask for a second signature.
///
/// Proves POL-5.
#[test]
fn an_approver_who_names_approvers_submits() {
    for who in [Who::Admin, Who::Approver, Who::EditorWithRight] {
        let outcome =
            World::new().perform(who, &campaign(), &asking(Action::LAUNCH, &[Who::SecondApprover])).unwrap();
        assert_eq!(outcome.history.event, HistoryEvent::Submitted, "{who:?}");
    }
}

/// Proves POL-5.
#[test]
fn a_direct_launch_by_an_approver_is_recorded_as_a_bypass() {
    let command = PerformAction { note: "sale starts".into(), ..doing(Action::LAUNCH) };
    let outcome = World::new().perform(Who::EditorWithRight, &campaign(), &command).unwrap();
    assert_eq!(outcome.history.event, HistoryEvent::Bypassed);
    assert_eq!(outcome.history.note, "sale starts");
    assert_eq!(outcome.resource.approval_status, ApprovalStatus::None);
}

/// A Creator's campaign is approved by somebody else, also where another role lets the Creator approve those of others.
///
/// Proves POL-5, ACC-5.
#[test]
fn a_creator_who_may_approve_is_gated_all_the_same() {
    let mut world = World::new();
    let approves = approver_role();
    world.roles.insert(approves.clone());
    let launch = |system_role: Option<SystemRole>| {
        let mut member = member(Who::Creator);
        (member.system_role, member.roles) = (system_role, vec![approves.id]);
        let actor = Actor::Member { member, service: None };
        let command = doing(Action::LAUNCH);
        let outcome = world.act_as(&actor, |context| perform::perform(context, &campaign(), None, &command));
        outcome.unwrap().history.event
    };
    assert_eq!(launch(Some(SystemRole::Creator)), HistoryEvent::Submitted);
    for other in [None, Some(SystemRole::Member), Some(SystemRole::Editor), Some(SystemRole::Approver)] {
        assert_eq!(launch(other), HistoryEvent::Bypassed, "{other:?}");
    }
}

/// Proves POL-5.
#[test]
fn product_experiences_gate_everybody() {
    for who in [Who::Admin, Who::Approver, Who::EditorWithRight, Who::Editor, Who::Creator] {
        let outcome = World::new().perform(who, &ab_test(State::DRAFT), &doing(Action::START)).unwrap();
        assert!(outcome.request.is_some(), "{who:?}");
    }
}

/// Proves POL-1.
#[test]
fn each_area_has_its_own_toggle() {
    let mut world = World::new();
    world.campaigns.enabled = false;
    let submitted = |resource: &Resource, action| {
        world.perform(Who::Creator, resource, &doing(action)).unwrap().request.is_some()
    };
    assert!(!submitted(&campaign(), Action::LAUNCH));
    assert!(submitted(&ab_test(State::DRAFT), Action::START));
    assert!(submitted(&remote_config(State::DRAFT), Action::PUBLISH));
}

/// Proves REQ-11.
#[test]
fn a_submission_that_only_the_submitter_could_decide_is_refused() {
    let lonely = World::new().only(&[Who::Admin, Who::Creator, Who::Editor, Who::Member, Who::Revoked]);
    let refused = lonely.perform(Who::Admin, &ab_test(State::DRAFT), &doing(Action::START));
    assert_eq!(refused, Err(Refusal::NoEligibleApprovers(Area::PRODUCT_EXPERIENCES)));
    assert!(lonely.perform(Who::Creator, &ab_test(State::DRAFT), &doing(Action::START)).is_ok());
    let trusting = lonely.with(|policy| policy.allow_self_approval = true);
    assert!(trusting.perform(Who::Admin, &ab_test(State::DRAFT), &doing(Action::START)).is_ok());
}

/// Proves REQ-11, POL-3.
#[test]
fn a_submission_that_too_few_could_approve_is_refused() {
    // Five approvers: two Admins, two Approvers, an Editor with the right.
    for (required, submitter, fits) in
        [(5, Who::Creator, true), (6, Who::Creator, false), (4, Who::Admin, true), (5, Who::Admin, false)]
    {
        let world = World::new().with(|policy| policy.required_approvals = required);
        let result = world.perform(submitter, &ab_test(State::DRAFT), &doing(Action::START));
        assert_eq!(result.is_ok(), fits, "{required} approvals, submitted by {submitter:?}");
    }
}

/// The chosen and any Admin can decide, so both count.
///
/// Proves REQ-7, REQ-11, POL-3.
#[test]
fn chosen_approvers_and_admins_must_suffice() {
    for (required, fits) in [(3, true), (4, false)] {
        let world = World::new().with(|policy| policy.required_approvals = required);
        let command = asking(Action::LAUNCH, &[Who::Approver]);
        assert_eq!(world.perform(Who::Creator, &campaign(), &command).is_ok(), fits, "{required} approvals");
    }
}

fn schedule_refusal(result: Result<Outcome, Refusal>) -> String {
    match result {
        Err(Refusal::Schedule { problem, .. }) => problem,
        other => panic!("expected a schedule refusal, got {other:?}"),
    }
}

/// Proves POL-6.
#[test]
fn an_active_launch_needs_a_start_in_the_future() {
    for world in [World::new(), World::off()] {
        let launch = |start| world.perform(Who::Creator, &with_schedule(start, None), &doing(Action::LAUNCH));
        assert_eq!(schedule_refusal(launch(None)), "LAUNCH needs a start time: set schedule.start_time");
        assert_eq!(schedule_refusal(launch(Some(0))), "LAUNCH needs a start time in the future");
        assert!(launch(Some(1)).is_ok());
    }
}

/// Proves POL-6.
#[test]
fn an_approver_can_t_launch_at_once_either() {
    let refused = World::new().perform(Who::Admin, &with_schedule(None, None), &doing(Action::LAUNCH));
    assert_eq!(schedule_refusal(refused), "LAUNCH needs a start time: set schedule.start_time");
}

/// Proves POL-6, POL-7.
#[test]
fn an_active_launch_keeps_the_lead_time_to_the_microsecond() {
    let lead = Duration::from_hours(3);
    let world = World::new().with(|policy| policy.minimum_lead_time = lead);
    let launch = |start| {
        let schedule = Schedule { start: Some(start), end: None };
        world.perform(Who::Creator, &Resource { schedule, ..campaign() }, &doing(Action::LAUNCH))
    };
    let earliest = NOW.plus(lead);
    let too_early = crate::Timestamp(earliest.0 - 1);
    assert!(launch(earliest).is_ok());
    assert_eq!(
        launch(too_early),
        Err(Refusal::Schedule {
            problem: "an ACTIVE launch must start at least 10800 s from now".into(),
            start: Some(too_early),
            earliest: Some(earliest),
        })
    );
}

/// Proves POL-6.
#[test]
fn a_launch_ends_after_its_start() {
    for mode in LaunchMode::ALL {
        let launch =
            |start, end| World::new().perform(Who::Creator, &with_schedule(start, end), &launching(mode));
        let problem = "the end time must be in the future and after the start time";
        assert_eq!(schedule_refusal(launch(Some(2), Some(2))), problem, "{mode:?}");
        assert_eq!(schedule_refusal(launch(Some(2), Some(1))), problem, "{mode:?}");
        assert!(launch(Some(2), Some(3)).is_ok(), "{mode:?}");
    }
}

/// Proves POL-6.
#[test]
fn test_and_passive_launches_need_neither_approval_nor_start() {
    for mode in [LaunchMode::Test, LaunchMode::Passive] {
        let outcome =
            World::new().perform(Who::Creator, &with_schedule(None, None), &launching(mode)).unwrap();
        assert_eq!(outcome.history.event, HistoryEvent::Applied);
        assert_eq!(outcome.resource.launch_mode, Some(mode));
    }
}

#[test]
fn only_a_launch_has_a_mode() {
    let command = PerformAction { launch_mode: Some(LaunchMode::Test), ..doing(Action::START) };
    assert_eq!(
        violated(World::new().perform(Who::Creator, &ab_test(State::DRAFT), &command)),
        ["launch_mode"]
    );
}

/// Proves LIF-2, REQ-14.
#[test]
fn scheduling_needs_a_start_in_the_future() {
    let schedule = |start: Option<u64>| {
        let schedule = Schedule { start: start.map(after_hours), end: None };
        let before = Resource { schedule, ..ab_test(State::DRAFT) };
        World::new().perform(Who::Creator, &before, &doing(Action::SCHEDULE))
    };
    assert_eq!(schedule_refusal(schedule(None)), "SCHEDULE needs a start time: set schedule.start_time");
    assert_eq!(schedule_refusal(schedule(Some(0))), "SCHEDULE needs a start time in the future");
    assert!(schedule(Some(1)).is_ok());
}

/// Between the start time and the timer that acts on it, an UNSCHEDULE would be a request that has expired already.
///
/// Proves LIF-9, REQ-14.
#[test]
fn no_request_is_born_expired() {
    let world = World::new().at(after_hours(24));
    let refused = world.perform(Who::Creator, &ab_test(State::SCHEDULED), &doing(Action::UNSCHEDULE));
    assert_eq!(schedule_refusal(refused), "the time until which UNSCHEDULE could be approved has passed");
}

/// Proves REQ-14.
#[test]
fn the_deadline_is_the_kind_s_own_else_the_policy_s_age_else_never() {
    let old = |policy: &mut crate::Policy| policy.request_max_age = Some(Duration::from_hours(12));
    let deadline = |world: &World, resource: &Resource, action| {
        world.submit(Who::Creator, resource, &doing(action)).request.deadline
    };
    let (ageless, aged) = (World::new(), World::new().with(old));
    for world in [&ageless, &aged] {
        assert_eq!(deadline(world, &campaign(), Action::LAUNCH), Some(after_hours(48)));
        assert_eq!(deadline(world, &ab_test(State::DRAFT), Action::SCHEDULE), Some(after_hours(24)));
        assert_eq!(deadline(world, &ab_test(State::SCHEDULED), Action::UNSCHEDULE), Some(after_hours(24)));
    }
    for (world, expected) in [(&ageless, None), (&aged, Some(after_hours(12)))] {
        assert_eq!(deadline(world, &with_schedule(Some(1), None), Action::LAUNCH), expected);
        assert_eq!(deadline(world, &ab_test(State::DRAFT), Action::START), expected);
        assert_eq!(deadline(world, &remote_config(State::LIVE), Action::DELETE), expected);
    }
}

/// Proves REQ-13.
#[test]
fn a_finish_at_once_may_name_a_declared_variant() {
    let finish = |resource: &Resource, action: Action, winner: &str| {
        let command = PerformAction { winner: Some(winner.into()), ..doing(action) };
        World::off().perform(Who::Creator, resource, &command)
    };
    let outcome = finish(&ab_test(State::RUNNING), Action::FINISH, "B").unwrap();
    assert_eq!(outcome.resource.winner, Some("B".into()));
    for result in [
        finish(&ab_test(State::RUNNING), Action::FINISH, "C"),
        finish(&ab_test(State::RUNNING), Action::FINISH, ""),
        finish(&ab_test(State::RUNNING), Action::PAUSE, "A"),
        finish(&campaign(), Action::LAUNCH, "A"),
        finish(&remote_config(State::DRAFT), Action::PUBLISH, "A"),
    ] {
        assert_eq!(violated(result), ["winning_variant"]);
    }
}

/// Proves REQ-13.
#[test]
fn a_finish_that_needs_approval_names_no_winner() {
    let command = PerformAction { winner: Some("A".into()), ..doing(Action::FINISH) };
    let refused = World::new().perform(Who::Creator, &ab_test(State::RUNNING), &command);
    assert_eq!(violated(refused), ["winning_variant"]);
}

/// Proves REQ-13: another action with a winner is told what winners are for, whether it needs approval or not; nothing of a FINISH that
/// nobody asked for.
#[test]
fn a_pause_with_a_winner_is_told_of_pauses() {
    let command = PerformAction { winner: Some("A".into()), ..doing(Action::PAUSE) };
    for world in [World::new(), World::off()] {
        let refused = world.perform(Who::Creator, &ab_test(State::RUNNING), &command);
        let Err(Refusal::Invalid(violations)) = refused else { panic!("{refused:?}") };
        let told: Vec<_> = violations.iter().map(|it| (it.field.as_str(), it.description.as_str())).collect();
        assert_eq!(told, [("winning_variant", "is only for the FINISH of an A/B test")]);
    }
}

/// Proves LIF-23.
#[test]
fn the_approval_status_is_the_newest_request_s() {
    let world = World::new();
    let rejected = world.reject(Who::Approver, &world.launch_by_creator()).unwrap().resource;
    assert_eq!(rejected.approval_status, ApprovalStatus::ApprovalRejected);
    let title = Some("Better".into());
    let edited = world.update(Who::Creator, &rejected, Edit { title, ..Edit::default() }).unwrap().resource;
    assert_eq!(edited.approval_status, ApprovalStatus::ApprovalRejected);
    let again = world.submit(Who::Creator, &edited, &doing(Action::LAUNCH));
    assert_eq!(again.resource.approval_status, ApprovalStatus::ApprovalPending);
    let approved = world.approve(Who::Approver, &again).unwrap().resource;
    assert_eq!(approved.approval_status, ApprovalStatus::ApprovalApproved);
}
