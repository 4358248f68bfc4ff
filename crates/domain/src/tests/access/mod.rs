//! Who may do what (ACC), topic by topic.

mod components;
mod deletion;
mod document;
mod effective;
mod explain;
mod history;
mod invitation;
mod loss;
mod mask;
mod membership;
mod permission;
mod properties;
mod roles;
mod rules;
mod scope;
mod settle;
mod system_roles;
mod table;
mod tenancy;

use std::collections::BTreeSet;

use uuid::Uuid;

use super::builders::*;
use crate::{
    Actor, Audience, Component, Context, DataScope, Member, MemberId, MemberState, Resource, Rights, Role,
    RoleId, SystemRole, access::Access, mask::Pointer,
};

const CAMPAIGNS: &str = "engagement.campaigns";
const EXPERIENCES: &str = "engagement.product_experiences";

/// The components that have a workflow: those of the built-in areas, and one of an area of an account's own.
fn with_workflow() -> [Component; 3] {
    [
        Component::CAMPAIGNS,
        Component::PRODUCT_EXPERIENCES,
        Component::of_area(&crate::Area::given("JOURNEYS")),
    ]
}

fn component(id: &str) -> Component {
    Component::parse(id).expect("a component")
}

fn role_id(number: u128) -> RoleId {
    RoleId(Uuid::from_u128(9_000 + number))
}

/// A custom role that gives this.
fn role(number: u128, accesses: &[(&str, Rights)]) -> Role {
    Role {
        account_id: ACCOUNT,
        id: role_id(number),
        name: format!("Role {number}"),
        accesses: accesses.iter().map(|(id, rights)| (component(id), *rights)).collect(),
        scope: None,
        masks_pii: false,
        version: 1,
        created_at: CREATED,
        updated_at: CREATED,
    }
}

fn strings(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn countries(values: &[&str]) -> DataScope {
    DataScope { property: "Country".into(), values: strings(values) }
}

/// `role`, limited to these countries.
fn scoped(role: Role, values: &[&str]) -> Role {
    Role { scope: Some(countries(values)), ..role }
}

fn masking(role: Role) -> Role {
    Role { masks_pii: true, ..role }
}

/// Somebody who is none of [`Who`].
fn someone(number: u128, system_role: Option<SystemRole>, roles: &[&Role]) -> Member {
    Member {
        id: MemberId(Uuid::from_u128(5_000 + number)),
        email: format!("someone-{number}@example.com"),
        display_name: format!("Someone {number}"),
        system_role,
        roles: roles.iter().map(|role| role.id).collect(),
        approval_right: false,
        state: MemberState::Active,
        ..member(Who::Member)
    }
}

fn reaching(property: &str, values: &[&str]) -> Audience {
    Audience([(property.to_owned(), strings(values))].into())
}

/// `resource`, for users in these countries; none: it declares nothing.
fn for_countries(resource: Resource, values: &[&str]) -> Resource {
    let audience = if values.is_empty() { Audience::default() } else { reaching("Country", values) };
    Resource { audience, ..resource }
}

fn pointers(texts: &[&str]) -> Vec<Pointer> {
    texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
}

impl World {
    fn with_roles(mut self, roles: &[&Role]) -> Self {
        for role in roles {
            self.roles.insert((*role).clone());
        }
        self
    }

    /// With `member` in the place of who has the same id.
    fn with_member(mut self, member: &Member) -> Self {
        self.members.retain(|other| other.id != member.id);
        self.members.push(member.clone());
        self
    }

    fn access(&self, member: &Member) -> Access<'_> {
        Access::of(member, &self.roles, self.campaigns.enabled || self.experiences.enabled)
    }

    /// Runs `act` as this member.
    fn by<T>(&self, member: &Member, act: impl FnOnce(&Context<'_>) -> T) -> T {
        self.act_as(&Actor::Member { member: member.clone(), service: None }, act)
    }
}
