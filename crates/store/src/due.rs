//! What is due: timers of resources, deadlines and reminders of requests; each claimed by one replica at a time.
//!
//! A claim is a lease: while it holds, no other replica takes what it is about, and when a holder is gone it runs out. It only saves
//! double work. That something takes effect once is what the guarded commit sees to, claims or not.

use std::{sync::LazyLock, time::Duration};

use countersign_domain::{AccountId, ResourceId, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use crate::{Backend, Store, StoreError, error::failed, store::statement};

/// A resource whose time has come, or that of its request. It is only a hint: the decision is made on a snapshot of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The account.
    pub account_id: AccountId,
    /// The resource.
    pub resource_id: ResourceId,
}

/// The three sources by their indexes, which hold only what can become due. What belongs to accounts that are only read, and what
/// somebody has claimed, is passed over: both are looked up by their keys for each, and not joined, so that the order of the index
/// is kept.
static SQL: LazyLock<String> = LazyLock::new(|| {
    let source = |table: &str, time: &str, condition: &str| {
        format!(
            "SELECT * FROM (SELECT d.account_id, d.resource_id, d.{time} AS since_us FROM {table} AS d \
             WHERE {condition} d.{time} IS NOT NULL AND d.{time} <= $1 \
             AND (SELECT a.state FROM accounts AS a WHERE a.account_id = d.account_id) = 'ACTIVE' \
             AND NOT EXISTS (SELECT 1 FROM timer_claims AS t WHERE t.account_id = d.account_id \
             AND t.resource_id = d.resource_id AND t.claimed_until_us > $1) \
             ORDER BY d.{time} LIMIT $3) AS {table}_{time}"
        )
    };
    let sources = [
        source("requests", "deadline_at_us", "d.state = 'PENDING' AND"),
        source("requests", "remind_at_us", "d.state = 'PENDING' AND"),
        source("resources", "due_at_us", ""),
    ];
    format!(
        "INSERT INTO timer_claims AS c (account_id, resource_id, claimed_until_us) \
         SELECT account_id, resource_id, CAST($2 AS bigint) FROM ({}) AS due \
         WHERE true GROUP BY account_id, resource_id ORDER BY min(since_us), account_id, resource_id LIMIT $3 \
         ON CONFLICT (account_id, resource_id) DO UPDATE SET claimed_until_us = excluded.claimed_until_us \
         WHERE c.claimed_until_us <= $1 RETURNING account_id, resource_id",
        sources.join(" UNION ALL ")
    )
});

impl Store {
    /// Claims what is due at `now` in accounts that are active and that nobody has claimed, until `now` plus `lease`: at most
    /// `limit`, the longest overdue first.
    pub async fn claim_due(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        let what = failed("claim what is due");
        let until = now.plus(lease);
        let values: Vec<Value> = vec![now.0.into(), until.0.into(), i64::from(limit).into()];
        let rows = self.write.query_all_raw(statement(&self.write, &SQL, values)).await.map_err(what)?;
        rows.iter().map(|row| due(row).map_err(what)).collect()
    }

    /// Gives claims back that were made until `until`, once what they are about has taken effect.
    pub async fn release_due(&self, done: &[Due], until: Timestamp) -> Result<(), StoreError> {
        let resources: Vec<Uuid> = done.iter().map(|due| due.resource_id.0).collect();
        let accounts: Vec<Uuid> = done.iter().map(|due| due.account_id.0).collect();
        let (sql, values): (&str, Vec<Value>) = match self.backend {
            Backend::Postgres => (
                "DELETE FROM timer_claims AS t USING unnest($1, $2) AS done (account_id, resource_id) \
                 WHERE t.account_id = done.account_id AND t.resource_id = done.resource_id AND t.claimed_until_us <= $3",
                vec![accounts.into(), resources.into(), until.0.into()],
            ),
            Backend::Sqlite => {
                let pairs: Vec<[String; 2]> =
                    done.iter().map(|due| [hex(due.account_id.0), hex(due.resource_id.0)]).collect();
                (
                    "DELETE FROM timer_claims WHERE (account_id, resource_id) IN ( \
                     SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each($1)) AND claimed_until_us <= $2",
                    vec![crate::entities::to_json(&pairs).into(), until.0.into()],
                )
            }
        };
        let done = self.write.execute_raw(statement(&self.write, sql, values)).await;
        done.map(|_| ()).map_err(failed("give claims back"))
    }

    /// Removes claims that ran out before `before`, some at a time: of what is not due any more, nobody else would.
    pub async fn forget_claims(&self, before: Timestamp) -> Result<(), StoreError> {
        // Somebody who is claiming one of them anew is not waited for.
        let sql = match self.backend {
            Backend::Postgres => {
                "DELETE FROM timer_claims WHERE ctid = ANY (ARRAY(SELECT ctid FROM timer_claims \
                 WHERE claimed_until_us < $1 ORDER BY claimed_until_us LIMIT 100 FOR UPDATE SKIP LOCKED))"
            }
            Backend::Sqlite => "DELETE FROM timer_claims WHERE claimed_until_us < $1",
        };
        let done = self.write.execute_raw(statement(&self.write, sql, vec![before.0.into()])).await;
        done.map(|_| ()).map_err(failed("forget claims"))
    }
}

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

fn due(row: &QueryResult) -> Result<Due, sea_orm::DbErr> {
    Ok(Due {
        account_id: AccountId(row.try_get_by_index(0)?),
        resource_id: ResourceId(row.try_get_by_index(1)?),
    })
}
