//! The time zones that members and accounts are told times in (NOT-15).
//!
//! It only expands: to the version before everybody has UTC.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0014_time_zones"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["accounts", "members"] {
            let add = format!("ALTER TABLE {table} ADD COLUMN time_zone text NOT NULL DEFAULT ''");
            manager.get_connection().execute_unprepared(&add).await?;
        }
        Ok(())
    }
}
