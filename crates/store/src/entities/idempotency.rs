//! What writes answered, so that a repeated one answers the same (REQ-18).

use countersign_domain::{AccountId, Timestamp};
use sea_orm::{Value, entity::prelude::*};

use crate::idempotency::{IdempotencyKey, IdempotencyRecord};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub actor: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Uuid,
    pub fingerprint: Vec<u8>,
    pub response: Vec<u8>,
    pub created_at_us: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The values of a record that is not there, of the columns' types.
pub(crate) const ABSENT: [Value; 6] = [
    Value::Uuid(None),
    Value::String(None),
    Value::Uuid(None),
    Value::Bytes(None),
    Value::Bytes(None),
    Value::BigInt(None),
];

impl From<&IdempotencyRecord> for Model {
    fn from(record: &IdempotencyRecord) -> Self {
        Self {
            account_id: record.key.account_id.0,
            actor: record.key.actor.clone(),
            key: record.key.key,
            fingerprint: record.fingerprint.clone(),
            response: record.response.clone(),
            created_at_us: record.created_at.0,
        }
    }
}

impl From<Model> for IdempotencyRecord {
    fn from(row: Model) -> Self {
        Self {
            key: IdempotencyKey { account_id: AccountId(row.account_id), actor: row.actor, key: row.key },
            fingerprint: row.fingerprint,
            response: row.response,
            created_at: Timestamp(row.created_at_us),
        }
    }
}
