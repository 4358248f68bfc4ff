//! Witnesses beside a resource and its chain (HIS-5): requests, decisions and reviews are rows of their own. Whoever cut the end of a
//! chain and set the resource back has to have known and forged them all.
//!
//! Each statement tells of one moment, since what it compares is always written together. Each looks history up by a request's key: as a
//! subquery that is compared with NULL, because an anti join would be planned to read history through.

use countersign_domain::{AccountId, MemberId, RequestId, ResourceId, ReviewId, history::verify::Flaw};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use super::VERIFY;
use crate::{Store, StoreError, error::failed, store::statement};

type Named = fn(&QueryResult) -> Result<Flaw, DbErr>;

/// `$1` is the account, `$2` the resource.
const WITNESSES: [(&str, Named); 4] = [
    // A request is told as it is: events that end one have its state's name. One that is pending locks the resource.
    (
        "SELECT r.request_id FROM requests AS r WHERE r.account_id = $1 AND r.resource_id = $2 \
         AND ((SELECT h.sequence FROM history AS h \
         WHERE h.account_id = r.account_id AND h.request_id = r.request_id AND h.resource_id = r.resource_id \
         AND h.event = CASE r.state WHEN 'PENDING' THEN 'SUBMITTED' ELSE r.state END LIMIT 1) IS NULL \
         OR (r.state = 'PENDING' AND (SELECT s.version FROM resources AS s WHERE s.account_id = r.account_id \
         AND s.resource_id = r.resource_id AND s.lock_request_id = r.request_id) IS NULL)) LIMIT 1",
        request,
    ),
    // A decision is told with whose it is, when it was and what, also one that no longer counts. One that is made anew has the row.
    (
        "SELECT d.request_id, d.member_id FROM requests AS r \
         JOIN decisions AS d ON d.account_id = r.account_id AND d.request_id = r.request_id \
         WHERE r.account_id = $1 AND r.resource_id = $2 \
         AND (SELECT h.sequence FROM history AS h \
         WHERE h.account_id = d.account_id AND h.request_id = d.request_id AND h.actor_id = d.member_id \
         AND h.happened_at_us = d.decided_at_us AND h.event IN ('APPROVAL_RECORDED', 'APPROVED', 'REJECTED') \
         AND (h.event = 'REJECTED') = (d.verdict = 'REJECTED') LIMIT 1) IS NULL LIMIT 1",
        decision,
    ),
    // Requests that are told are there, and so is the decision that ended one. Not while the account is being erased, table by table.
    (
        "SELECT h.request_id, CASE h.event WHEN 'SUBMITTED' THEN NULL ELSE h.actor_id END \
         FROM history AS h WHERE h.account_id = $1 AND h.resource_id = $2 \
         AND (SELECT a.state FROM accounts AS a WHERE a.account_id = $1) IN ('ACTIVE', 'SUSPENDED') \
         AND ((h.event = 'SUBMITTED' AND (SELECT 1 FROM requests AS r \
         WHERE r.account_id = h.account_id AND r.request_id = h.request_id) IS NULL) \
         OR (h.event IN ('APPROVED', 'REJECTED') AND (SELECT 1 FROM decisions AS d \
         WHERE d.account_id = h.account_id AND d.request_id = h.request_id AND d.member_id = h.actor_id) IS NULL)) \
         LIMIT 1",
        decision,
    ),
    // A bypass and the end of its review are told when they were.
    (
        "SELECT v.review_id FROM reviews AS v WHERE v.account_id = $1 AND v.resource_id = $2 \
         AND ((SELECT h.sequence FROM history AS h WHERE h.account_id = v.account_id AND h.resource_id = v.resource_id \
         AND h.event = 'EMERGENCY_BYPASSED' AND h.actor_id = v.bypassed_by_id AND h.happened_at_us = v.opened_at_us \
         LIMIT 1) IS NULL \
         OR (v.closed_at_us IS NOT NULL AND (SELECT h.sequence FROM history AS h \
         WHERE h.account_id = v.account_id AND h.resource_id = v.resource_id AND h.event = 'REVIEWED' \
         AND h.happened_at_us = v.closed_at_us LIMIT 1) IS NULL)) LIMIT 1",
        review,
    ),
];

impl Store {
    /// The first thing that a witness knows and the resource's history does not, or the other way round.
    pub(super) async fn untold(
        &self,
        account: AccountId,
        resource: ResourceId,
    ) -> Result<Option<Flaw>, StoreError> {
        let what = failed(VERIFY);
        for (sql, named) in WITNESSES {
            let values = vec![account.0.into(), resource.0.into()];
            let row = self.read.query_one_raw(statement(&self.read, sql, values)).await.map_err(what)?;
            if let Some(row) = row {
                return Ok(Some(named(&row).map_err(what)?));
            }
        }
        Ok(None)
    }
}

fn request(row: &QueryResult) -> Result<Flaw, DbErr> {
    Ok(Flaw::Request(RequestId(row.try_get_by_index(0)?)))
}

/// A decision; where it is nobody's, its request.
fn decision(row: &QueryResult) -> Result<Flaw, DbErr> {
    let request = RequestId(row.try_get_by_index(0)?);
    let member: Option<Uuid> = row.try_get_by_index(1)?;
    Ok(member.map_or(Flaw::Request(request), |member| Flaw::Decision(request, MemberId(member))))
}

fn review(row: &QueryResult) -> Result<Flaw, DbErr> {
    Ok(Flaw::Review(ReviewId(row.try_get_by_index(0)?)))
}
