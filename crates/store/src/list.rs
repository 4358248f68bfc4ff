//! Lists, in pages whose cost does not grow with the table: each starts at a key and reads along an index.

use countersign_domain::{AccountId, Area, Audience, Kind, Request, RequestId, Resource, ResourceId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value};

use crate::{
    Store, StoreError,
    entities::{json, resources},
    error::failed,
    requests,
    store::statement,
};

/// A page of a list. The key of its last item is where the next one starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

impl<T> Page<T> {
    /// From a list that was read one item further than the page goes.
    pub(crate) fn of(mut items: Vec<T>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

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

/// Which requests to list (REQ-19).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Only in this state.
    pub state: Option<RequestStateName>,
    /// Only on this resource.
    pub resource: Option<ResourceId>,
}

impl Store {
    /// The account's resources of these kinds, newest first, from after `after`.
    ///
    /// Kinds are passed over while reading: a page costs more only where most resources are of kinds that the caller may not
    /// read.
    pub async fn list_resources(
        &self,
        account: AccountId,
        kinds: &[Kind],
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Page<Resource>, StoreError> {
        let mut select = resources::Entity::find()
            .filter(resources::Column::AccountId.eq(account.0))
            .filter(resources::Column::Kind.is_in(kinds.iter().map(Kind::as_str)))
            .order_by_desc(resources::Column::ResourceId)
            .limit(u64::from(limit) + 1);
        if let Some(after) = after {
            select = select.filter(resources::Column::ResourceId.lt(after.0));
        }
        let rows = select.all(&self.read).await.map_err(failed("list resources"))?;
        let items = rows.into_iter().map(Resource::try_from).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit))
    }

    /// The account's requests, newest first, from after `after`, each with whom its resource reaches: what lies outside a data
    /// scope is for the caller to leave out (ACC-12).
    pub async fn list_requests(
        &self,
        account: AccountId,
        filter: &RequestFilter,
        after: Option<RequestId>,
        limit: u32,
    ) -> Result<Page<(Request, Audience)>, StoreError> {
        const WHAT: &str = "list requests";
        let (sql, values) = self.requests_statement(account, filter, after, limit);
        let select = statement(&self.read, &sql, values);
        let rows = self.read.query_all_raw(select).await.map_err(failed(WHAT))?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(request) = requests::from_row(row, WHAT)? {
                let audience: Option<String> = row.try_get("", "audience").map_err(failed(WHAT))?;
                let key = || format!("{account}/{}", request.resource_id);
                // The resource is always there, unless the account is being erased.
                let audience = audience.map(|text| json(&text, "resources", "audience", key)).transpose()?;
                items.push((request, audience.unwrap_or_default()));
            }
        }
        Ok(Page::of(items, limit))
    }

    /// One text for each set of filters that is given, so that each finds its index.
    fn requests_statement(
        &self,
        account: AccountId,
        filter: &RequestFilter,
        after: Option<RequestId>,
        limit: u32,
    ) -> (String, Vec<Value>) {
        let mut conditions = vec!["q.account_id = $1".to_owned()];
        let mut values: Vec<Value> = vec![account.0.into()];
        let mut add = |condition: &str, value: Value| {
            values.push(value);
            conditions.push(format!("{condition} ${}", values.len()));
        };
        if let Some(state) = filter.state {
            add("q.state =", state.as_str().into());
        }
        if let Some(resource) = filter.resource {
            add("q.resource_id =", resource.0.into());
        }
        if let Some(after) = after {
            add("q.request_id <", after.0.into());
        }
        values.push((i64::from(limit) + 1).into());
        let sql = format!(
            "SELECT {selected}, (SELECT r.audience FROM resources AS r \
             WHERE r.account_id = q.account_id AND r.resource_id = q.resource_id) AS audience \
             FROM requests AS q WHERE {conditions} ORDER BY q.request_id DESC LIMIT ${limit}",
            selected = requests::selected(self.backend),
            conditions = conditions.join(" AND "),
            limit = values.len(),
        );
        (sql, values)
    }

    /// How many requests of `area` are pending. Costs as much as the account has pending requests.
    pub async fn count_pending(&self, account: AccountId, area: &Area) -> Result<u64, StoreError> {
        count_pending_on(&self.read, account, area).await
    }
}

/// As [`Store::count_pending`], on a connection or in a transaction.
pub(crate) async fn count_pending_on(
    database: &impl ConnectionTrait,
    account: AccountId,
    area: &Area,
) -> Result<u64, StoreError> {
    let what = failed("count pending requests");
    let sql =
        "SELECT count(*) AS count FROM requests WHERE account_id = $1 AND state = 'PENDING' AND area = $2";
    let select = statement(database, sql, vec![account.0.into(), area.as_str().into()]);
    let row = database.query_one_raw(select).await.map_err(what)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(what)?;
    Ok(u64::try_from(count).unwrap_or_default())
}
