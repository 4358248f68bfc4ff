//! What allowed an action: the history that the gate's answer rests on.

use countersign_domain::{
    AccountId, Action, ResourceId,
    gate::{GRANTS, Standing},
    history::{HistoryEntry, Recorded},
    lifecycle::Lifecycle,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use crate::{
    Store, StoreError,
    entities::{columns, history},
    error::failed,
    store::statement,
};

/// The entries that the partial index `history_standing` holds: few of a resource's, whatever is edited and commented.
const STANDING: &str = "(event IN ('APPROVED', 'APPLIED', 'BYPASSED', 'EMERGENCY_BYPASSED', 'APPROVAL_VOIDED', 'STARTED', 'COMPLETED') \
    OR (event = 'EDITED' AND to_state <> 'DRAFT'))";

impl Store {
    /// What the standing of `action` rests on, as it was when the resource had `version`: in one statement, each entry found from
    /// the end of the resource's history.
    pub async fn standing(
        &self,
        account: AccountId,
        resource: ResourceId,
        version: i64,
        lifecycle: &Lifecycle,
        action: &Action,
    ) -> Result<Standing, StoreError> {
        let what = failed("read what allowed an action");
        let grants = listed(GRANTS.iter().map(|event| event.as_str()));
        let gated = lifecycle.transitions.iter().filter(|row| row.pending.is_some());
        // Names of a lifecycle, which hold no quotes.
        let gated = listed(gated.map(|row| row.action.as_str()));
        let newest = |place: u8, condition: &str| {
            format!(
                "SELECT * FROM (SELECT {columns}, {place} AS place FROM history \
                 WHERE account_id = $1 AND resource_id = $2 AND sequence <= $3 AND {STANDING} AND {condition} \
                 ORDER BY sequence DESC LIMIT 1) AS newest_{place}",
                columns = columns::<history::Entity>().join(", "),
            )
        };
        let sql = [
            newest(1, &format!("event IN ({grants}) AND action = $4")),
            newest(2, "from_state <> to_state AND event <> 'STARTED'"),
            newest(3, &format!("(event = 'EDITED' OR event IN ({grants}) AND action IN ({gated}))")),
        ]
        .join(" UNION ALL ");
        let values: Vec<Value> =
            vec![account.0.into(), resource.0.into(), version.into(), action.as_str().into()];
        let rows = self.read.query_all_raw(statement(&self.read, &sql, values)).await.map_err(what)?;
        let mut standing = Standing::default();
        for row in &rows {
            let place: i32 = row.try_get("", "place").map_err(what)?;
            let Recorded { entry, .. } =
                history::Model::from_query_result(row, "").map_err(what)?.try_into()?;
            let found: &mut Option<HistoryEntry> = match place {
                1 => &mut standing.granted,
                2 => &mut standing.moved,
                _ => &mut standing.content,
            };
            *found = Some(entry);
        }
        Ok(standing)
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
