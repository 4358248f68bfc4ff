//! History: append-only, refused to be changed by the database itself (HIS-2).

use countersign_domain::{
    AccountId, Action, Digest, MemberId, RequestId, ResourceId, State, Timestamp,
    history::{EntryHash, HistoryEntry, HistoryEvent, Recorded, chain::Fields},
};
use sea_orm::entity::prelude::*;

use super::{actor, entry_hash, parsed};
use crate::error::Corruption;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "history")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub resource_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub request_id: Option<Uuid>,
    pub event: String,
    pub action: Option<String>,
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
    pub actor_service: Option<String>,
    pub happened_at_us: i64,
    pub from_state: Option<String>,
    pub to_state: String,
    pub note: String,
    pub digest: String,
    /// As it was written by whoever wrote it: none before there were hashes, and not always one that fits (HIS-3).
    pub hash: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The row of an entry with its hash.
    pub(crate) fn of(entry: &HistoryEntry, hash: EntryHash) -> Self {
        Self {
            account_id: entry.account_id.0,
            resource_id: entry.resource_id.0,
            sequence: entry.sequence,
            request_id: entry.request_id.map(|id| id.0),
            event: entry.event.as_str().to_owned(),
            action: entry.action.as_ref().map(|action| action.as_str().to_owned()),
            actor_id: entry.actor.member_id.map(|id| id.0),
            actor_name: entry.actor.name.clone(),
            actor_service: entry.actor.service.clone(),
            happened_at_us: entry.at.0,
            from_state: entry.from.as_ref().map(|state| state.as_str().to_owned()),
            to_state: entry.to.as_str().to_owned(),
            note: entry.note.clone(),
            digest: entry.digest.as_str().to_owned(),
            hash: Some(hash.as_bytes().to_vec()),
        }
    }

    /// What is hashed, whether or not it makes sense.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields {
            account_id: AccountId(self.account_id),
            resource_id: ResourceId(self.resource_id),
            sequence: self.sequence,
            request_id: self.request_id.map(RequestId),
            event: &self.event,
            action: self.action.as_deref(),
            actor_id: self.actor_id.map(MemberId),
            actor_name: &self.actor_name,
            actor_service: self.actor_service.as_deref(),
            at: Timestamp(self.happened_at_us),
            from: self.from_state.as_deref(),
            to: &self.to_state,
            note: &self.note,
            digest: &self.digest,
        }
    }
}

impl TryFrom<Model> for Recorded {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}/{}", row.account_id, row.resource_id, row.sequence);
        let event = parsed(HistoryEvent::parse(&row.event), "history", "event", key)?;
        let hash = entry_hash(row.hash.as_deref(), "history", "hash", key)?;
        let entry = HistoryEntry {
            account_id: AccountId(row.account_id),
            resource_id: ResourceId(row.resource_id),
            sequence: row.sequence,
            request_id: row.request_id.map(RequestId),
            event,
            action: row.action.map(Action::given),
            actor: actor(row.actor_id, row.actor_name, row.actor_service),
            at: Timestamp(row.happened_at_us),
            from: row.from_state.map(State::given),
            to: State::given(row.to_state),
            note: row.note,
            digest: Digest::from_text(row.digest),
        };
        Ok(Self { entry, hash })
    }
}
