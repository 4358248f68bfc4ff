//! What is wrong with a template or a file of words, and where.

use std::fmt;

/// A template or a file of words that can't be used. Without `--templates-dir` a fault of this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The file.
    pub file: String,
    /// The line in it, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong there.
    pub reason: String,
}

impl TemplateError {
    pub(crate) fn new(file: impl Into<String>, line: Option<usize>, reason: impl Into<String>) -> Self {
        Self { file: file.into(), line, reason: reason.into() }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(out, ", line {line}")?;
        }
        write!(out, ": {}", self.reason)
    }
}

impl std::error::Error for TemplateError {}
