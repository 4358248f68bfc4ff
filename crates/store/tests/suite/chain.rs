//! The chain of history in the tables: whoever tampers with them is found.

use countersign_domain::{
    AccountState, ResourceId, RulesWrite,
    history::{
        EntryHash,
        verify::{Chain, Flaw, Misfit},
    },
};
use countersign_store::{About, Erased};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::support::*;

both_databases! {
    what_is_written_is_chained,
    a_long_history_is_followed_to_its_end,
    who_tampers_with_the_tables_is_found,
    history_before_the_chain_is_told_apart,
    the_history_of_an_erased_account_still_holds,
    what_is_settled_with_the_rules_is_chained,
}

/// Edits it so often, each time from what is there.
async fn edited(world: &World, resource: ResourceId, times: usize) {
    for _ in 0..times {
        let now = world.chained(&About::Resource(resource)).await.resource.unwrap();
        world.done(edit(&now, "title")).await;
    }
}

async fn verified(world: &World, resource: ResourceId) -> Chain {
    world.store.verify_history(world.account.id, resource).await.unwrap()
}

async fn head(world: &World, resource: ResourceId) -> Option<EntryHash> {
    world.chained(&About::Resource(resource)).await.resource.unwrap().history_hash
}

/// Somebody who may do everything with the database, and does.
struct Intruder {
    raw: DatabaseConnection,
    postgres: bool,
}

impl Intruder {
    async fn new(world: &World) -> Self {
        let intruder = Self { raw: world.raw().await, postgres: world.db.is_postgres() };
        let off: &[&str] = if intruder.postgres {
            &["DROP TRIGGER history_is_append_only ON history"]
        } else {
            &[
                "DROP TRIGGER history_refuses_update",
                "DROP TRIGGER history_refuses_delete",
                "DROP TRIGGER history_refuses_replace",
            ]
        };
        for sql in off {
            intruder.run(sql).await;
        }
        intruder
    }

    async fn run(&self, sql: &str) {
        self.raw.execute_unprepared(sql).await.unwrap();
    }
}

/// Proves HIS-3: each entry carries its hash over the one before, and the resource that of the newest.
async fn what_is_written_is_chained(db: TestDatabase) {
    let world = World::new(db).await;
    let resource = world.registered().await;
    let submitted =
        submission(&world.chained(&About::Resource(resource.id)).await.resource.unwrap(), &world.admin);
    world.done(submitted.clone()).await;
    let now = world.chained(&About::Request(submitted.request.as_ref().unwrap().request().id)).await;
    let approved = approval(&now.resource.unwrap(), &now.request.unwrap(), &world.admin);
    world.done(approved.clone()).await;
    edited(&world, resource.id, 2).await;
    let head = head(&world, resource.id).await;
    assert!(head.is_some());
    assert_eq!(verified(&world, resource.id).await, Chain { entries: 5, unhashed: 0, head, misfit: None });
    let third = world.store.history_hash(world.account.id, resource.id, 3).await.unwrap();
    assert_eq!(third, Some(approved.history_hash()));
    assert_eq!(world.store.history_hash(world.account.id, resource.id, 6).await.unwrap(), None);
}

/// More than a page, while it grows.
async fn a_long_history_is_followed_to_its_end(db: TestDatabase) {
    let world = World::new(db).await;
    let resource = world.registered().await;
    edited(&world, resource.id, 520).await;
    let writing = edited(&world, resource.id, 30);
    let reading = async {
        for _ in 0..20 {
            let chain = verified(&world, resource.id).await;
            assert_eq!(chain.misfit, None);
            assert!((521..=551).contains(&chain.entries), "{}", chain.entries);
        }
    };
    tokio::join!(writing, reading);
    assert_eq!(verified(&world, resource.id).await.entries, 551);
}

