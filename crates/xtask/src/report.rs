//! What was set up from where, what ran and what did not: the last thing that a command prints.

use std::fmt::Display;

use anyhow::{Error, Result, bail};

use crate::exec::in_ci;

/// Lines of `what, how it went`.
#[derive(Default)]
pub struct Report {
    rows: Vec<(String, String)>,
    failed: Vec<String>,
    not_run: Vec<String>,
}

impl Report {
    /// Something that was used or done.
    pub fn note(&mut self, what: &str, how: impl Display) {
        self.rows.push((what.to_owned(), how.to_string()));
    }

    /// A step that was run to its end, well or badly.
    pub fn step(&mut self, what: &str, result: &Result<()>) {
        match result {
            Ok(()) => self.note(what, "passed"),
            Err(error) => {
                self.note(what, format!("FAILED: {}", first_line(error)));
                self.failed.push(what.to_owned());
            }
        }
    }

    /// A step that could not be run, and why.
    pub fn not_run(&mut self, what: &str, why: &Error) {
        self.note(what, format!("NOT RUN: {}", first_line(why)));
        self.not_run.push(what.to_owned());
    }

    /// Prints the table. It is an error when a step failed or, on a build server, when one was not run.
    pub fn finish(self) -> Result<()> {
        let width = self.rows.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
        println!();
        for (what, how) in &self.rows {
            println!("{what:width$}  {how}");
        }
        if !self.failed.is_empty() {
            bail!("failed: {}", self.failed.join(", "));
        }
        if in_ci() && !self.not_run.is_empty() {
            bail!("not run, which CI=true forbids: {}", self.not_run.join(", "));
        }
        Ok(())
    }
}

/// The chain of causes without the log that may follow it.
fn first_line(error: &Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}
