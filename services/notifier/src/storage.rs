//! The notifier's own database, `SQLite` or `PostgreSQL`: what was taken, what is to be sent, what is shown.
//!
//! `SQLite` knows no row locks, so nothing here relies on them alone: there every write goes through one connection.

mod deliveries;
mod digests;
mod erase;
mod members;
mod migrations;
mod preferences;
mod purge;
mod record;
mod ribbons;
mod sealing;

use std::time::Duration;

use countersign_runtime::{service_role, task::to_its_end};
use sea_orm::sqlx::Connection as _;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};
use sea_orm_migration::MigratorTrait;

pub use deliveries::{Backlog, Claim, Outcome, REMINDERS, Settled, Told};
pub use migrations::Migrator;
pub use preferences::{Changed, StoredPreferences};
pub use record::{Postage, Recorded};
pub use ribbons::{Counts, Filter, Mark, Position, StoredRibbon};

/// Connections to `PostgreSQL`. More give no more throughput, only longer waits.
const POSTGRES_CONNECTIONS: u32 = 12;

/// Reading connections to `SQLite`, beside the one that writes.
const SQLITE_READERS: u32 = 4;

/// Held while migrating `PostgreSQL`, so that two replicas don't.
const MIGRATION_LOCK: i64 = 0x636f_756e_7465_7273;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// It could not be reached, or refused the connection.
    #[error("the notifier's database can't be opened")]
    Connect(#[source] DbErr),
    /// A statement failed.
    #[error("can't {what}")]
    Query {
        /// What the statement was to do.
        what: &'static str,
        /// What the database says.
        source: DbErr,
    },
    /// A role was named to serve, and the database has none.
    #[error("SQLite has no roles: --service-role is for PostgreSQL")]
    NoRoles,
    /// The schema lacks migrations of this version.
    #[error("the database's schema is not at this version (missing: {}): run `countersign-notifier migrate`, or serve with --auto-migrate", .0.join(", "))]
    SchemaPending(Vec<String>),
}

impl StorageError {
    /// Whether the database can't be reached now, and may be later; else the statement itself is at fault.
    pub fn is_away(&self) -> bool {
        let source = match self {
            Self::Connect(_) => return true,
            Self::SchemaPending(_) | Self::NoRoles => return false,
            Self::Query { source, .. } => source,
        };
        match source {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
                use sea_orm::sqlx::Error;
                matches!(**error, Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed)
            }
            _ => false,
        }
    }
}

/// Names what a statement was to do when it fails.
pub(crate) fn failed(what: &'static str) -> impl FnOnce(DbErr) -> StorageError {
    move |source| StorageError::Query { what, source }
}

/// The open database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Storage {
    write: DatabaseConnection,
    read: DatabaseConnection,
}

