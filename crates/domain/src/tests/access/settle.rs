//! What becomes of a pending request when a right to decide it is lost.

use super::{super::builders::*, CAMPAIGNS, for_countries, role, scoped, someone};
use crate::{
    Action, Assignment, Member, MemberState, Outcome, RequestState, RequestWrite, Resource, Rights, State,
    SystemRole,
    edit::Edit,
    history::HistoryEvent,
    loss::settle,
    outcome::EventKind,
    perform::PerformAction,
    recipients::{Reason, RibbonKind},
    request::{Ending, ExpiryReason},
    resource::ApprovalStatus,
};

fn settled(world: &World, pending: &Pending) -> Option<Outcome> {
    world.act(Who::Timer, |context| settle(context, &pending.resource, &pending.request))
}

/// `world` without the right of these.
fn without(world: &World, who: &[Who]) -> World {
    who.iter().fold(world.clone(), |world, who| {
        let demoted = Member { system_role: Some(SystemRole::Member), approval_right: false, ..member(*who) };
        world.with_member(&demoted)
    })
}

fn chosen(world: &World, approvers: &[Who]) -> Pending {
    world.submit(Who::Creator, &campaign(), &asking(Action::LAUNCH, approvers))
}

/// The members who are told, with the reason and the ribbon.
fn told(outcome: &Outcome) -> Vec<(crate::MemberId, Reason, Option<RibbonKind>)> {
    let told = |it: &crate::recipients::Recipient| (it.member_id, it.reason, it.ribbon);
    outcome.event.recipients.iter().map(told).collect()
}

/// Proves REQ-10, NOT-6, HIS-1.
#[test]
fn an_assignment_ends_with_the_right_and_the_others_go_on() {
    let world = World::new();
    let pending = chosen(&world, &[Who::Approver, Who::EditorWithRight, Who::SecondApprover]);
    let after = without(&world, &[Who::Approver, Who::EditorWithRight]);
    let outcome = settled(&after, &pending).unwrap();

    let lost = |who: Who| Assignment { member: who.id(), expired_at: Some(NOW) };
    let mut request = pending.request.clone();
    request.assignments =
        vec![lost(Who::Approver), lost(Who::EditorWithRight), Assignment::new(Who::SecondApprover.id())];
    request.version = 2;
    let actors = vec![Who::Approver.as_ref(), Who::EditorWithRight.as_ref()];
    assert_eq!(
        outcome.request,
        Some(RequestWrite::Update { request, decision: None, anew: false, lost: actors, voided: Vec::new() })
    );
    assert_eq!(outcome.resource, Resource { version: 9, updated_at: NOW, ..pending.resource.clone() });
    assert_eq!(outcome.history.event, HistoryEvent::AssignmentExpired);
    assert_eq!(outcome.history.note, "can't decide any more: Approver, EditorWithRight");
    assert_eq!(outcome.event.kind, EventKind::RequestAssignmentExpired);
    assert_eq!(told(&outcome), [(Who::Creator.id(), Reason::Submitter, None)]);

    let left = Pending::after(outcome);
    assert!(after.approve(Who::SecondApprover, &left).is_ok());
    assert_eq!(settled(&after, &left), None, "settled is settled");
}

fn check_ended(outcome: &Outcome, pending: &Pending, note: &str) {
    let request = outcome.request.as_ref().unwrap().request();
    let ending = Ending { by: Who::Timer.as_ref(), at: NOW, note: note.into() };
    let reason = ExpiryReason::NoEligibleApprovers;
    assert_eq!(request.state, RequestState::Expired { ending, reason });
    assert_eq!(request.version, pending.request.version + 1);
    assert_eq!(
        (outcome.resource.lock.as_ref(), &outcome.resource.state),
        (None, &pending.request.from_state)
    );
    assert_eq!(outcome.resource.approval_status, ApprovalStatus::ApprovalExpired);
    assert_eq!(outcome.history.event, HistoryEvent::Expired);
    assert_eq!(outcome.event.kind, EventKind::RequestExpired);
    let submitter = pending.request.submitter.member_id.unwrap();
    assert_eq!(told(outcome), [(submitter, Reason::Submitter, Some(RibbonKind::Result))]);
}

/// Proves REQ-10, NOT-6.
#[test]
fn with_the_last_assignee_the_request_ends_and_the_resource_is_editable_again() {
    let world = World::new();
    let pending = chosen(&world, &[Who::Approver, Who::EditorWithRight]);
    let first = without(&world, &[Who::Approver]);
    let pending = Pending::after(settled(&first, &pending).unwrap());
    let last = without(&first, &[Who::EditorWithRight]);
    let outcome = settled(&last, &pending).unwrap();
    check_ended(&outcome, &pending, "can't decide any more: EditorWithRight");
    let edit = Edit { title: Some("Other".into()), ..Edit::default() };
    assert!(last.update(Who::Creator, &outcome.resource, edit).is_ok());
    assert_eq!(settled(&last, &Pending::after(outcome)), None);
}

