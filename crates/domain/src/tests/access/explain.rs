//! Why a member has a right or lacks it.

use super::{super::builders::*, CAMPAIGNS, component, masking, reaching, role, scoped, someone};
use crate::{
    Audience, Component, Member, MemberState, Rights, Role, SystemRole,
    access::{Explanation, Grant, TREE, explain},
    refusal::Permission,
};

fn explained<'w>(
    world: &'w World,
    member: &Member,
    component: &Component,
    audience: Option<&Audience>,
) -> Explanation<'w> {
    explain(member, &world.access(member), component, audience)
}

fn system_remark(world: &World, member: &Member, id: &str) -> &'static str {
    explained(world, member, &component(id), None).grants[0].remark
}

/// Every set of three custom roles, with every system role.
fn role_sets(roles: &[Role; 3]) -> impl Iterator<Item = Member> + '_ {
    SystemRole::ALL.map(Some).into_iter().chain([None]).flat_map(move |system_role| {
        [false, true].into_iter().flat_map(move |approval_right| {
            (0..8_usize).map(move |set| {
                let held: Vec<&Role> = roles
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| set >> index & 1 == 1)
                    .map(|it| it.1)
                    .collect();
                Member { approval_right, ..someone(1, system_role, &held) }
            })
        })
    })
}

/// Proves ACC-5, ACC-6, ACC-10, ACC-15.
#[test]
fn the_grants_together_are_the_rights_for_every_role_set_and_component() {
    let roles = [
        scoped(role(1, &[("engagement", Rights::WRITE), ("boards.daily", Rights::READ)]), &["US"]),
        role(2, &[(CAMPAIGNS, Rights::APPROVE)]),
        masking(role(3, &[("settings", Rights::READ), ("boards", Rights::WRITE)])),
    ];
    for world in [World::new(), World::off()] {
        let world = world.with_roles(&[&roles[0], &roles[1], &roles[2]]);
        for state in [MemberState::Active, MemberState::Revoked] {
            for member in role_sets(&roles) {
                let member = Member { state, ..member };
                let access = world.access(&member);
                for node in &TREE {
                    let explanation = explained(&world, &member, &node.component, None);
                    let all =
                        explanation.grants.iter().fold(Rights::NONE, |all, grant| all.and(grant.rights));
                    assert_eq!(all, access.rights(&node.component), "{member:?} on {}", node.component);
                    for grant in &explanation.grants {
                        assert_eq!(grant.set_on.is_none(), grant.rights.is_none(), "{grant:?}");
                        assert!(grant.set_on.clone().is_none_or(|set_on| set_on.covers(&node.component)));
                    }
                }
                let explanation = explained(&world, &member, &Component::CAMPAIGNS, None);
                assert_eq!(explanation.scoped_by.and_then(|role| role.scope.as_ref()), access.scope());
                assert_eq!(!explanation.masked_by.is_empty(), access.is_masked());
            }
        }
    }
}

/// Proves ACC-6, ACC-15.
#[test]
fn each_role_is_named_with_the_component_that_its_access_is_set_on() {
    let (above, on, not) = (
        role(1, &[("engagement", Rights::WRITE)]),
        role(2, &[(CAMPAIGNS, Rights::APPROVE), ("engagement", Rights::READ)]),
        role(3, &[("boards", Rights::WRITE)]),
    );
    let world = World::new().with_roles(&[&above, &on, &not]);
    let member = someone(1, Some(SystemRole::Member), &[&above, &on, &not]);
    let grant = |role, set_on: Option<&str>, rights| Grant {
        role,
        set_on: set_on.map(component),
        rights,
        remark: "",
    };
    assert_eq!(
        explained(&world, &member, &Component::CAMPAIGNS, None).grants,
        [
            grant(None, Some(CAMPAIGNS), Rights::READ),
            grant(Some(&above), Some("engagement"), Rights::WRITE),
            grant(Some(&on), Some(CAMPAIGNS), Rights::APPROVE),
            grant(Some(&not), None, Rights::NONE),
        ]
    );
}

