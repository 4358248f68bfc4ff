//! A page of a list costs what the page holds, also where the data is lopsided: one account has nearly everything, one resource
//! nearly all requests, and a few approvers have decided ten thousand times each. What PostgreSQL reads is counted, and not timed.

use std::time::Duration;

use countersign_domain::{Area, Kind, MemberId, ResourceId};
use countersign_store::{RequestCursor, RequestFilter, RequestOrder, RequestStateName, Waiting, WaitingArea};
use countersign_testkit::{TestDatabase, wait_for};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use uuid::Uuid;

use crate::support::*;

/// How many requests wait; each of a resource of its own.
const PENDING: i64 = 32;

/// A million rows: 150,000 requests that have ended, each decided by one of fifteen approvers (10,000 decisions for each of them) and by
/// three members who never did so again, and 250,000 closed assignments. What waits is decided by nobody. How many different members
/// decided is said, and not for each ANALYZE to guess anew: by it a member has decided about twice.
const FILL: &str = "
CREATE FUNCTION numbered(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('01900000-' || kind || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
INSERT INTO requests SELECT q.account_id, numbered('0001', n), q.resource_id, q.kind, q.resource_title, q.area, q.action,
    q.from_state, q.pending_label, q.target_state, q.submitter_id, 'n', NULL, '', q.digest, NULL, NULL, NULL, NULL, 1, NULL, n, 'REJECTED',
    2, NULL, 'n', NULL, 0, '', NULL, NULL FROM requests AS q, generate_series(1, 150000) AS n WHERE q.state = 'PENDING';
INSERT INTO decisions SELECT q.account_id, q.request_id,
    CASE WHEN k = 0 THEN numbered('0002', q.created_at_us % 15) ELSE gen_random_uuid() END, 'n', NULL, 'REJECTED', '', 0, 2
    FROM requests AS q, generate_series(0, 3) AS k WHERE q.state = 'REJECTED';
INSERT INTO request_approvers SELECT q.account_id, q.request_id,
    CASE WHEN k = 0 THEN numbered('0002', q.created_at_us % 15) ELSE gen_random_uuid() END, 1, NULL, false
    FROM requests AS q, generate_series(0, 1) AS k WHERE q.state = 'REJECTED' AND q.created_at_us <= 125000;
INSERT INTO resources SELECT r.account_id, numbered('0003', n), r.kind, 'e' || n, r.title, r.owner_id, r.state,
    r.approval_status, NULL, NULL, NULL, r.live_body, r.live_digest, r.live_revision, NULL, NULL, NULL, NULL, NULL, r.variants,
    NULL, NULL, 1, 0, 0, NULL, '{}', '[]' FROM resources AS r, generate_series(2, 5000) AS n;
INSERT INTO requests SELECT q.account_id, numbered('0004', n), numbered('0003', n), q.kind, q.resource_title, q.area, q.action,
    q.from_state, q.pending_label, q.target_state, q.submitter_id, 'n', NULL, '', q.digest, NULL, NULL, NULL, NULL, 1,
    CASE WHEN n % 2 = 0 THEN n END, n, 'PENDING', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM requests AS q, generate_series(2, {PENDING}) AS n WHERE q.state = 'PENDING';
ALTER TABLE decisions ALTER COLUMN member_id SET (n_distinct = -0.5);
ANALYZE;
";

/// One of those who decided ten thousand times.
fn busy() -> MemberId {
    MemberId(Uuid::from_u128(0x0190_0000_0002_7000_8000_0000_0000_0007))
}

/// Waits until what the store's connections have read is counted: they report it before they end.
async fn ended(raw: &DatabaseConnection) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let probe = async || (number(raw, others).await == 0).then_some(());
    wait_for("the other sessions' end", Duration::from_secs(10), probe).await;
}

/// How many rows of a table and entries of an index each were read, of the ones where it is more than `allowed`.
async fn read_more_than(raw: &DatabaseConnection, allowed: i64) -> Vec<(String, i64)> {
    let sql = format!(
        "SELECT name, read FROM (SELECT indexrelname::text AS name, idx_tup_read AS read FROM pg_stat_user_indexes \
         UNION ALL SELECT relname::text, seq_tup_read FROM pg_stat_user_tables) AS counted WHERE read > {allowed} ORDER BY name"
    );
    let rows = raw.query_all_raw(Statement::from_string(raw.get_database_backend(), sql)).await.unwrap();
    let of =
        |row: &sea_orm::QueryResult| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
    rows.iter().map(of).collect()
}

fn lists(resource: ResourceId, submitter: MemberId) -> Vec<(&'static str, RequestFilter)> {
    let of = |area, submitted_too| WaitingArea { area, submitted_too, written_too: true };
    let areas = vec![of(Area::CAMPAIGNS, false), of(Area::PRODUCT_EXPERIENCES, true)];
    let waiting = Some(Waiting { member: busy(), areas });
    let any = RequestFilter::default();
    let pending = Some(RequestStateName::Pending);
    let urgent = RequestOrder::MostUrgent;
    vec![
        ("waiting", RequestFilter { waiting: waiting.clone(), ..any.clone() }),
        ("waiting, urgent", RequestFilter { waiting: waiting.clone(), order: urgent, ..any.clone() }),
        (
            "waiting, of a kind",
            RequestFilter { waiting, kinds: Some(vec![Kind::CAMPAIGN]), state: pending, ..any.clone() },
        ),
        ("decided", RequestFilter { decided_by: Some(busy()), ..any.clone() }),
        ("submitted", RequestFilter { submitter: Some(submitter), ..any.clone() }),
        ("of a resource", RequestFilter { resource: Some(resource), ..any.clone() }),
        ("pending", RequestFilter { state: pending, ..any.clone() }),
        ("pending, urgent", RequestFilter { state: pending, order: urgent, ..any.clone() }),
        ("of a kind", RequestFilter { kinds: Some(vec![Kind::CAMPAIGN]), ..any.clone() }),
        ("all", any),
    ]
}

/// Proves REQ-19: the cost does not grow with the tables, nor with what an approver has decided already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_reads_what_it_holds_of_a_million_rows() {
    let world = World::new(TestDatabase::postgres().await).await;
    let (resource, _) = world.submitted().await;
    world.store.clone().close().await.unwrap();
    let raw = world.raw().await;
    raw.execute_unprepared(&FILL.replace("{PENDING}", &PENDING.to_string())).await.unwrap();
    raw.close().await.unwrap();
    let mut options = sea_orm::ConnectOptions::new(world.db.url());
    options.max_connections(1);
    let raw = sea_orm::Database::connect(options).await.unwrap();
    let rows = "SELECT (SELECT count(*) FROM requests) + (SELECT count(*) FROM decisions) + (SELECT count(*) FROM request_approvers)";
    assert!(number(&raw, rows).await >= 1_000_000);
    // A page of 50 reads 51; some read them in each of two orders, and what is found once more. Sixteen times that is still nothing
    // beside ten thousand.
    let allowed = 51 * 16;
    for (name, filter) in lists(resource.id, world.admin.id) {
        for after in
            [None, Some(RequestCursor { id: countersign_domain::RequestId(id()), deadline: Some(NOW) })]
        {
            ended(&raw).await;
            raw.execute_unprepared("SELECT pg_stat_reset()").await.unwrap();
            let store = connect(&world.db).await;
            let found = store.list_requests(world.account.id, &filter, after, 50).await.unwrap().items.len();
            store.close().await.unwrap();
            ended(&raw).await;
            if after.is_none() {
                let all = usize::try_from(PENDING).unwrap();
                assert!(found >= all, "{name}: only {found} were found");
            }
            assert_eq!(read_more_than(&raw, allowed).await, vec![], "{name}");
        }
    }
}
