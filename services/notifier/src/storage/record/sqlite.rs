//! On `SQLite` a statement costs no round trip, so each row is its own.

use std::collections::HashMap;

use countersign_proto::inbox::RibbonKind;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::{Taken, Write, audience_text, cursor_target, list_text, new_ribbon_id, scope};
use crate::plan::{AccessChange, NewRibbon, Plan, RibbonChange};
use crate::storage::{Postage, statement};

pub(super) async fn take(tx: &DatabaseTransaction, plan: &Plan, now_us: i64) -> Result<Option<Taken>, DbErr> {
    let erased = statement(tx, "SELECT 1 FROM erasures WHERE account_id = $1", [plan.account_id.into()]);
    let erased = tx.query_one_raw(erased).await?.is_some();
    let event = execute(
        tx,
        "INSERT INTO events (account_id, event_id, event_type, occurred_at, received_at, data) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        [
            plan.account_id.into(),
            plan.event_id.into(),
            plan.event_type.clone().into(),
            plan.occurred_at.into(),
            now_us.into(),
            plan.data.clone().filter(|_| !erased).into(),
        ],
    );
    if event.await? == 0 {
        return Ok(None);
    }
    let Some(change) = plan.ribbons.as_ref().filter(|_| !erased) else {
        return Ok(Some(Taken { erased, newest: None }));
    };
    let cursor = statement(
        tx,
        "INSERT INTO ribbon_cursors (account_id, resource_id, sequence) VALUES ($1, $2, $3) \
         ON CONFLICT (account_id, resource_id) DO UPDATE SET sequence = max(sequence, excluded.sequence) \
         RETURNING sequence",
        [plan.account_id.into(), change.resource_id.into(), cursor_target(change).into()],
    );
    let row = tx.query_one_raw(cursor).await?.ok_or_else(|| DbErr::RecordNotInserted)?;
    Ok(Some(Taken { erased, newest: Some(row.try_get("", "sequence")?) }))
}

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
        Write::Withdraw(change, member_ids) => {
            for member_id in *member_ids {
                withdraw(tx, plan, change, *member_id).await?;
            }
        }
        Write::Review(change, review_id, ribbons) => make(tx, plan, change, *review_id, ribbons).await?,
    }
    locales(tx, plan).await?;
    for mail in &plan.mails {
        execute(
            tx,
            "INSERT INTO deliveries (account_id, event_id, member_id, channel, state, address, display_name, locale, \
             reason, message_id, attempts, created_at, due_at, last_error, time_zone) \
             VALUES ($1, $2, $3, 'MAIL', 'QUEUED', $4, $5, $6, $7, $8, 0, $9, $9, '', $10)",
            [
                plan.account_id.into(),
                plan.event_id.into(),
                mail.member_id.into(),
                mail.address.clone().into(),
                mail.display_name.clone().into(),
                mail.locale.clone().into(),
                mail.reason.into(),
                postage.message_id(plan.event_id, mail.member_id).into(),
                now_us.into(),
                mail.time_zone.clone().into(),
            ],
        )
        .await?;
    }
    Ok(())
}

/// Removes what these take the place of: all that the resource had, or what their viewers had. A ribbon that would be made again as
/// it is stays, with its marks, and is of this event from now on. What another event of the same sequence made stays too: the event
/// had more recipients than one names.
async fn clear(
    tx: &DatabaseTransaction,
    plan: &Plan,
    change: &RibbonChange,
    ribbons: &[NewRibbon],
    all: bool,
) -> Result<(), DbErr> {
    let kinds: HashMap<Uuid, i32> =
        ribbons.iter().map(|ribbon| (ribbon.viewer_id, ribbon.kind as i32)).collect();
    let place: [Value; 4] =
        [plan.account_id.into(), change.resource_id.into(), Uuid::nil().into(), change.sequence.into()];
    let held = "SELECT ribbon_id, viewer_id, kind, approval_request_id FROM ribbons \
         WHERE account_id = $1 AND resource_id = $2 AND review_id = $3 AND sequence < $4";
    for row in tx.query_all_raw(statement(tx, held, place)).await? {
        let (viewer_id, kind): (Uuid, i32) = (row.try_get("", "viewer_id")?, row.try_get("", "kind")?);
        let request: Uuid = row.try_get("", "approval_request_id")?;
        let made = kinds.get(&viewer_id);
        if !all && made.is_none() {
            continue;
        }
        let same = request == change.approval_request_id && made == Some(&kind);
        let ribbon_id: Uuid = row.try_get("", "ribbon_id")?;
        let sql = if same {
            "UPDATE ribbons SET sequence = $3 WHERE account_id = $1 AND ribbon_id = $2"
        } else {
            "DELETE FROM ribbons WHERE account_id = $1 AND ribbon_id = $2 AND sequence < $3"
        };
        execute(tx, sql, [plan.account_id.into(), ribbon_id.into(), change.sequence.into()]).await?;
    }
    execute(
        tx,
        "DELETE FROM ribbon_withdrawals WHERE account_id = $1 AND resource_id = $2 AND sequence < $3",
        [plan.account_id.into(), change.resource_id.into(), change.sequence.into()],
    )
    .await?;
    Ok(())
}

