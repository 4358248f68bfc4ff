//! On PostgreSQL with filled tables, nothing that is done often reads a whole table.

use std::{collections::BTreeSet, time::Duration};

use countersign_domain::{
    Action, Area, Invitation, Kind, Lifecycle, Member, ReviewId, Role, RulesWrite, SystemRole, Timestamp,
    invitation::InvitationState, loss::Concern,
};
use countersign_store::{
    About, Committed, Due, Erased, Feed, HistoryFilter, HistoryKey, RequestCursor, RequestFilter,
    RequestOrder, RequestStateName, RulesCommit, Waiting, WaitingArea,
};
use countersign_testkit::{TestDatabase, wait_for};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

use crate::support::*;

/// Rows of other accounts, and old rows of this one: enough that reading a table through would be noticed.
const FILL: &str = "
INSERT INTO accounts (account_id, name, features, rules_version, created_at_us)
    SELECT gen_random_uuid(), 'a', '', 1, 0 FROM generate_series(1, 5000);
INSERT INTO members SELECT account_id, gen_random_uuid(), 'e', gen_random_uuid()::text, 'n', 'en', 'CREATOR', false, 'ACTIVE', 1, 0
    FROM accounts, generate_series(1, 2);
INSERT INTO roles SELECT account_id, gen_random_uuid(), 'r', gen_random_uuid()::text, '{}', false, NULL, false, 1, 0, 0
    FROM accounts;
INSERT INTO member_roles SELECT m.account_id, m.member_id, r.role_id
    FROM members AS m JOIN roles AS r ON r.account_id = m.account_id WHERE r.name = 'r';
INSERT INTO invitations SELECT account_id, gen_random_uuid(), 'e', 'e', 'en', 'MEMBER', '[]', false, gen_random_uuid()::text,
    'PENDING', NULL, NULL, 'n', NULL, 0, 0, 1 FROM accounts WHERE name = 'a';
INSERT INTO invitation_mails SELECT account_id, 'k', hour, 1 FROM accounts, generate_series(1, 3) AS hour;
INSERT INTO sweeps SELECT account_id, 1, NULL, 1000 FROM accounts WHERE name = 'a';
INSERT INTO policies SELECT account_id, area, true, 1, false, false, 'NOBODY', NULL, 0, 1, 0
    FROM accounts, unnest(ARRAY['CAMPAIGNS', 'PRODUCT_EXPERIENCES']) AS area;
INSERT INTO resources SELECT r.account_id, gen_random_uuid(), r.kind, gen_random_uuid()::text, r.title, r.owner_id, r.state,
    r.approval_status, NULL, NULL, NULL, r.live_body, r.live_digest, r.live_revision, NULL, NULL, NULL, NULL, NULL, r.variants,
    NULL, NULL, 1, 0, 0, NULL, '{}', '[]' FROM resources AS r, generate_series(1, 10000);
INSERT INTO requests SELECT q.account_id, gen_random_uuid(), r.resource_id, q.kind, q.resource_title, q.area, q.action,
    q.from_state, q.pending_label, q.target_state, NULL, 'n', NULL, '', q.digest, NULL, NULL, NULL, NULL, 1, 0, 0, 'REJECTED',
    2, NULL, 'n', NULL, 0, '', NULL, NULL FROM requests AS q, resources AS r WHERE r.version = 1;
INSERT INTO history SELECT account_id, resource_id, 1, NULL, 'REGISTERED', NULL, NULL, 'n', NULL, 0, NULL, 'DRAFT', '', 'd'
    FROM resources WHERE version = 1;
INSERT INTO history SELECT account_id, resource_id, 2, gen_random_uuid(), 'SUBMITTED', NULL, gen_random_uuid(), 'n', NULL,
    row_number() OVER (), 'DRAFT', 'DRAFT', '', 'd' FROM resources WHERE version = 1;
