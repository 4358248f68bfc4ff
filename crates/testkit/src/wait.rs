//! Waiting for conditions instead of for time.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Polls `probe` every few milliseconds until it answers `Some`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use countersign_testkit::wait_for;
///
/// let mut polls = 0;
/// let polls = wait_for("the third poll", Duration::from_secs(5), async || {
///     polls += 1;
///     (polls == 3).then_some(polls)
/// })
/// .await;
/// assert_eq!(polls, 3);
/// # }
/// ```
///
/// # Panics
/// After `limit`, with `what` was waited for.
pub async fn wait_for<T>(what: &str, limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let Ok(found) = timeout(limit, polling).await else {
        panic!("waited {limit:?} in vain for {what}");
    };
    found
}

/// Publishes `items` until each is confirmed, as the outbox relay does: any failure of a publisher may pass, a negative
/// confirm of a queue that was made a moment ago among them. `publish` answers for each item that it is given, in order.
///
/// # Panics
/// After a minute, with the last failure of each item that is left.
pub async fn publish_all<T: Clone, E: Debug>(
    items: &[T],
    mut publish: impl AsyncFnMut(&[T]) -> Vec<Result<(), E>>,
) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut left = items.to_vec();
    loop {
        let results = publish(&left).await;
        assert_eq!(results.len(), left.len(), "each item has a result");
        let mut confirmed = results.iter().map(Result::is_ok);
        left.retain(|_| !confirmed.next().unwrap_or_default());
        if left.is_empty() {
            return;
        }
        let failures: Vec<&E> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert!(Instant::now() < deadline, "not confirmed within a minute: {failures:?}");
        sleep(Duration::from_millis(5)).await;
    }
}
