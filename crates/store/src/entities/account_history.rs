//! The history of accounts: append-only, as that of resources (ACC-17).

use countersign_domain::{
    AccountId, MemberId, Timestamp,
    history::{
        EntryHash,
        account::{AccountEntry, KeptChange},
        chain::AccountFields,
    },
};
use sea_orm::entity::prelude::*;

use super::{actor, entry_hash};
use crate::error::Corruption;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_history")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub event: String,
    pub subject_kind: String,
    pub subject: String,
    pub actor_id: Option<Uuid>,
    pub actor_name: String,
    pub actor_service: Option<String>,
    pub happened_at_us: i64,
    pub before: String,
    pub after: String,
    pub hash: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What is hashed, whether or not it makes sense.
    pub(crate) fn fields(&self) -> AccountFields<'_> {
        AccountFields {
            account_id: AccountId(self.account_id),
            sequence: self.sequence,
            event: &self.event,
            kind: &self.subject_kind,
            subject: &self.subject,
            actor_id: self.actor_id.map(MemberId),
            actor_name: &self.actor_name,
            actor_service: self.actor_service.as_deref(),
            at: Timestamp(self.happened_at_us),
            from: &self.before,
            to: &self.after,
        }
    }

    /// With the hash that follows from the one before.
    pub(crate) fn chained(self, previous: Option<EntryHash>) -> (Self, EntryHash) {
        let hash = EntryHash::of_account(&self.fields(), previous);
        (Self { hash: hash.as_bytes().to_vec(), ..self }, hash)
    }
}

impl TryFrom<Model> for AccountEntry {
    type Error = Corruption;

    fn try_from(row: Model) -> Result<Self, Corruption> {
        let key = || format!("{}/{}", row.account_id, row.sequence);
        Ok(Self {
            hash: entry_hash(Some(&row.hash), "account_history", "hash", key)?,
            account_id: AccountId(row.account_id),
            sequence: row.sequence,
            at: Timestamp(row.happened_at_us),
            actor: actor(row.actor_id, row.actor_name, row.actor_service),
            change: KeptChange {
                event: row.event,
                kind: row.subject_kind,
                subject: row.subject,
                from: row.before,
                to: row.after,
            },
        })
    }
}
