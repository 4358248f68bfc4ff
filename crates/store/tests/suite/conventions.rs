//! The schema keeps the house's conventions, on both databases.

use countersign_domain::RulesWrite;
use countersign_store::{About, SchemaState};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::support::*;

both_databases! {
    every_key_starts_with_the_account,
    times_are_microseconds,
    foreign_keys_are_indexed,
    closed_sets_are_checked,
    migrating_again_changes_nothing,
    the_version_before_goes_on_writing,
    a_newer_schema_is_left_alone,
}

struct Column {
    table: String,
    name: String,
    kind: String,
    /// The place in the primary key, from 1; 0 is none.
    key: i64,
}

async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<Vec<String>> {
    let select = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(select).await.unwrap();
    let width = rows.first().map_or(0, |row| row.column_names().len());
    rows.iter().map(|row| (0..width).map(|at| row.try_get_by_index(at).unwrap()).collect()).collect()
}

/// Every column but those of the migrations' own table.
async fn columns(world: &World) -> Vec<Column> {
    let sql = if world.db.is_postgres() {
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text, coalesce(k.ordinal_position, 0)::text \
         FROM information_schema.columns AS c LEFT JOIN information_schema.key_column_usage AS k \
         ON k.table_name = c.table_name AND k.column_name = c.column_name AND k.constraint_name = c.table_name || '_pkey' \
         WHERE c.table_schema = 'public' AND c.table_name <> 'seaql_migrations'"
    } else {
        "SELECT t.name, c.name, lower(c.type), CAST(c.pk AS text) FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c \
         WHERE t.type = 'table' AND t.name NOT IN ('seaql_migrations', 'sqlite_sequence')"
    };
    let columns: Vec<Column> = rows(&world.raw().await, sql)
        .await
        .into_iter()
        .map(|row| {
            let [table, name, kind, key] = row.try_into().unwrap();
            Column { table, name, kind, key: key.parse().unwrap() }
        })
        .collect();
    assert!(columns.len() > 90, "the catalogue was read");
    columns
}

async fn every_key_starts_with_the_account(db: TestDatabase) {
    let world = World::new(db).await;
    let columns = columns(&world).await;
    let mut tables: Vec<&str> = columns.iter().map(|column| column.table.as_str()).collect();
    tables.sort_unstable();
    tables.dedup();
    assert_eq!(
        tables,
        [
            "account_history",
            "accounts",
            "decisions",
            "history",
            "idempotency",
            "invitation_mails",
            "invitations",
            "lifecycle_retirements",
            "lifecycles",
            "member_roles",
            "members",
            "outbox",
            "policies",
            "policy_revisions",
            "request_approvers",
            "requests",
            "resources",
            "reviews",
            "roles",
            "sealing_keys",
            "sweeps",
            "timer_claims"
        ]
    );
    for table in tables {
        let first = columns.iter().find(|column| column.table == table && column.key == 1);
        assert_eq!(first.map(|column| column.name.as_str()), Some("account_id"), "{table}");
    }
    for id in columns.iter().filter(|column| column.name.ends_with("_id") && column.name != "external_id") {
        let expected = if world.db.is_postgres() { "uuid" } else { "blob" };
        assert_eq!(id.kind, expected, "{}.{}", id.table, id.name);
    }
}

async fn times_are_microseconds(db: TestDatabase) {
    let world = World::new(db).await;
    for column in columns(&world).await {
        let Column { table, name, kind, .. } = column;
        assert!(
            !["timestamp", "date", "time", "json"].iter().any(|word| kind.contains(word)),
            "{table}.{name} is {kind}"
        );
        if name.ends_with("_us") {
            let expected = if world.db.is_postgres() { "bigint" } else { "integer" };
            assert_eq!(kind, expected, "{table}.{name}");
        }
        assert!(!name.ends_with("_at"), "{table}.{name} does not say its unit");
    }
}

/// Each foreign key's columns begin an index of its table, so that a parent's change never reads a whole table.
async fn foreign_keys_are_indexed(db: TestDatabase) {
    let world = World::new(db).await;
    let raw = world.raw().await;
    let (keys, unindexed) = if world.db.is_postgres() {
        (
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f'",
            "SELECT count(*) FROM pg_constraint AS k WHERE k.contype = 'f' AND NOT EXISTS ( \
             SELECT 1 FROM pg_index AS i WHERE i.indrelid = k.conrelid \
             AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)",
        )
    } else {
        (
            "SELECT count(*) FROM sqlite_master AS t JOIN pragma_foreign_key_list(t.name) AS k \
             WHERE t.type = 'table' AND k.seq = 0",
            // How many columns each key has, and how many of them are among an index's first as many.
            "SELECT count(*) FROM (SELECT t.name AS t, k.id, count(*) AS width FROM sqlite_master AS t \
             JOIN pragma_foreign_key_list(t.name) AS k WHERE t.type = 'table' GROUP BY t.name, k.id) AS key \
             WHERE NOT EXISTS (SELECT 1 FROM pragma_index_list(key.t) AS i WHERE key.width = ( \
             SELECT count(*) FROM pragma_index_info(i.name) AS c JOIN pragma_foreign_key_list(key.t) AS k \
             ON k.id = key.id AND k.\"from\" = c.name WHERE c.seqno < key.width))",
        )
    };
    assert_eq!(number(&raw, keys).await, 10);
    assert_eq!(number(&raw, unindexed).await, 0);
}

