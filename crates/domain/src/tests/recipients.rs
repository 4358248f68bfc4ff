//! Who is told what: exactly the sets of the rulebook.

use super::builders::*;
use crate::{
    Action, Area, MemberState, Outcome, Resource, State,
    policy::PolicyChange,
    recipients::{Reason, Recipient, RibbonKind, of_expiry},
    request::ExpiryReason,
};

type Told = (Who, Reason, Option<RibbonKind>);

const DECIDE: Option<RibbonKind> = Some(RibbonKind::Decide);
const RESULT: Option<RibbonKind> = Some(RibbonKind::Result);

fn told(recipients: &[Recipient]) -> Vec<Told> {
    let who = |recipient: &Recipient| {
        Who::MEMBERS.into_iter().find(|who| who.id() == recipient.member_id).expect("a member of the account")
    };
    recipients.iter().map(|recipient| (who(recipient), recipient.reason, recipient.ribbon)).collect()
}

fn told_of(outcome: &Outcome) -> Vec<Told> {
    told(&outcome.event.recipients)
}

fn asked_in_area() -> Vec<Told> {
    [Who::Admin, Who::SecondAdmin, Who::Approver, Who::SecondApprover, Who::EditorWithRight]
        .map(|who| (who, Reason::AreaApprover, DECIDE))
        .into()
}

fn without(mut told: Vec<Told>, who: Who) -> Vec<Told> {
    told.retain(|(one, ..)| *one != who);
    told
}

/// A product experience that waits for a decision, submitted by `who`.
fn experience(world: &World, who: Who) -> Pending {
    world.submit(who, &ab_test(State::RUNNING), &doing(Action::PAUSE))
}

/// Proves NOT-1, NOT-10, REQ-6.
#[test]
fn every_approver_of_the_area_is_asked_about_a_campaign() {
    let outcome = World::new().perform(Who::Creator, &campaign(), &doing(Action::LAUNCH)).unwrap();
    assert_eq!(told_of(&outcome), asked_in_area());
}

/// Proves NOT-1, REQ-6.
#[test]
fn only_the_chosen_are_asked_where_some_are_chosen() {
    let command = asking(Action::LAUNCH, &[Who::EditorWithRight, Who::Approver]);
    let outcome = World::new().perform(Who::Creator, &campaign(), &command).unwrap();
    let expected = [Who::EditorWithRight, Who::Approver].map(|who| (who, Reason::AssignedApprover, DECIDE));
    assert_eq!(told_of(&outcome), expected);
}

/// Proves NOT-2, NOT-10.
#[test]
fn every_admin_and_approver_is_asked_about_a_product_experience() {
    for (resource, action) in
        [(ab_test(State::RUNNING), Action::PAUSE), (remote_config(State::LIVE), Action::PUBLISH_EDITS)]
    {
        let outcome = World::new().perform(Who::Creator, &resource, &doing(action)).unwrap();
        assert_eq!(told_of(&outcome), asked_in_area());
    }
}

/// Of a product experience the other approvers are told by mail as well, without being asked.
///
/// Proves NOT-2, REQ-6.
#[test]
fn the_other_approvers_are_told_of_a_product_experience_where_some_are_chosen() {
    let command = asking(Action::PAUSE, &[Who::EditorWithRight]);
    let outcome = World::new().perform(Who::Approver, &ab_test(State::RUNNING), &command).unwrap();
    let told_too = [Who::Admin, Who::SecondAdmin, Who::SecondApprover];
    let mut expected = vec![(Who::EditorWithRight, Reason::AssignedApprover, DECIDE)];
    expected.extend(told_too.map(|who| (who, Reason::AreaApprover, None)));
    assert_eq!(told_of(&outcome), expected);
    assert!(outcome.event.recipients.iter().all(|recipient| recipient.mail));
}

/// The submitter is not asked for what they may not give.
///
/// Proves NOT-2, REQ-5, POL-4.
#[test]
fn a_submitter_who_is_an_approver_is_asked_only_where_self_approval_is_allowed() {
    let ask = |world: World| {
        told_of(&world.perform(Who::Approver, &ab_test(State::RUNNING), &doing(Action::PAUSE)).unwrap())
    };
    assert_eq!(ask(World::new()), without(asked_in_area(), Who::Approver));
    assert_eq!(ask(World::new().with(|policy| policy.allow_self_approval = true)), asked_in_area());
}

