//! Writes to what decisions rely on: accounts, members, policy. Each counts up the account's `rules_version`, so that every
//! decision made on what was before is refused (REQ-9).
//!
//! They are rare, so they are written statement by statement in a transaction on both databases. Their first statement locks
//! the account's row exclusively: on `PostgreSQL` it waits for decisions that are being committed, and later ones wait for it.

use countersign_domain::{Account, AccountId, Member, Policy};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait,
    IntoActiveModel, QueryFilter, Value,
};

use super::{Committed, Table, Tried, insert, postgres::rules_lock};
use crate::{
    IdempotencyRecord, OutboxRow, Store, StoreError,
    entities::{accounts, idempotency, members, outbox, policies},
    error::failed,
    list::count_pending_on,
    store::statement,
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
    /// What a repeated call is answered (REQ-18).
    pub idempotency: Option<IdempotencyRecord>,
}

/// What becomes of a member.
#[derive(Clone, Debug)]
pub enum MemberWrite {
    /// A new member.
    Insert(Member),
    /// The member after the change: guarded by its version before, one less.
    Update(Member),
}

/// A change of a member, with what it was based on.
#[derive(Clone, Debug)]
pub struct MemberCommit {
    /// The account.
    pub account_id: AccountId,
    /// The account's `rules_version` in the snapshot that was decided on.
    pub rules_version: i64,
    /// What is written.
    pub member: MemberWrite,
    /// What a repeated call is answered (REQ-18).
    pub idempotency: Option<IdempotencyRecord>,
}

/// A change of a policy, with what it was based on.
#[derive(Clone, Debug)]
pub struct PolicyCommit {
    /// The account.
    pub account_id: AccountId,
    /// The account's `rules_version` in the snapshot that was decided on.
    pub rules_version: i64,
    /// The policy after the change.
    pub policy: Policy,
    /// Whether to refuse the change while requests of the area are pending. It is checked under the account's lock, so no
    /// request can be made in between.
    pub only_without_pending: bool,
    /// The event that tells of it.
    pub outbox: Option<OutboxRow>,
    /// What a repeated call is answered (REQ-18).
    pub idempotency: Option<IdempotencyRecord>,
}

impl Store {
    /// Creates an account with its first Admin.
    pub async fn create_account(&self, creation: AccountCreation) -> Result<Committed, StoreError> {
        let transaction = self.begin().await.map_err(failed("create an account"))?;
        let AccountCreation { account, admin, policies, idempotency } = creation;
        let mut steps = Steps::new(&transaction);
        steps.insert(accounts::Model::from(&account), Table::Accounts).await?;
        steps.insert(members::Model::from(&admin), Table::Members).await?;
        for policy in &policies {
            steps.insert(policies::Model::of(account.id, policy), Table::Policies).await?;
        }
        let tried = steps.answer(idempotency.as_ref()).await?;
        self.finish(transaction, tried, idempotency.as_ref()).await
    }

    /// Adds or changes a member.
    pub async fn commit_member(&self, commit: MemberCommit) -> Result<Committed, StoreError> {
        let transaction = self.begin().await.map_err(failed("write a member"))?;
        let MemberCommit { account_id, rules_version, member, idempotency } = commit;
        let mut steps = Steps::new(&transaction);
        steps.count_up(account_id, rules_version).await?;
        match member {
            MemberWrite::Insert(member) => {
                steps.insert(members::Model::from(&member), Table::Members).await?;
            }
            MemberWrite::Update(member) => steps.update_member((&member).into()).await?,
        }
        let tried = steps.answer(idempotency.as_ref()).await?;
        self.finish(transaction, tried, idempotency.as_ref()).await
    }

