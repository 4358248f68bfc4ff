//! Who wrote what a request is about, and that the policy can keep them from deciding it (REQ-23).

use super::builders::*;
use crate::{
    Action, Audience, MemberId, Outcome, Policy, Refusal, RequestWrite, Resource, State,
    edit::Edit,
    loss::{concern, settle},
};

/// A change of one thing.
fn edit_of(change: impl FnOnce(&mut Edit)) -> Edit {
    let mut edit = Edit::default();
    change(&mut edit);
    edit
}

fn strict(world: World) -> World {
    world.with(|policy| policy.exclude_authors = true)
}

/// An A/B test that these wrote.
fn written_by(state: State, authors: &[Who]) -> Resource {
    Resource { authors: ids(authors), ..ab_test(state) }
}

fn ids(who: &[Who]) -> Vec<MemberId> {
    who.iter().map(|who| who.id()).collect()
}

fn settled(world: &World, pending: &Pending) -> Option<Outcome> {
    world.act(Who::Timer, |context| settle(context, &pending.resource, &pending.request))
}

/// Proves REQ-23.
#[test]
fn who_edits_content_schedule_audience_or_variants_is_an_author_once() {
    let world = World::off();
    let registered = world.register(Who::Creator, new_campaign()).unwrap().resource;
    assert_eq!(registered.authors, ids(&[Who::Creator]));
    let variants = |edit: &mut Edit| edit.variants = Some(vec!["one".into(), "two".into()]);
    for (what, resource, edit, writes) in [
        ("content", campaign(), edit_of(|it| it.content = Some(content("new", 1))), true),
        ("schedule", campaign(), edit_of(|it| it.schedule = Some(campaign().schedule)), true),
        ("audience", campaign(), edit_of(|it| it.audience = Some(Audience::default())), true),
        ("variants", ab_test(State::DRAFT), edit_of(variants), true),
        ("title", campaign(), edit_of(|it| it.title = Some("New".into())), false),
        ("marks", campaign(), edit_of(|it| it.pii_fields = Some(Vec::new())), true),
    ] {
        let resource = Resource { authors: ids(&[Who::Creator]), ..resource };
        let after = world.update(Who::Approver, &resource, edit.clone()).unwrap().resource;
        let expected = if writes { ids(&[Who::Creator, Who::Approver]) } else { ids(&[Who::Creator]) };
        assert_eq!(after.authors, expected, "{what}");
        let again = world.update(Who::Creator, &after, edit).unwrap().resource;
        assert_eq!(again.authors, expected, "{what} by one of them again");
    }
}

/// The request names them, and they are the next change's no more once it is approved; a rejection leaves them what they are.
///
/// Proves REQ-23.
#[test]
fn a_request_names_the_authors_since_the_last_approval() {
    let world = World::new();
    let unstaged = Resource { staged: None, ..written_by(State::RUNNING, &[]) };
    let edit = edit_of(|it| it.content = Some(content("staged", 1)));
    let edited = world.update(Who::Editor, &unstaged, edit).unwrap().resource;
    let pending = world.submit(Who::Creator, &edited, &doing(Action::PUBLISH_EDITS));
    assert_eq!(pending.request.authors, ids(&[Who::Editor]));
    assert_eq!(world.approve(Who::Approver, &pending).unwrap().resource.authors, []);
    assert_eq!(world.reject(Who::Approver, &pending).unwrap().resource.authors, ids(&[Who::Editor]));

    // What is approved beside staged edits does not give them their second signature.
    let paused = world.submit(Who::Creator, &edited, &doing(Action::PAUSE));
    assert_eq!(world.approve(Who::Approver, &paused).unwrap().resource.authors, ids(&[Who::Editor]));
}

