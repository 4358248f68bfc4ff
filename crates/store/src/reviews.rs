//! Lists of reviews.

use countersign_domain::{AccountId, Area, Audience, Review, ReviewId};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use crate::{
    Page, Store, StoreError,
    entities::{resources, reviews, select_list},
    error::failed,
    store::statement,
};

impl Store {
    /// The account's reviews, newest first, from after `after`, each with whom its resource reaches: what lies outside a data
    /// scope is for the caller to leave out (ACC-12). `areas`: those that the caller may read. `only_open`: those that are not closed.
    pub async fn list_reviews(
        &self,
        account: AccountId,
        areas: &[Area],
        only_open: bool,
        after: Option<ReviewId>,
        limit: u32,
    ) -> Result<Page<(Review, Audience)>, StoreError> {
        const WHAT: &str = "list reviews";
        let open = if only_open { "AND v.closed_at_us IS NULL" } else { "" };
        let sql = format!(
            "SELECT {selected}, {audience} \
             FROM reviews AS v WHERE v.account_id = $1 AND v.review_id < $2 AND v.area IN ({areas}) {open} \
             ORDER BY v.review_id DESC LIMIT $3",
            areas = (4..4 + areas.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", "),
            audience = resources::looked_up("audience", "v"),
            selected = select_list::<reviews::Entity>("v", "v_"),
        );
        let after = after.map_or(Uuid::max(), |id| id.0);
        let mut values: Vec<Value> = vec![account.0.into(), after.into(), (i64::from(limit) + 1).into()];
        values.extend(areas.iter().map(|area| Value::from(area.as_str())));
        let rows =
            self.read.query_all_raw(statement(&self.read, &sql, values)).await.map_err(failed(WHAT))?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            let review: Review =
                reviews::Model::from_query_result(row, "v_").map_err(failed(WHAT))?.try_into()?;
            let audience = resources::audience_of(row, account, review.resource_id, WHAT)?;
            items.push((review, audience));
        }
        Ok(Page::of(items, limit))
    }
}
