//! Writes to what decisions rely on: accounts, members, roles, invitations, policy. Each counts up the account's
//! `rules_version`, so that every decision made on what was before is refused (REQ-9).
//!
//! They are rare, so they are written statement by statement in a transaction on both databases. Their first statement locks
//! the account's row exclusively: on `PostgreSQL` it waits for decisions that are being committed, and later ones wait for it.

use countersign_database::Writing;
use countersign_domain::{
    Account, AccountId, Actor, ActorRef, Area, Member, Outcome, Policy, RequestId, RulesWrite, Timestamp,
    history::account::{self, AccountChange},
    loss::Concern,
};

use super::{Commit, Committed, Tried, steps::Steps};
use crate::{
    IdempotencyRecord, OutboxRow, Store, StoreError, error::failed, list::count_pending_on,
    settling::concerned_ids,
};

/// A new account.
#[derive(Clone, Debug)]
pub struct AccountCreation {
    /// The account.
    pub account: Account,
    /// Its first Admin.
    pub admin: Member,
    /// Policies that differ from the defaults.
    pub policies: Vec<Policy>,
    /// The events that tell of it.
    pub outbox: Vec<OutboxRow>,
    /// What a repeated call is answered (REQ-18).
    pub idempotency: Option<IdempotencyRecord>,
}

/// Who changed the rules, when, and what history says of it (ACC-17).
#[derive(Clone, Debug)]
pub struct Record {
    /// Who.
    pub by: ActorRef,
    /// When.
    pub at: Timestamp,
    /// What changed, in the order of the writes.
    pub changes: Vec<AccountChange>,
}

/// A change of the rules, with what it was based on. All of it is written or nothing.
#[derive(Clone, Debug)]
pub struct RulesCommit {
    /// The account.
    pub account_id: AccountId,
    /// The account's `rules_version` in the snapshot that was decided on.
    pub rules_version: i64,
    /// What is written, in this order.
    pub writes: Vec<RulesWrite>,
    /// What the account's history says of it.
    pub record: Record,
    /// The pending requests that it concerns, where they are few: refused if others are by then, since whoever is assigned in
    /// the last moment must be settled too.
    pub concerned: Option<Concerned>,
    /// Those of them that are settled with it (REQ-10).
    pub settled: Vec<Settled>,
    /// Whether more are to be settled: a sweep is then owed.
    pub sweep: bool,
    /// The events that tell of it.
    pub outbox: Vec<OutboxRow>,
    /// Refuses the change while requests of this area are pending: a workflow is not switched on again before all that it had
    /// is reverted (POL-2). It is checked under the account's lock.
    pub only_without_pending: Option<Area>,
    /// The addresses that an invitation is mailed to: refused beyond the limits of an hour.
    pub posted: Vec<String>,
    /// Whether decisions rely on none of it, so that `rules_version` stays and only guards it.
    pub leaves_the_rules: bool,
    /// What a repeated call is answered (REQ-18).
    pub idempotency: Option<IdempotencyRecord>,
}

/// The pending requests that a change of the rules concerns, as they were read.
#[derive(Clone, Debug)]
pub struct Concerned {
    /// What concerns them.
    pub concern: Concern,
    /// All of them, oldest first.
    pub requests: Vec<RequestId>,
}

/// A request that is settled with a change of the rules.
#[derive(Clone, Debug)]
pub struct Settled {
    /// What was decided.
    pub outcome: Outcome,
    /// When time alone changes the resource next, as it is then (LIF-17).
    pub due_at: Option<Timestamp>,
    /// The event that tells of it.
    pub outbox: Vec<OutboxRow>,
}

impl Store {
    /// Creates an account with its first Admin.
    pub async fn create_account(&self, creation: AccountCreation) -> Result<Committed, StoreError> {
        let transaction = self.write.begin().await.map_err(failed("create an account"))?;
        let AccountCreation { account, admin, policies, outbox, idempotency } = creation;
        let mut steps = Steps::new(&transaction, account.id);
        steps.create(&account).await?;
        let changes = account::created(&account, &admin);
        // Accounts are the platform's operator's to create.
        let record = Record { by: Actor::Platform.to_ref(), at: account.created_at, changes };
        let mut writes = vec![RulesWrite::InsertMember(admin)];
        writes.extend(policies.into_iter().map(RulesWrite::Policy));
        steps.write(&writes).await?;
        steps.record(record).await?;
        for event in &outbox {
            steps.tell(event).await?;
        }
        let tried = steps.answer(idempotency.as_ref()).await?;
        self.finish(transaction, tried, idempotency.as_ref()).await
    }

    /// Writes a change of the rules if they are as they were in the snapshot, and with it the requests that it settles, if
    /// those are as they were too.
    pub async fn commit_rules(&self, commit: RulesCommit) -> Result<Committed, StoreError> {
        // Boxed: the statements of every kind of write are in it.
        Box::pin(self.write_rules(commit)).await
    }

    async fn write_rules(&self, commit: RulesCommit) -> Result<Committed, StoreError> {
        const WHAT: &str = "change the rules";
        let RulesCommit {
            account_id,
            rules_version,
            writes,
            record,
            concerned,
            settled,
            sweep,
            outbox,
            only_without_pending,
            posted,
            leaves_the_rules,
            idempotency,
        } = commit;
        let transaction = self.write.begin().await.map_err(failed(WHAT))?;
        let mut steps = Steps::new(&transaction, account_id);
        if leaves_the_rules {
            steps.hold(rules_version).await?;
        } else {
            steps.count_up(rules_version).await?;
        }
        steps.post(&posted, record.at).await?;
        if let (Tried::Done, Some(area)) = (steps.tried, &only_without_pending) {
            let pending = count_pending_on(&*transaction, account_id, area).await?;
            if pending > 0 {
                transaction.rollback().await.map_err(failed(WHAT))?;
                return Ok(Committed::StillPending(pending));
            }
        }
        if let (Tried::Done, Some(Concerned { concern, requests })) = (steps.tried, &concerned) {
            // Under the account's lock, so none can be submitted between this and the commit.
            let now = concerned_ids(&transaction, self.backend, account_id, concern, requests.len()).await?;
            if now != *requests {
                steps.tried = Tried::Conflict;
            }
        }
        steps.write(&writes).await?;
        steps.record(record).await?;
        let rules_version = rules_version + 1;
        for Settled { outcome, due_at, outbox } in settled {
            let commit = Commit { account_id, rules_version, outcome, due_at, outbox, idempotency: None };
            steps.settle(commit).await?;
        }
        if sweep {
            steps.owe_sweep(rules_version).await?;
        }
        for event in &outbox {
            steps.tell(event).await?;
        }
        let tried = steps.answer(idempotency.as_ref()).await?;
        self.finish(transaction, tried, idempotency.as_ref()).await
    }

    async fn finish(
        &self,
        transaction: Writing,
        tried: Tried,
        idempotency: Option<&IdempotencyRecord>,
    ) -> Result<Committed, StoreError> {
        let what = failed("commit");
        if tried == Tried::Done {
            transaction.commit().await.map_err(what)?;
        } else {
            transaction.rollback().await.map_err(what)?;
        }
        self.settle(tried, idempotency).await
    }
}
