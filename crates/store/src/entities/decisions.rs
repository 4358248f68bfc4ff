//! Members' decisions on requests. The key holds the member: the same person counts once (POL-3).

use countersign_domain::{Request, request::Decision};
use sea_orm::{Value, entity::prelude::*};

use crate::error::StoreError;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "decisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub member_id: Uuid,
    pub member_name: String,
    pub service: Option<String>,
    pub verdict: String,
    pub note: String,
    pub decided_at_us: i64,
    /// The version of the request that this decision made: their order.
    pub request_version: i64,
    /// When it stopped to count, because the right to decide was lost (REQ-22).
    pub voided_at_us: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The columns of its key.
pub(crate) const KEY: [&str; 3] = ["account_id", "request_id", "member_id"];

/// The values of a decision that is not there, of the columns' types.
pub(crate) const ABSENT: [Value; 10] = [
    Value::Uuid(None),
    Value::Uuid(None),
    Value::Uuid(None),
    Value::String(None),
    Value::String(None),
    Value::String(None),
    Value::String(None),
    Value::BigInt(None),
    Value::BigInt(None),
    Value::BigInt(None),
];

impl Model {
    pub(crate) fn of(request: &Request, decision: &Decision) -> Result<Self, StoreError> {
        let Some(member) = decision.by.member_id else {
            return Err(StoreError::Unstorable { what: "a decision by nobody" });
        };
        Ok(Self {
            account_id: request.account_id.0,
            request_id: request.id.0,
            member_id: member.0,
            member_name: decision.by.name.clone(),
            service: decision.by.service.clone(),
            verdict: decision.verdict.as_str().to_owned(),
            note: decision.note.clone(),
            decided_at_us: decision.at.0,
            request_version: request.version,
            voided_at_us: decision.voided_at.map(|at| at.0),
        })
    }
}
