//! The outbox: events that were committed with what they tell of, and are not published yet.
//!
//! A row is deleted once the broker has confirmed it, so the table only ever holds what is unpublished; history is the
//! record. Rows are claimed by reading what is there, never by a cursor over their numbers: numbers do not commit in order,
//! and a cursor would pass over those that come late.

use std::time::Duration;

use countersign_domain::{AccountId, EventId, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Value};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::{outbox, select_list},
    error::failed,
    store::statement,
};

/// An event that waits to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The account.
    pub account_id: AccountId,
    /// What consumers dedupe by.
    pub event_id: EventId,
    /// The CloudEvents `type`.
    pub event_type: String,
    /// The CloudEvents `subject`: what the event is about.
    pub subject: String,
    /// The subject's number of this event, counting up: a consumer drops what is older than what it has.
    pub sequence: i64,
    /// The event's data.
    pub payload: String,
    /// The W3C trace context of the call that made it.
    pub traceparent: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Confirmed and gone from the outbox.
    pub published: usize,
    /// Not confirmed; they stay and are claimed again.
    pub failed: usize,
    /// Whether the batch was full, so that more may wait.
    pub more: bool,
}

/// How much waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxDepth {
    /// How many events.
    pub count: u64,
    /// How long the oldest has waited; none when nothing waits.
    pub oldest_age: Option<Duration>,
}

impl Store {
    /// Claims up to `limit` events, oldest first, has them published, and deletes those that were confirmed.
    ///
    /// `publish` answers for each event, in their order, whether the broker has confirmed it; what is missing from its answer
    /// counts as not confirmed. It must end within its own time-out: a connection and the claim are held meanwhile.
    ///
    /// At least once: an event is deleted after its confirm, so a crash in between publishes it again. On `PostgreSQL` the
    /// claim is row locks, which other relays pass over and which a crash, or dropping this future, frees at once. On
    /// `SQLite` one process owns the file, and relays in it take turns. Events of one resource are claimed in the order of
    /// their sequence; after a failure, or with several relays, a later one may be published before an earlier one.
    pub async fn relay<F, R>(&self, limit: u32, publish: F) -> Result<Relayed, StoreError>
    where
        F: FnOnce(Vec<OutboxRow>) -> R,
        R: Future<Output = Vec<bool>>,
    {
        if self.is_postgres() {
            self.relay_locked(limit, publish).await
        } else {
            self.relay_in_turn(limit, publish).await
        }
    }

    async fn relay_locked<F, R>(&self, limit: u32, publish: F) -> Result<Relayed, StoreError>
    where
        F: FnOnce(Vec<OutboxRow>) -> R,
        R: Future<Output = Vec<bool>>,
    {
        let what = failed("relay the outbox");
        let transaction = self.write.begin().await.map_err(what)?;
        let sql = format!(
            "SELECT {}, o.position FROM outbox AS o ORDER BY o.position LIMIT $1 FOR UPDATE SKIP LOCKED",
            select_list::<outbox::Entity>("o", "")
        );
        let select = statement(&*transaction, &sql, vec![i64::from(limit).into()]);
        let rows = transaction.query_all_raw(select).await.map_err(what)?;
        let positions: Vec<i64> =
            rows.iter().map(|row| row.try_get("", "position")).collect::<Result<_, _>>().map_err(what)?;
        let Some(batch) = Batch::publish(&rows, limit, publish).await? else {
            // Nothing was claimed: dropping the transaction ends it.
            return Ok(Relayed::default());
        };
        let confirmed: Vec<i64> = batch.confirmed_of(positions).collect();
        if !confirmed.is_empty() {
            let sql = "DELETE FROM outbox WHERE position = ANY ($1)";
            transaction
                .execute_raw(statement(&*transaction, sql, vec![confirmed.into()]))
                .await
                .map_err(what)?;
        }
        transaction.commit().await.map_err(what)?;
        Ok(batch.outcome())
    }

