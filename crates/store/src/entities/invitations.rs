//! Invitations to join an account. Only a token's hash is stored.

use countersign_domain::{
    AccountId, Invitation, InvitationId, MemberId, SystemRole, Timestamp,
    invitation::{InvitationState, TokenHash},
    membership::Given,
    text,
};
use sea_orm::entity::prelude::*;

use super::{actor, json, parsed, to_json};
use crate::error::Corruption;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub invitation_id: Uuid,
    pub email: String,
    /// As a member's; unique among the account's pending invitations.
    pub email_folded: String,
    pub locale: String,
    pub system_role: Option<String>,
    /// A JSON array. Roles that were deleted since may be among them: they are passed over when it is accepted.
    pub role_ids: String,
    pub approval_right: bool,
    pub token_hash: String,
    pub state: String,
    pub member_id: Option<Uuid>,
    pub invited_by_id: Option<Uuid>,
    pub invited_by_name: String,
    pub invited_by_service: Option<String>,
    pub created_at_us: i64,
    pub expires_at_us: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Invitation> for Model {
    fn from(invitation: &Invitation) -> Self {
        let Given { system_role, roles, approval_right } = &invitation.given;
        Self {
            account_id: invitation.account_id.0,
            invitation_id: invitation.id.0,
            email: invitation.email.clone(),
            email_folded: text::key(&invitation.email),
            locale: invitation.locale.clone(),
            system_role: system_role.map(|role| role.as_str().to_owned()),
            role_ids: to_json(roles),
            approval_right: *approval_right,
            token_hash: invitation.token.as_str().to_owned(),
            state: invitation.state.as_str().to_owned(),
            member_id: match invitation.state {
                InvitationState::Accepted(member) => Some(member.0),
                InvitationState::Pending | InvitationState::Withdrawn => None,
            },
            invited_by_id: invitation.invited_by.member_id.map(|id| id.0),
            invited_by_name: invitation.invited_by.name.clone(),
            invited_by_service: invitation.invited_by.service.clone(),
            created_at_us: invitation.created_at.0,
            expires_at_us: invitation.expires_at.0,
            version: invitation.version,
        }
    }
}

impl TryFrom<Model> for Invitation {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}", row.account_id, row.invitation_id);
        let system_role = match &row.system_role {
            Some(name) => Some(parsed(SystemRole::parse(name), "invitations", "system_role", key)?),
            None => None,
        };
        let state = match (row.state.as_str(), row.member_id) {
            ("PENDING", None) => Some(InvitationState::Pending),
            ("ACCEPTED", Some(member)) => Some(InvitationState::Accepted(MemberId(member))),
            ("WITHDRAWN", None) => Some(InvitationState::Withdrawn),
            _ => None,
        };
        let roles = json(&row.role_ids, "invitations", "role_ids", key)?;
        Ok(Self {
            account_id: AccountId(row.account_id),
            id: InvitationId(row.invitation_id),
            state: parsed(state, "invitations", "state", key)?,
            email: row.email,
            locale: row.locale,
            given: Given { system_role, roles, approval_right: row.approval_right },
            token: TokenHash::from_text(row.token_hash),
            invited_by: actor(row.invited_by_id, row.invited_by_name, row.invited_by_service),
            created_at: Timestamp(row.created_at_us),
            expires_at: Timestamp(row.expires_at_us),
            version: row.version,
        })
    }
}
