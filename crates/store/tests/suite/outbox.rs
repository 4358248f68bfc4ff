//! What was committed is published, through failures and crashes.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use countersign_domain::EventId;
use countersign_store::{Commit, Committed, OutboxRow, Relayed, StoreError};
use countersign_testkit::{TestDatabase, both_databases};
use tokio::{sync::oneshot, task::JoinSet};

use crate::support::*;

both_databases! {
    events_go_out_once_and_whole,
    all_events_of_an_outcome_go_out,
    what_is_not_confirmed_stays,
    a_relay_that_is_killed_loses_nothing,
    a_short_answer_confirms_nothing_more,
    one_resource_goes_out_in_order,
    relays_share_the_work,
    the_depth_is_known,
}

/// Some events; as they were committed.
async fn committed(world: &World, count: usize) -> Vec<OutboxRow> {
    let mut rows = vec![];
    for _ in 0..count {
        let commit = world.commit(registration(&campaign(&world.account, &world.admin)));
        rows.extend(commit.outbox.clone());
        world.store.commit(commit).await.unwrap();
    }
    rows
}

/// Proves NOT-10: an outcome that many are told of is written with all of its events, in their order, or with none of them.
async fn all_events_of_an_outcome_go_out(db: TestDatabase) {
    let world = World::new(db).await;
    let new = campaign(&world.account, &world.admin);
    let mut commit = world.commit(registration(&new));
    let first = commit.outbox[0].clone();
    for number in 1..=3 {
        commit.outbox.push(OutboxRow {
            event_id: EventId(id()),
            event_type: "countersign.recipients.continued.v1".into(),
            payload: format!(r#"{{"part":{number}}}"#),
            ..first.clone()
        });
    }
    let rows = commit.outbox.clone();
    let stale = Commit { rules_version: 0, ..commit.clone() };
    assert_eq!(world.store.commit(stale).await.unwrap(), Committed::Conflict);
    assert_eq!(world.count("outbox").await, 0);
    let mut foreign = commit.clone();
    foreign.outbox[3].sequence += 1;
    assert!(matches!(world.store.commit(foreign).await, Err(StoreError::Unstorable { .. })));
    let none = Commit { outbox: vec![], ..commit.clone() };
    assert!(matches!(world.store.commit(none).await, Err(StoreError::Unstorable { .. })));
    assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Done);
    let mut seen = vec![];
    let relayed = world
        .store
        .relay(10, async |batch| {
            seen.extend(batch.clone());
            vec![true; batch.len()]
        })
        .await;
    assert_eq!((relayed.unwrap().published, seen), (4, rows));
}

async fn events_go_out_once_and_whole(db: TestDatabase) {
    let world = World::new(db).await;
    let rows = committed(&world, 5).await;
    let mut seen = vec![];
    let relayed = world
        .store
        .relay(3, async |batch| {
            seen.extend(batch.clone());
            vec![true; batch.len()]
        })
        .await;
    assert_eq!(relayed.unwrap(), Relayed { published: 3, failed: 0, more: true });
    let relayed = world
        .store
        .relay(3, async |batch| {
            seen.extend(batch.clone());
            vec![true; batch.len()]
        })
        .await;
    assert_eq!(relayed.unwrap(), Relayed { published: 2, failed: 0, more: false });
    assert_eq!(seen, rows);
    let nothing = world.store.relay(3, async |_| panic!("there is nothing to publish")).await.unwrap();
    assert_eq!(nothing, Relayed::default());
    assert_eq!(world.count("outbox").await, 0);
}

async fn what_is_not_confirmed_stays(db: TestDatabase) {
    let world = World::new(db).await;
    let rows = committed(&world, 4).await;
    let relayed = world.store.relay(10, async |_| vec![true, false, true, false]).await.unwrap();
    assert_eq!(relayed, Relayed { published: 2, failed: 2, more: false });
    let mut again = vec![];
    world
        .store
        .relay(10, async |batch| {
            again.clone_from(&batch);
            vec![true; batch.len()]
        })
        .await
        .unwrap();
    assert_eq!(again, [rows[1].clone(), rows[3].clone()]);
}

