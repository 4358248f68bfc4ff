//! The entries of an account's history (ACC-17), written with the change that they tell. The account's row, which the change holds alone,
//! has the number and the hash of the newest, so that none can come between.

use std::{fmt::Write as _, sync::LazyLock};

use countersign_domain::{
    AccountId,
    history::{EntryHash, account::AccountChange},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use serde_json::json;

use super::rules::Record;
use crate::{
    StoreError,
    entities::{account_history, columns, to_json},
    error::failed,
    store::statement,
};

/// How many entries a statement writes at the most: a bound for its JSON, at some 700 bytes each.
const BATCH: usize = 1_000;

const WHAT: &str = "write an account's history";

/// Appends what it says.
pub(super) async fn append(
    transaction: &DatabaseTransaction,
    account: AccountId,
    record: &Record,
) -> Result<(), StoreError> {
    if record.changes.is_empty() {
        return Ok(());
    }
    let what = failed(WHAT);
    let sql = "SELECT history_sequence, history_hash FROM accounts WHERE account_id = $1";
    let head = transaction.query_one_raw(statement(transaction, sql, vec![account.0.into()])).await;
    // Without it the guard has refused the change already.
    let Some(head) = head.map_err(what)? else { return Ok(()) };
    let mut sequence: i64 = head.try_get_by_index(0).map_err(what)?;
    let hash: Option<Vec<u8>> = head.try_get_by_index(1).map_err(what)?;
    let mut previous = hash.as_deref().and_then(EntryHash::from_bytes);
    for batch in record.changes.chunks(BATCH) {
        let mut rows = Vec::with_capacity(batch.len());
        for change in batch {
            sequence += 1;
            let (row, hash) = row(account, sequence, record, change).chained(previous);
            previous = Some(hash);
            rows.push(json(&row));
        }
        let values = vec![to_json(&rows).into()];
        let done = transaction.execute_raw(statement(transaction, insertion(transaction), values)).await;
        done.map_err(what)?;
    }
    let sql = "UPDATE accounts SET history_sequence = $2, history_hash = $3 WHERE account_id = $1";
    let hash = previous.map(|hash| hash.as_bytes().to_vec());
    let values = vec![account.0.into(), sequence.into(), hash.into()];
    transaction.execute_raw(statement(transaction, sql, values)).await.map_err(what)?;
    Ok(())
}

fn row(account: AccountId, sequence: i64, record: &Record, change: &AccountChange) -> account_history::Model {
    account_history::Model {
        account_id: account.0,
        sequence,
        event: change.event.as_str().to_owned(),
        subject_kind: change.kind.as_str().to_owned(),
        subject: change.subject.clone(),
        actor_id: record.by.member_id.map(|id| id.0),
        actor_name: record.by.name.clone(),
        actor_service: record.by.service.clone(),
        happened_at_us: record.at.0,
        before: change.from.clone(),
        after: change.to.clone(),
        hash: Vec::new(),
    }
}

/// Bytes as hex: JSON has none.
fn json(row: &account_history::Model) -> serde_json::Value {
    let mut hash = String::with_capacity(2 * row.hash.len());
    for byte in &row.hash {
        // Writing to a String can't fail.
        let _ = write!(hash, "{byte:02x}");
    }
    json!({
        "account_id": row.account_id,
        "sequence": row.sequence,
        "event": row.event,
        "subject_kind": row.subject_kind,
        "subject": row.subject,
        "actor_id": row.actor_id,
        "actor_name": row.actor_name,
        "actor_service": row.actor_service,
        "happened_at_us": row.happened_at_us,
        "before": row.before,
        "after": row.after,
        "hash": hash,
    })
}

fn insertion(database: &impl ConnectionTrait) -> &'static str {
    static POSTGRES: LazyLock<String> = LazyLock::new(|| {
        let columns = columns::<account_history::Entity>();
        let values = columns.iter().map(|column| match *column {
            "account_id" | "actor_id" => format!("(n.value ->> '{column}')::uuid"),
            "sequence" | "happened_at_us" => format!("(n.value ->> '{column}')::bigint"),
            "hash" => format!("decode(n.value ->> '{column}', 'hex')"),
            _ => format!("n.value ->> '{column}'"),
        });
        let values: Vec<String> = values.collect();
        format!(
            "INSERT INTO account_history ({}) SELECT {} FROM json_array_elements($1::json) AS n",
            columns.join(", "),
            values.join(", ")
        )
    });
    static SQLITE: LazyLock<String> = LazyLock::new(|| {
        let columns = columns::<account_history::Entity>();
        let values = columns.iter().map(|column| match *column {
            "account_id" | "actor_id" | "hash" => format!("unhex(n.value ->> '{column}', '-')"),
            _ => format!("n.value ->> '{column}'"),
        });
        let values: Vec<String> = values.collect();
        format!(
            "INSERT INTO account_history ({}) SELECT {} FROM json_each($1) AS n",
            columns.join(", "),
            values.join(", ")
        )
    });
    match database.get_database_backend() {
        DbBackend::Sqlite => &SQLITE,
        _ => &POSTGRES,
    }
}
