//! Accounts, members and policies, and the cache of what decisions rely on.

use countersign_domain::{Area, Member, MemberState, Policy, SystemRole, lifecycle::Component};
use countersign_store::{
    About, AccountCreation, Committed, Duplicate, MemberCommit, MemberWrite, PolicyCommit,
};
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

fn insertion(world: &World, rules_version: i64, member: Member) -> MemberCommit {
    let member = MemberWrite::Insert(member);
    MemberCommit { account_id: world.account.id, rules_version, member, idempotency: None }
}

async fn names_are_unique(db: TestDatabase) {
    let world = World::new(db).await;
    let creation = |account, admin| AccountCreation { account, admin, policies: vec![], idempotency: None };
    let again = creation(world.account.clone(), member(&world.account, SystemRole::Admin));
    let answer = world.store.create_account(again).await.unwrap();
    assert_eq!(answer, Committed::Duplicate(Duplicate::AccountId));

    let mut same_email = member(&world.account, SystemRole::Member);
    same_email.email = world.admin.email.to_uppercase();
    let mut same_id = member(&world.account, SystemRole::Member);
    same_id.id = world.admin.id;
    for (member, which) in [(same_email.clone(), Duplicate::Email), (same_id, Duplicate::MemberId)] {
        let answer = world.store.commit_member(insertion(&world, 1, member)).await.unwrap();
        assert_eq!(answer, Committed::Duplicate(which));
    }
    assert_eq!(world.snapshot(&About::Nothing).await.account.rules_version, 1, "nothing was counted");
    assert_eq!(world.count("members").await, 1);

    // Changing an address to one that is taken; and the same address in another account.
    let other = member(&world.account, SystemRole::Member);
    assert_eq!(
        world.store.commit_member(insertion(&world, 1, other.clone())).await.unwrap(),
        Committed::Done
    );
    let member_after = MemberWrite::Update(Member { email: world.admin.email.clone(), version: 2, ..other });
    let change = MemberCommit {
        account_id: world.account.id,
        rules_version: 2,
        member: member_after,
        idempotency: None,
    };
    assert_eq!(world.store.commit_member(change).await.unwrap(), Committed::Duplicate(Duplicate::Email));
    let elsewhere = account();
    let admin = Member { account_id: elsewhere.id, ..world.admin.clone() };
    assert_eq!(world.store.create_account(creation(elsewhere, admin)).await.unwrap(), Committed::Done);
}

async fn stale_rules_are_refused(db: TestDatabase) {
    let world = World::new(db).await;
    let new = || member(&world.account, SystemRole::Approver);
    assert_eq!(world.store.commit_member(insertion(&world, 1, new())).await.unwrap(), Committed::Done);
    assert_eq!(world.store.commit_member(insertion(&world, 1, new())).await.unwrap(), Committed::Conflict);
    let policy = PolicyCommit {
        account_id: world.account.id,
        rules_version: 1,
        policy: Policy { version: 1, ..Policy::default_of(Area::CAMPAIGNS) },
        only_without_pending: false,
        outbox: Some(event_of(&registration(&campaign(&world.account, &world.admin)))),
        idempotency: None,
    };
    assert_eq!(world.store.commit_policy(policy.clone()).await.unwrap(), Committed::Conflict);
    assert_eq!(world.count("outbox").await, 0);
    assert_eq!(
        world.store.commit_policy(PolicyCommit { rules_version: 2, ..policy }).await.unwrap(),
        Committed::Done
    );
    assert_eq!(world.count("outbox").await, 1);
}

async fn a_stale_member_is_refused(db: TestDatabase) {
    let world = World::new(db).await;
    for (rules_version, version, expected) in
        [(1, 2, Committed::Done), (2, 2, Committed::Conflict), (2, 3, Committed::Done)]
    {
        let member = MemberWrite::Update(Member { version, ..world.admin.clone() });
        let commit = MemberCommit { account_id: world.account.id, rules_version, member, idempotency: None };
        assert_eq!(world.store.commit_member(commit).await.unwrap(), expected);
    }
}

async fn another_replica_never_decides_on_old_rules(db: TestDatabase) {
    let world = World::new(db).await;
    let replica = connect(&world.db).await;
    let read =
        async || replica.snapshot(world.account.id, None, &About::Nothing, &[], None).await.unwrap().unwrap();
    assert_eq!(read().await.directory.approvers_of(Component::Campaigns).count(), 1);
    let editor = Member { approval_right: true, ..member(&world.account, SystemRole::Editor) };
    let mut rules_version = 1;
    for member in [
        editor.clone(),
        member(&world.account, SystemRole::Approver),
        member(&world.account, SystemRole::Creator),
    ] {
        assert_eq!(
            world.store.commit_member(insertion(&world, rules_version, member)).await.unwrap(),
            Committed::Done
        );
        rules_version += 1;
    }
    let snapshot = read().await;
    assert_eq!(snapshot.directory.approvers_of(Component::Campaigns).count(), 3);
    assert_eq!(snapshot.account.rules_version, rules_version);
    assert_eq!(snapshot.directory.active(editor.id), Some(&editor));
    let revoked = Member { state: MemberState::Revoked, version: 2, ..editor.clone() };
    let member = MemberWrite::Update(revoked);
    let commit = MemberCommit { account_id: world.account.id, rules_version, member, idempotency: None };
    assert_eq!(world.store.commit_member(commit).await.unwrap(), Committed::Done);
    assert_eq!(read().await.directory.active(editor.id), None);
    let policy = Policy { version: 1, enabled: true, ..Policy::default_of(Area::CAMPAIGNS) };
    let commit = PolicyCommit {
        account_id: world.account.id,
        rules_version: rules_version + 1,
        policy: policy.clone(),
        only_without_pending: false,
        outbox: None,
        idempotency: None,
    };
    assert_eq!(world.store.commit_policy(commit).await.unwrap(), Committed::Done);
    assert_eq!(*read().await.policies.of(&Area::CAMPAIGNS), policy);
}

async fn a_policy_waits_for_pending_requests(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    let count = async || world.store.count_pending(world.account.id, &Area::CAMPAIGNS).await.unwrap();
    assert_eq!(count().await, 1);
    let policy = |area: Area| PolicyCommit {
        account_id: world.account.id,
        rules_version: 1,
        policy: Policy { version: 1, ..Policy::default_of(area) },
        only_without_pending: true,
        outbox: None,
        idempotency: None,
    };
    let answer = world.store.commit_policy(policy(Area::CAMPAIGNS)).await.unwrap();
    assert_eq!(answer, Committed::StillPending(1));
    assert_eq!(world.snapshot(&About::Nothing).await.account.rules_version, 1, "nothing was written");
    world.done(approval(&resource, &request, &world.admin)).await;
    assert_eq!(count().await, 0);
    assert_eq!(world.store.commit_policy(policy(Area::CAMPAIGNS)).await.unwrap(), Committed::Done);
}

async fn chosen_approvers_are_known_even_when_they_lost_the_right(db: TestDatabase) {
    let mut world = World::new(db).await;
    let chosen = member(&world.account, SystemRole::Creator);
    assert_eq!(
        world.store.commit_member(insertion(&world, 1, chosen.clone())).await.unwrap(),
        Committed::Done
    );
    world.account.rules_version = 2;
    let resource = world.registered().await;
    let mut request = request(&resource, &world.admin);
    request.approvers = vec![chosen.id, world.admin.id];
    world.done(submission_of(&resource, request)).await;
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
