//! The schema's version, and bringing it up to date.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::MigratorTrait;

use crate::{Store, StoreError, error::failed, migrations::Migrator, store::statement};

/// Held while migrating `PostgreSQL`, so that of several replicas one migrates and the others wait.
const MIGRATION_LOCK: i64 = 0x0063_6f75_6e74_6572;

/// The database's schema, compared with the one that this version was built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// As this version wants it.
    UpToDate,
    /// It lacks migrations: [`Store::migrate`] before serving.
    Behind {
        /// Their names, oldest first.
        pending: Vec<String>,
    },
    /// A newer version has migrated it. It still serves this version: migrations expand before they contract.
    Ahead,
}

impl Store {
    /// Compares the database's schema with this version's. Changes nothing.
    pub async fn schema_state(&self) -> Result<SchemaState, StoreError> {
        state(&self.read).await
    }

    /// Brings the schema up to date. Any number of processes may call it at once; a newer schema is left alone.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_then(None).await
    }

    /// As [`migrate`](Self::migrate), and with it `grants`, a statement that gives another role what serving takes (HIS-5): all or
    /// nothing. Only `PostgreSQL` has roles.
    pub async fn migrate_and_grant(&self, grants: &str) -> Result<(), StoreError> {
        if !self.is_postgres() {
            return Err(StoreError::NoRoles);
        }
        self.migrate_then(Some(grants)).await
    }

    /// Whether who is connected owns the tables, or may do as if: `question` asks it of the table `$1`. Never on `SQLite`, where whoever
    /// can write the file can do everything.
    pub async fn is_owner(&self, question: &str) -> Result<bool, StoreError> {
        let what = failed("ask who owns the tables");
        if !self.is_postgres() {
            return Ok(false);
        }
        let ask = statement(&self.read, question, vec!["history".into()]);
        let row = self.read.query_one_raw(ask).await.map_err(what)?;
        row.map_or(Ok(false), |row| row.try_get_by_index(0).map_err(what))
    }

    async fn migrate_then(&self, grants: Option<&str>) -> Result<(), StoreError> {
        let what = failed("migrate the database");
        // One transaction for the lock and every migration: all of them or none, and the lock goes with it. SQLite's begins
        // with the lock on its file.
        let transaction = self.write.begin().await.map_err(what)?;
        if self.is_postgres() {
            for setting in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
                transaction.execute_unprepared(&format!("SET LOCAL {setting} = 0")).await.map_err(what)?;
            }
            let lock = "SELECT pg_advisory_xact_lock($1)";
            let lock = statement(&*transaction, lock, vec![MIGRATION_LOCK.into()]);
            transaction.execute_raw(lock).await.map_err(what)?;
        }
        if matches!(state(&*transaction).await?, SchemaState::Behind { .. }) {
            Migrator::up(&*transaction, None).await.map_err(what)?;
        }
        if let Some(grants) = grants {
            let what = failed("grant the service's role what it needs");
            transaction.execute_unprepared(grants).await.map_err(what)?;
        }
        transaction.commit().await.map_err(what)
    }
}

async fn state(database: &impl ConnectionTrait) -> Result<SchemaState, StoreError> {
    let what = failed("read the schema's version");
    let exists = match database.get_database_backend() {
        DbBackend::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
        _ => "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass('seaql_migrations')",
    };
    let exists = statement(database, exists, vec![]);
    let mut applied = BTreeSet::new();
    if database.query_one_raw(exists).await.map_err(what)?.is_some() {
        let select = statement(database, "SELECT version FROM seaql_migrations", vec![]);
        for row in database.query_all_raw(select).await.map_err(what)? {
            applied.insert(row.try_get_by_index::<String>(0).map_err(what)?);
        }
    }
    let known: Vec<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    if applied.iter().any(|name| !known.contains(name)) {
        return Ok(SchemaState::Ahead);
    }
    let pending: Vec<String> = known.into_iter().filter(|name| !applied.contains(name)).collect();
    Ok(if pending.is_empty() { SchemaState::UpToDate } else { SchemaState::Behind { pending } })
}
