//! The way to write.

use std::{ops::Deref, sync::Arc};

use countersign_runtime::task::to_its_end;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use crate::file::DatabaseFile;

/// What a database is written through. On `SQLite`, nothing is begun on a file that is not the one that was opened, and nothing that
/// went into such a file is told as done.
#[derive(Clone, Debug)]
pub struct Writer {
    connection: DatabaseConnection,
    file: Option<Arc<DatabaseFile>>,
}

impl Writer {
    /// Writes through `connection`, which has just been opened.
    pub async fn new(connection: DatabaseConnection) -> Result<Self, DbErr> {
        let file = DatabaseFile::of(&connection).await?.map(Arc::new);
        if file.is_some() {
            // A connection that is made later must not make another file where this one was.
            let pool = connection.get_sqlite_connection_pool();
            pool.set_connect_options(pool.connect_options().as_ref().clone().create_if_missing(false));
        }
        Ok(Self { connection, file })
    }

    /// The connection, for what only reads.
    pub const fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// A transaction that writes. `SQLite` takes its write lock at once: one that begins by reading and finds that another
    /// has written since can't wait, only fail.
    ///
    /// It begins in a task of its own, which ends also when the caller goes away: then the transaction is dropped, and so rolled
    /// back. sqlx counts a transaction as open only once BEGIN is answered, and would return a connection to the pool whose BEGIN
    /// is on its way as one that has none; the next caller's writes would run in it, and be lost with it (SEC-12,
    /// <https://github.com/transact-rs/sqlx/issues/4393>).
    pub async fn begin(&self) -> Result<Writing, DbErr> {
        self.check()?;
        let sqlite = self.connection.get_database_backend() == DbBackend::Sqlite;
        let sqlite_transaction_mode = sqlite.then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        let connection = self.connection.clone();
        #[expect(clippy::disallowed_methods, reason = "here it can't be dropped")]
        let begun = to_its_end(async move { connection.begin_with_options(options).await }).await;
        let transaction = self.note(begun)?;
        if let Some(file) = &self.file {
            file.has_begun();
        }
        Ok(Writing { transaction, writer: self.clone() })
    }

    /// Whether the database can be written, for readiness: on `SQLite` it is the file that was opened, and now and then, or while a
    /// fault is known, it is really written to. Only that shows that a disk has room again.
    pub async fn look(&self) -> Result<(), DbErr> {
        let Some(file) = &self.file else { return Ok(()) };
        self.check()?;
        if !file.is_to_be_tried()? {
            return Ok(());
        }
        match self.rewrite().await {
            // Who waits for others' writes has no fault to tell of.
            Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                file.has_been_written();
                Ok(())
            }
        }
    }

    /// Writes what is there already: a page, and nothing that anybody reads.
    async fn rewrite(&self) -> Result<(), DbErr> {
        let writing = self.begin().await?;
        let row = writing.query_one_raw(plain(&*writing, "PRAGMA user_version")).await?;
        let version: i32 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        self.note(writing.execute_unprepared(&format!("PRAGMA user_version = {version}")).await)?;
        writing.commit().await
    }

    /// Closes the connections, after the statements in progress.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.connection.close_by_ref().await
    }

    fn check(&self) -> Result<(), DbErr> {
        self.file.as_ref().map_or(Ok(()), |file| file.note(file.check().map_err(DbErr::from)))
    }

    fn note<T>(&self, done: Result<T, DbErr>) -> Result<T, DbErr> {
        match &self.file {
            Some(file) => file.note(done),
            None => done,
        }
    }

    /// What was done, unless it was done to a file that nobody will find again.
    fn done<T>(&self, done: Result<T, DbErr>) -> Result<T, DbErr> {
        let done = self.note(done)?;
        self.check()?;
        Ok(done)
    }
}

/// A statement by itself is a transaction of its own.
#[async_trait::async_trait]
impl ConnectionTrait for Writer {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.check()?;
        self.done(self.connection.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.check()?;
        self.done(self.connection.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.check()?;
        self.done(self.connection.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.check()?;
        self.done(self.connection.query_all_raw(statement).await)
    }
}

/// A transaction that writes, and ends by [`commit`](Self::commit) alone: else it is rolled back.
#[derive(Debug)]
pub struct Writing {
    transaction: DatabaseTransaction,
    writer: Writer,
}

impl Writing {
    /// Commits. On an error it may be committed or not.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.writer.done(self.transaction.commit().await)
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.transaction.rollback().await
    }
}

impl Deref for Writing {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

#[cfg(test)]
mod tests;

pub(crate) fn plain(database: &impl ConnectionTrait, sql: &str) -> Statement {
    Statement::from_string(database.get_database_backend(), sql)
}
