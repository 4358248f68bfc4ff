//! What holds of every set of roles.

use proptest::prelude::*;

use super::{super::builders::*, role, someone};
use crate::{Audience, Component, DataScope, Member, Rights, Role, SystemRole, access::TREE};

fn any_rights(component: &Component) -> impl Strategy<Value = Rights> + use<> {
    let mut all = vec![Rights::READ, Rights::WRITE];
    if component.has_workflow() {
        all.extend([Rights::APPROVE, Rights::FULL]);
    }
    prop::sample::select(all)
}

fn any_access() -> impl Strategy<Value = (Component, Rights)> {
    (0..TREE.len()).prop_flat_map(|index| {
        let component = &TREE[index].component;
        (Just(component.clone()), any_rights(component))
    })
}

const COUNTRIES: [&str; 3] = ["US", "CA", "MX"];

fn any_countries(least: usize) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(COUNTRIES.to_vec(), least..=COUNTRIES.len())
}

fn any_scope() -> impl Strategy<Value = DataScope> {
    any_countries(1).prop_map(|values| super::countries(&values))
}

fn any_audience() -> impl Strategy<Value = Audience> {
    prop_oneof![
        4 => any_countries(1).prop_map(|values| super::reaching("Country", &values)),
        1 => Just(Audience::default()),
        1 => Just(super::reaching("Language", &["en"])),
    ]
}

/// A role that neither limits nor masks.
fn any_plain_role(number: u128) -> impl Strategy<Value = Role> {
    prop::collection::btree_map((0..TREE.len()).prop_map(|it| TREE[it].component.clone()), Just(()), 0..3)
        .prop_flat_map(move |components| {
            let accesses: Vec<_> = components
                .into_keys()
                .map(|component| any_rights(&component).prop_map(move |rights| (component.clone(), rights)))
                .collect();
            accesses.prop_map(move |accesses| Role {
                accesses: accesses.into_iter().collect(),
                ..role(number, &[])
            })
        })
}

fn any_system_role() -> impl Strategy<Value = Option<SystemRole>> {
    prop::sample::select(SystemRole::ALL.map(Some).into_iter().chain([None]).collect::<Vec<_>>())
}

/// A member with up to three roles, of which one may be scoped and any may mask, in a world with or without workflows.
fn any_holder() -> impl Strategy<Value = (World, Member)> {
    let roles: Vec<_> = (0..3).map(any_plain_role).collect();
    (
        roles,
        any_system_role(),
        any::<(bool, bool)>(),
        prop::option::of((0..3_usize, any_scope())),
        prop::option::weighted(0.3, 0..3_usize),
        0..=3_usize,
    )
        .prop_map(|(mut roles, system_role, (right, on), scope, masks, held)| {
            if let Some((index, scope)) = scope {
                roles[index].scope = Some(scope);
            }
            if let Some(index) = masks {
                roles[index].masks_pii = true;
            }
            let world = if on { World::new() } else { World::off() };
            let world = world.with_roles(&roles.iter().collect::<Vec<_>>());
            let member = someone(1, system_role, &roles.iter().take(held).collect::<Vec<_>>());
            (world, Member { approval_right: right, ..member })
        })
}

