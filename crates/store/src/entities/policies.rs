//! Policies that differ from the defaults, one row per account and area.

use std::time::Duration;

use countersign_domain::{AccountId, Area, Policy, Timestamp, policy::Cancellation};
use sea_orm::entity::prelude::*;

use super::{json, parsed, to_json};
use crate::error::Corruption;

/// Also read from JSON, where one statement collects several.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column that is on or off")]
#[sea_orm(table_name = "policies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub area: String,
    pub enabled: bool,
    pub required_approvals: i16,
    pub allow_self_approval: bool,
    pub rejection_note_required: bool,
    pub cancellation: String,
    pub request_max_age_us: Option<i64>,
    pub minimum_lead_time_us: i64,
    pub version: i64,
    pub updated_at_us: Option<i64>,
    pub reminder_after_us: Option<i64>,
    pub exclude_authors: bool,
    pub cooling_off_us: i64,
    /// A JSON array of members and times (POL-9).
    pub held: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(crate) fn of(account: AccountId, policy: &Policy) -> Self {
        Self {
            account_id: account.0,
            area: policy.area.as_str().to_owned(),
            enabled: policy.enabled,
            required_approvals: policy.required_approvals.into(),
            allow_self_approval: policy.allow_self_approval,
            rejection_note_required: policy.rejection_note_required,
            cancellation: policy.cancellation.as_str().to_owned(),
            request_max_age_us: policy.request_max_age.map(microseconds),
            minimum_lead_time_us: microseconds(policy.minimum_lead_time),
            version: policy.version,
            updated_at_us: policy.updated_at.map(|at| at.0),
            reminder_after_us: policy.reminder_after.map(microseconds),
            exclude_authors: policy.exclude_authors,
            cooling_off_us: microseconds(policy.cooling_off),
            held: to_json(&policy.held),
        }
    }
}

impl TryFrom<Model> for Policy {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}", row.account_id, row.area);
        let duration = |us: i64, column| {
            let us = parsed(u64::try_from(us).ok(), "policies", column, key)?;
            Ok(Duration::from_micros(us))
        };
        Ok(Self {
            area: Area::given(row.area.clone()),
            enabled: row.enabled,
            required_approvals: parsed(
                u8::try_from(row.required_approvals).ok(),
                "policies",
                "required_approvals",
                key,
            )?,
            allow_self_approval: row.allow_self_approval,
            exclude_authors: row.exclude_authors,
            rejection_note_required: row.rejection_note_required,
            cancellation: parsed(cancellation(&row.cancellation), "policies", "cancellation", key)?,
            request_max_age: row
                .request_max_age_us
                .map(|us| duration(us, "request_max_age_us"))
                .transpose()?,
            reminder_after: row.reminder_after_us.map(|us| duration(us, "reminder_after_us")).transpose()?,
            minimum_lead_time: duration(row.minimum_lead_time_us, "minimum_lead_time_us")?,
            cooling_off: duration(row.cooling_off_us, "cooling_off_us")?,
            held: json(&row.held, "policies", "held", key)?,
            version: row.version,
            updated_at: row.updated_at_us.map(Timestamp),
        })
    }
}

fn cancellation(name: &str) -> Option<Cancellation> {
    Cancellation::ALL.into_iter().find(|value| value.as_str() == name)
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
