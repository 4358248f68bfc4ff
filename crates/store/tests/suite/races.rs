//! Many at once: one wins, and the losers leave nothing.
#![expect(clippy::disallowed_methods, reason = "transactions beside the store's, held open by hand")]

use std::{sync::Arc, time::Duration};

use countersign_domain::{
    ApprovalStatus, Member, MemberState, RequestState, Resource, RulesWrite, SystemRole,
    request::{Ending, ExpiryReason},
};
use countersign_store::{About, Commit, Committed, RulesCommit, Store};
use countersign_testkit::{TestDatabase, both_databases, wait_for};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use tokio::{sync::Barrier, task::JoinSet};

use crate::support::*;

both_databases! {
    of_32_deciders_one_wins,
    of_32_submitters_one_wins,
    a_right_lost_after_the_snapshot_is_lost,
    decisions_and_revocations_at_once_stay_in_order,
}

const RIVALS: usize = 32;

/// Commits all at once, on two stores as on two replicas; each answer.
async fn all_at_once(world: &World, commits: Vec<Commit>) -> Vec<Committed> {
    // SQLite's file belongs to one process, whose tasks share its store.
    let replica = if world.db.is_postgres() { connect(&world.db).await } else { world.store.clone() };
    let barrier = Arc::new(Barrier::new(commits.len()));
    let mut tasks = JoinSet::new();
    for (number, commit) in commits.into_iter().enumerate() {
        let store: Store = if number % 2 == 0 { world.store.clone() } else { replica.clone() };
        let barrier = Arc::clone(&barrier);
        tasks.spawn(async move {
            barrier.wait().await;
            store.commit(commit).await.unwrap()
        });
    }
    tasks.join_all().await
}

fn winners(answers: &[Committed]) -> usize {
    assert!(
        answers.iter().all(|answer| matches!(answer, Committed::Done | Committed::Conflict)),
        "{answers:?}"
    );
    answers.iter().filter(|answer| **answer == Committed::Done).count()
}

/// Proves REQ-4: approve, cancel and expire from one snapshot.
async fn of_32_deciders_one_wins(db: TestDatabase) {
    let world = World::new(db).await;
    for _ in 0..10 {
        let (resource, request) = world.submitted().await;
        let before =
            (world.count("history").await, world.count("outbox").await, world.count("idempotency").await);
        let decisions_before = world.count("decisions").await;
        let commits = (0..RIVALS)
            .map(|number| {
                let decider = member(&world.account, SystemRole::Approver);
                let ending = || Ending { by: actor(&decider), at: NOW, note: String::new() };
                let outcome = match number % 3 {
                    0 => approval(&resource, &request, &decider),
                    1 => ended(&resource, &request, RequestState::Cancelled { ending: ending() }),
                    _ => {
                        let reason = ExpiryReason::Deadline;
                        ended(&resource, &request, RequestState::Expired { ending: ending(), reason })
                    }
                };
                let mut commit = world.commit(outcome);
                commit.idempotency = Some(record(&world.key(), "mine"));
                commit
            })
            .collect();
        let answers = all_at_once(&world, commits).await;
        assert_eq!(winners(&answers), 1);
        assert_eq!(world.count("history").await, before.0 + 1);
        assert_eq!(world.count("outbox").await, before.1 + 1);
        assert_eq!(world.count("idempotency").await, before.2 + 1);
        let after = world.snapshot(&About::Request(request.id)).await;
        let (after_resource, after_request) = (after.resource.unwrap(), after.request.unwrap());
        assert_eq!(after_request.version, request.version + 1);
        assert_eq!(after_resource.version, resource.version + 1);
        let approved = matches!(after_request.state, RequestState::Approved { .. });
        assert_eq!(world.count("decisions").await, decisions_before + i64::from(approved));
        assert_eq!(approved, after_resource.state == request.target_state);
    }
}

/// Proves REQ-2 and REQ-4: the loser's request is not there either.
async fn of_32_submitters_one_wins(db: TestDatabase) {
    let world = World::new(db).await;
    let resource = world.registered().await;
    let commits = (0..RIVALS).map(|_| world.commit(submission(&resource, &world.admin))).collect();
    assert_eq!(winners(&all_at_once(&world, commits).await), 1);
    assert_eq!(world.count("requests").await, 1);
    assert_eq!(world.count("history").await, 2);
    assert_eq!(world.resource(resource.id).await.approval_status, ApprovalStatus::ApprovalPending);
}

async fn revoke(store: &Store, member: &Member, rules_version: i64) -> Committed {
    let after = Member { state: MemberState::Revoked, version: member.version + 1, ..member.clone() };
    let commit = RulesCommit {
        account_id: member.account_id,
        rules_version,
        record: recorded(),
        writes: vec![RulesWrite::UpdateMember(after)],
        concerned: None,
        settled: vec![],
        sweep: false,
        outbox: vec![],
        only_without_pending: None,
        posted: vec![],
        leaves_the_rules: false,
        idempotency: None,
    };
    store.commit_rules(commit).await.unwrap()
}

