//! A commit writes all of an outcome or nothing of it.

use countersign_domain::{RequestId, SystemRole};
use countersign_store::{Committed, Duplicate, StoreError};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::ConnectionTrait;

use crate::support::*;

both_databases! {
    a_second_pending_request_is_refused,
    the_database_refuses_a_second_pending_request_by_itself,
    a_stale_resource_is_refused,
    a_decided_request_is_refused,
    a_request_that_its_resource_knows_nothing_of_leaves_nothing,
    the_same_person_counts_once,
    taken_names_are_told_apart,
    history_is_append_only,
    history_has_no_gaps,
    parts_that_do_not_belong_together_are_refused,
}

const TABLES: [&str; 6] = ["resources", "requests", "decisions", "history", "outbox", "idempotency"];

async fn counts(world: &World) -> Vec<i64> {
    let mut counts = vec![];
    for table in TABLES {
        counts.push(world.count(table).await);
    }
    counts
}

/// Proves REQ-2.
async fn a_second_pending_request_is_refused(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, _) = world.submitted().await;
    let before = counts(&world).await;
    let second = world.commit(submission(&resource, &world.admin));
    assert_eq!(world.store.commit(second).await.unwrap(), Committed::Conflict);
    assert_eq!(counts(&world).await, before);
}

/// Proves REQ-2: also when the store's code is bypassed.
async fn the_database_refuses_a_second_pending_request_by_itself(db: TestDatabase) {
    let world = World::new(db).await;
    let (_, request) = world.submitted().await;
    let raw = world.raw().await;
    let columns = "account_id, resource_id, kind, resource_title, area, action, from_state, pending_label, target_state, \
        submitter_name, note, digest, required_approvals, created_at_us, state, version";
    let make_id = if world.db.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    let again =
        format!("INSERT INTO requests (request_id, {columns}) SELECT {make_id}, {columns} FROM requests");
    let error = raw.execute_unprepared(&again).await.unwrap_err();
    assert!(matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))), "{error}");
    assert_eq!(world.count("requests").await, 1);
    let _ = request;
}

async fn a_stale_resource_is_refused(db: TestDatabase) {
    let world = World::new(db).await;
    let resource = world.registered().await;
    world.done(edit(&resource, "first")).await;
    let before = counts(&world).await;
    for stale in [edit(&resource, "second"), submission(&resource, &world.admin)] {
        let commit = world.commit(stale);
        assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Conflict);
    }
    assert_eq!(counts(&world).await, before);
    assert_eq!(world.resource(resource.id).await.title, "first");
}

/// Proves REQ-4: PENDING is the only state that can change.
async fn a_decided_request_is_refused(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    let approved = approval(&resource, &request, &world.admin);
    world.done(approved.clone()).await;
    let decided = approved.request.as_ref().unwrap().request().clone();
    let before = counts(&world).await;
    let other = member(&world.account, SystemRole::Approver);
    // Whatever versions the rival believes in.
    for (resource, request) in
        [(&resource, &request), (&approved.resource, &request), (&approved.resource, &decided)]
    {
        let commit = world.commit(approval(resource, request, &other));
        assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Conflict);
    }
    assert_eq!(counts(&world).await, before);
    assert_eq!(world.resource(resource.id).await, approved.resource);
}

/// The resource's guard holds and the request's does not, which no writer of ours can bring about: the resource's update,
/// which comes first, is undone.
async fn a_request_that_its_resource_knows_nothing_of_leaves_nothing(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    world.raw().await.execute_unprepared("UPDATE requests SET version = 7").await.unwrap();
    let before = counts(&world).await;
    let mut commit = world.commit(approval(&resource, &request, &world.admin));
    commit.idempotency = Some(record(&world.key(), "never"));
    assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Conflict);
    assert_eq!(counts(&world).await, before);
    assert_eq!(world.resource(resource.id).await, resource);
}

/// Proves POL-3: the same person counts once, also when the rules' code is bypassed.
async fn the_same_person_counts_once(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    let first = partial_approval(&resource, &request, &world.admin);
    world.done(first.clone()).await;
    let before = counts(&world).await;
    let recorded = first.request.as_ref().unwrap().request();
    let again = world.commit(partial_approval(&first.resource, recorded, &world.admin));
    assert_eq!(world.store.commit(again).await.unwrap(), Committed::Conflict);
    assert_eq!(counts(&world).await, before);
    let other = member(&world.account, SystemRole::Approver);
    world.done(approval(&first.resource, recorded, &other)).await;
}

