//! The history of accounts (ACC-17): append-only and chained, as that of resources.
//!
//! It only expands: the version before changes rules without it, so what it changes while both run is not in it; the chain holds all the
//! same. An account's history begins with its first change after this.
//!
//! `subject` is a UUID of members, roles, invitations and the account, and else a name, so it is text.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0007_account_history"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (types, refusals) = match manager.get_database_backend() {
            DbBackend::Sqlite => (&SQLITE, REFUSALS_OF_SQLITE),
            _ => (&POSTGRES, REFUSALS_OF_POSTGRES),
        };
        for text in [table(types).as_str(), refusals] {
            manager.get_connection().execute_unprepared(text).await?;
        }
        Ok(())
    }
}

/// What a database calls its types.
struct Types {
    uuid: &'static str,
    bigint: &'static str,
    bytes: &'static str,
    /// After the columns of a table.
    table: &'static str,
}

const POSTGRES: Types = Types { uuid: "uuid", bigint: "bigint", bytes: "bytea", table: "" };

const SQLITE: Types = Types { uuid: "blob", bigint: "integer", bytes: "blob", table: "STRICT" };

/// The newest entry's number and hash stand in the account's row, which every change of the rules holds alone.
fn table(types: &Types) -> String {
    let Types { uuid, bigint, bytes, table } = types;
    format!(
        "
CREATE TABLE account_history (
    account_id {uuid} NOT NULL,
    sequence {bigint} NOT NULL CHECK (sequence > 0),
    event text NOT NULL,
    subject_kind text NOT NULL,
    subject text NOT NULL,
    actor_id {uuid},
    actor_name text NOT NULL,
    actor_service text,
    happened_at_us {bigint} NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    hash {bytes} NOT NULL CHECK (length(hash) = 33),
    CONSTRAINT account_history_pkey PRIMARY KEY (account_id, sequence)
) {table};
CREATE INDEX account_history_by_subject ON account_history (account_id, subject_kind, subject, sequence);
CREATE INDEX account_history_by_actor ON account_history (account_id, actor_id, sequence) WHERE actor_id IS NOT NULL;
CREATE INDEX account_history_by_event ON account_history (account_id, event, sequence);
ALTER TABLE accounts ADD COLUMN history_sequence {bigint} NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN history_hash {bytes} CHECK (length(history_hash) = 33);
"
    )
}

const REFUSALS_OF_POSTGRES: &str = "
CREATE TRIGGER account_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON account_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history();
ALTER TABLE account_history ENABLE ALWAYS TRIGGER account_history_is_append_only;
";

const REFUSALS_OF_SQLITE: &str = "
CREATE TRIGGER account_history_refuses_update BEFORE UPDATE ON account_history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER account_history_refuses_delete BEFORE DELETE ON account_history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER account_history_refuses_replace BEFORE INSERT ON account_history
WHEN EXISTS (SELECT 1 FROM account_history WHERE account_id = new.account_id AND sequence = new.sequence)
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
";
