//! Invitations.

use countersign_domain::{Invitation, Timestamp, invitation::InvitationState};
use countersign_proto::access;

use super::{access::system_role, actor, etag, time};

/// An invitation as the contract writes it, with its state `now`.
pub fn invitation(invitation: &Invitation, now: Timestamp) -> access::Invitation {
    let state = match invitation.state {
        InvitationState::Pending if invitation.has_expired(now) => access::InvitationState::Expired,
        InvitationState::Pending => access::InvitationState::Pending,
        InvitationState::Accepted(_) => access::InvitationState::Accepted,
        InvitationState::Withdrawn => access::InvitationState::Withdrawn,
    };
    access::Invitation {
        account_id: invitation.account_id.to_string(),
        invitation_id: invitation.id.to_string(),
        email: invitation.email.clone(),
        locale: invitation.locale.clone(),
        system_role: system_role(invitation.given.system_role).into(),
        role_ids: invitation.given.roles.iter().map(ToString::to_string).collect(),
        approval_right: invitation.given.approval_right,
        state: state.into(),
        invited_by: Some(actor(&invitation.invited_by)),
        create_time: Some(time::to_proto(invitation.created_at)),
        expire_time: Some(time::to_proto(invitation.expires_at)),
        member_id: match invitation.state {
            InvitationState::Accepted(member) => member.to_string(),
            InvitationState::Pending | InvitationState::Withdrawn => String::new(),
        },
        etag: etag(invitation.version),
    }
}
