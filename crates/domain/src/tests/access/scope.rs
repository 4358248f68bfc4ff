//! Data scopes.

use super::{
    super::builders::*, CAMPAIGNS, Component, EXPERIENCES, countries, for_countries, reaching, role, role_id,
    scoped, someone,
};
use crate::{
    Action, Audience, Content, Member, Outcome, Refusal, Resource, Rights, Role, RoleId, Schedule,
    SystemRole,
    decide::{self, Approve},
    edit::{self, Edit, Register},
    membership::{self, Given, MemberChange, NewMember},
    perform,
    permission::view,
    refusal::{Missing, Permission},
    roles::{self, RoleChange, RoleName},
};

/// Everything on campaigns, in the US.
fn us() -> Role {
    scoped(role(1, &[(CAMPAIGNS, Rights::FULL)]), &["US"])
}

fn register(audience: Audience) -> Register {
    let schedule = Schedule { start: Some(after_hours(24)), end: None };
    Register { content: Content::empty(), schedule, audience, ..new_campaign() }
}

/// Proves ACC-12.
#[test]
fn a_resource_is_inside_when_it_declares_the_property_and_nothing_beyond_the_scope() {
    let scope = countries(&["US", "CA"]);
    for (audience, inside) in [
        (reaching("Country", &["US"]), true),
        (reaching("Country", &["CA", "US"]), true),
        (reaching("Country", &["US", "MX"]), false),
        (reaching("Country", &["MX"]), false),
        // "All users" (C13): what declares nothing reaches everybody.
        (Audience::default(), false),
        (reaching("Country", &[]), false),
        (reaching("Language", &["US"]), false),
        (reaching("country", &["US"]), false),
        (reaching("Country", &["us"]), false),
    ] {
        assert_eq!(scope.contains(&audience), inside, "{audience:?}");
    }
    let mut both = reaching("Country", &["US"]);
    both.0.insert("Language".into(), super::strings(&["de"]));
    assert!(scope.contains(&both), "what else it declares does not matter");
}

/// Everything that can be tried on `resource`, as `member`: whether they were let in.
fn tries(world: &World, member: &Member, resource: &Resource) -> [bool; 4] {
    let pending = world.submit(Who::Creator, resource, &doing(Action::LAUNCH));
    world.by(member, |context| {
        let edit = Edit { title: Some("Other".into()), ..Edit::default() };
        [
            view(context, Some(resource), Missing::Resource(RESOURCE)).is_ok(),
            edit::update(context, resource, edit).is_ok(),
            perform::perform(context, resource, None, &doing(Action::ARCHIVE)).is_ok(),
            decide::approve(context, &pending.resource, &pending.request, &Approve::default()).is_ok(),
        ]
    })
}

/// Proves ACC-12.
#[test]
fn a_scope_limits_reads_writes_and_approvals_whatever_other_roles_the_member_has() {
    let (us, all) = (us(), role(2, &[("engagement", Rights::WRITE), (CAMPAIGNS, Rights::APPROVE)]));
    let world = World::new().with_roles(&[&us, &all]);
    for system_role in [None, Some(SystemRole::Approver), Some(SystemRole::Creator), Some(SystemRole::Editor)]
    {
        for roles in [vec![&us], vec![&us, &all], vec![&all, &us]] {
            let member = someone(1, system_role, &roles);
            let world = world.clone().with_member(&member);
            for (values, inside) in
                [(vec!["US"], true), (vec!["US", "CA"], false), (vec!["CA"], false), (vec![], false)]
            {
                let resource = for_countries(campaign(), &values);
                assert_eq!(tries(&world, &member, &resource), [inside; 4], "{member:?} {values:?}");
            }
        }
    }
}

/// A scope limits the member, not the role that it came with: otherwise a second role would widen it.
///
/// Proves ACC-12.
#[test]
fn a_scope_limits_components_that_its_own_role_says_nothing_of() {
    let us = scoped(role(1, &[]), &["US"]);
    let world = World::new().with_roles(&[&us]);
    let creator = someone(1, Some(SystemRole::Creator), &[&us]);
    let access = world.access(&creator);
    assert_eq!(access.rights(&Component::PRODUCT_EXPERIENCES), Rights::WRITE);
    let rights_on =
        |values: &[&str]| access.rights_on(&Component::PRODUCT_EXPERIENCES, &reaching("Country", values));
    assert_eq!(rights_on(&["US"]), Rights::WRITE);
    assert_eq!(rights_on(&["CA"]), Rights::NONE);
}

/// Proves ACC-12.
#[test]
fn an_admin_is_never_limited() {
    let us = us();
    let world = World::new().with_roles(&[&us]);
    let admin = someone(1, Some(SystemRole::Admin), &[&us]);
    assert_eq!(world.access(&admin).scope(), None);
    for values in [&["US"][..], &["CA"], &[]] {
        assert_eq!(tries(&world, &admin, &for_countries(campaign(), values)), [true; 4]);
    }
}

/// Proves ACC-12, REQ-6, REQ-11.
#[test]
fn a_scoped_approver_is_an_approver_of_what_lies_inside_alone() {
    let us = us();
    let approver = someone(1, None, &[&us]);
    let world = World::new().only(&[Who::Creator]).with_roles(&[&us]).with_member(&approver);
    let submit = |values: &[&str], approvers: Vec<_>| {
        let command = crate::perform::PerformAction { approvers, ..doing(Action::LAUNCH) };
        world.perform(Who::Creator, &for_countries(campaign(), values), &command)
    };
    assert!(submit(&["US"], vec![]).is_ok());
    assert_eq!(submit(&["CA"], vec![]), Err(Refusal::NoEligibleApprovers(crate::Area::CAMPAIGNS)));
    assert!(submit(&["US"], vec![approver.id]).is_ok());
    assert_eq!(violated(submit(&["CA"], vec![approver.id])), ["approver_ids[0]"]);
}

