//! The feed of what happens to requests: each entry once, in order, none lost, whoever commits when.
#![expect(clippy::disallowed_methods, reason = "transactions beside the store's, held open by hand")]

use std::{collections::BTreeMap, time::Duration};

use countersign_domain::{RequestId, RequestState};
use countersign_store::{Change, Feed};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use tokio::{task::JoinSet, time::timeout};

use crate::support::*;

both_databases! {
    what_happened_to_requests_is_fed_in_order,
    a_feed_begins_now_or_where_another_stopped,
    a_feed_ends_with_its_account,
    many_who_write_at_once_are_each_fed_once,
}

/// Reads on until nothing is left.
async fn rest(feed: &mut Feed, limit: u32) -> Vec<Change> {
    let mut changes = vec![];
    loop {
        let fed = feed.read(limit).await.unwrap().unwrap();
        assert!(fed.changes.len() <= limit as usize);
        assert!(fed.changes.iter().all(|change| change.position <= fed.position));
        changes.extend(fed.changes);
        if !fed.more {
            return changes;
        }
    }
}

fn names(changes: &[Change]) -> Vec<(RequestId, i64)> {
    changes.iter().map(|change| (change.request.id, change.recorded.entry.sequence)).collect()
}

/// Proves REQ-20 as far as the store goes: what concerns no request is left out.
async fn what_happened_to_requests_is_fed_in_order(db: TestDatabase) {
    let world = World::new(db).await;
    let mut expected = vec![];
    for _ in 0..3 {
        let (resource, request) = world.submitted().await;
        let approved = approval(&resource, &request, &world.admin);
        world.done(approved.clone()).await;
        world.done(edit(&approved.resource, "later")).await;
        expected.extend([(request.id, 2), (request.id, 3)]);
    }
    for limit in [1, 2, 4, 50] {
        let mut feed = Feed::new(world.store.clone(), world.account.id, Some(0));
        let changes = rest(&mut feed, limit).await;
        assert_eq!(names(&changes), expected);
        assert!(changes.iter().all(|change| matches!(change.request.state, RequestState::Approved { .. })));
        assert_eq!(rest(&mut feed, limit).await, []);
    }
    let mut elsewhere = Feed::new(world.store.clone(), account().id, Some(0));
    assert_eq!(elsewhere.read(1).await.unwrap(), None);
}

async fn a_feed_begins_now_or_where_another_stopped(db: TestDatabase) {
    let world = World::new(db).await;
    assert_eq!(world.store.feed_head(world.account.id).await.unwrap(), 0);
    let (_, before) = world.submitted().await;
    let mut feed = Feed::new(world.store.clone(), world.account.id, None);
    let mut begun = feed.read(10).await.unwrap().unwrap();
    while !feed.has_begun() {
        begun = feed.read(10).await.unwrap().unwrap();
    }
    assert_eq!(begun.changes, []);
    assert_eq!(begun.position, world.store.feed_head(world.account.id).await.unwrap());
    assert_eq!(rest(&mut feed, 10).await, []);
    let (_, after) = world.submitted().await;
    assert_eq!(names(&rest(&mut feed, 10).await), [(after.id, 2)]);
    let mut other = Feed::new(world.store.clone(), world.account.id, Some(begun.position));
    assert_eq!(names(&rest(&mut other, 10).await), [(after.id, 2)]);
    let mut first = Feed::new(world.store.clone(), world.account.id, Some(0));
    assert_eq!(names(&rest(&mut first, 10).await), [(before.id, 2), (after.id, 2)]);
}

async fn a_feed_ends_with_its_account(db: TestDatabase) {
    let world = World::new(db).await;
    world.submitted().await;
    let mut feed = Feed::new(world.store.clone(), world.account.id, Some(0));
    assert_eq!(rest(&mut feed, 10).await.len(), 1);
    world.raw().await.execute_unprepared("UPDATE accounts SET state = 'ERASED'").await.unwrap();
    assert_eq!(feed.read(10).await.unwrap(), None);
}

