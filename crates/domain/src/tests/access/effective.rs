//! What all of a member's roles give together.

use super::{super::builders::*, CAMPAIGNS, EXPERIENCES, component, masking, role, someone};
use crate::{Component, Member, MemberState, Rights, SystemRole, access::TREE};

fn rights(world: &World, member: &Member, id: &str) -> Rights {
    world.access(member).rights(&component(id))
}

/// Proves ACC-5.
#[test]
fn of_several_roles_the_highest_access_wins_component_by_component() {
    let (a, b) = (role(1, &[(EXPERIENCES, Rights::WRITE)]), role(2, &[("boards", Rights::READ)]));
    let world = World::new().with_roles(&[&a, &b]);
    // C's own example: A writes Product Experiences, B has no access to them.
    let both = someone(1, None, &[&a, &b]);
    assert_eq!(rights(&world, &both, EXPERIENCES), Rights::WRITE);
    assert_eq!(rights(&world, &both, "boards"), Rights::READ);
    assert_eq!(rights(&world, &both, CAMPAIGNS), Rights::NONE);
}

/// Proves ACC-2, ACC-5.
#[test]
fn the_system_role_counts_as_one_of_the_roles() {
    let approves = role(1, &[(CAMPAIGNS, Rights::APPROVE), ("boards", Rights::WRITE)]);
    let world = World::new().with_roles(&[&approves]);
    let creator = someone(1, Some(SystemRole::Creator), &[&approves]);
    assert_eq!(rights(&world, &creator, CAMPAIGNS), Rights::FULL);
    assert_eq!(rights(&world, &creator, EXPERIENCES), Rights::WRITE);
    assert_eq!(rights(&world, &creator, "boards.daily"), Rights::WRITE);
    assert_eq!(rights(&world, &creator, "analytics"), Rights::READ);
}

/// Proves ACC-6.
#[test]
fn access_to_a_component_covers_everything_below_it() {
    let engagement = role(1, &[("engagement", Rights::WRITE)]);
    let world = World::new().with_roles(&[&engagement]);
    let holder = someone(1, None, &[&engagement]);
    for node in &TREE {
        let below = component("engagement").covers(&node.component);
        let expected = if below { Rights::WRITE } else { Rights::NONE };
        assert_eq!(world.access(&holder).rights(&node.component), expected, "{}", node.component);
    }
}

/// Proves ACC-6.
#[test]
fn access_can_be_set_on_a_subcomponent_alone() {
    let campaigns = role(1, &[(CAMPAIGNS, Rights::WRITE)]);
    let world = World::new().with_roles(&[&campaigns]);
    let holder = someone(1, None, &[&campaigns]);
    for node in &TREE {
        let expected = if node.component == Component::CAMPAIGNS { Rights::WRITE } else { Rights::NONE };
        assert_eq!(world.access(&holder).rights(&node.component), expected, "{}", node.component);
    }
}

/// Less on a subcomponent takes nothing away: access covers what is below it, and the highest wins.
///
/// Proves ACC-5, ACC-6.
#[test]
fn a_lower_access_below_a_higher_one_takes_nothing_away() {
    let mixed = role(1, &[("engagement", Rights::WRITE), (CAMPAIGNS, Rights::APPROVE)]);
    let world = World::new().with_roles(&[&mixed]);
    let holder = someone(1, None, &[&mixed]);
    assert_eq!(rights(&world, &holder, CAMPAIGNS), Rights::FULL);
    assert_eq!(rights(&world, &holder, "engagement.journeys"), Rights::WRITE);
}

/// Proves ACC-4.
#[test]
fn write_and_approve_give_read_whichever_role_they_come_from() {
    for given in [Rights::READ, Rights::WRITE, Rights::APPROVE, Rights::FULL] {
        let one = role(1, &[(CAMPAIGNS, given)]);
        let world = World::new().with_roles(&[&one]);
        assert!(rights(&world, &someone(1, None, &[&one]), CAMPAIGNS).read, "{given:?}");
    }
}

/// Proves ACC-10.
#[test]
fn an_editor_approves_where_an_admin_gave_the_right_and_only_where_there_is_a_workflow() {
    for given in [false, true] {
        let editor = Member { approval_right: given, ..someone(1, Some(SystemRole::Editor), &[]) };
        for node in &TREE {
            let approves = given && node.component.has_workflow();
            let rights = World::new().access(&editor).rights(&node.component);
            assert_eq!(rights.approve, approves, "{}", node.component);
            assert_eq!(rights.without_approve(), SystemRole::Creator.rights(&node.component));
        }
    }
}

/// Proves ACC-10.
#[test]
fn a_custom_role_with_approve_makes_an_approver_of_that_area_alone() {
    let approves = role(1, &[(EXPERIENCES, Rights::APPROVE)]);
    let holder = someone(1, None, &[&approves]);
    let world = World::new().with_roles(&[&approves]).with_member(&holder);
    let is_approver = |component| {
        world.act(Who::Timer, |context| context.approvers_of(component, None).any(|it| it.id == holder.id))
    };
    assert!(is_approver(&Component::PRODUCT_EXPERIENCES));
    assert!(!is_approver(&Component::CAMPAIGNS));
}

/// Proves ACC-9.
#[test]
fn an_approver_acts_as_creator_while_every_workflow_is_off() {
    let approver = member(Who::Approver);
    for (campaigns, experiences) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut world = World::new();
        (world.campaigns.enabled, world.experiences.enabled) = (campaigns, experiences);
        let acts_as = if campaigns || experiences { SystemRole::Approver } else { SystemRole::Creator };
        assert_eq!(world.access(&approver).system_role(), Some(acts_as));
        for node in &TREE {
            let rights = world.access(&approver).rights(&node.component);
            assert_eq!(rights, acts_as.rights(&node.component), "{}", node.component);
        }
    }
}

/// What comes from a custom role or was given to an EDITOR does not follow the toggles.
///
/// Proves ACC-9, ACC-10.
#[test]
fn only_the_approver_role_follows_the_toggles() {
    let approves = role(1, &[(CAMPAIGNS, Rights::APPROVE)]);
    let off = World::off().with_roles(&[&approves]);
    for member in [
        someone(1, None, &[&approves]),
        someone(1, Some(SystemRole::Approver), &[&approves]),
        member(Who::Admin),
        member(Who::EditorWithRight),
    ] {
        assert!(rights(&off, &member, CAMPAIGNS).approve, "{member:?}");
    }
}

/// Proves ACC-9.
#[test]
fn a_revoked_member_has_nothing_whatever_their_roles() {
    let full = masking(role(1, &[("engagement", Rights::WRITE), (CAMPAIGNS, Rights::APPROVE)]));
    let world = World::new().with_roles(&[&full]);
    for system_role in SystemRole::ALL.map(Some).into_iter().chain([None]) {
        let revoked =
            Member { state: MemberState::Revoked, approval_right: true, ..someone(1, system_role, &[&full]) };
        let access = world.access(&revoked);
        assert!(TREE.iter().all(|node| access.rights(&node.component).is_none()), "{system_role:?}");
        assert_eq!((access.system_role(), access.roles().len()), (None, 0));
    }
}

/// A role that is gone gives nothing, even where a row still names it.
#[test]
fn a_role_that_is_not_there_gives_nothing() {
    let gone = role(1, &[(CAMPAIGNS, Rights::FULL)]);
    assert_eq!(rights(&World::new(), &someone(1, None, &[&gone]), CAMPAIGNS), Rights::NONE);
}
