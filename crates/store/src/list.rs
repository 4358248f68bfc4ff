//! Lists, in pages whose cost does not grow with the table: each starts at a key and reads along an index.

use countersign_domain::{AccountId, Area, Kind, Resource, ResourceId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Store, StoreError, entities::resources, error::failed, store::statement};

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
    pub fn of(mut items: Vec<T>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
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