async fn taken_names_are_told_apart(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    let before = counts(&world).await;
    let mut same_name = campaign(&world.account, &world.admin);
    same_name.external_id.clone_from(&resource.external_id);
    let mut same_id = campaign(&world.account, &world.admin);
    same_id.id = resource.id;
    for (new, which) in [(same_name.clone(), Duplicate::ExternalId), (same_id, Duplicate::ResourceId)] {
        let commit = world.commit(registration(&new));
        assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Duplicate(which));
    }
    assert_eq!(counts(&world).await, before);
    // Another kind is another name.
    same_name.kind = countersign_domain::Kind::AB_TEST;
    world.done(registration(&same_name)).await;
    let mut same_request = crate::support::request(&same_name, &world.admin);
    same_request.id = RequestId(request.id.0);
    let commit = world.commit(submission_of(&same_name, same_request));
    assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Duplicate(Duplicate::RequestId));
}

/// Proves HIS-2.
async fn history_is_append_only(db: TestDatabase) {
    let world = World::new(db).await;
    world.registered().await;
    let raw = world.raw().await;
    let mut attempts = vec![
        "UPDATE history SET note = 'rewritten'",
        "UPDATE history SET note = 'rewritten' WHERE note = 'there is none'",
        "DELETE FROM history",
    ];
    if world.db.is_postgres() {
        attempts.extend([
            "TRUNCATE history",
            "TRUNCATE history CASCADE",
            "INSERT INTO history SELECT * FROM history ON CONFLICT (account_id, resource_id, sequence) \
             DO UPDATE SET note = 'rewritten'",
            "SET session_replication_role = 'replica'; UPDATE history SET note = 'rewritten'",
        ]);
    } else {
        // A statement that hits no row changes nothing, and SQLite's triggers are for rows.
        attempts.remove(1);
        attempts.extend([
            "INSERT OR REPLACE INTO history SELECT * FROM history",
            "REPLACE INTO history SELECT * FROM history",
            "INSERT INTO history SELECT * FROM history WHERE true ON CONFLICT DO UPDATE SET note = 'rewritten'",
        ]);
    }
    for attempt in attempts {
        assert!(raw.execute_unprepared(attempt).await.is_err(), "{attempt}");
        assert_eq!(number(&raw, "SELECT count(*) FROM history WHERE note = ''").await, 1, "{attempt}");
    }
}

/// Proves HIS-1: every commit has its entry, numbered without gaps, through refused ones in between.
async fn history_has_no_gaps(db: TestDatabase) {
    let world = World::new(db).await;
    let (mut resource, request) = world.submitted().await;
    let stale = world.commit(edit(&resource, "stale"));
    let approved = approval(&resource, &request, &world.admin);
    world.done(approved.clone()).await;
    resource = approved.resource;
    assert_eq!(world.store.commit(stale).await.unwrap(), Committed::Conflict);
    let edited = edit(&resource, "last");
    world.done(edited.clone()).await;
    let history = world.history(resource.id).await;
    let sequences: Vec<i64> = history.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert_eq!(world.resource(resource.id).await.version, 4);
    assert_eq!(world.count("outbox").await, 4);
}

async fn parts_that_do_not_belong_together_are_refused(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    let other = campaign(&world.account, &world.admin);
    let good = approval(&resource, &request, &world.admin);
    let mut gap = good.clone();
    gap.history.sequence += 1;
    let mut elsewhere = good.clone();
    elsewhere.history.resource_id = other.id;
    let mut decided = submission(&other, &world.admin);
    if let Some(countersign_domain::RequestWrite::Insert(new)) = &mut decided.request {
        new.state.clone_from(&good.request.as_ref().unwrap().request().state);
    }
    for outcome in [gap, elsewhere, decided] {
        let error = world.store.commit(world.commit(outcome)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unstorable { .. }), "{error}");
        assert!(!error.is_transient());
    }
}