/// On two stores, as on two replicas, while a reader reads all the time.
async fn many_who_write_at_once_are_each_fed_once(db: TestDatabase) {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let world = std::sync::Arc::new(World::new(db).await);
    let replica = if world.db.is_postgres() { connect(&world.db).await } else { world.store.clone() };
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let (world, replica) = (std::sync::Arc::clone(&world), replica.clone());
        tasks.spawn(async move {
            let store = if writer % 2 == 0 { world.store.clone() } else { replica };
            for _ in 0..EACH {
                let resource = campaign(&world.account, &world.admin);
                let submitted = submission(&resource, &world.admin);
                let request = submitted.request.as_ref().unwrap().request().clone();
                let approved = approval(&submitted.resource, &request, &world.admin);
                for outcome in [registration(&resource), submitted, approved] {
                    let done = store.commit(world.commit(outcome)).await.unwrap();
                    assert_eq!(done, countersign_store::Committed::Done);
                }
            }
        });
    }
    let mut feed = Feed::new(replica, world.account.id, Some(0));
    let mut seen: BTreeMap<RequestId, Vec<i64>> = BTreeMap::new();
    let mut position = 0;
    let all_seen = async {
        while !(tasks.is_empty() && seen.values().map(Vec::len).sum::<usize>() == 2 * WRITERS * EACH) {
            while let Some(done) = tasks.try_join_next() {
                done.unwrap();
            }
            for change in feed.read(7).await.unwrap().unwrap().changes {
                assert!(change.position > position);
                position = change.position;
                seen.entry(change.request.id).or_default().push(change.recorded.entry.sequence);
            }
        }
    };
    assert!(timeout(Duration::from_mins(1), all_seen).await.is_ok(), "a change was lost: {seen:?}");
    assert_eq!(seen.len(), WRITERS * EACH);
    assert!(seen.values().all(|sequences| sequences == &[2, 3]), "{seen:?}");
    assert_eq!(rest(&mut feed, 100).await, []);
}

async fn position(db: &impl ConnectionTrait, sql: &str) -> i64 {
    let select = Statement::from_string(sea_orm::DbBackend::Postgres, sql);
    db.query_one_raw(select).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Copies the request's last entry as the next one, in a transaction of somebody else.
async fn written(db: &impl ConnectionTrait) -> i64 {
    let next = "INSERT INTO history (account_id, resource_id, sequence, request_id, event, actor_name, happened_at_us, to_state, \
        note, digest) SELECT account_id, gen_random_uuid(), 1, request_id, event, actor_name, happened_at_us, to_state, \
        note, digest FROM history WHERE sequence = 2 RETURNING position";
    position(db, next).await
}

/// Proves REQ-20: the transaction that draws the lower position commits last, and has the higher number, so that neither the highest
/// position nor `pg_snapshot_xmax` tells of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_commits_late_is_waited_for() {
    let world = World::new(TestDatabase::postgres().await).await;
    world.submitted().await;
    let mut feed = Feed::new(world.store.clone(), world.account.id, Some(0));
    assert_eq!(rest(&mut feed, 10).await.len(), 1);
    let mut begins = Feed::new(world.store.clone(), world.account.id, None);

    let (first, second): (DatabaseConnection, DatabaseConnection) = (world.raw().await, world.raw().await);
    let (early, late) = (first.begin().await.unwrap(), second.begin().await.unwrap());
    let number = "SELECT pg_current_xact_id()::text::bigint";
    assert!(position(&early, number).await < position(&late, number).await);
    let lower = written(&late).await;
    let higher = written(&early).await;
    assert!(lower < higher);
    early.commit().await.unwrap();

    for _ in 0..5 {
        let fed = feed.read(10).await.unwrap().unwrap();
        assert_eq!((fed.changes.len(), fed.more), (0, true));
        begins.read(10).await.unwrap().unwrap();
        assert!(!begins.has_begun(), "where it begins is not settled");
    }
    late.commit().await.unwrap();
    let positions: Vec<i64> = rest(&mut feed, 10).await.iter().map(|change| change.position).collect();
    assert_eq!(positions, [lower, higher]);
    assert_eq!(begins.read(10).await.unwrap().unwrap().position, higher);
}

/// A position whose transaction was rolled back is waited for no longer than the transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_rolled_back_leaves_a_gap() {
    let world = World::new(TestDatabase::postgres().await).await;
    world.submitted().await;
    let raw = world.raw().await;
    let gone = raw.begin().await.unwrap();
    written(&gone).await;
    world.submitted().await;
    let mut feed = Feed::new(world.store.clone(), world.account.id, Some(0));
    assert!(feed.read(10).await.unwrap().unwrap().changes.is_empty());
    gone.rollback().await.unwrap();
    assert_eq!(rest(&mut feed, 10).await.len(), 2);
}
