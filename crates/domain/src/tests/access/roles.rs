//! Creating, changing, cloning, deleting and giving custom roles.

use super::{super::builders::*, CAMPAIGNS, countries, role, role_id, scoped, someone};
use crate::{
    Member, MemberState, Refusal, Rights, Role, RulesChange, RulesWrite, SystemRole, Violation, limits,
    refusal::{Missing, Permission},
    roles::{self, Asked, NewRole, RoleChange, RoleName},
};

fn asked(component: &str, rights: Rights) -> Asked {
    Asked { component: component.into(), rights }
}

fn new_role(name: &str, accesses: Vec<Asked>) -> NewRole {
    NewRole { id: role_id(7), name: name.into(), accesses, scope: None, masks_pii: false }
}

fn create(world: &World, new: NewRole) -> Result<Role, Refusal> {
    world.act(Who::Admin, |context| roles::create(context, new))
}

/// One role, "Role 1", that writes campaigns.
fn world() -> World {
    World::new().with_roles(&[&role(1, &[(CAMPAIGNS, Rights::WRITE)])])
}

const ROLE_1: fn() -> RoleName = || RoleName::Custom(role_id(1));

fn update(world: &World, holders: &[Member], change: RoleChange) -> Result<(Role, RulesChange), Refusal> {
    world.act(Who::Admin, |context| roles::update(context, ROLE_1(), holders, change))
}

/// Proves ACC-3.
#[test]
fn a_new_role_is_what_was_asked_for() {
    let accesses = vec![asked(CAMPAIGNS, Rights::FULL), asked("boards", Rights::READ)];
    let new =
        NewRole { scope: Some(countries(&["US"])), masks_pii: true, ..new_role("US Managers", accesses) };
    let expected = Role {
        name: "US Managers".into(),
        scope: Some(countries(&["US"])),
        masks_pii: true,
        created_at: NOW,
        updated_at: NOW,
        ..role(7, &[(CAMPAIGNS, Rights::FULL), ("boards", Rights::READ)])
    };
    assert_eq!(create(&World::new(), new), Ok(expected));
}

/// Proves ACC-3, ACC-8.
#[test]
fn only_admins_manage_roles() {
    let (world, holder) = (world(), someone(1, None, &[&role(1, &[])]));
    let (manage_roles, manage_members) = (Permission::ManageRoles, Permission::ManageMembers);
    for who in Who::EACH.into_iter().filter(|who| *who != Who::Admin) {
        // Names that are taken, ids that are not there: told to nobody else (ACC-16).
        let unknown = RoleName::Custom(role_id(99));
        let denied = |permission| Some(Refusal::PermissionDenied { permission, component: "account".into() });
        world.act(who, |context| {
            assert_eq!(roles::create(context, new_role("Role 1", vec![])).err(), denied(manage_roles));
            let cloned = roles::clone_role(context, unknown, role_id(7), "X".into());
            assert_eq!(cloned.err(), denied(manage_roles));
            let updated = roles::update(context, unknown, &[], RoleChange::default());
            assert_eq!(updated.err(), denied(manage_roles));
            assert_eq!(roles::delete(context, unknown, &[], None).err(), denied(manage_roles));
            assert_eq!(roles::assign(context, &holder, unknown).err(), denied(manage_members));
            assert_eq!(roles::unassign(context, &holder, unknown).err(), denied(manage_members));
        });
    }
}

/// Proves ACC-6.
#[test]
fn every_unknown_component_is_named() {
    let accesses = vec![
        asked("campaigns", Rights::READ),
        asked("boards", Rights::READ),
        asked("engagement.", Rights::FULL),
    ];
    let Err(Refusal::UnknownComponent(violations)) = create(&World::new(), new_role("X", accesses)) else {
        panic!("expected unknown components")
    };
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["accesses[0].component", "accesses[2].component"]);
}

/// Proves ACC-4.
#[test]
fn approve_is_given_only_where_there_is_a_workflow() {
    for (component, available) in [
        (CAMPAIGNS, true),
        ("engagement.product_experiences", true),
        ("engagement", false),
        ("engagement.journeys", false),
        ("boards", false),
        ("settings.users", false),
    ] {
        let result = create(&World::new(), new_role("X", vec![asked(component, Rights::APPROVE)]));
        let text = format!("can't be given on {component}: it has no approval workflow");
        let refused = Refusal::ApproveNotAvailable(vec![Violation::new("accesses[0].approve", text)]);
        assert_eq!(result.err(), (!available).then_some(refused), "{component}");
    }
}

