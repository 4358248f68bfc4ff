//! How long whoever makes a policy weaker can't use that, and who can't yet (POL-9).
//!
//! It only expands: to the version before nobody is held. What it changes meanwhile holds nobody either: set a time of cooling off once
//! every replica is new.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0013_cooling_off"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let bigint = match manager.get_database_backend() {
            DbBackend::Sqlite => "integer",
            _ => "bigint",
        };
        let text = format!(
            "
ALTER TABLE policies ADD COLUMN cooling_off_us {bigint} NOT NULL DEFAULT 0;
ALTER TABLE policies ADD COLUMN held text NOT NULL DEFAULT '[]';
ALTER TABLE policy_revisions ADD COLUMN cooling_off_us {bigint} NOT NULL DEFAULT 0;
"
        );
        manager.get_connection().execute_unprepared(&text).await?;
        Ok(())
    }
}
