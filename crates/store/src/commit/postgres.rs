//! The guarded commit on `PostgreSQL`: one data-modifying statement, so one round trip, and all or nothing by itself.
//!
//! # Why it is right
//!
//! It runs at READ COMMITTED, in a chain of which each link takes its rows from the one before:
//!
//! 1. `account` reads the account's row FOR SHARE, if it still has the `rules_version` that was decided on. When a revoke
//!    holds the row, this waits, and after the revoke commits PostgreSQL checks the condition again on the row's newest
//!    version, not on the statement's snapshot: the version differs, and the chain ends here. When this is first, the revoke
//!    waits until this statement has committed. Either way no decision is committed after the loss of the right that it was
//!    made with (REQ-9), and the lock makes that so: a plain read of the row would see the statement's snapshot.
//! 2. `resource` updates the resource's row if it has the version before. A rival that holds the row is waited for, and the
//!    condition is checked again on what it left: of two outcomes made from one snapshot exactly one goes on (REQ-4).
//! 3. `request` inserts the request, where the partial unique index refuses a second PENDING one (REQ-2), or updates it if it
//!    has the version before and is PENDING.
//! 4. History, outbox, decision, approvers and idempotency key are inserted, and assignments ended, from what `resource`
//!    returned.
//!
//! All parts of a statement see one snapshot, and each runs to its end even if nobody reads its result. So a link that hits
//! nothing must leave nothing behind: if `account` or `resource` hit nothing, no later part has a row to work on, nothing is
//! written, and the answer is zero rows. Only `request` comes after a write. It can't miss where `resource` hit, since every
//! write of a request also counts up its resource's version; should it miss all the same, history's `sequence` is null,
//! its NOT NULL constraint fails the statement, and the resource's update is undone with it.
//!
//! Locks are taken in the order account, resource, request by every writer, so that none wait for each other in a ring.
//!
//! # Why there is an advisory lock too
//!
//! Row locks are not fair: while share locks keep coming, whoever wants the row exclusively can wait for seconds, and a
//! busy account could never revoke anybody. Advisory locks queue. So `account` first takes the account's, shared, and a
//! change of the rules takes it exclusively: it waits for the commits that are under way and those after it wait for it.
//! Nothing that is right depends on it, so two accounts may share a number.

use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, EntityTrait, Value};
use uuid::Uuid;

use super::{Lost, RequestRows, ReviewRow, Rows, Table, Tried, refused};
use crate::{
    StoreError,
    entities::{columns, decisions, history, idempotency, outbox, requests, resources, reviews, values},
    store::statement,
};

/// What a statement is for. Its text is fixed for each, so that it is prepared once. A part that writes nothing would still open
/// its table and indexes, so what seldom writes is a shape of its own.
#[derive(Clone, Copy)]
enum Shape {
    /// A new resource.
    Register,
    /// A resource changes without a request.
    Change,
    /// A request is made for whoever may approve it.
    Submit,
    /// A request is made for chosen approvers.
    SubmitTo,
    /// A request that asks everybody is changed: decided, cancelled, expired.
    Decide,
    /// The same of one with chosen approvers.
    DecideAssigned,
    /// The same, and decisions stop to count, or one is made anew (REQ-22).
    Revise,
    /// Other approvers are chosen.
    Reassign,
    /// A reminder was sent, or a comment made.
    Note,
    /// A resource changes by an emergency bypass, which opens a review.
    OpenReview,
    /// A review is closed.
    CloseReview,
}

impl Shape {
    const ALL: [Self; 11] = [
        Self::Register,
        Self::Change,
        Self::Submit,
        Self::SubmitTo,
        Self::Decide,
        Self::DecideAssigned,
        Self::Revise,
        Self::Reassign,
        Self::Note,
        Self::OpenReview,
        Self::CloseReview,
    ];

