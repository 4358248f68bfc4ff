//! The policies that were in force, and who changed them.

use countersign_domain::{AccountId, ActorRef, Area, Policy};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Page, Store, StoreError, entities::policy_revisions, error::failed};

/// A policy as it was from one change to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRevision {
    /// The policy after the change; its version counts 1, 2, 3 … per area.
    pub policy: Policy,
    /// Who changed it.
    pub by: ActorRef,
}

impl Store {
    /// The revisions of an area's policy, newest first, from before the version `before`.
    pub async fn list_policy_revisions(
        &self,
        account: AccountId,
        area: &Area,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<PolicyRevision>, StoreError> {
        use policy_revisions::Column;
        let rows = policy_revisions::Entity::find()
            .filter(Column::AccountId.eq(account.0))
            .filter(Column::Area.eq(area.as_str()))
            .filter(Column::Version.lt(before.unwrap_or(i64::MAX)))
            .order_by_desc(Column::Version)
            .limit(u64::from(limit) + 1)
            .all(&self.read)
            .await
            .map_err(failed("list the revisions of a policy"))?;
        let items = rows.into_iter().map(PolicyRevision::try_from).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit))
    }
}
