//! Invitations as they are read.

use countersign_domain::{AccountId, Invitation, InvitationId, invitation::TokenHash, text};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{
    Page, Store, StoreError,
    entities::{invitations, select_list},
    error::failed,
    store::statement,
};

impl Store {
    /// The invitation with this id.
    pub async fn invitation(
        &self,
        account: AccountId,
        id: InvitationId,
    ) -> Result<Option<Invitation>, StoreError> {
        let row = invitations::Entity::find_by_id((account.0, id.0)).one(&self.read).await;
        Ok(row.map_err(failed("read an invitation"))?.map(Invitation::try_from).transpose()?)
    }

    /// The invitation whose newest token this is.
    pub async fn invitation_by_token(
        &self,
        account: AccountId,
        token: &TokenHash,
    ) -> Result<Option<Invitation>, StoreError> {
        let row = invitations::Entity::find()
            .filter(invitations::Column::AccountId.eq(account.0))
            .filter(invitations::Column::TokenHash.eq(token.as_str()))
            .one(&self.read)
            .await;
        Ok(row.map_err(failed("read an invitation"))?.map(Invitation::try_from).transpose()?)
    }

    /// The pending invitation for this address, whatever its case, in time or not.
    pub async fn pending_invitation(
        &self,
        account: AccountId,
        email: &str,
    ) -> Result<Option<Invitation>, StoreError> {
        let what = failed("read an invitation");
        // The state stands in the text, so that the index of the pending ones serves it.
        let sql = format!(
            "SELECT {} FROM invitations AS i \
             WHERE i.account_id = $1 AND i.email_folded = $2 AND i.state = 'PENDING'",
            select_list::<invitations::Entity>("i", "")
        );
        let select = statement(&self.read, &sql, vec![account.0.into(), text::key(email).into()]);
        let Some(row) = self.read.query_one_raw(select).await.map_err(what)? else { return Ok(None) };
        let model = invitations::Model::from_query_result(&row, "").map_err(what)?;
        Ok(Some(model.try_into()?))
    }

    /// The account's invitations, newest first, from after `after`.
    pub async fn list_invitations(
        &self,
        account: AccountId,
        after: Option<InvitationId>,
        limit: u32,
    ) -> Result<Page<Invitation>, StoreError> {
        let mut select = invitations::Entity::find()
            .filter(invitations::Column::AccountId.eq(account.0))
            .order_by_desc(invitations::Column::InvitationId)
            .limit(u64::from(limit) + 1);
        if let Some(after) = after {
            select = select.filter(invitations::Column::InvitationId.lt(after.0));
        }
        let rows = select.all(&self.read).await.map_err(failed("list invitations"))?;
        let items = rows.into_iter().map(Invitation::try_from).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit))
    }
}
