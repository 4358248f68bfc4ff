//! The schema, one migration for each released change of it: expand first, contract a version later.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

/// The notifier's migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Initial),
            Box::new(Access),
            Box::new(Erasures),
            Box::new(Preferences),
            Box::new(Sealing),
            Box::new(Parts),
            Box::new(TimeZones),
        ]
    }
}

struct Initial;

impl MigrationName for Initial {
    fn name(&self) -> &'static str {
        "m0001_initial"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Initial {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, INITIAL).await
    }
}

struct Access;

impl MigrationName for Access {
    fn name(&self) -> &'static str {
        "m0002_access"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Access {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, ACCESS).await
    }
}

struct Erasures;

impl MigrationName for Erasures {
    fn name(&self) -> &'static str {
        "m0003_erasures"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Erasures {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, ERASURES).await
    }
}

struct Preferences;

impl MigrationName for Preferences {
    fn name(&self) -> &'static str {
        "m0004_preferences"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Preferences {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, PREFERENCES).await
    }
}

struct Sealing;

impl MigrationName for Sealing {
    fn name(&self) -> &'static str {
        "m0005_sealing_keys_and_account_states"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Sealing {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, SEALING).await
    }
}

struct Parts;

impl MigrationName for Parts {
    fn name(&self) -> &'static str {
        "m0007_parts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Parts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, PARTS).await
    }
}

struct TimeZones;

