//! Registering, editing and seeing resources.

use super::builders::*;
use crate::{
    Action, Content, Kind, LaunchMode, MemberId, Outcome, Refusal, Resource, Schedule, State, Violation,
    edit::{self, Edit, Register},
    history::HistoryEvent,
    outcome::EventKind,
    permission,
    refusal::{Missing, Permission},
    resource::ApprovalStatus,
};

fn new_ab_test(variants: &[&str]) -> Register {
    Register {
        kind: Kind::AB_TEST,
        variants: variants.iter().map(|variant| (*variant).to_owned()).collect(),
        ..new_campaign()
    }
}

fn new_content(text: &str) -> Edit {
    Edit { content: Some(content(text, 0)), ..Edit::default() }
}

fn new_title() -> Edit {
    Edit { title: Some("Summer".into()), ..Edit::default() }
}

fn new_schedule(start: Option<u64>, end: Option<u64>) -> Edit {
    let schedule = Schedule { start: start.map(after_hours), end: end.map(after_hours) };
    Edit { schedule: Some(schedule), ..Edit::default() }
}

/// Proves HIS-1, LIF-23.
#[test]
fn a_registered_resource_is_a_draft_that_nobody_has_approved() {
    let Outcome { resource, request, review, history, event } =
        World::new().register(Who::Creator, new_campaign()).unwrap();
    assert_eq!(resource.state, State::DRAFT);
    assert_eq!(resource.approval_status, ApprovalStatus::None);
    assert_eq!(resource.owner, Who::Creator.id());
    assert_eq!(resource.live.revision, 1);
    assert_eq!((resource.version, history.sequence), (1, 1));
    assert_eq!((history.event, history.from, history.to), (HistoryEvent::Registered, None, State::DRAFT));
    assert_eq!((history.actor, history.digest), (Who::Creator.as_ref(), resource.live.digest));
    assert_eq!((request, review, event.kind), (None, None, EventKind::ResourceChanged));
}

/// Proves ACC-4, ACC-8.
#[test]
fn whoever_may_write_registers() {
    for who in Who::EACH {
        let result = World::new().register(who, new_campaign());
        if who.may_write() {
            assert!(result.is_ok(), "{who:?}");
        } else {
            let permission = if who.may_read() { Permission::Write } else { Permission::Read };
            let component = "engagement.campaigns";
            assert_eq!(
                result,
                Err(Refusal::PermissionDenied { permission, component: component.into() }),
                "{who:?}"
            );
        }
    }
}

#[test]
fn the_owner_is_an_active_member() {
    let owned_by = |owner: MemberId| {
        World::new().register(Who::Creator, Register { owner: Some(owner), ..new_campaign() })
    };
    assert_eq!(owned_by(Who::Member.id()).unwrap().resource.owner, Who::Member.id());
    for stranger in [Who::Revoked, Who::Stranger] {
        assert_eq!(violated(owned_by(stranger.id())), ["owner_id"]);
    }
}

#[test]
fn an_unknown_kind_is_refused_with_the_known_ones() {
    let refused =
        World::new().register(Who::Creator, Register { kind: Kind::known("journey"), ..new_campaign() });
    let kinds = Violation::new("kind", "must be one of ab_test, remote_config, campaign");
    assert_eq!(refused, Err(Refusal::Invalid(vec![kinds])));
}

#[test]
fn every_field_that_is_wrong_is_named_in_one_answer() {
    let schedule = Schedule { start: Some(NOW), end: Some(NOW) };
    let wrong =
        Register { owner: Some(Who::Stranger.id()), schedule, variants: vec!["A".into()], ..new_campaign() };
    assert_eq!(
        violated(World::new().register(Who::Creator, wrong)),
        ["owner_id", "schedule.start_time", "schedule.end_time", "schedule.end_time", "variants"]
    );
}

