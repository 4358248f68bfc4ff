//! Custom roles and who holds them, invitations, the states of an account, audiences and marks of personal data, expired
//! assignments, and what is still to be settled after a loss of rights.
//!
//! It only expands: every new column has a default or may be null, so that the version before goes on inserting. The
//! conventions are those of the first schema. A role that somebody holds can't vanish: `member_roles` refers to it, which
//! costs nothing on the hot path, since roles are given seldom.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_access"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let types = match manager.get_database_backend() {
            DbBackend::Sqlite => &SQLITE,
            _ => &POSTGRES,
        };
        for text in [columns(types), roles(types), invitations(types), sweeps(types)] {
            manager.get_connection().execute_unprepared(&text).await?;
        }
        Ok(())
    }
}

/// What a database calls its types. The first schema has its own: a migration that was released is not edited.
struct Types {
    uuid: &'static str,
    bigint: &'static str,
    boolean: &'static str,
    /// After the columns of a table.
    table: &'static str,
}

const POSTGRES: Types = Types { uuid: "uuid", bigint: "bigint", boolean: "boolean", table: "" };

const SQLITE: Types = Types { uuid: "blob", bigint: "integer", boolean: "integer", table: "STRICT" };

/// What tables that are there already gain.
fn columns(types: &Types) -> String {
    let Types { bigint, .. } = types;
    format!(
        "
ALTER TABLE accounts ADD COLUMN state text NOT NULL DEFAULT 'ACTIVE'
    CHECK (state IN ('ACTIVE', 'SUSPENDED', 'DELETED', 'ERASED'));
ALTER TABLE accounts ADD COLUMN erase_at_us {bigint} CHECK ((state = 'DELETED') = (erase_at_us IS NOT NULL));
CREATE INDEX accounts_to_erase ON accounts (erase_at_us) WHERE state = 'DELETED';

-- JSON: whom a resource reaches, and where its content holds personal data.
ALTER TABLE resources ADD COLUMN audience text NOT NULL DEFAULT '{{}}';
ALTER TABLE resources ADD COLUMN pii_fields text NOT NULL DEFAULT '[]';

-- When the assignment ended because the right to decide was lost (REQ-10).
ALTER TABLE request_approvers ADD COLUMN expired_at_us {bigint};
"
    )
}

fn roles(types: &Types) -> String {
    let Types { uuid, bigint, boolean, table, .. } = types;
    format!(
        "
CREATE TABLE roles (
    account_id {uuid} NOT NULL REFERENCES accounts (account_id),
    role_id {uuid} NOT NULL,
    name text NOT NULL,
    name_folded text NOT NULL,
    accesses text NOT NULL,
    approves {boolean} NOT NULL,
    scope text,
    masks_pii {boolean} NOT NULL,
    version {bigint} NOT NULL CHECK (version > 0),
    created_at_us {bigint} NOT NULL,
    updated_at_us {bigint} NOT NULL,
    CONSTRAINT roles_pkey PRIMARY KEY (account_id, role_id)
) {table};
CREATE UNIQUE INDEX roles_name ON roles (account_id, name_folded);

CREATE TABLE member_roles (
    account_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    role_id {uuid} NOT NULL,
    CONSTRAINT member_roles_pkey PRIMARY KEY (account_id, member_id, role_id),
    FOREIGN KEY (account_id, member_id) REFERENCES members (account_id, member_id),
    FOREIGN KEY (account_id, role_id) REFERENCES roles (account_id, role_id)
) {table};
CREATE INDEX member_roles_by_role ON member_roles (account_id, role_id, member_id);
"
    )
}

fn invitations(types: &Types) -> String {
    let Types { uuid, bigint, boolean, table, .. } = types;
    format!(
        "
CREATE TABLE invitations (
    account_id {uuid} NOT NULL REFERENCES accounts (account_id),
    invitation_id {uuid} NOT NULL,
    email text NOT NULL,
    email_folded text NOT NULL,
    locale text NOT NULL,
    system_role text CHECK (system_role IN ('ADMIN', 'CREATOR', 'MEMBER', 'APPROVER', 'EDITOR')),
    role_ids text NOT NULL,
    approval_right {boolean} NOT NULL,
    token_hash text NOT NULL,
    state text NOT NULL CHECK (state IN ('PENDING', 'ACCEPTED', 'WITHDRAWN')),
    member_id {uuid},
    invited_by_id {uuid},
    invited_by_name text NOT NULL,
    invited_by_service text,
    created_at_us {bigint} NOT NULL,
    expires_at_us {bigint} NOT NULL,
    version {bigint} NOT NULL CHECK (version > 0),
    CONSTRAINT invitations_pkey PRIMARY KEY (account_id, invitation_id),
    CHECK ((state = 'ACCEPTED') = (member_id IS NOT NULL))
) {table};
CREATE UNIQUE INDEX invitations_token ON invitations (account_id, token_hash);
-- At most one pending invitation for an address.
CREATE UNIQUE INDEX invitations_email ON invitations (account_id, email_folded) WHERE state = 'PENDING';
"
    )
}

/// A row is owed until every pending request of the account was looked at: it outlives a crash of who does it.
fn sweeps(types: &Types) -> String {
    let Types { uuid, bigint, table, .. } = types;
    format!(
        "
CREATE TABLE sweeps (
    account_id {uuid} NOT NULL REFERENCES accounts (account_id),
    rules_version {bigint} NOT NULL,
    after_request_id {uuid},
    claimed_until_us {bigint} NOT NULL DEFAULT 0,
    CONSTRAINT sweeps_pkey PRIMARY KEY (account_id, rules_version)
) {table};
CREATE INDEX sweeps_claimed ON sweeps (claimed_until_us);
"
    )
}
