//! What the services share of a database, whose schema is each one's own: transactions that end with their work (SEC-12), and on
//! `SQLite` a file that is watched while it is written.
//!
//! A file can be deleted, replaced or made read-only under the process, and its disk can be full. `SQLite` goes on writing into a file
//! that has no name any more, so [`Writer`] compares what is there with what it opened before each write and after it: an answer is
//! never given for what nobody will find again.

mod fault;
mod file;
mod writer;

pub use fault::{is_file_fault, told, warn};
pub use writer::{Writer, Writing};

use std::time::Duration;

use sea_orm::{ConnectOptions, sqlx::Connection as _};

/// Sets how `SQLite` is opened. The file is created when it is missing.
pub fn sqlite(options: &mut ConnectOptions, lock_timeout: Duration) {
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
}