/// Proves ACC-3, ACC-4.
#[test]
fn an_access_says_something_and_each_component_is_there_once() {
    let accesses =
        vec![asked(CAMPAIGNS, Rights::READ), asked("boards", Rights::NONE), asked(CAMPAIGNS, Rights::WRITE)];
    let expected = vec![
        Violation::new("accesses[1].level", "is required where approve is not set"),
        Violation::new("accesses[2].component", "is named twice"),
    ];
    assert_eq!(create(&World::new(), new_role("X", accesses)), Err(Refusal::Invalid(expected)));
}

/// WRITE and APPROVE give READ also where whoever asks forgets to say so.
///
/// Proves ACC-4.
#[test]
fn a_role_that_writes_or_approves_reads() {
    for rights in [Rights { read: false, ..Rights::WRITE }, Rights { read: false, ..Rights::APPROVE }] {
        let role = create(&World::new(), new_role("X", vec![asked(CAMPAIGNS, rights)])).unwrap();
        assert_eq!(role.rights(&super::component(CAMPAIGNS)), Rights { read: true, ..rights });
    }
}

/// Proves ACC-1, ACC-3.
#[test]
fn a_name_is_taken_whatever_its_case_and_system_names_are_taken_always() {
    let world = world().with_roles(&[&role(2, &[])]);
    let names = ["Role 1", "ROLE 1", "role 1", "Admin", "admin", "EDITOR", "Creator", "member", "aPPROVER"];
    for name in names {
        let taken = Some(Refusal::RoleNameTaken(name.into()));
        assert_eq!(create(&world, new_role(name, vec![])).err(), taken);
        let cloned =
            world.act(Who::Admin, |context| roles::clone_role(context, ROLE_1(), role_id(7), name.into()));
        assert_eq!(cloned.err(), taken);
        let change = RoleChange { name: Some(name.into()), ..RoleChange::default() };
        let renamed = world
            .act(Who::Admin, |context| roles::update(context, RoleName::Custom(role_id(2)), &[], change));
        assert_eq!(renamed.err(), taken);
    }
    assert!(create(&world, new_role("Admins", vec![])).is_ok());
}

/// Proves ACC-3.
#[test]
fn a_role_may_change_the_case_of_its_own_name() {
    let change = RoleChange { name: Some("ROLE 1".into()), ..RoleChange::default() };
    assert_eq!(update(&world(), &[], change).unwrap().0.name, "ROLE 1");
}

/// Proves ACC-1.
#[test]
fn system_roles_are_fixed() {
    for system_role in SystemRole::ALL {
        let (name, fixed) = (RoleName::System(system_role), Some(Refusal::SystemRoleFixed(system_role)));
        world().act(Who::Admin, |context| {
            assert_eq!(roles::clone_role(context, name, role_id(7), "X".into()).err(), fixed);
            assert_eq!(roles::update(context, name, &[], RoleChange::default()).err(), fixed);
            assert_eq!(roles::delete(context, name, &[], None).err(), fixed);
        });
    }
}

/// Proves ACC-3.
#[test]
fn a_clone_is_like_its_origin_under_another_name() {
    let origin =
        Role { masks_pii: true, version: 9, ..scoped(role(1, &[(CAMPAIGNS, Rights::FULL)]), &["US"]) };
    let world = World::new().with_roles(&[&origin]);
    let clone =
        |from| world.act(Who::Admin, |context| roles::clone_role(context, from, role_id(7), "Copy".into()));
    let expected = Role {
        id: role_id(7),
        name: "Copy".into(),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
        ..origin.clone()
    };
    assert_eq!(clone(ROLE_1()), Ok(expected));
    let missing = Refusal::NotFound(Missing::Role(role_id(99)));
    assert_eq!(clone(RoleName::Custom(role_id(99))), Err(missing));
}

