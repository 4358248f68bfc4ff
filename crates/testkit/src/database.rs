//! A database of a test's own.

use std::fmt;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use tempfile::TempDir;

use crate::cleanup;
use crate::environment::required;

/// An empty database that is removed with this value.
pub struct TestDatabase {
    url: String,
    place: Place,
}

enum Place {
    Folder { _folder: TempDir },
    Server { server: String, name: String },
}

impl TestDatabase {
    /// A new SQLite file in a temporary folder.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
        Self { url, place: Place::Folder { _folder: folder } }
    }

    /// A new database on the server of `COUNTERSIGN_TEST_POSTGRES_URL`.
    pub async fn postgres() -> Self {
        let server = required("COUNTERSIGN_TEST_POSTGRES_URL");
        let name = format!("cs_{}", crate::network::unique());
        let url = with_database(&server, &name);
        execute(&server, format!("CREATE DATABASE {name}")).await.expect("a new PostgreSQL database");
        Self { url, place: Place::Server { server, name } }
    }

    /// As `sea_orm::Database::connect` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// For the few tests of what only PostgreSQL has.
    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Server { .. })
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Server { server, name } = &self.place {
            let (server, statement) = (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
            cleanup::run(&format!("database {name}"), async move {
                execute(&server, statement).await.map_err(|error| error.to_string())
            });
        }
    }
}

impl fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDatabase").field("url", &self.url).finish_non_exhaustive()
    }
}

async fn execute(server: &str, statement: String) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(server);
    options.max_connections(1).sqlx_logging(false);
    let connection: DatabaseConnection = Database::connect(options).await?;
    connection.execute_unprepared(&statement).await?;
    connection.close().await
}

/// The same server's URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (before, query) = url.split_once('?').map_or((url, None), |(before, query)| (before, Some(query)));
    let host = before.find("://").map_or(0, |at| at + 3);
    let end = before[host..].find('/').map_or(before.len(), |at| host + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{name}{query}", &before[..end])
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_an_url_is_exchanged() {
        for (url, expected) in [
            ("postgres://u:p@h:1/postgres", "postgres://u:p@h:1/new"),
            ("postgres://h:1", "postgres://h:1/new"),
            ("postgres://h/a?sslmode=disable", "postgres://h/new?sslmode=disable"),
        ] {
            assert_eq!(with_database(url, "new"), expected);
        }
    }
}
