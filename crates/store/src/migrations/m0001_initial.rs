//! The first schema.
//!
//! One text for both databases: their types differ in name only, and what only one of them has (triggers, storage settings)
//! stands below by itself. SQLite's tables are STRICT, so that its columns have types too.
//!
//! - Every primary key starts with the account, so that a distributed database can spread accounts.
//! - Times are Unix microseconds in columns `…_us`: they sort the same everywhere, which SQLite's text times don't.
//! - Content is canonical JSON whose digest must hold, so it is text: jsonb would reorder it.
//! - Closed sets of values have a CHECK. Kinds, states, actions and labels are data (LIF-24), and history's events grow with
//!   every rule, so they have none.
//! - Foreign keys only where rows are made seldom. The tables of the hot path have none: their rows are inserted in the
//!   statement that has just locked their parent, parents are never deleted, and a key would cost every write a look-up
//!   and a row lock.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_initial"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (types, own) = match manager.get_database_backend() {
            DbBackend::Sqlite => (&SQLITE, ONLY_SQLITE),
            _ => (&POSTGRES, ONLY_POSTGRES),
        };
        let texts = [access(types), resources(types), requests(types), ledger(types), queue(types)];
        for text in texts.iter().map(String::as_str).chain([own]) {
            manager.get_connection().execute_unprepared(text).await?;
        }
        Ok(())
    }
}

/// What a database calls its types.
struct Types {
    uuid: &'static str,
    bigint: &'static str,
    smallint: &'static str,
    boolean: &'static str,
    bytes: &'static str,
    /// After the columns of a table.
    table: &'static str,
}

const POSTGRES: Types = Types {
    uuid: "uuid",
    bigint: "bigint",
    smallint: "smallint",
    boolean: "boolean",
    bytes: "bytea",
    table: "",
};

const SQLITE: Types = Types {
    uuid: "blob",
    bigint: "integer",
    smallint: "integer",
    boolean: "integer",
    bytes: "blob",
    table: "STRICT",
};

/// Accounts, members, policies: what `accounts.rules_version` counts the changes of.
fn access(types: &Types) -> String {
    let Types { uuid, bigint, smallint, boolean, table, .. } = types;
    format!(
        "
CREATE TABLE accounts (
    account_id {uuid} NOT NULL,
    name text NOT NULL,
    features text NOT NULL,
    rules_version {bigint} NOT NULL,
    created_at_us {bigint} NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (account_id)
) {table};

CREATE TABLE members (
    account_id {uuid} NOT NULL REFERENCES accounts (account_id),
    member_id {uuid} NOT NULL,
    email text NOT NULL,
    email_folded text NOT NULL,
    display_name text NOT NULL,
    locale text NOT NULL,
    system_role text CHECK (system_role IN ('ADMIN', 'CREATOR', 'MEMBER', 'APPROVER', 'EDITOR')),
    approval_right {boolean} NOT NULL,
    state text NOT NULL CHECK (state IN ('ACTIVE', 'REVOKED')),
    version {bigint} NOT NULL,
    created_at_us {bigint} NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (account_id, member_id)
) {table};
CREATE UNIQUE INDEX members_email ON members (account_id, email_folded);
-- Whoever could approve anything; the domain decides what (ACC-10).
CREATE INDEX members_approvers ON members (account_id, member_id)
    WHERE state = 'ACTIVE' AND (approval_right OR system_role IN ('ADMIN', 'APPROVER'));

CREATE TABLE policies (
    account_id {uuid} NOT NULL REFERENCES accounts (account_id),
    area text NOT NULL,
    enabled {boolean} NOT NULL,
    required_approvals {smallint} NOT NULL CHECK (required_approvals BETWEEN 1 AND 10),
    allow_self_approval {boolean} NOT NULL,
    rejection_note_required {boolean} NOT NULL,
    cancellation text NOT NULL CHECK (cancellation IN ('NOBODY', 'WRITERS')),
    request_max_age_us {bigint},
    minimum_lead_time_us {bigint} NOT NULL,
    version {bigint} NOT NULL,
    updated_at_us {bigint},
    CONSTRAINT policies_pkey PRIMARY KEY (account_id, area)
) {table};
"
    )
}