/// Proves ACC-12, ACC-15.
#[test]
fn the_role_that_limits_is_named_and_whether_the_resource_lies_inside() {
    let us = scoped(role(1, &[(CAMPAIGNS, Rights::FULL)]), &["US"]);
    let world = World::new().with_roles(&[&us]);
    let limited = someone(1, Some(SystemRole::Creator), &[&us]);
    let in_scope = |member: &Member, audience: Option<Audience>| {
        let explanation = explained(&world, member, &Component::CAMPAIGNS, audience.as_ref());
        (explanation.scoped_by.map(|role| role.id), explanation.in_scope)
    };
    assert_eq!(in_scope(&limited, Some(reaching("Country", &["US"]))), (Some(us.id), true));
    assert_eq!(in_scope(&limited, Some(reaching("Country", &["CA"]))), (Some(us.id), false));
    assert_eq!(in_scope(&limited, Some(Audience::default())), (Some(us.id), false));
    assert_eq!(in_scope(&limited, None), (Some(us.id), true));
    let admin = someone(2, Some(SystemRole::Admin), &[&us]);
    assert_eq!(in_scope(&admin, Some(Audience::default())), (None, true));
}

/// Proves ACC-9, ACC-15.
#[test]
fn an_approver_who_acts_as_creator_is_explained() {
    let approver = member(Who::Approver);
    assert_eq!(system_remark(&World::new(), &approver, CAMPAIGNS), "");
    let acts_as = "APPROVER acts as CREATOR while the workflow of every area is off";
    assert_eq!(system_remark(&World::off(), &approver, CAMPAIGNS), acts_as);
}

/// The right says something only where there is a workflow: elsewhere nobody expects it.
///
/// Proves ACC-10, ACC-15.
#[test]
fn an_editor_s_right_is_explained_where_there_is_a_workflow() {
    let remark = |who, id| system_remark(&World::new(), &member(who), id);
    for id in [CAMPAIGNS, super::EXPERIENCES] {
        assert_eq!(remark(Who::EditorWithRight, id), "an Admin gave this EDITOR the approval right");
        assert_eq!(remark(Who::Editor, id), "this EDITOR was not given the approval right");
    }
    for id in ["boards", "engagement", "engagement.journeys", "settings.users"] {
        assert_eq!((remark(Who::EditorWithRight, id), remark(Who::Editor, id)), ("", ""), "{id}");
    }
}

/// Proves ACC-9, ACC-15.
#[test]
fn that_access_was_revoked_explains_why_no_role_gives_anything() {
    for system_role in SystemRole::ALL {
        let revoked = Member { state: MemberState::Revoked, ..someone(1, Some(system_role), &[]) };
        let world = World::new();
        let explanation = explained(&world, &revoked, &Component::CAMPAIGNS, None);
        let expected = Grant {
            role: None,
            set_on: None,
            rights: Rights::NONE,
            remark: "this member's access was revoked",
        };
        assert_eq!(explanation.grants, [expected]);
    }
}

/// Proves ACC-12, ACC-15.
#[test]
fn why_not_says_which_scope_it_is_outside_of_or_that_no_role_gives_it() {
    let us = scoped(role(1, &[(CAMPAIGNS, Rights::APPROVE)]), &["US", "CA"]);
    let world = World::new().with_roles(&[&us]);
    let member = someone(1, None, &[&us]);
    let campaigns = component(CAMPAIGNS);
    let why = |wanted: Permission, audience: Option<&Audience>| {
        explained(&world, &member, &campaigns, audience).why_not(wanted, &campaigns, audience)
    };
    let everybody = Audience::default();
    assert_eq!(
        why(Permission::Approve, Some(&everybody)).unwrap(),
        "outside the data scope Country ∈ {CA, US}: it declares no Country, so it reaches everybody"
    );
    assert_eq!(
        why(Permission::Approve, Some(&reaching("Country", &["US", "DE"]))).unwrap(),
        "outside the data scope Country ∈ {CA, US}: it reaches Country ∈ {DE, US}"
    );
    assert_eq!(why(Permission::Approve, Some(&reaching("Country", &["US"]))), None);
    assert_eq!(why(Permission::Approve, None), None);
    assert_eq!(
        why(Permission::Write, Some(&everybody)).unwrap(),
        "no role gives write on engagement.campaigns"
    );
}