    fn of(rows: &Rows) -> Self {
        match (&rows.request, &rows.review) {
            (None, None) if rows.resource.version == 1 => Self::Register,
            (None, None) => Self::Change,
            (None, Some(ReviewRow::Open(_))) => Self::OpenReview,
            (None, Some(ReviewRow::Close(_))) => Self::CloseReview,
            (Some(RequestRows::Insert { approvers, .. }), _) if approvers.is_empty() => Self::Submit,
            (Some(RequestRows::Insert { .. }), _) => Self::SubmitTo,
            (Some(RequestRows::Update { anew, voided, .. }), _) if *anew || !voided.is_empty() => {
                Self::Revise
            }
            (Some(RequestRows::Update { request, .. }), _) if request.assigned => Self::DecideAssigned,
            (Some(RequestRows::Update { .. }), _) => Self::Decide,
            (Some(RequestRows::Reassign { .. }), _) => Self::Reassign,
            (Some(RequestRows::Noted(_)), _) => Self::Note,
        }
    }

    fn sql(self) -> &'static str {
        static TEXTS: LazyLock<[String; 11]> = LazyLock::new(|| Shape::ALL.map(text));
        &TEXTS[self as usize]
    }

    /// The part that comes after the resource and whose miss must fail the statement.
    const fn last_link(self) -> Option<&'static str> {
        match self {
            Self::Register | Self::Change => None,
            Self::OpenReview | Self::CloseReview => Some("review"),
            Self::Submit
            | Self::SubmitTo
            | Self::Decide
            | Self::DecideAssigned
            | Self::Revise
            | Self::Reassign
            | Self::Note => Some("request"),
        }
    }
}

/// On a connection, or as a part of a transaction that has counted up the account's rules itself: that one holds the locks
/// exclusively, and sees the row as it has left it.
pub(super) async fn write(database: &impl ConnectionTrait, rows: Rows) -> Result<Tried, StoreError> {
    let shape = Shape::of(&rows);
    let commit = statement(database, shape.sql(), parameters(shape, rows));
    match database.execute_raw(commit).await {
        // The last link, history, says whether the chain held.
        Ok(done) if done.rows_affected() == 1 => Ok(Tried::Done),
        Ok(_) => Ok(Tried::Conflict),
        Err(error) => refused(error, Table::Other),
    }
}

/// The number of the account's advisory lock.
pub(super) fn rules_lock(account: Uuid) -> i64 {
    // The random half of a UUIDv7.
    account.as_u64_pair().1.cast_signed()
}

/// The parameters, in the order in which [`text`] counts them.
fn parameters(shape: Shape, rows: Rows) -> Vec<Value> {
    let mut all: Vec<Value> = vec![rows.rules_version.into(), rules_lock(rows.resource.account_id).into()];
    all.extend(values(&rows.resource));
    all.extend(values(&rows.history));
    all.extend(events(&rows.outbox));
    all.extend(rows.idempotency.as_ref().map_or_else(|| idempotency::ABSENT.to_vec(), values));
    match rows.request {
        None => {}
        Some(RequestRows::Insert { request, approvers }) => {
            all.extend(values(&request));
            if !approvers.is_empty() {
                all.push(approvers.into());
            }
        }
        Some(RequestRows::Update { request, decision, lost, voided, .. }) => {
            all.extend(values(&request));
            all.extend(decision.as_ref().map_or_else(|| decisions::ABSENT.to_vec(), values));
            if matches!(shape, Shape::DecideAssigned | Shape::Revise) {
                all.extend(arrays(&lost));
            }
            if matches!(shape, Shape::Revise) {
                all.extend(arrays(&voided));
            }
        }
        Some(RequestRows::Reassign { request, approvers, removed, voided }) => {
            all.extend(values(&request));
            all.push(approvers.into());
            all.push(removed.into());
            all.extend(arrays(&voided));
        }
        Some(RequestRows::Noted(request)) => all.extend(values(&request)),
    }
    match rows.review {
        None => {}
        Some(ReviewRow::Open(review) | ReviewRow::Close(review)) => all.extend(values(&*review)),
    }
    all
}

/// What events have each for itself; the rest is the same for all that one outcome has.
const OWN: [&str; 3] = ["event_id", "event_type", "payload"];

