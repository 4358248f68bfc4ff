//! The document of an account's members and roles.

use countersign_domain::document::{Difference, DifferenceKind, Document};
use countersign_proto::access;

use super::roles::{component_access, scope};

/// A document as the contract writes it.
pub fn document(document: &Document) -> access::AccessDocument {
    access::AccessDocument {
        roles: document
            .roles
            .iter()
            .map(|role| access::AccessDocumentRole {
                name: role.name.clone(),
                accesses: role
                    .accesses
                    .iter()
                    .map(|asked| component_access(&asked.component, asked.rights))
                    .collect(),
                scope: role.scope.as_ref().map(scope),
                masks_pii: role.masks_pii,
            })
            .collect(),
        members: document
            .members
            .iter()
            .map(|member| access::AccessDocumentMember {
                email: member.email.clone(),
                display_name: member.display_name.clone(),
                locale: member.locale.clone(),
                roles: member.roles.clone(),
                approval_right: member.approval_right,
            })
            .collect(),
    }
}

/// A difference as the contract writes it.
pub fn difference(difference: &Difference) -> access::AccessDifference {
    access::AccessDifference {
        kind: match difference.kind {
            DifferenceKind::Added => access::DifferenceKind::Added,
            DifferenceKind::Changed => access::DifferenceKind::Changed,
            DifferenceKind::Removed => access::DifferenceKind::Removed,
        }
        .into(),
        r#type: difference.what.to_owned(),
        name: difference.name.clone(),
        lines: difference.lines.clone(),
    }
}
