//! Ending a request: who may, what counts, and what the loser is told.

use super::builders::*;
use crate::{
    Action, ActorRef, Digest, LaunchMode, Outcome, Refusal, RequestState, Resource, Schedule, State,
    SystemRole,
    decide::{Approve, Cancel, Reject},
    history::HistoryEvent,
    outcome::EventKind,
    policy::Cancellation,
    refusal::Permission,
    request::Verdict,
    resource::ApprovalStatus,
};

const CAMPAIGNS: &str = "engagement.campaigns";

fn denied(permission: Permission) -> Refusal {
    Refusal::PermissionDenied { permission, component: CAMPAIGNS.into() }
}

/// What `who` is told who has not the right to decide.
fn without_right(who: Who) -> Refusal {
    denied(if who.may_read() { Permission::Approve } else { Permission::Read })
}

/// Proves REQ-5, REQ-7, ACC-4, ACC-8, ACC-10.
#[test]
fn any_approver_of_the_area_decides_an_unassigned_request_and_nobody_else() {
    let world = World::new();
    let pending = world.launch_by_creator();
    for who in Who::EACH {
        let results = [world.approve(who, &pending), world.reject(who, &pending)];
        for result in results {
            if who.may_approve() {
                assert!(result.is_ok(), "{who:?}");
            } else {
                assert_eq!(result.unwrap_err(), without_right(who), "{who:?}");
            }
        }
    }
}

/// Proves REQ-7.
#[test]
fn the_chosen_and_any_admin_decide_an_assigned_request() {
    let world = World::new();
    let pending = world.submit(Who::Creator, &campaign(), &asking(Action::LAUNCH, &[Who::Approver]));
    for who in [Who::Approver, Who::Admin, Who::SecondAdmin] {
        assert!(world.approve(who, &pending).is_ok(), "{who:?}");
        assert!(world.reject(who, &pending).is_ok(), "{who:?}");
    }
    for who in [Who::SecondApprover, Who::EditorWithRight] {
        assert_eq!(world.approve(who, &pending), Err(Refusal::NotAssigned(REQUEST)), "{who:?}");
        assert_eq!(world.reject(who, &pending), Err(Refusal::NotAssigned(REQUEST)), "{who:?}");
    }
}

/// Proves REQ-5, POL-4.
#[test]
fn a_submitter_decides_only_where_self_approval_is_allowed() {
    let strict = World::new();
    let trusting = World::new().with(|policy| policy.allow_self_approval = true);
    for who in [Who::Admin, Who::Approver, Who::EditorWithRight] {
        let pending = strict.submit(who, &ab_test(State::DRAFT), &doing(Action::START));
        assert_eq!(strict.approve(who, &pending), Err(Refusal::SelfApproval(REQUEST)), "{who:?}");
        assert_eq!(strict.reject(who, &pending), Err(Refusal::SelfApproval(REQUEST)), "{who:?}");
        assert!(trusting.approve(who, &pending).is_ok(), "{who:?}");
        assert!(trusting.reject(who, &pending).is_ok(), "{who:?}");
    }
}

/// A Creator does not become an approver by self-approval.
///
/// Proves REQ-5, POL-4, ACC-10.
#[test]
fn self_approval_gives_nobody_the_right_to_approve() {
    let world = World::new().with(|policy| policy.allow_self_approval = true);
    let pending = world.launch_by_creator();
    assert_eq!(world.approve(Who::Creator, &pending), Err(denied(Permission::Approve)));
}

/// Proves REQ-9, ACC-10.
#[test]
fn the_right_to_decide_is_that_of_the_moment() {
    let before = World::new();
    let pending = before.submit(Who::Creator, &campaign(), &asking(Action::LAUNCH, &[Who::EditorWithRight]));
    let mut after = before.clone();
    for member in &mut after.members {
        member.approval_right = false;
    }
    assert!(before.approve(Who::EditorWithRight, &pending).is_ok());
    assert_eq!(after.approve(Who::EditorWithRight, &pending), Err(denied(Permission::Approve)));
}

/// Proves REQ-8.
#[test]
fn one_approval_suffices_by_default() {
    let world = World::new();
    let approved = world.approve(Who::Approver, &world.launch_by_creator()).unwrap();
    assert_eq!(approved.resource.state, State::SCHEDULED);
}