/// `member` with one role more.
fn with(world: &World, member: &Member, role: &Role) -> (World, Member) {
    let mut after = member.clone();
    after.roles.push(role.id);
    after.roles.sort();
    (world.clone().with_roles(&[role]), after)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    /// Proves ACC-5, ACC-6.
    #[test]
    fn one_role_more_takes_no_right_away_and_one_less_adds_none(
        (world, less) in any_holder(),
        role in any_plain_role(9),
        scope in prop::option::of(any_scope()),
        masks_pii in any::<bool>(),
    ) {
        let (world, more) = with(&world, &less, &Role { scope, masks_pii, ..role });
        for node in &TREE {
            let (less, more) = (world.access(&less), world.access(&more));
            prop_assert!(more.rights(&node.component).includes(less.rights(&node.component)), "{}", node.component);
        }
    }

    /// Proves ACC-5.
    #[test]
    fn a_system_role_takes_no_right_away(
        (world, member) in any_holder(),
        system_role in any_system_role(),
    ) {
        let without = Member { system_role: None, ..member.clone() };
        let with = Member { system_role, ..member };
        for node in &TREE {
            let (less, more) = (world.access(&without), world.access(&with));
            prop_assert!(more.rights(&node.component).includes(less.rights(&node.component)), "{}", node.component);
        }
    }

    /// Whatever else a member is given, short of being Admin.
    ///
    /// Proves ACC-12.
    #[test]
    fn no_role_widens_a_scope(
        (world, member) in any_holder(),
        role in any_plain_role(9),
        masks_pii in any::<bool>(),
        system_role in any_system_role(),
        audience in any_audience(),
    ) {
        let Some(scope) = world.access(&member).scope().cloned() else { return Ok(()) };
        prop_assume!(!scope.contains(&audience));
        let (world, more) = with(&world, &member, &Role { masks_pii, ..role });
        let more = Member { system_role: system_role.filter(|it| *it != SystemRole::Admin), ..more };
        for node in &TREE {
            let rights = world.access(&more).rights_on(&node.component, &audience);
            prop_assert!(rights.is_none(), "{}", node.component);
        }
    }

    /// Proves ACC-12.
    #[test]
    fn a_smaller_audience_is_never_less_accessible(
        (world, member) in any_holder(),
        all in any_countries(1),
        some in any_countries(1),
    ) {
        let smaller: Vec<_> = some.into_iter().filter(|value| all.contains(value)).collect();
        prop_assume!(!smaller.is_empty());
        let access = world.access(&member);
        for node in &TREE {
            let rights = |values: &[&str]| access.rights_on(&node.component, &super::reaching("Country", values));
            prop_assert!(rights(&smaller).includes(rights(&all)));
        }
    }

    /// Proves ACC-5, ACC-12, ACC-13.
    #[test]
    fn a_role_without_scope_and_mask_takes_nothing_away_of_any_resource(
        (world, less) in any_holder(),
        role in any_plain_role(9),
        audience in any_audience(),
    ) {
        let (world, more) = with(&world, &less, &role);
        let (less, more) = (world.access(&less), world.access(&more));
        for node in &TREE {
            let rights = |access: &crate::Access<'_>| access.rights_on(&node.component, &audience);
            prop_assert!(rights(&more).includes(rights(&less)), "{}", node.component);
        }
        prop_assert_eq!(less.is_masked(), more.is_masked());
        prop_assert_eq!(less.scope(), more.scope());
    }

    /// Proves ACC-4, ACC-6.
    #[test]
    fn below_a_component_there_is_at_least_what_is_on_it((world, member) in any_holder()) {
        let access = world.access(&member);
        for above in &TREE {
            let rights = access.rights(&above.component);
            prop_assert!(rights.read || !(rights.write || rights.approve), "{}", above.component);
            for below in TREE.iter().filter(|below| above.component.covers(&below.component)) {
                prop_assert!(access.rights(&below.component).includes(rights), "{}", below.component);
            }
        }
    }

    /// Proves ACC-4, ACC-10.
    #[test]
    fn nobody_approves_where_there_is_no_workflow((world, member) in any_holder()) {
        let access = world.access(&member);
        for node in TREE.iter().filter(|node| !node.component.has_workflow()) {
            prop_assert!(!access.rights(&node.component).approve, "{}", node.component);
        }
    }

    /// A custom role made of anything that can be asked for.
    ///
    /// Proves ACC-6.
    #[test]
    fn a_role_gives_what_is_set_on_a_component_and_above_it((component, rights) in any_access()) {
        let role = role(1, &[(component.as_str(), rights)]);
        for node in &TREE {
            let expected = if component.covers(&node.component) { rights } else { Rights::NONE };
            prop_assert_eq!(role.rights(&node.component), expected);
        }
    }
}
