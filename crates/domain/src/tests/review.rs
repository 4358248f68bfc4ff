//! Emergency bypasses and their reviews (POL-8).

use std::collections::BTreeSet;

use super::builders::*;
use crate::{
    Action, Area, LaunchMode, MemberId, Outcome, Refusal, Review, ReviewWrite, State, history::HistoryEvent,
    outcome::EventKind, perform::PerformAction, recipients::RibbonKind, refusal::Permission,
};

fn opened(outcome: &Outcome) -> Review {
    match &outcome.review {
        Some(ReviewWrite::Open(review)) => review.as_ref().clone(),
        other => panic!("no review was opened: {other:?}"),
    }
}

/// Proves POL-8, NOT-9: at once, with the reason in history, told to every approver, and a review is open.
#[test]
fn an_admin_applies_at_once_and_everybody_hears_of_it() {
    let world = World::new();
    let before = ab_test(State::DRAFT);
    let outcome = world.bypass(Who::Admin, &before, None, Action::START).unwrap();
    assert_eq!((&outcome.resource.state, &outcome.resource.lock), (&State::RUNNING, &None));
    assert_eq!(outcome.request, None);
    assert_eq!(outcome.history.event, HistoryEvent::EmergencyBypassed);
    assert_eq!(outcome.history.note, "it burns");
    let review = opened(&outcome);
    assert_eq!((review.id, review.bypassed_by.clone()), (REVIEW, Who::Admin.as_ref()));
    assert_eq!((review.reason.as_str(), review.area.clone()), ("it burns", Area::PRODUCT_EXPERIENCES));
    assert_eq!((review.from_state, review.target_state), (State::DRAFT, State::RUNNING));
    assert_eq!(outcome.event.kind, EventKind::ResourceBypassed);
    let told: BTreeSet<MemberId> = outcome.event.recipients.iter().map(|it| it.member_id).collect();
    let approvers = Who::MEMBERS.into_iter().filter(|who| who.may_approve() && *who != Who::Admin);
    assert_eq!(told, approvers.map(Who::id).collect());
    assert!(outcome.event.recipients.iter().all(|it| it.mail && it.ribbon == Some(RibbonKind::Review)));
}

/// Proves POL-8: Admins only.
#[test]
fn nobody_else_bypasses() {
    let world = World::new();
    for who in Who::EACH {
        let result = world.bypass(who, &ab_test(State::DRAFT), None, Action::START);
        if who == Who::Admin {
            assert!(result.is_ok());
            continue;
        }
        let permission = match (who.may_read(), who.may_write()) {
            (false, _) => Permission::Read,
            (true, false) => Permission::Write,
            (true, true) => Permission::Bypass,
        };
        let component = "engagement.product_experiences";
        assert_eq!(
            result,
            Err(Refusal::PermissionDenied { permission, component: component.into() }),
            "{who:?}"
        );
    }
}

/// Proves POL-8: only what would need approval is bypassed, so that no reason is lost in silence.
#[test]
fn there_must_be_something_to_bypass() {
    let refused = |world: &World, resource: &crate::Resource, action| {
        violated(world.bypass(Who::Admin, resource, None, action))
    };
    assert_eq!(refused(&World::off(), &ab_test(State::DRAFT), Action::START), ["emergency_reason"]);
    // Admins launch campaigns directly (POL-5), and stopping one never needs approval.
    assert_eq!(refused(&World::new(), &campaign(), Action::LAUNCH), ["emergency_reason"]);
    let scheduled = crate::Resource { state: State::SCHEDULED, ..campaign() };
    assert_eq!(refused(&World::new(), &scheduled, Action::STOP), ["emergency_reason"]);
    let both = PerformAction { emergency_reason: "now".into(), ..asking(Action::START, &[Who::Approver]) };
    assert_eq!(violated(World::new().perform(Who::Admin, &ab_test(State::DRAFT), &both)), ["approver_ids"]);
    let noted = PerformAction { note: "look".into(), emergency_reason: "now".into(), ..doing(Action::START) };
    assert_eq!(violated(World::new().perform(Who::Admin, &ab_test(State::DRAFT), &noted)), ["note"]);
    // A campaign with approvers named is a submission of the Admin's own accord, which an emergency is not.
    let both =
        PerformAction { launch_mode: Some(LaunchMode::Active), ..asking(Action::LAUNCH, &[Who::Approver]) };
    let both = PerformAction { emergency_reason: "now".into(), ..both };
    assert_eq!(violated(World::new().perform(Who::Admin, &campaign(), &both)), ["approver_ids"]);
    // What waits for a decision is locked for everybody (LIF-20).
    let pending = World::new().submit(Who::Creator, &ab_test(State::DRAFT), &doing(Action::START));
    let locked = World::new().bypass(Who::Admin, &pending.resource, None, Action::START);
    assert!(matches!(locked, Err(Refusal::RequestPending { .. })));
}

/// Proves POL-8: the next bypass waits for the review of the last one, by another approver.
#[test]
fn the_review_is_closed_by_another_approver_before_the_next_bypass() {
    let world = World::new();
    let first = world.bypass(Who::Admin, &ab_test(State::DRAFT), None, Action::START).unwrap();
    let review = opened(&first);
    let again = world.bypass(Who::Admin, &first.resource, Some(&review), Action::PAUSE);
    assert_eq!(again, Err(Refusal::ReviewOpen(REVIEW)));
    // Without an emergency everything goes on as before.
    assert!(world.perform(Who::Admin, &first.resource, &doing(Action::PAUSE)).is_ok());

    assert_eq!(world.close_review(Who::Admin, &first.resource, &review), Err(Refusal::SelfReview(REVIEW)));
    for who in Who::EACH.into_iter().filter(|who| !who.may_approve()) {
        let (permission, component) = (Permission::Approve, "engagement.product_experiences");
        let denied = Err(Refusal::PermissionDenied { permission, component: component.into() });
        assert_eq!(world.close_review(who, &first.resource, &review), denied, "{who:?}");
    }
    let closing = world.close_review(Who::Approver, &first.resource, &review).unwrap();
    assert_eq!((closing.history.event, closing.history.note.as_str()), (HistoryEvent::Reviewed, "looked at"));
    assert_eq!(
        (closing.resource.version, &closing.resource.state),
        (first.resource.version + 1, &State::RUNNING)
    );
    let told: Vec<_> = closing.event.recipients.iter().map(|it| (it.member_id, it.mail)).collect();
    assert_eq!((closing.event.kind, told), (EventKind::ReviewClosed, vec![(Who::Admin.id(), true)]));
    let Some(ReviewWrite::Close(closed)) = closing.review else { panic!("it was not closed") };
    assert_eq!(closed.closed.as_ref().map(|it| it.by.clone()), Some(Who::Approver.as_ref()));

    let twice = world.close_review(Who::SecondAdmin, &closing.resource, &closed);
    let (review, by, at) = (REVIEW, Who::Approver.as_ref(), world.now);
    assert_eq!(twice, Err(Refusal::ReviewClosed { review, by, at }));
    assert!(world.bypass(Who::Admin, &closing.resource, None, Action::PAUSE).is_ok());
}
