//! Marks of personal data that are staged with the content that they are about (ACC-19).
//!
//! It only expands. The version before publishes staged content and leaves the marks as they are, which masks more and never less:
//! without staged content, staged marks mean nothing.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0009_staged_marks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A JSON array of JSON Pointers, those of `pii_fields` that are left; NULL: all of them.
        let sql = "ALTER TABLE resources ADD COLUMN staged_pii_fields text";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