    /// Writes a policy.
    pub async fn commit_policy(&self, commit: PolicyCommit) -> Result<Committed, StoreError> {
        let transaction = self.begin().await.map_err(failed("write a policy"))?;
        let PolicyCommit { account_id, rules_version, policy, only_without_pending, outbox, idempotency } =
            commit;
        let mut steps = Steps::new(&transaction);
        steps.count_up(account_id, rules_version).await?;
        if only_without_pending && steps.tried == Tried::Done {
            let pending = count_pending_on(&transaction, account_id, &policy.area).await?;
            if pending > 0 {
                transaction.rollback().await.map_err(failed("write a policy"))?;
                return Ok(Committed::StillPending(pending));
            }
        }
        steps.write_policy(account_id, &policy).await?;
        if let Some(event) = &outbox {
            steps.insert(outbox::Model::from(event), Table::Other).await?;
        }
        let tried = steps.answer(idempotency.as_ref()).await?;
        self.finish(transaction, tried, idempotency.as_ref()).await
    }

    async fn finish(
        &self,
        transaction: DatabaseTransaction,
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

/// The statements of a transaction; those after one that failed are passed over.
struct Steps<'a> {
    transaction: &'a DatabaseTransaction,
    tried: Tried,
}

impl<'a> Steps<'a> {
    const fn new(transaction: &'a DatabaseTransaction) -> Self {
        Self { transaction, tried: Tried::Done }
    }

    async fn insert<M, A>(&mut self, model: M, table: Table) -> Result<(), StoreError>
    where
        M: IntoActiveModel<A>,
        A: ActiveModelTrait,
    {
        if self.tried == Tried::Done {
            self.tried = insert(self.transaction, model, table).await?;
        }
        Ok(())
    }

    /// The guard, and the locks that come with it: see `super::postgres` for why there are two.
    async fn count_up(&mut self, account: AccountId, rules_version: i64) -> Result<(), StoreError> {
        let mut sql =
            "UPDATE accounts SET rules_version = rules_version + 1 WHERE account_id = $1 AND rules_version = $2".to_owned();
        let mut values: Vec<Value> = vec![account.0.into(), rules_version.into()];
        if self.transaction.get_database_backend() == DbBackend::Postgres {
            sql.push_str(" AND pg_advisory_xact_lock($3) IS NOT NULL");
            values.push(rules_lock(account.0).into());
        }
        let done = self.transaction.execute_raw(statement(self.transaction, &sql, values)).await;
        self.tried = match done {
            Ok(done) if done.rows_affected() == 1 => Tried::Done,
            Ok(_) => Tried::Conflict,
            Err(error) => super::refused(error, Table::Other)?,
        };
        Ok(())
    }

    async fn update_member(&mut self, member: members::Model) -> Result<(), StoreError> {
        if self.tried != Tried::Done {
            return Ok(());
        }
        let updated = members::Entity::update_many()
            .filter(members::Column::AccountId.eq(member.account_id))
            .filter(members::Column::MemberId.eq(member.member_id))
            .filter(members::Column::Version.eq(member.version - 1))
            .set(member.into_active_model().reset_all())
            .exec(self.transaction)
            .await;
        self.tried = match updated {
            Ok(done) if done.rows_affected == 1 => Tried::Done,
            Ok(_) => Tried::Conflict,
            Err(error) => super::refused(error, Table::Members)?,
        };
        Ok(())
    }

    /// Version 1 is the first that differs from the defaults.
    async fn write_policy(&mut self, account: AccountId, policy: &Policy) -> Result<(), StoreError> {
        let model = policies::Model::of(account, policy);
        if policy.version <= 1 {
            return self.insert(model, Table::Policies).await;
        }
        if self.tried != Tried::Done {
            return Ok(());
        }
        let updated = policies::Entity::update_many()
            .filter(policies::Column::AccountId.eq(model.account_id))
            .filter(policies::Column::Area.eq(model.area.clone()))
            .filter(policies::Column::Version.eq(model.version - 1))
            .set(model.into_active_model().reset_all())
            .exec(self.transaction)
            .await
            .map_err(failed("write a policy"))?;
        if updated.rows_affected != 1 {
            self.tried = Tried::Conflict;
        }
        Ok(())
    }

    /// The last step.
    async fn answer(mut self, idempotency: Option<&IdempotencyRecord>) -> Result<Tried, StoreError> {
        if let Some(record) = idempotency {
            self.insert(idempotency::Model::from(record), Table::Idempotency).await?;
        }
        Ok(self.tried)
    }
}
