//! Tells the streams of this process in which account ribbons, or what members may see, have changed. Only a hint: what
//! other replicas change is found by polling.

use tokio::sync::broadcast;
use uuid::Uuid;

/// Hints not yet read by a slow stream; with more, it reads its counts anyway.
const CAPACITY: usize = 256;

/// Clones announce to the same streams.
#[derive(Clone, Debug)]
pub(crate) struct Changes(broadcast::Sender<Uuid>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }
}

/// One stream's end.
pub(crate) struct Hints {
    hints: broadcast::Receiver<Uuid>,
    account_id: Uuid,
}

impl Changes {
    pub(crate) fn announce(&self, account_id: Uuid) {
        // Nobody may be listening.
        let _listeners = self.0.send(account_id);
    }

    pub(crate) fn of(&self, account_id: Uuid) -> Hints {
        Hints { hints: self.0.subscribe(), account_id }
    }
}

impl Hints {
    /// Waits for the next change of the account.
    pub(crate) async fn next(&mut self) {
        loop {
            match self.hints.recv().await {
                Ok(account_id) if account_id == self.account_id => return,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                // Nobody is left who could announce anything.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