/// Proves ACC-3.
#[test]
fn what_a_change_of_a_role_does_not_name_stays_and_its_holders_are_touched() {
    let before = Role { masks_pii: true, ..scoped(role(1, &[(CAMPAIGNS, Rights::FULL)]), &["US"]) };
    let world = World::new().with_roles(&[&before]);
    let holders = [someone(1, None, &[&before]), someone(2, Some(SystemRole::Creator), &[&before])];
    let (same, change) = update(&world, &holders, RoleChange::default()).unwrap();
    assert_eq!(same, Role { version: 2, updated_at: NOW, ..before.clone() });
    assert_eq!(change.touched, holders);
    assert!(matches!(&change.writes[..], [RulesWrite::UpdateRole(role)] if *role == same));
    let change = RoleChange {
        accesses: Some(vec![asked("boards", Rights::READ)]),
        scope: Some(None),
        masks_pii: Some(false),
        ..RoleChange::default()
    };
    let expected = Role { version: 2, updated_at: NOW, ..role(1, &[("boards", Rights::READ)]) };
    assert_eq!(update(&world, &holders, change).unwrap().0, expected);
}

/// Proves ACC-3.
#[test]
fn a_change_or_deletion_from_a_stale_etag_is_refused() {
    let change = RoleChange { expected_version: Some(3), ..RoleChange::default() };
    let stale = Some(Refusal::EtagMismatch { current: 1 });
    assert_eq!(update(&world(), &[], change).err(), stale);
    let deleted = world().act(Who::Admin, |context| roles::delete(context, ROLE_1(), &[], Some(3)));
    assert_eq!(deleted.err(), stale);
}

/// Proves ACC-7.
#[test]
fn who_held_a_deleted_role_and_has_no_system_role_becomes_member() {
    let (gone, other) = (role(1, &[]), role(2, &[]));
    let world = World::new().with_roles(&[&gone, &other]);
    let holders = [
        someone(1, None, &[&gone]),
        someone(2, Some(SystemRole::Editor), &[&gone, &other]),
        Member { state: MemberState::Revoked, ..someone(3, None, &[&gone]) },
    ];
    let (change, effects) =
        world.act(Who::Admin, |context| roles::delete(context, ROLE_1(), &holders, Some(1))).unwrap();
    let after: Vec<_> = change
        .touched
        .iter()
        .map(|member| (member.system_role, member.roles.clone(), member.state, member.version))
        .collect();
    let (active, revoked) = (MemberState::Active, MemberState::Revoked);
    assert_eq!(
        after,
        [
            (Some(SystemRole::Member), vec![], active, 2),
            (Some(SystemRole::Editor), vec![other.id], active, 2),
            (Some(SystemRole::Member), vec![], revoked, 2),
        ]
    );
    assert_eq!(effects.became_member, 1);
    // The holders are written first: nobody ever holds a role that is not there.
    let writes: Vec<bool> =
        change.writes.iter().map(|write| matches!(write, RulesWrite::DeleteRole(_))).collect();
    assert_eq!(writes, [false, false, false, true]);
}

fn assign(member: &Member, name: RoleName) -> Result<Member, Refusal> {
    let world = world().with_roles(&[&role(2, &[])]);
    world.act(Who::Admin, |context| roles::assign(context, member, name))
}

fn unassign(member: &Member, name: RoleName) -> Result<Member, Refusal> {
    let world = world().with_roles(&[&role(2, &[])]);
    world.act(Who::Admin, |context| roles::unassign(context, member, name))
}

/// Proves ACC-2.
#[test]
fn a_member_is_given_any_number_of_custom_roles_beside_one_system_role() {
    let creator = member(Who::Creator);
    let one = assign(&creator, RoleName::Custom(role_id(2))).unwrap();
    let two = assign(&one, ROLE_1()).unwrap();
    let expected = Member { roles: vec![role_id(1), role_id(2)], version: 3, ..creator };
    assert_eq!(two, expected);
    assert_eq!(assign(&two, ROLE_1()).unwrap().roles, two.roles, "giving it again is harmless");
}

/// Proves ACC-2.
#[test]
fn a_second_system_role_is_refused() {
    for has in SystemRole::ALL {
        for given in SystemRole::ALL {
            let holder = someone(1, Some(has), &[]);
            let result = assign(&holder, RoleName::System(given));
            if has == given {
                assert_eq!(result.unwrap().system_role, Some(has));
            } else {
                assert_eq!(result, Err(Refusal::SecondSystemRole { has, given }));
            }
        }
    }
    let roleless = someone(1, None, &[&role(1, &[])]);
    let given = assign(&roleless, RoleName::System(SystemRole::Editor)).unwrap();
    assert_eq!((given.system_role, given.roles), (Some(SystemRole::Editor), roleless.roles));
}