/// The values of the outbox's columns: arrays of what is each one's own.
fn events(rows: &[outbox::Model]) -> Vec<Value> {
    let mut shared = rows.first().map(values).unwrap_or_default();
    let own: [Value; 3] = [
        rows.iter().map(|row| row.event_id).collect::<Vec<_>>().into(),
        rows.iter().map(|row| row.event_type.clone()).collect::<Vec<_>>().into(),
        rows.iter().map(|row| row.payload.clone()).collect::<Vec<_>>().into(),
    ];
    for (column, own) in OWN.into_iter().zip(own) {
        let place = columns::<outbox::Entity>().iter().position(|name| *name == column);
        if let Some(value) = place.and_then(|place| shared.get_mut(place)) {
            *value = own;
        }
    }
    shared
}

/// Who, and when.
fn arrays(lost: &[Lost]) -> [Value; 2] {
    let members: Vec<Uuid> = lost.iter().map(|lost| lost.member_id).collect();
    let times: Vec<i64> = lost.iter().map(|lost| lost.at_us).collect();
    [members.into(), times.into()]
}

fn text(shape: Shape) -> String {
    let mut next = 3;
    let resource = Row::of::<resources::Entity>("resources", &mut next);
    let history = Row::of::<history::Entity>("history", &mut next);
    let outbox = Row::of::<outbox::Entity>("outbox", &mut next);
    let key = Row::of::<idempotency::Entity>("idempotency", &mut next);

    let mut parts = vec![format!(
        "account AS MATERIALIZED (SELECT account_id FROM accounts \
         WHERE account_id = {} AND rules_version = $1 AND pg_advisory_xact_lock_shared($2) IS NOT NULL FOR SHARE)",
        resource.at("account_id")
    )];
    parts.push(match shape {
        Shape::Register => format!("resource AS ({} RETURNING version)", resource.insert("account", "")),
        _ => format!(
            "resource AS (UPDATE resources AS r SET {set} FROM account \
             WHERE r.account_id = account.account_id AND r.resource_id = {id} AND r.version = {version} - 1 \
             RETURNING r.version)",
            set = set_resource(&resource),
            id = resource.at("resource_id"),
            version = resource.at("version"),
        ),
    });
    match shape {
        Shape::Register | Shape::Change => {}
        Shape::Submit => parts.push(submit(&Row::of::<requests::Entity>("requests", &mut next))),
        Shape::SubmitTo => {
            let request = Row::of::<requests::Entity>("requests", &mut next);
            parts.extend([submit(&request), choose(&request, next)]);
        }
        Shape::Revise => {
            let request = Row::of::<requests::Entity>("requests", &mut next);
            parts.extend([change(&request), decide_anew(&mut next)]);
            parts.extend([end_assignments(&request, next), void(&request, next + 2)]);
        }
        Shape::Decide | Shape::DecideAssigned => {
            let request = Row::of::<requests::Entity>("requests", &mut next);
            parts.extend([change(&request), decide(&mut next)]);
            if matches!(shape, Shape::DecideAssigned) {
                parts.push(end_assignments(&request, next));
            }
        }
        Shape::Reassign => {
            let request = Row::of::<requests::Entity>("requests", &mut next);
            parts.extend([change(&request), choose(&request, next), dismiss(&request, next + 1)]);
            parts.push(void(&request, next + 2));
        }
        Shape::Note => parts.push(note(&Row::of::<requests::Entity>("requests", &mut next))),
        Shape::OpenReview => {
            let review = Row::of::<reviews::Entity>("reviews", &mut next);
            parts.push(format!("review AS ({} RETURNING 1 AS version)", review.insert("resource", "")));
        }
        Shape::CloseReview => parts.push(close(&Row::of::<reviews::Entity>("reviews", &mut next))),
    }
    let [ids, types, payloads] = OWN.map(|column| outbox.at(column));
    let own = format!(
        "resource CROSS JOIN unnest({ids}::uuid[], {types}::text[], {payloads}::text[]) \
         WITH ORDINALITY AS own (event_id, event_type, payload, place)"
    );
    let event = outbox.insert_as(&own, "ORDER BY own.place", |column| {
        if OWN.contains(&column) { format!("own.{column}") } else { outbox.at(column) }
    });
    parts.push(format!("event AS ({event})"));
    let given = format!("WHERE {} IS NOT NULL", key.at("key"));
    parts.push(format!("answer AS ({})", key.insert("resource", &given)));

    let entry = match shape.last_link() {
        None => history.insert("resource", ""),
        // The guard of the last link: a null sequence fails the statement.
        Some(link) => {
            let guarded = format!("CASE WHEN {link}.version IS NOT NULL THEN {} END", history.at("sequence"));
            history.insert_as(&format!("resource LEFT JOIN {link} ON true"), "", |column| {
                if column == "sequence" { guarded.clone() } else { history.at(column) }
            })
        }
    };
    format!("WITH {} {entry}", parts.join(", "))
}

