//! Who wrote what a request is about (REQ-23).
//!
//! It only expands: to the version before nobody is an author, and no policy excludes one. What it edits meanwhile has no authors:
//! exclude them once every replica is new.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0012_authors"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let no = match manager.get_database_backend() {
            DbBackend::Sqlite => "integer NOT NULL DEFAULT 0",
            _ => "boolean NOT NULL DEFAULT false",
        };
        let text = format!(
            "
ALTER TABLE resources ADD COLUMN authors text NOT NULL DEFAULT '[]';
ALTER TABLE requests ADD COLUMN authors text NOT NULL DEFAULT '[]';
ALTER TABLE policies ADD COLUMN exclude_authors {no};
ALTER TABLE policy_revisions ADD COLUMN exclude_authors {no};
"
        );
        manager.get_connection().execute_unprepared(&text).await?;
        Ok(())
    }
}
