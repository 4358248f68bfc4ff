//! Who gets, changes and loses access.

use super::builders::*;
use crate::{
    Member, MemberState, Refusal, SystemRole,
    membership::{self, Given, MemberChange, NewMember},
    permission,
    refusal::Permission,
};

fn denied() -> Refusal {
    Refusal::PermissionDenied { permission: Permission::ManageMembers, component: "account".into() }
}

/// What who may not add members is told: adding and inviting are one permission, apart from changing who is there.
fn denied_to_add() -> Refusal {
    Refusal::PermissionDenied { permission: Permission::Invite, component: "account".into() }
}

fn create(world: &World, by: Who, system_role: SystemRole, approval_right: bool) -> Result<Member, Refusal> {
    let new = NewMember {
        id: Who::Stranger.id(),
        email: "new@example.com".into(),
        display_name: "New".into(),
        locale: "de".into(),
        time_zone: None,
        given: Given { system_role: Some(system_role), roles: Vec::new(), approval_right },
    };
    world.act(by, |context| membership::create(context, new))
}

fn update(world: &World, by: Who, of: Who, change: MemberChange) -> Result<Member, Refusal> {
    world.act(by, |context| membership::update(context, &member(of), change))
}

fn revoke(world: &World, by: Who, of: Who) -> Result<Member, Refusal> {
    world.act(by, |context| membership::revoke(context, &member(of), None))
}

fn role(role: SystemRole) -> MemberChange {
    MemberChange { system_role: Some(Some(role)), ..MemberChange::default() }
}

fn right(given: bool) -> MemberChange {
    MemberChange { approval_right: Some(given), ..MemberChange::default() }
}

/// Proves ACC-8.
#[test]
fn members_are_added_by_who_may_assign_their_role() {
    for by in Who::EACH {
        for role in SystemRole::ALL {
            let may = by == Who::Admin
                || (by == Who::Approver && [SystemRole::Creator, SystemRole::Member].contains(&role));
            let result = create(&World::new(), by, role, false);
            if may {
                let new = result.unwrap();
                assert_eq!((new.system_role, new.state, new.version), (Some(role), MemberState::Active, 1));
            } else {
                assert_eq!(result, Err(denied_to_add()), "{by:?} adds {role:?}");
            }
        }
    }
}

/// Proves ACC-10.
#[test]
fn a_new_editor_may_be_given_the_approval_right_and_has_none_by_default() {
    let right = |given| create(&World::new(), Who::Admin, SystemRole::Editor, given).unwrap().approval_right;
    assert!(right(true));
    assert!(!right(false));
}

/// Proves ACC-10.
#[test]
fn a_new_creator_or_member_can_t_be_given_the_approval_right() {
    for role in [SystemRole::Creator, SystemRole::Member] {
        let refused = create(&World::new(), Who::Admin, role, true);
        assert_eq!(refused, Err(Refusal::ApprovalRightNotAllowed(Some(role))));
    }
}

/// Proves ACC-8.
#[test]
fn only_admins_change_and_revoke_members() {
    for by in Who::EACH.into_iter().filter(|by| *by != Who::Admin) {
        assert_eq!(
            update(&World::new(), by, Who::Creator, role(SystemRole::Member)),
            Err(denied()),
            "{by:?}"
        );
        assert_eq!(update(&World::new(), by, Who::Editor, right(true)), Err(denied()), "{by:?}");
        assert_eq!(revoke(&World::new(), by, Who::Creator), Err(denied()), "{by:?}");
    }
}

/// A stale etag is told only to who may change members.
///
/// Proves ACC-16.
#[test]
fn who_may_not_manage_members_is_told_only_that() {
    let stale = MemberChange { expected_version: Some(99), ..MemberChange::default() };
    assert_eq!(update(&World::new(), Who::Approver, Who::Admin, stale.clone()), Err(denied()));
    let told = Err(Refusal::EtagMismatch { current: 1 });
    assert_eq!(update(&World::new(), Who::Admin, Who::Creator, stale), told);
}

