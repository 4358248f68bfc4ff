//! The open database.

use std::{fmt, sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value, sqlx::Connection as _,
};
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
    pub(crate) write: DatabaseConnection,
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
                (pool.clone(), pool)
            }
            Backend::Sqlite => {
                // The writer first: it creates the file and sets its journal mode.
                let write = Database::connect(sqlite(config, 1)).await.map_err(what)?;
                (write, Database::connect(sqlite(config, SQLITE_READERS)).await.map_err(what)?)
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

    /// Whether the database answers: for readiness, never for liveness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read.ping().await.map_err(failed("reach the database"))
    }

    /// Closes the connections, after the statements in progress.
    pub async fn close(self) -> Result<(), StoreError> {
        let what = failed("close the database");
        self.read.close_by_ref().await.map_err(what)?;
        self.write.close_by_ref().await.map_err(what)
    }

    pub(crate) const fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgres)
    }

    /// A transaction that writes. `SQLite` takes its write lock at once: one that begins by reading and finds that another
    /// has written since can't wait, only fail.
    ///
    /// It begins in a task of its own, which ends also when the caller goes away: then the transaction is dropped, and so rolled
    /// back. sqlx counts a transaction as open only once BEGIN is answered, and would return a connection to the pool whose BEGIN
    /// is on its way as one that has none; the next caller's writes would run in it, and be lost with it (SEC-12,
    /// <https://github.com/transact-rs/sqlx/issues/4393>).
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let sqlite_transaction_mode = (!self.is_postgres()).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let write = self.write.clone();
        #[expect(clippy::disallowed_methods, reason = "here it can't be dropped")]
        let begun = tokio::spawn(async move { write.begin_with_options(options).await }).await;
        begun.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
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
    let lock_timeout = config.lock_timeout;
    // An idle connection costs nothing, and closing the last one would checkpoint in the middle of work.
    options.idle_timeout(None).max_lifetime(None).map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(lock_timeout)
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
            let transaction = store.begin().await.unwrap();
            let full = transaction.execute_unprepared("INSERT INTO scratch VALUES (zeroblob(1000000))").await;
            assert!(full.unwrap_err().to_string().contains("full"));
            drop(transaction);
        }
        store.write.execute_unprepared("PRAGMA max_page_count = 1000000").await.unwrap();
        for expected in 1..=3_i64 {
            let transaction = store.begin().await.unwrap();
            transaction.execute_unprepared("INSERT INTO scratch VALUES (x'00')").await.unwrap();
            transaction.commit().await.unwrap();
            let count = statement(&store.read, "SELECT count(*) FROM scratch", Vec::new());
            let row = store.read.query_one_raw(count).await.unwrap().unwrap();
            let count: i64 = row.try_get_by_index(0).unwrap();
            assert_eq!(count, expected, "a commit was answered and is not there");
        }
    }
}
