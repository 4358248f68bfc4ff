//! The keys by which names of roles are unique (ACC-18), of the roles that are there already.
//!
//! The column and its index stay: where names are ASCII with single blanks, which nearly all are, the key is the lower case that was
//! in it. The version before goes on writing that; its names are compared by their keys as they are read.

use std::collections::HashSet;

use countersign_domain::text;
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};
use uuid::Uuid;

use crate::store::statement;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0011_name_keys"
    }
}

/// A role whose key is another than the one it has.
struct Rekeyed {
    account: Uuid,
    role: Uuid,
    key: String,
    /// The key with the role's id behind it: the key that an older role of the account has too, or the one on the way to it.
    distinguished: String,
    is_free: bool,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        let rekeyed = rekeyed(database).await?;
        // First all of them out of the way: one may need the key that another still has.
        for role in &rekeyed {
            set(database, role, &role.distinguished).await?;
        }
        for role in rekeyed.iter().filter(|role| role.is_free) {
            set(database, role, &role.key).await?;
        }
        Ok(())
    }
}

/// In the order of the roles' ids, which is that of their age: the oldest of several keeps the key.
async fn rekeyed(database: &impl ConnectionTrait) -> Result<Vec<Rekeyed>, DbErr> {
    let select = "SELECT account_id, role_id, name, name_folded FROM roles ORDER BY account_id, role_id";
    let mut taken = HashSet::new();
    let mut rekeyed = Vec::new();
    for row in database.query_all_raw(statement(database, select, vec![])).await? {
        let (account, role): (Uuid, Uuid) = (row.try_get("", "account_id")?, row.try_get("", "role_id")?);
        let (name, has): (String, String) = (row.try_get("", "name")?, row.try_get("", "name_folded")?);
        let key = text::key(&name);
        let is_free = taken.insert((account, key.clone()));
        if !is_free || has != key {
            // No key holds a control character: none of a name can be this one.
            let distinguished = format!("{key}\u{1}{role}");
            rekeyed.push(Rekeyed { account, role, key, distinguished, is_free });
        }
    }
    Ok(rekeyed)
}

async fn set(database: &impl ConnectionTrait, role: &Rekeyed, key: &str) -> Result<(), DbErr> {
    let update = "UPDATE roles SET name_folded = $3 WHERE account_id = $1 AND role_id = $2";
    let values = vec![role.account.into(), role.role.into(), key.into()];
    database.execute_raw(statement(database, update, values)).await.map(|_| ())
}