async fn make(
    tx: &DatabaseTransaction,
    plan: &Plan,
    change: &RibbonChange,
    review_id: Uuid,
    ribbons: &[NewRibbon],
) -> Result<(), DbErr> {
    for ribbon in ribbons {
        execute(
            tx,
            "INSERT INTO ribbons (account_id, ribbon_id, viewer_id, resource_id, resource_kind, resource_title, \
             approval_request_id, kind, action, request_state, actor_name, expiry_reason, note, created_at, \
             audience, review_id, sequence) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $16, $17, $18 \
             WHERE $8 <> $15 OR NOT EXISTS (SELECT 1 FROM ribbon_withdrawals WHERE account_id = $1 \
             AND resource_id = $4 AND approval_request_id = $7 AND member_id = $3) \
             ON CONFLICT (account_id, resource_id, viewer_id, review_id) DO NOTHING",
            [
                plan.account_id.into(),
                new_ribbon_id().into(),
                ribbon.viewer_id.into(),
                change.resource_id.into(),
                change.resource_kind.clone().into(),
                change.resource_title.clone().into(),
                change.approval_request_id.into(),
                (ribbon.kind as i32).into(),
                change.action.clone().into(),
                change.request_state.into(),
                change.actor_name.clone().into(),
                change.expiry_reason.clone().into(),
                change.note.clone().into(),
                plan.occurred_at.into(),
                (RibbonKind::Decide as i32).into(),
                audience_text(&change.audience).into(),
                review_id.into(),
                change.sequence.into(),
            ],
        )
        .await?;
    }
    Ok(())
}

async fn withdraw(
    tx: &DatabaseTransaction,
    plan: &Plan,
    change: &RibbonChange,
    member_id: Uuid,
) -> Result<(), DbErr> {
    execute(
        tx,
        "INSERT INTO ribbon_withdrawals (account_id, resource_id, approval_request_id, member_id, sequence) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        [
            plan.account_id.into(),
            change.resource_id.into(),
            change.approval_request_id.into(),
            member_id.into(),
            change.sequence.into(),
        ],
    )
    .await?;
    execute(
        tx,
        "DELETE FROM ribbons WHERE account_id = $1 AND resource_id = $2 AND viewer_id = $3 \
         AND approval_request_id = $4 AND kind = $5",
        [
            plan.account_id.into(),
            change.resource_id.into(),
            member_id.into(),
            change.approval_request_id.into(),
            (RibbonKind::Decide as i32).into(),
        ],
    )
    .await?;
    Ok(())
}

/// The languages that the event names.
async fn locales(tx: &DatabaseTransaction, plan: &Plan) -> Result<(), DbErr> {
    for (member_id, locale) in &plan.locales {
        execute(
            tx,
            "INSERT INTO member_locales AS held (account_id, member_id, locale, occurred_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account_id, member_id) DO UPDATE SET locale = excluded.locale, \
             occurred_at = excluded.occurred_at WHERE held.occurred_at <= excluded.occurred_at",
            [plan.account_id.into(), (*member_id).into(), locale.clone().into(), plan.occurred_at.into()],
        )
        .await?;
    }
    Ok(())
}

/// Of two events about a member the one with the higher sequence stays, whichever comes first.
pub(super) async fn access(
    tx: &DatabaseTransaction,
    plan: &Plan,
    change: &AccessChange,
) -> Result<(), DbErr> {
    for member in &change.members {
        let (scope_property, scope_values) = scope(member);
        execute(
            tx,
            "INSERT INTO members AS held (account_id, member_id, active, readable_kinds, approvable_kinds, \
             scope_property, scope_values, sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (account_id, member_id) DO UPDATE SET active = excluded.active, \
             readable_kinds = excluded.readable_kinds, approvable_kinds = excluded.approvable_kinds, \
             scope_property = excluded.scope_property, scope_values = excluded.scope_values, \
             sequence = excluded.sequence WHERE held.sequence <= excluded.sequence",
            [
                plan.account_id.into(),
                member.member_id.into(),
                member.active.into(),
                list_text(&member.access.readable_kinds).into(),
                list_text(&member.access.approvable_kinds).into(),
                scope_property.into(),
                scope_values.into(),
                change.sequence.into(),
            ],
        )
        .await?;
    }
    Ok(())
}

async fn execute(
    tx: &DatabaseTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected())
}
