//! Lists of requests (REQ-19), in pages whose cost does not grow with the table: each part of a list starts at a key and reads along
//! an index, and what consists of several is merged from as many pages of them.

use countersign_domain::{
    AccountId, Area, Audience, Kind, MemberId, Request, RequestId, ResourceId, Timestamp,
};
use sea_orm::{ConnectionTrait, Value};

use crate::{Page, Store, StoreError, entities::resources, error::failed, requests, store::statement};

/// The states by which requests can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestStateName {
    /// Waits for a decision.
    Pending,
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
    /// Cancelled.
    Cancelled,
    /// Expired.
    Expired,
    /// Ended with its area's workflow.
    Reverted,
}

impl RequestStateName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::Reverted => "REVERTED",
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestOrder {
    /// The last submitted first.
    #[default]
    Newest,
    /// The next deadline first, then those without one, the oldest first. For pending requests.
    MostUrgent,
}

/// What waits for a member: requests that were assigned to them, and unassigned ones of the areas that they approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The member.
    pub member: MemberId,
    /// The areas that they approve.
    pub areas: Vec<WaitingArea>,
}

/// An area whose unassigned requests wait for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingArea {
    /// The area.
    pub area: Area,
    /// Whether those wait for them as well that they submitted (POL-4).
    pub submitted_too: bool,
    /// Whether those wait for them as well of which they are an author (REQ-23).
    pub written_too: bool,
}

/// Which requests to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Only in this state.
    pub state: Option<RequestStateName>,
    /// Only on this resource.
    pub resource: Option<ResourceId>,
    /// Only on resources of these kinds.
    pub kinds: Option<Vec<Kind>>,
    /// Only submitted by this member.
    pub submitter: Option<MemberId>,
    /// Only decided by this member, where that counts (REQ-22).
    pub decided_by: Option<MemberId>,
    /// Only what waits for a member.
    pub waiting: Option<Waiting>,
    /// In which order.
    pub order: RequestOrder,
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestCursor {
    /// The last request.
    pub id: RequestId,
    /// Its deadline.
    pub deadline: Option<Timestamp>,
}

impl Store {
    /// The account's requests, from after `after`, each with whom its resource reaches: what lies outside a data scope is for the
    /// caller to leave out (ACC-12).
    pub async fn list_requests(
        &self,
        account: AccountId,
        filter: &RequestFilter,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<Page<(Request, Audience)>, StoreError> {
        const WHAT: &str = "list requests";
        let (sql, values) = Text::of(account, filter, after, limit).finish(requests::selected(self.backend));
        let select = statement(&self.read, &sql, values);
        let rows = self.read.query_all_raw(select).await.map_err(failed(WHAT))?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(request) = requests::from_row(row, WHAT)? {
                let audience = resources::audience_of(row, account, request.resource_id, WHAT)?;
                items.push((request, audience));
            }
        }
        Ok(Page::of(items, limit))
    }
}

/// How many are read for a page: the smallest of these that is one more than asked for, or more. A page of 10, 50 or 200 asks for one
/// more itself.
const LIMITS: [u32; 3] = [12, 52, 202];

/// Whether a list of some kinds is read along the index of kinds, each by itself: where no other condition leads to few requests.
const fn kind_by_kind(filter: &RequestFilter) -> bool {
    filter.kinds.is_some()
        && filter.decided_by.is_none()
        && filter.waiting.is_none()
        && !matches!(filter.state, Some(RequestStateName::Pending))
        && filter.resource.is_none()
        && filter.submitter.is_none()
}

/// A statement in the making: one text for each set of filters that is given, so that each finds its index.
struct Text {
    values: Vec<Value>,
    limit: String,
    order: RequestOrder,
    parts: Vec<String>,
}

/// Where requests `q` are found, and what holds for them there.
struct Source {
    from: &'static str,
    condition: String,
}

