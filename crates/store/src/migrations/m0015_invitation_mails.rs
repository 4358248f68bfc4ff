//! How many mails with invitations an account sends in an hour of the clock: to one address, and, under the empty key, to all.
//!
//! It only expands: the version before counts none of those that it sends.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0015_invitation_mails"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let (uuid, bigint, strict) =
            if sqlite { ("blob", "integer", " STRICT") } else { ("uuid", "bigint", "") };
        let text = format!(
            "
CREATE TABLE invitation_mails (
    account_id {uuid} NOT NULL REFERENCES accounts,
    -- The SHA-256 of the address, or nothing for all of them.
    address_key text NOT NULL,
    hour_us {bigint} NOT NULL,
    sent {bigint} NOT NULL CHECK (sent > 0),
    PRIMARY KEY (account_id, address_key, hour_us)
){strict};
"
        );
        manager.get_connection().execute_unprepared(&text).await?;
        Ok(())
    }
}
