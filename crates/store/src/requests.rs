//! Requests as they are read: the row, its chosen approvers and its decisions in one.

use std::sync::LazyLock;

use countersign_domain::{
    ActorRef, Assignment, MemberId, Request, Timestamp,
    request::{Decision, Verdict},
};
use sea_orm::{FromQueryResult, QueryResult};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    StoreError,
    entities::{json, parsed, requests, select_list},
    error::{Corruption, failed},
    store::Backend,
};

/// What to select of `requests AS q`, for [`from_row`].
pub(crate) fn selected(backend: Backend) -> &'static str {
    static POSTGRES: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{}, (SELECT json_agg(json_build_object('member_id', ra.member_id, 'expired_at_us', ra.expired_at_us) \
             ORDER BY ra.position)::text FROM request_approvers AS ra \
             WHERE ra.account_id = q.account_id AND ra.request_id = q.request_id) AS q_assignments, \
             (SELECT json_agg(json_build_object('member_id', d.member_id, 'member_name', d.member_name, \
             'service', d.service, 'verdict', d.verdict, 'note', d.note, 'decided_at_us', d.decided_at_us, \
             'voided_at_us', d.voided_at_us) \
             ORDER BY d.request_version)::text FROM decisions AS d \
             WHERE d.account_id = q.account_id AND d.request_id = q.request_id) AS q_decisions",
            select_list::<requests::Entity>("q", "q_")
        )
    });
    static SQLITE: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{}, (SELECT json_group_array(json_object('member_id', lower(hex(ra.member_id)), \
             'expired_at_us', ra.expired_at_us) ORDER BY ra.position) FROM request_approvers AS ra \
             WHERE ra.account_id = q.account_id AND ra.request_id = q.request_id) AS q_assignments, \
             (SELECT json_group_array(json_object('member_id', lower(hex(d.member_id)), \
             'member_name', d.member_name, 'service', d.service, 'verdict', d.verdict, 'note', d.note, \
             'decided_at_us', d.decided_at_us, 'voided_at_us', d.voided_at_us) ORDER BY d.request_version) FROM decisions AS d \
             WHERE d.account_id = q.account_id AND d.request_id = q.request_id) AS q_decisions",
            select_list::<requests::Entity>("q", "q_")
        )
    });
    match backend {
        Backend::Postgres => &POSTGRES,
        Backend::Sqlite => &SQLITE,
    }
}

/// The request of a row that selected [`selected`]; none where an outer join found none.
pub(crate) fn from_row(row: &QueryResult, what: &'static str) -> Result<Option<Request>, StoreError> {
    let what = failed(what);
    if row.try_get::<Option<Uuid>>("q_", "request_id").map_err(what)?.is_none() {
        return Ok(None);
    }
    let model = requests::Model::from_query_result(row, "q_").map_err(what)?;
    let assignments: Option<String> = row.try_get("q_", "assignments").map_err(what)?;
    let decisions: Option<String> = row.try_get("q_", "decisions").map_err(what)?;
    let key = || format!("{}/{}", model.account_id, model.request_id);
    let assignments: Vec<AssignmentRow> = aggregate(assignments.as_deref(), "request_approvers", key)?;
    let decisions: Vec<DecisionRow> = aggregate(decisions.as_deref(), "decisions", key)?;
    let decisions = decisions.into_iter().map(|row| row.into_decision(key)).collect::<Result<_, _>>()?;
    let assignments = assignments.into_iter().map(Assignment::from).collect();
    Ok(Some(model.into_request(assignments, decisions)?))
}

/// The rows that a subquery collected as JSON; none at all is null on PostgreSQL.
pub(crate) fn aggregate<T: for<'de> Deserialize<'de>>(
    text: Option<&str>,
    table: &'static str,
    key: impl FnOnce() -> String,
) -> Result<Vec<T>, Corruption> {
    text.map_or(Ok(Vec::new()), |text| json(text, table, "*", key))
}

#[derive(Deserialize)]
struct AssignmentRow {
    member_id: Uuid,
    expired_at_us: Option<i64>,
}

impl From<AssignmentRow> for Assignment {
    fn from(row: AssignmentRow) -> Self {
        Self { member: MemberId(row.member_id), expired_at: row.expired_at_us.map(Timestamp) }
    }
}

#[derive(Deserialize)]
struct DecisionRow {
    member_id: Uuid,
    member_name: String,
    service: Option<String>,
    verdict: String,
    note: String,
    decided_at_us: i64,
    voided_at_us: Option<i64>,
}

impl DecisionRow {
    fn into_decision(self, request: impl Fn() -> String) -> Result<Decision, Corruption> {
        let verdict = parsed(Verdict::parse(&self.verdict), "decisions", "verdict", || {
            format!("{}/{}", request(), self.member_id)
        })?;
        Ok(Decision {
            by: ActorRef {
                member_id: Some(MemberId(self.member_id)),
                name: self.member_name,
                service: self.service,
            },
            verdict,
            note: self.note,
            at: Timestamp(self.decided_at_us),
            voided_at: self.voided_at_us.map(Timestamp),
        })
    }
}
