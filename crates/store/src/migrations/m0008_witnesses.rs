//! An index for what verifying a resource's history holds against its reviews (HIS-5). It only expands.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0008_witnesses"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = "CREATE INDEX IF NOT EXISTS reviews_by_resource ON reviews (account_id, resource_id)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}
