//! Each policy that was ever in force, with who changed it. Append-only, as history is.

use countersign_domain::{AccountId, ActorRef, Policy};
use sea_orm::entity::prelude::*;

use super::{actor, policies};
use crate::{error::Corruption, policies::PolicyRevision};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column that is on or off")]
#[sea_orm(table_name = "policy_revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub area: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub enabled: bool,
    pub required_approvals: i16,
    pub allow_self_approval: bool,
    pub rejection_note_required: bool,
    pub cancellation: String,
    pub request_max_age_us: Option<i64>,
    pub reminder_after_us: Option<i64>,
    pub minimum_lead_time_us: i64,
    pub changed_at_us: i64,
    pub changed_by_id: Option<Uuid>,
    pub changed_by_name: String,
    pub changed_by_service: Option<String>,
    pub exclude_authors: bool,
    pub cooling_off_us: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(crate) fn of(account: AccountId, policy: &Policy, by: &ActorRef) -> Self {
        let row = policies::Model::of(account, policy);
        Self {
            account_id: row.account_id,
            area: row.area,
            version: row.version,
            enabled: row.enabled,
            required_approvals: row.required_approvals,
            allow_self_approval: row.allow_self_approval,
            rejection_note_required: row.rejection_note_required,
            cancellation: row.cancellation,
            request_max_age_us: row.request_max_age_us,
            reminder_after_us: row.reminder_after_us,
            minimum_lead_time_us: row.minimum_lead_time_us,
            changed_at_us: row.updated_at_us.unwrap_or_default(),
            changed_by_id: by.member_id.map(|id| id.0),
            changed_by_name: by.name.clone(),
            changed_by_service: by.service.clone(),
            exclude_authors: row.exclude_authors,
            cooling_off_us: row.cooling_off_us,
        }
    }
}

impl TryFrom<Model> for PolicyRevision {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let by = actor(row.changed_by_id, row.changed_by_name, row.changed_by_service);
        let policy = policies::Model {
            account_id: row.account_id,
            area: row.area,
            enabled: row.enabled,
            required_approvals: row.required_approvals,
            allow_self_approval: row.allow_self_approval,
            rejection_note_required: row.rejection_note_required,
            cancellation: row.cancellation,
            request_max_age_us: row.request_max_age_us,
            minimum_lead_time_us: row.minimum_lead_time_us,
            version: row.version,
            updated_at_us: Some(row.changed_at_us),
            reminder_after_us: row.reminder_after_us,
            exclude_authors: row.exclude_authors,
            cooling_off_us: row.cooling_off_us,
            // A matter of now, and not of what the policy said.
            held: "[]".to_owned(),
        };
        Ok(Self { policy: policy.try_into()?, by })
    }
}
