//! Custom roles as they are read: all of an account's with its rules, and in pages.

use countersign_domain::{AccountId, Role, RoleId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Page, Store, StoreError, entities::roles, error::failed, requests::aggregate};

/// The roles that [`all_of_account`](crate::entities::all_of_account) collected.
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
