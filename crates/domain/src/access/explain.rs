//! Why a member has a right or lacks it: role by role.

use super::{Access, Audience, Component, DataScope, Rights, Role};
use crate::{
    member::{Member, MemberState, SystemRole},
    refusal::Permission,
};

/// One role's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The custom role; none: the system role that the member was given.
    pub role: Option<&'a Role>,
    /// The component that the access is set on: the nearest that gives something.
    pub set_on: Option<Component>,
    /// What it gives.
    pub rights: Rights,
    /// What one would not expect.
    pub remark: &'static str,
}

/// What a member has on a component, and where it comes from.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// What each role gives, the system role first.
    pub grants: Vec<Grant<'a>>,
    /// The role whose data scope limits the member.
    pub scoped_by: Option<&'a Role>,
    /// Whether the resource lies inside the scope; true where none limits.
    pub in_scope: bool,
    /// The roles that mask PII.
    pub masked_by: Vec<&'a Role>,
}

/// Explains what `member` has on `component`, for something that reaches `audience` where that is known.
pub fn explain<'a>(
    member: &Member,
    access: &Access<'a>,
    component: &Component,
    audience: Option<&Audience>,
) -> Explanation<'a> {
    let mut grants = Vec::new();
    if let Some(given) = member.system_role {
        let rights = access.system_rights(component);
        grants.push(Grant {
            role: None,
            set_on: (!rights.is_none()).then(|| component.clone()),
            rights,
            remark: remark(member, given, access, component),
        });
    }
    grants.extend(access.roles().iter().map(|role| Grant {
        role: Some(role),
        set_on: nearest(role, component),
        rights: role.rights(component),
        remark: "",
    }));
    let scope = access.scope();
    Explanation {
        grants,
        scoped_by: access.scoped_role(),
        in_scope: match (scope, audience) {
            (Some(scope), Some(audience)) => scope.contains(audience),
            _ => true,
        },
        masked_by: access.masking_roles().collect(),
    }
}

impl Explanation<'_> {
    /// Why the member lacks `wanted` on `component`, as far as roles and scope say: none where they give it.
    pub fn why_not(
        &self,
        wanted: Permission,
        component: &Component,
        audience: Option<&Audience>,
    ) -> Option<String> {
        let gives = |rights: Rights| match wanted {
            Permission::Read | Permission::ReadPii => rights.read,
            Permission::Write => rights.write,
            Permission::Approve => rights.approve,
            _ => true,
        };
        if !self.grants.iter().any(|grant| gives(grant.rights)) {
            return Some(format!("no role gives {} on {component}", wanted.as_str()));
        }
        let scope = self.scoped_by.and_then(|role| role.scope.as_ref()).filter(|_| !self.in_scope)?;
        let declared = audience.and_then(|audience| audience.0.get(&scope.property));
        let reaches = match declared {
            Some(values) => {
                format!("it reaches {}", DataScope { values: values.clone(), ..scope.clone() }.as_set())
            }
            None => format!("it declares no {}, so it reaches everybody", scope.property),
        };
        Some(format!("outside the data scope {}: {reaches}", scope.as_set()))
    }
}

/// What one would not expect of the system role that the member was `given`.
fn remark(member: &Member, given: SystemRole, access: &Access<'_>, component: &Component) -> &'static str {
    let has_workflow = component.has_workflow();
    match (given, access.system_role()) {
        _ if member.state != MemberState::Active => "this member's access was revoked",
        (SystemRole::Approver, Some(SystemRole::Creator)) => {
            "APPROVER acts as CREATOR while the workflow of every area is off"
        }
        (SystemRole::Editor, _) if has_workflow && member.approval_right => {
            "an Admin gave this EDITOR the approval right"
        }
        (SystemRole::Editor, _) if has_workflow => "this EDITOR was not given the approval right",
        _ => "",
    }
}

/// The nearest component, at `component` or above it, that the role sets access on.
fn nearest(role: &Role, component: &Component) -> Option<Component> {
    role.accesses
        .keys()
        .filter(|set_on| set_on.covers(component))
        .max_by_key(|set_on| set_on.as_str().len())
        .cloned()
}
