//! A repeated write answers what it answered the first time.

use std::sync::Arc;

use countersign_domain::{Area, Policy, RulesWrite, SystemRole};
use countersign_store::{About, AccountCreation, Committed, IdempotencyKey, RulesCommit};
use countersign_testkit::{TestDatabase, both_databases};
use tokio::{sync::Barrier, task::JoinSet};

use crate::support::*;

both_databases! {
    a_repeated_write_answers_the_same,
    the_same_key_at_once_is_written_once,
    the_same_key_at_once_registers_one_resource,
    rules_are_written_once,
    keys_are_told_apart,
    old_answers_are_forgotten_in_batches,
}

/// Proves REQ-18: after a crash and on another replica too, since the answer is on disk with what it answers.
async fn a_repeated_write_answers_the_same(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    let key = world.key();
    let first = record(&key, "first");
    let mut commit = world.commit(approval(&resource, &request, &world.admin));
    commit.idempotency = Some(first.clone());
    assert_eq!(world.store.commit(commit.clone()).await.unwrap(), Committed::Done);

    let replica = connect(&world.db).await;
    let about = About::Request(request.id);
    let snapshot = replica.snapshot(world.account.id, None, &about, &[], Some(&key)).await.unwrap().unwrap();
    assert_eq!(snapshot.replay, Some(first.clone()));
    assert_eq!(replica.replay(&key).await.unwrap(), Some(first.clone()));
    // Whoever decided before reading it gets it all the same.
    commit.idempotency = Some(record(&key, "second"));
    assert_eq!(replica.commit(commit).await.unwrap(), Committed::Replay(first));
    assert_eq!(world.count("history").await, 3);
}

/// Proves REQ-18 for calls that arrive together.
async fn the_same_key_at_once_is_written_once(db: TestDatabase) {
    let world = World::new(db).await;
    for _ in 0..10 {
        let (resource, request) = world.submitted().await;
        let key = world.key();
        let barrier = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let (store, barrier) = (world.store.clone(), Arc::clone(&barrier));
            let mut commit = world.commit(approval(&resource, &request, &world.admin));
            commit.idempotency = Some(record(&key, &format!("by {number}")));
            tasks.spawn(async move {
                barrier.wait().await;
                store.commit(commit).await.unwrap()
            });
        }
        let answers = tasks.join_all().await;
        let stored = world.store.replay(&key).await.unwrap().unwrap();
        assert_eq!(answers.iter().filter(|answer| **answer == Committed::Done).count(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Committed::Replay(stored.clone())).count(), 7);
    }
}

/// Proves REQ-18 where each call has made an id of its own, so that only the key tells that they are one.
async fn the_same_key_at_once_registers_one_resource(db: TestDatabase) {
    let world = World::new(db).await;
    let key = world.key();
    let barrier = Arc::new(Barrier::new(8));
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (store, barrier) = (world.store.clone(), Arc::clone(&barrier));
        let mut resource = campaign(&world.account, &world.admin);
        resource.external_id = "the same".into();
        let mut commit = world.commit(registration(&resource));
        commit.idempotency = Some(record(&key, &resource.id.to_string()));
        tasks.spawn(async move {
            barrier.wait().await;
            store.commit(commit).await.unwrap()
        });
    }
    let answers = tasks.join_all().await;
    let stored = world.store.replay(&key).await.unwrap().unwrap();
    assert_eq!(answers.iter().filter(|answer| **answer == Committed::Done).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Committed::Replay(stored.clone())).count(), 7);
    assert_eq!(world.count("resources").await, 1);
    assert_eq!(world.count("outbox").await, 1);
}

/// Proves REQ-18 for accounts, members and policies.
async fn rules_are_written_once(db: TestDatabase) {
    let world = World::new(db).await;
    // An account's own creation belongs to no account, and a repetition may have made another id.
    let key = IdempotencyKey { account_id: countersign_domain::AccountId(uuid::Uuid::nil()), ..world.key() };
    let create = async |answer: &str| {
        let account = account();
        let creation = AccountCreation {
            admin: member(&account, SystemRole::Admin),
            account,
            policies: vec![],
            outbox: vec![],
            idempotency: Some(record(&key, answer)),
        };
        world.store.create_account(creation).await.unwrap()
    };
    assert_eq!(create("first").await, Committed::Done);
    assert_eq!(create("second").await, Committed::Replay(record(&key, "first")));
    assert_eq!(world.count("accounts").await, 2);

    let key = world.key();
    let new = member(&world.account, SystemRole::Creator);
    let commit = |rules_version| RulesCommit {
        rules_version,
        idempotency: Some(record(&key, "first")),
        ..world.change(vec![RulesWrite::InsertMember(new.clone())])
    };
    assert_eq!(world.store.commit_rules(commit(1)).await.unwrap(), Committed::Done);
    // On the rules before and after it.
    for rules_version in [1, 2] {
        let answer = world.store.commit_rules(commit(rules_version)).await.unwrap();
        assert_eq!(answer, Committed::Replay(record(&key, "first")));
    }

    let key = world.key();
    let commit = |answer| RulesCommit {
        rules_version: 2,
        idempotency: Some(record(&key, answer)),
        ..world.change(vec![RulesWrite::Policy(Policy { version: 1, ..Policy::default_of(Area::CAMPAIGNS) })])
    };
    assert_eq!(world.store.commit_rules(commit("first")).await.unwrap(), Committed::Done);
    let answer = world.store.commit_rules(commit("second")).await.unwrap();
    assert_eq!(answer, Committed::Replay(record(&key, "first")));
    assert_eq!(world.snapshot(&About::Nothing).await.account.rules_version, 3);
}

async fn keys_are_told_apart(db: TestDatabase) {
    let world = World::new(db).await;
    let key = world.key();
    let others = [
        IdempotencyKey { account_id: account().id, ..key.clone() },
        IdempotencyKey { actor: "somebody else".into(), ..key.clone() },
        IdempotencyKey { key: id(), ..key.clone() },
    ];
    let mut commit = world.commit(registration(&campaign(&world.account, &world.admin)));
    commit.idempotency = Some(record(&key, "mine"));
    assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Done);
    for other in others {
        assert_eq!(world.store.replay(&other).await.unwrap(), None);
    }
}

async fn old_answers_are_forgotten_in_batches(db: TestDatabase) {
    let world = World::new(db).await;
    let mut keys = vec![];
    for age in 0..5 {
        let mut commit = world.commit(registration(&campaign(&world.account, &world.admin)));
        let key = world.key();
        let mut record = record(&key, "");
        record.created_at = after(age);
        commit.idempotency = Some(record);
        assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Done);
        keys.push(key);
    }
    let mut purged = vec![];
    for _ in 0..3 {
        purged.push(world.store.purge_idempotency(after(3), 2).await.unwrap());
    }
    assert_eq!(purged, [2, 1, 0]);
    for (age, key) in keys.iter().enumerate() {
        assert_eq!(world.store.replay(key).await.unwrap().is_some(), age >= 3);
    }
}
