//! Removing what is old and done with. A delivery that is not SENT keeps its event, however old: somebody has to see to it.

use sea_orm::{ConnectionTrait, DbErr};

use super::{Storage, StorageError, failed, statement};

/// The oldest events that were taken before $1 and have no delivery but such that were sent before.
const OLD: &str = "SELECT e.account_id, e.event_id FROM events AS e WHERE e.received_at < $1 AND NOT EXISTS ( \
       SELECT 1 FROM deliveries AS d WHERE d.account_id = e.account_id AND d.event_id = e.event_id \
       AND (d.state <> 'SENT' OR d.finished_at IS NULL OR d.finished_at >= $1)) \
     ORDER BY e.received_at LIMIT $2";

impl Storage {
    /// Removes up to `limit` events that were taken before `before_us`, Unix microseconds, with their sent mails, and says
    /// how many events those were. What can be removed only grows, so any number of processes may do it at once.
    pub async fn purge(&self, before_us: i64, limit: u32) -> Result<u64, StorageError> {
        let what = "remove old events";
        let transaction = self.write.begin().await.map_err(failed(what))?;
        let values = || [before_us.into(), i64::from(limit).into()];
        let purged: Result<u64, DbErr> = if self.is_sqlite() {
            // The transaction is the only writer, so both statements find the same events.
            let deliveries =
                format!("DELETE FROM deliveries WHERE (account_id, event_id) IN (SELECT * FROM ({OLD}))");
            let events =
                format!("DELETE FROM events WHERE (account_id, event_id) IN (SELECT * FROM ({OLD}))");
            match transaction.execute_raw(statement(&*transaction, &deliveries, values())).await {
                Ok(_) => transaction
                    .execute_raw(statement(&*transaction, &events, values()))
                    .await
                    .map(|done| done.rows_affected()),
                Err(error) => Err(error),
            }
        } else {
            // One statement, so that what it finds can't change between; events that another process is removing are passed
            // over.
            let both = format!(
                "WITH old AS ({OLD} FOR UPDATE OF e SKIP LOCKED), \
                 gone AS (DELETE FROM deliveries AS d USING old \
                   WHERE d.account_id = old.account_id AND d.event_id = old.event_id) \
                 DELETE FROM events AS e USING old \
                 WHERE e.account_id = old.account_id AND e.event_id = old.event_id"
            );
            transaction
                .execute_raw(statement(&*transaction, &both, values()))
                .await
                .map(|done| done.rows_affected())
        };
        let purged = purged.map_err(failed(what))?;
        transaction.commit().await.map_err(failed(what))?;
        Ok(purged)
    }
}
