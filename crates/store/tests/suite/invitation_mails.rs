//! How many mails with invitations an account sends (ACC-14), and that one that is sent again changes no rules.

use countersign_domain::{Invitation, RulesWrite, Timestamp, limits};
use countersign_store::{About, Committed, MailLimit, Record, RulesCommit};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    one_address_gets_few_in_an_hour,
    an_account_sends_so_many_in_an_hour,
    one_that_is_sent_again_changes_no_rules,
}

const HOUR_US: i64 = 3_600_000_000;

fn posting(world: &World, addresses: &[String], at: Timestamp) -> RulesCommit {
    let record = Record { at, ..recorded() };
    RulesCommit { posted: addresses.to_vec(), leaves_the_rules: true, record, ..world.change(vec![]) }
}

/// Proves ACC-14.
async fn one_address_gets_few_in_an_hour(db: TestDatabase) {
    let world = World::new(db).await;
    let post = async |address: &str, at| {
        world.store.commit_rules(posting(&world, &[address.to_owned()], at)).await.unwrap()
    };
    for number in 0..limits::INVITATION_MAILS_TO_ONE {
        // Whatever its case.
        let address = if number % 2 == 0 { "stranger@example.com" } else { "Stranger@Example.com" };
        assert_eq!(post(address, NOW).await, Committed::Done);
    }
    for _ in 0..2 {
        assert_eq!(post("stranger@example.com", NOW).await, Committed::TooManyMails(MailLimit::Address));
    }
    assert_eq!(post("other@example.com", NOW).await, Committed::Done);
    assert_eq!(post("stranger@example.com", Timestamp(NOW.0 + HOUR_US)).await, Committed::Done);
    // One of them, and all: what was in the hours before is forgotten.
    assert_eq!(world.count("invitation_mails").await, 2);
    assert_eq!(world.count("invitation_mails WHERE address_key LIKE '%example%'").await, 0);
}

/// Proves ACC-14.
async fn an_account_sends_so_many_in_an_hour(db: TestDatabase) {
    let world = World::new(db).await;
    let most = usize::try_from(limits::INVITATION_MAILS).unwrap();
    let addresses: Vec<String> = (0..most).map(|number| format!("{number}@example.com")).collect();
    let (last, first) = addresses.split_last().unwrap();
    assert_eq!(world.store.commit_rules(posting(&world, first, NOW)).await.unwrap(), Committed::Done);
    let two = [last.clone(), "one.more@example.com".to_owned()];
    let too_many = Committed::TooManyMails(MailLimit::Account);
    assert_eq!(world.store.commit_rules(posting(&world, &two, NOW)).await.unwrap(), too_many);
    // Of what was refused none is counted.
    assert_eq!(world.store.commit_rules(posting(&world, &two[..1], NOW)).await.unwrap(), Committed::Done);
    assert_eq!(world.store.commit_rules(posting(&world, &two[1..], NOW)).await.unwrap(), too_many);
}

/// Proves ACC-14, REQ-9: its guards are those of a change.
async fn one_that_is_sent_again_changes_no_rules(db: TestDatabase) {
    let mut world = World::new(db).await;
    let first = invitation(&world.account, &world.admin, "new@example.com");
    world.changed(vec![RulesWrite::InsertInvitation(first.clone())]).await;
    let version = world.account.rules_version;
    let again = |version| {
        let after = Invitation { version, ..first.clone() };
        let change = world.change(vec![RulesWrite::UpdateInvitation(after)]);
        RulesCommit { leaves_the_rules: true, ..change }
    };
    assert_eq!(world.store.commit_rules(again(2)).await.unwrap(), Committed::Done);
    assert_eq!(world.store.commit_rules(again(2)).await.unwrap(), Committed::Conflict);
    let stale = RulesCommit { rules_version: version - 1, ..again(3) };
    assert_eq!(world.store.commit_rules(stale).await.unwrap(), Committed::Conflict);
    let account = world.account.id;
    let now = world.store.snapshot(account, None, &About::Nothing, &[], None).await.unwrap().unwrap();
    assert_eq!(now.account.rules_version, version);
    assert_eq!(world.store.invitation(account, first.id).await.unwrap().unwrap().version, 2);
}
