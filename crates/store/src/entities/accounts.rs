//! Accounts: the tenants.

use std::collections::BTreeSet;

use countersign_domain::{Account, AccountId, AccountState, Feature, Timestamp};
use sea_orm::entity::prelude::*;

use super::parsed;
use crate::error::Corruption;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    pub name: String,
    /// Names, separated by spaces.
    pub features: String,
    pub rules_version: i64,
    pub created_at_us: i64,
    pub state: String,
    /// Only of an account that is deleted.
    pub erase_at_us: Option<i64>,
    /// UTC is empty.
    pub time_zone: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Account> for Model {
    fn from(account: &Account) -> Self {
        let features: Vec<&str> = account.features.iter().map(|feature| feature.as_str()).collect();
        Self {
            account_id: account.id.0,
            name: account.name.clone(),
            features: features.join(" "),
            rules_version: account.rules_version,
            created_at_us: account.created_at.0,
            state: account.state.as_str().to_owned(),
            erase_at_us: match account.state {
                AccountState::Deleted { erase_at } => Some(erase_at.0),
                AccountState::Active | AccountState::Suspended => None,
            },
            time_zone: account.time_zone.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<Model> for Account {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let features: Result<BTreeSet<Feature>, Corruption> = row
            .features
            .split_whitespace()
            .map(|name| parsed(Feature::parse(name), "accounts", "features", || row.account_id.to_string()))
            .collect();
        // One that is ERASED is as if it were not there, and never read.
        let state = match (row.state.as_str(), row.erase_at_us) {
            ("ACTIVE", None) => Some(AccountState::Active),
            ("SUSPENDED", None) => Some(AccountState::Suspended),
            ("DELETED", Some(erase_at)) => Some(AccountState::Deleted { erase_at: Timestamp(erase_at) }),
            _ => None,
        };
        Ok(Self {
            state: parsed(state, "accounts", "state", || row.account_id.to_string())?,
            features: features?,
            id: AccountId(row.account_id),
            name: row.name,
            time_zone: Some(row.time_zone).filter(|zone| !zone.is_empty()),
            rules_version: row.rules_version,
            created_at: Timestamp(row.created_at_us),
        })
    }
}