async fn closed_sets_are_checked(db: TestDatabase) {
    let mut world = World::new(db).await;
    world.submitted().await;
    let invited = invitation(&world.account, &world.admin, "new@example.com");
    world.changed(vec![RulesWrite::InsertInvitation(invited)]).await;
    let raw = world.raw().await;
    for (table, column) in [
        ("accounts", "state"),
        ("invitations", "system_role"),
        ("invitations", "state"),
        ("members", "system_role"),
        ("members", "state"),
        ("resources", "approval_status"),
        ("resources", "launch_mode"),
        ("requests", "state"),
        ("requests", "launch_mode"),
        ("requests", "expiry_reason"),
    ] {
        let update = format!("UPDATE {table} SET {column} = 'SOMETHING ELSE'");
        assert!(raw.execute_unprepared(&update).await.is_err(), "{table}.{column}");
    }
}

async fn migrating_again_changes_nothing(db: TestDatabase) {
    let store = connect(&db).await;
    let fresh = store.schema_state().await.unwrap();
    assert_eq!(
        fresh,
        SchemaState::Behind {
            pending: vec![
                "m0001_initial".into(),
                "m0002_access".into(),
                "m0003_workflow".into(),
                "m0004_history".into(),
                "m0005_lifecycles".into(),
                "m0006_signatures".into(),
                "m0007_account_history".into(),
                "m0008_witnesses".into(),
                "m0009_staged_marks".into(),
                "m0010_sealing_key".into(),
                "m0011_name_keys".into(),
                "m0012_authors".into(),
                "m0013_cooling_off".into(),
                "m0014_time_zones".into(),
                "m0015_invitation_mails".into(),
            ]
        }
    );
    // Replicas that start together.
    let other = connect(&db).await;
    let (first, second) = tokio::join!(store.migrate(), other.migrate());
    first.unwrap();
    second.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.schema_state().await.unwrap(), SchemaState::UpToDate);
    store.ping().await.unwrap();
    store.close().await.unwrap();
}

/// Its inserts name the columns that it knows.
async fn the_version_before_goes_on_writing(db: TestDatabase) {
    let world = World::new(db).await;
    let (resource, request) = world.submitted().await;
    let raw = world.raw().await;
    let fresh = if world.db.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    let resource_columns = "account_id, kind, title, owner_id, state, approval_status, live_body, live_digest, live_revision, \
        variants, version, created_at_us, updated_at_us";
    for insert in [
        format!(
            "INSERT INTO resources (resource_id, external_id, {resource_columns}) \
             SELECT {fresh}, 'old', {resource_columns} FROM resources"
        ),
        format!(
            "INSERT INTO request_approvers (account_id, request_id, member_id, position) \
             SELECT account_id, request_id, {fresh}, 1 FROM requests"
        ),
        format!(
            "INSERT INTO history (account_id, resource_id, sequence, request_id, event, actor_name, happened_at_us, to_state, \
             note, digest) SELECT account_id, resource_id, 3, {fresh}, 'EDITED', 'n', 0, 'DRAFT', '', 'd' \
             FROM resources WHERE version = 2"
        ),
        format!(
            "INSERT INTO accounts (account_id, name, features, rules_version, created_at_us) \
             VALUES ({fresh}, 'Old', '', 1, 0)"
        ),
    ] {
        raw.execute_unprepared(&insert).await.unwrap();
    }
    let read = world.snapshot(&About::Request(request.id)).await.request.unwrap();
    assert_eq!(read.assigned().count(), 1);
    let old = About::ResourceByExternalId(resource.kind.clone(), "old".into());
    let old = world.snapshot(&old).await.resource.unwrap();
    assert_eq!((old.audience, old.pii_fields), (resource.audience, resource.pii_fields));
    assert_eq!(old.lifecycle_version, 0, "of a built-in kind");
    assert_eq!(number(&raw, "SELECT count(*) FROM accounts WHERE state = 'ACTIVE'").await, 2);
}

async fn a_newer_schema_is_left_alone(db: TestDatabase) {
    let world = World::new(db).await;
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)";
    world.raw().await.execute_unprepared(newer).await.unwrap();
    assert_eq!(world.store.schema_state().await.unwrap(), SchemaState::Ahead);
    world.store.migrate().await.unwrap();
}
