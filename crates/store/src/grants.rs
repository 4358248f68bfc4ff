//! What allowed an action: the history that the gate's answer rests on.

use std::sync::LazyLock;

use countersign_domain::{
    AccountId, Action, ResourceId,
    gate::{GRANTS, Standing},
    history::{HistoryEntry, Recorded},
    lifecycle::Lifecycle,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use crate::{
    Backend, Store, StoreError,
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
        let gated = lifecycle.transitions.iter().filter(|row| row.pending.is_some());
        // An action may need approval in one state and none in another. Names hold no blanks.
        let gated = gated.flat_map(|row| row.from.iter().map(move |from| format!("{from} {}", row.action)));
        let gated: Vec<String> = gated.collect();
        let values: Vec<Value> = vec![
            account.0.into(),
            resource.0.into(),
            version.into(),
            action.as_str().into(),
            match self.backend {
                Backend::Postgres => gated.into(),
                Backend::Sqlite => serde_json::Value::from(gated).to_string().into(),
            },
        ];
        let select = statement(&self.read, sql(self.backend), values);
        let rows = self.read.query_all_raw(select).await.map_err(what)?;
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

/// The statement: the newest entry of each of the three sorts.
fn sql(backend: Backend) -> &'static str {
    static POSTGRES: LazyLock<String> = LazyLock::new(|| text("= ANY ($5)"));
    static SQLITE: LazyLock<String> = LazyLock::new(|| text("IN (SELECT value FROM json_each($5))"));
    match backend {
        Backend::Postgres => &POSTGRES,
        Backend::Sqlite => &SQLITE,
    }
}

/// `gated` says that a state and an action are a pair of those in the parameter `$5`.
fn text(gated: &str) -> String {
    let grants: Vec<String> = GRANTS.iter().map(|event| format!("'{}'", event.as_str())).collect();
    let grants = grants.join(", ");
    let newest = |place: u8, condition: &str| {
        format!(
            "SELECT * FROM (SELECT {columns}, {place} AS place FROM history \
             WHERE account_id = $1 AND resource_id = $2 AND sequence <= $3 AND {STANDING} AND {condition} \
             ORDER BY sequence DESC LIMIT 1) AS newest_{place}",
            columns = columns::<history::Entity>().join(", "),
        )
    };
    [
        newest(1, &format!("event IN ({grants}) AND action = $4")),
        newest(2, "from_state <> to_state AND event <> 'STARTED'"),
        newest(
            3,
            &format!(
                "(event = 'EDITED' OR event IN ({grants}) AND (from_state || ' ' || action {gated} OR from_state = 'DRAFT'))"
            ),
        ),
    ]
    .join(" UNION ALL ")
}
