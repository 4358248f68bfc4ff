//! Erasing accounts whose deletion was not taken back in time.
//!
//! Step by step, each a transaction of its own: a large account is gone after many short ones, and one that was interrupted is
//! taken up by whoever comes next. History stays: the database itself refuses to change it (HIS-2). Events that are not
//! published yet stay until they are.

use countersign_domain::{AccountId, Member, MemberState, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};

use crate::{
    OutboxRow, Store, StoreError,
    commit::{Table, Tried, count_up, insert, update_members},
    entities::{members as rows, outbox},
    error::{Corruption, failed},
    members,
    store::statement,
};

/// What is deleted, row by row: what refers to something before what it refers to, so that no request is ever without its
/// resource. Beside each table what follows the account in its key: in that order the key's index is read, and not the table,
/// however few of its rows are the account's.
const TABLES: [(&str, &str); 11] = [
    ("idempotency", "actor"),
    ("invitations", "invitation_id"),
    ("invitation_mails", "address_key"),
    ("sweeps", "rules_version"),
    ("request_approvers", "request_id"),
    ("decisions", "request_id"),
    ("requests", "request_id"),
    ("reviews", "review_id"),
    ("timer_claims", "resource_id"),
    ("resources", "resource_id"),
    ("member_roles", "member_id"),
];

const WHAT: &str = "erase an account";

impl Store {
    /// Accounts whose time of grace is over at `now`, those first that waited longest.
    pub async fn accounts_to_erase(&self, now: Timestamp, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        let what = failed("read the accounts to erase");
        let sql = "SELECT account_id FROM accounts WHERE state = 'DELETED' AND erase_at_us <= $1 \
            ORDER BY erase_at_us LIMIT $2";
        let select = statement(&self.read, sql, vec![now.0.into(), i64::from(limit).into()]);
        let rows = self.read.query_all_raw(select).await.map_err(what)?;
        rows.iter().map(|row| row.try_get_by_index(0).map(AccountId).map_err(what)).collect()
    }

    /// Erases a part of an account, at most `limit` rows. Nothing happens to an account that is not due, or not any more. With the
    /// last part goes `told`, the event that tells of it; its sequence is set to the account's `rules_version`.
    pub async fn erase_account(
        &self,
        account: AccountId,
        now: Timestamp,
        limit: u32,
        told: OutboxRow,
    ) -> Result<Erased, StoreError> {
        let what = failed(WHAT);
        let transaction = self.write.begin().await.map_err(what)?;
        let step = Step { transaction: &transaction, store: self, account };
        let erased = match step.is_due(now).await? {
            None => Erased::NotDue,
            Some(_) if step.take(limit.max(1)).await? => Erased::Part,
            Some(version) => {
                let told = outbox::Model::from(&OutboxRow { sequence: version, ..told });
                if insert(&transaction, told, Table::Other).await? != Tried::Done {
                    return Err(StoreError::Unstorable { what: "an event that is told already" });
                }
                Erased::All
            }
        };
        transaction.commit().await.map_err(what)?;
        Ok(erased)
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// A part is gone: more is left for another step.
    Part,
    /// All is gone.
    All,
    /// Nothing was done: the account is not due.
    NotDue,
}

struct Step<'a> {
    transaction: &'a DatabaseTransaction,
    store: &'a Store,
    account: AccountId,
}

impl Step<'_> {
    async fn execute(&self, sql: &str, more: Vec<Value>) -> Result<u64, StoreError> {
        let mut values: Vec<Value> = vec![self.account.0.into()];
        values.extend(more);
        let done = self.transaction.execute_raw(statement(self.transaction, sql, values)).await;
        Ok(done.map_err(failed(WHAT))?.rows_affected())
    }

    /// The account's new version if it is to be erased; and keeps it so until the step's end, as a change of the rules does. Every
    /// decision that was made before is refused.
    async fn is_due(&self, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let is_due = "state = 'DELETED' AND erase_at_us <= $2";
        count_up(self.transaction, self.account, is_due, now.0.into()).await.map_err(failed(WHAT))
    }

    /// Whether more is left after it.
    async fn take(&self, limit: u32) -> Result<bool, StoreError> {
        let mut left = u64::from(limit);
        for (table, key) in TABLES {
            left = left.saturating_sub(self.delete(table, key, left).await?);
            if left == 0 {
                return Ok(true);
            }
        }
        if self.anonymise(left).await? == left {
            return Ok(true);
        }
        // At most a few hundred: roles are limited, and so are areas.
        self.execute("DELETE FROM roles WHERE account_id = $1", Vec::new()).await?;
        self.execute("DELETE FROM policies WHERE account_id = $1", Vec::new()).await?;
        let erased = "UPDATE accounts SET state = 'ERASED', erase_at_us = NULL, name = '', features = '', time_zone = '' \
            WHERE account_id = $1";
        self.execute(erased, Vec::new()).await?;
        Ok(false)
    }

    async fn delete(&self, table: &str, key: &str, limit: u64) -> Result<u64, StoreError> {
        let sql = match self.transaction.get_database_backend() {
            DbBackend::Postgres => format!(
                "DELETE FROM {table} WHERE ctid = ANY (ARRAY( \
                 SELECT ctid FROM {table} WHERE account_id = $1 ORDER BY {key} LIMIT $2))"
            ),
            _ => format!(
                "DELETE FROM {table} WHERE rowid IN ( \
                 SELECT rowid FROM {table} WHERE account_id = $1 ORDER BY {key} LIMIT $2)"
            ),
        };
        self.execute(&sql, vec![i64::try_from(limit).unwrap_or(i64::MAX).into()]).await
    }

    /// Members stay, without anything that tells who they were, because history names them; the names and notes in history stay
    /// too (HIS-2). Their address holds a blank, so it is nobody's who was added: those have none.
    async fn anonymise(&self, limit: u64) -> Result<u64, StoreError> {
        let source = "(SELECT * FROM members WHERE account_id = $1 AND NOT (state = 'REVOKED' \
            AND display_name = 'erased' AND locale = 'en' AND time_zone = '' AND email_folded LIKE 'erased %') \
            ORDER BY member_id LIMIT $2) AS m";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![self.account.0.into(), limit.into()];
        let known =
            members::collected(self.transaction, self.store.backend, self.account, source, values).await?;
        let erased: Vec<rows::Model> =
            known.iter().map(|member| rows::Model::from(&anonymous(member))).collect();
        if update_members(self.transaction, self.account, &erased).await? != Tried::Done {
            // Nobody else writes members while the account is locked.
            let problem = "can't be made anonymous: another member has the address of an erased one";
            return Err(Corruption::new("members", "email", self.account.to_string(), problem).into());
        }
        Ok(erased.len() as u64)
    }
}

fn anonymous(member: &Member) -> Member {
    Member {
        email: format!("erased {}", member.id),
        display_name: "erased".to_owned(),
        locale: "en".to_owned(),
        time_zone: None,
        system_role: None,
        roles: Vec::new(),
        approval_right: false,
        state: MemberState::Revoked,
        version: member.version + 1,
        ..*member
    }
}
