//! Words for whoever started the process, on standard output and standard error.
//!
//! Either may be closed or full at any time: a pipe whose reader left, a log file on a full disk. That is no reason to end,
//! so failures to write are passed over.

use std::fmt::Display;
use std::io::Write as _;

/// Writes a line to standard output.
pub fn say(line: impl Display) {
    let _closed_or_full = writeln!(std::io::stdout().lock(), "{line}");
}

/// Writes `error: …` to standard error, in one plain line whatever the log's format.
pub(crate) fn complain(error: &str) {
    let line = error.split_whitespace().collect::<Vec<_>>().join(" ");
    let _closed_or_full = writeln!(std::io::stderr().lock(), "error: {line}");
}
