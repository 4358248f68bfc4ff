//! What allowed an action: the history that the gate's answer rests on.

use countersign_domain::{AccountId, Action, ResourceId, gate::Grants, history::HistoryEntry};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use crate::{
    Store, StoreError,
    entities::{columns, history},
    error::failed,
    store::statement,
};

impl Store {
    /// The newest entry that let `action` take effect on the resource, and the newest that let any, in one statement. Both are
    /// found from the end of the resource's history, by its key.
    pub async fn grants(
        &self,
        account: AccountId,
        resource: ResourceId,
        action: &Action,
    ) -> Result<Grants, StoreError> {
        let what = failed("read what allowed an action");
        let events: Vec<String> =
            Grants::EVENTS.iter().map(|event| format!("'{}'", event.as_str())).collect();
        let newest = |condition: &str, place: u8| {
            format!(
                "SELECT * FROM (SELECT {columns}, {place} AS place FROM history \
                 WHERE account_id = $1 AND resource_id = $2 AND event IN ({events}) {condition} \
                 ORDER BY sequence DESC LIMIT 1) AS newest_{place}",
                columns = columns::<history::Entity>().join(", "),
                events = events.join(", "),
            )
        };
        let sql = format!("{} UNION ALL {} ORDER BY place", newest("AND action = $3", 1), newest("", 2));
        let values: Vec<Value> = vec![account.0.into(), resource.0.into(), action.as_str().into()];
        let rows = self.read.query_all_raw(statement(&self.read, &sql, values)).await.map_err(what)?;
        let mut grants = Grants::default();
        for row in &rows {
            let place: i32 = row.try_get("", "place").map_err(what)?;
            let entry: HistoryEntry = history::Model::from_query_result(row, "").map_err(what)?.try_into()?;
            if place == 1 {
                grants.action = Some(entry);
            } else {
                grants.newest = Some(entry);
            }
        }
        Ok(grants)
    }
}
