//! What the deletion of a role opens, and to whom.

use super::{super::builders::*, CAMPAIGNS, component, countries, masking, role, scoped, someone};
use crate::{
    Member, MemberState, Rights, Role, SystemRole,
    access::TREE,
    roles::{
        self, RoleName,
        deletion::{Effects, GROUPS, NAMED},
    },
};

/// The effects of deleting `gone`, where the account has `others` too.
fn effects(gone: &Role, others: &[&Role], holders: &[Member]) -> Effects {
    let roles: Vec<&Role> = others.iter().copied().chain([gone]).collect();
    let world = World::new().with_roles(&roles);
    let name = RoleName::Custom(gone.id);
    world.act(Who::Admin, |context| roles::delete(context, name, holders, None)).unwrap().1
}

/// Proves ACC-7: a role that gave one component, and MEMBER, which reads most of them.
#[test]
fn whoever_becomes_member_is_told_with_what_that_opens() {
    let narrow = role(1, &[(CAMPAIGNS, Rights::WRITE)]);
    let told = effects(&narrow, &[], &[someone(1, None, &[&narrow])]);
    let [group] = told.groups.as_slice() else { panic!("{told:?}") };
    assert_eq!((told.became_member, group.members, told.others), (1, 1, 0));
    assert_eq!(group.named, [someone(1, None, &[]).id]);
    assert!(group.change.becomes_member);
    let expected: Vec<_> = TREE
        .iter()
        .map(|node| (node.component.clone(), SystemRole::Member.rights(&node.component)))
        .filter(|(component, rights)| !rights.is_none() && component.as_str() != CAMPAIGNS)
        .collect();
    let mut opened: Vec<_> = group.change.opened.clone().into_iter().collect();
    opened.sort_by_key(|(component, _)| TREE.iter().position(|node| node.component == *component));
    // Of one's own profile a MEMBER has WRITE, of all else READ: each as the table says.
    assert_eq!(opened, expected);
}

/// Proves ACC-7: another, narrower role stays, and MEMBER opens what it did not give.
#[test]
fn another_narrow_role_does_not_keep_it_narrow() {
    let (gone, kept) = (role(1, &[("boards", Rights::READ)]), role(2, &[(CAMPAIGNS, Rights::READ)]));
    let told = effects(&gone, &[&kept], &[someone(1, None, &[&gone, &kept])]);
    let opened = &told.groups[0].change.opened;
    assert_eq!(opened.get(&component("analytics")), Some(&Rights::READ));
    assert_eq!(opened.get(&component(CAMPAIGNS)), None, "the other role gives it");
    assert_eq!(opened.get(&component("boards")), None, "they had it");
}

/// Proves ACC-7, ACC-12, ACC-13: limits go with the role that set them, also for those who keep a system role.
#[test]
fn a_limit_that_goes_with_the_role_is_told() {
    let gone = masking(scoped(role(1, &[(CAMPAIGNS, Rights::WRITE)]), &["US"]));
    assert_eq!(gone.scope, Some(countries(&["US"])));
    let holders = [
        someone(1, Some(SystemRole::Creator), &[&gone]),
        // Never limited (C).
        someone(2, Some(SystemRole::Admin), &[&gone]),
        Member { state: MemberState::Revoked, ..someone(3, None, &[&gone]) },
    ];
    let told = effects(&gone, &[], &holders);
    let [group] = told.groups.as_slice() else { panic!("{told:?}") };
    assert_eq!(group.named, [holders[0].id]);
    assert_eq!(told.became_member, 0);
    assert!(group.change.lifts_scope && group.change.lifts_mask && !group.change.becomes_member);
    assert!(group.change.opened.is_empty());
}

/// Another role that masks goes on masking, and a right that was only the role's is not opened.
#[test]
fn where_nothing_opens_nobody_is_named() {
    let gone = masking(role(1, &[(CAMPAIGNS, Rights::FULL)]));
    let kept = masking(role(2, &[]));
    let told = effects(&gone, &[&kept], &[someone(1, Some(SystemRole::Creator), &[&gone, &kept])]);
    assert_eq!(told, Effects::default());
}

/// Ten thousand holders make a short answer.
#[test]
fn many_holders_are_told_in_groups() {
    let gone = role(1, &[]);
    let others: Vec<Role> = (2..32)
        .map(|number| role(number, &[(TREE[number as usize - 1].component.as_str(), Rights::READ)]))
        .collect();
    let mut holders: Vec<Member> = (1..=5_000).map(|number| someone(number, None, &[&gone])).collect();
    for (number, other) in (6_000..).zip(&others) {
        holders.push(someone(number, None, &[&gone, other]));
    }
    let told = effects(&gone, &others.iter().collect::<Vec<_>>(), &holders);
    assert_eq!(told.became_member, 5_030);
    assert_eq!(told.groups.len(), GROUPS);
    let largest = &told.groups[0];
    assert!(largest.members >= 5_000);
    assert_eq!(largest.named, holders.iter().take(NAMED).map(|holder| holder.id).collect::<Vec<_>>());
    let in_groups: usize = told.groups.iter().map(|group| group.members).sum();
    assert_eq!(in_groups + told.others, 5_030);
}