/// Proves NOT-3.
#[test]
fn a_campaign_s_submitter_alone_is_told_of_the_decision() {
    let world = World::new();
    let pending = world.launch_by_creator();
    let expected = [(Who::Creator, Reason::Submitter, RESULT)];
    assert_eq!(told_of(&world.approve(Who::Approver, &pending).unwrap()), expected);
    assert_eq!(told_of(&world.reject(Who::Approver, &pending).unwrap()), expected);
}

/// Proves NOT-4.
#[test]
fn a_product_experience_s_submitter_and_all_admins_are_told_of_the_decision() {
    let world = World::new();
    let pending = experience(&world, Who::Creator);
    let expected = [
        (Who::Creator, Reason::Submitter, RESULT),
        (Who::Admin, Reason::Admin, None),
        (Who::SecondAdmin, Reason::Admin, None),
    ];
    // "All Admins" (D22) has no exception for the one who decided.
    for who in [Who::Approver, Who::Admin] {
        assert_eq!(told_of(&world.approve(who, &pending).unwrap()), expected);
        assert_eq!(told_of(&world.reject(who, &pending).unwrap()), expected);
    }
}

/// Proves NOT-4, NOT-10.
#[test]
fn an_admin_who_submitted_is_told_once() {
    let world = World::new();
    let outcome = world.approve(Who::Approver, &experience(&world, Who::Admin)).unwrap();
    let expected = [(Who::Admin, Reason::Submitter, RESULT), (Who::SecondAdmin, Reason::Admin, None)];
    assert_eq!(told_of(&outcome), expected);
}

/// Proves NOT-3, POL-3.
#[test]
fn an_approval_that_decides_nothing_yet_is_told_to_nobody() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    for pending in [world.launch_by_creator(), experience(&world, Who::Creator)] {
        assert_eq!(told_of(&world.approve(Who::Approver, &pending).unwrap()), []);
    }
}

/// A campaign of the Editor's, submitted by the Creator, for two approvers to decide.
fn assigned(world: &World) -> Pending {
    let command = asking(Action::LAUNCH, &[Who::Approver, Who::EditorWithRight]);
    world.submit(Who::Creator, &campaign(), &command)
}

/// Proves NOT-5, REQ-17.
#[test]
fn submitter_owner_and_assigned_approvers_are_told_of_a_cancellation_but_not_who_cancelled() {
    let world = World::new();
    let everybody = vec![
        (Who::Creator, Reason::Submitter, RESULT),
        (Who::Editor, Reason::Owner, RESULT),
        (Who::Approver, Reason::AssignedApprover, None),
        (Who::EditorWithRight, Reason::AssignedApprover, None),
    ];
    for who in [Who::Admin, Who::Creator, Who::Editor, Who::Approver, Who::EditorWithRight] {
        let outcome = world.cancel(who, &assigned(&world)).unwrap();
        assert_eq!(told_of(&outcome), without(everybody.clone(), who), "cancelled by {who:?}");
    }
}

/// Proves NOT-5.
#[test]
fn where_nobody_was_assigned_submitter_and_owner_are_told_of_a_cancellation() {
    let outcome = World::new().cancel(Who::Admin, &World::new().launch_by_creator()).unwrap();
    let expected = [(Who::Creator, Reason::Submitter, RESULT), (Who::Editor, Reason::Owner, RESULT)];
    assert_eq!(told_of(&outcome), expected);
}

/// Proves NOT-5, NOT-10.
#[test]
fn who_is_several_things_is_told_once_for_the_first() {
    let world = World::new();
    let own = Resource { owner: Who::Creator.id(), ..campaign() };
    let pending = world.submit(Who::Creator, &own, &doing(Action::LAUNCH));
    assert_eq!(
        told_of(&world.cancel(Who::Admin, &pending).unwrap()),
        [(Who::Creator, Reason::Submitter, RESULT)]
    );
}