fn try_register(member: &Member, audience: Audience) -> Result<Outcome, Refusal> {
    let world = World::new().with_roles(&[&us()]).with_member(member);
    world.by(member, |context| edit::register(context, register(audience)))
}

/// Proves ACC-12.
#[test]
fn a_scoped_member_registers_only_inside_the_scope() {
    let member = someone(1, None, &[&us()]);
    assert!(try_register(&member, reaching("Country", &["US"])).is_ok());
    for outside in [reaching("Country", &["US", "CA"]), reaching("Language", &["en"]), Audience::default()] {
        assert_eq!(try_register(&member, outside), Err(Refusal::OutOfScope(countries(&["US"]))));
    }
    assert!(try_register(&someone(1, Some(SystemRole::Admin), &[&us()]), Audience::default()).is_ok());
}

/// Proves ACC-12.
#[test]
fn a_scoped_member_can_t_move_a_resource_out_of_the_scope() {
    let us = us();
    let member = someone(1, None, &[&us]);
    let world = World::new().with_roles(&[&us]);
    let inside = for_countries(campaign(), &["US"]);
    let moved = |audience: Audience| {
        let edit = Edit { audience: Some(audience), ..Edit::default() };
        world.by(&member, |context| edit::update(context, &inside, edit))
    };
    assert!(moved(reaching("Country", &["US"])).is_ok());
    for outside in [reaching("Country", &["US", "CA"]), Audience::default()] {
        assert_eq!(moved(outside), Err(Refusal::OutOfScope(countries(&["US"]))));
    }
}

/// Proves ACC-16.
#[test]
fn a_scoped_member_is_not_told_whether_what_lies_outside_exists() {
    let us = scoped(role(1, &[("engagement", Rights::FULL.without_approve())]), &["US"]);
    let member = someone(1, Some(SystemRole::Creator), &[&us]);
    let world = World::new().with_roles(&[&us]);
    let missing = Missing::Resource(RESOURCE);
    world.by(&member, |context| {
        let nothing = view(context, None, missing).cloned();
        let denied = Refusal::PermissionDenied { permission: Permission::Read, component: "resource".into() };
        assert_eq!(nothing, Err(denied));
        for outside in [for_countries(campaign(), &["CA"]), campaign(), ab_test(crate::State::DRAFT)] {
            assert_eq!(view(context, Some(&outside), missing).cloned(), nothing);
        }
        let inside = for_countries(campaign(), &["US"]);
        assert_eq!(view(context, Some(&inside), missing), Ok(&inside));
    });
}

fn two_scopes() -> (World, [RoleId; 3]) {
    let roles = [us(), scoped(role(2, &[(EXPERIENCES, Rights::READ)]), &["CA"]), role(3, &[])];
    (World::new().with_roles(&[&roles[0], &roles[1], &roles[2]]), [role_id(1), role_id(2), role_id(3)])
}

fn second(who: &str) -> Refusal {
    Refusal::SecondScopedRole { who: who.to_owned() }
}

/// Proves ACC-12.
#[test]
fn a_member_has_one_scoped_role_at_the_most() {
    let (world, [us, ca, plain]) = two_scopes();
    let given = |roles: Vec<RoleId>| Given { roles, ..Given::default() };
    let create = |roles| {
        let new = NewMember {
            id: Who::Stranger.id(),
            email: "new@example.com".into(),
            display_name: "New".into(),
            locale: "en".into(),
            time_zone: None,
            given: given(roles),
        };
        world.act(Who::Admin, |context| membership::create(context, new))
    };
    assert!(create(vec![us, plain]).is_ok());
    assert_eq!(create(vec![us, ca]), Err(second("new@example.com")));
    let update = |roles| {
        let change = MemberChange { roles: Some(roles), ..MemberChange::default() };
        world.act(Who::Admin, |context| membership::update(context, &member(Who::Creator), change))
    };
    assert!(update(vec![plain, ca]).is_ok());
    assert_eq!(update(vec![ca, plain, us]), Err(second("creator@example.com")));
    let holder = someone(1, None, &[&role(1, &[])]);
    let assign = |id| world.act(Who::Admin, |context| roles::assign(context, &holder, RoleName::Custom(id)));
    assert!(assign(plain).is_ok());
    assert_eq!(assign(ca), Err(second("someone-1@example.com")));
}

/// Proves ACC-12.
#[test]
fn a_role_gets_a_scope_only_where_no_holder_has_another() {
    let (world, [_, _, plain]) = two_scopes();
    let update = |holders: &[Member], change: RoleChange| {
        world
            .act(Who::Admin, |context| roles::update(context, RoleName::Custom(plain), holders, change))
            .err()
    };
    let scope = || RoleChange { scope: Some(Some(countries(&["MX"]))), ..RoleChange::default() };
    let alone = someone(1, None, &[&role(3, &[])]);
    let two = someone(2, None, &[&role(1, &[]), &role(3, &[])]);
    assert_eq!(update(std::slice::from_ref(&alone), scope()), None);
    assert_eq!(update(&[alone.clone(), two.clone()], scope()), Some(second("someone-2@example.com")));
    let renamed = RoleChange { name: Some("Other".into()), ..RoleChange::default() };
    assert_eq!(update(&[alone, two], renamed), None);
}

#[test]
fn a_scope_reads_as_a_sentence() {
    assert_eq!(countries(&["US", "CA"]).to_string(), "Country in (CA, US)");
}
