//! Lifecycles of an account's own (LIF-24).
//!
//! It only expands: the version before registers resources of built-in kinds alone, which is what `lifecycle_version` is by default.
//! What it would have to know of other kinds it does not: register none before every replica is new. There is no way back after one
//! was: the version before can't read an account with a policy for an area of its own.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_lifecycles"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (types, own) = match manager.get_database_backend() {
            DbBackend::Sqlite => (&SQLITE, refusals_of_sqlite()),
            _ => (&POSTGRES, refusals_of_postgres()),
        };
        for text in [lifecycles(types), own] {
            manager.get_connection().execute_unprepared(&text).await?;
        }
        Ok(())
    }
}

/// What a database calls its types.
struct Types {
    uuid: &'static str,
    bigint: &'static str,
    /// After the columns of a table.
    table: &'static str,
}

const POSTGRES: Types = Types { uuid: "uuid", bigint: "bigint", table: "" };

const SQLITE: Types = Types { uuid: "blob", bigint: "integer", table: "STRICT" };

/// Both tables are append-only, as history is: what a resource began with is what it keeps.
const TABLES: [&str; 2] = ["lifecycles", "lifecycle_retirements"];

/// `definition` is a JSON object: what leads where, what edits do, what time alone does.
fn lifecycles(types: &Types) -> String {
    let Types { uuid, bigint, table } = types;
    format!(
        "
CREATE TABLE lifecycles (
    account_id {uuid} NOT NULL,
    kind text NOT NULL,
    version {bigint} NOT NULL CHECK (version > 0),
    area text NOT NULL,
    definition text NOT NULL,
    registered_at_us {bigint} NOT NULL,
    registered_by_id {uuid},
    registered_by_name text NOT NULL,
    registered_by_service text,
    CONSTRAINT lifecycles_pkey PRIMARY KEY (account_id, kind, version)
) {table};
CREATE TABLE lifecycle_retirements (
    account_id {uuid} NOT NULL,
    kind text NOT NULL,
    version {bigint} NOT NULL,
    retired_at_us {bigint} NOT NULL,
    retired_by_id {uuid},
    retired_by_name text NOT NULL,
    retired_by_service text,
    CONSTRAINT lifecycle_retirements_pkey PRIMARY KEY (account_id, kind, version),
    CONSTRAINT lifecycle_retirements_of FOREIGN KEY (account_id, kind, version)
        REFERENCES lifecycles (account_id, kind, version)
) {table};
-- 0: built in.
ALTER TABLE resources ADD COLUMN lifecycle_version {bigint} NOT NULL DEFAULT 0;
"
    )
}

fn refusals_of_postgres() -> String {
    TABLES
        .map(|table| {
            format!(
                "
CREATE TRIGGER {table}_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_are_append_only;
"
            )
        })
        .concat()
}

fn refusals_of_sqlite() -> String {
    TABLES
        .map(|table| {
            format!(
                "
CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER {table}_refuse_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER {table}_refuse_replace BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} AS there WHERE there.account_id = new.account_id AND there.kind = new.kind
    AND there.version = new.version)
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
"
            )
        })
        .concat()
}
