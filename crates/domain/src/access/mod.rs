//! Who may do what: the component tree, the system roles' rights, custom roles, and what all of a member's roles give together
//! (ACC-1 … ACC-6, ACC-10, ACC-12).

mod component;
mod effective;
mod explain;
mod rights;
mod role;
mod scope;
mod system;

pub(crate) use self::scope::listed;
pub use self::{
    component::{Component, Node, TREE},
    effective::Access,
    explain::{Explanation, Grant, explain},
    rights::Rights,
    role::{Role, Roles},
    scope::{Audience, DataScope},
    system::{SYSTEM_RIGHTS, may_assign_to_new, role_approves},
};
