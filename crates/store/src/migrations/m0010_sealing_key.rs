//! The secret under which page tokens and cursors are sealed, where none is given (SEC-8).
//!
//! It only expands: the version before does not look for it.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0010_sealing_key"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes, bigint, table) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("blob", "blob", "integer", "STRICT"),
            _ => ("uuid", "bytea", "bigint", ""),
        };
        // One row: it belongs to no account, and so to the nil UUID.
        let sql = format!(
            "CREATE TABLE sealing_keys (
                account_id {uuid} NOT NULL,
                secret {bytes} NOT NULL CHECK (length(secret) >= 32),
                created_at_us {bigint} NOT NULL,
                CONSTRAINT sealing_keys_pkey PRIMARY KEY (account_id)
            ) {table}"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
