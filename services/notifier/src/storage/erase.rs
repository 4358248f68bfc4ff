//! Removing what is kept of an account that is gone for good: everything but the ids of its events, and that it is gone.
//!
//! Step by step, each a transaction of its own, so that nobody waits for a large account, and one that was interrupted is
//! taken up by whoever comes next. From the erasure's commit on nothing of the account is added, shown or sent, so what is
//! left only shrinks.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::{Storage, StorageError, failed, statement};

/// What is deleted beside deliveries, in this order: ribbons after their marks, which would else go with them however many
/// they are. Beside each table what follows the account in its key, so that the key's index is read and not the table.
const TABLES: [(&str, &str); 11] = [
    ("ribbon_marks", "ribbon_id, viewer_id"),
    ("ribbons", "ribbon_id"),
    ("ribbon_withdrawals", "resource_id, approval_request_id, member_id"),
    ("ribbon_cursors", "resource_id"),
    ("members", "member_id"),
    ("member_locales", "member_id"),
    ("preferences", "member_id"),
    ("open_digests", "member_id"),
    ("digest_items", "member_id, reminder_id"),
    ("closed_reviews", "review_id"),
    ("account_states", "state"),
];

/// Rows that somebody else holds are passed over instead of waited for, so that no two can wait for each other; a later step
/// takes them.
const DELETE: &str = "DELETE FROM {table} WHERE ctid = ANY (ARRAY( \
     SELECT ctid FROM {table} WHERE account_id = $1 ORDER BY {key} LIMIT $2 FOR UPDATE SKIP LOCKED))";

const DELETE_SQLITE: &str = "DELETE FROM {table} WHERE rowid IN ( \
     SELECT rowid FROM {table} WHERE account_id = $1 ORDER BY {key} LIMIT $2)";

/// What an event says is kept for its deliveries alone, so it goes with the first of them.
const DELETE_DELIVERIES: &str = "WITH told AS ( \
       SELECT d.ctid AS place, e.event_id FROM deliveries AS d \
       JOIN events AS e ON e.account_id = d.account_id AND e.event_id = d.event_id \
       WHERE d.account_id = $1 ORDER BY d.event_id, d.member_id LIMIT $2 FOR UPDATE OF d, e SKIP LOCKED), \
     forgotten AS ( \
       UPDATE events SET data = NULL WHERE account_id = $1 AND event_id IN (SELECT event_id FROM told) \
       AND data IS NOT NULL) \
     DELETE FROM deliveries WHERE ctid = ANY (ARRAY(SELECT place FROM told))";

const FORGET_SQLITE: &str = "UPDATE events SET data = NULL WHERE account_id = $1 AND data IS NOT NULL \
     AND event_id IN (SELECT event_id FROM deliveries WHERE account_id = $1 ORDER BY event_id, member_id LIMIT $2)";

/// The account that has waited longest. `PostgreSQL` passes over one that another replica is at.
const NEXT: &str =
    "SELECT account_id FROM erasures WHERE finished_at IS NULL ORDER BY received_at LIMIT 1 {lock}";

impl Storage {
    /// Removes a part of an erased account, at most `limit` rows of each table, and says how many rows those were; none if no
    /// account waits for it. Until then: call it again.
    pub async fn erase(&self, limit: u32, now_us: i64) -> Result<Option<u64>, StorageError> {
        let what = "remove what is kept of an erased account";
        let transaction = self.write.begin().await.map_err(failed(what))?;
        let removed = self.erase_in(&transaction, limit, now_us).await.map_err(failed(what))?;
        transaction.commit().await.map_err(failed(what))?;
        Ok(removed)
    }

    async fn erase_in(
        &self,
        transaction: &DatabaseTransaction,
        limit: u32,
        now_us: i64,
    ) -> Result<Option<u64>, DbErr> {
        let lock = if self.is_sqlite() { "" } else { "FOR UPDATE SKIP LOCKED" };
        let next = statement(transaction, &NEXT.replace("{lock}", lock), []);
        let Some(row) = transaction.query_one_raw(next).await? else { return Ok(None) };
        let account_id: Uuid = row.try_get("", "account_id")?;
        let removed = self.remove(transaction, account_id, limit).await?;
        if removed == 0 && !is_left(transaction, account_id).await? {
            let finish = "UPDATE erasures SET finished_at = $2 WHERE account_id = $1";
            execute(transaction, finish, [account_id.into(), now_us.into()]).await?;
        }
        Ok(Some(removed))
    }

    async fn remove(
        &self,
        transaction: &DatabaseTransaction,
        account_id: Uuid,
        limit: u32,
    ) -> Result<u64, DbErr> {
        let values = || -> [Value; 2] { [account_id.into(), i64::from(limit).into()] };
        let delete = if self.is_sqlite() { DELETE_SQLITE } else { DELETE };
        let of = |table: &str, key: &str| delete.replace("{table}", table).replace("{key}", key);
        let mut removed = if self.is_sqlite() {
            // The transaction is the only writer, so both statements find the same deliveries.
            execute(transaction, FORGET_SQLITE, values()).await?;
            execute(transaction, &of("deliveries", "event_id, member_id"), values()).await?
        } else {
            execute(transaction, DELETE_DELIVERIES, values()).await?
        };
        for (table, key) in TABLES {
            removed += execute(transaction, &of(table, key), values()).await?;
        }
        Ok(removed)
    }
}

/// Whether anything is left that a step found held by others.
async fn is_left(transaction: &DatabaseTransaction, account_id: Uuid) -> Result<bool, DbErr> {
    let tables = TABLES.iter().map(|(table, _)| *table).chain(["deliveries"]);
    let any: Vec<String> =
        tables.map(|table| format!("EXISTS (SELECT 1 FROM {table} WHERE account_id = $1)")).collect();
    let sql = format!("SELECT 1 AS found WHERE {}", any.join(" OR "));
    Ok(transaction.query_one_raw(statement(transaction, &sql, [account_id.into()])).await?.is_some())
}

async fn execute(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    Ok(transaction.execute_raw(statement(transaction, sql, values)).await?.rows_affected())
}
