//! Stopping in two stages, with tracked tasks.
//!
//! The first SIGTERM or SIGINT cancels [`Shutdown::token`]: servers stop accepting, streams end, loops finish what they
//! hold. Then [`Shutdown::wait`] gives the tasks up to the hard limit; a second signal ends the wait at once. A task that
//! fails or panics stops the process in the same way, with a failure as its result: an orchestrator can restart a dead
//! process, not one that is half dead.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use rustix::fs::Mode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{BoxError, console, telemetry};

/// The tasks of a process, and its way to stop. Clones are the same process.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// Cancelled when the process is to stop.
    stop: CancellationToken,
    /// Cancelled when it is to stop without waiting: tasks still running are dropped.
    abort: CancellationToken,
    tracker: TaskTracker,
    limit: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// How many tasks run, by name, so that it can be said which one hangs.
    running: BTreeMap<&'static str, usize>,
    /// The first failure; later ones are often its consequences.
    failure: Option<ShutdownError>,
}

/// Why a process did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ShutdownError {
    /// A task failed.
    #[error("the task \"{task}\" failed")]
    TaskFailed {
        /// The task's name.
        task: &'static str,
        /// Why.
        source: BoxError,
    },
    /// A task panicked; the log has where.
    #[error("the task \"{task}\" panicked")]
    TaskPanicked {
        /// The task's name.
        task: &'static str,
    },
    /// Tasks were still running at the hard limit.
    #[error("still running {} s after being asked to stop: {}", limit.as_secs(), tasks.join(", "))]
    HardLimit {
        /// The limit.
        limit: Duration,
        /// The tasks' names.
        tasks: Vec<&'static str>,
    },
    /// A second signal asked to stop at once.
    #[error("a second signal ended the process at once")]
    SecondSignal,
}

impl Shutdown {
    /// A process that stops when [`Self::stop`] is called, and gives its tasks `limit` to end.
    pub fn new(limit: Duration) -> Self {
        Self {
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            tracker: TaskTracker::new(),
            limit,
            state: Arc::default(),
        }
    }

    /// As [`Self::new`], and stops on SIGTERM and SIGINT from now on, also while it still starts: the first process of a
    /// container would otherwise ignore them. Fails if the handlers can't be installed.
    pub fn with_signals(limit: Duration) -> std::io::Result<Self> {
        let shutdown = Self::new(limit);
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(shutdown.clone().listen(terminate, interrupt));
        Ok(shutdown)
    }

    async fn listen(self, mut terminate: Signal, mut interrupt: Signal) {
        for stage in [&self.stop, &self.abort] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "stopping");
            stage.cancel();
        }
    }

    /// Cancelled when the process is to stop.
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Asks the process to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Runs a task that [`Self::wait`] waits for. It should end soon after [`Self::token`] is cancelled; if it fails or
    /// panics, the process stops.
    pub fn spawn<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        *self.state().running.entry(name).or_default() += 1;
        let this = self.clone();
        self.tracker.spawn(async move {
            this.supervise(name, task).await;
            this.ended(name);
        });
    }

    /// Runs a task that goes on to the very end, such as the admin server: it is not waited for, but if it fails or
    /// panics, the process stops.
    pub fn spawn_supporting<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let this = self.clone();
        tokio::spawn(async move { this.supervise(name, task).await });
    }

    /// Waits until the process is asked to stop, and then for its tasks. The first failure is the result.
    pub async fn wait(&self) -> Result<(), ShutdownError> {
        self.stop.cancelled().await;
        self.tracker.close();
        let outcome = tokio::select! {
            biased;
            () = self.abort.cancelled() => Err(ShutdownError::SecondSignal),
            () = self.tracker.wait() => Ok(()),
            () = tokio::time::sleep(self.limit) => Err(ShutdownError::HardLimit {
                limit: self.limit,
                tasks: self.state().running.keys().copied().collect(),
            }),
        };
        self.abort.cancel();
        let Some(failure) = self.state().failure.take() else {
            return outcome;
        };
        if let Err(consequence) = outcome {
            tracing::error!(error = telemetry::chain(&consequence), "stopping did not go well");
        }
        Err(failure)
    }

    /// Runs a task to its end, or until the process stops without waiting; its failure stops the process.
    async fn supervise<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let ended = tokio::select! {
            biased;
            ended = AssertUnwindSafe(task).catch_unwind() => ended,
            () = self.abort.cancelled() => return,
        };
        let failure = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => ShutdownError::TaskFailed { task: name, source: error.into() },
            Err(_panic) => ShutdownError::TaskPanicked { task: name },
        };
        tracing::error!(task = name, error = telemetry::chain(&failure), "stopping because a task failed");
        self.state().failure.get_or_insert(failure);
        self.stop.cancel();
    }

    fn ended(&self, name: &'static str) {
        let mut state = self.state();
        if let Some(count) = state.running.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                state.running.remove(name);
            }
        }
    }

    /// A panic can't leave the state half changed, so a poisoned lock is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a process's whole life: its `main`. A failure of what was serving is logged; one that comes before is for whoever
