//! The rows, one file per table, and what they are in the domain's words.
//!
//! An entity's `Model` is the one place where a table's columns are named: reads, lists and the statements of the hot path
//! are all made from it. A row that is no valid value of the domain is reported as [`Corruption`](crate::error::Corruption).

pub(crate) mod account_history;
pub(crate) mod accounts;
pub(crate) mod decisions;
pub(crate) mod history;
pub(crate) mod idempotency;
pub(crate) mod invitations;
pub(crate) mod lifecycle_retirements;
pub(crate) mod lifecycles;
pub(crate) mod members;
pub(crate) mod outbox;
pub(crate) mod policies;
pub(crate) mod policy_revisions;
pub(crate) mod request_approvers;
pub(crate) mod requests;
pub(crate) mod resources;
pub(crate) mod reviews;
pub(crate) mod roles;

use countersign_domain::{ActorRef, Content, Digest, MemberId, history::EntryHash};
use sea_orm::{ColumnTrait, ColumnType, EntityTrait, IdenStatic, Iterable, ModelTrait, Value};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{error::Corruption, store::Backend};

/// The columns of `E`, in the order of its `Model`.
pub(crate) fn columns<E: EntityTrait>() -> Vec<&'static str> {
    E::Column::iter().map(|column| column.as_str()).collect()
}

/// The values of `model`, in the order of [`columns`].
pub(crate) fn values<M: ModelTrait>(model: &M) -> Vec<Value> {
    <M::Entity as EntityTrait>::Column::iter().map(|column| model.get(column)).collect()
}

/// `alias.column AS "prefix_column", …` for every column of `E`.
pub(crate) fn select_list<E: EntityTrait>(alias: &str, prefix: &str) -> String {
    let items: Vec<String> =
        columns::<E>().into_iter().map(|column| format!("{alias}.{column} AS {prefix}{column}")).collect();
    items.join(", ")
}

/// A JSON object of every column of `E`, to collect rows in one value; `more` are further names and what they are.
pub(crate) fn json_object<E: EntityTrait>(backend: Backend, alias: &str, more: &[(&str, String)]) -> String {
    let value = |column: E::Column| {
        let name = column.as_str();
        // SQLite's JSON knows neither bytes nor, from a column, booleans.
        match (backend, column.def().get_column_type()) {
            (Backend::Sqlite, ColumnType::Uuid) => format!("lower(hex({alias}.{name}))"),
            (Backend::Sqlite, ColumnType::Boolean) => format!("json(iif({alias}.{name}, 'true', 'false'))"),
            _ => format!("{alias}.{name}"),
        }
    };
    let own = E::Column::iter().map(|column| format!("'{}', {}", column.as_str(), value(column)));
    let pairs: Vec<String> = own.chain(more.iter().map(|(name, sql)| format!("'{name}', {sql}"))).collect();
    let function = match backend {
        Backend::Postgres => "json_build_object",
        Backend::Sqlite => "json_object",
    };
    format!("{function}({})", pairs.join(", "))
}

/// Every row of `E` that belongs to the account of `accounts AS a`, in one value: a JSON array, or nothing where there is none.
pub(crate) fn all_of_account<E: EntityTrait>(backend: Backend) -> String {
    let object = json_object::<E>(backend, "w", &[]);
    let aggregate = match backend {
        Backend::Postgres => format!("json_agg({object})::text"),
        Backend::Sqlite => format!("json_group_array({object})"),
    };
    let table = E::default();
    format!("(SELECT {aggregate} FROM {} AS w WHERE w.account_id = a.account_id)", table.table_name())
}

/// A value as JSON text.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    // Maps with text as keys, lists and numbers: nothing that has no JSON.
    serde_json::to_string(value).unwrap_or_default()
}

/// What JSON text says, or what is corrupt.
pub(crate) fn json<T: DeserializeOwned>(
    text: &str,
    table: &'static str,
    column: &'static str,
    key: impl FnOnce() -> String,
) -> Result<T, Corruption> {
    serde_json::from_str(text)
        .map_err(|error| Corruption::new(table, column, key(), "can't be read").because(error))
}

/// The value of a closed set, or what is corrupt.
pub(crate) fn parsed<T>(
    value: Option<T>,
    table: &'static str,
    column: &'static str,
    key: impl FnOnce() -> String,
) -> Result<T, Corruption> {
    value.ok_or_else(|| Corruption::new(table, column, key(), "is none of the values that it can have"))
}

/// Content from its three columns: all or none of them are there.
pub(crate) fn content(
    body: Option<String>,
    digest: Option<String>,
    revision: Option<i64>,
    table: &'static str,
    column: &'static str,
    key: impl FnOnce() -> String,
) -> Result<Option<Content>, Corruption> {
    match (body, digest, revision) {
        (None, None, None) => Ok(None),
        (Some(body), Some(digest), Some(revision)) => {
            Ok(Some(Content { body, digest: Digest::from_text(digest), revision }))
        }
        _ => Err(Corruption::new(table, column, key(), "is there in part")),
    }
}

pub(crate) fn actor(id: Option<Uuid>, name: String, service: Option<String>) -> ActorRef {
    ActorRef { member_id: id.map(MemberId), name, service }
}

/// The hash of a history entry, if there is one.
pub(crate) fn entry_hash(
    bytes: Option<&[u8]>,
    table: &'static str,
    column: &'static str,
    key: impl FnOnce() -> String,
) -> Result<Option<EntryHash>, Corruption> {
    bytes.map(|bytes| parsed(EntryHash::from_bytes(bytes), table, column, key)).transpose()
}
