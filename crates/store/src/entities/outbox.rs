//! Events that are not published yet. A row is deleted once the broker has confirmed it; history is the record.

use sea_orm::entity::prelude::*;

use crate::outbox::OutboxRow;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    pub event_type: String,
    pub subject: String,
    pub sequence: i64,
    pub payload: String,
    pub traceparent: Option<String>,
    pub occurred_at_us: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&OutboxRow> for Model {
    fn from(row: &OutboxRow) -> Self {
        Self {
            account_id: row.account_id.0,
            event_id: row.event_id.0,
            event_type: row.event_type.clone(),
            subject: row.subject.clone(),
            sequence: row.sequence,
            payload: row.payload.clone(),
            traceparent: row.traceparent.clone(),
            occurred_at_us: row.occurred_at.0,
        }
    }
}

impl From<Model> for OutboxRow {
    fn from(row: Model) -> Self {
        Self {
            account_id: countersign_domain::AccountId(row.account_id),
            event_id: countersign_domain::EventId(row.event_id),
            event_type: row.event_type,
            subject: row.subject,
            sequence: row.sequence,
            payload: row.payload,
            traceparent: row.traceparent,
            occurred_at: countersign_domain::Timestamp(row.occurred_at_us),
        }
    }
}