    async fn relay_in_turn<F, R>(&self, limit: u32, publish: F) -> Result<Relayed, StoreError>
    where
        F: FnOnce(Vec<OutboxRow>) -> R,
        R: Future<Output = Vec<bool>>,
    {
        let what = failed("relay the outbox");
        let _turn = self.relaying.lock().await;
        let sql = format!(
            "SELECT {} FROM outbox AS o ORDER BY o.rowid LIMIT $1",
            select_list::<outbox::Entity>("o", "")
        );
        let select = statement(&self.read, &sql, vec![i64::from(limit).into()]);
        let rows = self.read.query_all_raw(select).await.map_err(what)?;
        let ids: Vec<Uuid> =
            rows.iter().map(|row| row.try_get("", "event_id")).collect::<Result<_, _>>().map_err(what)?;
        let Some(batch) = Batch::publish(&rows, limit, publish).await? else {
            return Ok(Relayed::default());
        };
        let confirmed: Vec<String> = batch.confirmed_of(ids).map(|id| id.simple().to_string()).collect();
        if !confirmed.is_empty() {
            // By id: a row's number may by now belong to another event.
            let sql = "DELETE FROM outbox WHERE (account_id, event_id) IN ( \
                SELECT o.account_id, o.event_id FROM json_each($1) AS confirmed \
                JOIN outbox AS o ON o.event_id = unhex(confirmed.value))";
            let confirmed = Value::from(serde_json::Value::from(confirmed).to_string());
            self.write.execute_raw(statement(&self.write, sql, vec![confirmed])).await.map_err(what)?;
        }
        Ok(batch.outcome())
    }

    /// How much waits at `now`, for metrics. Reads the whole outbox, which is short unless the broker is down.
    pub async fn outbox_depth(&self, now: Timestamp) -> Result<OutboxDepth, StoreError> {
        let what = failed("measure the outbox");
        let sql = "SELECT count(*), min(occurred_at_us) FROM outbox";
        let row = self.read.query_one_raw(statement(&self.read, sql, vec![])).await.map_err(what)?;
        let (count, oldest) = match row {
            Some(row) => (
                row.try_get_by_index::<i64>(0).map_err(what)?,
                row.try_get_by_index::<Option<i64>>(1).map_err(what)?,
            ),
            None => (0, None),
        };
        Ok(OutboxDepth {
            count: u64::try_from(count).unwrap_or_default(),
            oldest_age: oldest.map(|oldest| {
                Duration::from_micros(u64::try_from(now.0.saturating_sub(oldest)).unwrap_or_default())
            }),
        })
    }
}

/// A batch after its publication.
struct Batch {
    confirmed: Vec<bool>,
    limit: u32,
}

impl Batch {
    /// None: there was nothing to publish.
    async fn publish<F, R>(rows: &[QueryResult], limit: u32, publish: F) -> Result<Option<Self>, StoreError>
    where
        F: FnOnce(Vec<OutboxRow>) -> R,
        R: Future<Output = Vec<bool>>,
    {
        if rows.is_empty() {
            return Ok(None);
        }
        let events = rows
            .iter()
            .map(|row| outbox::Model::from_query_result(row, "").map(OutboxRow::from))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed("read the outbox"))?;
        let mut confirmed = publish(events).await;
        confirmed.resize(rows.len(), false);
        Ok(Some(Self { confirmed, limit }))
    }

    /// Those of `keys`, one per event, whose event was confirmed.
    fn confirmed_of<K>(&self, keys: Vec<K>) -> impl Iterator<Item = K> {
        keys.into_iter().zip(&self.confirmed).filter(|(_, confirmed)| **confirmed).map(|(key, _)| key)
    }

    fn outcome(&self) -> Relayed {
        let published = self.confirmed.iter().filter(|confirmed| **confirmed).count();
        Relayed {
            published,
            failed: self.confirmed.len() - published,
            more: self.confirmed.len() == self.limit as usize,
        }
    }
}
