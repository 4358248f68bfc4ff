//! What is due: timers of resources and deadlines of requests.

use countersign_domain::{AccountId, RequestId, ResourceId, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use crate::{Store, StoreError, error::failed, store::statement};

/// Something whose time has come. It is only a hint: the decision is made on a snapshot of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The account.
    pub account_id: AccountId,
    /// The resource.
    pub resource_id: ResourceId,
    /// The request whose deadline passed; none: the resource's own time came (LIF-17).
    pub request_id: Option<RequestId>,
    /// Since when it is due.
    pub since: Timestamp,
}

/// Resources by `resources_due`, requests by `requests_deadline`; both indexes hold only what can become due. What belongs to
/// accounts that are only read is passed over: the account is looked up by its key for each, and is not joined, so that the
/// order of the index is kept.
const SQL: &str = "\
    SELECT account_id, resource_id, request_id, deadline_at_us AS since_us FROM ( \
    SELECT * FROM requests AS q WHERE state = 'PENDING' AND deadline_at_us IS NOT NULL AND deadline_at_us <= $1 \
    AND (SELECT a.state FROM accounts AS a WHERE a.account_id = q.account_id) = 'ACTIVE' \
    ORDER BY deadline_at_us LIMIT $2) AS deadlines \
    UNION ALL \
    SELECT account_id, resource_id, NULL, due_at_us FROM ( \
    SELECT * FROM resources AS r WHERE due_at_us IS NOT NULL AND due_at_us <= $1 \
    AND (SELECT a.state FROM accounts AS a WHERE a.account_id = r.account_id) = 'ACTIVE' \
    ORDER BY due_at_us LIMIT $2) AS timers \
    ORDER BY since_us LIMIT $2";

impl Store {
    /// What is due at `now` in accounts that are active, the longest overdue first. Any number of replicas may ask: all but one of
    /// those that act on an answer are refused by the guarded commit.
    pub async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Due>, StoreError> {
        let what = failed("read what is due");
        let select = statement(&self.read, SQL, vec![now.0.into(), i64::from(limit).into()]);
        let rows = self.read.query_all_raw(select).await.map_err(what)?;
        rows.iter().map(|row| due(row).map_err(what)).collect()
    }
}

fn due(row: &QueryResult) -> Result<Due, sea_orm::DbErr> {
    Ok(Due {
        account_id: AccountId(row.try_get_by_index(0)?),
        resource_id: ResourceId(row.try_get_by_index(1)?),
        request_id: row.try_get_by_index::<Option<Uuid>>(2)?.map(RequestId),
        since: Timestamp(row.try_get_by_index(3)?),
    })
}