#[test]
fn an_ab_test_declares_2_to_50_variants_of_1_to_64_characters() {
    let names: Vec<String> = (0..51).map(|index| format!("v{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let register = |variants: &[&str]| World::new().register(Who::Creator, new_ab_test(variants));
    assert!(register(&names[..2]).is_ok());
    assert!(register(&names[..50]).is_ok());
    assert_eq!(violated(register(&names[..1])), ["variants"]);
    assert_eq!(violated(register(&names)), ["variants"]);
    // Characters, not bytes.
    assert!(register(&["A", &"ü".repeat(64)]).is_ok());
    assert_eq!(violated(register(&["A", &"ü".repeat(65), ""])), ["variants[1]", "variants[2]"]);
    assert_eq!(violated(register(&["A", "B", "A"])), ["variants[2]"]);
}

/// A list beyond the limit is not looked at name by name: that would take time that grows with its square.
#[test]
fn too_many_variants_are_one_violation() {
    let refused = World::new().register(Who::Creator, new_ab_test(&["A"; 51]));
    assert_eq!(violated(refused), ["variants"]);
}

/// Proves LIF-21, REQ-23.
#[test]
fn editing_a_draft_writes_its_content() {
    for before in [campaign(), ab_test(State::DRAFT), remote_config(State::DRAFT)] {
        let outcome = World::new().update(Who::Creator, &before, new_content("better")).unwrap();
        assert_eq!(outcome.history.event, HistoryEvent::Edited);
        assert_eq!(outcome.history.digest, content("better", 0).digest);
        let live = Content { revision: 8, ..content("better", 0) };
        let authors = vec![Who::Editor.id(), Who::Creator.id()];
        let expected = Resource { live, authors, version: 8, updated_at: NOW, ..before };
        assert_eq!(outcome.resource, expected);
    }
}

/// Proves LIF-21, REQ-23.
#[test]
fn editing_what_customers_see_writes_staged_content() {
    for before in [ab_test(State::RUNNING), ab_test(State::PAUSED), remote_config(State::LIVE)] {
        for world in [World::new(), World::off()] {
            let outcome = world.update(Who::Creator, &before, new_content("better")).unwrap();
            assert_eq!(outcome.history.event, HistoryEvent::Staged);
            assert_eq!(outcome.history.digest, content("better", 0).digest);
            let staged = Some(Content { revision: 8, ..content("better", 0) });
            let authors = vec![Who::Editor.id(), Who::Creator.id()];
            let expected = Resource { staged, authors, version: 8, updated_at: NOW, ..before.clone() };
            assert_eq!(outcome.resource, expected);
        }
    }
}

/// Proves LIF-21.
#[test]
fn only_content_can_be_staged() {
    let update = |edit: Edit| World::new().update(Who::Creator, &ab_test(State::RUNNING), edit);
    let variants = Edit { variants: Some(vec!["A".into(), "C".into()]), ..Edit::default() };
    assert_eq!(violated(update(new_title())), ["title"]);
    assert_eq!(violated(update(new_schedule(Some(1), None))), ["schedule"]);
    assert_eq!(violated(update(variants)), ["variants"]);
}

/// Two contents of one resource never share a revision, even where the first was discarded.
///
/// Proves LIF-5, LIF-21.
#[test]
fn no_revision_is_used_twice() {
    let world = World::new();
    let staged = world.update(Who::Creator, &ab_test(State::RUNNING), new_content("loud")).unwrap().resource;
    let pending = world.submit(Who::Creator, &staged, &doing(Action::PUBLISH_EDITS));
    let rejected = world.reject(Who::Approver, &pending).unwrap().resource;
    assert_eq!(rejected.staged, None);
    let again = world.update(Who::Creator, &rejected, new_content("soft")).unwrap().resource;
    assert!(again.staged.unwrap().revision > staged.staged.unwrap().revision);
}

#[test]
fn states_that_can_make_no_edit_live_refuse_it() {
    for before in [
        ab_test(State::SCHEDULED),
        ab_test(State::FINISHED),
        ab_test(State::DELETED),
        remote_config(State::DELETED),
        resource(Kind::CAMPAIGN, State::RUNNING),
        resource(Kind::CAMPAIGN, State::STOPPED),
        resource(Kind::CAMPAIGN, State::COMPLETED),
        resource(Kind::CAMPAIGN, State::ARCHIVED),
    ] {
        for who in [Who::Creator, Who::Admin] {
            let (kind, state) = (before.kind.clone(), before.state.clone());
            let refused = World::new().update(who, &before, new_content("better"));
            assert_eq!(refused, Err(Refusal::EditNotAllowed { kind, state }));
        }
    }
}

/// Proves LIF-20.
#[test]
fn a_pending_resource_is_edited_by_nobody() {
    let world = World::new();
    for (before, action) in [
        (campaign(), Action::LAUNCH),
        (ab_test(State::RUNNING), Action::PAUSE),
        (ab_test(State::RUNNING), Action::PUBLISH_EDITS),
        (remote_config(State::LIVE), Action::DELETE),
    ] {
        let pending = world.submit(Who::Creator, &before, &doing(action.clone())).resource;
        for who in [Who::Admin, Who::Approver, Who::EditorWithRight, Who::Editor, Who::Creator] {
            for edit in [new_content("better"), new_title(), new_schedule(Some(1), None), Edit::default()] {
                let locked = Refusal::Locked { request: REQUEST, action: action.clone() };
                assert_eq!(world.update(who, &pending, edit), Err(locked), "{who:?}");
            }
        }
    }
}

/// Proves ACC-4, ACC-16.
#[test]
fn who_may_not_write_is_told_only_that() {
    let world = World::new();
    let locked = world.launch_by_creator().resource;
    let odd = Edit { expected_version: Some(99), ..Edit::default() };
    for who in Who::EACH.into_iter().filter(|who| !who.may_write()) {
        let permission = if who.may_read() { Permission::Write } else { Permission::Read };
        let denied = Refusal::PermissionDenied { permission, component: "engagement.campaigns".into() };
        for resource in [&campaign(), &locked, &resource(Kind::CAMPAIGN, State::ARCHIVED)] {
            assert_eq!(world.update(who, resource, odd.clone()), Err(denied.clone()), "{who:?}");
            let command =
                crate::perform::PerformAction { expected_version: Some(99), ..doing(Action::PAUSE) };
            assert_eq!(world.perform(who, resource, &command), Err(denied.clone()), "{who:?}");
        }
    }
}

/// Proves LIF-22.
#[test]
fn editing_an_approved_campaign_before_its_start_voids_the_approval() {
    for who in [Who::Creator, Who::Editor, Who::Approver, Who::Admin] {
        for edit in [new_content("better"), new_title(), new_schedule(Some(2), None)] {
            let outcome = World::new().update(who, &scheduled_campaign(), edit).unwrap();
            assert_eq!(outcome.history.event, HistoryEvent::ApprovalVoided);
            let (from, to) = (outcome.history.from, outcome.history.to);
            assert_eq!((from, to), (Some(State::SCHEDULED), State::DRAFT));
            assert_eq!(outcome.resource.state, State::DRAFT);
            assert_eq!(outcome.resource.approval_status, ApprovalStatus::None);
            assert_eq!(outcome.resource.launch_mode, None);
        }
    }
}

/// Proves LIF-22.
#[test]
fn a_voided_campaign_must_be_submitted_again() {
    let world = World::new();
    let voided = world.update(Who::Creator, &scheduled_campaign(), new_content("better")).unwrap().resource;
    assert_eq!(world.clone().at(after_hours(24)).fire(&voided), None);
    let again = world.submit(Who::Creator, &voided, &doing(Action::LAUNCH));
    assert_eq!(again.request.digest, content("better", 0).digest);
}

/// Proves LIF-22.
#[test]
fn nothing_is_voided_where_nothing_was_asked() {
    let edited = |world: World, mode| {
        let before = Resource { launch_mode: Some(mode), ..scheduled_campaign() };
        world.update(Who::Creator, &before, new_content("better")).unwrap()
    };
    for outcome in [
        edited(World::off(), LaunchMode::Active),
        edited(World::new(), LaunchMode::Test),
        edited(World::new(), LaunchMode::Passive),
    ] {
        assert_eq!(outcome.history.event, HistoryEvent::Edited);
        assert_eq!(outcome.resource.state, State::SCHEDULED);
    }
}

/// A scheduled campaign without a start time starts at once, so taking the start away would be an immediate launch.
///
/// Proves POL-6.
#[test]
fn an_edit_can_t_turn_a_scheduled_launch_into_an_immediate_one() {
    let edit = || new_schedule(None, Some(48));
    let refused = World::off().update(Who::Creator, &scheduled_campaign(), edit());
    assert_eq!(violated(refused), ["schedule.start_time"]);
    let passive = Resource { launch_mode: Some(LaunchMode::Passive), ..scheduled_campaign() };
    assert!(World::off().update(Who::Creator, &passive, edit()).is_ok());
    let voided = World::new().update(Who::Creator, &scheduled_campaign(), edit()).unwrap();
    assert_eq!(voided.resource.state, State::DRAFT);
}

#[test]
fn an_edit_that_says_nothing_is_refused() {
    assert_eq!(violated(World::new().update(Who::Creator, &campaign(), Edit::default())), ["content"]);
}

#[test]
fn an_edit_from_a_stale_etag_is_refused() {
    let edit = Edit { expected_version: Some(6), ..new_title() };
    let refused = World::new().update(Who::Creator, &campaign(), edit);
    assert_eq!(refused, Err(Refusal::EtagMismatch { current: 7 }));
}

#[test]
fn a_time_that_is_set_anew_must_be_to_come_and_one_that_stays_may_have_passed() {
    let late = World::new().at(after_hours(30));
    let update = |edit| late.update(Who::Creator, &campaign(), edit);
    assert!(update(new_schedule(Some(24), Some(60))).is_ok());
    let past = World::new().at(after_hours(60));
    assert!(past.update(Who::Creator, &campaign(), new_schedule(Some(24), Some(48))).is_ok());
    assert_eq!(violated(update(new_schedule(Some(25), Some(60)))), ["schedule.start_time"]);
    assert_eq!(violated(update(new_schedule(Some(24), Some(29)))), ["schedule.end_time"]);
    assert_eq!(violated(update(new_schedule(Some(70), Some(60)))), ["schedule.end_time"]);
}

fn view(who: Who, resource: Option<&Resource>) -> Result<Resource, Refusal> {
    World::new().act(who, |context| permission::view(context, resource, Missing::Resource(RESOURCE)).cloned())
}

/// Proves ACC-4, ACC-16.
#[test]
fn who_may_not_see_is_not_told_whether_it_exists() {
    for who in Who::EACH {
        let (there, absent) = (view(who, Some(&campaign())), view(who, None));
        if who.may_read() {
            assert_eq!(there, Ok(campaign()), "{who:?}");
            assert_eq!(absent, Err(Refusal::NotFound(Missing::Resource(RESOURCE))), "{who:?}");
        } else {
            assert_eq!(there, absent, "{who:?}");
            assert!(matches!(there, Err(Refusal::PermissionDenied { permission: Permission::Read, .. })));
        }
    }
}

/// Proves ACC-4, ACC-16.
#[test]
fn a_list_shows_the_kinds_that_its_reader_may_read() {
    for who in Who::EACH {
        let kinds =
            |asked: Option<&Kind>| World::new().act(who, |context| edit::readable_kinds(context, asked)).ok();
        let all = who.may_read().then(|| vec![Kind::AB_TEST, Kind::REMOTE_CONFIG, Kind::CAMPAIGN]);
        assert_eq!(kinds(None), all, "{who:?}");
        assert_eq!(kinds(Some(&Kind::CAMPAIGN)), who.may_read().then(|| vec![Kind::CAMPAIGN]), "{who:?}");
    }
}
