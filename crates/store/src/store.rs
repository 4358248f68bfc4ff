//! The open database.

use std::{fmt, sync::Arc, time::Duration};

use countersign_database::Writer;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement, Value};
use tokio::sync::Mutex;

use crate::{StoreError, error::failed, recent::RecentCache, rules::RulesCache};

/// Connections to `SQLite` that read, beside the one that writes.
const SQLITE_READERS: u32 = 4;

/// A connection that was idle for this long is asked whether it still lives before it is used, so that a database that was
/// restarted costs a ping and not an error. Busy ones are not asked: that is a round trip for each statement.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// How to reach the database.
#[derive(Clone)]
pub struct StoreConfig {
    /// `postgres://…` or `sqlite://…`; the file of the latter is created when it is missing.
    pub url: String,
    /// Connections to `PostgreSQL` at the most. More than 8 to 16 give no more throughput, only longer waits: callers
    /// beyond are better refused. `SQLite` has one connection that writes, and a few that read.
    pub max_connections: u32,
    /// How long a caller waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run on `PostgreSQL`.
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock, on either database.
    pub lock_timeout: Duration,
    /// What `PostgreSQL` shows of a connection in `pg_stat_activity`.
    pub application_name: String,
}

impl StoreConfig {
    /// The defaults for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 12,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            application_name: "countersign-approval".to_owned(),
        }
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .field("application_name", &self.application_name)
            .finish_non_exhaustive()
    }
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `PostgreSQL`: any number of processes.
    Postgres,
    /// `SQLite`: one process owns the file.
    Sqlite,
}

/// The open database. Clones share its connections and its cache.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) backend: Backend,
    /// On `SQLite` a pool of one connection: writers wait in line here instead of failing with BUSY in the file.
    pub(crate) write: Writer,
    pub(crate) read: DatabaseConnection,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) recent: Arc<RecentCache>,
    /// Held while a batch is published from `SQLite`, which has no row locks to claim it with.
    pub(crate) relaying: Arc<Mutex<()>>,
}

impl Store {
    /// Opens the database, whatever its schema: see [`Store::schema_state`] and [`Store::migrate`].
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let what = failed("connect to the database");
        let backend = backend_of(&config.url)?;
        let (write, read) = match backend {
            Backend::Postgres => {
                let pool = Database::connect(postgres(config)).await.map_err(what)?;
                (Writer::new(pool.clone()).await.map_err(what)?, pool)
            }
            Backend::Sqlite => {
                // The writer first: it creates the file and sets its journal mode.
                let write = Database::connect(sqlite(config, 1)).await.map_err(what)?;
                let mut read = sqlite(config, SQLITE_READERS);
                read.map_sqlx_sqlite_opts(|sqlite| sqlite.create_if_missing(false));
                let write = Writer::new(write).await.map_err(what)?;
                (write, Database::connect(read).await.map_err(what)?)
            }
        };
        Ok(Self {
            backend,
            write,
            read,
            rules: Arc::default(),
            recent: Arc::default(),
            relaying: Arc::default(),
        })
    }

    /// Which database it is.
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// Whether the database answers, and the file of `SQLite` can be written: for readiness, never for liveness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let what = failed("reach the database");
        self.write.look().await.map_err(what)?;
        self.read.ping().await.map_err(what)
    }

    /// Closes the connections, after the statements in progress.
    pub async fn close(self) -> Result<(), StoreError> {
        let what = failed("close the database");
        self.read.close_by_ref().await.map_err(what)?;
        self.write.close().await.map_err(what)
    }

    pub(crate) const fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgres)
    }
}

pub(crate) fn backend_of(url: &str) -> Result<Backend, StoreError> {
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        Ok(Backend::Postgres)
    } else if url.starts_with("sqlite:") {
        Ok(Backend::Sqlite)
    } else {
        Err(StoreError::UnknownDatabase)
    }
}

/// A statement with its parameters. Its text must not depend on the values: statements are prepared once per text.
pub(crate) fn statement(database: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(database.get_database_backend(), sql, values)
}

fn options(config: &StoreConfig, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(&config.url);
    options
        .max_connections(connections)
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        // The caller's spans say what was done; the statements' texts are long and always the same.
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}

fn postgres(config: &StoreConfig) -> ConnectOptions {
    let mut options = options(config, config.max_connections);
    let settings = [
        ("statement_timeout", config.statement_timeout.as_millis().to_string()),
        ("lock_timeout", config.lock_timeout.as_millis().to_string()),
        // A relay that stopped in the middle of a batch gives its rows back.
        ("idle_in_transaction_session_timeout", "60000".to_owned()),
        // Every statement finds its rows by a key, so one plan serves all values: planning anew would cost more than running.
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        ("jit", "off".to_owned()),
    ];
    options.set_application_name(&config.application_name).map_sqlx_postgres_opts(move |postgres| {
        postgres.options(settings.iter().map(|(name, value)| (*name, value.as_str())))
    });
    options
}

fn sqlite(config: &StoreConfig, connections: u32) -> ConnectOptions {
    let mut options = options(config, connections);
    countersign_database::sqlite(&mut options, config.lock_timeout);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full, and has room again later: what is answered then is on disk.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_commit_after_failures_of_the_disk_is_really_one() {
        let database = countersign_testkit::TestDatabase::sqlite();
        let store = Store::connect(&StoreConfig::new(database.url())).await.unwrap();
        store.write.execute_unprepared("CREATE TABLE scratch (body BLOB)").await.unwrap();
        for _ in 0..3 {
            store.write.execute_unprepared("PRAGMA max_page_count = 20").await.unwrap();
            let transaction = store.write.begin().await.unwrap();
            let full = transaction.execute_unprepared("INSERT INTO scratch VALUES (zeroblob(1000000))").await;
            assert!(full.unwrap_err().to_string().contains("full"));
            drop(transaction);
        }
        store.write.execute_unprepared("PRAGMA max_page_count = 1000000").await.unwrap();
        for expected in 1..=3_i64 {
            let transaction = store.write.begin().await.unwrap();
            transaction.execute_unprepared("INSERT INTO scratch VALUES (x'00')").await.unwrap();
            transaction.commit().await.unwrap();
            let count = statement(&store.read, "SELECT count(*) FROM scratch", Vec::new());
            let row = store.read.query_one_raw(count).await.unwrap().unwrap();
            let count: i64 = row.try_get_by_index(0).unwrap();
            assert_eq!(count, expected, "a commit was answered and is not there");
        }
    }
}
