//! Work that outlives the call that asked for it.

use std::{future::pending, panic::resume_unwind};

use tracing::Instrument as _;

/// Carries work to its end in a task of its own, which begins at once; the future waits for it. Who waits may go away at any moment, as a call does whose client
/// hung up or whose deadline passed: the work goes on all the same (SEC-12).
///
/// For what writes, and for all that follows from having written. What only reads is better dropped with its call: nobody wants it
/// any more.
///
/// # Panics
/// When the work does.
pub fn to_its_end<T>(work: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> + Send
where
    T: Send + 'static,
{
    let task = tokio::spawn(work.in_current_span());
    async {
        match task.await {
            Ok(done) => done,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Nobody else stops the task than the runtime as it goes down, and this one with it.
                Err(_) => pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::oneshot, task::yield_now};

    use super::*;

    /// Proves SEC-12: who waits goes away, and the work goes on.
    #[tokio::test]
    async fn work_goes_on_without_who_waits() {
        let (go, may_go) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let call = tokio::spawn(to_its_end(async move {
            may_go.await.unwrap();
            done.send("written").unwrap();
        }));
        yield_now().await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        go.send(()).unwrap();
        assert_eq!(is_done.await, Ok("written"));
    }

    #[tokio::test]
    #[should_panic(expected = "broken")]
    async fn a_panic_reaches_who_waits() {
        to_its_end(async { panic!("broken") }).await;
    }
}
