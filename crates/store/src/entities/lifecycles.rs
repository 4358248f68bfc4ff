//! Lifecycles of an account's own, one row per version. Append-only.

use countersign_domain::{
    AccountId, Area, Component, Kind, Lifecycle, State, Timestamp,
    lifecycle::{EditRule, Registered, Timed, Transition},
};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::{actor, json, to_json};
use crate::error::Corruption;

/// Also read from JSON, where one statement collects several.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "lifecycles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub area: String,
    /// A JSON object: the table.
    pub definition: String,
    pub registered_at_us: i64,
    pub registered_by_id: Option<Uuid>,
    pub registered_by_name: String,
    pub registered_by_service: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What `definition` holds.
#[derive(Serialize, Deserialize)]
struct Table {
    transitions: Vec<Transition>,
    edits: Vec<(State, EditRule)>,
    timed: Vec<Timed>,
}

impl Model {
    pub(crate) fn of(account: AccountId, registered: &Registered) -> Self {
        let Lifecycle { kind, version, area, component: _, transitions, edits, timed } =
            registered.lifecycle.clone();
        Self {
            account_id: account.0,
            kind: kind.as_str().to_owned(),
            version,
            area: area.as_str().to_owned(),
            definition: to_json(&Table { transitions, edits, timed }),
            registered_at_us: registered.at.0,
            registered_by_id: registered.by.member_id.map(|id| id.0),
            registered_by_name: registered.by.name.clone(),
            registered_by_service: registered.by.service.clone(),
        }
    }
}

impl TryFrom<Model> for Registered {
    type Error = Corruption;

    /// As it was registered: whether it was retired since is in another table.
    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}/{}", row.account_id, row.kind, row.version);
        let Table { transitions, edits, timed } = json(&row.definition, "lifecycles", "definition", key)?;
        let area = Area::given(row.area);
        Ok(Self {
            lifecycle: Lifecycle {
                kind: Kind::given(row.kind),
                version: row.version,
                component: Component::of_area(&area),
                area,
                transitions,
                edits,
                timed,
            },
            by: actor(row.registered_by_id, row.registered_by_name, row.registered_by_service),
            at: Timestamp(row.registered_at_us),
            retired: None,
        })
    }
}
