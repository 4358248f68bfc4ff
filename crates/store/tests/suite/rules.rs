//! Accounts, members and policies, and the cache of what decisions rely on.

use countersign_domain::{Area, Member, MemberState, Policy, RulesWrite, SystemRole};
use countersign_store::{About, AccountCreation, Committed, Duplicate, RulesCommit};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    names_are_unique,
    stale_rules_are_refused,
    a_stale_member_is_refused,
    another_replica_never_decides_on_old_rules,
    a_policy_waits_for_pending_requests,
    chosen_approvers_are_known_even_when_they_lost_the_right,
    an_unknown_account_has_no_snapshot,
}

fn insertion(world: &World, rules_version: i64, member: Member) -> RulesCommit {
    RulesCommit { rules_version, ..world.change(vec![RulesWrite::InsertMember(member)]) }
}

async fn names_are_unique(db: TestDatabase) {
    let world = World::new(db).await;
    let creation = |account, admin| AccountCreation {
        account,
        admin,
        policies: vec![],
        outbox: vec![],
        idempotency: None,
    };
    let again = creation(world.account.clone(), member(&world.account, SystemRole::Admin));
    let answer = world.store.create_account(again).await.unwrap();
    assert_eq!(answer, Committed::Duplicate(Duplicate::AccountId));

    let mut same_email = member(&world.account, SystemRole::Member);
    same_email.email = world.admin.email.to_uppercase();
    let mut same_id = member(&world.account, SystemRole::Member);
    same_id.id = world.admin.id;
    for (member, which) in [(same_email.clone(), Duplicate::Email), (same_id, Duplicate::MemberId)] {
        let answer = world.store.commit_rules(insertion(&world, 1, member)).await.unwrap();
        assert_eq!(answer, Committed::Duplicate(which));
    }
    assert_eq!(world.snapshot(&About::Nothing).await.account.rules_version, 1, "nothing was counted");
    assert_eq!(world.count("members").await, 1);

    // Changing an address to one that is taken; and the same address in another account.
    let other = member(&world.account, SystemRole::Member);
    let joining = insertion(&world, 1, other.clone());
    assert_eq!(world.store.commit_rules(joining).await.unwrap(), Committed::Done);
    let taken = Member { email: world.admin.email.clone(), version: 2, ..other };
    let change = RulesCommit { rules_version: 2, ..world.change(vec![RulesWrite::UpdateMember(taken)]) };
    assert_eq!(world.store.commit_rules(change).await.unwrap(), Committed::Duplicate(Duplicate::Email));
    let elsewhere = account();
    let admin = Member { account_id: elsewhere.id, ..world.admin.clone() };
    assert_eq!(world.store.create_account(creation(elsewhere, admin)).await.unwrap(), Committed::Done);
}

async fn stale_rules_are_refused(db: TestDatabase) {
    let world = World::new(db).await;
    let new = || member(&world.account, SystemRole::Approver);
    assert_eq!(world.store.commit_rules(insertion(&world, 1, new())).await.unwrap(), Committed::Done);
    assert_eq!(world.store.commit_rules(insertion(&world, 1, new())).await.unwrap(), Committed::Conflict);
    let policy = Policy { version: 1, ..Policy::default_of(Area::CAMPAIGNS) };
    let policy = RulesCommit {
        outbox: vec![event_of(&registration(&campaign(&world.account, &world.admin)))],
        ..world.change(vec![RulesWrite::Policy(policy)])
    };
    assert_eq!(world.store.commit_rules(policy.clone()).await.unwrap(), Committed::Conflict);
    assert_eq!(world.count("outbox").await, 0);
    let policy = RulesCommit { rules_version: 2, ..policy };
    assert_eq!(world.store.commit_rules(policy).await.unwrap(), Committed::Done);
    assert_eq!(world.count("outbox").await, 1);
}

async fn a_stale_member_is_refused(db: TestDatabase) {
    let world = World::new(db).await;
    for (rules_version, version, expected) in
        [(1, 2, Committed::Done), (2, 2, Committed::Conflict), (2, 3, Committed::Done)]
    {
        let member = Member { version, ..world.admin.clone() };
        let commit = RulesCommit { rules_version, ..world.change(vec![RulesWrite::UpdateMember(member)]) };
        assert_eq!(world.store.commit_rules(commit).await.unwrap(), expected);
    }
}