fn resources(types: &Types) -> String {
    let Types { uuid, bigint, table, .. } = types;
    format!(
        "
CREATE TABLE resources (
    account_id {uuid} NOT NULL REFERENCES accounts (account_id),
    resource_id {uuid} NOT NULL,
    kind text NOT NULL,
    external_id text NOT NULL,
    title text NOT NULL,
    owner_id {uuid} NOT NULL,
    state text NOT NULL,
    approval_status text NOT NULL CHECK (approval_status IN (
        'NONE', 'APPROVAL_PENDING', 'APPROVAL_APPROVED', 'APPROVAL_REJECTED', 'APPROVAL_EXPIRED', 'APPROVAL_CANCELLED')),
    lock_request_id {uuid},
    lock_label text,
    lock_action text,
    live_body text NOT NULL,
    live_digest text NOT NULL,
    live_revision {bigint} NOT NULL,
    staged_body text,
    staged_digest text,
    staged_revision {bigint},
    starts_at_us {bigint},
    ends_at_us {bigint},
    variants text NOT NULL,
    winner text,
    launch_mode text CHECK (launch_mode IN ('ACTIVE', 'TEST', 'PASSIVE')),
    version {bigint} NOT NULL CHECK (version > 0),
    created_at_us {bigint} NOT NULL,
    updated_at_us {bigint} NOT NULL,
    due_at_us {bigint},
    CONSTRAINT resources_pkey PRIMARY KEY (account_id, resource_id),
    CHECK ((lock_request_id IS NULL) = (lock_label IS NULL) AND (lock_request_id IS NULL) = (lock_action IS NULL)),
    CHECK ((staged_body IS NULL) = (staged_digest IS NULL) AND (staged_body IS NULL) = (staged_revision IS NULL))
) {table};
CREATE UNIQUE INDEX resources_external_id ON resources (account_id, kind, external_id);
CREATE INDEX resources_due ON resources (due_at_us) WHERE due_at_us IS NOT NULL;
"
    )
}

/// Requests, their chosen approvers and their decisions.
fn requests(types: &Types) -> String {
    let Types { uuid, bigint, smallint, table, .. } = types;
    format!(
        "
CREATE TABLE requests (
    account_id {uuid} NOT NULL,
    request_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    kind text NOT NULL,
    resource_title text NOT NULL,
    area text NOT NULL,
    action text NOT NULL,
    from_state text NOT NULL,
    pending_label text NOT NULL,
    target_state text NOT NULL,
    submitter_id {uuid},
    submitter_name text NOT NULL,
    submitter_service text,
    note text NOT NULL,
    digest text NOT NULL,
    change_body text,
    change_digest text,
    change_revision {bigint},
    launch_mode text CHECK (launch_mode IN ('ACTIVE', 'TEST', 'PASSIVE')),
    required_approvals {smallint} NOT NULL CHECK (required_approvals BETWEEN 1 AND 10),
    deadline_at_us {bigint},
    created_at_us {bigint} NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING', 'APPROVED', 'REJECTED', 'CANCELLED', 'EXPIRED', 'REVERTED')),
    version {bigint} NOT NULL CHECK (version > 0),
    ended_by_id {uuid},
    ended_by_name text,
    ended_by_service text,
    ended_at_us {bigint},
    ended_note text,
    winner text,
    expiry_reason text CHECK (expiry_reason IN ('DEADLINE', 'NO_ELIGIBLE_APPROVERS')),
    CONSTRAINT requests_pkey PRIMARY KEY (account_id, request_id),
    CHECK ((state = 'PENDING') = (ended_at_us IS NULL)),
    CHECK ((state = 'EXPIRED') = (expiry_reason IS NOT NULL))
) {table};
-- REQ-2: at most one PENDING request per resource, whatever the code does.
CREATE UNIQUE INDEX requests_one_pending ON requests (account_id, resource_id) WHERE state = 'PENDING';
CREATE INDEX requests_by_state ON requests (account_id, state, request_id);
CREATE INDEX requests_by_resource ON requests (account_id, resource_id, request_id);
CREATE INDEX requests_deadline ON requests (deadline_at_us) WHERE state = 'PENDING' AND deadline_at_us IS NOT NULL;

CREATE TABLE request_approvers (
    account_id {uuid} NOT NULL,
    request_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    position {smallint} NOT NULL,
    CONSTRAINT request_approvers_pkey PRIMARY KEY (account_id, request_id, member_id)
) {table};
CREATE INDEX request_approvers_by_member ON request_approvers (account_id, member_id, request_id);

CREATE TABLE decisions (
    account_id {uuid} NOT NULL,
    request_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    member_name text NOT NULL,
    service text,
    verdict text NOT NULL CHECK (verdict IN ('APPROVED', 'REJECTED')),
    note text NOT NULL,
    decided_at_us {bigint} NOT NULL,
    request_version {bigint} NOT NULL,
    CONSTRAINT decisions_pkey PRIMARY KEY (account_id, request_id, member_id)
) {table};
"
    )
}

