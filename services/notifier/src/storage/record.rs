//! Taking an event: its id, its deliveries and its ribbons in one transaction.

mod postgres;
mod sqlite;

use countersign_runtime::ids;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

use super::members::{audience_text, list_text};
use super::{Storage, StorageError, failed, statement};
use crate::plan::{MemberChange, NewRibbon, Plan, RibbonChange, RibbonEffect};

/// What became of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The event was taken before; nothing was done.
    Duplicate,
    /// The plan is durable.
    New,
}

/// An event that was not taken before, and where its resource's ribbons stand.
struct Taken {
    /// Whether its account is erased, so that nothing is kept of it but its id.
    erased: bool,
    /// The sequence of the newest event that set the resource's ribbons, this one included; none if the plan has no
    /// ribbons.
    newest: Option<i64>,
}

/// What to write about ribbons, now that it is known whether the event is the newest.
enum Write<'a> {
    Nothing,
    Replace(&'a RibbonChange, &'a [NewRibbon]),
    Withdraw(&'a RibbonChange, &'a [uuid::Uuid]),
}

impl Storage {
    /// Makes `plan` durable, once, however often and however concurrently it comes (NOT-11).
    ///
    /// The resource's cursor is locked in one statement and its ribbons are changed in the next: a statement that waited
    /// for the lock would not see what the holder wrote. For the same reason the account is locked in the very first: an
    /// erasure and an event that would leave something behind wait for each other.
    pub async fn record(
        &self,
        plan: &Plan,
        message_ids: &[String],
        now_us: i64,
    ) -> Result<Recorded, StorageError> {
        let what = "record an event";
        let transaction = self.begin().await.map_err(failed(what))?;
        let recorded = self.record_in(&transaction, plan, message_ids, now_us).await.map_err(failed(what))?;
        transaction.commit().await.map_err(failed(what))?;
        Ok(recorded)
    }

    async fn record_in(
        &self,
        transaction: &DatabaseTransaction,
        plan: &Plan,
        message_ids: &[String],
        now_us: i64,
    ) -> Result<Recorded, DbErr> {
        let sqlite = self.is_sqlite();
        if !sqlite {
            postgres::lock(transaction, plan).await?;
        }
        let taken = if sqlite {
            sqlite::take(transaction, plan, now_us).await?
        } else {
            postgres::take(transaction, plan, now_us).await?
        };
        let Some(taken) = taken else { return Ok(Recorded::Duplicate) };
        if plan.erases {
            let values = [plan.account_id.into(), now_us.into()];
            transaction.execute_raw(statement(transaction, ERASURE, values)).await?;
        }
        if taken.erased {
            return Ok(Recorded::New);
        }
        if let Some(change) = &plan.access {
            if sqlite {
                sqlite::access(transaction, plan, change).await?;
            } else {
                postgres::access(transaction, plan, change).await?;
            }
        }
        let write = taken.write(plan);
        if sqlite {
            sqlite::write(transaction, plan, message_ids, &write, now_us).await?;
        } else {
            postgres::write(transaction, plan, message_ids, &write, now_us).await?;
        }
        Ok(Recorded::New)
    }
}

/// What the account still has is removed in time; that it is erased holds at once.
const ERASURE: &str =
    "INSERT INTO erasures (account_id, received_at) VALUES ($1, $2) ON CONFLICT (account_id) DO NOTHING";

/// How far the cursor is moved: a withdrawal moves it nowhere, since an older event may still have to set the ribbons
/// that it withdraws from, but it takes its lock.
fn cursor_target(change: &RibbonChange) -> i64 {
    match change.effect {
        RibbonEffect::Replace(_) => change.sequence,
        // Below every sequence there is: sequences begin at 0.
        RibbonEffect::Withdraw(_) => -1,
    }
}

impl Taken {
    fn write<'a>(&self, plan: &'a Plan) -> Write<'a> {
        let (Some(newest), Some(change)) = (self.newest, &plan.ribbons) else { return Write::Nothing };
        if newest > change.sequence {
            return Write::Nothing;
        }
        match &change.effect {
            RibbonEffect::Replace(ribbons) => Write::Replace(change, ribbons),
            RibbonEffect::Withdraw(member_ids) => Write::Withdraw(change, member_ids),
        }
    }
}

/// What a member's scope becomes: the property, and its values as JSON.
fn scope(member: &MemberChange) -> (Option<String>, String) {
    let scope = member.access.scope.as_ref();
    let values = scope.map_or_else(|| "[]".to_owned(), |scope| list_text(&scope.values));
    (scope.map(|scope| scope.property.clone()), values)
}

fn new_ribbon_id() -> uuid::Uuid {
    ids::new_id()
}
