//! What happens to a pending request besides its end.

use std::{collections::BTreeSet, time::Duration};

use super::builders::*;
use crate::{
    Action, Area, MemberId, Refusal, Request, RequestWrite,
    history::HistoryEvent,
    outcome::EventKind,
    recipients::{Reason, RibbonKind},
    refusal::Permission,
};

fn told(outcome: &crate::Outcome) -> BTreeSet<MemberId> {
    outcome.event.recipients.iter().map(|it| it.member_id).collect()
}

fn of(who: &[Who]) -> BTreeSet<MemberId> {
    who.iter().map(|who| who.id()).collect()
}

/// A campaign's launch, with these approvers asked.
fn launch(world: &World, approvers: &[Who]) -> Pending {
    world.submit(Who::Creator, &campaign(), &asking(Action::LAUNCH, approvers))
}

/// Proves REQ-21, HIS-1: it is history, and what an approver saw is still what they decide on.
#[test]
fn a_comment_is_history_and_changes_nothing_else() {
    let world = World::new();
    let pending = world.launch_by_creator();
    let outcome = world.comment(Who::Member, &pending, "Why now?").unwrap();
    let commented = Request { comments: 1, ..pending.request.clone() };
    assert_eq!(outcome.request, Some(RequestWrite::Noted(commented)));
    assert_eq!((outcome.history.event, outcome.history.note.as_str()), (HistoryEvent::Commented, "Why now?"));
    assert_eq!((outcome.history.actor, outcome.history.request_id), (Who::Member.as_ref(), Some(REQUEST)));
    let before = pending.resource;
    let (version, updated_at) = (before.version + 1, world.now);
    assert_eq!(outcome.resource, crate::Resource { version, updated_at, ..before });
    assert_eq!(outcome.event.kind, EventKind::RequestCommented);
}

/// Proves REQ-21: whoever may read the request may comment on it, while it is pending.
#[test]
fn whoever_reads_comments_on_what_is_pending() {
    let world = World::new();
    let pending = world.launch_by_creator();
    for who in Who::MEMBERS.into_iter().filter(|who| who.may_read()) {
        assert!(world.comment(who, &pending, "hm").is_ok(), "{who:?}");
    }
    assert_eq!(violated(world.comment(Who::Admin, &pending, " \n")), ["text"]);
    let mut full = pending.clone();
    full.request.comments = 200;
    assert_eq!(world.comment(Who::Creator, &full, "one more"), Err(Refusal::TooManyComments(REQUEST)));
    let approved = Pending::after(world.approve(Who::Approver, &pending).unwrap());
    assert!(matches!(
        world.comment(Who::Creator, &approved, "too late"),
        Err(Refusal::Decided { state: "APPROVED", .. })
    ));
}

/// Proves NOT-8: the other side is told, and never who comments.
#[test]
fn a_comment_goes_to_the_other_side() {
    let world = World::new();
    let pending = launch(&world, &[Who::Approver, Who::EditorWithRight]);
    let comment = |who| told(&world.comment(who, &pending, "hm").unwrap());
    assert_eq!(comment(Who::Creator), of(&[Who::Approver, Who::EditorWithRight]));
    assert_eq!(comment(Who::Approver), of(&[Who::Creator]));
    // Neither side: both are told.
    assert_eq!(comment(Who::Member), of(&[Who::Creator, Who::Approver, Who::EditorWithRight]));
    let outcome = world.comment(Who::Member, &pending, "hm").unwrap();
    assert!(outcome.event.recipients.iter().all(|it| it.mail && it.ribbon.is_none()));
}

/// Proves REQ-6: other approvers are approvers too, and at once those who may decide.
#[test]
fn other_approvers_are_asked() {
    let world = World::new();
    let pending = launch(&world, &[Who::Approver, Who::SecondApprover]);
    let outcome =
        world.reassign(Who::Creator, &pending, &[Who::EditorWithRight, Who::SecondApprover]).unwrap();
    let Some(RequestWrite::Reassign { request, removed, .. }) = &outcome.request else {
        panic!("{outcome:?}")
    };
    assert_eq!(removed, &[Who::Approver.id()]);
    assert_eq!(request.assigned().collect::<Vec<_>>(), [Who::EditorWithRight.id(), Who::SecondApprover.id()]);
    assert_eq!(request.version, pending.request.version + 1);
    assert_eq!(outcome.history.note, "asked now: EditorWithRight, SecondApprover");
    // Who is asked has a ribbon; mail goes to who was not asked before.
    let asked: Vec<_> =
        outcome.event.recipients.iter().map(|it| (it.member_id, it.mail, it.ribbon)).collect();
    assert_eq!(
        asked,
        [
            (Who::EditorWithRight.id(), true, Some(RibbonKind::Decide)),
            (Who::SecondApprover.id(), false, Some(RibbonKind::Decide)),
        ]
    );
    let after = Pending::after(outcome);
    assert_eq!(world.approve(Who::Approver, &after), Err(Refusal::NotAssigned(REQUEST)));
    assert!(world.approve(Who::EditorWithRight, &after).is_ok());

    // Nobody in particular: everybody of the area.
    let everybody = Pending::after(world.reassign(Who::Admin, &after, &[]).unwrap());
    assert!(!everybody.request.has_chosen_approvers());
    assert!(world.approve(Who::Approver, &everybody).is_ok());
}

