//! Reminders that are gathered into one mail.
//!
//! The first reminder for a member opens a digest: a delivery like any other, of an event of the notifier's own, that is due
//! when its span ends. Further ones are added to it. Whoever claims it closes it: what is still asked then becomes what the
//! mail is made from, in every try, and the next reminder opens another one. Each of these steps is one transaction, so that a
//! crash between them leaves either an open digest, whose lease ends and which is claimed again, or a closed one.

use countersign_proto::inbox::RibbonKind;
use countersign_proto::{event, json};
use countersign_runtime::ids;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use uuid::Uuid;

use super::deliveries::{Claim, REMINDERS, Told};
use super::members::audience;
use super::{Postage, Storage, StorageError, failed, micros, statement};
use crate::plan::{Plan, PlannedMail, Reminds};

/// The lock is held until the transaction's end: a digest is not closed between being found open and being added to.
const OPEN: &str = "INSERT INTO open_digests AS held (account_id, member_id, event_id) VALUES ($1, $2, $3) \
     ON CONFLICT (account_id, member_id) DO UPDATE SET event_id = held.event_id RETURNING event_id";

const EVENT: &str = "INSERT INTO events (account_id, event_id, event_type, occurred_at, received_at, data) \
     VALUES ($1, $2, $3, $4, $4, NULL)";

/// Planned for when it is due: until then it is not late.
const DELIVERY: &str = "INSERT INTO deliveries (account_id, event_id, member_id, channel, state, address, \
     display_name, locale, reason, message_id, attempts, created_at, due_at, last_error, time_zone) \
     VALUES ($1, $2, $3, 'MAIL', 'QUEUED', $4, $5, $6, $7, $8, 0, $9, $9, '', $10)";

const ITEM: &str = "INSERT INTO digest_items (account_id, member_id, reminder_id, resource_id, approval_request_id, \
     occurred_at, data) VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// What is still asked of the member: a request that ended, was given to others, or that they have approved already, asks by no
/// ribbon any more.
const ASKED: &str = "SELECT i.approval_request_id, i.data, r.resource_kind, r.audience FROM digest_items AS i \
     JOIN ribbons AS r ON r.account_id = i.account_id AND r.resource_id = i.resource_id \
     AND r.viewer_id = i.member_id AND r.approval_request_id = i.approval_request_id AND r.kind = $3 \
     WHERE i.account_id = $1 AND i.member_id = $2 ORDER BY i.occurred_at, i.reminder_id";

impl Storage {
    /// Adds the event's reminder to the digest of each of `plan.gathered`. In the order of their ids: two events that add to
    /// the same digests can't deadlock.
    pub(super) async fn gather(
        &self,
        transaction: &DatabaseTransaction,
        plan: &Plan,
        postage: &Postage,
        now_us: i64,
    ) -> Result<(), DbErr> {
        let (Some(reminds), Some(data)) = (&plan.reminds, &plan.data) else { return Ok(()) };
        let mut mails: Vec<&PlannedMail> = plan.gathered.iter().collect();
        mails.sort_unstable_by_key(|mail| mail.member_id);
        for mail in mails {
            let fresh = ids::new_id();
            let open = [plan.account_id.into(), mail.member_id.into(), fresh.into()];
            let row = transaction.query_one_raw(statement(transaction, OPEN, open)).await?;
            let open: Uuid = row.ok_or(DbErr::RecordNotInserted)?.try_get("", "event_id")?;
            if open == fresh {
                self.begin_digest(transaction, plan.account_id, fresh, mail, postage, now_us).await?;
            }
            let Reminds { resource_id, approval_request_id } = *reminds;
            let item: [Value; 7] = [
                plan.account_id.into(),
                mail.member_id.into(),
                plan.event_id.into(),
                resource_id.into(),
                approval_request_id.into(),
                plan.occurred_at.into(),
                data.clone().into(),
            ];
            transaction.execute_raw(statement(transaction, ITEM, item)).await?;
        }
        Ok(())
    }

