//! What members want to be told: read where an event is planned, and changed by the members themselves.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{Storage, StorageError, failed, statement};
use crate::preferences::Preferences;

/// Members whose preferences one statement reads on `SQLite`: databases limit the values of a statement.
const MEMBERS_AT_ONCE: usize = 500;

/// What a member wants, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredPreferences {
    /// What they want.
    pub preferences: Preferences,
    /// Counts up with every change; 0 is the default.
    pub version: i64,
    /// When they last changed, Unix microseconds; 0 where never.
    pub updated_at: i64,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is as wanted, with this outcome.
    To(StoredPreferences),
    /// They are at another version than the one that the change was made from; nothing was changed.
    Since(i64),
    /// The account is gone.
    Gone,
}

const COLUMNS: &str = "results_mail, results_ribbon, cancellations_mail, cancellations_ribbon, expiries_mail, \
     expiries_ribbon, progress_mail, comments_mail, reminders_digest, version, updated_at";

const WRITE: &str = "UPDATE preferences SET results_mail = $3, results_ribbon = $4, cancellations_mail = $5, \
     cancellations_ribbon = $6, expiries_mail = $7, expiries_ribbon = $8, progress_mail = $9, comments_mail = $10, \
     reminders_digest = $11, version = version + 1, updated_at = $12 WHERE account_id = $1 AND member_id = $2";

/// The default, so that there is a row to lock: two first changes at the same time must not lose one of them.
const ENSURE: &str = "INSERT INTO preferences (account_id, member_id, results_mail, results_ribbon, \
     cancellations_mail, cancellations_ribbon, expiries_mail, expiries_ribbon, progress_mail, comments_mail, \
     reminders_digest, version, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0) ON CONFLICT (account_id, member_id) DO NOTHING";

impl Storage {
    /// What the member wants.
    pub async fn preferences(
        &self,
        account_id: Uuid,
        member_id: Uuid,
    ) -> Result<StoredPreferences, StorageError> {
        let what = "read preferences";
        let sql = format!("SELECT {COLUMNS} FROM preferences WHERE account_id = $1 AND member_id = $2");
        let one = statement(&self.read, &sql, [account_id.into(), member_id.into()]);
        let row = self.read.query_one_raw(one).await.map_err(failed(what))?;
        row.as_ref().map(stored).transpose().map(Option::unwrap_or_default).map_err(failed(what))
    }

    /// Changes what the member wants: `change` is given what they want now. Made from `version`, if one is given; a change that
    /// changes nothing is made from any.
    pub async fn change_preferences(
        &self,
        account_id: Uuid,
        member_id: Uuid,
        version: Option<i64>,
        change: impl FnOnce(Preferences) -> Preferences + Send,
        now_us: i64,
    ) -> Result<Changed, StorageError> {
        let what = "change preferences";
        let transaction = self.write.begin().await.map_err(failed(what))?;
        let changed = self.change_in(&transaction, account_id, member_id, version, change, now_us).await;
        let changed = changed.map_err(failed(what))?;
        if matches!(changed, Changed::To(_)) {
            transaction.commit().await.map_err(failed(what))?;
        } else {
            transaction.rollback().await.map_err(failed(what))?;
        }
        Ok(changed)
    }

    async fn change_in(
        &self,
        transaction: &DatabaseTransaction,
        account_id: Uuid,
        member_id: Uuid,
        version: Option<i64>,
        change: impl FnOnce(Preferences) -> Preferences + Send,
        now_us: i64,
    ) -> Result<Changed, DbErr> {
        if self.is_gone(transaction, account_id).await? {
            return Ok(Changed::Gone);
        }
        let whose: [Value; 2] = [account_id.into(), member_id.into()];
        let ensure = whose.iter().cloned().chain(values(&Preferences::default()));
        transaction.execute_raw(statement(transaction, ENSURE, ensure)).await?;
        let lock = if self.is_sqlite() { "" } else { " FOR UPDATE" };
        let sql = format!("SELECT {COLUMNS} FROM preferences WHERE account_id = $1 AND member_id = $2{lock}");
        let row = transaction.query_one_raw(statement(transaction, &sql, whose.clone())).await?;
        let held = stored(&row.ok_or(DbErr::RecordNotInserted)?)?;
        let preferences = change(held.preferences);
        if preferences == held.preferences {
            return Ok(Changed::To(held));
        }
        if version.is_some_and(|version| version != held.version) {
            return Ok(Changed::Since(held.version));
        }
        let write = whose.into_iter().chain(values(&preferences)).chain([now_us.into()]);
        transaction.execute_raw(statement(transaction, WRITE, write)).await?;
        Ok(Changed::To(StoredPreferences { preferences, version: held.version + 1, updated_at: now_us }))
    }

    /// What those of `member_ids` want who have said so.
    pub(super) async fn preferences_of(
        &self,
        transaction: &DatabaseTransaction,
        account_id: Uuid,
        member_ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Preferences>, DbErr> {
        let mut found = HashMap::new();
        // The text is constant on `PostgreSQL`, and so prepared once.
        let at_once = if self.is_sqlite() { MEMBERS_AT_ONCE } else { usize::MAX };
        for some in member_ids.chunks(at_once) {
            let mut all: Vec<Value> = vec![account_id.into()];
            let whose = if self.is_sqlite() {
                all.extend(some.iter().map(|member_id| Value::from(*member_id)));
                let places: Vec<String> = (2..=all.len()).map(|place| format!("${place}")).collect();
                format!("IN ({})", places.join(", "))
            } else {
                all.push(some.to_vec().into());
                "= ANY ($2::uuid[])".to_owned()
            };
            let sql = format!(
                "SELECT member_id, {COLUMNS} FROM preferences WHERE account_id = $1 AND member_id {whose}"
            );
            for row in transaction.query_all_raw(statement(transaction, &sql, all)).await? {
                found.insert(row.try_get("", "member_id")?, stored(&row)?.preferences);
            }
        }
        Ok(found)
    }
}

fn values(preferences: &Preferences) -> [Value; 9] {
    let Preferences {
        results_mail,
        results_ribbon,
        cancellations_mail,
        cancellations_ribbon,
        expiries_mail,
        expiries_ribbon,
        progress_mail,
        comments_mail,
        reminders_digest,
    } = *preferences;
    [
        results_mail,
        results_ribbon,
        cancellations_mail,
        cancellations_ribbon,
        expiries_mail,
        expiries_ribbon,
        progress_mail,
        comments_mail,
        reminders_digest,
    ]
    .map(Value::from)
}

fn stored(row: &QueryResult) -> Result<StoredPreferences, DbErr> {
    let preferences = Preferences {
        results_mail: row.try_get("", "results_mail")?,
        results_ribbon: row.try_get("", "results_ribbon")?,
        cancellations_mail: row.try_get("", "cancellations_mail")?,
        cancellations_ribbon: row.try_get("", "cancellations_ribbon")?,
        expiries_mail: row.try_get("", "expiries_mail")?,
        expiries_ribbon: row.try_get("", "expiries_ribbon")?,
        progress_mail: row.try_get("", "progress_mail")?,
        comments_mail: row.try_get("", "comments_mail")?,
        reminders_digest: row.try_get("", "reminders_digest")?,
    };
    let (version, updated_at) = (row.try_get("", "version")?, row.try_get("", "updated_at")?);
    Ok(StoredPreferences { preferences, version, updated_at })
}
