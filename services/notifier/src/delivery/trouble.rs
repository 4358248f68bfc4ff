//! While the mail server is in trouble, no new mail is tried: a queue of a million would otherwise be tried, and its
//! tries written down, a million times for nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const FIRST: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(15);

/// What the workers have heard from the server.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    in_a_row: u32,
    until: Option<Instant>,
}

impl Trouble {
    /// The server answered: to one mail at least.
    pub(super) fn none(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// The server is in trouble; many workers say so of one failure, which counts once.
    pub(super) fn seen(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.until.is_some_and(|until| now < until) {
            return;
        }
        let pause = FIRST.saturating_mul(1 << state.in_a_row.min(16)).min(CAP);
        state.in_a_row += 1;
        state.until = Some(now + pause);
    }

    /// Waits while a pause lasts.
    pub(super) async fn pause(&self) {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner).until;
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }
}
