//! What a loss of rights (REQ-10, REQ-22) or a workflow that is switched off (POL-2) leaves to do: which pending requests it concerns, and
//! the obligation to look at all of them.
//!
//! Requests that are few are settled in the commit that takes the right. Where they are many, that commit leaves a sweep
//! instead: a row that stays until somebody has looked at every pending request of the account. Whoever does so claims it for
//! a time, so that a crash only delays it; looking at a request twice changes nothing.

use std::time::Duration;

use countersign_domain::{AccountId, Request, RequestId, Resource, Timestamp, loss::Concern};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Value};
use uuid::Uuid;

use crate::{
    Backend, Store, StoreError,
    entities::{resources, select_list},
    error::failed,
    members, requests,
    snapshot::resource,
    store::statement,
};

/// An account whose pending requests are still to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The account.
    pub account_id: AccountId,
    /// The `rules_version` that the loss of rights made.
    pub sweep_id: i64,
    /// The last request that was looked at; none: it has not begun.
    pub after: Option<RequestId>,
}

impl Store {
    /// The pending requests that a loss of rights concerns, oldest first, with their resources: at most `limit`. Costs as much
    /// as the account has pending requests.
    pub async fn concerned(
        &self,
        account: AccountId,
        concern: &Concern,
        limit: u32,
    ) -> Result<Vec<(Resource, Request)>, StoreError> {
        const WHAT: &str = "read the requests that a loss of rights concerns";
        if concern.is_empty() {
            return Ok(Vec::new());
        }
        let values = values(self.backend, account, concern, limit);
        let select = statement(&self.read, &concerned(self.backend), values);
        let rows = self.read.query_all_raw(select).await.map_err(failed(WHAT))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if let (Some(resource), Some(request)) = (resource(row)?, requests::from_row(row, WHAT)?) {
                found.push((resource, request));
            }
        }
        Ok(found)
    }

    /// The ids of the account's pending requests, oldest first, from after `after`.
    pub async fn pending_request_ids(
        &self,
        account: AccountId,
        after: Option<RequestId>,
        limit: u32,
    ) -> Result<Vec<RequestId>, StoreError> {
        let what = failed("list pending requests");
        let sql = "SELECT request_id FROM requests WHERE account_id = $1 AND state = 'PENDING' AND request_id > $2 \
            ORDER BY request_id LIMIT $3";
        // No id is less than the nil UUID.
        let after = after.map_or(Uuid::nil(), |id| id.0);
        let values = vec![account.0.into(), after.into(), i64::from(limit).into()];
        let rows = self.read.query_all_raw(statement(&self.read, sql, values)).await.map_err(what)?;
        rows.iter().map(|row| row.try_get_by_index(0).map(RequestId).map_err(what)).collect()
    }

    /// Claims a sweep that nobody works on until `now` plus `lease`: the one that was left alone for longest. None: nothing
    /// is to be done. A claim that is neither renewed nor finished runs out, and somebody else goes on from where it was.
    pub async fn claim_sweep(&self, now: Timestamp, lease: Duration) -> Result<Option<Sweep>, StoreError> {
        // What is suspended or deleted does not change: its sweeps wait.
        const FREE: &str = "FROM sweeps AS w WHERE w.claimed_until_us <= $1 AND EXISTS ( \
            SELECT 1 FROM accounts AS a WHERE a.account_id = w.account_id AND a.state = 'ACTIVE') \
            ORDER BY w.claimed_until_us LIMIT 1";
        let what = failed("claim a sweep");
        let sql = match self.backend {
            Backend::Postgres => format!(
                "WITH free AS MATERIALIZED (SELECT w.account_id, w.rules_version {FREE} FOR UPDATE SKIP LOCKED) \
                 UPDATE sweeps AS s SET claimed_until_us = $2 FROM free \
                 WHERE s.account_id = free.account_id AND s.rules_version = free.rules_version \
                 RETURNING s.account_id, s.rules_version, s.after_request_id"
            ),
            Backend::Sqlite => format!(
                "UPDATE sweeps SET claimed_until_us = $2 WHERE rowid = (SELECT w.rowid {FREE}) \
                 RETURNING account_id, rules_version, after_request_id"
            ),
        };
        let values = vec![now.0.into(), now.plus(lease).0.into()];
        let row = self.write.query_one_raw(statement(&self.write, &sql, values)).await.map_err(what)?;
        row.map(|row| sweep(&row).map_err(what)).transpose()
    }

    /// Notes how far a sweep has come, and renews its claim until `now` plus `lease`.
    pub async fn advance_sweep(
        &self,
        sweep: &Sweep,
        after: Option<RequestId>,
        now: Timestamp,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE sweeps SET after_request_id = $3, claimed_until_us = $4 \
            WHERE account_id = $1 AND rules_version = $2";
        let values = vec![Value::from(after.map(|id| id.0)), now.plus(lease).0.into()];
        self.write_sweep(sweep, sql, values).await
    }

    /// Forgets a sweep: every pending request was looked at.
    pub async fn finish_sweep(&self, sweep: &Sweep) -> Result<(), StoreError> {
        let sql = "DELETE FROM sweeps WHERE account_id = $1 AND rules_version = $2";
        self.write_sweep(sweep, sql, Vec::new()).await
    }

    async fn write_sweep(&self, sweep: &Sweep, sql: &str, more: Vec<Value>) -> Result<(), StoreError> {
        let mut values: Vec<Value> = vec![sweep.account_id.0.into(), sweep.sweep_id.into()];
        values.extend(more);
        let write = statement(&self.write, sql, values);
        self.write.execute_raw(write).await.map_err(failed("write a sweep"))?;
        Ok(())
    }

    /// How many sweeps are not finished, for metrics. The table holds nothing else.
    pub async fn count_sweeps(&self) -> Result<u64, StoreError> {
        let what = failed("count sweeps");
        let select = statement(&self.read, "SELECT count(*) FROM sweeps", Vec::new());
        let row = self.read.query_one_raw(select).await.map_err(what)?;
        let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(what)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// The ids of what [`Store::concerned`] reads, in a transaction: one more than `expected` at the most.
pub(crate) async fn concerned_ids(
    transaction: &DatabaseTransaction,
    backend: Backend,
    account: AccountId,
    concern: &Concern,
    expected: usize,
) -> Result<Vec<RequestId>, StoreError> {
    let what = failed("read the requests that a loss of rights concerns");
    let limit = u32::try_from(expected).unwrap_or(u32::MAX).saturating_add(1);
    let select = statement(transaction, &found(backend), values(backend, account, concern, limit));
    let rows = transaction.query_all_raw(select).await.map_err(what)?;
    rows.iter().map(|row| row.try_get("", "request_id").map(RequestId).map_err(what)).collect()
}

/// The parameters of [`found`].
fn values(backend: Backend, account: AccountId, concern: &Concern, limit: u32) -> Vec<Value> {
    let areas: Vec<String> = concern.areas.iter().map(|area| area.as_str().to_owned()).collect();
    let areas: Value = match backend {
        Backend::Postgres => areas.into(),
        Backend::Sqlite => serde_json::Value::from(areas).to_string().into(),
    };
    vec![
        account.0.into(),
        members::ids(backend, concern.members.iter().copied()),
        concern.everything.into(),
        i64::from(limit).into(),
        areas,
    ]
}

/// It walks the pending requests and looks each one's approvers and decisions up by their key. Counting keeps that order of things:
/// PostgreSQL may turn EXISTS into a pass over the whole table.
fn found(backend: Backend) -> String {
    const CHOSEN: &str = "SELECT count(*) FROM request_approvers AS c \
        WHERE c.account_id = p.account_id AND c.request_id = p.request_id";
    const VOTED: &str = "SELECT count(*) FROM decisions AS d \
        WHERE d.account_id = p.account_id AND d.request_id = p.request_id";
    format!(
        "SELECT p.account_id, p.request_id FROM requests AS p \
         WHERE p.account_id = $1 AND p.state = 'PENDING' \
         AND (({CHOSEN} AND c.expired_at_us IS NULL AND {concerned}) > 0 \
         OR ({VOTED} AND d.voided_at_us IS NULL AND {voted}) > 0 OR $3 OR {of_area}) \
         ORDER BY p.request_id LIMIT $4",
        concerned = members::is_among(backend, "c.member_id", 2),
        voted = members::is_among(backend, "d.member_id", 2),
        of_area = match backend {
            Backend::Postgres => "p.area = ANY ($5)",
            Backend::Sqlite => "p.area IN (SELECT value FROM json_each($5))",
        },
    )
}

fn concerned(backend: Backend) -> String {
    format!(
        "SELECT {resource}, {request} FROM ({found}) AS found \
         JOIN requests AS q ON q.account_id = found.account_id AND q.request_id = found.request_id \
         JOIN resources AS r ON r.account_id = q.account_id AND r.resource_id = q.resource_id \
         ORDER BY q.request_id",
        resource = select_list::<resources::Entity>("r", "r_"),
        request = requests::selected(backend),
        found = found(backend),
    )
}

fn sweep(row: &QueryResult) -> Result<Sweep, sea_orm::DbErr> {
    Ok(Sweep {
        account_id: AccountId(row.try_get_by_index(0)?),
        sweep_id: row.try_get_by_index(1)?,
        after: row.try_get_by_index::<Option<Uuid>>(2)?.map(RequestId),
    })
}
