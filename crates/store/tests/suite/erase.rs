//! Accounts that are not active: nothing is due in them, and what is deleted is erased step by step; history stays.

use std::time::Duration;

use countersign_domain::{
    Account, AccountState, Member, MemberState, Policy, RulesWrite, State, SystemRole, policy::Area,
};
use countersign_store::{About, AccountCreation, Committed, Erased, IdempotencyKey, RulesCommit};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    nothing_is_due_in_an_account_that_is_only_read,
    an_account_is_erased_step_by_step,
    what_is_not_due_is_not_erased,
    erasing_is_taken_up_again,
}

const TABLES: [&str; 16] = [
    "accounts",
    "members",
    "policies",
    "resources",
    "requests",
    "request_approvers",
    "decisions",
    "history",
    "outbox",
    "idempotency",
    "roles",
    "member_roles",
    "invitations",
    "invitation_mails",
    "sweeps",
    "seaql_migrations",
];

async fn counts(world: &World) -> Vec<(&'static str, i64)> {
    let mut counts = vec![];
    for table in TABLES {
        counts.push((table, world.count(table).await));
    }
    counts
}

async fn set_state(world: &mut World, state: AccountState) {
    let account = Account { state, rules_version: world.account.rules_version + 1, ..world.account.clone() };
    world.changed(vec![RulesWrite::Account(account.clone())]).await;
    assert_eq!(world.account.rules_version, account.rules_version);
    world.account = account;
}

async fn nothing_is_due_in_an_account_that_is_only_read(db: TestDatabase) {
    let mut world = World::new(db).await;
    world.submitted().await;
    let mut scheduled = campaign(&world.account, &world.admin);
    scheduled.state = State::SCHEDULED;
    world.done(registration(&scheduled)).await;
    // A claim that has run out before the next look.
    let due = async |world: &World| {
        world.store.claim_due(after(1_000_000), Duration::ZERO, 10).await.unwrap().len()
    };
    assert_eq!(due(&world).await, 2);
    for state in [AccountState::Suspended, AccountState::Deleted { erase_at: after(9) }] {
        set_state(&mut world, state).await;
        assert_eq!(due(&world).await, 0);
    }
    // Taken back: it goes on.
    set_state(&mut world, AccountState::Active).await;
    assert_eq!(due(&world).await, 2);
}

/// Everything that an account can have.
async fn fill(world: &mut World) {
    let held = role(&world.account, "Held");
    let holder = Member { roles: vec![held.id], ..member(&world.account, SystemRole::Approver) };
    let invited = invitation(&world.account, &world.admin, "new@example.com");
    let commit = RulesCommit {
        sweep: true,
        posted: vec!["new@example.com".into()],
        ..world.change(vec![
            RulesWrite::InsertRole(held),
            RulesWrite::InsertMember(holder.clone()),
            RulesWrite::InsertInvitation(invited),
            RulesWrite::Policy(Policy { version: 1, ..Policy::default_of(Area::CAMPAIGNS) }),
        ])
    };
    assert_eq!(world.try_change(commit).await, Committed::Done);
    world.submitted_to(&[&holder]).await;
    let (resource, request) = world.submitted_to(&[&holder]).await;
    let mut commit = world.commit(approval(&resource, &request, &holder));
    let account_id = world.account.id;
    commit.idempotency = Some(record(&IdempotencyKey { account_id, ..world.key() }, "answer"));
    assert_eq!(world.store.commit(commit).await.unwrap(), Committed::Done);
}

/// Another account beside it, which nothing must happen to.
async fn neighbour(world: &World) -> World {
    let account = account();
    let admin = member(&account, SystemRole::Admin);
    let creation = AccountCreation {
        account: account.clone(),
        admin: admin.clone(),
        policies: vec![],
        outbox: vec![],
        idempotency: None,
    };
    assert_eq!(world.store.create_account(creation).await.unwrap(), Committed::Done);
    World { db: TestDatabase::sqlite(), store: world.store.clone(), account, admin }
}