/// Makes a request.
fn submit(request: &Row) -> String {
    format!("request AS ({} RETURNING version)", request.insert("resource", ""))
}

/// Makes its chosen approvers, from one parameter; those who were chosen before keep their rows.
fn choose(request: &Row, parameter: usize) -> String {
    format!(
        "approvers AS (INSERT INTO request_approvers AS ra (account_id, request_id, member_id, position) \
         SELECT {account}, {id}, chosen.member_id, chosen.position \
         FROM resource, unnest(${parameter}) WITH ORDINALITY AS chosen (member_id, position) \
         ON CONFLICT (account_id, request_id, member_id) \
         DO UPDATE SET position = excluded.position, expired_at_us = NULL, open = true)",
        account = request.at("account_id"),
        id = request.at("request_id"),
    )
}

/// Removes those who are not asked any more; none of them is among the chosen.
fn dismiss(request: &Row, parameter: usize) -> String {
    format!(
        "dismissed AS (DELETE FROM request_approvers AS ra USING resource \
         WHERE ra.account_id = {account} AND ra.request_id = {id} AND ra.member_id = ANY (${parameter}))",
        account = request.at("account_id"),
        id = request.at("request_id"),
    )
}

/// Changes a request.
fn change(request: &Row) -> String {
    let set: Vec<String> =
        requests::CHANGING.iter().map(|column| format!("{column} = {}", request.at(column))).collect();
    format!(
        "request AS (UPDATE requests AS q SET {set} FROM resource \
         WHERE q.account_id = {account} AND q.request_id = {id} AND q.version = {version} - 1 \
         AND q.state = 'PENDING' RETURNING q.version)",
        set = set.join(", "),
        account = request.at("account_id"),
        id = request.at("request_id"),
        version = request.at("version"),
    )
}

/// Notes that the reminder was sent, or how many comments there are.
fn note(request: &Row) -> String {
    format!(
        "request AS (UPDATE requests AS q SET remind_at_us = {remind_at}, comments = {comments} FROM resource \
         WHERE q.account_id = {account} AND q.request_id = {id} AND q.version = {version} \
         AND q.state = 'PENDING' RETURNING q.version)",
        remind_at = request.at("remind_at_us"),
        comments = request.at("comments"),
        account = request.at("account_id"),
        id = request.at("request_id"),
        version = request.at("version"),
    )
}

/// Adds the decision that changed the request, if one did.
fn decide(next: &mut usize) -> String {
    let decision = Row::of::<decisions::Entity>("decisions", next);
    let given = format!("WHERE {} IS NOT NULL", decision.at("member_id"));
    format!("decision AS ({})", decision.insert("resource", &given))
}

/// As [`decide`], in the place of a decision that does not count any more. Where the earlier one still counts, the null verdict fails
/// the statement (POL-3).
fn decide_anew(next: &mut usize) -> String {
    let decision = Row::of::<decisions::Entity>("decisions", next);
    let set =
        decision.columns.iter().filter(|column| !decisions::KEY.contains(column)).map(
            |column| match *column {
                "verdict" => {
                    "verdict = CASE WHEN decisions.voided_at_us IS NOT NULL THEN excluded.verdict END"
                        .to_owned()
                }
                column => format!("{column} = excluded.{column}"),
            },
        );
    let anew = format!(
        "WHERE {} IS NOT NULL ON CONFLICT ({}) DO UPDATE SET {}",
        decision.at("member_id"),
        decisions::KEY.join(", "),
        set.collect::<Vec<_>>().join(", ")
    );
    format!("decision AS ({})", decision.insert("resource", &anew))
}