/// Proves REQ-10.
#[test]
fn all_assignees_lost_at_once_end_it_at_once() {
    let world = World::new();
    let pending = chosen(&world, &[Who::Approver, Who::EditorWithRight]);
    let outcome = settled(&without(&world, &[Who::Approver, Who::EditorWithRight]), &pending).unwrap();
    check_ended(&outcome, &pending, "can't decide any more: Approver, EditorWithRight");
    assert_eq!(outcome.request.unwrap().request().assigned().count(), 0);
}

/// Proves REQ-10.
#[test]
fn an_unassigned_request_goes_on_while_anybody_but_the_submitter_could_decide() {
    let world = World::new().only(&[Who::Creator, Who::Admin, Who::Approver]);
    let by_creator = world.launch_by_creator();
    let by_approver = world.submit(Who::Approver, &ab_test(State::DRAFT), &doing(Action::START));
    assert_eq!(settled(&world, &by_creator), None);
    let approver_left = without(&world, &[Who::Admin]);
    assert_eq!(settled(&approver_left, &by_creator), None);
    let outcome = settled(&approver_left, &by_approver).unwrap();
    check_ended(&outcome, &by_approver, "too few are left who could approve");
    let trusting = approver_left.with(|policy| policy.allow_self_approval = true);
    assert_eq!(settled(&trusting, &by_approver), None);
    check_ended(
        &settled(&without(&world, &[Who::Admin, Who::Approver]), &by_creator).unwrap(),
        &by_creator,
        "too few are left who could approve",
    );
}

/// Who has approved can't approve again, so nobody is left who could decide: a product experience, which nobody may cancel,
/// would be locked for ever.
///
/// Proves REQ-10, POL-3.
#[test]
fn who_has_approved_already_is_not_left() {
    let world = World::new()
        .only(&[Who::Creator, Who::Admin, Who::Approver])
        .with(|policy| policy.required_approvals = 2);
    let submitted = world.submit(Who::Creator, &ab_test(State::DRAFT), &doing(Action::START));
    let pending = Pending::after(world.approve(Who::Admin, &submitted).unwrap());
    assert_eq!(settled(&world, &pending), None);
    let outcome = settled(&without(&world, &[Who::Approver]), &pending).unwrap();
    check_ended(&outcome, &pending, "too few are left who could approve");
}

/// It could never be approved, and would have been refused had it been submitted now.
///
/// Proves REQ-10, REQ-11, POL-3.
#[test]
fn a_request_ends_when_fewer_are_left_than_approvals_are_missing() {
    let world = World::new()
        .only(&[Who::Creator, Who::Admin, Who::Approver])
        .with(|policy| policy.required_approvals = 2);
    for pending in [world.launch_by_creator(), chosen(&world, &[Who::Approver])] {
        assert_eq!(settled(&world, &pending), None);
        let one_left = world.clone().only(&[Who::Creator, Who::Approver]);
        let outcome = settled(&one_left, &pending).unwrap();
        check_ended(&outcome, &pending, "too few are left who could approve");
    }
}

/// Every way to lose the right.
///
/// Proves REQ-10, ACC-9.
#[test]
fn it_does_not_matter_how_the_right_was_lost() {
    let approves = role(1, &[(CAMPAIGNS, Rights::APPROVE)]);
    let holder = someone(1, None, &[&approves]);
    let before = World::new().with_roles(&[&approves]).with_member(&holder);
    let us = for_countries(campaign(), &["US"]);
    let approvers = vec![holder.id, Who::Approver.id()];
    let pending = before.submit(Who::Creator, &us, &PerformAction { approvers, ..doing(Action::LAUNCH) });
    let reads = role(1, &[(CAMPAIGNS, Rights::WRITE)]);
    let mut deleted = before.clone();
    deleted.roles.remove(approves.id);
    for (how, after, lost) in [
        ("nothing happened", before.clone(), false),
        (
            "revoked",
            before.clone().with_member(&Member { state: MemberState::Revoked, ..holder.clone() }),
            true,
        ),
        ("other roles", before.clone().with_member(&Member { roles: Vec::new(), ..holder.clone() }), true),
        ("role edited", before.clone().with_roles(&[&reads]), true),
        ("role deleted", deleted, true),
        ("scope elsewhere", before.clone().with_roles(&[&scoped(approves.clone(), &["CA"])]), true),
        ("scope around it", before.clone().with_roles(&[&scoped(approves.clone(), &["US", "CA"])]), false),
        (
            "promoted",
            before.clone().with_member(&Member { system_role: Some(SystemRole::Admin), ..holder.clone() }),
            false,
        ),
    ] {
        let outcome = settled(&after, &pending);
        let expected = lost.then(|| vec![Who::Approver.id()]);
        let left = outcome.map(|outcome| outcome.request.unwrap().request().assigned().collect::<Vec<_>>());
        assert_eq!(left, expected, "{how}");
    }
}

