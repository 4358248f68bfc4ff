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
mod stale;

use std::time::Duration;

use countersign_database::{Writer, is_file_fault};
use countersign_runtime::service_role;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement,
    Value,
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

/// How long a writer of `SQLite` waits for another process.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// Whether the file of `SQLite` is at fault, which can be mended while the service runs.
    pub fn is_of_file(&self) -> bool {
        match self {
            Self::Connect(source) | Self::Query { source, .. } => is_file_fault(source),
            Self::SchemaPending(_) | Self::NoRoles => false,
        }
    }

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
    write: Writer,
    read: DatabaseConnection,
}

impl Storage {
    /// Opens `url` (`postgres://…` or `sqlite://…`), whatever its schema.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        if url.starts_with("sqlite:") {
            let write = Writer::new(open(sqlite(url, 1)).await?).await.map_err(StorageError::Connect)?;
            // A database in memory is private to its connection.
            let read = if url.contains(":memory:") {
                write.connection().clone()
            } else {
                let mut read = sqlite(url, SQLITE_READERS);
                read.map_sqlx_sqlite_opts(|sqlite| sqlite.create_if_missing(false));
                open(read).await?
            };
            Ok(Self { write, read })
        } else {
            let both = open(postgres(url, POSTGRES_CONNECTIONS)).await?;
            let write = Writer::new(both.clone()).await.map_err(StorageError::Connect)?;
            Ok(Self { write, read: both })
        }
    }

    /// Says whether the database answers, and the file of `SQLite` can be written; a readiness probe.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.write.look().await.map_err(StorageError::Connect)?;
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
        for closed in [self.read.close_by_ref().await, self.write.close().await] {
            if let Err(error) = closed {
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
    countersign_database::sqlite(&mut options, LOCK_TIMEOUT);
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
