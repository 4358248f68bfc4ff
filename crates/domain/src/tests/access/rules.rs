//! What a change of the rules touches.

use super::{super::builders::*, CAMPAIGNS, countries, role, scoped, someone};
use crate::{
    Member, MemberState, Policies, Policy, Rights, SystemRole,
    policy::Area,
    rules::{Sight, is_candidate, sight, touched_by_switch},
};

fn sight_of(world: &World, member: &Member) -> Sight {
    world.act(Who::Timer, |context| sight(context, member))
}

fn kinds(kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}

/// Proves ACC-9, ACC-12, NOT-12.
#[test]
fn what_a_member_may_see_and_decide_is_told_kind_by_kind() {
    let us = scoped(role(1, &[(CAMPAIGNS, Rights::APPROVE)]), &["US"]);
    let world = World::new().with_roles(&[&us]);
    let all = kinds(&["ab_test", "remote_config", "campaign"]);
    let limited = Sight {
        active: true,
        readable: kinds(&["campaign"]),
        approvable: kinds(&["campaign"]),
        scope: Some(countries(&["US"])),
    };
    assert_eq!(sight_of(&world, &someone(1, None, &[&us])), limited);
    let approver = Sight { active: true, readable: all.clone(), approvable: all.clone(), scope: None };
    assert_eq!(sight_of(&world, &member(Who::Approver)), approver);
    assert_eq!(sight_of(&world, &someone(1, Some(SystemRole::Admin), &[&us])), approver);
    let acts_as_creator = Sight { approvable: Vec::new(), ..approver };
    assert_eq!(sight_of(&World::off(), &member(Who::Approver)), acts_as_creator);
    let nothing = Sight { active: false, readable: Vec::new(), approvable: Vec::new(), scope: None };
    let revoked = Member { state: MemberState::Revoked, ..someone(1, Some(SystemRole::Admin), &[&us]) };
    assert_eq!(sight_of(&world, &revoked), nothing);
}

/// Whoever could approve anything, whichever workflow is on, is a candidate: decisions look no further.
///
/// Proves ACC-10.
#[test]
fn every_approver_is_a_candidate() {
    let approves = role(1, &[(CAMPAIGNS, Rights::APPROVE)]);
    let world = World::new().with_roles(&[&approves]);
    for who in Who::MEMBERS {
        assert_eq!(is_candidate(&member(who), &world.roles), who.may_approve(), "{who:?}");
    }
    let holder = someone(1, Some(SystemRole::Creator), &[&approves]);
    assert!(is_candidate(&holder, &world.roles));
    assert!(!is_candidate(&Member { state: MemberState::Revoked, ..holder }, &world.roles));
}

/// Proves ACC-9.
#[test]
fn the_first_workflow_on_and_the_last_one_off_touch_the_approvers() {
    let on = |area| Policy { enabled: true, ..Policy::default_of(area) };
    let touched = |world: &World, after: &Policies| -> Vec<String> {
        world.act(Who::Admin, |context| {
            touched_by_switch(context, after).map(|member| member.display_name.clone()).collect()
        })
    };
    let approvers = ["Approver", "SecondApprover"];
    let (none, one) = (Policies::default(), Policies::new([], [on(Area::CAMPAIGNS)]));
    assert_eq!(touched(&World::off(), &one), approvers);
    assert_eq!(touched(&World::new(), &none), approvers);
    assert!(touched(&World::new(), &one).is_empty());
    assert!(touched(&World::off(), &none).is_empty());
}
