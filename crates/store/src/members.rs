//! Members collected into one JSON value, so that they come with the statement that needs them.

use std::sync::LazyLock;

use countersign_domain::{AccountId, Member, MemberId};
use sea_orm::Value;
use uuid::Uuid;

use crate::{
    Backend, StoreError,
    entities::{columns, members},
    requests::aggregate,
};

/// The aggregate over `members AS m`, for [`from_aggregate`].
pub(crate) fn aggregated(backend: Backend) -> &'static str {
    static POSTGRES: LazyLock<String> = LazyLock::new(|| {
        let pairs: Vec<String> =
            columns::<members::Entity>().iter().map(|column| format!("'{column}', m.{column}")).collect();
        format!("json_agg(json_build_object({}) ORDER BY m.member_id)::text", pairs.join(", "))
    });
    static SQLITE: LazyLock<String> = LazyLock::new(|| {
        // SQLite's JSON knows neither bytes nor, from a column, booleans.
        let pairs: Vec<String> = columns::<members::Entity>()
            .iter()
            .map(|column| match *column {
                "account_id" | "member_id" => format!("'{column}', lower(hex(m.{column}))"),
                "approval_right" => format!("'{column}', json(iif(m.{column}, 'true', 'false'))"),
                _ => format!("'{column}', m.{column}"),
            })
            .collect();
        format!("json_group_array(json_object({}) ORDER BY m.member_id)", pairs.join(", "))
    });
    match backend {
        Backend::Postgres => &POSTGRES,
        Backend::Sqlite => &SQLITE,
    }
}

/// The members that [`aggregated`] collected, by id.
pub(crate) fn from_aggregate(json: Option<&str>, account: AccountId) -> Result<Vec<Member>, StoreError> {
    let rows: Vec<members::Model> = aggregate(json, "members", || account.to_string())?;
    rows.into_iter().map(|row| row.try_into().map_err(StoreError::from)).collect()
}

/// Ids as one parameter: a list of parameters would make a new statement for each length.
pub(crate) fn ids(backend: Backend, ids: impl Iterator<Item = MemberId>) -> Value {
    match backend {
        Backend::Postgres => ids.map(|id| id.0).collect::<Vec<Uuid>>().into(),
        Backend::Sqlite => {
            let ids: Vec<String> = ids.map(|id| id.0.simple().to_string()).collect();
            serde_json::Value::from(ids).to_string().into()
        }
    }
}