INSERT INTO request_approvers SELECT account_id, request_id, gen_random_uuid(), 1, NULL FROM requests;
INSERT INTO decisions SELECT account_id, request_id, gen_random_uuid(), 'n', NULL, 'REJECTED', '', 0, 2 FROM requests;
INSERT INTO reviews SELECT account_id, gen_random_uuid(), resource_id, 'k', 't', 'CAMPAIGNS', 'a', 'f', 't', gen_random_uuid(), 'n',
    NULL, 'r', 'd', 0, NULL, NULL, NULL, NULL, NULL FROM resources;
INSERT INTO policy_revisions SELECT account_id, 'CAMPAIGNS', v, true, 1, false, false, 'NOBODY', NULL, NULL, 0, 0, NULL, 'n', NULL
    FROM accounts, generate_series(1, 3) AS v;
INSERT INTO lifecycles SELECT account_id, 'k', v, 'A', json_build_object('transitions', '{}'::int[], 'edits', '{}'::int[], 'timed', '{}'::int[]), 0, NULL, 'n', NULL
    FROM accounts, generate_series(1, 3) AS v;
INSERT INTO lifecycle_retirements SELECT account_id, kind, version, 0, NULL, 'n', NULL FROM lifecycles WHERE version = 2;
INSERT INTO timer_claims SELECT account_id, resource_id, 1000 FROM resources;
INSERT INTO idempotency SELECT account_id, 'a', gen_random_uuid(), '', '', 1000 FROM resources;
INSERT INTO outbox SELECT account_id, gen_random_uuid(), 't', 's', 1, 'p', NULL, 0 FROM resources;
UPDATE accounts SET state = 'DELETED', erase_at_us = 0 WHERE account_id = (
    SELECT account_id FROM accounts WHERE name = 'a' LIMIT 1);
ANALYZE;
";

async fn tables_read_through(raw: &DatabaseConnection) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_stat_user_tables WHERE seq_scan > 0 ORDER BY relname";
    let select = Statement::from_string(raw.get_database_backend(), sql);
    let rows = raw.query_all_raw(select).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Waits until no other session is left in the database. Sessions report what they read now and then, and the last of it
/// before they are gone: what one of them did earlier must not be counted later.
async fn only_session(raw: &DatabaseConnection) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let probe = async || (number(raw, others).await == 0).then_some(());
    wait_for("the other sessions' end", Duration::from_secs(10), probe).await;
}

