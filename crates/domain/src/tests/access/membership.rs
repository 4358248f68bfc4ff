//! Who may give which roles to whom.

use super::{super::builders::*, CAMPAIGNS, role, role_id, someone};
use crate::{
    Member, MemberState, Refusal, Rights, RoleId, SystemRole, Violation, limits,
    membership::{self, Given, MemberChange, NewMember},
    refusal::Permission,
};

fn denied(permission: Permission) -> Refusal {
    Refusal::PermissionDenied { permission, component: "account".into() }
}

fn create(world: &World, by: &Member, given: Given) -> Result<Member, Refusal> {
    let new = NewMember {
        id: Who::Stranger.id(),
        email: "new@example.com".into(),
        display_name: "New".into(),
        locale: "de".into(),
        time_zone: None,
        given,
    };
    world.by(by, |context| membership::create(context, new))
}

fn world() -> World {
    World::new().with_roles(&[&role(1, &[(CAMPAIGNS, Rights::FULL)]), &role(2, &[])])
}

fn given(system_role: Option<SystemRole>, roles: &[RoleId]) -> Given {
    Given { system_role, roles: roles.to_vec(), approval_right: false }
}

/// ADMIN any role; APPROVER gives CREATOR, MEMBER and custom roles to *new* members; no other role assigns.
///
/// Proves ACC-8.
#[test]
fn who_may_assign_what_to_new_and_to_existing_members() {
    let world = world();
    let every_system_role = SystemRole::ALL.map(Some).into_iter().chain([None]);
    for by in SystemRole::ALL.map(Some).into_iter().chain([None]) {
        // A custom role that does everything on campaigns does not make its holder an assigner.
        let actor = someone(1, by, &[&role(1, &[])]);
        for system_role in every_system_role.clone() {
            for roles in [&[][..], &[role_id(1)], &[role_id(2), role_id(1)]] {
                if system_role.is_none() && roles.is_empty() {
                    continue;
                }
                let to_new = match by {
                    Some(SystemRole::Admin) => true,
                    Some(SystemRole::Approver) => {
                        matches!(system_role, None | Some(SystemRole::Creator | SystemRole::Member))
                    }
                    _ => false,
                };
                let result = create(&world, &actor, given(system_role, roles));
                let expected = (!to_new).then_some(denied(Permission::Invite));
                assert_eq!(result.err(), expected, "{by:?} gives {system_role:?}, {roles:?} to a new member");

                let change = MemberChange {
                    system_role: Some(system_role),
                    roles: Some(roles.to_vec()),
                    ..MemberChange::default()
                };
                let result =
                    world.by(&actor, |context| membership::update(context, &member(Who::Creator), change));
                let expected = (by != Some(SystemRole::Admin)).then_some(denied(Permission::ManageMembers));
                assert_eq!(result.err(), expected, "{by:?} gives {system_role:?}, {roles:?} to a member");
            }
        }
    }
}

/// With every workflow off an APPROVER is a CREATOR, and Creators add nobody.
///
/// Proves ACC-8, ACC-9.
#[test]
fn an_approver_adds_members_only_while_some_workflow_is_on() {
    let add =
        |world: &World| create(world, &member(Who::Approver), given(Some(SystemRole::Member), &[])).err();
    assert_eq!(add(&World::new()), None);
    assert_eq!(add(&World::off()), Some(denied(Permission::Invite)));
    for campaigns in [true, false] {
        let mut world = World::off();
        (world.campaigns.enabled, world.experiences.enabled) = (campaigns, !campaigns);
        assert_eq!(add(&world), None);
    }
}

/// Proves ACC-9.
#[test]
fn approver_is_given_to_new_and_existing_members_only_while_some_workflow_is_on() {
    let approver = Some(SystemRole::Approver);
    for (world, available) in [(World::new(), true), (World::off(), false)] {
        let expected = (!available).then_some(Refusal::ApproverRoleUnavailable);
        assert_eq!(create(&world, &member(Who::Admin), given(approver, &[])).err(), expected);
        let change = MemberChange { system_role: Some(approver), ..MemberChange::default() };
        let update = |of: Who| {
            world.act(Who::Admin, |context| membership::update(context, &member(of), change.clone())).err()
        };
        assert_eq!(update(Who::Creator), expected);
        // Who has it keeps it, whatever else is changed.
        assert_eq!(update(Who::Approver), None);
    }
}

