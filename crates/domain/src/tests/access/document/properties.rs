//! What holds of the document of every account.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::{super::super::builders::*, applied, exported, imported};
use crate::{
    Actor, Member, MemberState, Rights, Role, Roles, SystemRole,
    access::{Component, DataScope, TREE},
    document::{DifferenceKind, Document, import},
    tests::access::{role, someone},
    text,
};

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

/// Short names of few letters, commas and quotes among them, so that what reads alike comes up.
fn any_text() -> impl Strategy<Value = String> {
    "[aB, \"ü()]{1,4}"
}

fn any_scope() -> impl Strategy<Value = DataScope> {
    (any_text(), prop::collection::btree_set(any_text(), 1..3))
        .prop_map(|(property, values)| DataScope { property, values })
}

/// Roles with names that can be told apart (ACC-18), of which `scopes` says whether they may be scoped.
fn any_roles() -> impl Strategy<Value = Vec<Role>> {
    let one = (
        any_text(),
        prop::collection::btree_map(
            (0..TREE.len()).prop_map(|it| TREE[it].component.clone()),
            Just(()),
            0..4,
        ),
        prop::collection::vec(any_access(), 0..4),
        prop::option::of(any_scope()),
        any::<bool>(),
    );
    prop::collection::vec(one, 0..6).prop_map(|all| {
        let mut names = BTreeSet::new();
        let mut roles = Vec::new();
        for (name, read, accesses, scope, masks_pii) in all {
            if names.insert(text::key(&name)) {
                let read = read.into_keys().map(|component| (component, Rights::READ));
                let accesses = read.chain(accesses).collect();
                let number = 100 - roles.len() as u128;
                roles.push(Role { name, accesses, scope, masks_pii, ..role(number, &[]) });
            }
        }
        roles
    })
}

/// An account with Admin and any other members, who hold any roles of which at the most one is scoped.
fn any_account() -> impl Strategy<Value = World> {
    let one =
        (any::<prop::sample::Index>(), any::<u8>(), any::<bool>(), prop::bool::weighted(0.8), any_text());
    (any_roles(), prop::collection::vec(one, 0..6)).prop_map(|(roles, members)| {
        let mut world = World::new().only(&[Who::Admin]).with_roles(&roles.iter().collect::<Vec<_>>());
        for (number, (system_role, held, right, active, name)) in members.into_iter().enumerate() {
            let all: Vec<Option<SystemRole>> = SystemRole::ALL.map(Some).into_iter().chain([None]).collect();
            let mut system_role = *system_role.get(&all);
            let mut scoped = false;
            let mut ids: Vec<_> = roles
                .iter()
                .enumerate()
                .filter(|(index, role)| {
                    held >> (index % 8) & 1 == 1
                        && !(role.scope.is_some() && std::mem::replace(&mut scoped, true))
                })
                .map(|(_, role)| role.id)
                .collect();
            ids.sort();
            if ids.is_empty() {
                system_role = system_role.or(Some(SystemRole::Member));
            }
            world.members.push(Member {
                email: format!("{}{number}@example.com", if right { "A" } else { "a" }),
                display_name: name,
                roles: ids,
                approval_right: right && system_role == Some(SystemRole::Editor),
                state: if active { MemberState::Active } else { MemberState::Revoked },
                ..someone(number as u128, system_role, &[])
            });
        }
        world
    })
}

/// The document of another account, empty but for its Admin, after an import.
fn in_another_account(document: &Document) -> World {
    let other = World { roles: Roles::default(), ..World::new().only(&[Who::SecondAdmin]) };
    let change =
        other.act_as(&Actor::Member { member: member(Who::SecondAdmin), service: None }, |context| {
            let mut made = 0;
            let new_id = || {
                made += 1;
                Uuid::from_u128(70_000 + made)
            };
            import(context, &other.members, document, new_id)
        });
    applied(&other, &change.unwrap().0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Proves ACC-2, ACC-3.
    #[test]
    fn what_was_exported_changes_nothing_when_it_is_imported(world in any_account()) {
        let (change, differences) = imported(&world, &exported(&world)).unwrap();
        prop_assert_eq!(differences, vec![]);
        prop_assert!(change.writes.is_empty() && change.touched.is_empty() && change.told.is_empty());
    }

    /// Proves ACC-2, ACC-3.
    #[test]
    fn a_document_makes_another_account_the_same(world in any_account()) {
        let document = exported(&world);
        prop_assert_eq!(exported(&in_another_account(&document)), document);
    }

    /// From any account to any other, with everything that changes told and no more.
    ///
    /// Proves ACC-2, ACC-3, ACC-11.
    #[test]
    fn an_import_makes_an_account_what_the_document_says(before in any_account(), wanted in any_account()) {
        let document = exported(&wanted);
        let (change, differences) = imported(&before, &document).unwrap();
        let after = applied(&before, &change);
        prop_assert_eq!(&exported(&after), &document);
        prop_assert_eq!(differences.is_empty(), exported(&before) == document);
        prop_assert!(after.members.iter().any(Member::is_admin));
        for difference in &differences {
            prop_assert!(difference.kind == DifferenceKind::Removed || !difference.lines.is_empty());
        }
        for member in after.members.iter().filter(|member| member.state == MemberState::Active) {
            let scopes = member.roles.iter().filter(|id| after.roles.get(**id).is_some_and(|it| it.scope.is_some()));
            prop_assert!(scopes.count() <= 1, "ACC-12");
        }
    }
}