#[test]
fn a_role_that_is_not_there_is_given_to_nobody() {
    let missing = Refusal::NotFound(Missing::Role(role_id(99)));
    assert_eq!(assign(&member(Who::Creator), RoleName::Custom(role_id(99))), Err(missing));
}

/// Proves ACC-9.
#[test]
fn approver_is_given_only_while_some_workflow_is_on() {
    let roleless = someone(1, None, &[&role(1, &[])]);
    let give = |world: World| {
        let world = world.with_roles(&[&role(1, &[])]);
        let name = RoleName::System(SystemRole::Approver);
        world.act(Who::Admin, |context| roles::assign(context, &roleless, name)).err()
    };
    assert_eq!(give(World::off()), Some(Refusal::ApproverRoleUnavailable));
    for campaigns in [true, false] {
        let mut world = World::off();
        (world.campaigns.enabled, world.experiences.enabled) = (campaigns, !campaigns);
        assert_eq!(give(world), None);
    }
}

/// Proves ACC-2, ACC-7.
#[test]
fn who_is_left_with_no_role_becomes_member() {
    let (one, two) = (role(1, &[]), role(2, &[]));
    let left = |holder: &Member, name| {
        let after = unassign(holder, name).unwrap();
        (after.system_role, after.roles)
    };
    let custom = someone(1, None, &[&one]);
    assert_eq!(left(&custom, ROLE_1()), (Some(SystemRole::Member), vec![]));
    let editor = someone(1, Some(SystemRole::Editor), &[]);
    assert_eq!(left(&editor, RoleName::System(SystemRole::Editor)), (Some(SystemRole::Member), vec![]));
    // Who keeps another role gets none in its place.
    let both = someone(1, None, &[&one, &two]);
    assert_eq!(left(&both, ROLE_1()), (None, vec![two.id]));
    let creator = someone(1, Some(SystemRole::Creator), &[&one]);
    assert_eq!(left(&creator, RoleName::System(SystemRole::Creator)), (None, vec![one.id]));
    assert_eq!(left(&creator, ROLE_1()), (Some(SystemRole::Creator), vec![]));
}

/// Proves ACC-10.
#[test]
fn an_editor_s_right_goes_with_the_role() {
    let editor = Member { approval_right: true, ..someone(1, Some(SystemRole::Editor), &[&role(1, &[])]) };
    let after = unassign(&editor, RoleName::System(SystemRole::Editor)).unwrap();
    assert_eq!((after.system_role, after.approval_right), (None, false));
}

#[test]
fn a_role_that_a_member_does_not_have_is_not_taken() {
    let refused = Refusal::Invalid(vec![Violation::new("role_id", "is no role of this member")]);
    for name in [ROLE_1(), RoleName::Custom(role_id(99)), RoleName::System(SystemRole::Editor)] {
        assert_eq!(unassign(&member(Who::Creator), name), Err(refused.clone()));
    }
}

/// Proves ACC-11.
#[test]
fn the_last_admin_s_role_is_not_taken() {
    let lonely = World::new().only(&[Who::Admin, Who::Approver]);
    let taken = lonely.act(Who::Admin, |context| {
        roles::unassign(context, &member(Who::Admin), RoleName::System(SystemRole::Admin))
    });
    assert_eq!(taken, Err(Refusal::LastAdmin));
}

#[test]
fn an_account_and_a_member_have_so_many_custom_roles_and_no_more() {
    let many: Vec<Role> = (0..limits::ROLES as u128).map(|number| role(100 + number, &[])).collect();
    let full = World::new().with_roles(&many.iter().collect::<Vec<_>>());
    assert!(matches!(create(&full, new_role("X", vec![])), Err(Refusal::Invalid(_))));
    let cloned = full.act(Who::Admin, |context| {
        roles::clone_role(context, RoleName::Custom(many[0].id), role_id(7), "X".into())
    });
    assert!(matches!(cloned, Err(Refusal::Invalid(_))));
    let holder = someone(1, None, &many.iter().take(limits::MEMBER_ROLES).collect::<Vec<_>>());
    let assign = |name| full.act(Who::Admin, |context| roles::assign(context, &holder, name));
    assert!(assign(RoleName::Custom(many[0].id)).is_ok());
    assert!(matches!(assign(RoleName::Custom(many[50].id)), Err(Refusal::Invalid(_))));
}