/// Proves HIS-3: update, delete, insert and exchange entries, whatever the database would refuse to others.
async fn who_tampers_with_the_tables_is_found(db: TestDatabase) {
    let world = World::new(db).await;
    let copied = "account_id, resource_id, request_id, event, action, actor_id, actor_name, actor_service, happened_at_us, \
        from_state, to_state, note, digest, hash";
    let own_hash = "(SELECT hash FROM history WHERE {here} AND sequence = 4)";
    let cases: Vec<(String, i64, Flaw)> = [
        ("UPDATE history SET note = 'Fine' WHERE {here} AND sequence = 2", 2, Flaw::Changed),
        ("UPDATE history SET event = 'NOTHING_OF_OURS' WHERE {here} AND sequence = 3", 3, Flaw::Changed),
        ("UPDATE history SET actor_id = NULL, actor_name = 'x' WHERE {here} AND sequence = 5", 5, Flaw::Changed),
        ("UPDATE history SET happened_at_us = happened_at_us + 1 WHERE {here} AND sequence = 1", 1, Flaw::Changed),
        (&format!("UPDATE history SET hash = {own_hash} WHERE {{here}} AND sequence = 3"), 3, Flaw::Changed),
        ("UPDATE history SET hash = NULL WHERE {here} AND sequence = 4", 4, Flaw::Unhashed),
        // Then the chain would begin with the second entry, which is chained to the first.
        ("UPDATE history SET hash = NULL WHERE {here} AND sequence = 1", 2, Flaw::Changed),
        ("UPDATE history SET hash = NULL WHERE {here}", 5, Flaw::WrongHead),
        ("DELETE FROM history WHERE {here} AND sequence = 3", 3, Flaw::Missing),
        ("DELETE FROM history WHERE {here} AND sequence = 1", 1, Flaw::Missing),
        ("DELETE FROM history WHERE {here} AND sequence = 5", 5, Flaw::Missing),
        ("DELETE FROM history WHERE {here}", 1, Flaw::Missing),
        (
            &format!(
                "INSERT INTO history ({copied}, sequence) SELECT {copied}, 6 FROM history WHERE {{here}} AND sequence = 5"
            ),
            6,
            Flaw::Changed,
        ),
        (
            &format!(
                "INSERT INTO history ({copied}, sequence) SELECT {}, 6 FROM history WHERE {{here}} AND sequence = 5",
                copied.replace("hash", "NULL")
            ),
            6,
            Flaw::Unhashed,
        ),
        // The second and the third change places.
        (
            "UPDATE history SET sequence = 100 WHERE {here} AND sequence = 2; \
             UPDATE history SET sequence = 2 WHERE {here} AND sequence = 3; \
             UPDATE history SET sequence = 3 WHERE {here} AND sequence = 100",
            2,
            Flaw::Changed,
        ),
        ("UPDATE resources SET history_hash = NULL WHERE {here}", 5, Flaw::WrongHead),
        ("UPDATE resources SET version = 6 WHERE {here}", 6, Flaw::Missing),
        ("UPDATE resources SET version = 4 WHERE {here}", 5, Flaw::WrongHead),
        ("DELETE FROM history WHERE {here} AND sequence = 5; UPDATE resources SET version = 4 WHERE {here}", 4, Flaw::WrongHead),
    ]
    .map(|(sql, sequence, flaw)| (sql.to_owned(), sequence, flaw))
    .into();
    let intruder = Intruder::new(&world).await;
    for (sql, sequence, flaw) in cases {
        let resource = world.registered().await;
        edited(&world, resource.id, 4).await;
        assert_eq!(verified(&world, resource.id).await.misfit, None);
        let literal = resource.id.0.simple().to_string();
        let literal = if intruder.postgres { format!("'{literal}'") } else { format!("x'{literal}'") };
        intruder.run(&sql.replace("{here}", &format!("resource_id = {literal}"))).await;
        let chain = verified(&world, resource.id).await;
        assert_eq!(chain.misfit, Some(Misfit { sequence, flaw }), "{sql}");
    }
}

/// Proves HIS-3: entries of the version before have no hash; the chain begins after them.
async fn history_before_the_chain_is_told_apart(db: TestDatabase) {
    let world = World::new(db).await;
    let resource = world.registered().await;
    edited(&world, resource.id, 2).await;
    let intruder = Intruder::new(&world).await;
    intruder.run("UPDATE history SET hash = NULL; UPDATE resources SET history_hash = NULL").await;
    assert_eq!(
        verified(&world, resource.id).await,
        Chain { entries: 3, unhashed: 3, head: None, misfit: None }
    );
    edited(&world, resource.id, 2).await;
    let head = head(&world, resource.id).await;
    assert!(head.is_some());
    assert_eq!(verified(&world, resource.id).await, Chain { entries: 5, unhashed: 3, head, misfit: None });
}

/// Proves HIS-3 with HIS-2: what erasing leaves of history is all of it, and it still holds.
async fn the_history_of_an_erased_account_still_holds(db: TestDatabase) {
    let mut world = World::new(db).await;
    let resource = world.registered().await;
    edited(&world, resource.id, 3).await;
    let before = verified(&world, resource.id).await;
    let account = countersign_domain::Account {
        state: AccountState::Deleted { erase_at: NOW },
        rules_version: world.account.rules_version + 1,
        ..world.account.clone()
    };
    world.changed(vec![RulesWrite::Account(account.clone())]).await;
    let erase = async || world.store.erase_account(account.id, NOW, 50, erasure_of(account.id)).await;
    while erase().await.unwrap() != Erased::All {}
    assert_eq!(world.count("resources").await, 0);
    let after = verified(&world, resource.id).await;
    assert_eq!((after.entries, after.misfit), (4, None));
    assert_eq!(after, before);
}

/// An outcome that a change of the rules writes is chained as any other.
async fn what_is_settled_with_the_rules_is_chained(db: TestDatabase) {
    let mut world = World::new(db).await;
    let resource = world.registered().await;
    let now = world.chained(&About::Resource(resource.id)).await.resource.unwrap();
    let settled = edit(&now, "settled");
    let commit = countersign_store::RulesCommit { settled: vec![settle(settled)], ..world.change(vec![]) };
    assert_eq!(world.try_change(commit).await, countersign_store::Committed::Done);
    edited(&world, resource.id, 1).await;
    let chain = verified(&world, resource.id).await;
    assert_eq!((chain.entries, chain.misfit), (3, None));
    assert_eq!(chain.head, head(&world, resource.id).await);
}
