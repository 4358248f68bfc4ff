//! On `PostgreSQL` a statement costs a round trip, so one writes many rows, and each SQL text is constant: it is prepared
//! once, however many rows it writes.

use countersign_proto::inbox::RibbonKind;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::{Taken, Write, audience_text, cursor_target, list_text, new_ribbon_id, scope};
use crate::plan::{AccessChange, NewRibbon, Plan, PlannedMail, RibbonChange};
use crate::storage::members::lock_account;
use crate::storage::{Postage, statement};

/// Until the transaction's end: what keeps something of the account shares the lock, an erasure has it alone. So an erasure
/// begins when all that came before it is there to be removed, and all that comes after it finds it.
pub(super) async fn lock(tx: &DatabaseTransaction, plan: &Plan) -> Result<(), DbErr> {
    let sql = if plan.erases {
        "SELECT pg_advisory_xact_lock($1)"
    } else if plan.keeps() {
        "SELECT pg_advisory_xact_lock_shared($1)"
    } else {
        return Ok(());
    };
    lock_account(tx, plan.account_id, sql).await
}

pub(super) async fn take(tx: &DatabaseTransaction, plan: &Plan, now_us: i64) -> Result<Option<Taken>, DbErr> {
    let mut values: Vec<Value> = vec![
        plan.account_id.into(),
        plan.event_id.into(),
        plan.event_type.clone().into(),
        plan.occurred_at.into(),
        now_us.into(),
        plan.data.clone().into(),
    ];
    let Some(change) = &plan.ribbons else {
        let row = tx.query_one_raw(statement(tx, EVENT, values)).await?;
        return row.map(|row| Ok(Taken { erased: row.try_get("", "erased")?, newest: None })).transpose();
    };
    values.extend([change.resource_id.into(), cursor_target(change).into()]);
    let row = tx.query_one_raw(statement(tx, EVENT_AND_CURSOR, values)).await?;
    row.map(|row| Ok(Taken { erased: row.try_get("", "erased")?, newest: row.try_get("", "sequence")? }))
        .transpose()
}

const EVENT: &str = "WITH account AS (SELECT EXISTS (SELECT 1 FROM erasures WHERE account_id = $1) AS erased), \
     fresh AS ( \
       INSERT INTO events (account_id, event_id, event_type, occurred_at, received_at, data) \
       SELECT $1, $2, $3, $4, $5, CASE WHEN account.erased THEN NULL ELSE $6 END FROM account \
       ON CONFLICT (account_id, event_id) DO NOTHING RETURNING account_id) \
     SELECT account.erased FROM fresh CROSS JOIN account";

const EVENT_AND_CURSOR: &str = "WITH account AS ( \
       SELECT EXISTS (SELECT 1 FROM erasures WHERE account_id = $1) AS erased), \
     fresh AS ( \
       INSERT INTO events (account_id, event_id, event_type, occurred_at, received_at, data) \
       SELECT $1, $2, $3, $4, $5, CASE WHEN account.erased THEN NULL ELSE $6 END FROM account \
       ON CONFLICT (account_id, event_id) DO NOTHING RETURNING account_id), \
     resource AS ( \
       INSERT INTO ribbon_cursors AS held (account_id, resource_id, sequence) \
       SELECT fresh.account_id, $7, $8 FROM fresh CROSS JOIN account WHERE NOT account.erased \
       ON CONFLICT (account_id, resource_id) DO UPDATE SET sequence = greatest(held.sequence, excluded.sequence) \
       RETURNING sequence) \
     SELECT account.erased, (SELECT sequence FROM resource) AS sequence FROM fresh CROSS JOIN account";

pub(super) async fn write(
    tx: &DatabaseTransaction,
    plan: &Plan,
    postage: &Postage,
    write: &Write<'_>,
    now_us: i64,
) -> Result<(), DbErr> {
    match write {
        Write::Nothing => {}
        Write::Replace(change, ribbons) => {
            clear(tx, plan, change, ribbons, true).await?;
            make(tx, plan, change, Uuid::nil(), ribbons).await?;
        }
        Write::Add(change, ribbons) => {
            clear(tx, plan, change, ribbons, false).await?;
            make(tx, plan, change, Uuid::nil(), ribbons).await?;
        }
        Write::Withdraw(change, member_ids) => withdraw(tx, plan, change, member_ids).await?,
        Write::Review(change, review_id, ribbons) => make(tx, plan, change, *review_id, ribbons).await?,
    }
    locales(tx, plan).await?;
    if plan.mails.is_empty() {
        return Ok(());
    }
    let column = |field: fn(&PlannedMail) -> String| -> Value {
        plan.mails.iter().map(field).collect::<Vec<_>>().into()
    };
    let values: [Value; 10] = [
        plan.account_id.into(),
        plan.event_id.into(),
        now_us.into(),
        plan.mails.iter().map(|mail| mail.member_id).collect::<Vec<_>>().into(),
        column(|mail| mail.address.clone()),
        column(|mail| mail.display_name.clone()),
        column(|mail| mail.locale.clone()),
        plan.mails.iter().map(|mail| mail.reason).collect::<Vec<_>>().into(),
        plan.mails
            .iter()
            .map(|mail| postage.message_id(plan.event_id, mail.member_id))
            .collect::<Vec<_>>()
            .into(),
        column(|mail| mail.time_zone.clone()),
    ];
    tx.execute_raw(statement(tx, DELIVERIES, values)).await?;
    Ok(())
}

