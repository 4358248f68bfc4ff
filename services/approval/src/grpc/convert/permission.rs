//! Permissions and why they are had.

use countersign_domain::{
    Component, Member,
    access::{Explanation, Grant},
};
use countersign_proto::access;

/// Who could decide, as the contract writes it.
pub fn approver(member: &Member) -> access::Approver {
    access::Approver {
        member_id: member.id.to_string(),
        display_name: member.display_name.clone(),
        email: member.email.clone(),
        admin: member.is_admin(),
    }
}

/// The answer of who may not, with the reason and the words of the refusal.
pub fn refused((reason, message): (&str, String)) -> access::PermissionAnswer {
    access::PermissionAnswer { allowed: false, reason: reason.to_owned(), message }
}

/// An explanation without its answer.
pub fn explanation(
    explanation: &Explanation<'_>,
    subject: &Member,
    component: &Component,
) -> access::ExplainPermissionResponse {
    let scoped_by = explanation.scoped_by;
    access::ExplainPermissionResponse {
        answer: None,
        component: component.as_str().to_owned(),
        grants: explanation.grants.iter().map(|grant| self::grant(grant, subject)).collect(),
        scope: scoped_by.and_then(|role| role.scope.as_ref()).map(ToString::to_string).unwrap_or_default(),
        scope_role_id: scoped_by.map(|role| role.id.to_string()).unwrap_or_default(),
        in_scope: explanation.in_scope,
        why: String::new(),
        masking_role_ids: explanation.masked_by.iter().map(|role| role.id.to_string()).collect(),
    }
}

fn grant(grant: &Grant<'_>, subject: &Member) -> access::PermissionGrant {
    let system = || subject.system_role.map(|role| role.as_str().to_owned()).unwrap_or_default();
    access::PermissionGrant {
        role_id: grant.role.map_or_else(system, |role| role.id.to_string()),
        role_name: grant.role.map_or_else(system, |role| role.name.clone()),
        component: grant.set_on.as_ref().map(|component| component.as_str().to_owned()).unwrap_or_default(),
        read: grant.rights.read,
        write: grant.rights.write,
        approve: grant.rights.approve,
        remark: grant.remark.to_owned(),
    }
}
