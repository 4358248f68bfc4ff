//! Members of accounts.

use countersign_domain::{AccountId, Member, MemberId, MemberState, RoleId, SystemRole, Timestamp, text};
use sea_orm::entity::prelude::*;

use super::parsed;
use crate::error::Corruption;

/// Read and written as JSON, where one statement is about several members.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(table_name = "members")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: Uuid,
    pub email: String,
    /// [`text::key`] of the address, made here because the databases fold differently; unique in the account.
    pub email_folded: String,
    pub display_name: String,
    pub locale: String,
    /// None of their own is empty.
    pub time_zone: String,
    pub system_role: Option<String>,
    pub approval_right: bool,
    pub state: String,
    pub version: i64,
    pub created_at_us: i64,
    /// The rows of `member_roles`, by id; none at all is null on PostgreSQL.
    #[sea_orm(ignore)]
    pub role_ids: Option<Vec<Uuid>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Member> for Model {
    fn from(member: &Member) -> Self {
        Self {
            account_id: member.account_id.0,
            member_id: member.id.0,
            email: member.email.clone(),
            email_folded: text::key(&member.email),
            display_name: member.display_name.clone(),
            locale: member.locale.clone(),
            time_zone: member.time_zone.clone().unwrap_or_default(),
            system_role: member.system_role.map(|role| role.as_str().to_owned()),
            approval_right: member.approval_right,
            state: member.state.as_str().to_owned(),
            version: member.version,
            created_at_us: member.created_at.0,
            role_ids: Some(member.roles.iter().map(|role| role.0).collect()),
        }
    }
}

impl TryFrom<Model> for Member {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}", row.account_id, row.member_id);
        let system_role = match &row.system_role {
            Some(name) => Some(parsed(SystemRole::parse(name), "members", "system_role", key)?),
            None => None,
        };
        let state = parsed(MemberState::parse(&row.state), "members", "state", key)?;
        Ok(Self {
            account_id: AccountId(row.account_id),
            id: MemberId(row.member_id),
            email: row.email,
            display_name: row.display_name,
            locale: row.locale,
            time_zone: Some(row.time_zone).filter(|zone| !zone.is_empty()),
            system_role,
            roles: row.role_ids.unwrap_or_default().into_iter().map(RoleId).collect(),
            approval_right: row.approval_right,
            state,
            version: row.version,
            created_at: Timestamp(row.created_at_us),
        })
    }
}