const DELIVERIES: &str = "INSERT INTO deliveries (account_id, event_id, member_id, channel, state, address, \
     display_name, locale, time_zone, reason, message_id, attempts, created_at, due_at, last_error) \
     SELECT $1, $2, member_id, 'MAIL', 'QUEUED', address, display_name, locale, time_zone, reason, message_id, 0, $3, $3, '' \
     FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::text[], $10::text[]) \
     AS planned (member_id, address, display_name, locale, reason, message_id, time_zone)";

async fn make(
    tx: &DatabaseTransaction,
    plan: &Plan,
    change: &RibbonChange,
    review_id: Uuid,
    ribbons: &[NewRibbon],
) -> Result<(), DbErr> {
    if ribbons.is_empty() {
        return Ok(());
    }
    let values: [Value; 18] = [
        plan.account_id.into(),
        change.resource_id.into(),
        change.approval_request_id.into(),
        change.resource_kind.clone().into(),
        change.resource_title.clone().into(),
        change.action.clone().into(),
        change.request_state.into(),
        change.actor_name.clone().into(),
        change.expiry_reason.clone().into(),
        change.note.clone().into(),
        plan.occurred_at.into(),
        (RibbonKind::Decide as i32).into(),
        ribbons.iter().map(|_| new_ribbon_id()).collect::<Vec<_>>().into(),
        ribbons.iter().map(|ribbon| ribbon.viewer_id).collect::<Vec<_>>().into(),
        ribbons.iter().map(|ribbon| ribbon.kind as i32).collect::<Vec<_>>().into(),
        audience_text(&change.audience).into(),
        review_id.into(),
        change.sequence.into(),
    ];
    tx.execute_raw(statement(tx, RIBBONS, values)).await?;
    Ok(())
}

/// Removes what these take the place of: all that the resource had, or what their viewers had.
async fn clear(
    tx: &DatabaseTransaction,
    plan: &Plan,
    change: &RibbonChange,
    ribbons: &[NewRibbon],
    all: bool,
) -> Result<(), DbErr> {
    let values: [Value; 7] = [
        plan.account_id.into(),
        change.resource_id.into(),
        change.sequence.into(),
        change.approval_request_id.into(),
        ribbons.iter().map(|ribbon| ribbon.viewer_id).collect::<Vec<_>>().into(),
        ribbons.iter().map(|ribbon| ribbon.kind as i32).collect::<Vec<_>>().into(),
        all.into(),
    ];
    tx.execute_raw(statement(tx, CLEAR, values)).await?;
    Ok(())
}

/// A ribbon that would be made again as it is stays, with its marks, and is of this event from now on. What another event of the
/// same sequence made stays too: the event had more recipients than one names.
const CLEAR: &str = "WITH past AS ( \
       DELETE FROM ribbon_withdrawals WHERE account_id = $1 AND resource_id = $2 AND sequence < $3), \
     made AS (SELECT viewer_id, kind FROM unnest($5::uuid[], $6::integer[]) AS made (viewer_id, kind)), \
     kept AS (UPDATE ribbons SET sequence = $3 WHERE account_id = $1 AND resource_id = $2 AND sequence < $3 \
       AND review_id = '00000000-0000-0000-0000-000000000000' AND approval_request_id = $4 \
       AND (viewer_id, kind) IN (SELECT viewer_id, kind FROM made)) \
     DELETE FROM ribbons WHERE account_id = $1 AND resource_id = $2 AND sequence < $3 \
     AND review_id = '00000000-0000-0000-0000-000000000000' AND ($7 OR viewer_id = ANY ($5::uuid[])) \
     AND NOT (approval_request_id = $4 AND (viewer_id, kind) IN (SELECT viewer_id, kind FROM made))";

