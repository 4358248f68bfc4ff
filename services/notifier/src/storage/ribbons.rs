//! What a viewer sees: their own ribbons, and those for everybody on resources where they have none of their own; of both
//! only what their access lets them see (ACC-12), and asked for a decision only where they can make it (NOT-12).

use countersign_proto::inbox::RibbonKind;
use countersign_runtime::listing::{self, Rows, Seen};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::members::audience;
use super::{Storage, StorageError, failed, statement};
use crate::plan::{Access, EVERYBODY};

/// Kinds of resources that one statement reads: databases limit the parts of a compound query.
const KINDS_AT_ONCE: usize = 50;

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
    /// A `RibbonKind`, as it is for the viewer.
    pub kind: i32,
    /// The action concerned.
    pub action: String,
    /// A `RequestState`.
    pub request_state: i32,
    /// Who did it, by name.
    pub actor_name: String,
    /// Why the request expired, if it did.
    pub expiry_reason: String,
    /// The note, feedback or reason.
    pub note: String,
    /// The review that it asks to close; nil where it is about a request.
    pub review_id: Uuid,
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

    fn of(ribbon: &StoredRibbon) -> Self {
        Self { created_at: ribbon.created_at, ribbon_id: ribbon.ribbon_id }
    }
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
    /// That ask the viewer to close a review.
    pub reviews: i64,
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

/// A member with a ribbon of their own about a request on a resource, dismissed or not, is not told what everybody is told.
/// One about a review is beside that: the nil review is that of everybody's ribbon.
/// One value for each ribbon, by the whole key: of NOT EXISTS PostgreSQL may make a join that reads all ribbons of the viewer for each.
const NOT_OWN: &str = "AND (SELECT 1 FROM ribbons AS own WHERE own.account_id = $1 \
     AND own.resource_id = r.resource_id AND own.viewer_id = $2 AND own.review_id = r.review_id) IS NULL ";

const COLUMNS: &str = "r.ribbon_id, r.resource_id, r.resource_kind, r.resource_title, r.approval_request_id, r.kind, \
     r.action, r.request_state, r.actor_name, r.expiry_reason, r.note, r.review_id, r.created_at, r.audience, \
     CASE WHEN m.seen_at IS NULL THEN 0 ELSE 1 END AS seen ";

/// Both halves of what a viewer sees, each made of `select`, a piece before FROM, and `rest`, one after WHERE.
fn halves(select: &str, rest: &str) -> [String; 2] {
    let half =
        |of: &str, not_own: &str| format!("SELECT {select} {}{not_own}{rest}", VISIBLE.replace("{of}", of));
    [half("$2", ""), half("$3", NOT_OWN)]
}

/// The kind that a ribbon has for a viewer: who can't decide is not asked to (NOT-12).
fn kind_for(access: &Access, resource_kind: &str, kind: i32) -> i32 {
    if kind == RibbonKind::Decide as i32 && !access.approves(resource_kind) {
        RibbonKind::Awaiting.into()
    } else {
        kind
    }
}

/// The stored kinds that are `wanted` for the viewer on resources of `resource_kind`, as a condition.
fn stored_kinds(access: &Access, resource_kind: &str, wanted: Option<RibbonKind>) -> Option<String> {
    let (decide, awaiting) = (RibbonKind::Decide as i32, RibbonKind::Awaiting as i32);
    match wanted {
        None if !access.approves(resource_kind) => {
            Some(format!("AND r.kind <> {} ", RibbonKind::Review as i32))
        }
        None => Some(String::new()),
        Some(RibbonKind::Decide | RibbonKind::Review) if !access.approves(resource_kind) => None,
        Some(RibbonKind::Awaiting) if !access.approves(resource_kind) => {
            Some(format!("AND r.kind IN ({decide}, {awaiting}) "))
        }
        Some(kind) => Some(format!("AND r.kind = {} ", kind as i32)),
    }
}