impl Storage {
    /// Opens `url` (`postgres://…` or `sqlite://…`), whatever its schema.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        if url.starts_with("sqlite:") {
            let write = open(sqlite(url, 1)).await?;
            // A database in memory is private to its connection.
            let read = if url.contains(":memory:") {
                write.clone()
            } else {
                open(sqlite(url, SQLITE_READERS)).await?
            };
            Ok(Self { write, read })
        } else {
            let both = open(postgres(url, POSTGRES_CONNECTIONS)).await?;
            Ok(Self { write: both.clone(), read: both })
        }
    }

    /// Says whether the database answers; a readiness probe.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.read.ping().await.map_err(StorageError::Connect)
    }

    /// Refuses a schema that lacks a migration of this version; one of a later version is fine, since versions expand
    /// before they contract.
    pub async fn check_schema(&self) -> Result<(), StorageError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.read)
            .await
            .map_err(failed("read the schema's version"))?;
        if pending.is_empty() {
            return Ok(());
        }
        Err(StorageError::SchemaPending(
            pending.iter().map(|migration| migration.name().to_owned()).collect(),
        ))
    }

    /// Whether who is connected owns the tables, or may do as if.
    pub async fn is_owner(&self) -> Result<bool, StorageError> {
        let what = "ask who owns the tables";
        if self.is_sqlite() {
            return Ok(false);
        }
        let ask = statement(&self.read, service_role::OWNS, ["events".into()]);
        let row = self.read.query_one_raw(ask).await.map_err(failed(what))?;
        row.map_or(Ok(false), |row| row.try_get_by_index(0)).map_err(failed(what))
    }

    /// Closes the connections; statements in progress are let finish.
    pub async fn close(&self) {
        for database in [&self.read, &self.write] {
            if let Err(error) = database.close_by_ref().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the database was not closed cleanly"
                );
            }
        }
    }

    fn is_sqlite(&self) -> bool {
        self.write.get_database_backend() == DbBackend::Sqlite
    }

    /// A transaction that writes. `SQLite` takes its write lock at once: a transaction that begins by reading and then
    /// finds that another has written since can't wait, only fail.
    ///
    /// It begins in a task of its own, which ends also when the caller goes away: then the transaction is dropped, and so rolled
    /// back. sqlx counts a transaction as open only once BEGIN is answered, and would return a connection to the pool whose BEGIN
    /// is on its way as one that has none; the next caller's writes would run in it, and be lost with it (SEC-12,
    /// <https://github.com/transact-rs/sqlx/issues/4393>).
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let sqlite_transaction_mode = self.is_sqlite().then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let write = self.write.clone();
        #[expect(clippy::disallowed_methods, reason = "here it can't be dropped")]
        to_its_end(async move { write.begin_with_options(options).await }).await
    }
}

/// Brings the schema of the database at `url` to this version, one migrating process at a time.
pub async fn migrate(url: &str) -> Result<(), StorageError> {
    migrate_for(url, None).await
}

/// As [`migrate`]; then grants the role that serves, if another than this one does, exactly what serving takes (HIS-5).
pub async fn migrate_for(url: &str, service_role: Option<&str>) -> Result<(), StorageError> {
    let what = "migrate the database";
    // One connection: the lock belongs to the session that took it.
    let database = open(if url.starts_with("sqlite:") { sqlite(url, 1) } else { postgres(url, 1) }).await?;
    let postgres = database.get_database_backend() == DbBackend::Postgres;
    if postgres {
        let lock = statement(&database, "SELECT pg_advisory_lock($1)", [MIGRATION_LOCK.into()]);
        database.execute_raw(lock).await.map_err(failed(what))?;
    }
    // Closing the session also gives back the lock.
    let mut migrated = Migrator::up(&database, None).await.map_err(failed(what));
    if let (Ok(()), Some(role)) = (&migrated, service_role) {
        migrated = if postgres {
            let granted = database.execute_unprepared(&service_role::grants(role)).await;
            granted.map(|_| ()).map_err(failed("grant the service's role what it needs"))
        } else {
            Err(StorageError::NoRoles)
        };
    }
    database.close().await.map_err(failed(what))?;
    migrated
}

async fn open(options: ConnectOptions) -> Result<DatabaseConnection, StorageError> {
    Database::connect(options).await.map_err(StorageError::Connect)
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        // Only after a pause, which is when a server or a firewall may have hung up.
        .test_before_acquire(false)
        .test_before_acquire_if_idle_for(Duration::from_secs(5))
        .sqlx_logging(false);
    options
}

fn postgres(url: &str, connections: u32) -> ConnectOptions {
    let mut options = options(url, connections);
    options.set_application_name("countersign-notifier");
    options
}

fn sqlite(url: &str, connections: u32) -> ConnectOptions {
    let mut options = options(url, connections);
    // An idle connection costs nothing, and closing the last one would checkpoint in the middle of work.
    options.idle_timeout(None).max_lifetime(None).map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("journal_mode", "WAL")
            // What was answered is on disk, also after a power cut.
            .pragma("synchronous", "FULL")
    });
    // A failure such as a full disk makes SQLite roll back by itself; sqlx's own ROLLBACK then fails and it goes on counting
    // a transaction that is none. On such a connection BEGIN becomes SAVEPOINT, and after the next failure COMMIT would end
    // a savepoint of a transaction that never ends: answered, and not on disk. So none goes back into the pool.
    options.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
    });
    options
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn statement(
    database: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(database.get_database_backend(), sql, values)
}
