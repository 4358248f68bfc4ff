//! Members collected into one JSON value, so that they come with the statement that needs them, and with their roles.

use std::sync::LazyLock;

use countersign_domain::{AccountId, Member, MemberId, RoleId, text};
use sea_orm::{ConnectionTrait, Value};
use uuid::Uuid;

use crate::{
    Backend, Page, Store, StoreError,
    entities::{json_object, members},
    error::failed,
    requests::aggregate,
    store::statement,
};

/// The aggregate over `members AS m`, for [`from_aggregate`]. Each member's roles are looked up by the key of `member_roles`.
pub(crate) fn aggregated(backend: Backend) -> &'static str {
    static POSTGRES: LazyLock<String> = LazyLock::new(|| {
        let roles = "(SELECT json_agg(mr.role_id ORDER BY mr.role_id) FROM member_roles AS mr \
            WHERE mr.account_id = m.account_id AND mr.member_id = m.member_id)";
        let member =
            json_object::<members::Entity>(Backend::Postgres, "m", &[("role_ids", roles.to_owned())]);
        format!("json_agg({member} ORDER BY m.member_id)::text")
    });
    static SQLITE: LazyLock<String> = LazyLock::new(|| {
        let roles = "json((SELECT json_group_array(lower(hex(mr.role_id)) ORDER BY mr.role_id) \
            FROM member_roles AS mr WHERE mr.account_id = m.account_id AND mr.member_id = m.member_id))";
        let member = json_object::<members::Entity>(Backend::Sqlite, "m", &[("role_ids", roles.to_owned())]);
        format!("json_group_array({member} ORDER BY m.member_id)")
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
    uuids(backend, ids.map(|id| id.0))
}

/// As [`ids`], of anything that has an id.
pub(crate) fn uuids(backend: Backend, ids: impl Iterator<Item = Uuid>) -> Value {
    match backend {
        Backend::Postgres => ids.collect::<Vec<Uuid>>().into(),
        Backend::Sqlite => {
            let ids: Vec<String> = ids.map(|id| id.simple().to_string()).collect();
            serde_json::Value::from(ids).to_string().into()
        }
    }
}

/// The condition that `column` is among the [`ids`] of parameter `parameter`.
pub(crate) fn is_among(backend: Backend, column: &str, parameter: usize) -> String {
    match backend {
        Backend::Postgres => format!("{column} = ANY (${parameter})"),
        Backend::Sqlite => format!("{column} IN (SELECT unhex(value) FROM json_each(${parameter}))"),
    }
}

/// The members of `account` that `source`, a table or subquery of members, has.
pub(crate) async fn collected(
    database: &impl ConnectionTrait,
    backend: Backend,
    account: AccountId,
    source: &str,
    values: Vec<Value>,
) -> Result<Vec<Member>, StoreError> {
    let what = failed("read members");
    let sql = format!("SELECT {} AS members FROM {source}", aggregated(backend));
    let row = database.query_one_raw(statement(database, &sql, values)).await.map_err(what)?;
    let json: Option<String> = match row {
        Some(row) => row.try_get("", "members").map_err(what)?,
        None => None,
    };
    from_aggregate(json.as_deref(), account)
}

impl Store {
    async fn collected_members(
        &self,
        account: AccountId,
        source: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Member>, StoreError> {
        collected(&self.read, self.backend, account, source, values).await
    }

    /// The members of `account` among `ids`, by id.
    pub async fn members(&self, account: AccountId, wanted: &[MemberId]) -> Result<Vec<Member>, StoreError> {
        let source =
            format!("members AS m WHERE m.account_id = $1 AND {}", is_among(self.backend, "m.member_id", 2));
        let values = vec![account.0.into(), ids(self.backend, wanted.iter().copied())];
        self.collected_members(account, &source, values).await
    }

    /// The account's members, oldest first, from after `after`.
    pub async fn list_members(
        &self,
        account: AccountId,
        after: Option<MemberId>,
        limit: u32,
    ) -> Result<Page<Member>, StoreError> {
        // No id is less than the nil UUID.
        let source = "(SELECT * FROM members WHERE account_id = $1 AND member_id > $2 \
            ORDER BY member_id LIMIT $3) AS m";
        let after = after.map_or(Uuid::nil(), |id| id.0);
        let values = vec![account.0.into(), after.into(), (i64::from(limit) + 1).into()];
        Ok(Page::of(self.collected_members(account, source, values).await?, limit))
    }

    /// All members of the account, by id, revoked ones included.
    pub async fn all_members(&self, account: AccountId) -> Result<Vec<Member>, StoreError> {
        let source = "members AS m WHERE m.account_id = $1";
        self.collected_members(account, source, vec![account.0.into()]).await
    }

    /// All who hold a custom role, by id, revoked ones included.
    pub async fn holders(&self, account: AccountId, role: RoleId) -> Result<Vec<Member>, StoreError> {
        let source = "member_roles AS h JOIN members AS m \
            ON m.account_id = h.account_id AND m.member_id = h.member_id \
            WHERE h.account_id = $1 AND h.role_id = $2";
        self.collected_members(account, source, vec![account.0.into(), role.0.into()]).await
    }

    /// The member with this address, whatever its case, revoked or not.
    pub async fn member_by_email(
        &self,
        account: AccountId,
        email: &str,
    ) -> Result<Option<Member>, StoreError> {
        let source = "members AS m WHERE m.account_id = $1 AND m.email_folded = $2";
        let values = vec![account.0.into(), text::key(email).into()];
        Ok(self.collected_members(account, source, values).await?.pop())
    }
}
