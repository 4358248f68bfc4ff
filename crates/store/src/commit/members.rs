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
    drop_roles: String,
    add_roles: String,
}

/// `$1` is the account, `$2` the members. PostgreSQL types them by the table's columns; SQLite has no bytes in JSON, and true is
/// its 1.
fn texts(backend: DbBackend) -> &'static Texts {
    static POSTGRES: LazyLock<Texts> = LazyLock::new(postgres);
    static SQLITE: LazyLock<Texts> = LazyLock::new(sqlite);
    match backend {
        DbBackend::Sqlite => &SQLITE,
        _ => &POSTGRES,
    }
}

fn postgres() -> Texts {
    const MEMBERS: &str = "json_populate_recordset(NULL::members, $2::json) AS n";
    const ROLES: &str = "json_to_recordset($2::json) AS n (member_id uuid, role_ids json)";
    let set = changing().map(|column| format!("{column} = n.{column}")).collect::<Vec<_>>();
    Texts {
        // The account is given twice: every text has the same parameters.
        insert: format!(
            "INSERT INTO members ({columns}) SELECT {columns} FROM {MEMBERS} WHERE n.account_id = $1",
            columns = columns::<members::Entity>().join(", "),
        ),
        update: format!(
            "UPDATE members AS m SET {} FROM {MEMBERS} \
             WHERE m.account_id = $1 AND m.member_id = n.member_id AND m.version = n.version - 1",
            set.join(", ")
        ),
        drop_roles: format!(
            "DELETE FROM member_roles AS h USING {ROLES} \
             WHERE h.account_id = $1 AND h.member_id = n.member_id AND NOT EXISTS ( \
             SELECT 1 FROM json_array_elements_text(n.role_ids) AS kept WHERE kept.value::uuid = h.role_id)"
        ),
        add_roles: format!(
            "INSERT INTO member_roles (account_id, member_id, role_id) \
             SELECT $1, n.member_id, given.value::uuid \
             FROM {ROLES} CROSS JOIN json_array_elements_text(n.role_ids) AS given \
             ON CONFLICT (account_id, member_id, role_id) DO NOTHING"
        ),
    }
}

/// Each CROSS JOIN keeps its order, so that the JSON is read once and members are looked up by their key. UPDATE … FROM can't be
/// told to: it would go through the account's members and read all of the JSON for each. So a change is an insertion that finds
/// the row there.
fn sqlite() -> Texts {
    const MEMBER: &str = "unhex(n.value ->> 'member_id', '-')";
    let columns = columns::<members::Entity>();
    let values: Vec<String> = columns
        .iter()
        .map(|column| match *column {
            "account_id" | "member_id" => format!("unhex(n.value ->> '{column}', '-')"),
            column => format!("n.value ->> '{column}'"),
        })
        .collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    let set = changing().map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>();
    Texts {
        insert: format!(
            "INSERT INTO members ({columns}) SELECT {values} FROM json_each($2) AS n \
             WHERE unhex(n.value ->> 'account_id', '-') = $1"
        ),
        update: format!(
            "INSERT INTO members ({columns}) SELECT {values} FROM json_each($2) AS n CROSS JOIN members AS m \
             ON m.account_id = $1 AND m.member_id = {MEMBER} AND m.version = (n.value ->> 'version') - 1 \
             WHERE true ON CONFLICT (account_id, member_id) DO UPDATE SET {}",
            set.join(", ")
        ),
        drop_roles: format!(
            "DELETE FROM member_roles WHERE (account_id, member_id, role_id) IN ( \
             SELECT h.account_id, h.member_id, h.role_id FROM json_each($2) AS n CROSS JOIN member_roles AS h \
             ON h.account_id = $1 AND h.member_id = {MEMBER} WHERE h.role_id NOT IN ( \
             SELECT unhex(kept.value, '-') FROM json_each(n.value, '$.role_ids') AS kept))"
        ),
        add_roles: format!(
            "INSERT INTO member_roles (account_id, member_id, role_id) \
             SELECT $1, {MEMBER}, unhex(given.value, '-') \
             FROM json_each($2) AS n CROSS JOIN json_each(n.value, '$.role_ids') AS given \
             WHERE true ON CONFLICT (account_id, member_id, role_id) DO NOTHING"
        ),
    }
}

/// Everything but the key.
fn changing() -> impl Iterator<Item = &'static str> {
    columns::<members::Entity>().into_iter().filter(|column| !["account_id", "member_id"].contains(column))
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
        execute(database, account, &rows, &texts(database.get_database_backend()).drop_roles).await?;
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
        execute(database, account, rows, &texts(database.get_database_backend()).add_roles).await?;
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
