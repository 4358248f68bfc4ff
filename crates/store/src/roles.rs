//! Custom roles as they are read: all of an account's with its rules, and in pages.

use std::sync::LazyLock;

use countersign_domain::{AccountId, Role, RoleId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    Backend, Page, Store, StoreError,
    entities::{json_object, roles},
    error::failed,
    requests::aggregate,
};

/// The aggregate over `roles AS o`, for [`from_aggregate`].
pub(crate) fn aggregated(backend: Backend) -> &'static str {
    static POSTGRES: LazyLock<String> = LazyLock::new(|| {
        format!("json_agg({})::text", json_object::<roles::Entity>(Backend::Postgres, "o", &[]))
    });
    static SQLITE: LazyLock<String> = LazyLock::new(|| {
        format!("json_group_array({})", json_object::<roles::Entity>(Backend::Sqlite, "o", &[]))
    });
    match backend {
        Backend::Postgres => &POSTGRES,
        Backend::Sqlite => &SQLITE,
    }
}

/// The roles that [`aggregated`] collected.
pub(crate) fn from_aggregate(json: Option<&str>, account: AccountId) -> Result<Vec<Role>, StoreError> {
    let rows: Vec<roles::Model> = aggregate(json, "roles", || account.to_string())?;
    rows.into_iter().map(|row| row.try_into().map_err(StoreError::from)).collect()
}

impl Store {
    /// The account's custom roles, oldest first, from after `after`.
    pub async fn list_roles(
        &self,
        account: AccountId,
        after: Option<RoleId>,
        limit: u32,
    ) -> Result<Page<Role>, StoreError> {
        let mut select = roles::Entity::find()
            .filter(roles::Column::AccountId.eq(account.0))
            .order_by_asc(roles::Column::RoleId)
            .limit(u64::from(limit) + 1);
        if let Some(after) = after {
            select = select.filter(roles::Column::RoleId.gt(after.0));
        }
        let rows = select.all(&self.read).await.map_err(failed("list roles"))?;
        let items = rows.into_iter().map(Role::try_from).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit))
    }
}