impl Text {
    fn of(account: AccountId, filter: &RequestFilter, after: Option<RequestCursor>, limit: u32) -> Self {
        // In the text, and not a parameter: of a number that it does not know PostgreSQL takes a tenth of the table to be meant. One of
        // a few, so that there are not as many statements as page sizes.
        let enough = LIMITS.into_iter().find(|size| *size > limit);
        let limit = enough.unwrap_or(limit.saturating_add(1)).to_string();
        let mut text = Self { values: vec![account.0.into()], limit, order: filter.order, parts: Vec::new() };
        let conditions = text.conditions(filter);
        for source in text.sources(filter) {
            let condition = [source.condition, conditions.clone()].concat();
            text.add(source.from, &condition, after);
        }
        text
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// What holds for every request of the list.
    fn conditions(&mut self, filter: &RequestFilter) -> String {
        let mut given: Vec<(&str, Value)> = Vec::new();
        if let Some(resource) = filter.resource {
            given.push(("resource_id", resource.0.into()));
        }
        if let Some(submitter) = filter.submitter {
            given.push(("submitter_id", submitter.0.into()));
        }
        let kinds: Vec<String> = match &filter.kinds {
            Some(kinds) if !kind_by_kind(filter) => kinds.iter().map(|it| self.bind(it.as_str())).collect(),
            _ => Vec::new(),
        };
        let kinds = (!kinds.is_empty()).then(|| format!(" AND q.kind IN ({})", kinds.join(", ")));
        // In the text, and not a parameter: the partial indexes are for statements that name it.
        let state = filter.state.map(|state| format!(" AND q.state = '{}'", state.as_str()));
        let given =
            given.into_iter().map(|(column, value)| format!(" AND q.{column} = {}", self.bind(value)));
        kinds.into_iter().chain(state).chain(given).collect()
    }

    fn sources(&mut self, filter: &RequestFilter) -> Vec<Source> {
        const REQUESTS: &str = "requests AS q";
        if let Some(member) = filter.decided_by {
            let member = self.bind(member.0);
            return vec![Source {
                from: "decisions AS d JOIN requests AS q ON q.account_id = d.account_id AND q.request_id = d.request_id",
                condition: format!(
                    " AND d.account_id = $1 AND d.member_id = {member} AND d.voided_at_us IS NULL"
                ),
            }];
        }
        let Some(Waiting { member, areas }) = &filter.waiting else {
            return match &filter.kinds {
                Some(kinds) if kind_by_kind(filter) => {
                    let of_kind = |kind: &Kind| format!(" AND q.kind = {}", self.bind(kind.as_str()));
                    let conditions: Vec<String> = kinds.iter().map(of_kind).collect();
                    conditions.into_iter().map(|condition| Source { from: REQUESTS, condition }).collect()
                }
                _ => vec![Source { from: REQUESTS, condition: String::new() }],
            };
        };
        let author = member.0;
        let member = self.bind(member.0);
        // One value for each request, by the whole key. Of NOT EXISTS PostgreSQL makes a join, which where it takes a member to have
        // decided seldom reads all of their decisions for each request.
        let undecided = format!(
            " AND q.state = 'PENDING' AND (SELECT 1 FROM decisions AS d WHERE d.account_id = q.account_id \
             AND d.request_id = q.request_id AND d.member_id = {member} AND d.voided_at_us IS NULL) IS NULL"
        );
        let mut sources = vec![Source {
            from: "request_approvers AS w JOIN requests AS q ON q.account_id = w.account_id AND q.request_id = w.request_id",
            condition: format!(" AND w.account_id = $1 AND w.member_id = {member} AND w.open{undecided}"),
        }];
        for WaitingArea { area, submitted_too, written_too } in areas {
            let area = self.bind(area.as_str());
            let of_others = if *submitted_too {
                String::new()
            } else {
                format!(" AND (q.submitter_id IS NULL OR q.submitter_id <> {member})")
            };
            let by_others = if *written_too {
                String::new()
            } else {
                format!(" AND q.authors NOT LIKE {}", self.bind(format!("%{author}%")))
            };
            let condition =
                format!(" AND q.area = {area} AND NOT q.assigned{undecided}{of_others}{by_others}");
            sources.push(Source { from: REQUESTS, condition });
        }
        sources
    }

    /// A page of one source. Deadlines come before none, so the most urgent are two.
    fn add(&mut self, from: &str, condition: &str, after: Option<RequestCursor>) {
        let limit = self.limit.clone();
        let part = |condition: &str, order: &str| {
            format!(
                "SELECT q.request_id AS id, q.deadline_at_us AS deadline FROM {from} WHERE q.account_id = $1{condition} \
                 ORDER BY {order} LIMIT {limit}"
            )
        };
        if self.order == RequestOrder::Newest {
            let from_here = after.map(|after| format!(" AND q.request_id < {}", self.bind(after.id.0)));
            let condition = format!("{condition}{}", from_here.unwrap_or_default());
            self.parts.push(part(&condition, "q.request_id DESC"));
            return;
        }
        let deadline = after.map(|after| after.deadline);
        if let None | Some(Some(_)) = deadline {
            let from_here = after.map(|RequestCursor { id, deadline }| {
                let deadline = self.bind(deadline.map(|at| at.0));
                format!(" AND (q.deadline_at_us, q.request_id) > ({deadline}, {})", self.bind(id.0))
            });
            let condition =
                format!("{condition} AND q.deadline_at_us IS NOT NULL{}", from_here.unwrap_or_default());
            self.parts.push(part(&condition, "q.deadline_at_us, q.request_id"));
        }
        let from_here = match after {
            Some(RequestCursor { id, deadline: None }) => {
                format!(" AND q.request_id > {}", self.bind(id.0))
            }
            _ => String::new(),
        };
        let condition = format!("{condition} AND q.deadline_at_us IS NULL{from_here}");
        self.parts.push(part(&condition, "q.request_id"));
    }

    /// The pages, merged and cut once more. A request that is in two of them is in the list once.
    fn finish(self, selected: &str) -> (String, Vec<Value>) {
        let Self { values, limit, order, parts } = self;
        let order = match order {
            RequestOrder::Newest => "id DESC",
            RequestOrder::MostUrgent => "deadline IS NULL, deadline, id",
        };
        let parts: Vec<String> = (1..)
            .zip(&parts)
            .map(|(place, part)| format!("SELECT * FROM ({part}) AS part_{place}"))
            .collect();
        let sql = format!(
            "SELECT {selected}, {audience} \
             FROM (SELECT * FROM ({parts}) AS found ORDER BY {order} LIMIT {limit}) AS page \
             JOIN requests AS q ON q.account_id = $1 AND q.request_id = page.id ORDER BY {order}",
            audience = resources::looked_up("audience", "q"),
            parts = parts.join(" UNION "),
        );
        (sql, values)
    }
}

#[cfg(test)]
mod tests;