impl MigrationName for TimeZones {
    fn name(&self) -> &'static str {
        "m0008_time_zones"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for TimeZones {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TIME_ZONES).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: &str) -> Result<(), DbErr> {
    let (uuid, nil) = if manager.get_database_backend() == DbBackend::Sqlite {
        ("blob", "x'00000000000000000000000000000000'")
    } else {
        ("uuid", "'00000000-0000-0000-0000-000000000000'")
    };
    let bytes = if uuid == "uuid" { "bytea" } else { "blob" };
    for statement in statements.split(";\n").filter(|statement| !statement.trim().is_empty()) {
        let statement = statement.replace("{uuid}", uuid).replace("{bytes}", bytes).replace("{nil}", nil);
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// Times are Unix microseconds and ids UUIDs. Every key starts with the account, so that a distributed database can
/// spread accounts.
const INITIAL: &str = "
-- Every event that was taken, so that it is taken once. `data` is what its mails are made from.
CREATE TABLE events (
    account_id {uuid} NOT NULL,
    event_id {uuid} NOT NULL,
    event_type text NOT NULL,
    occurred_at bigint NOT NULL,
    received_at bigint NOT NULL,
    data text,
    PRIMARY KEY (account_id, event_id)
);

-- One row for each event, recipient and channel. `due_at` is when somebody may next claim it: the next try of a QUEUED
-- one, the end of the lease of a SENDING one.
CREATE TABLE deliveries (
    account_id {uuid} NOT NULL,
    event_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    channel text NOT NULL CHECK (channel IN ('MAIL')),
    state text NOT NULL CHECK (state IN ('QUEUED', 'SENDING', 'SENT', 'FAILED')),
    address text NOT NULL,
    display_name text NOT NULL,
    locale text NOT NULL,
    reason integer NOT NULL,
    message_id text NOT NULL,
    attempts integer NOT NULL,
    created_at bigint NOT NULL,
    due_at bigint NOT NULL,
    finished_at bigint,
    last_error text NOT NULL,
    PRIMARY KEY (account_id, event_id, member_id, channel),
    FOREIGN KEY (account_id, event_id) REFERENCES events (account_id, event_id)
);

CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state IN ('QUEUED', 'SENDING');

CREATE INDEX deliveries_waiting ON deliveries (created_at) WHERE state IN ('QUEUED', 'SENDING');

CREATE INDEX deliveries_failed ON deliveries (account_id, finished_at) WHERE state = 'FAILED';

-- The newest event that set a resource's ribbons, so that an older one that comes late does not.
CREATE TABLE ribbon_cursors (
    account_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (account_id, resource_id)
);

-- Who has given one of several approvals, and so is asked no more, even if the event that asks comes after.
CREATE TABLE ribbon_withdrawals (
    account_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    approval_request_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (account_id, resource_id, approval_request_id, member_id)
);

-- What a viewer sees on a resource. The nil viewer stands for every member who has no ribbon of their own there.
CREATE TABLE ribbons (
    account_id {uuid} NOT NULL,
    ribbon_id {uuid} NOT NULL,
    viewer_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    resource_kind text NOT NULL,
    resource_title text NOT NULL,
    approval_request_id {uuid} NOT NULL,
    kind integer NOT NULL,
    action text NOT NULL,
    request_state integer NOT NULL,
    actor_name text NOT NULL,
    expiry_reason text NOT NULL,
    note text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (account_id, ribbon_id)
);

CREATE UNIQUE INDEX ribbons_of_resource ON ribbons (account_id, resource_id, viewer_id);

CREATE INDEX ribbons_of_viewer ON ribbons (account_id, viewer_id, created_at DESC, ribbon_id DESC);

CREATE TABLE ribbon_marks (
    account_id {uuid} NOT NULL,
    ribbon_id {uuid} NOT NULL,
    viewer_id {uuid} NOT NULL,
    seen_at bigint NOT NULL,
    dismissed_at bigint,
    PRIMARY KEY (account_id, ribbon_id, viewer_id),
    FOREIGN KEY (account_id, ribbon_id) REFERENCES ribbons (account_id, ribbon_id) ON DELETE CASCADE
);
";

/// Only expands: the version before goes on with it.
const ACCESS: &str = "
-- What each member may see and decide, as of the newest access event about them. The kinds and values are JSON lists. Who
-- lost access stays, inactive: an older event that comes late must not let them in again.
CREATE TABLE members (
    account_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    active boolean NOT NULL,
    readable_kinds text NOT NULL,
    approvable_kinds text NOT NULL,
    scope_property text,
    scope_values text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (account_id, member_id)
);

-- Whom the resource reaches, property by property, as JSON. What was made before is inside no scope.
ALTER TABLE ribbons ADD COLUMN audience text NOT NULL DEFAULT '{}';

-- A page of the kinds that a member may see costs what is on it, however many there are of other kinds.
CREATE INDEX ribbons_of_viewer_by_kind ON ribbons (account_id, viewer_id, resource_kind, created_at DESC, ribbon_id DESC);

-- What is old enough to be removed.
CREATE INDEX events_received ON events (received_at);
";

/// Only expands: the version before goes on with it.
const ERASURES: &str = "
-- The accounts that are gone for good. Kept for ever: an event of theirs that comes late must bring nothing back.
-- `finished_at` is when nothing of the account was left here but ids of events.
CREATE TABLE erasures (
    account_id {uuid} NOT NULL,
    received_at bigint NOT NULL,
    finished_at bigint,
    PRIMARY KEY (account_id)
);

CREATE INDEX erasures_unfinished ON erasures (received_at) WHERE finished_at IS NULL;
";

/// Only expands: the version before goes on with it, but knows nothing of reviews, and removes their ribbons with others.
const PREFERENCES: &str = "
-- The review that a ribbon asks to close; nil where the ribbon is about a request. Both can stand on one resource.
ALTER TABLE ribbons ADD COLUMN review_id {uuid} NOT NULL DEFAULT {nil};

DROP INDEX ribbons_of_resource;

CREATE UNIQUE INDEX ribbons_of_resource ON ribbons (account_id, resource_id, viewer_id, review_id);

-- Reviews that are closed, so that the event that asks for one asks nobody when it comes after.
CREATE TABLE closed_reviews (
    account_id {uuid} NOT NULL,
    review_id {uuid} NOT NULL,
    PRIMARY KEY (account_id, review_id)
);

-- The language of each member, as the newest event that told them something says: ribbons are read in it.
CREATE TABLE member_locales (
    account_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    locale text NOT NULL,
    occurred_at bigint NOT NULL,
    PRIMARY KEY (account_id, member_id)
);

-- What members want to be told. Who has no row wants what is the default. What can't be turned off has no column.
CREATE TABLE preferences (
    account_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    results_mail boolean NOT NULL,
    results_ribbon boolean NOT NULL,
    cancellations_mail boolean NOT NULL,
    cancellations_ribbon boolean NOT NULL,
    expiries_mail boolean NOT NULL,
    expiries_ribbon boolean NOT NULL,
    progress_mail boolean NOT NULL,
    comments_mail boolean NOT NULL,
    reminders_digest boolean NOT NULL,
    version bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (account_id, member_id)
);

-- The mail in which a member's reminders are gathered now; `event_id` is that of its delivery. Gone when the mail is made.
CREATE TABLE open_digests (
    account_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    event_id {uuid} NOT NULL,
    PRIMARY KEY (account_id, member_id)
);

-- A reminder that is gathered for a member: the event that reminds, and what its part of the mail is made from.
CREATE TABLE digest_items (
    account_id {uuid} NOT NULL,
    member_id {uuid} NOT NULL,
    reminder_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    approval_request_id {uuid} NOT NULL,
    occurred_at bigint NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (account_id, member_id, reminder_id)
);
";

const SEALING: &str = "
-- The secret under which page tokens are sealed, where none is given. One row, which belongs to no account and so to the nil UUID.
CREATE TABLE sealing_keys (
    account_id {uuid} NOT NULL,
    secret {bytes} NOT NULL CHECK (length(secret) >= 32),
    created_at bigint NOT NULL,
    PRIMARY KEY (account_id)
);

-- What was told last of accounts that are not active, or were not. `version` counts up with every change of the account.
CREATE TABLE account_states (
    account_id {uuid} NOT NULL,
    state text NOT NULL CHECK (state IN ('ACTIVE', 'SUSPENDED', 'DELETED')),
    version bigint NOT NULL,
    PRIMARY KEY (account_id)
);
";

/// Only expands: the version before goes on with it, but knows no events that name further recipients.
const PARTS: &str = "
-- The sequence of the event that a ribbon is of: events of one sequence leave alone what the others made. What was made before is of
-- an older one.
ALTER TABLE ribbons ADD COLUMN sequence bigint NOT NULL DEFAULT -1;
";

/// Only expands: what the version before plans is told in UTC.
const TIME_ZONES: &str = "
-- The time zone that the mail tells times in, by its name in IANA's database; UTC where it is empty.
ALTER TABLE deliveries ADD COLUMN time_zone text NOT NULL DEFAULT '';
";