#[test]
fn a_member_keeps_a_role() {
    let nothing = create(&World::new(), &member(Who::Admin), Given::default());
    assert_eq!(nothing, Err(Refusal::RoleRequired));
    let change = MemberChange { system_role: Some(None), ..MemberChange::default() };
    let taken =
        world().act(Who::Admin, |context| membership::update(context, &member(Who::Creator), change.clone()));
    assert_eq!(taken, Err(Refusal::RoleRequired));
    let change = MemberChange { roles: Some(vec![role_id(1)]), ..change };
    let swapped = world()
        .act(Who::Admin, |context| membership::update(context, &member(Who::Creator), change))
        .unwrap();
    assert_eq!((swapped.system_role, swapped.roles), (None, vec![role_id(1)]));
}

#[test]
fn custom_roles_are_known_ones_and_each_is_there_once() {
    let roles = [role_id(99), role_id(1), role_id(1)];
    let refused = create(&world(), &member(Who::Admin), given(None, &roles));
    let expected = vec![
        Violation::new("role_ids[0]", "is no custom role of this account"),
        Violation::new("role_ids[2]", "is named twice"),
    ];
    assert_eq!(refused, Err(Refusal::Invalid(expected)));
    let many = vec![role_id(1); limits::MEMBER_ROLES + 1];
    let text = "must name at most 20 roles, names 21";
    assert_eq!(
        create(&world(), &member(Who::Admin), given(None, &many)),
        Err(Refusal::Invalid(vec![Violation::new("role_ids", text)]))
    );
    let sorted = create(&world(), &member(Who::Admin), given(None, &[role_id(2), role_id(1)])).unwrap();
    assert_eq!(sorted.roles, [role_id(1), role_id(2)]);
}

/// Who has custom roles alone can't be given the flag: the role says who approves.
///
/// Proves ACC-10.
#[test]
fn only_an_editor_can_be_given_the_approval_right() {
    for system_role in SystemRole::ALL.map(Some).into_iter().chain([None]) {
        let given = Given { approval_right: true, ..given(system_role, &[role_id(1)]) };
        let result = create(&world(), &member(Who::Admin), given);
        match system_role {
            Some(SystemRole::Editor) => assert!(result.unwrap().approval_right),
            // Theirs comes with the role, and is not kept beside it.
            Some(SystemRole::Admin | SystemRole::Approver) => assert!(!result.unwrap().approval_right),
            _ => assert_eq!(result, Err(Refusal::ApprovalRightNotAllowed(system_role))),
        }
    }
}

/// Proves ACC-11.
#[test]
fn the_last_admin_can_t_swap_the_role_for_a_custom_one() {
    let lonely = world().only(&[Who::Admin, Who::Approver, Who::Revoked]);
    for system_role in [None, Some(SystemRole::Editor), Some(SystemRole::Approver)] {
        let change = MemberChange {
            system_role: Some(system_role),
            roles: Some(vec![role_id(1)]),
            ..MemberChange::default()
        };
        let result =
            lonely.act(Who::Admin, |context| membership::update(context, &member(Who::Admin), change));
        assert_eq!(result, Err(Refusal::LastAdmin));
    }
}

#[test]
fn revoking_twice_is_harmless() {
    let revoke = |member: &Member| {
        World::new().act(Who::Admin, |context| membership::revoke(context, member, None)).unwrap()
    };
    let once = revoke(&member(Who::Creator));
    assert_eq!(once, Member { state: MemberState::Revoked, version: 2, ..member(Who::Creator) });
    assert_eq!(revoke(&once), Member { version: 3, ..once });
}