/// Proves REQ-6, REQ-5.
#[test]
fn only_approvers_can_be_asked_instead() {
    let world = World::new();
    let pending = launch(&world, &[Who::Approver]);
    for (approvers, fields) in [
        (vec![Who::Creator], vec!["approver_ids[0]"]),
        (
            vec![Who::SecondApprover, Who::Member, Who::SecondApprover],
            vec!["approver_ids[1]", "approver_ids[2]"],
        ),
        (vec![Who::Revoked, Who::Editor], vec!["approver_ids[0]", "approver_ids[1]"]),
        (vec![Who::Approver], vec!["approver_ids"]),
    ] {
        assert_eq!(violated(world.reassign(Who::Creator, &pending, &approvers)), fields, "{approvers:?}");
    }
    assert_eq!(violated(world.reassign(Who::Admin, &launch(&world, &[]), &[])), ["approver_ids"]);
    // As a submission would be refused: more approvals are needed than they could give (POL-3).
    let world = World::new().only(&[Who::Creator, Who::Approver, Who::SecondApprover]);
    let world = world.with(|policy| policy.required_approvals = 2);
    let pending = world.submit(Who::Creator, &campaign(), &doing(Action::LAUNCH));
    let result = world.reassign(Who::Creator, &pending, &[Who::Approver]);
    assert_eq!(result, Err(Refusal::NoEligibleApprovers(Area::CAMPAIGNS)));
}

/// Its submitter, who is asked, and Admins; an approval counts on where who gave it may still decide.
///
/// Proves REQ-7, REQ-22.
#[test]
fn who_may_choose_other_approvers() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    let pending = launch(&world, &[Who::Approver, Who::SecondApprover]);
    for who in Who::EACH {
        let result = world.reassign(who, &pending, &[Who::SecondApprover, Who::EditorWithRight]);
        let may = [Who::Admin, Who::Creator, Who::Approver].contains(&who);
        let component = "engagement.campaigns";
        let permission = if who.may_read() { Permission::Reassign } else { Permission::Read };
        let denied = Refusal::PermissionDenied { permission, component: component.into() };
        assert_eq!(result.as_ref().err(), (!may).then_some(&denied), "{who:?}");
    }
    // Who hands it on takes it from nobody else.
    assert_eq!(violated(world.reassign(Who::Approver, &pending, &[Who::EditorWithRight])), ["approver_ids"]);
    assert_eq!(violated(world.reassign(Who::Approver, &pending, &[])), ["approver_ids"]);
    let once = Pending::after(world.approve(Who::Approver, &pending).unwrap());
    let away = world.reassign(Who::Creator, &once, &[Who::EditorWithRight]).unwrap();
    let note = "asked now: EditorWithRight. no longer counted: the approval of Approver";
    assert_eq!(away.history.note, note);
    assert_eq!(away.request.unwrap().request().approvals(), 0);
    for kept in [&[Who::Approver, Who::EditorWithRight][..], &[]] {
        let kept = Pending::after(world.reassign(Who::Creator, &once, kept).unwrap());
        assert_eq!(kept.request.approvals(), 1);
    }
    let moved = world.reassign(Who::Creator, &once, &[Who::Approver, Who::EditorWithRight]).unwrap();
    let moved = Pending::after(moved);
    let done = Pending::after(world.approve(Who::EditorWithRight, &moved).unwrap());
    assert_eq!(done.request.state.as_str(), "APPROVED");
    assert!(matches!(world.reassign(Who::Admin, &done, &[]), Err(Refusal::Decided { .. })));
}

/// Proves NOT-8, POL-7: once, after the policy's time, before the deadline, to those whose decision is awaited.
#[test]
fn those_who_are_asked_are_reminded_once() {
    let hours = Duration::from_hours;
    let world = World::new().with(|policy| {
        policy.required_approvals = 2;
        policy.reminder_after = Some(hours(4));
        policy.request_max_age = Some(hours(24));
    });
    let test = ab_test(crate::State::DRAFT);
    let pending = world.submit(Who::Creator, &test, &asking(Action::START, &[Who::Approver, Who::Admin]));
    assert_eq!(pending.request.remind_at, Some(after_hours(4)));
    let pending = Pending::after(world.approve(Who::Approver, &pending).unwrap());
    assert_eq!(world.clone().at(after_hours(3)).remind(&pending), None);

    let outcome = world.clone().at(after_hours(4)).remind(&pending).unwrap();
    assert_eq!(outcome.history.event, HistoryEvent::Reminded);
    let recipients: Vec<_> =
        outcome.event.recipients.iter().map(|it| (it.member_id, it.reason, it.mail, it.ribbon)).collect();
    assert_eq!(recipients, [(Who::Admin.id(), Reason::AssignedApprover, true, None)]);
    let reminded = Request { remind_at: None, ..pending.request.clone() };
    assert_eq!(outcome.request, Some(RequestWrite::Noted(reminded)));
    let after = Pending::after(outcome);
    assert_eq!(world.clone().at(after_hours(5)).remind(&after), None);
    let ended = Pending::after(world.reject(Who::Admin, &pending).unwrap());
    assert_eq!(world.at(after_hours(5)).remind(&ended), None);
}

/// Proves NOT-8: a reminder that would come at the deadline or after it does not.
#[test]
fn no_reminder_comes_after_the_deadline() {
    for (reminder, expected) in [(47, Some(after_hours(47))), (48, None), (60, None)] {
        let world = World::new().with(|policy| policy.reminder_after = Some(Duration::from_hours(reminder)));
        let mut campaign = campaign();
        campaign.schedule.end = Some(after_hours(48));
        let pending = world.submit(Who::Creator, &campaign, &doing(Action::LAUNCH));
        assert_eq!(pending.request.remind_at, expected, "{reminder}");
    }
    assert_eq!(World::new().launch_by_creator().request.remind_at, None, "off by default");
}