/// Proves HIS-2: also of an account that is gone.
async fn an_account_is_erased_step_by_step(db: TestDatabase) {
    let mut world = World::new(db).await;
    let mut other = neighbour(&world).await;
    fill(&mut other).await;
    let before = counts(&world).await;
    fill(&mut world).await;
    set_state(&mut world, AccountState::Deleted { erase_at: after(9) }).await;
    let history = world.count("history").await;
    let account = world.account.id;

    let late = world.commit(registration(&campaign(&world.account, &world.admin)));
    assert_eq!(world.store.accounts_to_erase(after(8), 10).await.unwrap(), []);
    assert_eq!(world.store.accounts_to_erase(after(9), 10).await.unwrap(), [account]);
    let mut steps = 1;
    while world.store.erase_account(account, after(9), 2, erasure_of(account)).await.unwrap() == Erased::Part
    {
        steps += 1;
        assert!(steps < 50, "it comes to an end");
    }
    assert!(steps > 4, "in parts");
    assert_eq!(world.store.accounts_to_erase(after(9), 10).await.unwrap(), []);

    // Of its own there are only history, what is not published yet, and members without a name.
    let expected = before.iter().map(|(table, count)| match *table {
        "history" => (*table, history),
        // With the one that tells of the erasure.
        "outbox" => (*table, count + 6),
        "members" => (*table, count + 1),
        _ => (*table, *count),
    });
    assert_eq!(counts(&world).await, expected.collect::<Vec<_>>());
    let members = world.store.all_members(account).await.unwrap();
    for member in &members {
        assert_eq!(member.email, format!("erased {}", member.id));
        assert_eq!((member.display_name.as_str(), member.locale.as_str()), ("erased", "en"));
        assert_eq!(member.time_zone, None);
        assert_eq!((member.state, member.system_role), (MemberState::Revoked, None));
        assert!(member.roles.is_empty() && !member.approval_right);
    }
    assert!(members.iter().any(|member| member.id == world.admin.id), "history names them by their ids");
    let raw = world.raw().await;
    let nameless =
        "SELECT count(*) FROM accounts WHERE state = 'ERASED' AND name = '' AND erase_at_us IS NULL";
    assert_eq!(number(&raw, nameless).await, 1);

    let told = "SELECT count(*) FROM outbox AS o JOIN accounts AS a ON a.account_id = o.account_id \
        WHERE o.event_type = 'countersign.account.erased.v1' AND o.sequence = a.rules_version";
    assert_eq!(number(&raw, told).await, 1);

    // As if it were not there.
    let snapshot = world.store.snapshot(account, None, &About::Nothing, &[], None).await.unwrap();
    assert!(snapshot.is_none());
    assert_eq!(world.store.commit(late).await.unwrap(), Committed::Conflict);
    assert_eq!(
        world.store.erase_account(account, after(9), 2, erasure_of(account)).await.unwrap(),
        Erased::NotDue
    );
    let due = world.store.claim_due(after(1_000_000), Duration::ZERO, 10).await.unwrap();
    assert_eq!(due.len(), 2, "the other account's");
    assert_eq!(other.snapshot(&About::Nothing).await.account.rules_version, other.account.rules_version);
}

async fn what_is_not_due_is_not_erased(db: TestDatabase) {
    let mut world = World::new(db).await;
    fill(&mut world).await;
    let before = counts(&world).await;
    for state in [AccountState::Active, AccountState::Suspended, AccountState::Deleted { erase_at: after(9) }]
    {
        set_state(&mut world, state).await;
        assert_eq!(world.store.accounts_to_erase(after(8), 10).await.unwrap(), []);
        assert_eq!(
            world
                .store
                .erase_account(world.account.id, after(8), 100, erasure_of(world.account.id))
                .await
                .unwrap(),
            Erased::NotDue
        );
        assert_eq!(world.snapshot(&About::Nothing).await.account, world.account);
    }
    assert_eq!(counts(&world).await, before);
}

/// Another process, after a crash; and one that comes when all is done.
async fn erasing_is_taken_up_again(db: TestDatabase) {
    let mut world = World::new(db).await;
    fill(&mut world).await;
    set_state(&mut world, AccountState::Deleted { erase_at: after(9) }).await;
    assert_eq!(
        world.store.erase_account(world.account.id, after(9), 1, erasure_of(world.account.id)).await.unwrap(),
        Erased::Part
    );
    let replica = if world.db.is_postgres() { connect(&world.db).await } else { world.store.clone() };
    assert_eq!(replica.accounts_to_erase(after(9), 10).await.unwrap(), [world.account.id]);
    assert_eq!(
        replica.erase_account(world.account.id, after(9), 1_000, erasure_of(world.account.id)).await.unwrap(),
        Erased::All
    );
    assert_eq!(replica.accounts_to_erase(after(9), 10).await.unwrap(), []);
    assert_eq!(world.count("roles").await, 0);
}
