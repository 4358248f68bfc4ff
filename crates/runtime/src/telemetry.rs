//! Logs: to standard error, as text for people or JSON for collectors.

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::TelemetryArgs;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter has a directive that cannot be understood.
    #[error("the log filter {filter:?} cannot be understood (an example: \"info,countersign_store=debug\")")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
}

/// What libraries say less of, unless the filter asks for more by their names: lapin would log the whole body of a returned
/// message, personal data included, and sqlx each notice of a migration.
const QUIETER: &str = "lapin::returned_messages=error,sqlx::postgres::notice=warn";

/// Starts logging, and sends panics to the log too, so that JSON logs stay JSON.
///
/// A process that already logs keeps its logger: that is what a second call in one process (a test) wants.
pub fn init(args: &TelemetryArgs) -> Result<(), TelemetryError> {
    static PANICS_ARE_LOGGED: AtomicBool = AtomicBool::new(false);

    let colours = std::io::stderr().is_terminal();
    let already_logging = logger(args, colours, std::io::stderr)?.try_init().is_err();
    if !already_logging && !PANICS_ARE_LOGGED.swap(true, Ordering::Relaxed) {
        std::panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// A logger that writes to `writer`.
fn logger<W>(args: &TelemetryArgs, colours: bool, writer: W) -> Result<Dispatch, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(format!("{QUIETER},{}", args.log))
        .map_err(|source| TelemetryError::Filter { filter: args.log.clone(), source })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(colours)
        // A log that is closed or full must not end the process, and the library would panic over saying so.
        .log_internal_errors(false);
    Ok(match args.log_format {
        LogFormat::Text => Dispatch::new(lines.finish()),
        LogFormat::Json => Dispatch::new(
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).finish(),
        ),
    })
}

/// An error with its causes, "what failed: why: why that", for the one place that logs it.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(at, panic = panic.payload_as_str().unwrap_or("no message"), "a task panicked");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps what was logged.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Logs hold ids, never personal data.
    #[test]
    fn a_library_s_lines_with_message_bodies_are_left_out_at_every_level() {
        for level in ["warn", "info", "trace"] {
            let kept = Kept::default();
            let writer = kept.clone();
            let logger = logger(&args(level, LogFormat::Text), false, move || writer.clone()).unwrap();
            tracing::dispatcher::with_default(&logger, || {
                tracing::warn!(target: "lapin::returned_messages", "ada@example.com");
                tracing::warn!(target: "lapin::other", "a warning");
            });
            let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
            assert!(text.contains("a warning") && !text.contains("ada@"), "{level}: {text}");
        }
    }

    fn args(log: &str, log_format: LogFormat) -> TelemetryArgs {
        TelemetryArgs { log: log.to_owned(), log_format }
    }

    fn logged(args: &TelemetryArgs) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let logger = logger(args, false, move || writer.clone()).unwrap();
        tracing::dispatcher::with_default(&logger, || {
            let _call = tracing::info_span!("call", method = "a.B/C").entered();
            tracing::debug!("too quiet to be heard");
            tracing::info!(request = 7, "done");
        });
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_hold_level_fields_and_span() {
        let text = logged(&args("info", LogFormat::Json));
        let line: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "done");
        assert_eq!(line["request"], 7);
        assert_eq!(line["span"]["method"], "a.B/C");
    }

    #[test]
    fn text_lines_hold_the_same_and_respect_the_filter() {
        let text = logged(&args("info", LogFormat::Text));
        assert!(text.contains("INFO") && text.contains("done request=7"), "{text}");
        assert!(!text.contains("too quiet"), "{text}");
        assert!(logged(&args("debug", LogFormat::Text)).contains("too quiet"));
    }

    #[test]
    fn a_bad_filter_is_refused_with_its_text() {
        let error = init(&args("info,countersign=shout", LogFormat::Text)).unwrap_err();
        assert!(error.to_string().contains("\"info,countersign=shout\""), "{error}");
    }

    #[test]
    fn a_chain_names_every_cause() {
        let error = init(&args("a=b=c", LogFormat::Text)).unwrap_err();
        let text = chain(&error);
        assert!(
            text.starts_with("the log filter \"a=b=c\"") && text.len() > error.to_string().len(),
            "{text}"
        );
    }

    /// A log that is closed, or on a full disk.
    struct Broken;

    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_no_failure() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let logger = logger(&args("info", format), false, || Broken).unwrap();
            tracing::dispatcher::with_default(&logger, || tracing::info!("to nobody"));
        }
    }

    #[test]
    fn a_second_start_is_no_failure() {
        let quiet = args("off", LogFormat::Text);
        init(&quiet).unwrap();
        init(&quiet).unwrap();
        // Other tests of this process should show their panics, not log them.
        drop(std::panic::take_hook());
    }
}
