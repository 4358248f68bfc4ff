//! What writes answered, so that a repeated one answers the same (REQ-18).

use countersign_domain::{AccountId, Timestamp};
use sea_orm::{ConnectionTrait, EntityTrait};
use uuid::Uuid;

use crate::{Store, StoreError, entities::idempotency, error::failed, store::statement};

/// Which call is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The account; the nil UUID for calls that belong to none yet, such as creating one.
    pub account_id: AccountId,
    /// Who calls, as the caller of the store writes it: the same key from two actors is two calls.
    pub actor: String,
    /// The key that the client chose.
    pub key: Uuid,
}

/// What the first call of a key asked and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The key.
    pub key: IdempotencyKey,
    /// A digest of what was asked: the same key with another is refused, which the caller of the store does.
    pub fingerprint: Vec<u8>,
    /// The answer, encoded.
    pub response: Vec<u8>,
    /// When.
    pub created_at: Timestamp,
}

impl Store {
    /// What the call with this key answered, if it was made.
    pub async fn replay(&self, key: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, StoreError> {
        replay_on(&self.read, key).await
    }

    /// Forgets at most `limit` answers from before `before`, and says how many; fewer than `limit` means that none is left.
    pub async fn purge_idempotency(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        // A batch in one short statement never holds many locks.
        let sql = if self.is_postgres() {
            "DELETE FROM idempotency WHERE ctid = ANY (ARRAY( \
             SELECT ctid FROM idempotency WHERE created_at_us < $1 ORDER BY created_at_us LIMIT $2))"
        } else {
            "DELETE FROM idempotency WHERE rowid IN ( \
             SELECT rowid FROM idempotency WHERE created_at_us < $1 ORDER BY created_at_us LIMIT $2)"
        };
        let purge = statement(&self.write, sql, vec![before.0.into(), i64::from(limit).into()]);
        let done = self.write.execute_raw(purge).await.map_err(failed("purge idempotency keys"))?;
        Ok(done.rows_affected())
    }
}

/// As [`Store::replay`], on a connection or in a transaction.
pub(crate) async fn replay_on(
    database: &impl ConnectionTrait,
    key: &IdempotencyKey,
) -> Result<Option<IdempotencyRecord>, StoreError> {
    let key = (key.account_id.0, key.actor.clone(), key.key);
    let row = idempotency::Entity::find_by_id(key).one(database).await;
    Ok(row.map_err(failed("read an idempotency key"))?.map(IdempotencyRecord::from))
}
