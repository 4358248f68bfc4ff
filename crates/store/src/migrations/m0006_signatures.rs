//! Decisions that don't count any more (REQ-22).
//!
//! It only expands. The version before counts a voided decision still, until every replica is new.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_signatures"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let bigint = match manager.get_database_backend() {
            DbBackend::Sqlite => "integer",
            _ => "bigint",
        };
        let text = format!("ALTER TABLE decisions ADD COLUMN voided_at_us {bigint};");
        manager.get_connection().execute_unprepared(&text).await?;
        Ok(())
    }
}
