//! What one member may do, all their roles together.

use super::{Audience, Component, DataScope, Rights, Role, Roles};
use crate::member::{Member, MemberState, SystemRole};

/// A member's access. Nothing for who has none any more.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    system: Option<SystemRole>,
    approval_right: bool,
    roles: Vec<&'a Role>,
}

impl<'a> Access<'a> {
    /// The access of `member`. While the workflow of no area is on, an APPROVER acts as CREATOR (ACC-9).
    pub fn of(member: &Member, roles: &'a Roles, some_workflow_is_on: bool) -> Self {
        if member.state != MemberState::Active {
            return Self { system: None, approval_right: false, roles: Vec::new() };
        }
        Self {
            system: match member.system_role {
                Some(SystemRole::Approver) if !some_workflow_is_on => Some(SystemRole::Creator),
                role => role,
            },
            approval_right: member.approval_right,
            roles: member.roles.iter().filter_map(|id| roles.get(*id)).collect(),
        }
    }

    /// What every role gives on `component`, the highest of each (ACC-5), whatever the scope.
    pub fn rights(&self, component: &Component) -> Rights {
        self.roles.iter().fold(self.system_rights(component), |all, role| all.and(role.rights(component)))
    }

    /// What the system role gives on `component`, with an EDITOR's approval right (ACC-10).
    pub fn system_rights(&self, component: &Component) -> Rights {
        let Some(role) = self.system else { return Rights::NONE };
        let rights = role.rights(component);
        let given = role == SystemRole::Editor && self.approval_right && component.has_workflow();
        if given { rights.and(Rights::APPROVE) } else { rights }
    }

    /// As [`rights`](Self::rights), on something that reaches `audience`: nothing outside the scope (ACC-12).
    pub fn rights_on(&self, component: &Component, audience: &Audience) -> Rights {
        match self.scope() {
            Some(scope) if !scope.contains(audience) => Rights::NONE,
            _ => self.rights(component),
        }
    }

    /// What limits the member. A scope limits all of a member's roles, so that no further role widens it; an Admin has full
    /// and unlimited access (C) and so is never limited.
    pub fn scope(&self) -> Option<&'a DataScope> {
        self.scoped_role().and_then(|role| role.scope.as_ref())
    }

    /// The role that the scope comes from.
    pub fn scoped_role(&self) -> Option<&'a Role> {
        self.limiting().find(|role| role.scope.is_some())
    }

    /// Whether PII is masked for the member (ACC-13): one role that masks is enough, since another that does not would
    /// otherwise lift what the first was given for.
    pub fn is_masked(&self) -> bool {
        self.masking_roles().next().is_some()
    }

    /// The roles that mask PII.
    pub fn masking_roles(&self) -> impl Iterator<Item = &'a Role> {
        self.limiting().filter(|role| role.masks_pii)
    }

    /// The roles that can limit: none of an Admin's.
    fn limiting(&self) -> impl Iterator<Item = &'a Role> {
        let admin = self.system == Some(SystemRole::Admin);
        self.roles.iter().copied().filter(move |_| !admin)
    }

    /// The system role that the member acts with.
    pub const fn system_role(&self) -> Option<SystemRole> {
        self.system
    }

    /// The custom roles.
    pub fn roles(&self) -> &[&'a Role] {
        &self.roles
    }
}