/// History and idempotency.
fn ledger(types: &Types) -> String {
    let Types { uuid, bigint, bytes, table, .. } = types;
    format!(
        "
CREATE TABLE history (
    account_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    sequence {bigint} NOT NULL CHECK (sequence > 0),
    request_id {uuid},
    event text NOT NULL,
    action text,
    actor_id {uuid},
    actor_name text NOT NULL,
    actor_service text,
    happened_at_us {bigint} NOT NULL,
    from_state text,
    to_state text NOT NULL,
    note text NOT NULL,
    digest text NOT NULL,
    CONSTRAINT history_pkey PRIMARY KEY (account_id, resource_id, sequence)
) {table};

CREATE TABLE idempotency (
    account_id {uuid} NOT NULL,
    actor text NOT NULL,
    key {uuid} NOT NULL,
    fingerprint {bytes} NOT NULL,
    response {bytes} NOT NULL,
    created_at_us {bigint} NOT NULL,
    CONSTRAINT idempotency_pkey PRIMARY KEY (account_id, actor, key)
) {table};
CREATE INDEX idempotency_created ON idempotency (created_at_us);
"
    )
}

/// The outbox. SQLite's implicit rowid is the `position` that PostgreSQL has to be given (below).
fn queue(types: &Types) -> String {
    let Types { uuid, bigint, table, .. } = types;
    format!(
        "
CREATE TABLE outbox (
    account_id {uuid} NOT NULL,
    event_id {uuid} NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    sequence {bigint} NOT NULL,
    payload text NOT NULL,
    traceparent text,
    occurred_at_us {bigint} NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (account_id, event_id)
) {table};
"
    )
}

const ONLY_POSTGRES: &str = "
-- The order of insertion. Events of one resource are inserted under its row's lock, so theirs is the order of their
-- sequence numbers, and whoever sees one sees those before it.
ALTER TABLE outbox ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY;
CREATE INDEX outbox_position ON outbox (position);

-- HIS-2. For each statement, so that also one that would hit no row is refused, and TRUNCATE; ALWAYS, so that
-- session_replication_role does not switch it off.
CREATE FUNCTION refuse_to_change_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history();
ALTER TABLE history ENABLE ALWAYS TRIGGER history_is_append_only;

-- Room on the page for the next version of a row, which then needs no new index entries.
ALTER TABLE resources SET (fillfactor = 80);
ALTER TABLE accounts SET (fillfactor = 50);
-- A queue is nothing but dead rows to a table's statistics.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
";

const ONLY_SQLITE: &str = "
-- HIS-2. The trigger on INSERT is for INSERT OR REPLACE, which deletes without asking a DELETE trigger.
CREATE TRIGGER history_refuses_update BEFORE UPDATE ON history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_refuses_delete BEFORE DELETE ON history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_refuses_replace BEFORE INSERT ON history
WHEN EXISTS (SELECT 1 FROM history
    WHERE account_id = NEW.account_id AND resource_id = NEW.resource_id AND sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
";