impl Storage {
    /// At most `limit` ribbons of `viewer_id` after `after`, newest first.
    ///
    /// Each half is cut by its own index, kind by kind, before they are merged, so that a page costs what is on it. A data
    /// scope, which the database can't compare with audiences, is compared while reading.
    pub async fn ribbons(
        &self,
        account_id: Uuid,
        viewer_id: Uuid,
        access: &Access,
        filter: Filter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Seen<StoredRibbon, Position>, StorageError> {
        let read = |after, step| async move {
            let rows = self.newest(account_id, viewer_id, access, filter, after, step).await?;
            let more = rows.len() >= usize::try_from(step).unwrap_or(usize::MAX);
            Ok::<_, StorageError>(Rows { rows, more })
        };
        let key = |(ribbon, _): &(StoredRibbon, bool)| Position::of(ribbon);
        let Seen { items, next } = listing::page(limit, after, read, key, |(_, covered)| *covered).await?;
        Ok(Seen { items: items.into_iter().map(|(ribbon, _)| ribbon).collect(), next })
    }

    /// The `limit` newest ribbons after `after` of the kinds that the viewer may see, each with whether its resource lies
    /// inside the viewer's scope.
    async fn newest(
        &self,
        account_id: Uuid,
        viewer_id: Uuid,
        access: &Access,
        filter: Filter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<(StoredRibbon, bool)>, StorageError> {
        let what = "list ribbons";
        let after = after.unwrap_or(Position::START);
        let kinds: Vec<(&String, String)> = access
            .readable_kinds
            .iter()
            .filter_map(|kind| Some((kind, stored_kinds(access, kind, filter.kind)?)))
            .collect();
        let mut found = Vec::new();
        for kinds in kinds.chunks(KINDS_AT_ONCE) {
            let mut values: Vec<Value> = vec![
                account_id.into(),
                viewer_id.into(),
                EVERYBODY.into(),
                after.created_at.into(),
                after.ribbon_id.into(),
                i64::from(limit).into(),
            ];
            let mut bind = |column: &str, value: Value| {
                values.push(value);
                format!("AND r.{column} = ${} ", values.len())
            };
            let on_resource =
                filter.resource_id.map_or_else(String::new, |id| bind("resource_id", id.into()));
            let parts: Vec<String> = kinds
                .iter()
                .flat_map(|(kind, stored)| {
                    let of_kind = bind("resource_kind", kind.as_str().into());
                    let rest = format!(
                        "{of_kind}AND (r.created_at, r.ribbon_id) < ($4, $5) {on_resource}{stored}\
                         ORDER BY r.created_at DESC, r.ribbon_id DESC LIMIT $6"
                    );
                    halves(COLUMNS, &rest).map(|half| format!("SELECT * FROM ({half}) AS part"))
                })
                .collect();
            let sql =
                format!("{} ORDER BY created_at DESC, ribbon_id DESC LIMIT $6", parts.join(" UNION ALL "));
            let page = statement(&self.read, &sql, values);
            let rows = self.read.query_all_raw(page).await.map_err(failed(what))?;
            for row in &rows {
                found.push(ribbon(row, access).map_err(failed(what))?);
            }
        }
        found.sort_unstable_by_key(|(ribbon, _)| std::cmp::Reverse((ribbon.created_at, ribbon.ribbon_id)));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// How many ribbons `viewer_id` has.
    pub async fn counts(
        &self,
        account_id: Uuid,
        viewer_id: Uuid,
        access: &Access,
    ) -> Result<Counts, StorageError> {
        // The database counts; how many rows come back is how many audiences there are, and one without a scope.
        let audience = if access.scope.is_some() { "r.audience" } else { "'{}'" };
        let select = format!(
            "r.kind AS kind, r.resource_kind AS resource_kind, {audience} AS audience, m.seen_at AS seen_at"
        );
        let [own, shared] = halves(&select, "");
        let sql = format!(
            "SELECT kind, resource_kind, audience, count(*) AS total, count(*) - count(seen_at) AS unseen \
             FROM ({own} UNION ALL {shared}) AS visible GROUP BY kind, resource_kind, audience"
        );
        let what = "count ribbons";
        let values = [account_id.into(), viewer_id.into(), EVERYBODY.into()];
        let rows =
            self.read.query_all_raw(statement(&self.read, &sql, values)).await.map_err(failed(what))?;
        let mut counts = Counts::default();
        for row in &rows {
            let Some((kind, total, unseen)) = tally(row, access).map_err(failed(what))? else { continue };
            counts.unseen += unseen;
            match RibbonKind::try_from(kind) {
                Ok(RibbonKind::Decide) => counts.decide += total,
                Ok(RibbonKind::Awaiting) => counts.awaiting += total,
                Ok(RibbonKind::Result) => counts.results += total,
                Ok(RibbonKind::Review) => counts.reviews += total,
                Ok(RibbonKind::Unspecified) | Err(_) => {}
            }
        }
        Ok(counts)
    }

    /// Those of `ribbon_ids` whose resources the viewer may see.
    async fn visible(
        &self,
        account_id: Uuid,
        access: &Access,
        ribbon_ids: &[Uuid],
    ) -> Result<Vec<Uuid>, StorageError> {
        if ribbon_ids.is_empty() {
            return Ok(Vec::new());
        }
        let what = "read ribbons to mark";
        let mut values: Vec<Value> = vec![account_id.into()];
        values.extend(ribbon_ids.iter().map(|ribbon_id| Value::from(*ribbon_id)));
        let places: Vec<String> = (2..=values.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT ribbon_id, kind, resource_kind, audience FROM ribbons WHERE account_id = $1 AND ribbon_id IN ({})",
            places.join(", ")
        );
        let rows =
            self.read.query_all_raw(statement(&self.read, &sql, values)).await.map_err(failed(what))?;
        let mut visible = Vec::new();
        for row in &rows {
            if sees(row, access).map_err(failed(what))? {
                visible.push(row.try_get("", "ribbon_id").map_err(failed(what))?);
            }
        }
        Ok(visible)
    }

    /// Marks those of `ribbon_ids` that `viewer_id` may see, and says how many those are. A mark is never taken back.
    pub async fn mark(
        &self,
        account_id: Uuid,
        viewer_id: Uuid,
        access: &Access,
        ribbon_ids: &[Uuid],
        mark: Mark,
        now_us: i64,
    ) -> Result<u64, StorageError> {
        let what = "mark ribbons";
        let ribbon_ids = self.visible(account_id, access, ribbon_ids).await?;
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
            let transaction = self.write.begin().await.map_err(failed(what))?;
            let sql = MARK.replace("{lock}", "");
            for values in marks {
                let done = transaction.execute_raw(statement(&*transaction, &sql, values)).await;
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

/// What a row counts for, if the viewer may see what it counts.
fn tally(row: &QueryResult, access: &Access) -> Result<Option<(i32, i64, i64)>, DbErr> {
    if !sees(row, access)? {
        return Ok(None);
    }
    let resource_kind: String = row.try_get("", "resource_kind")?;
    let kind = kind_for(access, &resource_kind, row.try_get("", "kind")?);
    Ok(Some((kind, row.try_get("", "total")?, row.try_get("", "unseen")?)))
}

fn sees(row: &QueryResult, access: &Access) -> Result<bool, DbErr> {
    let resource_kind: String = row.try_get("", "resource_kind")?;
    // Who can't close a review is not shown that it is open.
    let review = row.try_get::<i32>("", "kind")? == RibbonKind::Review as i32;
    let may = access.reads(&resource_kind) && (!review || access.approves(&resource_kind));
    Ok(may && covered(row, access)?)
}

fn covered(row: &QueryResult, access: &Access) -> Result<bool, DbErr> {
    if access.scope.is_none() {
        return Ok(true);
    }
    let text: String = row.try_get("", "audience")?;
    Ok(access.covers(&audience(&text)))
}

fn ribbon(row: &QueryResult, access: &Access) -> Result<(StoredRibbon, bool), DbErr> {
    let resource_kind: String = row.try_get("", "resource_kind")?;
    let ribbon = StoredRibbon {
        ribbon_id: row.try_get("", "ribbon_id")?,
        resource_id: row.try_get("", "resource_id")?,
        kind: kind_for(access, &resource_kind, row.try_get("", "kind")?),
        resource_kind,
        resource_title: row.try_get("", "resource_title")?,
        approval_request_id: row.try_get("", "approval_request_id")?,
        action: row.try_get("", "action")?,
        request_state: row.try_get("", "request_state")?,
        actor_name: row.try_get("", "actor_name")?,
        expiry_reason: row.try_get("", "expiry_reason")?,
        note: row.try_get("", "note")?,
        review_id: row.try_get("", "review_id")?,
        seen: row.try_get::<i32>("", "seen")? != 0,
        created_at: row.try_get("", "created_at")?,
    };
    Ok((ribbon, covered(row, access)?))
}