    async fn begin_digest(
        &self,
        transaction: &DatabaseTransaction,
        account_id: Uuid,
        event_id: Uuid,
        mail: &PlannedMail,
        postage: &Postage,
        now_us: i64,
    ) -> Result<(), DbErr> {
        let event = [account_id.into(), event_id.into(), REMINDERS.into(), now_us.into()];
        transaction.execute_raw(statement(transaction, EVENT, event)).await?;
        let delivery: [Value; 10] = [
            account_id.into(),
            event_id.into(),
            mail.member_id.into(),
            mail.address.clone().into(),
            mail.display_name.clone().into(),
            mail.locale.clone().into(),
            mail.reason.into(),
            postage.message_id(event_id, mail.member_id).into(),
            now_us.saturating_add(micros(postage.gather)).into(),
            mail.time_zone.clone().into(),
        ];
        transaction.execute_raw(statement(transaction, DELIVERY, delivery)).await?;
        Ok(())
    }

    /// Closes the digest that `claim` is to send, if it is one that is open. None if nothing is left to be sent: then the
    /// delivery is gone.
    pub(super) async fn close_digest(
        &self,
        mut claim: Claim,
        now_us: i64,
    ) -> Result<Option<Claim>, StorageError> {
        if claim.event_type != REMINDERS || claim.told.is_some() {
            return Ok(Some(claim));
        }
        let what = "close a digest of reminders";
        let transaction = self.write.begin().await.map_err(failed(what))?;
        let asked = self.close_in(&transaction, &claim, now_us).await.map_err(failed(what))?;
        transaction.commit().await.map_err(failed(what))?;
        if asked.is_empty() {
            return Ok(None);
        }
        claim.occurred_at = now_us;
        claim.told = Some(Told::Reminders(asked));
        Ok(Some(claim))
    }

    async fn close_in(
        &self,
        transaction: &DatabaseTransaction,
        claim: &Claim,
        now_us: i64,
    ) -> Result<Vec<event::Event>, DbErr> {
        let (account_id, member_id) = (claim.account_id, claim.member_id);
        if self.is_gone(transaction, account_id).await? {
            return Ok(Vec::new());
        }
        let run = async |sql: &str, values: Vec<Value>| {
            transaction.execute_raw(statement(transaction, sql, values)).await.map(drop)
        };
        let whose = || -> Vec<Value> { vec![account_id.into(), member_id.into()] };
        // First: whoever is adding to it has to be done.
        run("DELETE FROM open_digests WHERE account_id = $1 AND member_id = $2", whose()).await?;
        let access = self.access_in(transaction, account_id, member_id).await?;
        let mut ask = whose();
        ask.push((RibbonKind::Decide as i32).into());
        let mut asked: Vec<(Uuid, event::Event)> = Vec::new();
        for row in transaction.query_all_raw(statement(transaction, ASKED, ask)).await? {
            let (kind, audience_text): (String, String) =
                (row.try_get("", "resource_kind")?, row.try_get("", "audience")?);
            let may = |access: &crate::plan::Access| {
                access.approves(&kind) && access.covers(&audience(&audience_text))
            };
            if !access.as_ref().is_none_or(may) {
                continue;
            }
            let request: Uuid = row.try_get("", "approval_request_id")?;
            let data: String = row.try_get("", "data")?;
            if let Some(event) = parse(&data) {
                // Of several reminders of one request the newest is told.
                asked.retain(|(other, _)| *other != request);
                asked.push((request, event));
            }
        }
        run("DELETE FROM digest_items WHERE account_id = $1 AND member_id = $2", whose()).await?;
        let digest: [Value; 2] = [account_id.into(), claim.event_id.into()];
        if asked.is_empty() {
            run("DELETE FROM deliveries WHERE account_id = $1 AND event_id = $2", digest.into()).await?;
            return Ok(Vec::new());
        }
        let events: Vec<event::Event> = asked.into_iter().map(|(_, event)| event).collect();
        let data = write(&events)?;
        let close = "UPDATE events SET data = $3, occurred_at = $4 WHERE account_id = $1 AND event_id = $2";
        let values = digest.into_iter().chain([data.into(), now_us.into()]).collect();
        run(close, values).await?;
        Ok(events)
    }
}

fn parse(data: &str) -> Option<event::Event> {
    json::from_value(serde_json::from_str(data).ok()?).ok()
}

fn write(events: &[event::Event]) -> Result<String, DbErr> {
    let values: Result<Vec<serde_json::Value>, _> = events.iter().map(json::to_value).collect();
    let values = values.map_err(|error| DbErr::Custom(format!("a reminder can't be written: {error}")))?;
    Ok(serde_json::Value::Array(values).to_string())
}

/// What a closed digest is made from; none while it is open.
pub(super) fn gathered(data: &str) -> Option<Vec<event::Event>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(data).ok()?;
    values.into_iter().map(|value| json::from_value(value).ok()).collect()
}