/// Proves NOT-6, REQ-14.
#[test]
fn at_a_deadline_the_submitter_and_the_asked_approvers_are_told() {
    let late = World::new().at(after_hours(48));
    let asked = asked_in_area().into_iter().map(|(who, reason, _)| (who, reason, None));
    let submitter = (Who::Creator, Reason::Submitter, RESULT);
    let unassigned = late.expire(&World::new().launch_by_creator()).unwrap();
    assert_eq!(told_of(&unassigned), [submitter].into_iter().chain(asked).collect::<Vec<_>>());
    let expected = [
        submitter,
        (Who::Approver, Reason::AssignedApprover, None),
        (Who::EditorWithRight, Reason::AssignedApprover, None),
    ];
    assert_eq!(told_of(&late.expire(&assigned(&World::new())).unwrap()), expected);
}

/// Proves NOT-6.
#[test]
fn where_no_approver_is_left_the_submitter_alone_is_told() {
    let world = World::new();
    let Pending { resource, request } = world.launch_by_creator();
    let recipients = world.act(Who::Timer, |context| {
        of_expiry(context, &request, &resource, ExpiryReason::NoEligibleApprovers)
    });
    assert_eq!(told(&recipients), [(Who::Creator, Reason::Submitter, RESULT)]);
}

/// Proves NOT-7.
#[test]
fn admins_and_approvers_are_told_of_a_switch() {
    for (world, enabled) in [(World::off(), true), (World::new(), false)] {
        for area in Area::BUILT_IN {
            let change = PolicyChange { enabled: Some(enabled), ..PolicyChange::default() };
            let told_of = world.change_policy(Who::Admin, &area, &change).unwrap().1;
            let [crate::rules::Told::Workflow(_, event)] = told_of.as_slice() else { panic!("{told_of:?}") };
            assert_eq!(
                told(&event.recipients),
                [
                    (Who::Admin, Reason::Admin, None),
                    (Who::SecondAdmin, Reason::Admin, None),
                    (Who::Approver, Reason::AreaApprover, None),
                    (Who::SecondApprover, Reason::AreaApprover, None),
                    (Who::EditorWithRight, Reason::AreaApprover, None),
                ]
            );
        }
    }
}

/// Proves NOT-10.
#[test]
fn address_name_and_locale_travel_as_they_are_now() {
    let mut world = World::new();
    let pending = world.launch_by_creator();
    for member in &mut world.members {
        member.email = format!("new-{}", member.email);
        member.locale = "fr".into();
    }
    let outcome = world.approve(Who::Approver, &pending).unwrap();
    assert_eq!(
        outcome.event.recipients,
        [Recipient {
            member_id: Who::Creator.id(),
            email: "new-creator@example.com".into(),
            display_name: "Creator".into(),
            locale: "fr".into(),
            time_zone: None,
            reason: Reason::Submitter,
            mail: true,
            ribbon: RESULT,
        }]
    );
}

/// Proves NOT-10.
#[test]
fn who_has_no_access_any_more_is_told_nothing() {
    let mut world = World::with_every_ending();
    let pending = assigned(&world);
    for member in &mut world.members {
        if [Who::Creator, Who::Editor, Who::Approver].map(Who::id).contains(&member.id) {
            member.state = MemberState::Revoked;
        }
    }
    assert_eq!(told_of(&world.reject(Who::Admin, &pending).unwrap()), []);
    let left = [(Who::EditorWithRight, Reason::AssignedApprover, None)];
    assert_eq!(told_of(&world.cancel(Who::Admin, &pending).unwrap()), left);
    assert_eq!(told_of(&world.at(after_hours(48)).expire(&pending).unwrap()), left);
}

/// Time and free actions are nobody's request, so nobody is told by mail.
///
/// Proves NOT-10.
#[test]
fn what_needs_no_approval_is_told_to_nobody() {
    let world = World::new();
    let stop = world.perform(Who::Creator, &scheduled_campaign(), &doing(Action::STOP)).unwrap();
    let bypass = world.perform(Who::Admin, &campaign(), &doing(Action::LAUNCH)).unwrap();
    let start = world.at(after_hours(24)).fire(&scheduled_campaign()).unwrap();
    for outcome in [stop, bypass, start] {
        assert_eq!(told_of(&outcome), []);
    }
}