/// Proves POL-3, REQ-8, LIF-20, HIS-1.
#[test]
fn with_more_approvals_asked_for_each_is_recorded_and_the_last_applies() {
    let world = World::new().with(|policy| policy.required_approvals = 3);
    let mut pending = world.launch_by_creator();
    for who in [Who::Approver, Who::Admin] {
        let outcome = world.approve(who, &pending).unwrap();
        assert_eq!(outcome.history.event, HistoryEvent::ApprovalRecorded);
        assert_eq!(outcome.event.kind, EventKind::RequestApprovalRecorded);
        assert_eq!(outcome.resource.state, State::DRAFT);
        assert_eq!(outcome.resource.lock, pending.resource.lock);
        assert_eq!(outcome.resource.approval_status, ApprovalStatus::ApprovalPending);
        pending = Pending::after(outcome);
        assert_eq!(pending.request.state, RequestState::Pending);
    }
    let last = world.approve(Who::SecondApprover, &pending).unwrap();
    assert_eq!(last.history.event, HistoryEvent::Approved);
    assert_eq!(last.resource.state, State::SCHEDULED);
    let request = Pending::after(last).request;
    let by: Vec<_> =
        request.decisions.iter().map(|decision| (decision.by.clone(), decision.verdict)).collect();
    assert_eq!(
        by,
        [Who::Approver, Who::Admin, Who::SecondApprover].map(|who| (who.as_ref(), Verdict::Approved))
    );
}

/// Proves POL-3.
#[test]
fn the_same_person_counts_once() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    let pending = Pending::after(world.approve(Who::Approver, &world.launch_by_creator()).unwrap());
    let again = Refusal::AlreadyApproved { approvals: 1, required: 2 };
    assert_eq!(world.approve(Who::Approver, &pending), Err(again.clone()));
    assert_eq!(world.reject(Who::Approver, &pending), Err(again));
}

/// Proves POL-3, REQ-8.
#[test]
fn one_rejection_ends_a_request_that_has_approvals() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    let pending = Pending::after(world.approve(Who::Approver, &world.launch_by_creator()).unwrap());
    let outcome = world.reject(Who::Admin, &pending).unwrap();
    assert_eq!(outcome.resource.lock, None);
    assert_eq!(Pending::after(outcome).request.state.as_str(), "REJECTED");
}

/// A request keeps the number that it was submitted under.
///
/// Proves POL-3, REQ-3.
#[test]
fn a_later_policy_asks_no_more_and_no_less_of_a_pending_request() {
    let pending = World::new().launch_by_creator();
    let stricter = World::new().with(|policy| policy.required_approvals = 2);
    assert_eq!(stricter.approve(Who::Admin, &pending).unwrap().resource.state, State::SCHEDULED);
}

/// Every way to end a request, tried on one that has ended.
fn tries(world: &World, who: Who, ended: &Pending) -> [Result<Outcome, Refusal>; 3] {
    [world.approve(who, ended), world.reject(who, ended), world.cancel(who, ended)]
}

/// Proves REQ-4.
#[test]
fn the_loser_is_told_who_won_with_what_and_when() {
    let world = World::new();
    let pending = world.launch_by_creator();
    let endings = [
        (world.approve(Who::Approver, &pending).unwrap(), "APPROVED", Who::Approver, NOW),
        (world.reject(Who::Approver, &pending).unwrap(), "REJECTED", Who::Approver, NOW),
        (world.cancel(Who::Creator, &pending).unwrap(), "CANCELLED", Who::Creator, NOW),
        (world.clone().at(after_hours(48)).expire(&pending).unwrap(), "EXPIRED", Who::Timer, after_hours(48)),
    ];
    let later = world.at(after_hours(99));
    for (outcome, state, by, at) in endings {
        let ended = Pending::after(outcome);
        let told = Refusal::Decided { request: REQUEST, state, by: by.as_ref(), at };
        for result in tries(&later, Who::Admin, &ended) {
            assert_eq!(result, Err(told.clone()));
        }
        assert_eq!(later.expire(&ended), None, "{state}");
    }
}

/// Who won is more to the point than that the etag is stale.
///
/// Proves REQ-4.
#[test]
fn the_loser_is_told_who_won_even_with_an_old_etag_and_digest() {
    let world = World::new();
    let ended = Pending::after(world.reject(Who::Approver, &world.launch_by_creator()).unwrap());
    let (expected_version, digest) = (Some(1), Some(Digest::from_text("sha256:other")));
    let approve =
        Approve { expected_version, digest: digest.clone(), winner: Some("A".into()), ..Approve::default() };
    let reject = Reject { expected_version, digest, ..Reject::default() };
    let cancel = Cancel { expected_version, ..Cancel::default() };
    for result in [
        world.approve_with(Who::Admin, &ended, &approve),
        world.reject_with(Who::Admin, &ended, &reject),
        world.act(Who::Admin, |context| {
            crate::decide::cancel(context, &ended.resource, &ended.request, &cancel)
        }),
    ] {
        assert!(matches!(result, Err(Refusal::Decided { state: "REJECTED", .. })), "{result:?}");
    }
}

