//! Versions of lifecycles that were retired. Append-only.

use countersign_domain::{AccountId, ActorRef, Timestamp, lifecycle::Registered};
use sea_orm::entity::prelude::*;

use super::actor;

/// Also read from JSON, where one statement collects several.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Deserialize)]
#[sea_orm(table_name = "lifecycle_retirements")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub retired_at_us: i64,
    pub retired_by_id: Option<Uuid>,
    pub retired_by_name: String,
    pub retired_by_service: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// None where it was not retired.
    pub(crate) fn of(account: AccountId, registered: &Registered) -> Option<Self> {
        let (by, at) = registered.retired.clone()?;
        Some(Self {
            account_id: account.0,
            kind: registered.lifecycle.kind.as_str().to_owned(),
            version: registered.lifecycle.version,
            retired_at_us: at.0,
            retired_by_id: by.member_id.map(|id| id.0),
            retired_by_name: by.name,
            retired_by_service: by.service,
        })
    }

    /// Who retired it and when.
    pub(crate) fn who_and_when(self) -> (ActorRef, Timestamp) {
        let by = actor(self.retired_by_id, self.retired_by_name, self.retired_by_service);
        (by, Timestamp(self.retired_at_us))
    }
}