/// Proves ACC-10.
#[test]
fn an_admin_gives_and_takes_an_editor_s_right() {
    assert!(update(&World::new(), Who::Admin, Who::Editor, right(true)).unwrap().approval_right);
    assert!(!update(&World::new(), Who::Admin, Who::EditorWithRight, right(false)).unwrap().approval_right);
}

/// Proves ACC-10.
#[test]
fn an_admin_s_and_an_approver_s_right_can_t_be_taken_nor_a_creator_s_given() {
    for (of, given, role) in [
        (Who::SecondAdmin, false, SystemRole::Admin),
        (Who::Approver, false, SystemRole::Approver),
        (Who::Creator, true, SystemRole::Creator),
        (Who::Member, true, SystemRole::Member),
    ] {
        let refused = update(&World::new(), Who::Admin, of, right(given));
        assert_eq!(refused, Err(Refusal::ApprovalRightNotAllowed(Some(role))), "{of:?}");
    }
}

/// Coming back as an Editor must not bring back a right that an Admin gave in another life.
///
/// Proves ACC-2, ACC-10.
#[test]
fn another_role_ends_an_editor_s_right() {
    for next in [SystemRole::Creator, SystemRole::Member, SystemRole::Approver, SystemRole::Admin] {
        let changed = update(&World::new(), Who::Admin, Who::EditorWithRight, role(next)).unwrap();
        assert_eq!((changed.system_role, changed.approval_right), (Some(next), false));
        let back = World::new()
            .act(Who::Admin, |context| membership::update(context, &changed, role(SystemRole::Editor)))
            .unwrap();
        assert!(!back.approval_right);
    }
}

#[test]
fn what_a_change_does_not_name_stays() {
    let renamed = MemberChange { display_name: Some("Other".into()), ..MemberChange::default() };
    let changed = update(&World::new(), Who::Admin, Who::EditorWithRight, renamed).unwrap();
    let expected = Member { display_name: "Other".into(), version: 2, ..member(Who::EditorWithRight) };
    assert_eq!(changed, expected);
}

/// Proves ACC-11.
#[test]
fn the_last_admin_is_neither_revoked_nor_demoted() {
    // A revoked Admin does not count.
    let lonely = World::new().only(&[Who::Admin, Who::Approver, Who::EditorWithRight, Who::Revoked]);
    assert_eq!(revoke(&lonely, Who::Admin, Who::Admin), Err(Refusal::LastAdmin));
    for next in [SystemRole::Creator, SystemRole::Member, SystemRole::Approver, SystemRole::Editor] {
        assert_eq!(update(&lonely, Who::Admin, Who::Admin, role(next)), Err(Refusal::LastAdmin));
    }
    assert!(update(&lonely, Who::Admin, Who::Admin, role(SystemRole::Admin)).is_ok());
}

/// Proves ACC-11.
#[test]
fn one_of_two_admins_may_go() {
    for of in [Who::Admin, Who::SecondAdmin] {
        assert_eq!(revoke(&World::new(), Who::Admin, of).unwrap().state, MemberState::Revoked);
        assert!(update(&World::new(), Who::Admin, of, role(SystemRole::Member)).is_ok());
    }
}

/// Proves ACC-8, ACC-10.
#[test]
fn a_revoked_member_can_do_nothing_more() {
    let mut world = World::new();
    let revoked = revoke(&world, Who::Admin, Who::Approver).unwrap();
    let pending = world.launch_by_creator();
    assert!(world.approve(Who::Approver, &pending).is_ok());
    world.members.retain(|member| member.id != revoked.id);
    world.members.push(revoked);
    assert!(matches!(
        world.approve(Who::Approver, &pending),
        Err(Refusal::PermissionDenied { permission: Permission::Read, .. })
    ));
    assert_eq!(create(&world, Who::Approver, SystemRole::Member, false), Err(denied_to_add()));
}

/// Proves ACC-16.
#[test]
fn only_active_members_see_the_account() {
    for who in Who::EACH {
        let active = !matches!(who, Who::Revoked | Who::Stranger | Who::Timer);
        assert_eq!(
            World::new().act(who, |context| permission::require_member(context).is_ok()),
            active,
            "{who:?}"
        );
    }
}
