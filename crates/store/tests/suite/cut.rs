//! Callers that go away in the middle of a write, at every point where they can.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use countersign_domain::{AccountId, RulesWrite, SystemRole};
use countersign_store::{About, AccountCreation, Committed, Store, StoreConfig};
use countersign_testkit::{Proxy, TestDatabase, both_databases, wait_for};

use crate::support::*;

both_databases! { a_write_that_is_dropped_at_any_await_leaves_no_transaction_behind }

/// How often every point is met: what happens there depends on when the database's answer arrives.
const ROUNDS: usize = 12;

/// So late come the database's answers: long enough for every wait to be one.
const LATE: Duration = Duration::from_micros(300);

/// Drops a future after so many polls; its output if it ended before.
async fn cut<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut left) = (pin!(work), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// The writes that callers wait for, and what a process does by itself.
#[derive(Clone, Copy, Debug)]
enum Write {
    Decision,
    Rules,
    NewAccount,
    Erasure,
    Relay,
}

/// A store of one connection for all: what a call leaves open, the next one gets. What is on disk is read beside it.
struct Narrow {
    world: World,
    beside: Store,
    _proxy: Option<Proxy>,
}

impl Narrow {
    async fn new(db: TestDatabase) -> Self {
        let proxy = if db.is_postgres() { Some(Proxy::in_front_of(db.url()).await) } else { None };
        let mut world = World::new(db).await;
        let url = proxy.as_ref().map_or_else(|| world.db.url().to_owned(), |proxy| proxy.url(world.db.url()));
        let config = StoreConfig { max_connections: 1, ..StoreConfig::new(url) };
        world.store = Store::connect(&config).await.unwrap();
        if let Some(proxy) = &proxy {
            proxy.answer_late(LATE);
        }
        let beside = connect(&world.db).await;
        Self { world, beside, _proxy: proxy }
    }

    /// Tries a write and gives up after so many polls; whether it was answered before.
    async fn attempt(&self, write: Write, polls: usize) -> bool {
        let world = &self.world;
        match write {
            Write::Decision => {
                let commit = world.commit(registration(&campaign(&world.account, &world.admin)));
                let tried = cut(polls, world.store.commit(commit)).await;
                tried.is_some_and(|done| done.unwrap() == Committed::Done)
            }
            Write::Rules => {
                let newcomer = member(&world.account, SystemRole::Creator);
                let commit = world.change(vec![RulesWrite::InsertMember(newcomer)]);
                let tried = cut(polls, world.store.commit_rules(commit)).await;
                tried.is_some_and(|done| done.unwrap() == Committed::Done)
            }
            Write::NewAccount => {
                let creation = creation();
                let tried = cut(polls, world.store.create_account(creation)).await;
                tried.is_some_and(|done| done.unwrap() == Committed::Done)
            }
            Write::Erasure => {
                let nobody = AccountId(id());
                let erased = world.store.erase_account(nobody, NOW, 10, erasure_of(nobody));
                cut(polls, erased).await.is_some_and(|erased| erased.is_ok())
            }
            Write::Relay => {
                let relayed = world.store.relay(10, async |events| vec![true; events.len()]);
                cut(polls, relayed).await.is_some_and(|relayed| relayed.is_ok())
            }
        }
    }

    /// The rules as they are on disk: a write that was cut may be written or not.
    async fn catch_up(&mut self) {
        let account = self.world.account.id;
        let snapshot =
            self.beside.snapshot(account, None, &About::Nothing, &[], None).await.unwrap().unwrap();
        self.world.account.rules_version = snapshot.account.rules_version;
    }

    /// What the next caller is answered is on disk. The caller's is a single statement: a COMMIT of its own would end a transaction
    /// that it was not told of, and hide it.
    async fn assert_next_is_kept(&mut self, after: &str) {
        let resource = loop {
            self.catch_up().await;
            let resource = campaign(&self.world.account, &self.world.admin);
            let commit = self.world.commit(registration(&resource));
            // A conflict where the write that was cut has gone on and changed the rules meanwhile.
            if self.world.store.commit(commit).await.unwrap() == Committed::Done {
                break resource;
            }
        };
        let about = About::Resource(resource.id);
        let account = self.world.account.id;
        let seen = self.beside.snapshot(account, None, &about, &[], None).await.unwrap().unwrap();
        assert!(seen.resource.is_some(), "a registration was answered and is not on disk, {after}");
    }
}

fn creation() -> AccountCreation {
    let account = account();
    let admin = member(&account, SystemRole::Admin);
    AccountCreation { account, admin, policies: vec![], outbox: vec![], idempotency: None }
}

/// Proves SEC-12: whatever a call was waiting for when it was dropped, the connection comes back without a transaction, so that
/// what the next caller is answered is on disk.
async fn a_write_that_is_dropped_at_any_await_leaves_no_transaction_behind(db: TestDatabase) {
    let mut narrow = Narrow::new(db).await;
    let mut cuts = 0;
    for _ in 0..ROUNDS {
        for write in [Write::Decision, Write::Rules, Write::NewAccount, Write::Erasure, Write::Relay] {
            for polls in 0.. {
                assert!(polls < 1_000, "{write:?} doesn't end");
                narrow.catch_up().await;
                let answered = narrow.attempt(write, polls).await;
                narrow.assert_next_is_kept(&format!("after {polls} polls of {write:?}")).await;
                if answered {
                    break;
                }
                cuts += 1;
            }
        }
    }
    assert!(cuts > 10 * ROUNDS, "only {cuts} calls were cut");

    let world = &narrow.world;
    if world.db.is_postgres() {
        let raw = world.raw().await;
        let open = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        wait_for("every transaction to end", Duration::from_secs(10), async || {
            (number(&raw, open).await == 0).then_some(())
        })
        .await;
    }
}