/// Proves REQ-4, REQ-14.
#[test]
fn a_passed_deadline_counts_before_the_timer_has_come_round() {
    let pending = World::new().launch_by_creator();
    let just_before = World::new().at(crate::Timestamp(after_hours(48).0 - 1));
    assert!(just_before.approve(Who::Admin, &pending).is_ok());
    let told = Refusal::Decided {
        request: REQUEST,
        state: "EXPIRED",
        by: ActorRef::countersign(),
        at: after_hours(48),
    };
    for result in tries(&World::new().at(after_hours(48)), Who::Admin, &pending) {
        assert_eq!(result, Err(told.clone()));
    }
}

/// Proves REQ-14.
#[test]
fn a_request_expires_at_its_deadline_and_not_before() {
    let pending = World::new().launch_by_creator();
    assert_eq!(World::new().at(crate::Timestamp(after_hours(48).0 - 1)).expire(&pending), None);
    let expired = World::new().at(after_hours(48)).expire(&pending).unwrap();
    assert_eq!(expired.resource.state, State::DRAFT);
    assert_eq!(expired.resource.lock, None);
    assert_eq!(expired.resource.approval_status, ApprovalStatus::ApprovalExpired);
}

/// Proves REQ-14.
#[test]
fn a_request_without_deadline_never_expires() {
    let pending = World::new().submit(Who::Creator, &ab_test(State::RUNNING), &doing(Action::PAUSE));
    assert_eq!(World::new().at(crate::Timestamp(i64::MAX)).expire(&pending), None);
}

/// Proves REQ-15.
#[test]
fn a_campaign_approved_after_its_start_starts_at_once() {
    let pending = World::new().launch_by_creator();
    let late = World::new().at(after_hours(30));
    let approved = late.approve(Who::Approver, &pending).unwrap().resource;
    assert_eq!(approved.state, State::SCHEDULED);
    assert_eq!(late.fire(&approved).unwrap().resource.state, State::RUNNING);
}

/// Proves REQ-15.
#[test]
fn a_campaign_approved_before_its_start_starts_on_time() {
    let world = World::new();
    let approved = world.approve(Who::Approver, &world.launch_by_creator()).unwrap().resource;
    assert_eq!(world.clone().at(crate::Timestamp(after_hours(24).0 - 1)).fire(&approved), None);
    assert_eq!(world.at(after_hours(24)).fire(&approved).unwrap().resource.state, State::RUNNING);
}

/// Proves REQ-15.
#[test]
fn a_campaign_never_approved_never_starts() {
    let world = World::with_every_ending();
    let pending = world.launch_by_creator();
    let late = world.clone().at(after_hours(48));
    for resource in [
        campaign(),
        pending.resource.clone(),
        world.reject(Who::Approver, &pending).unwrap().resource,
        world.cancel(Who::Creator, &pending).unwrap().resource,
        late.expire(&pending).unwrap().resource,
    ] {
        assert_eq!(crate::timer::due_at(&crate::Lifecycles::default(), &resource), None);
        assert_eq!(late.fire(&resource), None);
    }
}

/// Proves REQ-16.
#[test]
fn a_decision_on_another_digest_is_refused() {
    let world = World::new();
    let pending = world.submit(Who::Creator, &ab_test(State::RUNNING), &doing(Action::PUBLISH_EDITS));
    let (seen, other) = (pending.request.digest.clone(), pending.resource.live.digest.clone());
    let approve = |digest: Digest| {
        world.approve_with(Who::Admin, &pending, &Approve { digest: Some(digest), ..Approve::default() })
    };
    let reject = |digest: Digest| {
        world.reject_with(Who::Admin, &pending, &Reject { digest: Some(digest), ..Reject::default() })
    };
    assert_eq!(approve(other.clone()), Err(Refusal::DigestMismatch(seen.clone())));
    assert_eq!(reject(other), Err(Refusal::DigestMismatch(seen.clone())));
    assert!(approve(seen.clone()).is_ok());
    assert!(reject(seen).is_ok());
}