/// Proves ACC-12, REQ-10.
#[test]
fn a_scope_that_narrows_ends_what_nobody_inside_could_decide() {
    let approves = role(1, &[(CAMPAIGNS, Rights::APPROVE)]);
    let holder = someone(1, None, &[&approves]);
    let before = World::new().only(&[Who::Creator]).with_roles(&[&approves]).with_member(&holder);
    let pending = before.submit(Who::Creator, &for_countries(campaign(), &["US"]), &doing(Action::LAUNCH));
    let narrowed =
        |values: &[&str]| settled(&before.clone().with_roles(&[&scoped(approves.clone(), values)]), &pending);
    assert_eq!(narrowed(&["US", "CA"]), None);
    check_ended(&narrowed(&["CA"]).unwrap(), &pending, "too few are left who could approve");
}

/// Proves POL-4, REQ-5, REQ-10.
#[test]
fn a_submitter_who_was_chosen_is_lost_with_self_approval() {
    let trusting = World::new().with(|policy| policy.allow_self_approval = true);
    let approvers = [Who::Approver, Who::SecondApprover];
    let pending = trusting.submit(Who::Approver, &ab_test(State::DRAFT), &asking(Action::START, &approvers));
    assert_eq!(settled(&trusting, &pending), None);
    let outcome = settled(&World::new(), &pending).unwrap();
    let left: Vec<_> = outcome.request.unwrap().request().assigned().collect();
    assert_eq!(left, [Who::SecondApprover.id()]);
}

/// Proves REQ-4, REQ-10.
#[test]
fn what_has_ended_is_not_settled() {
    let world = World::new();
    let pending = chosen(&world, &[Who::Approver]);
    for ended in [world.approve(Who::Admin, &pending), world.reject(Who::Admin, &pending)] {
        assert_eq!(settled(&without(&world, &[Who::Approver]), &Pending::after(ended.unwrap())), None);
    }
}

/// Proves REQ-22, REQ-10, NOT-6, HIS-1.
#[test]
fn a_lost_approver_s_earlier_approval_does_not_count_any_more() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    let asked = chosen(&world, &[Who::Approver, Who::EditorWithRight]);
    let pending = Pending::after(world.approve(Who::Approver, &asked).unwrap());
    let after = without(&world, &[Who::Approver]);
    let outcome = settled(&after, &pending).unwrap();
    assert_eq!(outcome.history.event, HistoryEvent::VoteVoided);
    let note = "no longer counted: the approval of Approver. can't decide any more: Approver";
    assert_eq!(outcome.history.note, note);
    assert_eq!(outcome.event.kind, EventKind::RequestAssignmentExpired);
    assert_eq!(told(&outcome), [(Who::Creator.id(), Reason::Submitter, None)]);
    let Some(RequestWrite::Update { request, decision: None, anew: false, lost, voided }) = &outcome.request
    else {
        panic!("{outcome:?}")
    };
    assert_eq!((lost, voided), (&vec![Who::Approver.as_ref()], &vec![Who::Approver.as_ref()]));
    assert_eq!((request.approvals(), request.decided_by(Who::Approver.id())), (0, false));
    assert_eq!(request.decisions.len(), 1, "it is still to be seen");
    assert_eq!(request.decisions[0].voided_at, Some(NOW));

    let pending = Pending::after(outcome);
    assert_eq!(settled(&after, &pending), None, "settled is settled");
    let pending = Pending::after(after.approve(Who::EditorWithRight, &pending).unwrap());
    assert_eq!(pending.request.state, RequestState::Pending, "one of two");
    assert_eq!(after.approve(Who::Admin, &pending).unwrap().resource.state, State::SCHEDULED);
}