/// An approver, and the account's rules after they joined.
async fn with_approver(world: &mut World) -> Member {
    let approver = member(&world.account, SystemRole::Approver);
    world.joined(approver).await
}

/// Proves REQ-9: the decision was right when it was made, and is refused all the same.
async fn a_right_lost_after_the_snapshot_is_lost(db: TestDatabase) {
    let mut world = World::new(db).await;
    let approver = with_approver(&mut world).await;
    let (resource, request) = world.submitted().await;
    let decided = world.commit(approval(&resource, &request, &approver));
    assert_eq!(revoke(&world.store, &approver, world.account.rules_version).await, Committed::Done);
    assert_eq!(world.store.commit(decided).await.unwrap(), Committed::Conflict);
    let read = world.snapshot(&About::Request(request.id)).await;
    assert_eq!(read.request, Some(request));
    assert_eq!(read.resource, Some(resource));
    assert_eq!(read.directory.active(approver.id), None);
}

/// Proves REQ-9 under load: whenever the revocation is answered, no decision that was based on the right comes after it.
async fn decisions_and_revocations_at_once_stay_in_order(db: TestDatabase) {
    let mut world = World::new(db).await;
    for _ in 0..20 {
        let approver = with_approver(&mut world).await;
        let (resource, request) = world.submitted().await;
        let decided = world.commit(approval(&resource, &request, &approver));
        let barrier = Arc::new(Barrier::new(2));
        let decision = tokio::spawn({
            let (store, barrier) = (world.store.clone(), Arc::clone(&barrier));
            async move {
                barrier.wait().await;
                store.commit(decided).await.unwrap()
            }
        });
        barrier.wait().await;
        assert_eq!(revoke(&world.store, &approver, world.account.rules_version).await, Committed::Done);
        let at_the_answer = world.resource(resource.id).await;
        world.account.rules_version += 1;
        let decision = decision.await.unwrap();
        let settled: Resource = world.resource(resource.id).await;
        assert_eq!(at_the_answer, settled, "nothing came after the revocation was answered");
        assert_eq!(decision == Committed::Done, settled.version == resource.version + 1);
    }
}

/// Until so many sessions of this database wait for a lock.
async fn until_waiting(raw: &DatabaseConnection, sessions: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let probe = async || (number(raw, sql).await == sessions).then_some(());
    wait_for("a session that waits for a lock", Duration::from_secs(10), probe).await;
}

/// Proves REQ-9 where it is hardest: the commit has read its snapshot and waits for the account's row, which a revoke holds.
/// When the revoke commits, PostgreSQL checks the guard on the row as it is then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_waits_for_a_revoke_is_refused() {
    let world = World::new(TestDatabase::postgres().await).await;
    let (resource, request) = world.submitted().await;
    let raw = world.raw().await;
    let revoke = raw.begin().await.unwrap();
    revoke.execute_unprepared("UPDATE accounts SET rules_version = rules_version + 1").await.unwrap();
    let commit = world.commit(approval(&resource, &request, &world.admin));
    let store = world.store.clone();
    let committing = tokio::spawn(async move { store.commit(commit).await.unwrap() });
    until_waiting(&raw, 1).await;
    revoke.commit().await.unwrap();
    assert_eq!(committing.await.unwrap(), Committed::Conflict);
    assert_eq!(world.resource(resource.id).await, resource);
}

/// Proves REQ-9 the other way round: a commit that has passed the guard and waits for the resource's row holds the account's,
/// so a revoke can't be answered before that commit is settled. And the revoke gets its turn: a commit that comes after it
/// waits, although it could share the row with the first and, if it did, the revoke of a busy account would never come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_waits_for_commits_before_it_and_not_for_those_after_it() {
    let mut world = World::new(TestDatabase::postgres().await).await;
    let approver = with_approver(&mut world).await;
    let (resource, request) = world.submitted().await;
    let other = world.registered().await;
    let committing = |commit: Commit| {
        let store = world.store.clone();
        tokio::spawn(async move { store.commit(commit).await.unwrap() })
    };
    let raw = world.raw().await;
    let rival = raw.begin().await.unwrap();
    let hold =
        format!("UPDATE resources SET title = 'by a rival' WHERE external_id = '{}'", resource.external_id);
    rival.execute_unprepared(&hold).await.unwrap();

    let before = committing(world.commit(approval(&resource, &request, &approver)));
    until_waiting(&raw, 1).await;
    let (store, version) = (world.store.clone(), world.account.rules_version);
    let revoking = tokio::spawn(async move { revoke(&store, &approver, version).await });
    until_waiting(&raw, 2).await;
    let after = committing(world.commit(edit(&other, "later")));
    until_waiting(&raw, 3).await;
    rival.rollback().await.unwrap();

    assert_eq!(before.await.unwrap(), Committed::Done);
    assert_eq!(revoking.await.unwrap(), Committed::Done);
    assert_eq!(after.await.unwrap(), Committed::Conflict);
}
