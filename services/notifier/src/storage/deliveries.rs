//! The queue of mail: claimed with a lease that expires, settled in batches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use countersign_proto::{event, json};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::digests::gathered;
use super::{Storage, StorageError, failed, micros, statement};
use crate::plan::Topic;

/// The type of the notifier's own events that several reminders are told by. None such comes from the broker.
pub const REMINDERS: &str = "notifier.reminders.v1";

/// What a mail tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// An event, which others are told as well.
    Event(Arc<event::Event>),
    /// Reminders that were gathered for the recipient, oldest first.
    Reminders(Vec<event::Event>),
}

impl Told {
    /// What is told, if that is one thing.
    pub fn one(&self) -> Option<&event::Event> {
        match self {
            Self::Event(event) => Some(event),
            Self::Reminders(events) => match events.as_slice() {
                [event] => Some(event),
                _ => None,
            },
        }
    }
}

/// One delivery, claimed: nobody else sends it until `lease_until`.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The account.
    pub account_id: Uuid,
    /// The event that is told.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// When it happened, Unix microseconds.
    pub occurred_at: i64,
    /// What is told; none if the stored data is not that, which only a hand in the database can cause.
    pub told: Option<Told>,
    /// The recipient.
    pub member_id: Uuid,
    /// Where the mail goes.
    pub address: String,
    /// The name for the greeting.
    pub display_name: String,
    /// The language.
    pub locale: String,
    /// The time zone to tell times in; empty for UTC.
    pub time_zone: String,
    /// Why this member is told: a `RecipientReason`.
    pub reason: i32,
    /// The same in every try.
    pub message_id: String,
    /// Which try this is, from 1.
    pub attempts: i32,
    /// When it was planned, Unix microseconds.
    pub created_at: i64,
    /// When others may claim it, Unix microseconds.
    pub lease_until: i64,
}

impl Claim {
    /// Whether the mail shows a secret, the token of an invitation.
    pub(crate) fn holds_secret(&self) -> bool {
        Topic::of(&self.event_type) == Some(Topic::Invitation)
    }
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Sent,
    /// To be tried again at `due_at`, Unix microseconds.
    Retry {
        /// When.
        due_at: i64,
        /// What went wrong.
        error: String,
    },
    /// Given up.
    Failed {
        /// What went wrong.
        error: String,
    },
    /// Not sent, and never to be: it asked for what there is nothing left to decide of.
    Dropped,
    /// Not tried: the process is stopping. Does not count as a try.
    Released,
}

/// A claim whose try has ended.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The claim.
    pub claim: Arc<Claim>,
    /// How it ended.
    pub outcome: Outcome,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that wait for a try.
    pub queued: i64,
    /// Deliveries that somebody has claimed.
    pub sending: i64,
    /// Deliveries that were given up, ever.
    pub failed: i64,
    /// When the oldest that waits was planned, Unix microseconds.
    pub oldest: Option<i64>,
}

/// A lease that ran out is claimed like a delivery that is due: its sender died (or may have; NOT-11 documents the
/// window), and the receiver can tell by the Message-ID. What an erased account still has in the queue waits to be removed.
const CLAIM: &str = "WITH due AS ( \
       SELECT account_id, event_id, member_id, channel FROM deliveries \
       WHERE state IN ('QUEUED', 'SENDING') AND due_at <= $1 \
       AND NOT EXISTS (SELECT 1 FROM erasures AS gone WHERE gone.account_id = deliveries.account_id) \
       ORDER BY due_at LIMIT $2 {lock}) \
     UPDATE deliveries SET state = 'SENDING', attempts = attempts + 1, due_at = $3 \
     WHERE (account_id, event_id, member_id, channel) IN (SELECT account_id, event_id, member_id, channel FROM due) \
     RETURNING account_id, event_id, member_id, address, display_name, locale, time_zone, reason, message_id, attempts, \
     created_at, due_at, \
     (SELECT e.event_type FROM events AS e \
       WHERE e.account_id = deliveries.account_id AND e.event_id = deliveries.event_id) AS event_type, \
     (SELECT e.occurred_at FROM events AS e \
       WHERE e.account_id = deliveries.account_id AND e.event_id = deliveries.event_id) AS occurred_at, \
     (SELECT coalesce(e.data, '') FROM events AS e \
       WHERE e.account_id = deliveries.account_id AND e.event_id = deliveries.event_id) AS data";

/// SENT stands whoever says it: the mail is out. Any other end counts only from whoever holds the claim.
const SETTLE_SQLITE: &str = "UPDATE deliveries SET state = $5, attempts = $6, due_at = $7, finished_at = $8, \
     last_error = $9 WHERE account_id = $1 AND event_id = $2 AND member_id = $3 AND channel = 'MAIL' \
     AND state = 'SENDING' AND (attempts = $4 OR $5 = 'SENT')";

