//! Resources under control.

use countersign_domain::{
    AccountId, Action, ApprovalStatus, Audience, Content, Kind, LaunchMode, MemberId, PendingLabel,
    RequestId, Resource, ResourceId, Schedule, State, Timestamp, resource::Lock,
};
use sea_orm::{QueryResult, entity::prelude::*};

use super::{content, entry_hash, json, parsed, to_json};
use crate::{
    StoreError,
    error::{Corruption, failed},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resources")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub resource_id: Uuid,
    pub kind: String,
    pub external_id: String,
    pub title: String,
    pub owner_id: Uuid,
    pub state: String,
    pub approval_status: String,
    pub lock_request_id: Option<Uuid>,
    pub lock_label: Option<String>,
    pub lock_action: Option<String>,
    pub live_body: String,
    pub live_digest: String,
    pub live_revision: i64,
    pub staged_body: Option<String>,
    pub staged_digest: Option<String>,
    pub staged_revision: Option<i64>,
    pub starts_at_us: Option<i64>,
    pub ends_at_us: Option<i64>,
    /// A JSON array of strings.
    pub variants: String,
    pub winner: Option<String>,
    pub launch_mode: Option<String>,
    pub version: i64,
    pub created_at_us: i64,
    pub updated_at_us: i64,
    /// When time alone changes it next (LIF-17).
    pub due_at_us: Option<i64>,
    /// A JSON object: values by property (ACC-12).
    pub audience: String,
    /// A JSON array of JSON Pointers (ACC-13).
    pub pii_fields: String,
    /// The hash of its newest history entry (HIS-3).
    pub history_hash: Option<Vec<u8>>,
    /// The version of its kind's lifecycle (LIF-24); 0: built in.
    pub lifecycle_version: i64,
    /// A JSON array of JSON Pointers: the marks that are left once the staged content is live (ACC-19).
    pub staged_pii_fields: Option<String>,
    /// A JSON array of members' ids (REQ-23).
    pub authors: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The row of `resource`, which time alone changes next at `due_at`.
    pub(crate) fn of(resource: &Resource, due_at: Option<Timestamp>) -> Self {
        let lock = resource.lock.as_ref();
        let staged = resource.staged.as_ref();
        Self {
            account_id: resource.account_id.0,
            resource_id: resource.id.0,
            kind: resource.kind.as_str().to_owned(),
            external_id: resource.external_id.clone(),
            title: resource.title.clone(),
            owner_id: resource.owner.0,
            state: resource.state.as_str().to_owned(),
            approval_status: resource.approval_status.as_str().to_owned(),
            lock_request_id: lock.map(|lock| lock.request_id.0),
            lock_label: lock.map(|lock| lock.label.as_str().to_owned()),
            lock_action: lock.map(|lock| lock.action.as_str().to_owned()),
            live_body: resource.live.body.clone(),
            live_digest: resource.live.digest.as_str().to_owned(),
            live_revision: resource.live.revision,
            staged_body: staged.map(|content| content.body.clone()),
            staged_digest: staged.map(|content| content.digest.as_str().to_owned()),
            staged_revision: staged.map(|content| content.revision),
            starts_at_us: resource.schedule.start.map(|at| at.0),
            ends_at_us: resource.schedule.end.map(|at| at.0),
            variants: serde_json::Value::from(resource.variants.clone()).to_string(),
            winner: resource.winner.clone(),
            launch_mode: resource.launch_mode.map(|mode| mode.as_str().to_owned()),
            version: resource.version,
            created_at_us: resource.created_at.0,
            updated_at_us: resource.updated_at.0,
            due_at_us: due_at.map(|at| at.0),
            audience: to_json(&resource.audience),
            pii_fields: to_json(&resource.pii_fields),
            history_hash: resource.history_hash.map(|hash| hash.as_bytes().to_vec()),
            lifecycle_version: resource.lifecycle_version,
            staged_pii_fields: resource.staged_pii_fields.as_ref().map(to_json),
            authors: to_json(&resource.authors),
        }
    }
}

impl TryFrom<Model> for Resource {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}", row.account_id, row.resource_id);
        let lock = match (row.lock_request_id, row.lock_label, row.lock_action) {
            (None, None, None) => None,
            (Some(request), Some(label), Some(action)) => Some(Lock {
                request_id: RequestId(request),
                label: PendingLabel::given(label),
                action: Action::given(action),
            }),
            _ => return Err(Corruption::new("resources", "lock_request_id", key(), "is there in part")),
        };
        let marks = row.staged_pii_fields.as_ref().filter(|_| row.staged_body.is_some());
        let staged_pii_fields =
            marks.map(|text| json(text, "resources", "staged_pii_fields", key)).transpose()?;
        let variants = serde_json::from_str(&row.variants).map_err(|error| {
            Corruption::new("resources", "variants", key(), "is no JSON array of strings").because(error)
        })?;
        Ok(Self {
            approval_status: parsed(
                ApprovalStatus::parse(&row.approval_status),
                "resources",
                "approval_status",
                key,
            )?,
            launch_mode: match &row.launch_mode {
                Some(name) => Some(parsed(LaunchMode::parse(name), "resources", "launch_mode", key)?),
                None => None,
            },
            staged: content(
                row.staged_body,
                row.staged_digest,
                row.staged_revision,
                "resources",
                "staged_body",
                key,
            )?,
            account_id: AccountId(row.account_id),
            id: ResourceId(row.resource_id),
            kind: Kind::given(row.kind),
            lifecycle_version: row.lifecycle_version,
            external_id: row.external_id,
            title: row.title,
            owner: MemberId(row.owner_id),
            state: State::given(row.state),
            lock,
            live: Content {
                body: row.live_body,
                digest: countersign_domain::Digest::from_text(row.live_digest),
                revision: row.live_revision,
            },
            schedule: Schedule { start: row.starts_at_us.map(Timestamp), end: row.ends_at_us.map(Timestamp) },
            audience: json(&row.audience, "resources", "audience", key)?,
            pii_fields: json(&row.pii_fields, "resources", "pii_fields", key)?,
            staged_pii_fields,
            authors: json(&row.authors, "resources", "authors", key)?,
            history_hash: entry_hash(row.history_hash.as_deref(), "resources", "history_hash", key)?,
            variants,
            winner: row.winner,
            version: row.version,
            created_at: Timestamp(row.created_at_us),
            updated_at: Timestamp(row.updated_at_us),
        })
    }
}

/// A column of the resource that a row of `alias` is about, as `r_<column>`: looked up by its key for each row, and not joined, so
/// that the order of the index is kept.
pub(crate) fn looked_up(column: &str, alias: &str) -> String {
    format!(
        "(SELECT r.{column} FROM resources AS r \
         WHERE r.account_id = {alias}.account_id AND r.resource_id = {alias}.resource_id) AS r_{column}"
    )
}

/// Whom a resource reaches, from a row with its audience [`looked_up`]. The resource is always there, unless the account is being
/// erased: then nobody.
pub(crate) fn audience_of(
    row: &QueryResult,
    account: AccountId,
    resource: ResourceId,
    what: &'static str,
) -> Result<Audience, StoreError> {
    let audience: Option<String> = row.try_get("r_", "audience").map_err(failed(what))?;
    let key = || format!("{account}/{resource}");
    let audience = audience.map(|text| json(&text, "resources", "audience", key)).transpose()?;
    Ok(audience.unwrap_or_default())
}
