//! Policy.

use std::time::Duration;

use countersign_domain::{AccountId, Policy, Timestamp, policy::Cancellation};
use countersign_proto::approval;

use super::{etag, time};

/// A policy as the contract writes it, with who is held `now`.
pub fn policy(account: AccountId, policy: &Policy, now: Timestamp) -> approval::Policy {
    approval::Policy {
        account_id: account.to_string(),
        area: policy.area.as_str().to_owned(),
        enabled: policy.enabled,
        required_approvals: i32::from(policy.required_approvals),
        allow_self_approval: policy.allow_self_approval,
        exclude_authors: policy.exclude_authors,
        rejection_note_required: policy.rejection_note_required,
        cancellation: match policy.cancellation {
            Cancellation::Nobody => approval::Cancellation::Nobody,
            Cancellation::Writers => approval::Cancellation::Writers,
        }
        .into(),
        request_max_age: Some(time::duration(policy.request_max_age.unwrap_or(Duration::ZERO))),
        reminder_after: Some(time::duration(policy.reminder_after.unwrap_or(Duration::ZERO))),
        minimum_lead_time: Some(time::duration(policy.minimum_lead_time)),
        cooling_off: Some(time::duration(policy.cooling_off)),
        held_members: policy
            .held_at(now)
            .map(|held| approval::HeldMember {
                member_id: held.member.to_string(),
                end_time: Some(time::to_proto(held.until)),
            })
            .collect(),
        etag: etag(policy.version),
        update_time: policy.updated_at.map(time::to_proto),
    }
}