/// starts the process, and is printed as one plain line.
///
/// Files that the process makes are its user's alone, whatever the umask was: databases, mails and dead letters hold
/// personal data.
///
/// When `main` ends the process ends, even if a task or a blocking call still hangs.
pub fn run(main: impl Future<Output = Result<(), BoxError>>) -> ExitCode {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let result = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(main);
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(error.into()),
    };
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    let text = telemetry::chain(error.as_ref());
    if error.is::<ShutdownError>() && tracing::dispatcher::has_been_set() {
        tracing::error!(error = text, "the process failed");
    } else {
        console::complain(&text);
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io;
    use std::process::Command;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A task that ends when asked to.
    async fn obedient(token: CancellationToken) -> io::Result<()> {
        token.cancelled().await;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_tasks_that_end_when_asked() {
        let shutdown = Shutdown::new(LIMIT);
        shutdown.spawn("short", async { io::Result::Ok(()) });
        shutdown.spawn("server", obedient(shutdown.token()));
        shutdown.spawn_supporting("admin", pending::<io::Result<()>>());
        let waiting = shutdown.wait();
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none(), "nobody asked to stop");
        shutdown.stop();
        waiting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_hung_task_hits_the_hard_limit_and_is_named_and_dropped() {
        let shutdown = Shutdown::new(LIMIT);
        let held = Arc::new(());
        let guard = Arc::clone(&held);
        shutdown.spawn("hung", async move {
            pending::<()>().await;
            drop(guard);
            io::Result::Ok(())
        });
        shutdown.spawn("server", obedient(shutdown.token()));
        let asked = tokio::time::Instant::now();
        shutdown.stop();
        let error = shutdown.wait().await.unwrap_err();
        assert_eq!(asked.elapsed().as_secs(), LIMIT.as_secs());
        assert_eq!(error.to_string(), "still running 20 s after being asked to stop: hung");
        shutdown.tracker.wait().await;
        assert_eq!(Arc::strong_count(&held), 1, "the hung task is dropped");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_task_stops_the_process() {
        for supporting in [false, true] {
            let shutdown = Shutdown::new(LIMIT);
            shutdown.spawn("server", obedient(shutdown.token()));
            let failing = async { Err(io::Error::other("port in use")) };
            if supporting {
                shutdown.spawn_supporting("broken", failing);
            } else {
                shutdown.spawn("broken", failing);
            }
            let error = shutdown.wait().await.unwrap_err();
            assert_eq!(telemetry::chain(&error), "the task \"broken\" failed: port in use");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panicking_task_stops_the_process() {
        let shutdown = Shutdown::new(LIMIT);
        shutdown.spawn("server", obedient(shutdown.token()));
        shutdown.spawn::<_, io::Error>("broken", async { panic!("on purpose") });
        let error = shutdown.wait().await.unwrap_err();
        assert!(matches!(error, ShutdownError::TaskPanicked { task: "broken" }), "{error}");
    }

    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_insists() {
        let shutdown = Shutdown::with_signals(Duration::from_hours(1)).unwrap();
        shutdown.spawn("hung", pending::<io::Result<()>>());
        signal_myself("-TERM");
        shutdown.token().cancelled().await;
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.wait().await }
        });
        signal_myself("-INT");
        assert!(matches!(waiting.await.unwrap(), Err(ShutdownError::SecondSignal)));
    }

    fn signal_myself(signal: &str) {
        let status = Command::new("kill").args([signal, &std::process::id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    #[test]
    fn a_process_ends_with_its_main_whatever_hangs() {
        let code = run(async {
            tokio::task::spawn_blocking(std::thread::park);
            tokio::spawn(pending::<()>());
            Ok(())
        });
        assert_eq!(code, ExitCode::SUCCESS);
        assert_eq!(run(async { Err("broken".into()) }), ExitCode::FAILURE);
    }
}
