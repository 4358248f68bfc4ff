//! Accounts and members.

use countersign_domain::{Account, AccountState, Member, MemberState, SystemRole, access::role_approves};
use countersign_proto::{access, types};

use super::{etag, time};

/// An account as the contract writes it.
pub fn account(account: &Account) -> access::Account {
    access::Account {
        account_id: account.id.to_string(),
        name: account.name.clone(),
        features: account.features.iter().map(|feature| feature.as_str().to_owned()).collect(),
        create_time: Some(time::to_proto(account.created_at)),
        state: match account.state {
            AccountState::Active => access::AccountState::Active,
            AccountState::Suspended => access::AccountState::Suspended,
            AccountState::Deleted { .. } => access::AccountState::Deleted,
        }
        .into(),
        erase_time: match account.state {
            AccountState::Deleted { erase_at } => Some(time::to_proto(erase_at)),
            AccountState::Active | AccountState::Suspended => None,
        },
        etag: etag(account.rules_version),
        time_zone: account.time_zone.clone().unwrap_or_default(),
    }
}

/// A member as the contract writes it.
pub fn member(member: &Member) -> access::Member {
    access::Member {
        account_id: member.account_id.to_string(),
        member_id: member.id.to_string(),
        email: member.email.clone(),
        display_name: member.display_name.clone(),
        locale: member.locale.clone(),
        time_zone: member.time_zone.clone().unwrap_or_default(),
        system_role: system_role(member.system_role).into(),
        approval_right: member.approval_right || member.system_role.is_some_and(role_approves),
        state: match member.state {
            MemberState::Active => access::MemberState::Active,
            MemberState::Revoked => access::MemberState::Revoked,
        }
        .into(),
        etag: etag(member.version),
        create_time: Some(time::to_proto(member.created_at)),
        role_ids: member.roles.iter().map(ToString::to_string).collect(),
    }
}

/// A system role as the contract writes it.
pub fn system_role(role: Option<SystemRole>) -> types::SystemRole {
    match role {
        None => types::SystemRole::Unspecified,
        Some(SystemRole::Admin) => types::SystemRole::Admin,
        Some(SystemRole::Creator) => types::SystemRole::Creator,
        Some(SystemRole::Member) => types::SystemRole::Member,
        Some(SystemRole::Approver) => types::SystemRole::Approver,
        Some(SystemRole::Editor) => types::SystemRole::Editor,
    }
}
