//! Asynchronous work when a value is dropped.

use std::future::Future;
use std::thread;

/// Runs a future to its end on a thread and runtime of its own: `drop` can't await, and the runtime of a failing test
/// may be gone. A failure is only printed, so that the test's own failure stays in view.
pub(crate) fn run<F>(what: &str, work: F)
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let result = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(work)
    })
    .join();
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("{what} was not cleaned up: {error}"),
        Err(_) => eprintln!("{what} was not cleaned up: the work panicked"),
    }
}
