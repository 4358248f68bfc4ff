//! Policies that get weaker: who is told, and who can't use it for a while (POL-9).

use std::time::Duration;

use super::{builders::*, policy::kind};
use crate::{
    Action, Area, LaunchMode, Policy, Refusal, RequestState, SystemRole,
    outcome::EventKind,
    perform::PerformAction,
    policy::{Cancellation, Held, PolicyChange, Weakening, weakenings},
    recipients::Reason,
    rules::Told,
};

const DAY: Duration = Duration::from_hours(24);

/// One setting of each, from what protects more to what protects less, with how both are told.
fn steps() -> Vec<(PolicyChange, PolicyChange, (&'static str, &'static str, &'static str))> {
    let none = PolicyChange::default();
    let step = |strong: PolicyChange, weak: PolicyChange, told| (strong, weak, told);
    vec![
        step(
            PolicyChange { enabled: Some(true), ..none.clone() },
            PolicyChange { enabled: Some(false), ..none.clone() },
            ("enabled", "true", "false"),
        ),
        step(
            PolicyChange { required_approvals: Some(3), ..none.clone() },
            PolicyChange { required_approvals: Some(2), ..none.clone() },
            ("required_approvals", "3", "2"),
        ),
        step(
            PolicyChange { allow_self_approval: Some(false), ..none.clone() },
            PolicyChange { allow_self_approval: Some(true), ..none.clone() },
            ("allow_self_approval", "false", "true"),
        ),
        step(
            PolicyChange { exclude_authors: Some(true), ..none.clone() },
            PolicyChange { exclude_authors: Some(false), ..none.clone() },
            ("exclude_authors", "true", "false"),
        ),
        step(
            PolicyChange { cancellation: Some(Cancellation::Nobody), ..none.clone() },
            PolicyChange { cancellation: Some(Cancellation::Writers), ..none.clone() },
            ("cancellation", "NOBODY", "WRITERS"),
        ),
        step(
            PolicyChange { request_max_age: Some(DAY), ..none.clone() },
            PolicyChange { request_max_age: Some(2 * DAY), ..none.clone() },
            ("request_max_age", "86400s", "172800s"),
        ),
        step(
            PolicyChange { request_max_age: Some(DAY), ..none.clone() },
            PolicyChange { request_max_age: Some(Duration::ZERO), ..none.clone() },
            ("request_max_age", "86400s", "0s"),
        ),
        step(
            PolicyChange { minimum_lead_time: Some(DAY), ..none.clone() },
            PolicyChange { minimum_lead_time: Some(Duration::from_secs(90)), ..none.clone() },
            ("minimum_lead_time", "86400s", "90s"),
        ),
        step(
            PolicyChange { cooling_off: Some(DAY), ..none.clone() },
            PolicyChange { cooling_off: Some(Duration::ZERO), ..none },
            ("cooling_off", "86400s", "0s"),
        ),
    ]
}

/// What becomes of the campaigns' policy, and what is told.
fn changed(world: &World, who: Who, change: &PolicyChange) -> (Policy, Vec<Told>) {
    world.change_policy(who, &Area::CAMPAIGNS, change).unwrap()
}

/// The world after the change.
fn after(mut world: World, who: Who, change: &PolicyChange) -> World {
    world.campaigns = changed(&world, who, change).0;
    world
}

fn allowing_self_approval() -> PolicyChange {
    PolicyChange { allow_self_approval: Some(true), ..PolicyChange::default() }
}

/// The account where a policy has a day of cooling off.
fn cooling() -> World {
    World::new().with(|policy| policy.cooling_off = DAY)
}

/// An Editor of whose rank none decides campaigns without a request, so that what they do is gated.
fn submitted(world: &World) -> Pending {
    world.submit(Who::Creator, &campaign(), &doing(Action::LAUNCH))
}

/// Proves POL-9.
#[test]
fn every_setting_that_protects_less_is_told_with_what_it_was() {
    for (strong, weak, (setting, before, to)) in steps() {
        let world = after(World::new(), Who::Admin, &strong);
        let (policy, told) = changed(&world, Who::Admin, &weak);
        let expected = Weakening { setting, before: before.into(), after: to.into() };
        assert_eq!(weakenings(&world.campaigns, &policy), std::slice::from_ref(&expected));
        assert_eq!(weakenings(&policy, &world.campaigns), [], "{setting} the other way round is stronger");
        let [told] = told.as_slice() else { panic!("{told:?}") };
        let (event, expected_kind) = match told {
            Told::Workflow(_, event) => (event, EventKind::WorkflowDisabled),
            Told::Weakened(of, weakened, event) => {
                assert_eq!((of, weakened.as_slice()), (&policy, &[expected][..]));
                (event, EventKind::PolicyWeakened)
            }
            Told::AccountState(_) | Told::Invitation { .. } => panic!("{told:?}"),
        };
        assert_eq!(event.kind, expected_kind, "{setting}");
        let mut asked: Vec<_> = event.recipients.iter().map(|it| (it.member_id, it.reason)).collect();
        asked.sort_by_key(|(member, _)| *member);
        let mut all: Vec<_> = Who::MEMBERS
            .into_iter()
            .filter(|who| who.may_approve())
            .map(|who| {
                let admin = who.role() == Some(SystemRole::Admin);
                (who.id(), if admin { Reason::Admin } else { Reason::AreaApprover })
            })
            .collect();
        all.sort_by_key(|(member, _)| *member);
        assert_eq!(asked, all, "{setting}");
        assert!(event.recipients.iter().all(|it| it.mail), "{setting}");
    }
}

/// Proves POL-9.
#[test]
fn what_stays_or_gets_stronger_is_not_told() {
    for (strong, weak, (setting, ..)) in steps() {
        let world = after(World::new(), Who::Admin, &weak);
        let (_, told) = changed(&world, Who::Admin, &strong);
        let kinds: Vec<EventKind> = told.iter().map(kind).collect();
        let expected: &[EventKind] = if setting == "enabled" { &[EventKind::WorkflowEnabled] } else { &[] };
        assert_eq!(kinds, expected, "{setting}");
        assert_eq!(changed(&world, Who::Admin, &PolicyChange::default()).1.len(), 0, "{setting}");
    }
}

/// Switched off and weakened at once, both are told.
///
/// Proves POL-9, NOT-7.
#[test]
fn a_switch_hides_no_weakening() {
    let both = PolicyChange { enabled: Some(false), ..allowing_self_approval() };
    let kinds: Vec<EventKind> = changed(&World::new(), Who::Admin, &both).1.iter().map(kind).collect();
    assert_eq!(kinds, [EventKind::WorkflowDisabled, EventKind::PolicyWeakened]);
}

/// The attack: open self-approval, approve one's own request, close it again.
///
/// Proves POL-9, REQ-5.
#[test]
fn who_weakens_a_policy_does_not_decide_until_the_time_has_passed() {
    for (strong, weak, (setting, ..)) in steps().into_iter().filter(|step| step.2.0 != "enabled") {
        let before = after(cooling(), Who::SecondAdmin, &strong);
        let day = before.campaigns.cooling_off;
        let world = after(before, Who::Admin, &weak);
        let until = NOW.plus(day);
        assert!(world.campaigns.held.contains(&Held { member: Who::Admin.id(), until }), "{setting}");
        let refused = Err(Refusal::CoolingOff { area: Area::CAMPAIGNS, until });
        let pending = submitted(&world);
        let early = world.clone().at(crate::Timestamp(until.0 - 1));
        assert_eq!(early.approve(Who::Admin, &pending), refused, "{setting}");
        assert_eq!(early.reject(Who::Admin, &pending), refused, "{setting}");
        // Put back, it holds as before.
        let back = after(early, Who::Admin, &strong);
        assert_eq!(back.approve(Who::Admin, &pending), refused, "{setting}");
        // The others decide meanwhile, and so do they once the time has passed.
        assert!(world.approve(Who::Approver, &pending).is_ok(), "{setting}");
        assert!(world.at(until).reject(Who::Admin, &pending).is_ok(), "{setting}");
    }
}

/// Proves POL-9.
#[test]
fn by_default_nobody_is_held() {
    for (strong, weak, (setting, ..)) in steps().into_iter().filter(|step| step.2.0 != "cooling_off") {
        let world = after(after(World::new(), Who::Admin, &strong), Who::Admin, &weak);
        assert_eq!(
            (world.campaigns.cooling_off, world.campaigns.held),
            (Duration::ZERO, vec![]),
            "{setting}"
        );
    }
}

/// Each who weakens it is held for as long as it was when they did; a shorter time takes nothing off a longer one.
///
/// Proves POL-9.
#[test]
fn a_shorter_time_of_cooling_off_frees_nobody() {
    let world = after(cooling(), Who::Admin, &allowing_self_approval());
    let shorter = PolicyChange { cooling_off: Some(Duration::ZERO), ..PolicyChange::default() };
    let world = after(world.at(after_hours(1)), Who::SecondAdmin, &shorter);
    let held = |who: Who, until| Held { member: who.id(), until };
    assert_eq!(
        world.campaigns.held,
        [held(Who::Admin, after_hours(24)), held(Who::SecondAdmin, after_hours(25))]
    );
    // They are forgotten, each when the time has passed.
    let fewer = PolicyChange { required_approvals: Some(2), ..PolicyChange::default() };
    let world = after(world.at(after_hours(24)), Who::SecondAdmin, &fewer);
    assert_eq!(world.campaigns.held, [held(Who::SecondAdmin, after_hours(25))]);
}

/// What they approved before they weakened it was approved under what it was.
///
/// Proves POL-9, REQ-22.
#[test]
fn what_was_approved_before_counts() {
    let world = cooling().with(|policy| policy.required_approvals = 2);
    let pending = submitted(&world);
    let pending = Pending::after(world.approve(Who::Admin, &pending).unwrap());
    let world = after(world, Who::Admin, &allowing_self_approval());
    let decided = Pending::after(world.approve(Who::Approver, &pending).unwrap());
    assert!(matches!(decided.request.state, RequestState::Approved { .. }));
}

/// With the workflow off a change is applied without a signature, so who switched it off can't apply one; nor is anybody else kept from it.
///
/// Proves POL-9, POL-1.
#[test]
fn who_switches_a_workflow_off_applies_nothing_that_it_guarded() {
    let off = PolicyChange { enabled: Some(false), ..PolicyChange::default() };
    let mut world = cooling();
    world.experiences = world.change_policy(Who::Admin, &Area::PRODUCT_EXPERIENCES, &off).unwrap().0;
    let until = after_hours(24);
    let start = doing(Action::START);
    let draft = ab_test(crate::State::DRAFT);
    let refused = Err(Refusal::CoolingOff { area: Area::PRODUCT_EXPERIENCES, until });
    assert_eq!(world.perform(Who::Admin, &draft, &start), refused);
    assert!(world.perform(Who::Creator, &draft, &start).is_ok());
    assert!(world.clone().at(until).perform(Who::Admin, &draft, &start).is_ok());
    // What needs no approval of theirs in either case is free: campaigns of who approves campaigns (POL-5), and tests.
    world.campaigns = world.change_policy(Who::Admin, &Area::CAMPAIGNS, &off).unwrap().0;
    assert!(world.perform(Who::Admin, &campaign(), &doing(Action::LAUNCH)).is_ok());
    let test = PerformAction { launch_mode: Some(LaunchMode::Test), ..doing(Action::LAUNCH) };
    assert!(world.perform(Who::Admin, &campaign(), &test).is_ok());
}

/// Proves POL-9.
#[test]
fn a_policy_of_another_area_holds_nobody_in_this_one() {
    let world = after(cooling(), Who::Admin, &allowing_self_approval());
    let pending = world.submit(Who::Creator, &ab_test(crate::State::DRAFT), &doing(Action::START));
    assert!(world.approve(Who::Admin, &pending).is_ok());
}