/// Notes that decisions don't count any more.
fn void(request: &Row, parameter: usize) -> String {
    format!(
        "voided AS (UPDATE decisions AS d SET voided_at_us = gone.at_us \
         FROM resource, unnest(${members}, ${times}) AS gone (member_id, at_us) \
         WHERE d.account_id = {account} AND d.request_id = {id} AND d.member_id = gone.member_id \
         AND d.voided_at_us IS NULL)",
        members = parameter,
        times = parameter + 1,
        account = request.at("account_id"),
        id = request.at("request_id"),
    )
}

/// Ends the assignments of those who lost the right to decide, and closes all of them where the request has ended.
fn end_assignments(request: &Row, parameter: usize) -> String {
    format!(
        "ended AS (UPDATE request_approvers AS ra SET open = false, \
         expired_at_us = COALESCE((SELECT gone.expired_at_us FROM unnest(${members}, ${times}) AS gone (member_id, expired_at_us) \
         WHERE gone.member_id = ra.member_id), ra.expired_at_us) FROM resource \
         WHERE ra.account_id = {account} AND ra.request_id = {id} \
         AND ({state} <> 'PENDING' OR ra.member_id = ANY (${members})))",
        members = parameter,
        times = parameter + 1,
        account = request.at("account_id"),
        id = request.at("request_id"),
        state = request.at("state"),
    )
}

/// Closes a review that is open.
fn close(review: &Row) -> String {
    let set: Vec<String> =
        reviews::CLOSING.iter().map(|column| format!("{column} = {}", review.at(column))).collect();
    format!(
        "review AS (UPDATE reviews AS v SET {set} FROM resource \
         WHERE v.account_id = {account} AND v.review_id = {id} AND v.closed_at_us IS NULL RETURNING 1 AS version)",
        set = set.join(", "),
        account = review.at("account_id"),
        id = review.at("review_id"),
    )
}

/// Everything of a resource that can change. Content that stays the same is kept as it is stored, because writing 256 KiB
/// anew with each decision would cost more than all the rest: the same digest means the same content.
fn set_resource(resource: &Row) -> String {
    const FIXED: [&str; 5] = ["account_id", "resource_id", "kind", "external_id", "created_at_us"];
    let kept = |digest: &str, body: &str| {
        let (new_digest, new_body) = (resource.at(digest), resource.at(body));
        format!("{body} = CASE WHEN r.{digest} = {new_digest} THEN r.{body} ELSE {new_body} END")
    };
    let set: Vec<String> = resource
        .columns
        .iter()
        .filter(|column| !FIXED.contains(column))
        .map(|column| match *column {
            "live_body" => kept("live_digest", "live_body"),
            "staged_body" => kept("staged_digest", "staged_body"),
            column => format!("{column} = {}", resource.at(column)),
        })
        .collect();
    set.join(", ")
}

/// A row whose values are parameters, one after the other.
struct Row {
    table: &'static str,
    columns: Vec<&'static str>,
    first: usize,
}

impl Row {
    /// Takes the parameters from `next` on.
    fn of<E: EntityTrait>(table: &'static str, next: &mut usize) -> Self {
        let row = Self { table, columns: columns::<E>(), first: *next };
        *next += row.columns.len();
        row
    }

    /// The parameter of `column`.
    fn at(&self, column: &str) -> String {
        let index = self.columns.iter().position(|own| *own == column);
        // A misspelt column becomes $0, which the database refuses: the first test finds it.
        index.map_or_else(|| "$0".to_owned(), |index| format!("${}", self.first + index))
    }

    /// Inserts the row if `source` has one.
    fn insert(&self, source: &str, condition: &str) -> String {
        self.insert_as(source, condition, |column| self.at(column))
    }

    fn insert_as(&self, source: &str, condition: &str, value: impl Fn(&str) -> String) -> String {
        let values: Vec<String> = self.columns.iter().map(|column| value(column)).collect();
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {source} {condition}",
            self.table,
            self.columns.join(", "),
            values.join(", ")
        )
    }
}