async fn a_relay_that_is_killed_loses_nothing(db: TestDatabase) {
    let world = World::new(db).await;
    let rows = committed(&world, 3).await;
    let (began, begun) = oneshot::channel();
    let relay = tokio::spawn({
        let store = world.store.clone();
        async move {
            store
                .relay(10, async |_| {
                    let _ = began.send(());
                    std::future::pending().await
                })
                .await
        }
    });
    begun.await.unwrap();
    relay.abort();
    assert!(relay.await.unwrap_err().is_cancelled());
    // At once: nobody waits for a lease to end. PostgreSQL's rollback is on its way when the connection is used again.
    let mut seen = vec![];
    while seen.len() < rows.len() {
        world
            .store
            .relay(10, async |batch| {
                seen.extend(batch.clone());
                vec![true; batch.len()]
            })
            .await
            .unwrap();
    }
    assert_eq!(seen, rows);
}

async fn a_short_answer_confirms_nothing_more(db: TestDatabase) {
    let world = World::new(db).await;
    committed(&world, 3).await;
    let relayed = world.store.relay(10, async |_| vec![true]).await.unwrap();
    assert_eq!(relayed, Relayed { published: 1, failed: 2, more: false });
    assert_eq!(world.count("outbox").await, 2);
}

async fn one_resource_goes_out_in_order(db: TestDatabase) {
    let world = World::new(db).await;
    let mut tasks = JoinSet::new();
    let world = Arc::new(world);
    for _ in 0..4 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let mut resource = world.registered().await;
            for title in ["a", "b", "c", "d"] {
                let outcome = edit(&resource, title);
                world.done(outcome.clone()).await;
                resource = outcome.resource;
            }
        });
    }
    tasks.join_all().await;
    let mut sequences: HashMap<String, Vec<i64>> = HashMap::new();
    loop {
        let publish = async |batch: Vec<OutboxRow>| {
            for row in &batch {
                sequences.entry(row.subject.clone()).or_default().push(row.sequence);
            }
            vec![true; batch.len()]
        };
        if world.store.relay(3, publish).await.unwrap().published == 0 {
            break;
        }
    }
    assert_eq!(sequences.len(), 4);
    assert!(sequences.values().all(|sequence| *sequence == [1, 2, 3, 4, 5]), "{sequences:?}");
}

/// Two replicas on PostgreSQL, two tasks of the one process on SQLite, while writers go on.
async fn relays_share_the_work(db: TestDatabase) {
    const EVENTS: usize = 120;
    let world = Arc::new(World::new(db).await);
    let replica = if world.db.is_postgres() { connect(&world.db).await } else { world.store.clone() };
    let in_flight: Arc<Mutex<HashSet<EventId>>> = Arc::default();
    let published: Arc<Mutex<Vec<EventId>>> = Arc::default();
    let mut tasks = JoinSet::new();
    for store in [world.store.clone(), replica] {
        let (in_flight, published) = (Arc::clone(&in_flight), Arc::clone(&published));
        tasks.spawn(async move {
            while published.lock().unwrap().len() < EVENTS {
                let publish = async |batch: Vec<OutboxRow>| {
                    for row in &batch {
                        assert!(in_flight.lock().unwrap().insert(row.event_id), "claimed by two at once");
                    }
                    // Lets the other one come in between.
                    tokio::task::yield_now().await;
                    let mut published = published.lock().unwrap();
                    for row in &batch {
                        in_flight.lock().unwrap().remove(&row.event_id);
                        published.push(row.event_id);
                    }
                    vec![true; batch.len()]
                };
                store.relay(7, publish).await.unwrap();
            }
        });
    }
    let rows = committed(&world, EVENTS).await;
    tasks.join_all().await;
    let published = std::mem::take(&mut *published.lock().unwrap());
    assert_eq!(published.len(), EVENTS, "each once");
    let published: HashSet<EventId> = published.into_iter().collect();
    assert_eq!(published, rows.iter().map(|row| row.event_id).collect());
    assert_eq!(world.count("outbox").await, 0);
}

async fn the_depth_is_known(db: TestDatabase) {
    let world = World::new(db).await;
    let empty = world.store.outbox_depth(after(60)).await.unwrap();
    assert_eq!((empty.count, empty.oldest_age), (0, None));
    committed(&world, 2).await;
    let depth = world.store.outbox_depth(after(60)).await.unwrap();
    assert_eq!((depth.count, depth.oldest_age), (2, Some(Duration::from_mins(1))));
}