#[test]
fn a_decision_with_a_stale_etag_is_refused() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    let pending = Pending::after(world.approve(Who::Approver, &world.launch_by_creator()).unwrap());
    let decide_with = |version: i64| {
        let expected_version = Some(version);
        let reject = Reject { expected_version, note: "no".into(), ..Reject::default() };
        let cancel = Cancel { expected_version, ..Cancel::default() };
        [
            world.approve_with(Who::Admin, &pending, &Approve { expected_version, ..Approve::default() }),
            world.reject_with(Who::Admin, &pending, &reject),
            world.act(Who::Admin, |context| {
                crate::decide::cancel(context, &pending.resource, &pending.request, &cancel)
            }),
        ]
    };
    for stale in decide_with(1) {
        assert_eq!(stale, Err(Refusal::EtagMismatch { current: 2 }));
    }
    for fresh in decide_with(2) {
        assert!(fresh.is_ok());
    }
}

/// Proves REQ-12.
#[test]
fn a_rejection_needs_a_note_where_the_policy_says_so() {
    let world = World::new();
    let campaign = world.launch_by_creator();
    let experience = world.submit(Who::Creator, &ab_test(State::DRAFT), &doing(Action::START));
    let noted = |note: &str| Reject { note: note.into(), ..Reject::default() };
    for empty in ["", "  \n\t\u{a0}"] {
        assert_eq!(violated(world.reject_with(Who::Admin, &campaign, &noted(empty))), ["note"]);
        assert!(world.reject_with(Who::Admin, &experience, &noted(empty)).is_ok());
    }
    assert!(world.reject_with(Who::Admin, &campaign, &noted("too loud")).is_ok());
    let mut switched = world.clone();
    switched.campaigns.rejection_note_required = false;
    switched.experiences.rejection_note_required = true;
    assert!(switched.reject_with(Who::Admin, &campaign, &noted("")).is_ok());
    assert_eq!(violated(switched.reject_with(Who::Admin, &experience, &noted(""))), ["note"]);
}

/// Proves REQ-12.
#[test]
fn an_approval_never_needs_a_note() {
    let world = World::new();
    assert!(world.approve(Who::Admin, &world.launch_by_creator()).is_ok());
}

fn with_winner(winner: &str) -> Approve {
    Approve { winner: Some(winner.into()), ..Approve::default() }
}

/// Proves REQ-13.
#[test]
fn approving_a_finish_may_name_a_declared_variant() {
    let world = World::new();
    for state in [State::RUNNING, State::PAUSED] {
        let pending = world.submit(Who::Creator, &ab_test(state), &doing(Action::FINISH));
        let outcome = world.approve_with(Who::Approver, &pending, &with_winner("B")).unwrap();
        assert_eq!(outcome.resource.winner.as_deref(), Some("B"));
        let RequestState::Approved { winner, .. } = Pending::after(outcome).request.state else { panic!() };
        assert_eq!(winner.as_deref(), Some("B"));
        assert_eq!(world.approve(Who::Approver, &pending).unwrap().resource.winner, None);
        for unknown in ["C", "b", ""] {
            let refused = world.approve_with(Who::Approver, &pending, &with_winner(unknown));
            assert_eq!(violated(refused), ["winning_variant"], "{unknown:?}");
        }
    }
}

/// Proves REQ-13.
#[test]
fn a_winner_anywhere_else_is_refused() {
    let world = World::new();
    for (resource, action) in [
        (ab_test(State::RUNNING), Action::PAUSE),
        (ab_test(State::FINISHED), Action::DELETE),
        (remote_config(State::DRAFT), Action::PUBLISH),
        (campaign(), Action::LAUNCH),
    ] {
        let pending = world.submit(Who::Creator, &resource, &doing(action));
        let refused = world.approve_with(Who::Approver, &pending, &with_winner("A"));
        assert_eq!(violated(refused), ["winning_variant"]);
    }
}

/// An approval that is one of several is not the one that rolls a winner out: one named with it would be lost in silence.
///
/// Proves REQ-13, POL-3.
#[test]
fn only_the_approval_that_applies_the_finish_names_the_winner() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    let pending = world.submit(Who::Creator, &ab_test(State::RUNNING), &doing(Action::FINISH));
    assert_eq!(violated(world.approve_with(Who::Approver, &pending, &with_winner("A"))), ["winning_variant"]);
    let first = Pending::after(world.approve(Who::Approver, &pending).unwrap());
    let last = world.approve_with(Who::Admin, &first, &with_winner("A")).unwrap();
    assert_eq!(last.resource.winner.as_deref(), Some("A"));
}

/// Proves REQ-17.
#[test]
fn a_campaign_s_request_is_cancelled_by_whoever_may_write() {
    let world = World::new();
    let pending = world.launch_by_creator();
    for who in Who::EACH {
        let result = world.cancel(who, &pending);
        if who.may_write() {
            assert_eq!(result.unwrap().resource.lock, None, "{who:?}");
        } else {
            let permission = if who.may_read() { Permission::Cancel } else { Permission::Read };
            assert_eq!(result, Err(denied(permission)), "{who:?}");
        }
    }
}

