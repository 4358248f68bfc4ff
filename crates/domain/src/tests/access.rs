//! What the roles may do.

use super::builders::*;
use crate::{
    Actor, Member, SystemRole,
    access::{self, Rights},
    lifecycle::Component,
};

/// C's list, written out: read, write, approve.
const RIGHTS: [(Who, [bool; 3]); 10] = [
    (Who::Admin, [true, true, true]),
    (Who::Approver, [true, true, true]),
    (Who::EditorWithRight, [true, true, true]),
    (Who::Editor, [true, true, false]),
    (Who::Creator, [true, true, false]),
    (Who::Member, [true, false, false]),
    (Who::Roleless, [false, false, false]),
    (Who::Revoked, [false, false, false]),
    (Who::Stranger, [false, false, false]),
    (Who::Timer, [false, false, false]),
];

/// Proves ACC-4, ACC-8, ACC-10.
#[test]
fn every_role_has_the_rights_of_the_list_on_every_component() {
    for (who, [read, write, approve]) in RIGHTS {
        for component in Component::ALL {
            let rights = World::new().act(who, |context| context.actor.rights(component));
            assert_eq!(rights, Rights { read, write, approve }, "{who:?} on {}", component.as_str());
        }
    }
}

/// Proves ACC-4.
#[test]
fn write_and_approve_give_read() {
    for rights in [Rights::NONE, Rights::READ, Rights::WRITE, Rights::FULL] {
        assert!(rights.read || !(rights.write || rights.approve), "{rights:?}");
    }
}

/// Proves ACC-1.
#[test]
fn there_are_five_system_roles() {
    let names = SystemRole::ALL.map(SystemRole::as_str);
    assert_eq!(names, ["ADMIN", "CREATOR", "MEMBER", "APPROVER", "EDITOR"]);
    for name in names {
        assert_eq!(SystemRole::parse(name).map(SystemRole::as_str), Some(name));
    }
    for other in ["COLLABORATOR", "admin", "", "OWNER"] {
        assert_eq!(SystemRole::parse(other), None);
    }
}

/// Two roles have two lists of rights, and a member has the one list of its one role.
///
/// Proves ACC-2.
#[test]
fn another_system_role_replaces_the_one_before() {
    let creator = Member { system_role: Some(SystemRole::Creator), ..member(Who::Admin) };
    assert_eq!(access::rights(&creator, Component::Campaigns), Rights::WRITE);
}

/// The flag alone makes nobody an approver: a stale one in a row must not.
///
/// Proves ACC-10.
#[test]
fn creator_and_member_can_t_have_the_approval_right() {
    for who in [Who::Creator, Who::Member, Who::Roleless] {
        let flagged = Member { approval_right: true, ..member(who) };
        assert!(!access::rights(&flagged, Component::Campaigns).approve, "{who:?}");
    }
}

/// Proves ACC-10.
#[test]
fn an_admin_s_right_does_not_hang_on_the_flag() {
    let admin = Member { approval_right: false, ..member(Who::Admin) };
    assert!(access::rights(&admin, Component::ProductExperiences).approve);
    assert_eq!(
        SystemRole::ALL.map(access::role_approves),
        [true, false, false, true, false],
        "of ADMIN, CREATOR, MEMBER, APPROVER, EDITOR"
    );
}

/// Proves ACC-10.
#[test]
fn the_approvers_of_an_area_are_the_active_members_with_the_right() {
    for component in Component::ALL {
        let approvers: Vec<_> = World::new().act(Who::Timer, |context| {
            context.directory.approvers_of(component).map(|member| member.display_name.clone()).collect()
        });
        assert_eq!(approvers, ["Admin", "SecondAdmin", "Approver", "SecondApprover", "EditorWithRight"]);
    }
}

/// Proves ACC-8.
#[test]
fn admins_assign_any_role_and_approvers_creator_and_member() {
    for by in SystemRole::ALL {
        for role in SystemRole::ALL {
            let may = match by {
                SystemRole::Admin => true,
                SystemRole::Approver => [SystemRole::Creator, SystemRole::Member].contains(&role),
                _ => false,
            };
            assert_eq!(access::may_assign_to_new(by, role), may, "{by:?} assigns {role:?}");
        }
    }
}

/// A service that acts for a member is recorded beside the member.
///
/// Proves HIS-1.
#[test]
fn history_names_the_member_and_the_service_that_acts_for_them() {
    let actor = Actor::Member { member: member(Who::Creator), service: Some("campaigns".into()) };
    let by = actor.to_ref();
    assert_eq!(by.member_id, Some(Who::Creator.id()));
    assert_eq!((by.name.as_str(), by.service.as_deref()), ("Creator", Some("campaigns")));
}
