//! The history of accounts in the tables (ACC-17): written with the change that it tells, and whoever tampers with it is found.

use countersign_domain::{
    ActorRef, InvitationId, RulesWrite, SystemRole,
    history::{
        account::{AccountChange, AccountEvent, SubjectKind, withdrawn},
        verify::{Flaw, Misfit},
    },
};
use countersign_store::{AccountHistoryFilter, Committed, Record, RulesCommit};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::ConnectionTrait;

use crate::support::*;

both_databases! {
    a_change_and_its_history_are_one,
    the_history_of_an_account_is_append_only,
    whoever_tampers_with_the_history_of_an_account_is_found,
    more_changes_than_one_statement_takes_are_chained,
}

fn renamed(subject: &str) -> AccountChange {
    AccountChange {
        event: AccountEvent::RoleChanged,
        kind: SubjectKind::Role,
        subject: subject.into(),
        from: r#"{"name":"before"}"#.into(),
        to: r#"{"name":"after"}"#.into(),
    }
}

fn recording(world: &World, changes: Vec<AccountChange>) -> RulesCommit {
    let record =
        Record { by: ActorRef { name: "Ada \u{1F600}".into(), ..ActorRef::countersign() }, at: NOW, changes };
    RulesCommit { record, ..world.change(vec![]) }
}

async fn changed(world: &mut World, changes: Vec<AccountChange>) {
    let commit = recording(world, changes);
    assert_eq!(world.try_change(commit).await, Committed::Done);
}

async fn misfit(world: &World) -> Option<Misfit> {
    world.store.verify_account_history(world.account.id).await.unwrap().misfit
}

/// Proves ACC-17: what is refused is not told, and what is told was done, newest first.
async fn a_change_and_its_history_are_one(db: TestDatabase) {
    let mut world = World::new(db).await;
    let filter = AccountHistoryFilter::default();
    let list = async |world: &World, filter: &AccountHistoryFilter, before| {
        world.store.list_account_history(world.account.id, filter, before, 2).await.unwrap()
    };
    let first = list(&world, &filter, None).await;
    let events: Vec<_> = first.items.iter().map(|entry| entry.change.event.as_str()).collect();
    assert_eq!(events, ["MEMBER_CREATED", "ACCOUNT_CREATED"]);

    let stale = RulesCommit { rules_version: 9, ..recording(&world, vec![renamed("never")]) };
    assert_eq!(world.store.commit_rules(stale).await.unwrap(), Committed::Conflict);
    let twice = vec![RulesWrite::InsertMember(world.admin.clone())];
    let duplicate = RulesCommit { writes: twice, ..recording(&world, vec![renamed("never")]) };
    assert_ne!(world.store.commit_rules(duplicate).await.unwrap(), Committed::Done);
    assert_eq!(world.count("account_history").await, 2);

    let invitation = InvitationId(uuid::Uuid::from_u128(7));
    changed(&mut world, vec![renamed("a"), renamed("b"), withdrawn(invitation)]).await;
    let page = list(&world, &filter, None).await;
    assert!(page.more);
    let numbers: Vec<_> = page.items.iter().map(|entry| entry.sequence).collect();
    assert_eq!(numbers, [5, 4]);
    let entry = &page.items[1];
    assert_eq!(
        (entry.at, entry.actor.name.as_str(), entry.change.subject.as_str()),
        (NOW, "Ada \u{1F600}", "b")
    );
    assert_eq!(entry.change.to, r#"{"name":"after"}"#);
    let of_b = AccountHistoryFilter { kind: Some(SubjectKind::Role), subject: Some("b".into()), ..filter };
    assert_eq!(list(&world, &of_b, None).await.items, vec![entry.clone()]);
    assert_eq!(misfit(&world).await, None);
}

/// Proves ACC-17 with HIS-2: also when the store's code is bypassed.
async fn the_history_of_an_account_is_append_only(db: TestDatabase) {
    let world = World::new(db).await;
    let raw = world.raw().await;
    let mut attempts = vec!["UPDATE account_history SET after = 'rewritten'", "DELETE FROM account_history"];
    if world.db.is_postgres() {
        attempts.extend([
            "TRUNCATE account_history",
            "SET session_replication_role = 'replica'; UPDATE account_history SET after = 'rewritten'",
        ]);
    } else {
        attempts.push("INSERT OR REPLACE INTO account_history SELECT * FROM account_history");
    }
    for sql in attempts {
        let error = raw.execute_unprepared(sql).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(misfit(&world).await, None);
}

/// Proves ACC-17 with HIS-3, HIS-5: changed, taken out, added, or cut off at the end.
async fn whoever_tampers_with_the_history_of_an_account_is_found(db: TestDatabase) {
    let mut world = World::new(db).await;
    changed(&mut world, vec![renamed("a"), renamed("b")]).await;
    let raw = world.raw().await;
    let off: &[&str] = if world.db.is_postgres() {
        &["DROP TRIGGER account_history_is_append_only ON account_history"]
    } else {
        &["DROP TRIGGER account_history_refuses_update", "DROP TRIGGER account_history_refuses_delete"]
    };
    for sql in off {
        raw.execute_unprepared(sql).await.unwrap();
    }
    raw.execute_unprepared("CREATE TABLE kept AS SELECT * FROM account_history").await.unwrap();
    for (sql, sequence, flaw) in [
        ("UPDATE account_history SET actor_name = 'Nobody' WHERE sequence = 2", 2, Flaw::Changed),
        ("UPDATE account_history SET after = before WHERE sequence = 3", 3, Flaw::Changed),
        ("UPDATE account_history SET happened_at_us = 1 WHERE sequence = 4", 4, Flaw::Changed),
        ("DELETE FROM account_history WHERE sequence = 2", 2, Flaw::Missing),
        ("DELETE FROM account_history WHERE sequence = 4", 4, Flaw::Missing),
        ("DELETE FROM account_history", 1, Flaw::Missing),
    ] {
        raw.execute_unprepared(sql).await.unwrap();
        assert_eq!(misfit(&world).await, Some(Misfit { sequence, flaw }), "{sql}");
        raw.execute_unprepared("DELETE FROM account_history").await.unwrap();
        raw.execute_unprepared("INSERT INTO account_history SELECT * FROM kept").await.unwrap();
        assert_eq!(misfit(&world).await, None);
    }
}

/// Proves ACC-17: everybody who held a role is told, each in the order of the writes.
async fn more_changes_than_one_statement_takes_are_chained(db: TestDatabase) {
    let mut world = World::new(db).await;
    world.joined(member(&world.account, SystemRole::Editor)).await;
    let changes: Vec<AccountChange> = (0..2_345).map(|number| renamed(&number.to_string())).collect();
    changed(&mut world, changes).await;
    let chain = world.store.verify_account_history(world.account.id).await.unwrap();
    assert_eq!((chain.entries, chain.misfit), (2 + 2_345, None));
    let filter = AccountHistoryFilter::default();
    let page = world.store.list_account_history(world.account.id, &filter, None, 1).await.unwrap();
    assert_eq!(page.items[0].change.subject, "2344");
}
