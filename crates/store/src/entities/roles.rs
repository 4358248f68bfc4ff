//! Custom roles.

use countersign_domain::{AccountId, Role, RoleId, Timestamp, text};
use sea_orm::entity::prelude::*;

use super::{json, to_json};
use crate::error::Corruption;

/// Also read from JSON, where one statement collects several roles.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Deserialize)]
#[sea_orm(table_name = "roles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub role_id: Uuid,
    pub name: String,
    /// [`text::key`] of the name, made here because the databases fold differently; unique in the account. Of two roles that were
    /// there before it was, the later one has its id behind it.
    pub name_folded: String,
    /// A JSON object: rights by component.
    pub accesses: String,
    /// [`Role::approves`] of this row: its holders are candidates, and a statement has to find them.
    pub approves: bool,
    /// A JSON object.
    pub scope: Option<String>,
    pub masks_pii: bool,
    pub version: i64,
    pub created_at_us: i64,
    pub updated_at_us: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Role> for Model {
    fn from(role: &Role) -> Self {
        Self {
            account_id: role.account_id.0,
            role_id: role.id.0,
            name: role.name.clone(),
            name_folded: text::key(&role.name),
            accesses: to_json(&role.accesses),
            approves: role.approves(),
            scope: role.scope.as_ref().map(to_json),
            masks_pii: role.masks_pii,
            version: role.version,
            created_at_us: role.created_at.0,
            updated_at_us: role.updated_at.0,
        }
    }
}

impl TryFrom<Model> for Role {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}", row.account_id, row.role_id);
        let scope = row.scope.as_deref().map(|scope| json(scope, "roles", "scope", key)).transpose()?;
        Ok(Self {
            account_id: AccountId(row.account_id),
            id: RoleId(row.role_id),
            accesses: json(&row.accesses, "roles", "accesses", key)?,
            scope,
            name: row.name,
            masks_pii: row.masks_pii,
            version: row.version,
            created_at: Timestamp(row.created_at_us),
            updated_at: Timestamp(row.updated_at_us),
        })
    }
}