/// Proves REQ-17.
#[test]
fn a_product_experience_s_request_is_cancelled_by_nobody_unless_the_policy_opens_it() {
    let world = World::new();
    let pending =
        world.submit(Who::Creator, &ab_test(State::DRAFT), &asking(Action::START, &[Who::Approver]));
    let component = "engagement.product_experiences";
    for who in Who::EACH {
        let permission = if who.may_read() { Permission::Cancel } else { Permission::Read };
        let refused = Err(Refusal::PermissionDenied { permission, component: component.into() });
        assert_eq!(world.cancel(who, &pending), refused, "{who:?}");
    }
    let open = world.with(|policy| policy.cancellation = Cancellation::Writers);
    assert!(open.cancel(Who::Creator, &pending).is_ok());
}

/// Proves REQ-9, REQ-17.
#[test]
fn an_assigned_approver_who_lost_the_right_can_t_cancel_by_the_assignment() {
    let mut world = World::new();
    let pending = world.submit(Who::Creator, &campaign(), &asking(Action::LAUNCH, &[Who::Approver]));
    for member in &mut world.members {
        if member.id == Who::Approver.id() {
            member.system_role = Some(SystemRole::Member);
        }
    }
    assert_eq!(world.cancel(Who::Approver, &pending), Err(denied(Permission::Cancel)));
}

/// Proves REQ-17, LIF-20.
#[test]
fn a_cancelled_resource_is_editable_again() {
    let world = World::new();
    let resource = world.cancel(Who::Editor, &world.launch_by_creator()).unwrap().resource;
    let edit = crate::edit::Edit { content: Some(content("better", 0)), ..Default::default() };
    assert!(world.update(Who::Creator, &resource, edit).is_ok());
}

/// Proves ACC-16.
#[test]
fn who_may_not_decide_learns_nothing_of_the_request() {
    let world = World::new();
    let pending = world.launch_by_creator();
    let ended = Pending::after(world.approve(Who::Approver, &pending).unwrap());
    let odd = Approve {
        expected_version: Some(99),
        digest: Some(Digest::from_text("sha256:other")),
        note: String::new(),
        winner: Some("Z".into()),
    };
    let odd_reject = Reject { expected_version: Some(99), digest: odd.digest.clone(), note: String::new() };
    for who in Who::EACH.into_iter().filter(|who| !who.may_approve()) {
        let late = world.clone().at(after_hours(99));
        for (world, request) in [(&world, &pending), (&world, &ended), (&late, &pending)] {
            assert_eq!(world.approve_with(who, request, &odd), Err(without_right(who)), "{who:?}");
            assert_eq!(world.reject_with(who, request, &odd_reject), Err(without_right(who)), "{who:?}");
        }
    }
}

/// Proves ACC-16.
#[test]
fn who_may_not_cancel_learns_nothing_of_the_request() {
    let world = World::new();
    let pending = world.launch_by_creator();
    let ended = Pending::after(world.approve(Who::Approver, &pending).unwrap());
    assert_eq!(world.cancel(Who::Member, &ended), Err(denied(Permission::Cancel)));
    assert_eq!(world.cancel(Who::Stranger, &ended), Err(denied(Permission::Read)));
}

/// Proves LIF-14, POL-6.
#[test]
fn an_approved_launch_remembers_its_mode() {
    let world = World::new();
    let schedule = Schedule { start: Some(after_hours(1)), end: None };
    let resource = Resource { schedule, ..campaign() };
    let pending = world.submit(Who::Creator, &resource, &doing(Action::LAUNCH));
    assert_eq!(pending.resource.launch_mode, None);
    let approved = world.approve(Who::Approver, &pending).unwrap().resource;
    assert_eq!(approved.launch_mode, Some(LaunchMode::Active));
}

/// What goes live is what was submitted, whatever the resource holds beside it.
///
/// Proves LIF-5, LIF-12, REQ-3.
#[test]
fn an_approved_edit_puts_the_submitted_change_in_force() {
    let world = World::new();
    for before in [ab_test(State::RUNNING), ab_test(State::PAUSED), remote_config(State::LIVE)] {
        let pending = world.submit(Who::Creator, &before, &doing(Action::PUBLISH_EDITS));
        let after = world.approve(Who::Approver, &pending).unwrap().resource;
        assert_eq!(Some(after.live), pending.request.change);
        assert_eq!(after.staged, None);
        assert_eq!(after.state, before.state);
    }
}
