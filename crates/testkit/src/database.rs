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
    Server { server: String, name: String, roles: Vec<String> },
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
        Self { url, place: Place::Server { server, name, roles: Vec::new() } }
    }

    /// Two roles of its own that may log in and are no superusers: one owns the database, the other has nothing in it yet.
    pub async fn with_roles(mut self) -> (Self, Roles) {
        let url = self.url.clone();
        let Place::Server { server, name, roles } = &mut self.place else {
            panic!("only PostgreSQL has roles")
        };
        let made = Roles { owner: format!("{name}_owner"), service: format!("{name}_service"), url };
        let password = user_of(server).split_once(':').map(|(_, password)| format!(" PASSWORD '{password}'"));
        for role in [&made.owner, &made.service] {
            let create = format!("CREATE ROLE {role} LOGIN{}", password.as_deref().unwrap_or_default());
            execute(server, create).await.expect("a new role");
            roles.push(role.clone());
        }
        execute(server, format!("ALTER DATABASE {name} OWNER TO {}", made.owner)).await.expect("an owner");
        (self, made)
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

/// The roles of a database.
#[derive(Clone, Debug)]
pub struct Roles {
    /// Who owns it.
    pub owner: String,
    /// Who is to serve.
    pub service: String,
    url: String,
}

impl Roles {
    /// The database's URL as its owner.
    pub fn owner_url(&self) -> String {
        with_user(&self.url, &self.owner)
    }

    /// The database's URL as who serves.
    pub fn service_url(&self) -> String {
        with_user(&self.url, &self.service)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Server { server, name, roles } = &self.place {
            let mut statements = vec![format!("DROP DATABASE {name} WITH (FORCE)")];
            statements.extend(roles.iter().map(|role| format!("DROP ROLE {role}")));
            let server = server.clone();
            cleanup::run(&format!("database {name}"), async move {
                for statement in statements {
                    execute(&server, statement).await.map_err(|error| error.to_string())?;
                }
                Ok(())
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

/// The user of a URL, with the password if there is one.
fn user_of(url: &str) -> &str {
    let begin = url.find("://").map_or(0, |at| at + 3);
    url[begin..].split_once('@').map_or("", |(user, _)| user)
}

/// The same URL as another user with the same password.
fn with_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let known = user_of(url);
    let password = known.split_once(':').map(|(_, password)| format!(":{password}")).unwrap_or_default();
    let rest = rest.strip_prefix(known).and_then(|rest| rest.strip_prefix('@')).unwrap_or(rest);
    format!("{scheme}://{user}{password}@{rest}")
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
    use super::{with_database, with_user};

    #[test]
    fn the_user_of_an_url_is_exchanged() {
        for (url, expected) in [
            ("postgres://u:p@h:1/x", "postgres://new:p@h:1/x"),
            ("postgres://u@h/x", "postgres://new@h/x"),
            ("postgres://h:1/x", "postgres://new@h:1/x"),
        ] {
            assert_eq!(with_user(url, "new"), expected);
        }
    }

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