const SETTLE_POSTGRES: &str = "UPDATE deliveries AS d SET state = s.state, attempts = s.attempts, due_at = s.due_at, \
     finished_at = s.finished_at, last_error = s.last_error \
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::integer[], $7::bigint[], \
     $8::bigint[], $9::text[]) \
     AS s (account_id, event_id, member_id, claimed, state, attempts, due_at, finished_at, last_error) \
     WHERE d.account_id = s.account_id AND d.event_id = s.event_id AND d.member_id = s.member_id \
     AND d.channel = 'MAIL' AND d.state = 'SENDING' AND (d.attempts = s.claimed OR s.state = 'SENT')";

const BACKLOG: &str = "SELECT \
     (SELECT count(*) FROM deliveries WHERE state IN ('QUEUED', 'SENDING') AND state = 'QUEUED') AS queued, \
     (SELECT count(*) FROM deliveries WHERE state IN ('QUEUED', 'SENDING') AND state = 'SENDING') AS sending, \
     (SELECT count(*) FROM deliveries WHERE state = 'FAILED') AS failed, \
     (SELECT min(created_at) FROM deliveries WHERE state IN ('QUEUED', 'SENDING')) AS oldest";

/// Unless its mail may still be sent: only from the settled row itself can be told, since others may hold the claim by now.
const FORGET: &str = "UPDATE events SET data = {without} WHERE account_id = $1 AND event_id = $2 \
     AND NOT EXISTS (SELECT 1 FROM deliveries AS d \
     WHERE d.account_id = $1 AND d.event_id = $2 AND d.state IN ('QUEUED', 'SENDING'))";

/// The values that a settled delivery's row gets.
struct Row {
    state: &'static str,
    attempts: i32,
    due_at: i64,
    /// None becomes 0 on the way and NULL never: an array holds no NULL here, and nothing finished in 1970.
    finished_at: i64,
    last_error: String,
}

impl Storage {
    /// Claims up to `limit` deliveries that are due, the longest due first, for `lease`.
    pub async fn claim(
        &self,
        limit: usize,
        lease: Duration,
        now_us: i64,
    ) -> Result<Vec<Claim>, StorageError> {
        let what = "claim deliveries";
        let lock = if self.is_sqlite() { "" } else { "FOR UPDATE SKIP LOCKED" };
        let values: [Value; 3] = [
            now_us.into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
            now_us.saturating_add(micros(lease)).into(),
        ];
        let claim = statement(&self.write, &CLAIM.replace("{lock}", lock), values);
        let rows = self.write.query_all_raw(claim).await.map_err(failed(what))?;
        // Many deliveries tell one event: it is read once.
        let mut events = HashMap::new();
        let claims = rows.iter().map(|row| claimed(row, &mut events)).collect::<Result<Vec<_>, _>>();
        let mut claims = claims.map_err(failed(what))?;
        // The statement may return them in any order.
        claims.sort_by_key(|claim| claim.created_at);
        let mut ready = Vec::with_capacity(claims.len());
        for claim in claims {
            match self.close_digest(claim, now_us).await {
                Ok(claim) => ready.extend(claim),
                // It is claimed again when its lease ends; the others are not held back.
                Err(error) => countersign_database::warn(&error, "a digest of reminders can't be closed"),
            }
        }
        Ok(ready)
    }

    /// Writes how tries ended, all in one transaction.
    pub async fn settle(&self, settled: &[Settled], now_us: i64) -> Result<(), StorageError> {
        let what = "settle deliveries";
        let transaction = self.write.begin().await.map_err(failed(what))?;
        self.settle_in(&transaction, settled, now_us).await.map_err(failed(what))?;
        transaction.commit().await.map_err(failed(what))
    }