/// Proves REQ-19: the cost does not grow with the tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_table_is_read_through() {
    let mut world = World::new(TestDatabase::postgres().await).await;
    let (resource, request) = world.submitted().await;
    let held = role(&world.account, "Held");
    let holder = Member { roles: vec![held.id], ..member(&world.account, SystemRole::Creator) };
    let invited = invitation(&world.account, &world.admin, "new@example.com");
    world
        .changed(vec![
            RulesWrite::InsertRole(held.clone()),
            RulesWrite::InsertMember(holder.clone()),
            RulesWrite::InsertInvitation(invited.clone()),
        ])
        .await;
    let filling = world.raw().await;
    filling.execute_unprepared(FILL).await.unwrap();
    filling.close().await.unwrap();
    world.store.clone().close().await.unwrap();
    // One connection: a pool opens another when the first is not back in time, and that one would be waited for in vain.
    let mut options = ConnectOptions::new(world.db.url());
    options.max_connections(1);
    let raw = Database::connect(options).await.unwrap();
    only_session(&raw).await;
    raw.execute_unprepared("SELECT pg_stat_reset()").await.unwrap();

    let store = connect(&world.db).await;
    let account = world.account.id;
    let key = world.key();
    for about in [
        About::Nothing,
        About::Resource(resource.id),
        About::ResourceByExternalId(resource.kind.clone(), resource.external_id.clone()),
        About::Request(request.id),
        About::Bypass(resource.id),
    ] {
        let snapshot =
            store.snapshot(account, Some(world.admin.id), &about, &[world.admin.id], Some(&key)).await;
        assert_eq!(snapshot.unwrap().unwrap().request.is_some(), about != About::Nothing);
    }
    let cursor = Some(RequestCursor { id: request.id, deadline: Some(NOW) });
    for state in [None, Some(RequestStateName::Pending), Some(RequestStateName::Approved)] {
        for resource in [None, Some(resource.id)] {
            for after in [None, cursor] {
                for order in [RequestOrder::Newest, RequestOrder::MostUrgent] {
                    if order == RequestOrder::MostUrgent && state != Some(RequestStateName::Pending) {
                        continue; // Not asked for: only what is pending is urgent.
                    }
                    let filter = RequestFilter { state, resource, order, ..RequestFilter::default() };
                    store.list_requests(account, &filter, after, 50).await.unwrap();
                }
            }
        }
    }
    let admin = world.admin.id;
    let waiting_area = |area, submitted_too, written_too| WaitingArea { area, submitted_too, written_too };
    let areas = vec![
        waiting_area(Area::CAMPAIGNS, false, false),
        waiting_area(Area::PRODUCT_EXPERIENCES, true, true),
    ];
    for filter in [
        RequestFilter { kinds: Some(vec![Kind::AB_TEST, Kind::REMOTE_CONFIG]), ..RequestFilter::default() },
        RequestFilter {
            kinds: Some(vec![Kind::AB_TEST]),
            state: Some(RequestStateName::Approved),
            ..RequestFilter::default()
        },
        RequestFilter { submitter: Some(admin), ..RequestFilter::default() },
        RequestFilter { decided_by: Some(admin), ..RequestFilter::default() },
        RequestFilter {
            waiting: Some(Waiting { member: admin, areas: areas.clone() }),
            ..RequestFilter::default()
        },
        RequestFilter {
            waiting: Some(Waiting { member: admin, areas }),
            order: RequestOrder::MostUrgent,
            ..RequestFilter::default()
        },
    ] {
        for after in [None, cursor] {
            store.list_requests(account, &filter, after, 50).await.unwrap();
        }
    }
    store.list_resources(account, &[Kind::CAMPAIGN], None, 50).await.unwrap();
    store.list_resources(account, &[Kind::CAMPAIGN, Kind::AB_TEST], Some(resource.id), 50).await.unwrap();
    for key in [None, Some(HistoryKey { at: NOW, resource: resource.id, sequence: 1 })] {
        let mut filters = vec![HistoryFilter::Resource(resource.id), HistoryFilter::Request(request.id)];
        for actor in [None, Some(world.admin.id)] {
            for (from, until) in [(None, None), (Some(NOW), None), (None, Some(NOW)), (Some(NOW), Some(NOW))]
            {
                filters.push(HistoryFilter::Account { actor, from, until });
            }
        }
        for filter in filters {
            store.list_history(account, &filter, key, 50).await.unwrap();
        }
    }
    assert!(store.verify_history(account, resource.id).await.unwrap().entries > 0);
    store.history_hash(account, resource.id, 1).await.unwrap();
    let mut feed = Feed::new(store.clone(), account, Some(0));
    while feed.read(50).await.unwrap().unwrap().changes.is_empty() {}
    store.feed_head(account).await.unwrap();
    store.list_members(account, Some(world.admin.id), 50).await.unwrap();
    store.count_pending(account, &Area::CAMPAIGNS).await.unwrap();
    assert_eq!(store.holders(account, held.id).await.unwrap().len(), 1);
    assert!(store.all_members(account).await.unwrap().len() > 1);
    assert!(store.member_by_email(account, &holder.email).await.unwrap().is_some());
    store.list_roles(account, None, 50).await.unwrap();
    store.list_roles(account, Some(held.id), 50).await.unwrap();
    assert!(store.invitation(account, invited.id).await.unwrap().is_some());
    assert!(store.invitation_by_token(account, &invited.token).await.unwrap().is_some());
    assert!(store.pending_invitation(account, &invited.email).await.unwrap().is_some());
    store.list_invitations(account, None, 50).await.unwrap();
    store.list_invitations(account, Some(invited.id), 50).await.unwrap();
    let concern = Concern {
        members: BTreeSet::from([world.admin.id, holder.id]),
        everything: true,
        areas: BTreeSet::from([Area::CAMPAIGNS]),
    };
    store.concerned(account, &concern, 50).await.unwrap();
    store.pending_request_ids(account, None, 50).await.unwrap();
    assert_eq!(store.claim_sweep(Timestamp(500), Duration::from_secs(1)).await.unwrap(), None);
    let to_erase = store.accounts_to_erase(NOW, 50).await.unwrap();
    assert_eq!(to_erase.len(), 1);
    while store.erase_account(to_erase[0], NOW, 1, erasure_of(to_erase[0])).await.unwrap() == Erased::Part {}
    store.claim_due(after(1_000_000), Duration::ZERO, 50).await.unwrap();
    store.release_due(&[Due { account_id: account, resource_id: resource.id }], NOW).await.unwrap();
    store.forget_claims(Timestamp(500)).await.unwrap();
    let lifecycle = Lifecycle::built_in(&resource.kind).unwrap();
    store.standing(account, resource.id, 1, lifecycle, &Action::LAUNCH).await.unwrap();
    store.list_policy_revisions(account, &Area::CAMPAIGNS, None, 50).await.unwrap();
    for open in [true, false] {
        store.list_reviews(account, &Area::BUILT_IN, open, Some(ReviewId(id())), 50).await.unwrap();
    }
    store.purge_idempotency(Timestamp(500), 50).await.unwrap();
    store.replay(&key).await.unwrap();
    store.relay(50, async |batch| vec![true; batch.len()]).await.unwrap();

    let mut commit = world.commit(approval(&resource, &request, &world.admin));
    commit.idempotency = Some(record(&key, "answer"));
    let approved = commit.outcome.resource.clone();
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    assert_eq!(
        store.commit(world.commit(submission(&approved, &world.admin))).await.unwrap(),
        Committed::Done
    );
    let new = campaign(&world.account, &world.admin);
    assert_eq!(store.commit(world.commit(registration(&new))).await.unwrap(), Committed::Done);
    assert_eq!(store.commit(world.commit(edit(&new, "t"))).await.unwrap(), Committed::Done);
    let joining = member(&world.account, SystemRole::Approver);
    let join = RulesCommit {
        sweep: true,
        posted: vec!["new@example.com".into()],
        ..world.change(vec![
            RulesWrite::UpdateRole(Role { version: 2, ..held.clone() }),
            RulesWrite::UpdateMember(Member { version: 2, roles: vec![], ..holder.clone() }),
            RulesWrite::InsertMember(Member { roles: vec![held.id], ..joining.clone() }),
            RulesWrite::UpdateMember(Member { version: 2, ..joining }),
            RulesWrite::DeleteRole(held.id),
            RulesWrite::UpdateInvitation(Invitation {
                state: InvitationState::Withdrawn,
                version: 2,
                ..invited.clone()
            }),
        ])
    };
    assert_eq!(store.commit_rules(join).await.unwrap(), Committed::Done);
    let sweep = store.claim_sweep(Timestamp(500), Duration::from_secs(1)).await.unwrap().unwrap();
    store.advance_sweep(&sweep, Some(request.id), NOW, Duration::from_secs(1)).await.unwrap();
    store.finish_sweep(&sweep).await.unwrap();

    store.close().await.unwrap();
    only_session(&raw).await;
    let reported = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'history'";
    assert_eq!(number(&raw, reported).await, 4, "what was done was not counted");
    assert_eq!(tables_read_through(&raw).await, Vec::<String>::new());
}
