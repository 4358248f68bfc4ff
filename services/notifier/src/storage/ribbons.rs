//! What a viewer sees: their own ribbons, and those for everybody on resources where they have none of their own.

use countersign_proto::inbox::RibbonKind;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{Storage, StorageError, failed, statement};
use crate::plan::EVERYBODY;

/// A ribbon as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRibbon {
    /// Its id.
    pub ribbon_id: Uuid,
    /// The resource.
    pub resource_id: Uuid,
    /// The resource's kind.
    pub resource_kind: String,
    /// The resource's title.
    pub resource_title: String,
    /// The approval request.
    pub approval_request_id: Uuid,
    /// A `RibbonKind`.
    pub kind: i32,
    /// The action concerned.
    pub action: String,
    /// A `RequestState`.
    pub request_state: i32,
    /// Who did it, by name.
    pub actor_name: String,
    /// Why the request expired, if it did.
    pub expiry_reason: String,
    /// The note or feedback.
    pub note: String,
    /// Whether the viewer has seen it.
    pub seen: bool,
    /// When the event happened that made it, Unix microseconds.
    pub created_at: i64,
}

/// Which of a viewer's ribbons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only on this resource.
    pub resource_id: Option<Uuid>,
    /// Only of this kind.
    pub kind: Option<RibbonKind>,
}

/// A place in the list: after this ribbon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its time, Unix microseconds.
    pub created_at: i64,
    /// Its id.
    pub ribbon_id: Uuid,
}

impl Position {
    /// Before every ribbon.
    const START: Self = Self { created_at: i64::MAX, ribbon_id: Uuid::max() };
}

/// How many ribbons a viewer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// That ask the viewer to decide.
    pub decide: i64,
    /// That wait for somebody else.
    pub awaiting: i64,
    /// That tell how a request ended.
    pub results: i64,
    /// Not seen, of all these.
    pub unseen: i64,
}

/// How to mark a ribbon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// As seen.
    Seen,
    /// As dismissed, and so seen.
    Dismissed,
}

/// The ribbons that viewer $2 of account $1 sees, `{of}` telling which half: the viewer's own (`$2`) or everybody's (`$3`).
const VISIBLE: &str = "FROM ribbons AS r \
     LEFT JOIN ribbon_marks AS m ON m.account_id = r.account_id AND m.ribbon_id = r.ribbon_id AND m.viewer_id = $2 \
     WHERE r.account_id = $1 AND r.viewer_id = {of} AND m.dismissed_at IS NULL ";

/// A member with a ribbon of their own on a resource, dismissed or not, is not told what everybody is told.
const NOT_OWN: &str = "AND NOT EXISTS (SELECT 1 FROM ribbons AS own WHERE own.account_id = $1 \
     AND own.resource_id = r.resource_id AND own.viewer_id = $2) ";

const COLUMNS: &str = "r.ribbon_id, r.resource_id, r.resource_kind, r.resource_title, r.approval_request_id, r.kind, \
     r.action, r.request_state, r.actor_name, r.expiry_reason, r.note, r.created_at, \
     CASE WHEN m.seen_at IS NULL THEN 0 ELSE 1 END AS seen ";

/// Both halves of what a viewer sees, each made of `select`, a piece before FROM, and `rest`, one after WHERE.
fn halves(select: &str, rest: &str) -> (String, String) {
    let half =
        |of: &str, not_own: &str| format!("SELECT {select} {}{not_own}{rest}", VISIBLE.replace("{of}", of));
    (half("$2", ""), half("$3", NOT_OWN))
}

