//! Roles and components.

use countersign_domain::{
    AccountId, DataScope, Member, Rights, Role, SystemRole,
    access::{Component, Node, TREE},
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

/// A system role as the contract writes it: fixed, the same in every account.
pub fn system_role(account: AccountId, role: SystemRole) -> access::Role {
    access::Role {
        account_id: account.to_string(),
        role_id: role.as_str().to_owned(),
        name: role.as_str().to_owned(),
        accesses: TREE
            .iter()
            .map(|node| (node.component, role.rights(node.component)))
            .filter(|(_, rights)| !rights.is_none())
            .map(|(component, rights)| component_access(component.as_str(), rights))
            .collect(),
        system: true,
        ..Default::default()
    }
}

/// A component with what the system roles have there.
pub fn component(node: &Node) -> access::Component {
    let component: Component = node.component;
    access::Component {
        component: component.as_str().to_owned(),
        title: node.title.to_owned(),
        description: node.description.to_owned(),
        area: component.area().map(|area| area.as_str().to_owned()).unwrap_or_default(),
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

/// A data scope as the contract writes it.
pub fn scope(scope: &DataScope) -> access::DataScope {
    access::DataScope { property: scope.property.clone(), values: scope.values.iter().cloned().collect() }
}

/// A member's roles: the system role's name first.
pub fn role_ids(member: &Member) -> Vec<String> {
    let system = member.system_role.iter().map(|role| role.as_str().to_owned());
    system.chain(member.roles.iter().map(ToString::to_string)).collect()
}
