//! What a member may see and decide, as the newest access event about them says.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
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
}

const MEMBER: &str = "SELECT readable_kinds, approvable_kinds, scope_property, scope_values FROM members \
     WHERE account_id = $1 AND member_id = $2 AND active = $3 \
     AND NOT EXISTS (SELECT 1 FROM erasures AS gone WHERE gone.account_id = members.account_id)";

fn access(row: &QueryResult) -> Result<Access, DbErr> {
    let property: Option<String> = row.try_get("", "scope_property")?;
    let scope = match property {
        None => None,
        Some(property) => Some(Scope { property, values: set(row, "scope_values")? }),
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
    serde_json::from_str(text).unwrap_or_default()
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