impl Storage {
    /// The first `limit` ribbons of `viewer_id` after `after`, newest first.
    ///
    /// Each half is cut by its own index before they are merged, so that a page costs what is on it.
    pub async fn ribbons(
        &self,
        account_id: Uuid,
        viewer_id: Uuid,
        filter: Filter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<StoredRibbon>, StorageError> {
        let after = after.unwrap_or(Position::START);
        let mut values: Vec<Value> = vec![
            account_id.into(),
            viewer_id.into(),
            EVERYBODY.into(),
            after.created_at.into(),
            after.ribbon_id.into(),
            i64::from(limit).into(),
        ];
        let mut also = |column: &str, value: Option<Value>| match value {
            None => String::new(),
            Some(value) => {
                values.push(value);
                format!("AND r.{column} = ${} ", values.len())
            }
        };
        let on_resource = also("resource_id", filter.resource_id.map(Value::from));
        let of_kind = also("kind", filter.kind.map(|kind| Value::from(kind as i32)));
        let rest = format!(
            "AND (r.created_at, r.ribbon_id) < ($4, $5) {on_resource}{of_kind} \
             ORDER BY r.created_at DESC, r.ribbon_id DESC LIMIT $6"
        );
        let (own, shared) = halves(COLUMNS, &rest);
        let sql = format!(
            "SELECT * FROM ({own}) AS mine UNION ALL SELECT * FROM ({shared}) AS shared \
             ORDER BY created_at DESC, ribbon_id DESC LIMIT $6"
        );
        let what = "list ribbons";
        let rows =
            self.read.query_all_raw(statement(&self.read, &sql, values)).await.map_err(failed(what))?;
        rows.iter().map(ribbon).collect::<Result<_, _>>().map_err(failed(what))
    }

    /// How many ribbons `viewer_id` has.
    pub async fn counts(&self, account_id: Uuid, viewer_id: Uuid) -> Result<Counts, StorageError> {
        let (own, shared) = halves("r.kind AS kind, m.seen_at AS seen_at", "");
        let sql = format!(
            "SELECT kind, count(*) AS total, count(*) - count(seen_at) AS unseen \
             FROM ({own} UNION ALL {shared}) AS visible GROUP BY kind"
        );
        let what = "count ribbons";
        let values = [account_id.into(), viewer_id.into(), EVERYBODY.into()];
        let rows =
            self.read.query_all_raw(statement(&self.read, &sql, values)).await.map_err(failed(what))?;
        let mut counts = Counts::default();
        for row in &rows {
            let (kind, total, unseen) = tally(row).map_err(failed(what))?;
            counts.unseen += unseen;
            match RibbonKind::try_from(kind) {
                Ok(RibbonKind::Decide) => counts.decide += total,
                Ok(RibbonKind::Awaiting) => counts.awaiting += total,
                Ok(RibbonKind::Result) => counts.results += total,
                Ok(RibbonKind::Unspecified) | Err(_) => {}
            }
        }
        Ok(counts)
    }

    /// Marks those of `ribbon_ids` that `viewer_id` may see, and says how many those are. A mark is never taken back.
    pub async fn mark(
        &self,
        account_id: Uuid,
        viewer_id: Uuid,
        ribbon_ids: &[Uuid],
        mark: Mark,
        now_us: i64,
    ) -> Result<u64, StorageError> {
        let what = "mark ribbons";
        let dismissed_at = matches!(mark, Mark::Dismissed).then_some(now_us);
        let marks = ribbon_ids.iter().map(|ribbon_id| -> [Value; 6] {
            [
                account_id.into(),
                viewer_id.into(),
                EVERYBODY.into(),
                (*ribbon_id).into(),
                now_us.into(),
                dismissed_at.into(),
            ]
        });
        let mut marked = 0;
        if self.is_sqlite() {
            // One transaction is one wait for the disk.
            let transaction = self.begin().await.map_err(failed(what))?;
            let sql = MARK.replace("{lock}", "");
            for values in marks {
                let done = transaction.execute_raw(statement(&transaction, &sql, values)).await;
                marked += done.map_err(failed(what))?.rows_affected();
            }
            transaction.commit().await.map_err(failed(what))?;
        } else {
            // Each by itself: holding several rows could deadlock with an event that removes them.
            let sql = MARK.replace("{lock}", "FOR KEY SHARE OF r");
            for values in marks {
                let done = self.write.execute_raw(statement(&self.write, &sql, values)).await;
                marked += done.map_err(failed(what))?.rows_affected();
            }
        }
        Ok(marked)
    }
}

/// The lock waits for an event that is removing the ribbon, and then finds none, where the foreign key would fail.
const MARK: &str = "INSERT INTO ribbon_marks AS held (account_id, ribbon_id, viewer_id, seen_at, dismissed_at) \
     SELECT r.account_id, r.ribbon_id, $2, $5, $6 FROM ribbons AS r \
     WHERE r.account_id = $1 AND r.ribbon_id = $4 AND (r.viewer_id = $2 OR r.viewer_id = $3) {lock} \
     ON CONFLICT (account_id, ribbon_id, viewer_id) \
     DO UPDATE SET dismissed_at = coalesce(held.dismissed_at, excluded.dismissed_at)";

fn tally(row: &QueryResult) -> Result<(i32, i64, i64), DbErr> {
    Ok((row.try_get("", "kind")?, row.try_get("", "total")?, row.try_get("", "unseen")?))
}

fn ribbon(row: &QueryResult) -> Result<StoredRibbon, DbErr> {
    Ok(StoredRibbon {
        ribbon_id: row.try_get("", "ribbon_id")?,
        resource_id: row.try_get("", "resource_id")?,
        resource_kind: row.try_get("", "resource_kind")?,
        resource_title: row.try_get("", "resource_title")?,
        approval_request_id: row.try_get("", "approval_request_id")?,
        kind: row.try_get("", "kind")?,
        action: row.try_get("", "action")?,
        request_state: row.try_get("", "request_state")?,
        actor_name: row.try_get("", "actor_name")?,
        expiry_reason: row.try_get("", "expiry_reason")?,
        note: row.try_get("", "note")?,
        seen: row.try_get::<i32>("", "seen")? != 0,
        created_at: row.try_get("", "created_at")?,
    })
}