const RIBBONS: &str = "INSERT INTO ribbons (account_id, ribbon_id, viewer_id, resource_id, resource_kind, \
     resource_title, approval_request_id, kind, action, request_state, actor_name, expiry_reason, note, created_at, \
     audience, review_id, sequence) \
     SELECT $1, made.ribbon_id, made.viewer_id, $2, $4, $5, $3, made.kind, $6, $7, $8, $9, $10, $11, $16, $17, $18 \
     FROM unnest($13::uuid[], $14::uuid[], $15::integer[]) AS made (ribbon_id, viewer_id, kind) \
     WHERE made.kind <> $12 OR NOT EXISTS (SELECT 1 FROM ribbon_withdrawals AS past WHERE past.account_id = $1 \
     AND past.resource_id = $2 AND past.approval_request_id = $3 AND past.member_id = made.viewer_id) \
     ON CONFLICT (account_id, resource_id, viewer_id, review_id) DO NOTHING";

async fn withdraw(
    tx: &DatabaseTransaction,
    plan: &Plan,
    change: &RibbonChange,
    member_ids: &[Uuid],
) -> Result<(), DbErr> {
    let values: [Value; 6] = [
        plan.account_id.into(),
        change.resource_id.into(),
        change.approval_request_id.into(),
        member_ids.to_vec().into(),
        change.sequence.into(),
        (RibbonKind::Decide as i32).into(),
    ];
    tx.execute_raw(statement(tx, WITHDRAW, values)).await?;
    Ok(())
}

const WITHDRAW: &str = "WITH past AS ( \
       INSERT INTO ribbon_withdrawals (account_id, resource_id, approval_request_id, member_id, sequence) \
       SELECT $1, $2, $3, member_id, $5 FROM unnest($4::uuid[]) AS lost (member_id) ON CONFLICT DO NOTHING) \
     DELETE FROM ribbons WHERE account_id = $1 AND resource_id = $2 AND viewer_id = ANY ($4::uuid[]) \
     AND approval_request_id = $3 AND kind = $6";

/// The languages that the event names, where they are new: most events name what is known, and then lock nothing.
async fn locales(tx: &DatabaseTransaction, plan: &Plan) -> Result<(), DbErr> {
    if plan.locales.is_empty() {
        return Ok(());
    }
    let values: [Value; 4] = [
        plan.account_id.into(),
        plan.locales.keys().copied().collect::<Vec<_>>().into(),
        plan.locales.values().cloned().collect::<Vec<_>>().into(),
        plan.occurred_at.into(),
    ];
    tx.execute_raw(statement(tx, LOCALES, values)).await?;
    Ok(())
}

const LOCALES: &str = "INSERT INTO member_locales AS held (account_id, member_id, locale, occurred_at) \
     SELECT $1, named.member_id, named.locale, $4 FROM unnest($2::uuid[], $3::text[]) AS named (member_id, locale) \
     WHERE NOT EXISTS (SELECT 1 FROM member_locales AS known WHERE known.account_id = $1 \
     AND known.member_id = named.member_id AND (known.locale = named.locale OR known.occurred_at > $4)) \
     ORDER BY named.member_id \
     ON CONFLICT (account_id, member_id) DO UPDATE SET locale = excluded.locale, occurred_at = excluded.occurred_at \
     WHERE held.occurred_at <= excluded.occurred_at";

/// Of two events about a member the one with the higher sequence stays, whichever comes first.
pub(super) async fn access(
    tx: &DatabaseTransaction,
    plan: &Plan,
    change: &AccessChange,
) -> Result<(), DbErr> {
    let members = &change.members;
    let (properties, scopes): (Vec<_>, Vec<_>) = members.iter().map(scope).unzip();
    let values: [Value; 8] = [
        plan.account_id.into(),
        change.sequence.into(),
        members.iter().map(|member| member.member_id).collect::<Vec<_>>().into(),
        members.iter().map(|member| member.active).collect::<Vec<_>>().into(),
        members.iter().map(|member| list_text(&member.access.readable_kinds)).collect::<Vec<_>>().into(),
        members.iter().map(|member| list_text(&member.access.approvable_kinds)).collect::<Vec<_>>().into(),
        // An array holds no NULL here; no property has an empty name.
        properties.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().into(),
        scopes.into(),
    ];
    tx.execute_raw(statement(tx, MEMBERS, values)).await?;
    Ok(())
}

const MEMBERS: &str = "INSERT INTO members AS held (account_id, member_id, active, readable_kinds, approvable_kinds, \
     scope_property, scope_values, sequence) \
     SELECT $1, named.member_id, named.active, named.readable, named.approvable, nullif(named.property, ''), \
     named.scope, $2 \
     FROM unnest($3::uuid[], $4::boolean[], $5::text[], $6::text[], $7::text[], $8::text[]) \
     AS named (member_id, active, readable, approvable, property, scope) \
     ON CONFLICT (account_id, member_id) DO UPDATE SET active = excluded.active, \
     readable_kinds = excluded.readable_kinds, approvable_kinds = excluded.approvable_kinds, \
     scope_property = excluded.scope_property, scope_values = excluded.scope_values, sequence = excluded.sequence \
     WHERE held.sequence <= excluded.sequence";