/// Proves REQ-23, REQ-5, POL-4.
#[test]
fn an_author_decides_only_where_the_policy_does_not_exclude_them() {
    let resource = written_by(State::DRAFT, &[Who::Approver, Who::Admin]);
    for (world, may) in [
        (World::new(), true),
        (strict(World::new()), false),
        (strict(World::new().with(|policy| policy.allow_self_approval = true)), false),
    ] {
        let pending = world.submit(Who::Creator, &resource, &doing(Action::START));
        for who in [Who::Approver, Who::Admin] {
            for result in [world.approve(who, &pending), world.reject(who, &pending)] {
                if may {
                    assert!(result.is_ok(), "{who:?}");
                } else {
                    assert_eq!(result, Err(Refusal::AuthorApproval(REQUEST)), "{who:?}");
                }
            }
        }
        assert!(world.approve(Who::SecondApprover, &pending).is_ok());
    }
    // Self-approval opens what somebody else wrote.
    let trusting = strict(World::new().with(|policy| policy.allow_self_approval = true));
    let own = trusting.submit(Who::SecondApprover, &resource, &doing(Action::START));
    assert!(trusting.approve(Who::SecondApprover, &own).is_ok());
}

/// Proves REQ-23, REQ-6.
#[test]
fn an_excluded_author_can_t_be_chosen() {
    let resource = written_by(State::DRAFT, &[Who::Approver]);
    let both = asking(Action::START, &[Who::SecondApprover, Who::Approver]);
    assert!(World::new().perform(Who::Creator, &resource, &both).is_ok());
    let world = strict(World::new());
    assert_eq!(violated(world.perform(Who::Creator, &resource, &both)), ["approver_ids[1]"]);
    let pending = world.submit(Who::Creator, &resource, &doing(Action::START));
    assert_eq!(violated(world.reassign(Who::Creator, &pending, &[Who::Approver])), ["approver_ids[0]"]);
}

/// Proves REQ-23, REQ-11.
#[test]
fn whether_enough_are_left_is_counted_without_excluded_authors() {
    let few = World::new().only(&[Who::Creator, Who::Admin, Who::Approver]);
    let few = few.with(|policy| policy.required_approvals = 2);
    let resource = written_by(State::DRAFT, &[Who::Approver]);
    let start = doing(Action::START);
    let pending = few.submit(Who::Creator, &resource, &start);
    let world = strict(few.clone());
    let refused = world.perform(Who::Creator, &resource, &start);
    assert!(matches!(refused, Err(Refusal::NoEligibleApprovers(_))), "{refused:?}");

    // A pending one that can't get them any more ends, and its author's vote is void (REQ-22).
    let pending = Pending::after(few.approve(Who::Approver, &pending).unwrap());
    let ended = Pending::after(settled(&world, &pending).unwrap()).request;
    assert_eq!((ended.state.as_str(), ended.approvals()), ("EXPIRED", 0));
}

/// Proves REQ-23, NOT-1, NOT-2.
#[test]
fn an_excluded_author_is_not_asked() {
    let resource = written_by(State::DRAFT, &[Who::Approver]);
    let asked = |world: World| {
        let outcome = world.perform(Who::Creator, &resource, &doing(Action::START)).unwrap();
        let mine = outcome.event.recipients.into_iter().find(|it| it.member_id == Who::Approver.id());
        // Told they are: NOT-2 names every approver.
        mine.unwrap().ribbon.is_some()
    };
    assert!(asked(World::new()));
    assert!(!asked(strict(World::new())));
}

/// Proves REQ-23, REQ-22, REQ-10.
#[test]
fn an_author_s_vote_goes_when_the_policy_begins_to_exclude_them() {
    let world = World::new().with(|policy| policy.required_approvals = 2);
    let pending =
        world.submit(Who::Creator, &written_by(State::DRAFT, &[Who::Approver]), &doing(Action::START));
    let pending = Pending::after(world.approve(Who::Approver, &pending).unwrap());
    assert_eq!(settled(&world, &pending), None);
    let after = strict(world.clone());
    let outcome = settled(&after, &pending).unwrap();
    let Some(RequestWrite::Update { request, voided, .. }) = outcome.request else { panic!("{outcome:?}") };
    assert_eq!((request.approvals(), voided), (0, vec![Who::Approver.as_ref()]));
    let found = world.act(Who::Timer, |before| after.act(Who::Timer, |after| concern(before, after)));
    assert!(found.members.contains(&Who::Approver.id()), "{found:?}");
}

/// Proves REQ-23.
#[test]
fn authors_are_not_excluded_by_default() {
    for area in crate::Area::BUILT_IN {
        assert!(!Policy::default_of(area).exclude_authors);
    }
}
