//! What the system roles have.

use super::{super::builders::*, component, someone};
use crate::{
    Actor, Component, Member, Rights, SystemRole,
    access::{self, TREE},
};

/// The lists of the reference, component by component: ADMIN, CREATOR, MEMBER, APPROVER, EDITOR. `r` reads, `w` writes and
/// reads, `a` approves as well, `-` has nothing.
const GOLDEN: &str = "
boards                          w   r   r   r   r
boards.daily                    w   r   r   r   r
boards.custom                   w   r   r   r   r
segments                        w   r   r   r   r
segments.manual                 w   r   r   r   r
segments.automated              w   r   r   r   r
analytics                       w   r   r   r   r
analytics.core                  w   r   r   r   r
analytics.advanced              w   r   r   r   r
engagement                      w   w   r   w   w
engagement.campaigns            wa  w   r   wa  w
engagement.journeys             w   w   r   w   w
engagement.recommendation       w   w   r   w   w
engagement.catalogs             w   w   r   w   w
engagement.product_experiences  wa  w   r   wa  w
engagement.custom               w   w   r   w   w
real_impact                     w   r   r   r   r
real_impact.control_groups      w   r   r   r   r
real_impact.dashboard           w   r   r   r   r
settings                        w   -   -   -   -
settings.billing                w   -   -   -   -
settings.account                w   -   -   -   -
settings.users                  w   -   -   r   -
settings.properties             w   -   -   -   -
settings.csv_uploads            w   -   -   -   -
settings.profile                w   w   w   w   w
settings.exports                w   -   -   -   -
settings.downloads              w   -   -   w   -
settings.email_reports          w   w   r   w   w
settings.campaign_integration   w   -   -   -   -
settings.campaign_settings      w   -   -   -   -
";

fn rights(word: &str) -> Rights {
    let (write, approve) = (word.contains('w'), word.contains('a'));
    Rights { read: word != "-", write, approve }
}

/// Proves ACC-8.
#[test]
fn every_system_role_has_on_every_component_what_the_reference_lists() {
    let lines: Vec<Vec<&str>> = GOLDEN.trim().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), TREE.len());
    for line in lines {
        for (index, system_role) in SystemRole::ALL.into_iter().enumerate() {
            let member = someone(1, Some(system_role), &[]);
            let got = World::new().access(&member).rights(&component(line[0]));
            assert_eq!(got, rights(line[index + 1]), "{} on {}", system_role.as_str(), line[0]);
        }
    }
}

/// Access set on a component covers its subcomponents, so no subcomponent gives less.
///
/// Proves ACC-6, ACC-8.
#[test]
fn a_system_role_has_below_a_component_at_least_what_it_has_on_it() {
    for system_role in SystemRole::ALL {
        for above in &TREE {
            for below in TREE.iter().filter(|below| above.component.covers(&below.component)) {
                let (less, more) =
                    (system_role.rights(&above.component), system_role.rights(&below.component));
                assert!(more.includes(less), "{system_role:?}: {} {}", above.component, below.component);
            }
        }
    }
}

/// Proves ACC-4.
#[test]
fn write_and_approve_give_read() {
    for rights in [Rights::NONE, Rights::READ, Rights::WRITE, Rights::APPROVE, Rights::FULL] {
        assert!(rights.read || !(rights.write || rights.approve), "{rights:?}");
    }
    for (_, row) in access::SYSTEM_RIGHTS {
        for rights in row {
            assert!(rights.read || !(rights.write || rights.approve), "{rights:?}");
        }
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

/// Two roles have two lists of rights, and a member has the one list of their one system role.
///
/// Proves ACC-2.
#[test]
fn another_system_role_replaces_the_one_before() {
    let creator = Member { system_role: Some(SystemRole::Creator), ..member(Who::Admin) };
    assert_eq!(World::new().access(&creator).rights(&Component::CAMPAIGNS), Rights::WRITE);
}

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

/// Proves ACC-4, ACC-8, ACC-10, LIF-24.
#[test]
fn everybody_has_the_rights_of_the_list_where_there_is_a_workflow() {
    for (who, [read, write, approve]) in RIGHTS {
        for component in &super::with_workflow() {
            let rights = World::new().act(who, |context| context.rights(component));
            assert_eq!(rights, Rights { read, write, approve }, "{who:?} on {component}");
        }
    }
}

/// The flag alone makes nobody an approver: a stale one in a row must not.
///
/// Proves ACC-10.
#[test]
fn creator_and_member_can_t_have_the_approval_right() {
    for who in [Who::Creator, Who::Member, Who::Roleless] {
        let flagged = Member { approval_right: true, ..member(who) };
        for component in &super::with_workflow() {
            assert!(!World::new().access(&flagged).rights(component).approve, "{who:?}");
        }
    }
}

/// Proves ACC-10.
#[test]
fn an_admin_s_right_does_not_hang_on_the_flag() {
    let admin = Member { approval_right: false, ..member(Who::Admin) };
    assert!(World::new().access(&admin).rights(&Component::PRODUCT_EXPERIENCES).approve);
    assert_eq!(
        SystemRole::ALL.map(access::role_approves),
        [true, false, false, true, false],
        "of ADMIN, CREATOR, MEMBER, APPROVER, EDITOR"
    );
}

/// Proves ACC-10.
#[test]
fn the_approvers_of_an_area_are_the_active_members_with_the_right() {
    for component in &super::with_workflow() {
        let approvers: Vec<_> = World::new().act(Who::Timer, |context| {
            context.approvers_of(component, None).map(|member| member.display_name.clone()).collect()
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
