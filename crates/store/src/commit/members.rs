//! Members in batches: a statement's rows come as one JSON value, so that a role's ten thousand holders, or an import of two
//! thousand members, are written in a few round trips.

use std::sync::LazyLock;

use countersign_domain::AccountId;
use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

use super::{Table, Tried, refused};
use crate::{
    StoreError,
    entities::{columns, members, to_json},
    error::failed,
    store::statement,
};

/// How many members a statement writes at the most: a bound for its JSON, at some 500 bytes each.
pub(super) const BATCH: usize = 1_000;

/// The texts of one database.
struct Texts {
    insert: String,
    update: String,
    drop_roles: &'static str,
    add_roles: &'static str,
}

/// `$1` is the account, `$2` the members. PostgreSQL types them by the table's columns; SQLite has no bytes in JSON, and true is
/// its 1.
fn texts(backend: DbBackend) -> &'static Texts {
    static POSTGRES: LazyLock<Texts> = LazyLock::new(|| {
        Texts::of(
            "json_populate_recordset(NULL::members, $2::json) AS n",
            |column| format!("n.{column}"),
            "DELETE FROM member_roles AS h USING json_to_recordset($2::json) AS n (member_id uuid, role_ids json) \
             WHERE h.account_id = $1 AND h.member_id = n.member_id AND NOT EXISTS ( \
             SELECT 1 FROM json_array_elements_text(n.role_ids) AS kept WHERE kept.value::uuid = h.role_id)",
            "INSERT INTO member_roles (account_id, member_id, role_id) \
             SELECT $1, n.member_id, given.value::uuid \
             FROM json_to_recordset($2::json) AS n (member_id uuid, role_ids json) \
             CROSS JOIN json_array_elements_text(n.role_ids) AS given \
             ON CONFLICT (account_id, member_id, role_id) DO NOTHING",
        )
    });
    static SQLITE: LazyLock<Texts> = LazyLock::new(|| {
        Texts::of(
            "json_each($2) AS n",
            |column| match column {
                "account_id" | "member_id" => format!("unhex(n.value ->> '{column}', '-')"),
                _ => format!("n.value ->> '{column}'"),
            },
            "DELETE FROM member_roles WHERE (account_id, member_id, role_id) IN ( \
             SELECT h.account_id, h.member_id, h.role_id FROM json_each($2) AS n CROSS JOIN member_roles AS h \
             ON h.account_id = $1 AND h.member_id = unhex(n.value ->> 'member_id', '-') \
             WHERE h.role_id NOT IN (SELECT unhex(kept.value, '-') FROM json_each(n.value, '$.role_ids') AS kept))",
            "INSERT INTO member_roles (account_id, member_id, role_id) \
             SELECT $1, unhex(n.value ->> 'member_id', '-'), unhex(given.value, '-') \
             FROM json_each($2) AS n CROSS JOIN json_each(n.value, '$.role_ids') AS given \
             WHERE true ON CONFLICT (account_id, member_id, role_id) DO NOTHING",
        )
    });
    match backend {
        DbBackend::Sqlite => &SQLITE,
        _ => &POSTGRES,
    }
}

impl Texts {
    fn of(
        source: &str,
        value: impl Fn(&str) -> String,
        drop_roles: &'static str,
        add_roles: &'static str,
    ) -> Self {
        let columns = columns::<members::Entity>();
        let values: Vec<String> = columns.iter().map(|column| value(column)).collect();
        let set: Vec<String> = columns
            .iter()
            .filter(|column| !["account_id", "member_id"].contains(column))
            .map(|column| format!("{column} = {}", value(column)))
            .collect();
        Self {
            // The account is given twice: every text has the same parameters.
            insert: format!(
                "INSERT INTO members ({}) SELECT {} FROM {source} WHERE {} = $1",
                columns.join(", "),
                values.join(", "),
                value("account_id"),
            ),
            update: format!(
                "UPDATE members AS m SET {} FROM {source} \
                 WHERE m.account_id = $1 AND m.member_id = {} AND m.version = {} - 1",
                set.join(", "),
                value("member_id"),
                value("version"),
            ),
            drop_roles,
            add_roles,
        }
    }
}

/// Adds members, with their roles.
pub(super) async fn insert(
    database: &impl ConnectionTrait,
    account: AccountId,
    members: &[members::Model],
) -> Result<Tried, StoreError> {
    for batch in members.chunks(BATCH) {
        let rows = to_json(&batch);
        let tried = write(database, account, batch.len(), &rows, |texts| &texts.insert).await?;
        if tried != Tried::Done {
            return Ok(tried);
        }
        add_roles(database, account, batch, &rows).await?;
    }
    Ok(Tried::Done)
}

/// Changes members, each guarded by its version before, one less; and makes their roles what they hold now, touching only what
/// differs. A member is among them once, and no address moves from one to another.
pub(crate) async fn update(
    database: &impl ConnectionTrait,
    account: AccountId,
    members: &[members::Model],
) -> Result<Tried, StoreError> {
    for batch in members.chunks(BATCH) {
        let rows = to_json(&batch);
        let tried = write(database, account, batch.len(), &rows, |texts| &texts.update).await?;
        if tried != Tried::Done {
            return Ok(tried);
        }
        execute(database, account, &rows, texts(database.get_database_backend()).drop_roles).await?;
        add_roles(database, account, batch, &rows).await?;
    }
    Ok(Tried::Done)
}

/// All of the batch, or what stood against it.
async fn write(
    database: &impl ConnectionTrait,
    account: AccountId,
    count: usize,
    rows: &str,
    text: fn(&Texts) -> &String,
) -> Result<Tried, StoreError> {
    let sql = text(texts(database.get_database_backend()));
    let values = vec![account.0.into(), rows.into()];
    match database.execute_raw(statement(database, sql, values)).await {
        Ok(done) if done.rows_affected() == count as u64 => Ok(Tried::Done),
        Ok(_) => Ok(Tried::Conflict),
        Err(error) => refused(error, Table::Members),
    }
}

async fn add_roles(
    database: &impl ConnectionTrait,
    account: AccountId,
    members: &[members::Model],
    rows: &str,
) -> Result<(), StoreError> {
    let hold =
        |member: &members::Model| member.role_ids.as_ref().is_some_and(|ids: &Vec<Uuid>| !ids.is_empty());
    if members.iter().any(hold) {
        execute(database, account, rows, texts(database.get_database_backend()).add_roles).await?;
    }
    Ok(())
}

async fn execute(
    database: &impl ConnectionTrait,
    account: AccountId,
    rows: &str,
    sql: &str,
) -> Result<(), StoreError> {
    let write = statement(database, sql, vec![account.0.into(), rows.into()]);
    database.execute_raw(write).await.map_err(failed("write members' roles"))?;
    Ok(())
}
