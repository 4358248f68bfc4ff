//! Reminders, reviews of emergency bypasses, who is asked for what, revisions of policies, and claims of what is due.
//!
//! It only expands, by the conventions of the first two. `request_approvers.open` and `requests.assigned` are there for lists
//! alone, and whoever lists looks at the assignments too: the version before writes without them.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_workflow"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (types, own) = match manager.get_database_backend() {
            DbBackend::Sqlite => (&SQLITE, ONLY_SQLITE),
            _ => (&POSTGRES, ONLY_POSTGRES),
        };
        let texts = [columns(types), reviews(types), revisions(types), claims(types)];
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
    /// After the columns of a table.
    table: &'static str,
}

const POSTGRES: Types =
    Types { uuid: "uuid", bigint: "bigint", smallint: "smallint", boolean: "boolean", table: "" };

const SQLITE: Types =
    Types { uuid: "blob", bigint: "integer", smallint: "integer", boolean: "integer", table: "STRICT" };

/// What tables that are there already gain. The names of history's events in an index are fixed: a new one that belongs there needs a
/// new index. The lists' indexes are partial where only what is pending is asked for: they stay
/// as small as that is.
fn columns(types: &Types) -> String {
    let Types { bigint, smallint, boolean, .. } = types;
    format!(
        "
ALTER TABLE policies ADD COLUMN reminder_after_us {bigint};

ALTER TABLE requests ADD COLUMN remind_at_us {bigint};
ALTER TABLE requests ADD COLUMN comments {smallint} NOT NULL DEFAULT 0;
CREATE INDEX requests_remind ON requests (remind_at_us) WHERE state = 'PENDING' AND remind_at_us IS NOT NULL;

-- Whether approvers were chosen: who is asked where none were is everybody of the area.
ALTER TABLE requests ADD COLUMN assigned {boolean} NOT NULL DEFAULT false;
UPDATE requests SET assigned = true WHERE state = 'PENDING' AND EXISTS (SELECT 1 FROM request_approvers AS ra
    WHERE ra.account_id = requests.account_id AND ra.request_id = requests.request_id);
CREATE INDEX requests_unassigned ON requests (account_id, area, request_id) WHERE state = 'PENDING' AND NOT assigned;
CREATE INDEX requests_urgent ON requests (account_id, deadline_at_us, request_id) WHERE state = 'PENDING';
CREATE INDEX requests_by_kind ON requests (account_id, kind, request_id);
CREATE INDEX requests_by_submitter ON requests (account_id, submitter_id, request_id);
CREATE INDEX decisions_by_member ON decisions (account_id, member_id, request_id);

-- Whether the approver is still asked: the request is pending, and the assignment has not ended.
ALTER TABLE request_approvers ADD COLUMN open {boolean} NOT NULL DEFAULT true;
UPDATE request_approvers SET open = false WHERE expired_at_us IS NOT NULL OR NOT EXISTS (SELECT 1 FROM requests AS q
    WHERE q.account_id = request_approvers.account_id AND q.request_id = request_approvers.request_id
    AND q.state = 'PENDING');
-- What the gate's answer rests on: the entries that moved the resource, or allowed content.
CREATE INDEX history_standing ON history (account_id, resource_id, sequence) WHERE
    (event IN ('APPROVED', 'APPLIED', 'BYPASSED', 'EMERGENCY_BYPASSED', 'APPROVAL_VOIDED', 'STARTED', 'COMPLETED')
    OR (event = 'EDITED' AND to_state <> 'DRAFT'));
CREATE INDEX request_approvers_open ON request_approvers (account_id, member_id, request_id) WHERE open;
"
    )
}

/// Emergency bypasses and whether another approver has looked at them (POL-8).
fn reviews(types: &Types) -> String {
    let Types { uuid, bigint, table, .. } = types;
    format!(
        "
CREATE TABLE reviews (
    account_id {uuid} NOT NULL,
    review_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    kind text NOT NULL,
    resource_title text NOT NULL,
    area text NOT NULL,
    action text NOT NULL,
    from_state text NOT NULL,
    target_state text NOT NULL,
    bypassed_by_id {uuid} NOT NULL,
    bypassed_by_name text NOT NULL,
    bypassed_by_service text,
    reason text NOT NULL,
    digest text NOT NULL,
    opened_at_us {bigint} NOT NULL,
    closed_by_id {uuid},
    closed_by_name text,
    closed_by_service text,
    closed_at_us {bigint},
    closed_note text,
    CONSTRAINT reviews_pkey PRIMARY KEY (account_id, review_id),
    CHECK ((closed_at_us IS NULL) = (closed_by_name IS NULL) AND (closed_at_us IS NULL) = (closed_note IS NULL))
) {table};
-- POL-8: who has bypassed can't again before that is reviewed, whatever the code does.
CREATE UNIQUE INDEX reviews_one_open ON reviews (account_id, bypassed_by_id) WHERE closed_at_us IS NULL;
CREATE INDEX reviews_open ON reviews (account_id, review_id) WHERE closed_at_us IS NULL;
"
    )
}

/// Each policy that was ever in force: history, and append-only as that is.
fn revisions(types: &Types) -> String {
    let Types { uuid, bigint, smallint, boolean, table } = types;
    format!(
        "
CREATE TABLE policy_revisions (
    account_id {uuid} NOT NULL,
    area text NOT NULL,
    version {bigint} NOT NULL CHECK (version > 0),
    enabled {boolean} NOT NULL,
    required_approvals {smallint} NOT NULL,
    allow_self_approval {boolean} NOT NULL,
    rejection_note_required {boolean} NOT NULL,
    cancellation text NOT NULL CHECK (cancellation IN ('NOBODY', 'WRITERS')),
    request_max_age_us {bigint},
    reminder_after_us {bigint},
    minimum_lead_time_us {bigint} NOT NULL,
    changed_at_us {bigint} NOT NULL,
    changed_by_id {uuid},
    changed_by_name text NOT NULL,
    changed_by_service text,
    CONSTRAINT policy_revisions_pkey PRIMARY KEY (account_id, area, version)
) {table};
"
    )
}

/// Who acts on what is due: a row is a lease.
fn claims(types: &Types) -> String {
    let Types { uuid, bigint, table, .. } = types;
    format!(
        "
CREATE TABLE timer_claims (
    account_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    claimed_until_us {bigint} NOT NULL,
    CONSTRAINT timer_claims_pkey PRIMARY KEY (account_id, resource_id)
) {table};
CREATE INDEX timer_claims_until ON timer_claims (claimed_until_us);
"
    )
}

const ONLY_POSTGRES: &str = "
CREATE TRIGGER policy_revisions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history();
ALTER TABLE policy_revisions ENABLE ALWAYS TRIGGER policy_revisions_are_append_only;
";

const ONLY_SQLITE: &str = "
CREATE TRIGGER policy_revisions_refuse_update BEFORE UPDATE ON policy_revisions
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER policy_revisions_refuse_delete BEFORE DELETE ON policy_revisions
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER policy_revisions_refuse_replace BEFORE INSERT ON policy_revisions
WHEN EXISTS (SELECT 1 FROM policy_revisions
    WHERE account_id = NEW.account_id AND area = NEW.area AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
";