async fn another_replica_never_decides_on_old_rules(db: TestDatabase) {
    let mut world = World::new(db).await;
    let replica = connect(&world.db).await;
    let account = world.account.id;
    let read = async || replica.snapshot(account, None, &About::Nothing, &[], None).await.unwrap().unwrap();
    assert_eq!(read().await.directory.candidates().len(), 1);
    let editor = Member { approval_right: true, ..member(&world.account, SystemRole::Editor) };
    for new in [
        editor.clone(),
        member(&world.account, SystemRole::Approver),
        member(&world.account, SystemRole::Creator),
    ] {
        world.joined(new).await;
    }
    let snapshot = read().await;
    assert_eq!(snapshot.directory.candidates().len(), 3);
    assert_eq!(snapshot.account.rules_version, world.account.rules_version);
    assert_eq!(snapshot.directory.active(editor.id), Some(&editor));
    let revoked = Member { state: MemberState::Revoked, version: 2, ..editor.clone() };
    world.changed(vec![RulesWrite::UpdateMember(revoked)]).await;
    assert_eq!(read().await.directory.active(editor.id), None);
    let policy = Policy { version: 1, enabled: true, ..Policy::default_of(Area::CAMPAIGNS) };
    world.changed(vec![RulesWrite::Policy(policy.clone())]).await;
    assert_eq!(*read().await.policies.of(&Area::CAMPAIGNS), policy);
}

async fn a_policy_waits_for_pending_requests(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    let count = async || world.store.count_pending(world.account.id, &Area::CAMPAIGNS).await.unwrap();
    assert_eq!(count().await, 1);
    let policy = || RulesCommit {
        only_without_pending: Some(Area::CAMPAIGNS),
        ..world.change(vec![RulesWrite::Policy(Policy { version: 1, ..Policy::default_of(Area::CAMPAIGNS) })])
    };
    assert_eq!(world.store.commit_rules(policy()).await.unwrap(), Committed::StillPending(1));
    assert_eq!(world.snapshot(&About::Nothing).await.account.rules_version, 1, "nothing was written");
    world.done(approval(&resource, &request, &world.admin)).await;
    assert_eq!(count().await, 0);
    assert_eq!(world.store.commit_rules(policy()).await.unwrap(), Committed::Done);
}

async fn chosen_approvers_are_known_even_when_they_lost_the_right(db: TestDatabase) {
    let mut world = World::new(db).await;
    let chosen = member(&world.account, SystemRole::Creator);
    let chosen = world.joined(chosen).await;
    let (resource, _) = world.submitted_to(&[&chosen, &world.admin]).await;
    let snapshot = world.snapshot(&About::Resource(resource.id)).await;
    assert_eq!(snapshot.directory.get(chosen.id), Some(&chosen));
    assert_eq!(snapshot.directory.get(world.admin.id), Some(&world.admin), "submitter and owner");
}

async fn an_unknown_account_has_no_snapshot(db: TestDatabase) {
    let world = World::new(db).await;
    let snapshot = world.store.snapshot(account().id, None, &About::Nothing, &[], None).await.unwrap();
    assert!(snapshot.is_none());
    let nothing = world.snapshot(&About::Resource(countersign_domain::ResourceId(id()))).await;
    assert!(nothing.resource.is_none() && nothing.request.is_none());
    // Nothing crosses accounts.
    let resource = world.registered().await;
    let other = account();
    let creation = AccountCreation {
        admin: member(&other, SystemRole::Admin),
        account: other.clone(),
        policies: vec![],
        outbox: vec![],
        idempotency: None,
    };
    assert_eq!(world.store.create_account(creation).await.unwrap(), Committed::Done);
    let about = About::Resource(resource.id);
    let elsewhere =
        world.store.snapshot(other.id, Some(world.admin.id), &about, &[world.admin.id], None).await;
    let elsewhere = elsewhere.unwrap().unwrap();
    assert!(elsewhere.resource.is_none() && elsewhere.actor.is_none());
    assert!(elsewhere.directory.get(world.admin.id).is_none());
}