/// Every way to lose the right takes the vote with it, also of a request that nobody in particular was asked for.
///
/// Proves REQ-22, REQ-5, REQ-7, ACC-9, ACC-12.
#[test]
fn a_vote_goes_with_the_right_however_that_is_lost() {
    let approves = role(1, &[(CAMPAIGNS, Rights::APPROVE)]);
    let holder = someone(1, None, &[&approves]);
    let before = World::new().with_roles(&[&approves]).with_member(&holder);
    let before = before.with(|policy| policy.required_approvals = 2);
    let us = for_countries(campaign(), &["US"]);
    let mut pending = before.submit(Who::Creator, &us, &doing(Action::LAUNCH));
    let vote = crate::request::Decision {
        by: crate::ActorRef { member_id: Some(holder.id), name: holder.display_name.clone(), service: None },
        verdict: crate::request::Verdict::Approved,
        note: String::new(),
        at: NOW,
        voided_at: None,
    };
    pending.request.decisions.push(vote);
    let reads = role(1, &[(CAMPAIGNS, Rights::WRITE)]);
    let mut deleted = before.clone();
    deleted.roles.remove(approves.id);
    let as_member = |member: Member| before.clone().with_member(&member);
    for (how, after, counts) in [
        ("nothing happened", before.clone(), true),
        ("revoked", as_member(Member { state: MemberState::Revoked, ..holder.clone() }), false),
        ("other roles", as_member(Member { roles: Vec::new(), ..holder.clone() }), false),
        ("role edited", before.clone().with_roles(&[&reads]), false),
        ("role deleted", deleted, false),
        ("scope elsewhere", before.clone().with_roles(&[&scoped(approves.clone(), &["CA"])]), false),
        ("scope around it", before.clone().with_roles(&[&scoped(approves.clone(), &["US", "CA"])]), true),
        ("promoted", as_member(Member { system_role: Some(SystemRole::Admin), ..holder.clone() }), true),
    ] {
        let left = settled(&after, &pending).map_or(1, |it| it.request.unwrap().request().approvals());
        assert_eq!(left, usize::from(counts), "{how}");
        // As long as it is not settled it counts no more either.
        let outcome = after.approve(Who::Approver, &pending).unwrap();
        let approved = outcome.resource.state == State::SCHEDULED;
        assert_eq!(approved, counts, "{how}");
        let last = Pending::after(outcome);
        assert_eq!(last.request.approvals(), if counts { 2 } else { 1 }, "{how}");
        assert_eq!(last.request.decisions.len(), 2, "{how}");
    }
}

/// Proves REQ-22, REQ-5, REQ-7, POL-4.
#[test]
fn a_vote_goes_with_self_approval_and_with_the_role_of_an_admin() {
    let trusting = World::new().with(|policy| {
        policy.allow_self_approval = true;
        policy.required_approvals = 2;
    });
    let test = ab_test(State::DRAFT);
    let own = trusting.submit(Who::Approver, &test, &doing(Action::START));
    let own = Pending::after(trusting.approve(Who::Approver, &own).unwrap());
    assert_eq!(settled(&trusting, &own), None);
    let strict = trusting.clone().with(|policy| policy.allow_self_approval = false);
    assert_eq!(settled(&strict, &own).unwrap().request.unwrap().request().approvals(), 0);

    // Of a request that others were chosen for, an Admin decided as Admin.
    let asked = chosen(&trusting, &[Who::Approver, Who::SecondApprover]);
    let by_admin = Pending::after(trusting.approve(Who::Admin, &asked).unwrap());
    let demoted = Member { system_role: Some(SystemRole::Approver), ..member(Who::Admin) };
    let outcome = settled(&trusting.clone().with_member(&demoted), &by_admin).unwrap();
    assert_eq!(outcome.request.unwrap().request().approvals(), 0);
}

/// Proves REQ-22, POL-3.
#[test]
fn who_has_the_right_again_decides_anew() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    let pending = Pending::after(world.approve(Who::Approver, &world.launch_by_creator()).unwrap());
    let pending = Pending::after(settled(&without(&world, &[Who::Approver]), &pending).unwrap());
    let outcome = world.approve(Who::Approver, &pending).unwrap();
    let Some(RequestWrite::Update { request, anew: true, voided, .. }) = &outcome.request else {
        panic!("{outcome:?}")
    };
    assert_eq!((request.decisions.len(), request.approvals(), voided.len()), (1, 1, 0));
    let again = world.approve(Who::Approver, &Pending::after(outcome));
    assert_eq!(again, Err(crate::Refusal::AlreadyApproved { approvals: 1, required: 2 }));
}

/// Proves REQ-22, REQ-10, REQ-11.
#[test]
fn a_request_ends_where_nobody_could_give_the_approval_that_was_lost() {
    let world = World::new()
        .only(&[Who::Creator, Who::Admin, Who::Approver])
        .with(|policy| policy.required_approvals = 2);
    let pending = Pending::after(world.approve(Who::Approver, &world.launch_by_creator()).unwrap());
    let outcome = settled(&without(&world, &[Who::Approver]), &pending).unwrap();
    check_ended(&outcome, &pending, "no longer counted: the approval of Approver");
    assert_eq!(outcome.request.unwrap().request().approvals(), 0);
}
