//! What can go wrong, told apart by what the caller does about it.

use std::{error::Error, fmt};

use countersign_database::is_file_fault;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The settings name no database that this crate knows: a URL must begin with `postgres:`, `postgresql:` or `sqlite:`.
    #[error("the database URL must begin with postgres:// or sqlite://")]
    UnknownDatabase,
    /// A role was named to serve, and the database has none.
    #[error("SQLite has no roles: --service-role is for PostgreSQL")]
    NoRoles,
    /// Every connection was in use for as long as a caller may wait: overload, not breakage.
    #[error("can't {what}: every database connection is in use")]
    PoolTimeout {
        /// What was to be done.
        what: &'static str,
    },
    /// The database can't be reached, is starting or stopping, or gave up waiting for a lock. A write may or may not have
    /// happened: only its idempotency key can tell.
    #[error("can't {what}: the database is not available")]
    Unavailable {
        /// What was to be done.
        what: &'static str,
        /// What the database says.
        source: DbErr,
    },
    /// The file of `SQLite` can't be used as it is: it was deleted, replaced or made read-only under the process, or its disk is
    /// full or fails. A write may or may not have happened, as after `Unavailable`.
    #[error("can't {what}: the database's file can't be used")]
    File {
        /// What was to be done.
        what: &'static str,
        /// What is wrong with it.
        source: DbErr,
    },
    /// The database refused a statement: a mistake of this crate, or a schema of another version.
    #[error("can't {what}")]
    Query {
        /// What was to be done.
        what: &'static str,
        /// What the database says.
        source: DbErr,
    },
    /// A row holds what no version of this crate has written.
    #[error("the database holds a row that can't be read")]
    Corrupt(#[from] Corruption),
    /// The caller asks to store what has no place in the schema: a mistake of the caller.
    #[error("can't store {what}")]
    Unstorable {
        /// What it is.
        what: &'static str,
    },
}

impl StoreError {
    /// Whether the same call may succeed later. Every variant has to choose.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::PoolTimeout { .. } | Self::Unavailable { .. } | Self::File { .. } => true,
            Self::UnknownDatabase
            | Self::NoRoles
            | Self::Query { .. }
            | Self::Corrupt(_)
            | Self::Unstorable { .. } => false,
        }
    }
}

/// A value that no version of this crate has written: table, column and key of the row, never the value itself.
#[derive(Debug)]
pub struct Corruption {
    table: &'static str,
    column: &'static str,
    key: String,
    problem: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Corruption {
    pub(crate) fn new(table: &'static str, column: &'static str, key: String, problem: &'static str) -> Self {
        Self { table, column, key, problem, source: None }
    }

    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, key, problem, .. } = self;
        write!(f, "{table}.{column} of row {key} {problem}")
    }
}

impl Error for Corruption {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Names what was to be done when a statement fails.
pub(crate) fn failed(what: &'static str) -> impl Fn(DbErr) -> StoreError + Copy {
    move |source| match classify(&source) {
        Failure::PoolTimeout => StoreError::PoolTimeout { what },
        Failure::Unavailable => StoreError::Unavailable { what, source },
        Failure::File => StoreError::File { what, source },
        Failure::Unique(_) | Failure::Raced | Failure::Other => StoreError::Query { what, source },
    }
}

/// What kind of failure a database error is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection became free.
    PoolTimeout,
    /// Lost connection, server starting or stopping, a lock or statement that took too long, a busy file.
    Unavailable,
    /// The file of `SQLite` is at fault.
    File,
    /// A key exists already.
    Unique(Unique),
    /// Another transaction won: a deadlock, a serialization failure, or a guard inside a statement.
    Raced,
    /// Anything else.
    Other,
}

/// Which key exists already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unique {
    /// PostgreSQL names the constraint.
    Named(String),
    /// SQLite tells a primary key from another unique index; which table is known from the statement.
    PrimaryKey,
    /// SQLite: another unique index than the primary key.
    Index,
}

/// Classifies by code and constraint, never by message.
pub(crate) fn classify(error: &DbErr) -> Failure {
    match error {
        error if is_file_fault(error) => Failure::File,
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Failure::PoolTimeout,
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Failure::Unavailable,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => classify_sqlx(error),
        _ => Failure::Other,
    }
}

fn classify_sqlx(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            match error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                Some(postgres) => {
                    classify_postgres(&code, postgres.constraint().or_else(|| postgres.column()))
                }
                None => classify_sqlite(&code),
            }
        }
        sqlx::Error::PoolTimedOut => Failure::PoolTimeout,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Failure::Unavailable,
        _ => Failure::Other,
    }
}

/// By SQLSTATE (PostgreSQL, appendix A) and the constraint or column that it is about.
fn classify_postgres(code: &str, about: Option<&str>) -> Failure {
    match code {
        "23505" => Failure::Unique(Unique::Named(about.unwrap_or_default().to_owned())),
        // Serialization failure and deadlock.
        "40001" | "40P01" => Failure::Raced,
        // The guards inside `commit::postgres`: history's null sequence, a decision's null verdict.
        "23502" if matches!(about, Some("sequence" | "verdict")) => Failure::Raced,
        // Lock not available, statement cancelled by its time-out, read-only after a failover.
        "55P03" | "57014" | "25006" => Failure::Unavailable,
        _ => match code.get(..2) {
            // Connection exceptions, insufficient resources, operator intervention (shutdown, crash), system errors.
            Some("08" | "53" | "57" | "58") => Failure::Unavailable,
            _ => Failure::Other,
        },
    }
}

/// By SQLite's extended result code.
fn classify_sqlite(code: &str) -> Failure {
    const PRIMARY_KEY: i32 = 1555;
    const UNIQUE: i32 = 2067;
    match code.parse::<i32>() {
        Ok(PRIMARY_KEY) => Failure::Unique(Unique::PrimaryKey),
        Ok(UNIQUE) => Failure::Unique(Unique::Index),
        // The primary result code is in the low byte: BUSY, LOCKED.
        Ok(code) if matches!(code & 0xff, 5 | 6) => Failure::Unavailable,
        _ => Failure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_codes_are_told_apart() {
        for (code, expected) in [
            ("40P01", Failure::Raced),
            ("40001", Failure::Raced),
            ("55P03", Failure::Unavailable),
            ("57P01", Failure::Unavailable),
            ("08006", Failure::Unavailable),
            ("53300", Failure::Unavailable),
            ("42P01", Failure::Other),
        ] {
            assert_eq!(classify_postgres(code, None), expected, "{code}");
        }
        let unique = classify_postgres("23505", Some("requests_one_pending"));
        assert_eq!(unique, Failure::Unique(Unique::Named("requests_one_pending".into())));
    }

    #[test]
    fn sqlite_codes_are_told_apart() {
        for (code, expected) in [
            ("5", Failure::Unavailable),
            ("517", Failure::Unavailable),
            ("1555", Failure::Unique(Unique::PrimaryKey)),
            ("2067", Failure::Unique(Unique::Index)),
            ("275", Failure::Other),
        ] {
            assert_eq!(classify_sqlite(code), expected, "{code}");
        }
    }

    #[test]
    fn corruption_names_the_row_and_never_its_content() {
        let corruption =
            Corruption::new("members", "state", "a/b".into(), "is none of the values that it can have");
        assert_eq!(corruption.to_string(), "members.state of row a/b is none of the values that it can have");
    }
}
