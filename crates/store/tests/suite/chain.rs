//! The chain of history in the tables: whoever tampers with them is found.

use countersign_domain::{
    AccountState, Request, Resource, ResourceId, RulesWrite,
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
    what_history_does_not_tell_is_found,
    a_chain_that_was_cut_with_all_of_the_resource_set_back_is_found,
    a_bypass_that_was_cut_off_is_found,
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

/// Entries, those without a hash, the newest hash, and what does not fit.
fn measures(chain: &Chain) -> (i64, i64, Option<EntryHash>, Option<Misfit>) {
    (chain.entries, chain.unhashed, chain.head, chain.misfit)
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
    assert_eq!(measures(&verified(&world, resource.id).await), (5, 0, head, None));
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
    assert_eq!(measures(&verified(&world, resource.id).await), (3, 3, None, None));
    edited(&world, resource.id, 2).await;
    let head = head(&world, resource.id).await;
    assert!(head.is_some());
    assert_eq!(measures(&verified(&world, resource.id).await), (5, 3, head, None));
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

/// The literal of an id.
fn literal(id: uuid::Uuid, postgres: bool) -> String {
    let hex = id.simple().to_string();
    if postgres { format!("'{hex}'") } else { format!("x'{hex}'") }
}

/// An approved request; the resource as it was while it was pending.
async fn decided(world: &World) -> (Resource, Resource, Request) {
    let resource = world.registered().await;
    let resource = world.chained(&About::Resource(resource.id)).await.resource.unwrap();
    let submitted = submission(&resource, &world.admin);
    world.done(submitted.clone()).await;
    let now = world.chained(&About::Request(submitted.request.as_ref().unwrap().request().id)).await;
    let (pending, request) = (now.resource.unwrap(), now.request.unwrap());
    world.done(approval(&pending, &request, &world.admin)).await;
    let approved = world.chained(&About::Resource(resource.id)).await.resource.unwrap();
    (pending, approved, request)
}

/// Proves HIS-5: what the resource, its request and its decision say is what history tells, or it is named.
async fn what_history_does_not_tell_is_found(db: TestDatabase) {
    type Expected = fn(&Request, &World) -> Flaw;
    let world = World::new(db).await;
    let intruder = Intruder::new(&world).await;
    let cases: [(&str, Expected); 14] = [
        ("UPDATE resources SET state = 'RUNNING' WHERE {resource}", |_, _| Flaw::State),
        ("UPDATE resources SET approval_status = 'NONE' WHERE {resource}", |_, _| Flaw::State),
        ("UPDATE resources SET updated_at_us = updated_at_us + 1 WHERE {resource}", |_, _| Flaw::State),
        ("UPDATE resources SET live_body = '{}' WHERE {resource}", |_, _| Flaw::Content),
        ("UPDATE resources SET live_digest = 'sha256:00' WHERE {resource}", |_, _| Flaw::Content),
        ("UPDATE resources SET live_revision = 9 WHERE {resource}", |_, _| Flaw::Content),
        (
            "UPDATE resources SET staged_body = '{}', staged_digest = live_digest, staged_revision = 1 WHERE {resource}",
            |_, _| Flaw::Content,
        ),
        (
            "UPDATE resources SET lock_request_id = {id}, lock_label = 'x', lock_action = 'LAUNCH' WHERE {resource}",
            |request, _| Flaw::Request(request.id),
        ),
        ("UPDATE requests SET state = 'PENDING', ended_at_us = NULL WHERE {request}", |request, _| {
            Flaw::Request(request.id)
        }),
        ("UPDATE requests SET state = 'CANCELLED' WHERE {request}", |request, _| Flaw::Request(request.id)),
        ("DELETE FROM requests WHERE {request}", |request, _| Flaw::Request(request.id)),
        ("DELETE FROM decisions WHERE {request}", |request, world| {
            Flaw::Decision(request.id, world.admin.id)
        }),
        ("UPDATE decisions SET decided_at_us = 1 WHERE {request}", |request, world| {
            Flaw::Decision(request.id, world.admin.id)
        }),
        ("UPDATE decisions SET verdict = 'REJECTED' WHERE {request}", |request, world| {
            Flaw::Decision(request.id, world.admin.id)
        }),
    ];
    for (sql, flaw) in cases {
        let (_, approved, request) = decided(&world).await;
        assert_eq!(verified(&world, approved.id).await.misfit, None);
        let id = literal(request.id.0, intruder.postgres);
        let sql = sql
            .replace("{resource}", &format!("resource_id = {}", literal(approved.id.0, intruder.postgres)))
            .replace("{request}", &format!("request_id = {id}"))
            .replace("{id}", &id);
        intruder.run(&sql).await;
        let flaw = flaw(&request, &world);
        assert_eq!(verified(&world, approved.id).await.misfit, Some(Misfit { sequence: 3, flaw }), "{sql}");
    }
}

/// Proves HIS-5: the last entry is deleted, and the resource's version, hash, state and lock are what they were before it. Its request and
/// the decision on it tell, and then, when they are forged too, only a hash that was noted elsewhere.
async fn a_chain_that_was_cut_with_all_of_the_resource_set_back_is_found(db: TestDatabase) {
    let world = World::new(db).await;
    let intruder = Intruder::new(&world).await;
    let (pending, approved, request) = decided(&world).await;
    let noted = approved.history_hash;
    let (resource, id) =
        (literal(approved.id.0, intruder.postgres), literal(request.id.0, intruder.postgres));
    let set_back = format!(
        "DELETE FROM history WHERE resource_id = {resource} AND sequence = 3; \
         UPDATE resources SET version = 2, history_hash = (SELECT hash FROM history WHERE resource_id = {resource} \
         AND sequence = 2), state = '{state}', approval_status = 'APPROVAL_PENDING', updated_at_us = {at}, \
         lock_request_id = {id}, lock_label = '{label}', lock_action = 'LAUNCH' WHERE resource_id = {resource}",
        state = pending.state.as_str(),
        at = pending.updated_at.0,
        label = request.pending_label.as_str(),
    );
    intruder.run(&set_back).await;
    let found = async || verified(&world, approved.id).await.misfit;
    assert_eq!(found().await, Some(Misfit { sequence: 2, flaw: Flaw::Request(request.id) }));
    let forged = "UPDATE requests SET state = 'PENDING', version = 1, ended_by_id = NULL, ended_by_name = NULL, \
        ended_at_us = NULL, ended_note = NULL WHERE request_id = {id}";
    intruder.run(&forged.replace("{id}", &id)).await;
    let flaw = Flaw::Decision(request.id, world.admin.id);
    assert_eq!(found().await, Some(Misfit { sequence: 2, flaw }));
    intruder.run(&format!("DELETE FROM decisions WHERE request_id = {id}")).await;
    // Every table is as it was: nothing here can tell. The hash can.
    assert_eq!(found().await, None);
    let kept = world.store.history_hash(world.account.id, approved.id, 3).await.unwrap();
    assert_ne!(kept, noted);
}

/// Proves HIS-5 for POL-8: what an Admin did without a second signature is not hidden by cutting it off.
async fn a_bypass_that_was_cut_off_is_found(db: TestDatabase) {
    let world = World::new(db).await;
    let intruder = Intruder::new(&world).await;
    let resource = world.registered().await;
    let before = world.chained(&About::Resource(resource.id)).await.resource.unwrap();
    let (bypassed, review) = bypass(&before, &world.admin);
    world.done(bypassed).await;
    assert_eq!(verified(&world, resource.id).await.misfit, None);
    let id = literal(resource.id.0, intruder.postgres);
    intruder
        .run(&format!(
            "DELETE FROM history WHERE resource_id = {id} AND sequence = 2; UPDATE resources SET version = 1, \
             history_hash = (SELECT hash FROM history WHERE resource_id = {id}), state = '{}' WHERE resource_id = {id}",
            before.state.as_str()
        ))
        .await;
    let flaw = Flaw::Review(review.id);
    assert_eq!(verified(&world, resource.id).await.misfit, Some(Misfit { sequence: 1, flaw }));
}
