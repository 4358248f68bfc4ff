//! What is wrong with a file, and how it is told.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign_runtime::telemetry::chain;
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, sqlite::SqliteError},
};

/// A file that must not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    /// Nothing has its name any more.
    #[error("the file {0} was deleted or moved away under the service: put it back, or restart the service")]
    Deleted(PathBuf),
    /// Another file has its name.
    #[error(
        "the file {0} was replaced under the service: put the old one back, or restart the service to use the new one"
    )]
    Replaced(PathBuf),
    /// It is not for this process to write, or to find.
    #[error("the file {path} can't be written")]
    Denied {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The database failed on it.
    #[error("the file {path} can't be used: {says}")]
    Failed {
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        says: String,
    },
}

/// In the one shape in which the database's errors travel.
impl From<FileFault> for DbErr {
    fn from(fault: FileFault) -> Self {
        Self::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(io::Error::other(fault)))))
    }
}

/// What the driver said.
fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// The fault that stands in an error.
fn in_it(error: &DbErr) -> Option<&FileFault> {
    let sqlx::Error::Io(error) = driver(error)? else { return None };
    error.get_ref()?.downcast_ref()
}

/// A failure of the database on its file, with the file's name; any other error as it is.
pub(crate) fn named(error: DbErr, path: &Path) -> DbErr {
    if !is_file_fault(&error) || in_it(&error).is_some() {
        return error;
    }
    FileFault::Failed { path: path.to_owned(), says: says(&error) }.into()
}

fn says(error: &DbErr) -> String {
    match driver(error) {
        Some(sqlx::Error::Database(error)) => {
            format!("{} (SQLite's code {})", error.message(), error.code().unwrap_or_default())
        }
        Some(other) => chain(other),
        None => chain(error),
    }
}

/// Whether the file of an `SQLite` database is at fault: it is not the one that was opened, is read-only, has no room on its disk, or
/// the disk fails. Such faults can be mended while the service runs.
pub fn is_file_fault(error: &DbErr) -> bool {
    match driver(error) {
        Some(sqlx::Error::Database(error)) => {
            error.try_downcast_ref::<SqliteError>().is_some() && is_of_file(&error.code().unwrap_or_default())
        }
        _ => in_it(error).is_some(),
    }
}

/// By SQLite's extended result code, whose low byte is the primary one: READONLY, IOERR, FULL, CANTOPEN.
fn is_of_file(code: &str) -> bool {
    code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 8 | 10 | 13 | 14))
}

/// Logs what failed and will be tried again. Where the database's file is at fault, that stands in the log once already, with the
/// file's name; to repeat it with each try would bury everything else.
pub fn warn(error: &(dyn Error + 'static), what: &str) {
    let text = told(error);
    if stems_from_file(error) {
        tracing::debug!(error = text, "{what}");
    } else {
        tracing::warn!(error = text, "{what}");
    }
}

/// An error with its causes, for operators; of a fault of the database's file, that alone.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let fault = causes(error).find_map(|cause| in_it(cause.downcast_ref()?));
    fault.map_or_else(|| chain(error), |fault| chain(fault))
}

fn stems_from_file(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.downcast_ref::<DbErr>().is_some_and(is_file_fault))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_files_are_told_from_others() {
        for code in ["8", "10", "13", "14", "778", "1032", "1544", "4618"] {
            assert!(is_of_file(code), "{code}");
        }
        for code in ["5", "6", "517", "1555", "2067", "275", "", "HY000"] {
            assert!(!is_of_file(code), "{code}");
        }
        let gone = DbErr::from(FileFault::Deleted("/data/approval.db".into()));
        assert!(is_file_fault(&gone) && stems_from_file(&gone));
        assert!(told(&gone).starts_with("the file /data/approval.db was deleted"), "{}", told(&gone));
        let other = sqlx::Error::Io(io::Error::other("reset"));
        assert!(!is_file_fault(&DbErr::Conn(RuntimeErr::SqlxError(Arc::new(other)))));
    }
}
