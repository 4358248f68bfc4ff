//! History's chain, its lists, and its order for those who watch.
//!
//! It only expands: the new columns may be null, so the version before goes on inserting. What it inserts while both run has no
//! hash, which verifying tells; its `position` comes by itself.
//!
//! - `history.hash`, `resources.history_hash`: see the domain's `history::chain`. The version's byte and a SHA-256.
//! - `history.position`: the order in which watchers get what concerns requests. `PostgreSQL` draws it from a sequence, after the
//!   entry's transaction has its number: see `../feed.rs`. `SQLite`, where one writes at a time, counts per account. Entries from before
//!   have none: nobody watches the past.
//!
//! On `PostgreSQL` nothing here rewrites or reads a table through but the building of indexes, during which writes wait. Where that
//! takes too long, build `history_by_request`, `history_by_actor` and `history_by_time` before, with CREATE INDEX CONCURRENTLY: what
//! is there is left as it is.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_history"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = match manager.get_database_backend() {
            DbBackend::Sqlite => SQLITE,
            _ => POSTGRES,
        };
        for text in [columns, INDEXES] {
            manager.get_connection().execute_unprepared(text).await?;
        }
        Ok(())
    }
}

const POSTGRES: &str = "
ALTER TABLE history ADD COLUMN hash bytea;
ALTER TABLE resources ADD COLUMN history_hash bytea;
-- NOT VALID: there is nothing to check in rows that have none, and history is long.
ALTER TABLE history ADD CONSTRAINT history_hash_check CHECK (length(hash) = 33) NOT VALID;
ALTER TABLE resources ADD CONSTRAINT resources_history_hash_check CHECK (length(history_hash) = 33) NOT VALID;

-- In two steps, so that only new rows get one: an identity column would number every old row, and rewrite the table.
ALTER TABLE history ADD COLUMN position bigint;
CREATE SEQUENCE history_position OWNED BY history.position;
ALTER TABLE history ALTER COLUMN position SET DEFAULT nextval('history_position');
";

const SQLITE: &str = "
ALTER TABLE history ADD COLUMN hash blob CHECK (length(hash) = 33);
ALTER TABLE resources ADD COLUMN history_hash blob CHECK (length(history_hash) = 33);
ALTER TABLE history ADD COLUMN position integer;
";

/// One for each filter, none wider than it must be: every one of them is written with every entry.
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS history_by_request ON history (account_id, request_id, sequence) WHERE request_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS history_by_actor ON history (account_id, actor_id, happened_at_us) WHERE actor_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS history_by_time ON history (account_id, happened_at_us);
CREATE UNIQUE INDEX IF NOT EXISTS history_feed ON history (account_id, position)
    WHERE request_id IS NOT NULL AND position IS NOT NULL;
";
