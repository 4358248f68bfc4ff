//! The statements of a change of the rules, one after the other in a transaction; those after one that failed are passed over.

use countersign_domain::{
    Account, AccountId, Invitation, InvitationId, Member, MemberId, Policy, Role, RoleId, RulesWrite,
    Timestamp, history::account, invitation::address_key, limits, text,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, ExprTrait, IntoActiveModel, NotSet, QueryFilter, Set, Value, sea_query::Expr,
};

use super::{
    Commit, MailLimit, Rows, Table, Tried, insert, members as batch, postgres, record, refused,
    rules::Record, sqlite,
};
use crate::{
    IdempotencyRecord, OutboxRow, StoreError,
    entities::{
        accounts, idempotency, invitations, lifecycle_retirements, lifecycles, members, outbox, policies,
        policy_revisions, roles,
    },
    error::failed,
    store::statement,
};

pub(super) struct Steps<'a> {
    transaction: &'a DatabaseTransaction,
    account: AccountId,
    pub(super) tried: Tried,
    /// Invitations that were withdrawn with their addresses.
    withdrawn: Vec<InvitationId>,
}

impl<'a> Steps<'a> {
    pub(super) const fn new(transaction: &'a DatabaseTransaction, account: AccountId) -> Self {
        Self { transaction, account, tried: Tried::Done, withdrawn: Vec::new() }
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

    /// The guard.
    pub(super) async fn count_up(&mut self, rules_version: i64) -> Result<(), StoreError> {
        let counted =
            count_up(self.transaction, self.account, "rules_version = $2", rules_version.into()).await;
        self.hit(counted.map(|version| u64::from(version.is_some())), Table::Other)
    }

    /// The guard of what decisions don't rely on: the version stays.
    pub(super) async fn hold(&mut self, rules_version: i64) -> Result<(), StoreError> {
        let held = lock(self.transaction, self.account, "rules_version = $2", rules_version.into(), 0).await;
        self.hit(held.map(|version| u64::from(version.is_some())), Table::Other)
    }

    /// Counts the mails to these addresses, under the account's lock, and forgets the hours before.
    pub(super) async fn post(&mut self, addresses: &[String], at: Timestamp) -> Result<(), StoreError> {
        const FORGET: &str = "DELETE FROM invitation_mails WHERE account_id = $1 AND hour_us < $2";
        const COUNT: &str = "INSERT INTO invitation_mails AS held (account_id, address_key, hour_us, sent) \
             VALUES ($1, $2, $3, 1) ON CONFLICT (account_id, address_key, hour_us) \
             DO UPDATE SET sent = held.sent + 1 WHERE held.sent < $4";
        let what = "count mails with invitations";
        if addresses.is_empty() || self.tried != Tried::Done {
            return Ok(());
        }
        let Timestamp(hour_us) = at.hour();
        let forget = vec![self.account.0.into(), hour_us.into()];
        let forget = self.transaction.execute_raw(statement(self.transaction, FORGET, forget)).await;
        forget.map_err(failed(what))?;
        for address in addresses {
            for (key, most, limit) in [
                (address_key(address), limits::INVITATION_MAILS_TO_ONE, MailLimit::Address),
                (String::new(), limits::INVITATION_MAILS, MailLimit::Account),
            ] {
                let values = vec![self.account.0.into(), key.into(), hour_us.into(), most.into()];
                let done = self.transaction.execute_raw(statement(self.transaction, COUNT, values)).await;
                if done.map_err(failed(what))?.rows_affected() == 0 {
                    self.tried = Tried::TooManyMails(limit);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A new account.
    pub(super) async fn create(&mut self, account: &Account) -> Result<(), StoreError> {
        self.insert(accounts::Model::from(account), Table::Accounts).await
    }

    /// All of them, in their order; but members in a row are written together.
    pub(super) async fn write(&mut self, writes: &[RulesWrite]) -> Result<(), StoreError> {
        let mut run = Run::default();
        for write in writes {
            match write {
                RulesWrite::InsertMember(member) | RulesWrite::UpdateMember(member) => {
                    self.check_account(member.account_id)?;
                    if run.has(member.id) {
                        self.flush(&mut run).await?;
                    }
                    run.add(member, matches!(write, RulesWrite::InsertMember(_)));
                }
                other => {
                    self.flush(&mut run).await?;
                    if self.tried == Tried::Done {
                        self.write_one(other).await?;
                    }
                }
            }
        }
        self.flush(&mut run).await
    }

    async fn write_one(&mut self, write: &RulesWrite) -> Result<(), StoreError> {
        match write {
            RulesWrite::Account(account) => self.update_account(account).await,
            RulesWrite::InsertRole(role) => {
                self.check_account(role.account_id)?;
                self.insert(roles::Model::from(role), Table::Roles).await
            }
            RulesWrite::UpdateRole(role) => self.update_role(role).await,
            RulesWrite::DeleteRole(id) => self.delete_role(*id).await,
            RulesWrite::Policy(policy) => self.write_policy(policy).await,
            RulesWrite::RecordPolicy(policy, by) => {
                self.insert(policy_revisions::Model::of(self.account, policy, by), Table::Other).await
            }
            RulesWrite::InsertLifecycle(registered) => {
                self.insert(lifecycles::Model::of(self.account, registered), Table::Other).await
            }
            RulesWrite::RetireLifecycle(registered) => {
                let row = lifecycle_retirements::Model::of(self.account, registered).ok_or(
                    StoreError::Unstorable { what: "the retirement of a lifecycle that was not retired" },
                )?;
                self.insert(row, Table::Other).await
            }
            RulesWrite::InsertInvitation(invitation) => {
                self.check_account(invitation.account_id)?;
                self.insert(invitations::Model::from(invitation), Table::Invitations).await
            }
            RulesWrite::UpdateInvitation(invitation) => self.update_invitation(invitation).await,
            RulesWrite::WithdrawInvitations(addresses) => self.withdraw_invitations(addresses).await,
            // Written in runs.
            RulesWrite::InsertMember(_) | RulesWrite::UpdateMember(_) => Ok(()),
        }
    }

    /// First those that are there already: one of them may give an address up.
    async fn flush(&mut self, run: &mut Run) -> Result<(), StoreError> {
        let Run { inserted, updated, .. } = std::mem::take(run);
        if self.tried == Tried::Done && !updated.is_empty() {
            self.tried = batch::update(self.transaction, self.account, &updated).await?;
        }
        if self.tried == Tried::Done && !inserted.is_empty() {
            self.tried = batch::insert(self.transaction, self.account, &inserted).await?;
        }
        Ok(())
    }

    /// Name, features and state: the version has been counted up, and the rest never changes.
    async fn update_account(&mut self, account: &Account) -> Result<(), StoreError> {
        self.check_account(account.id)?;
        let row = accounts::Model::from(account);
        let changes = accounts::ActiveModel {
            name: Set(row.name),
            features: Set(row.features),
            state: Set(row.state),
            erase_at_us: Set(row.erase_at_us),
            time_zone: Set(row.time_zone),
            ..Default::default()
        };
        let before = Condition::all().add(accounts::Column::AccountId.eq(account.id.0));
        self.update::<accounts::Entity>(changes, before, Table::Accounts).await
    }

    async fn update_role(&mut self, role: &Role) -> Result<(), StoreError> {
        self.check_account(role.account_id)?;
        let row = roles::Model::from(role);
        let before = Condition::all()
            .add(roles::Column::AccountId.eq(row.account_id))
            .add(roles::Column::RoleId.eq(row.role_id))
            .add(roles::Column::Version.eq(row.version - 1));
        // A name that stays keeps its key: of two roles from before there were keys, one has another than its name's.
        let key = Expr::case(
            Expr::col(roles::Column::Name).eq(row.name.clone()),
            Expr::col(roles::Column::NameFolded),
        )
        .finally(row.name_folded.clone());
        let mut changes = row.into_active_model().reset_all();
        changes.name_folded = NotSet;
        let updated = roles::Entity::update_many()
            .filter(before)
            .set(changes)
            .col_expr(roles::Column::NameFolded, key.into())
            .exec(self.transaction)
            .await;
        self.hit(updated.map(|done| done.rows_affected), Table::Roles)
    }

    async fn delete_role(&mut self, role: RoleId) -> Result<(), StoreError> {
        let deleted = roles::Entity::delete_many()
            .filter(roles::Column::AccountId.eq(self.account.0))
            .filter(roles::Column::RoleId.eq(role.0))
            .exec(self.transaction)
            .await;
        self.hit(deleted.map(|done| done.rows_affected), Table::Roles)
    }

    async fn update_invitation(&mut self, invitation: &Invitation) -> Result<(), StoreError> {
        self.check_account(invitation.account_id)?;
        let row = invitations::Model::from(invitation);
        let before = Condition::all()
            .add(invitations::Column::AccountId.eq(row.account_id))
            .add(invitations::Column::InvitationId.eq(row.invitation_id))
            .add(invitations::Column::Version.eq(row.version - 1));
        let changes = row.into_active_model().reset_all();
        self.update::<invitations::Entity>(changes, before, Table::Invitations).await
    }

    /// However many of the addresses have one.
    async fn withdraw_invitations(&mut self, addresses: &[String]) -> Result<(), StoreError> {
        let folded: Vec<String> = addresses.iter().map(|address| text::key(address)).collect();
        let (among, folded): (&str, Value) = match self.transaction.get_database_backend() {
            DbBackend::Postgres => ("= ANY ($2)", folded.into()),
            _ => ("IN (SELECT value FROM json_each($2))", serde_json::Value::from(folded).to_string().into()),
        };
        let sql = format!(
            "UPDATE invitations SET state = 'WITHDRAWN', version = version + 1 \
             WHERE account_id = $1 AND state = 'PENDING' AND email_folded {among} RETURNING invitation_id"
        );
        let values = vec![self.account.0.into(), folded];
        let what = failed("withdraw invitations");
        let rows =
            self.transaction.query_all_raw(statement(self.transaction, &sql, values)).await.map_err(what)?;
        for row in rows {
            self.withdrawn.push(InvitationId(row.try_get_by_index(0).map_err(what)?));
        }
        Ok(())
    }

    /// What history says of it all (ACC-17).
    pub(super) async fn record(&mut self, mut record: Record) -> Result<(), StoreError> {
        let withdrawn = std::mem::take(&mut self.withdrawn);
        record.changes.extend(withdrawn.into_iter().map(account::withdrawn));
        if self.tried == Tried::Done {
            record::append(self.transaction, self.account, &record).await?;
        }
        Ok(())
    }

    /// Version 1 is the first that differs from the defaults.
    pub(super) async fn write_policy(&mut self, policy: &Policy) -> Result<(), StoreError> {
        let row = policies::Model::of(self.account, policy);
        if policy.version <= 1 {
            return self.insert(row, Table::Policies).await;
        }
        if self.tried != Tried::Done {
            return Ok(());
        }
        let before = Condition::all()
            .add(policies::Column::AccountId.eq(row.account_id))
            .add(policies::Column::Area.eq(row.area.clone()))
            .add(policies::Column::Version.eq(row.version - 1));
        self.update::<policies::Entity>(row.into_active_model().reset_all(), before, Table::Policies).await
    }

    /// Requests that the change settles: each with the guards of any other outcome, and `rules_version` as this transaction has
    /// left it.
    pub(super) async fn settle(&mut self, commit: Commit) -> Result<(), StoreError> {
        if self.tried == Tried::Done {
            let rows = Rows::of(commit)?;
            self.tried = if self.transaction.get_database_backend() == DbBackend::Postgres {
                postgres::write(self.transaction, rows).await?
            } else {
                sqlite::write_in(self.transaction, rows).await?
            };
        }
        Ok(())
    }

    /// Notes that pending requests are still to be settled.
    pub(super) async fn owe_sweep(&mut self, rules_version: i64) -> Result<(), StoreError> {
        if self.tried != Tried::Done {
            return Ok(());
        }
        let sql = "INSERT INTO sweeps (account_id, rules_version) VALUES ($1, $2)";
        let values = vec![self.account.0.into(), rules_version.into()];
        let done = self.transaction.execute_raw(statement(self.transaction, sql, values)).await;
        self.hit(done.map(|done| done.rows_affected()), Table::Other)
    }

    pub(super) async fn tell(&mut self, event: &OutboxRow) -> Result<(), StoreError> {
        self.check_account(event.account_id)?;
        self.insert(outbox::Model::from(event), Table::Other).await
    }

    /// The last step.
    pub(super) async fn answer(
        mut self,
        idempotency: Option<&IdempotencyRecord>,
    ) -> Result<Tried, StoreError> {
        if let Some(record) = idempotency {
            self.insert(idempotency::Model::from(record), Table::Idempotency).await?;
        }
        Ok(self.tried)
    }

    async fn update<E: EntityTrait>(
        &mut self,
        changes: impl ActiveModelTrait<Entity = E>,
        before: Condition,
        table: Table,
    ) -> Result<(), StoreError> {
        let updated = E::update_many().filter(before).set(changes).exec(self.transaction).await;
        self.hit(updated.map(|done| done.rows_affected), table)
    }

    /// What a statement that should change one row says.
    fn hit(&mut self, rows: Result<u64, DbErr>, table: Table) -> Result<(), StoreError> {
        self.tried = match rows {
            Ok(1) => Tried::Done,
            Ok(_) => Tried::Conflict,
            Err(error) => refused(error, table)?,
        };
        Ok(())
    }

    fn check_account(&self, account: AccountId) -> Result<(), StoreError> {
        if account == self.account {
            return Ok(());
        }
        Err(StoreError::Unstorable { what: "a change of the rules whose parts don't belong together" })
    }
}

/// Counts up the account's rules where `condition` holds, of which `value` is the parameter `$2`, and locks them until the
/// transaction's end: see `super::postgres` for why there are two locks. Answers with the new version.
pub(crate) async fn count_up(
    transaction: &DatabaseTransaction,
    account: AccountId,
    condition: &str,
    value: Value,
) -> Result<Option<i64>, DbErr> {
    lock(transaction, account, condition, value, 1).await
}

/// As [`count_up`], by `steps`.
async fn lock(
    transaction: &DatabaseTransaction,
    account: AccountId,
    condition: &str,
    value: Value,
    steps: u8,
) -> Result<Option<i64>, DbErr> {
    let mut values: Vec<Value> = vec![account.0.into(), value];
    let lock = if transaction.get_database_backend() == DbBackend::Postgres {
        values.push(postgres::rules_lock(account.0).into());
        " AND pg_advisory_xact_lock($3) IS NOT NULL"
    } else {
        ""
    };
    let sql = format!(
        "UPDATE accounts SET rules_version = rules_version + {steps} \
         WHERE account_id = $1 AND {condition}{lock} RETURNING rules_version"
    );
    let row = transaction.query_one_raw(statement(transaction, &sql, values)).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// Members in a row, each once.
#[derive(Default)]
struct Run {
    ids: std::collections::HashSet<MemberId>,
    inserted: Vec<members::Model>,
    updated: Vec<members::Model>,
}

impl Run {
    fn has(&self, member: MemberId) -> bool {
        self.ids.contains(&member)
    }

    fn add(&mut self, member: &Member, new: bool) {
        self.ids.insert(member.id);
        let rows = if new { &mut self.inserted } else { &mut self.updated };
        rows.push(member.into());
    }
}
