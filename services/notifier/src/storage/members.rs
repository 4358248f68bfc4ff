//! What a member may see and decide, as the newest access event about them says.

use std::collections::BTreeSet;

use icu_normalizer::ComposingNormalizerBorrowed;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult};
use uuid::Uuid;

use super::{Storage, StorageError, failed, statement};
use crate::plan::{Access, Audience, Scope};

impl Storage {
    /// What the member may see and decide; none if they are unknown, have no access to the account any
    /// more, or the account is erased, which holds at once: its members are removed only in time.
    pub async fn access(&self, account_id: Uuid, member_id: Uuid) -> Result<Option<Access>, StorageError> {
        let what = "read what a member may see";
        let member = statement(&self.read, MEMBER, [account_id.into(), member_id.into(), true.into()]);
        let row = self.read.query_one_raw(member).await.map_err(failed(what))?;
        row.as_ref().map(access).transpose().map_err(failed(what))
    }

    /// What a member who is known may see and decide, active or not: who has no access has none to any kind.
    pub(super) async fn access_in(
        &self,
        transaction: &DatabaseTransaction,
        account_id: Uuid,
        member_id: Uuid,
    ) -> Result<Option<Access>, DbErr> {
        let known = statement(transaction, KNOWN, [account_id.into(), member_id.into()]);
        transaction.query_one_raw(known).await?.as_ref().map(access).transpose()
    }

    /// The state of an account in which nothing can be changed; none of one that is active, as is one of which none was told.
    pub async fn read_only(&self, account_id: Uuid) -> Result<Option<String>, StorageError> {
        let what = "read whether an account is active";
        let sql = "SELECT state FROM account_states WHERE account_id = $1 AND state <> 'ACTIVE'";
        let one = statement(&self.read, sql, [account_id.into()]);
        let row = self.read.query_one_raw(one).await.map_err(failed(what))?;
        row.map(|row| row.try_get("", "state")).transpose().map_err(failed(what))
    }

    /// The member's language, if an event has told it.
    pub async fn locale(&self, account_id: Uuid, member_id: Uuid) -> Result<Option<String>, StorageError> {
        let what = "read a member's language";
        let sql = "SELECT locale FROM member_locales WHERE account_id = $1 AND member_id = $2";
        let one = statement(&self.read, sql, [account_id.into(), member_id.into()]);
        let row = self.read.query_one_raw(one).await.map_err(failed(what))?;
        row.map(|row| row.try_get("", "locale")).transpose().map_err(failed(what))
    }

    /// Whether the account is erased. Until the transaction's end, it is not erased meanwhile.
    pub(super) async fn is_gone(
        &self,
        transaction: &DatabaseTransaction,
        account_id: Uuid,
    ) -> Result<bool, DbErr> {
        if !self.is_sqlite() {
            lock_account(transaction, account_id, "SELECT pg_advisory_xact_lock_shared($1)").await?;
        }
        let gone = "SELECT 1 FROM erasures WHERE account_id = $1";
        let gone = statement(transaction, gone, [account_id.into()]);
        Ok(transaction.query_one_raw(gone).await?.is_some())
    }
}

/// Takes the account's lock on `PostgreSQL`, until the transaction's end.
pub(super) async fn lock_account(
    transaction: &DatabaseTransaction,
    account_id: Uuid,
    sql: &str,
) -> Result<(), DbErr> {
    // The random half of a UUIDv7. Two accounts with the same would wait for each other, and that is all.
    let key = account_id.as_u64_pair().1.cast_signed();
    transaction.execute_raw(statement(transaction, sql, [key.into()])).await.map(drop)
}

const KNOWN: &str = "SELECT readable_kinds, approvable_kinds, scope_property, scope_values FROM members \
     WHERE account_id = $1 AND member_id = $2";

const MEMBER: &str = "SELECT readable_kinds, approvable_kinds, scope_property, scope_values FROM members \
     WHERE account_id = $1 AND member_id = $2 AND active = $3 \
     AND NOT EXISTS (SELECT 1 FROM erasures AS gone WHERE gone.account_id = members.account_id)";

fn access(row: &QueryResult) -> Result<Access, DbErr> {
    let property: Option<String> = row.try_get("", "scope_property")?;
    let scope = match property {
        None => None,
        Some(property) => {
            let values = set(row, "scope_values")?.into_iter().map(one_form).collect();
            Some(Scope { property: one_form(property), values })
        }
    };
    Ok(Access {
        readable_kinds: set(row, "readable_kinds")?,
        approvable_kinds: set(row, "approvable_kinds")?,
        scope,
    })
}

fn set(row: &QueryResult, column: &str) -> Result<BTreeSet<String>, DbErr> {
    let text: String = row.try_get("", column)?;
    let values: Vec<String> = serde_json::from_str(&text)
        .map_err(|error| DbErr::Type(format!("members.{column} is not a JSON list: {error}")))?;
    Ok(values.into_iter().collect())
}

/// A stored audience. One that can't be read, which only a hand in the database can cause, is inside no scope.
pub(super) fn audience(text: &str) -> Audience {
    let stored: Audience = serde_json::from_str(text).unwrap_or_default();
    let mut audience = Audience::new();
    for (property, values) in stored {
        audience.entry(one_form(property)).or_default().extend(values.into_iter().map(one_form));
    }
    audience
}

/// Text as it is compared (ACC-18): some was stored before the service that tells of it kept it so.
fn one_form(text: String) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    if nfc.is_normalized(&text) { text } else { nfc.normalize(&text).into_owned() }
}

/// An audience as it is stored.
pub(super) fn audience_text(audience: &Audience) -> String {
    let properties =
        audience.iter().map(|(property, values)| (property.clone(), values.as_slice().into())).collect();
    serde_json::Value::Object(properties).to_string()
}

/// Kinds or values as they are stored.
pub(super) fn list_text(values: &BTreeSet<String>) -> String {
    values.iter().map(String::as_str).collect::<serde_json::Value>().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Access, Scope, audience, one_form};

    /// Proves ACC-18: what was stored in another form is the same.
    #[test]
    fn audiences_are_compared_in_one_form() {
        let scope = Scope {
            property: one_form("R\u{E9}gion".to_owned()),
            values: BTreeSet::from([one_form("Que\u{301}bec".to_owned())]),
        };
        let access = Access { scope: Some(scope), ..Access::default() };
        assert!(access.covers(&audience("{\"Re\u{301}gion\":[\"Qu\u{E9}bec\"]}")));
        assert!(!access.covers(&audience("{\"Re\u{301}gion\":[\"Qu\u{E9}bec\",\"Ontario\"]}")));
    }
}
