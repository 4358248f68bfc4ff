//! Watching what happens to an account's requests (REQ-20).
//!
//! One hub per watched account and process reads the account's [`Feed`] and hands what it finds to every watcher of that account, so
//! that the database is asked once, however many watch. It reads at once after a commit of this process, and every half second for what
//! other replicas committed. It goes with its last watcher.
//!
//! Nothing is kept for a watcher but a bounded queue of batches, which all watchers of the account share. One who does not empty it is
//! dropped, and goes on later from the cursor that it was told: the feed is the table of history, which nothing is deleted from.

mod watcher;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use countersign_domain::AccountId;
use countersign_store::{Fed, Feed, Store};
use tokio::{
    sync::{Notify, mpsc},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub use self::watcher::{CURSOR_AGE, Cursors, Watched, Watcher};

/// How soon what another replica committed is seen.
const POLL: Duration = Duration::from_millis(500);

/// How soon it is looked again for transactions to end, and at the least between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Entries that are read at a time.
const BATCH: u32 = 100;

/// Batches that wait for one watcher: it is dropped when there would be more.
const QUEUE: usize = 32;

/// The hubs of this process. Clones are the same.
#[derive(Clone)]
pub struct Watches(Arc<Inner>);

struct Inner {
    store: Store,
    ending: CancellationToken,
    hubs: Mutex<HashMap<AccountId, Hub>>,
}

/// What watches one account.
struct Hub {
    /// Awakes it after a commit.
    woken: Arc<Notify>,
    /// What was told last; none: it has not begun.
    told: Option<Told>,
    watchers: Vec<Reader>,
}

/// How far a hub has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    position: i64,
    rules_version: i64,
}

/// A hub's end of a watcher.
struct Reader {
    batches: mpsc::Sender<Arc<Fed>>,
    /// Cancelled when it is dropped for being slow.
    slow: CancellationToken,
}

/// A watcher's end of a hub.
struct Place {
    /// How far the hub had come; none: it has not begun, and its first batch tells.
    position: Option<i64>,
    batches: mpsc::Receiver<Arc<Fed>>,
    slow: CancellationToken,
}

impl Watches {
    /// Over `store`, until `ending` is cancelled.
    pub fn new(store: Store, ending: CancellationToken) -> Self {
        Self(Arc::new(Inner { store, ending, hubs: Mutex::default() }))
    }

    /// Tells the account's watchers, if it has any, that something was committed.
    pub fn wake(&self, account: AccountId) {
        if let Some(hub) = self.hubs().get(&account) {
            hub.woken.notify_one();
        }
    }

    /// A place at the account's hub, which begins with its first watcher.
    fn join(&self, account: AccountId) -> Place {
        let (sender, batches) = mpsc::channel(QUEUE);
        let slow = CancellationToken::new();
        let mut hubs = self.hubs();
        let hub = hubs.entry(account).or_insert_with(|| {
            let woken = Arc::new(Notify::new());
            tokio::spawn(self.clone().run(account, Arc::clone(&woken)));
            Hub { woken, told: None, watchers: Vec::new() }
        });
        hub.watchers.push(Reader { batches: sender, slow: slow.clone() });
        Place { position: hub.told.map(|told| told.position), batches, slow }
    }

    async fn run(self, account: AccountId, woken: Arc<Notify>) {
        let mut feed = Feed::new(self.0.store.clone(), account, None);
        loop {
            let pause = match feed.read(BATCH).await {
                Ok(Some(fed)) => {
                    let pause = match (fed.more, fed.changes.is_empty()) {
                        (true, false) => Duration::ZERO,
                        (true, true) => PAUSE,
                        (false, _) => POLL,
                    };
                    if feed.has_begun() && !self.tell(account, fed) {
                        return;
                    }
                    // One that still begins has nothing to tell, and may have lost its watchers meanwhile.
                    if !feed.has_begun() && self.is_left(account) {
                        return;
                    }
                    pause
                }
                // Its watchers find that they have lost access.
                Ok(None) => break,
                Err(error) => {
                    countersign_database::warn(&error, "what happened to watched requests can't be read");
                    if self.is_left(account) {
                        return;
                    }
                    POLL
                }
            };
            let awoken = async {
                sleep(pause.min(PAUSE)).await;
                // Also for no reason but the time.
                let _ = timeout(pause.saturating_sub(PAUSE), woken.notified()).await;
            };
            tokio::select! {
                () = self.0.ending.cancelled() => break,
                () = awoken => {}
            }
        }
        self.hubs().remove(&account);
    }

    /// Hands a batch to every watcher and drops those whose queue is full. Whether any is left: with the last one goes the hub, in the
    /// same moment, so that nobody joins one that has ended.
    fn tell(&self, account: AccountId, fed: Fed) -> bool {
        let mut hubs = self.hubs();
        let Some(hub) = hubs.get_mut(&account) else { return false };
        let told = Told { position: fed.position, rules_version: fed.rules_version };
        if hub.told.replace(told) == Some(told) {
            hub.watchers.retain(|reader| !reader.batches.is_closed());
        } else {
            let batch = Arc::new(fed);
            hub.watchers.retain(|reader| match reader.batches.try_send(Arc::clone(&batch)) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    reader.slow.cancel();
                    false
                }
            });
        }
        let is_watched = !hub.watchers.is_empty();
        if !is_watched {
            hubs.remove(&account);
        }
        is_watched
    }

    /// As [`tell`](Self::tell) where there is nothing to tell.
    fn is_left(&self, account: AccountId) -> bool {
        let mut hubs = self.hubs();
        let Some(hub) = hubs.get_mut(&account) else { return true };
        hub.watchers.retain(|reader| !reader.batches.is_closed());
        let is_left = hub.watchers.is_empty();
        if is_left {
            hubs.remove(&account);
        }
        is_left
    }

    /// How many watch the account.
    #[cfg(test)]
    fn watchers(&self, account: AccountId) -> usize {
        self.hubs().get(&account).map_or(0, |hub| hub.watchers.len())
    }

    fn hubs(&self) -> MutexGuard<'_, HashMap<AccountId, Hub>> {
        // Nothing in it can panic half done.
        self.0.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests;
