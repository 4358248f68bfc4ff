//! Waiting for conditions instead of for time.

use std::time::Duration;

use tokio::time::{sleep, timeout};

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
