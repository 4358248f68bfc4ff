//! Two roles on PostgreSQL: every test on the services runs with one that owns the tables and one that serves (`system.rs`). This is about
//! what the one that serves can't do.

use std::time::Duration;

use countersign_testkit::{Process, TestDatabase};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};

use crate::{
    client::Team,
    system::{PATIENCE, Services, connect},
};

const HOUR: Duration = Duration::from_hours(1);

async fn refused(database: &DatabaseConnection, sql: &str) {
    let error = database.execute_unprepared(sql).await.expect_err(sql).to_string();
    let denied =
        ["permission denied", "must be owner", "append-only"].iter().any(|text| error.contains(text));
    assert!(denied, "{sql}: {error}");
}

async fn names(database: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = database.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Proves HIS-2, HIS-5: the service's own role can't change history, nor switch off what refuses it, nor make itself able to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_that_serves_can_t_touch_what_is_append_only() {
    let services = Services::start(1).await;
    let team =
        Team::on(connect(services.approval_ports[0]).await, connect(services.notifier_port).await).await;
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
    team.creator.submit(&campaign.resource_id, "LAUNCH").await;

    let served = Database::connect(services.roles.service_url()).await.unwrap();
    let protected = names(
        &served,
        "SELECT DISTINCT c.relname::text FROM pg_class AS c JOIN pg_trigger AS t ON t.tgrelid = c.oid \
         JOIN pg_proc AS p ON p.oid = t.tgfoid WHERE p.proname = 'refuse_to_change_history' ORDER BY 1",
    )
    .await;
    for table in ["history", "lifecycles", "lifecycle_retirements", "policy_revisions"] {
        assert!(protected.iter().any(|name| name == table), "{table} is not protected");
    }
    for table in &protected {
        refused(&served, &format!("UPDATE {table} SET account_id = account_id")).await;
        refused(&served, &format!("DELETE FROM {table}")).await;
        refused(&served, &format!("ALTER TABLE {table} DISABLE TRIGGER ALL")).await;
    }
    for table in names(&served, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'").await {
        refused(&served, &format!("TRUNCATE {table}")).await;
        refused(&served, &format!("DROP TABLE {table}")).await;
        refused(&served, &format!("ALTER TABLE {table} OWNER TO CURRENT_USER")).await;
        refused(
            &served,
            &format!("CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION f()"),
        )
        .await;
    }
    let trigger = "DROP TRIGGER history_is_append_only ON history";
    let function = "CREATE OR REPLACE FUNCTION refuse_to_change_history() RETURNS trigger LANGUAGE plpgsql AS \
        'BEGIN RETURN NULL; END'";
    let become_owner = format!("SET ROLE {}", services.roles.owner);
    for sql in [
        trigger,
        function,
        "SET session_replication_role = 'replica'",
        &become_owner,
        "INSERT INTO seaql_migrations VALUES ('x', 1)",
        "CREATE TABLE of_its_own (id integer)",
    ] {
        refused(&served, sql).await;
    }
    served.close().await.unwrap();
}

/// Proves HIS-5: whom it would be of no use to is refused, migrating again changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrating_grants_the_role_that_serves_and_no_other() {
    for (program, table) in [("countersign-approval", "history"), ("countersign-notifier", "events")] {
        let (_database, roles) = TestDatabase::postgres().await.with_roles().await;
        let migrate = async |role: &str| {
            let url = roles.owner_url();
            let settings = [("COUNTERSIGN_DATABASE_URL", url.as_str()), ("COUNTERSIGN_SERVICE_ROLE", role)];
            Process::start(program, &["migrate"], &settings).wait(PATIENCE).await.success()
        };
        assert!(!migrate("nobody_of_that_name").await, "{program}");
        assert!(!migrate(&roles.owner).await, "{program}");
        assert!(migrate(&roles.service).await, "{program}");
        let owner = Database::connect(roles.owner_url()).await.unwrap();
        let granted = "SELECT c.relname || ' ' || c.relacl::text FROM pg_class AS c \
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S') ORDER BY 1";
        let before = names(&owner, granted).await;
        assert!(before.len() > 5);
        // What was granted by hand, too much, is taken again.
        owner.execute_unprepared(&format!("GRANT ALL ON {table} TO {}", roles.service)).await.unwrap();
        assert_ne!(names(&owner, granted).await, before);
        assert!(migrate(&roles.service).await, "{program}");
        assert_eq!(names(&owner, granted).await, before, "{program}");
        owner.close().await.unwrap();
    }
}
