//! Taking an event: its id, its deliveries and its ribbons in one transaction.

mod postgres;
mod sqlite;

use std::time::Duration;

use countersign_proto::inbox::RibbonKind;
use countersign_runtime::ids;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::members::{audience_text, list_text};
use super::{Storage, StorageError, failed, statement};
use crate::mail::message_id;
use crate::plan::{AccountStateChange, MemberChange, NewRibbon, Plan, RibbonChange, RibbonEffect};

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
    Add(&'a RibbonChange, &'a [NewRibbon]),
    Withdraw(&'a RibbonChange, &'a [Uuid]),
    Review(&'a RibbonChange, Uuid, Vec<NewRibbon>),
}

/// What mail is sent with, as far as it is settled when an event is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postage {
    /// The right-hand side of Message-IDs.
    pub domain: String,
    /// How long reminders to one member are gathered; zero sends each at once.
    pub gather: Duration,
}

impl Postage {
    pub(super) fn message_id(&self, event_id: Uuid, member_id: Uuid) -> String {
        message_id(event_id, member_id, &self.domain)
    }
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
        postage: &Postage,
        now_us: i64,
    ) -> Result<Recorded, StorageError> {
        let what = "record an event";
        let transaction = self.write.begin().await.map_err(failed(what))?;
        let recorded = self.record_in(&transaction, plan, postage, now_us).await.map_err(failed(what))?;
        transaction.commit().await.map_err(failed(what))?;
        Ok(recorded)
    }

    async fn record_in(
        &self,
        transaction: &DatabaseTransaction,
        plan: &Plan,
        postage: &Postage,
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
        if let Some(AccountStateChange { version, state }) = &plan.account_state {
            let values = [plan.account_id.into(), state.clone().into(), (*version).into()];
            transaction.execute_raw(statement(transaction, ACCOUNT_STATE, values)).await?;
        }
        let preferred = self.preferred(transaction, plan, postage).await?;
        let plan = preferred.as_ref().unwrap_or(plan);
        let write = self.review(transaction, plan, taken.write(plan)).await?;
        if sqlite {
            sqlite::write(transaction, plan, postage, &write, now_us).await?;
        } else {
            postgres::write(transaction, plan, postage, &write, now_us).await?;
        }
        self.gather(transaction, plan, postage, now_us).await?;
        if plan.mails.is_empty() && plan.data.is_some() {
            // Nobody is told by this event's own mail.
            let values = [plan.account_id.into(), plan.event_id.into()];
            transaction.execute_raw(statement(transaction, FORGET, values)).await?;
        }
        Ok(Recorded::New)
    }

    /// What is left of the plan when each is told as they prefer (NOT-14); none if there is nothing to prefer.
    async fn preferred(
        &self,
        transaction: &DatabaseTransaction,
        plan: &Plan,
        postage: &Postage,
    ) -> Result<Option<Plan>, DbErr> {
        let member_ids = plan.choosers();
        if member_ids.is_empty() {
            return Ok(None);
        }
        let preferences = self.preferences_of(transaction, plan.account_id, &member_ids).await?;
        Ok(Some(plan.preferred(&preferences, !postage.gather.is_zero())))
    }

    /// Settles what is about a review: whichever of its two events comes first, once it is closed it asks nobody. The
    /// resource's cursor is locked, so that the two don't miss each other.
    async fn review<'a>(
        &self,
        transaction: &DatabaseTransaction,
        plan: &'a Plan,
        write: Write<'a>,
    ) -> Result<Write<'a>, DbErr> {
        let Some(change) = &plan.ribbons else { return Ok(write) };
        let closed = |review_id: Uuid| [plan.account_id.into(), review_id.into()];
        match &change.effect {
            RibbonEffect::Replace(_) | RibbonEffect::Add(_) | RibbonEffect::Withdraw(_) => Ok(write),
            RibbonEffect::Review { review_id, viewers } => {
                let is_closed = statement(transaction, IS_CLOSED, closed(*review_id));
                if transaction.query_one_raw(is_closed).await?.is_some() {
                    return Ok(Write::Nothing);
                }
                let asks = |viewer_id: &Uuid| NewRibbon { viewer_id: *viewer_id, kind: RibbonKind::Review };
                Ok(Write::Review(change, *review_id, viewers.iter().map(asks).collect()))
            }
            RibbonEffect::CloseReview(review_id) => {
                transaction.execute_raw(statement(transaction, CLOSE, closed(*review_id))).await?;
                let place = [plan.account_id.into(), change.resource_id.into(), (*review_id).into()];
                transaction.execute_raw(statement(transaction, UNASK, place)).await?;
                Ok(Write::Nothing)
            }
        }
    }
}

const IS_CLOSED: &str = "SELECT 1 FROM closed_reviews WHERE account_id = $1 AND review_id = $2";

const CLOSE: &str =
    "INSERT INTO closed_reviews (account_id, review_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";

const UNASK: &str = "DELETE FROM ribbons WHERE account_id = $1 AND resource_id = $2 AND review_id = $3";

const FORGET: &str = "UPDATE events SET data = NULL WHERE account_id = $1 AND event_id = $2";

/// The newest holds, in whichever order they come.
const ACCOUNT_STATE: &str = "INSERT INTO account_states AS held (account_id, state, version) VALUES ($1, $2, $3) \
     ON CONFLICT (account_id) DO UPDATE SET state = excluded.state, version = excluded.version \
     WHERE held.version < excluded.version";

/// What the account still has is removed in time; that it is erased holds at once.
const ERASURE: &str =
    "INSERT INTO erasures (account_id, received_at) VALUES ($1, $2) ON CONFLICT (account_id) DO NOTHING";

/// How far the cursor is moved: a withdrawal moves it nowhere, since an older event may still have to set the ribbons
/// that it withdraws from, nor does what is about a review, but both take its lock.
fn cursor_target(change: &RibbonChange) -> i64 {
    match change.effect {
        RibbonEffect::Replace(_) | RibbonEffect::Add(_) => change.sequence,
        // Below every sequence there is: sequences begin at 0.
        RibbonEffect::Withdraw(_) | RibbonEffect::Review { .. } | RibbonEffect::CloseReview(_) => -1,
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
            RibbonEffect::Add(ribbons) => Write::Add(change, ribbons),
            RibbonEffect::Withdraw(member_ids) => Write::Withdraw(change, member_ids),
            RibbonEffect::Review { .. } | RibbonEffect::CloseReview(_) => Write::Nothing,
        }
    }
}

/// What a member's scope becomes: the property, and its values as JSON.
fn scope(member: &MemberChange) -> (Option<String>, String) {
    let scope = member.access.scope.as_ref();
    let values = scope.map_or_else(|| "[]".to_owned(), |scope| list_text(&scope.values));
    (scope.map(|scope| scope.property.clone()), values)
}

fn new_ribbon_id() -> Uuid {
    ids::new_id()
}