    async fn settle_in(
        &self,
        transaction: &DatabaseTransaction,
        settled: &[Settled],
        now_us: i64,
    ) -> Result<(), DbErr> {
        let mut kept = Vec::with_capacity(settled.len());
        for one in settled {
            match one.row(now_us) {
                Some(row) => kept.push((&one.claim, row)),
                None => self.drop_in(transaction, &one.claim).await?,
            }
        }
        if self.is_sqlite() {
            for (claim, row) in kept {
                let values: [Value; 9] = [
                    claim.account_id.into(),
                    claim.event_id.into(),
                    claim.member_id.into(),
                    claim.attempts.into(),
                    row.state.into(),
                    row.attempts.into(),
                    row.due_at.into(),
                    row.finished_at.into(),
                    row.last_error.into(),
                ];
                transaction.execute_raw(statement(transaction, SETTLE_SQLITE, values)).await?;
            }
        } else {
            let (claims, rows): (Vec<&Arc<Claim>>, Vec<Row>) = kept.into_iter().unzip();
            let ids = |id: fn(&Claim) -> Uuid| -> Value {
                claims.iter().map(|claim| id(claim)).collect::<Vec<_>>().into()
            };
            let values: [Value; 9] = [
                ids(|claim| claim.account_id),
                ids(|claim| claim.event_id),
                ids(|claim| claim.member_id),
                claims.iter().map(|claim| claim.attempts).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.state.to_owned()).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.attempts).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.due_at).collect::<Vec<_>>().into(),
                rows.iter().map(|row| row.finished_at).collect::<Vec<_>>().into(),
                rows.into_iter().map(|row| row.last_error).collect::<Vec<_>>().into(),
            ];
            transaction.execute_raw(statement(transaction, SETTLE_POSTGRES, values)).await?;
        }
        self.forget(transaction, settled).await
    }

    /// Forgets the secrets of mails that will not be sent again: what is not kept can't leak. In its own statement, after
    /// the one that settles, whose work it has to see.
    async fn forget(&self, transaction: &DatabaseTransaction, settled: &[Settled]) -> Result<(), DbErr> {
        let without = if self.is_sqlite() {
            "json_remove(data, '$.invitation.token')"
        } else {
            "(data::jsonb #- '{invitation,token}')::text"
        };
        let sql = FORGET.replace("{without}", without);
        let over = |one: &&Settled| matches!(one.outcome, Outcome::Sent | Outcome::Failed { .. });
        for Settled { claim, .. } in settled.iter().filter(over).filter(|one| one.claim.holds_secret()) {
            let values = [claim.account_id.into(), claim.event_id.into()];
            transaction.execute_raw(statement(transaction, &sql, values)).await?;
        }
        Ok(())
    }

    /// What waits and what was given up, in all accounts.
    pub async fn backlog(&self) -> Result<Backlog, StorageError> {
        let row = self
            .read
            .query_one_raw(statement(&self.read, BACKLOG, []))
            .await
            .map_err(failed("count deliveries"))?;
        let Some(row) = row else { return Ok(Backlog::default()) };
        Ok(Backlog {
            queued: field(&row, "queued")?,
            sending: field(&row, "sending")?,
            failed: field(&row, "failed")?,
            oldest: field(&row, "oldest")?,
        })
    }
}

impl Settled {
    /// None of a delivery that is to go.
    fn row(&self, now_us: i64) -> Option<Row> {
        let attempts = self.claim.attempts;
        Some(match &self.outcome {
            Outcome::Dropped => return None,
            Outcome::Sent => Row {
                state: "SENT",
                attempts,
                due_at: now_us,
                finished_at: now_us,
                last_error: String::new(),
            },
            Outcome::Retry { due_at, error } => {
                Row { state: "QUEUED", attempts, due_at: *due_at, finished_at: 0, last_error: error.clone() }
            }
            Outcome::Failed { error } => Row {
                state: "FAILED",
                attempts,
                due_at: now_us,
                finished_at: now_us,
                last_error: error.clone(),
            },
            Outcome::Released => Row {
                state: "QUEUED",
                attempts: attempts - 1,
                due_at: now_us,
                finished_at: 0,
                last_error: String::new(),
            },
        })
    }
}

/// The events of a batch, by id.
type Events = HashMap<Uuid, Option<Told>>;

fn claimed(row: &QueryResult, events: &mut Events) -> Result<Claim, DbErr> {
    let event_id = row.try_get("", "event_id")?;
    let event_type: String = row.try_get("", "event_type")?;
    let told = match events.entry(event_id) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(new) => {
            let data: String = row.try_get("", "data")?;
            new.insert(told(&event_type, &data)).clone()
        }
    };
    Ok(Claim {
        account_id: row.try_get("", "account_id")?,
        event_id,
        event_type,
        occurred_at: row.try_get("", "occurred_at")?,
        told,
        member_id: row.try_get("", "member_id")?,
        address: row.try_get("", "address")?,
        display_name: row.try_get("", "display_name")?,
        locale: row.try_get("", "locale")?,
        time_zone: row.try_get("", "time_zone")?,
        reason: row.try_get("", "reason")?,
        message_id: row.try_get("", "message_id")?,
        attempts: row.try_get("", "attempts")?,
        created_at: row.try_get("", "created_at")?,
        lease_until: row.try_get("", "due_at")?,
    })
}

fn told(event_type: &str, data: &str) -> Option<Told> {
    if event_type == REMINDERS {
        return gathered(data).map(Told::Reminders);
    }
    let event = json::from_value(serde_json::from_str(data).ok()?).ok()?;
    Some(Told::Event(Arc::new(event)))
}

fn field<T: sea_orm::TryGetable>(row: &QueryResult, name: &str) -> Result<T, StorageError> {
    row.try_get("", name).map_err(failed("read a delivery"))
}
