//! Roles and components.

use std::collections::BTreeSet;

use countersign_domain::{
    AccountId, Area, DataScope, Lifecycles, Member, Rights, Role, SystemRole,
    access::{Component, Node, TREE},
    roles::deletion::{Effect, Effects},
};
use countersign_proto::access;

use super::{etag, time};

/// A custom role as the contract writes it.
pub fn role(role: &Role) -> access::Role {
    access::Role {
        account_id: role.account_id.to_string(),
        role_id: role.id.to_string(),
        name: role.name.clone(),
        accesses: role
            .accesses
            .iter()
            .map(|(component, rights)| component_access(component.as_str(), *rights))
            .collect(),
        scope: role.scope.as_ref().map(scope),
        masks_pii: role.masks_pii,
        system: false,
        etag: etag(role.version),
        create_time: Some(time::to_proto(role.created_at)),
        update_time: Some(time::to_proto(role.updated_at)),
    }
}

/// A system role as the contract writes it: fixed, and on the areas of an account's own as on the built-in ones.
pub fn system_role(account: AccountId, lifecycles: &Lifecycles, role: SystemRole) -> access::Role {
    let tree = TREE.iter().map(|node| node.component.clone());
    let own: BTreeSet<Component> = lifecycles.own_areas().map(Component::of_area).collect();
    access::Role {
        account_id: account.to_string(),
        role_id: role.as_str().to_owned(),
        name: role.as_str().to_owned(),
        accesses: tree
            .chain(own)
            .map(|component| (role.rights(&component), component))
            .filter(|(rights, _)| !rights.is_none())
            .map(|(rights, component)| component_access(component.as_str(), rights))
            .collect(),
        system: true,
        ..Default::default()
    }
}

/// The components of an account, each before those below it, with what the system roles have there.
pub fn components(lifecycles: &Lifecycles) -> Vec<access::Component> {
    let mut components = Vec::new();
    for Node { component: of, title, description } in &TREE {
        let area = Area::BUILT_IN.into_iter().find(|area| Component::of_area(area) == *of);
        components.push(component(of, area.as_ref(), (*title).to_owned(), (*description).to_owned()));
        if *of == Component::CUSTOM {
            components.extend(own_components(lifecycles));
        }
    }
    components
}

/// Those of the areas of the account's own (LIF-24).
fn own_components(lifecycles: &Lifecycles) -> impl Iterator<Item = access::Component> {
    let areas: BTreeSet<&Area> = lifecycles.own_areas().collect();
    areas.into_iter().map(|area| {
        let kinds = lifecycles.all().filter(|lifecycle| lifecycle.area == *area);
        let kinds: Vec<&str> = kinds.map(|lifecycle| lifecycle.kind.as_str()).collect();
        component(&Component::of_area(area), Some(area), words(area.as_str()), kinds.join(", "))
    })
}

/// `PRICE_LISTS` as people write it.
fn words(name: &str) -> String {
    let lower = name.to_lowercase().replace('_', " ");
    name.chars().take(1).chain(lower.chars().skip(1)).collect()
}

fn component(
    component: &Component,
    area: Option<&Area>,
    title: String,
    description: String,
) -> access::Component {
    access::Component {
        component: component.as_str().to_owned(),
        title,
        description,
        area: area.map(|area| area.as_str().to_owned()).unwrap_or_default(),
        system_roles: SystemRole::ALL
            .into_iter()
            .map(|role| (role, role.rights(component)))
            .filter(|(_, rights)| !rights.is_none())
            .map(|(role, rights)| access::SystemRoleAccess {
                role: role.as_str().to_owned(),
                level: level(rights).into(),
                approve: rights.approve,
            })
            .collect(),
    }
}

/// Access to a component as the contract writes it.
pub fn component_access(component: &str, rights: Rights) -> access::ComponentAccess {
    access::ComponentAccess {
        component: component.to_owned(),
        level: level(rights).into(),
        approve: rights.approve,
    }
}

fn level(rights: Rights) -> access::AccessLevel {
    match rights {
        Rights { write: true, .. } => access::AccessLevel::Write,
        Rights { read: true, .. } => access::AccessLevel::Read,
        Rights { .. } => access::AccessLevel::Unspecified,
    }
}

/// What a deletion does to its `holders`.
pub fn deletion(holders: usize, effects: &Effects) -> access::DeleteRoleResponse {
    access::DeleteRoleResponse {
        holders: count(holders),
        became_member: count(effects.became_member),
        effects: effects.groups.iter().map(effect).collect(),
        other_members: count(effects.others),
    }
}

fn effect(Effect { change, members, named }: &Effect) -> access::RoleDeletionEffect {
    let opened = change.opened.iter().map(|(component, rights)| access::OpenedComponent {
        component: component.as_str().to_owned(),
        read: rights.read,
        write: rights.write,
        approve: rights.approve,
    });
    access::RoleDeletionEffect {
        members: count(*members),
        member_ids: named.iter().map(ToString::to_string).collect(),
        becomes_member: change.becomes_member,
        opened: opened.collect(),
        lifts_scope: change.lifts_scope,
        lifts_mask: change.lifts_mask,
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A data scope as the contract writes it.
pub fn scope(scope: &DataScope) -> access::DataScope {
    access::DataScope { property: scope.property.clone(), values: scope.values.iter().cloned().collect() }
}

/// A member's roles: the system role's name first.
pub fn role_ids(member: &Member) -> Vec<String> {
    let system = member.system_role.iter().map(|role| role.as_str().to_owned());
    system.chain(member.roles.iter().map(ToString::to_string)).collect()
}
