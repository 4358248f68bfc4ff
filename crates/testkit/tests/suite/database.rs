use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::{ConnectionTrait, Database, Statement};

both_databases! { it_is_empty_and_takes_tables }

async fn it_is_empty_and_takes_tables(db: TestDatabase) {
    let connection = Database::connect(db.url()).await.expect("a connection");
    connection.execute_unprepared("CREATE TABLE notes (id INTEGER PRIMARY KEY)").await.expect("a table");
    let inserted = connection.execute_unprepared("INSERT INTO notes VALUES (1)").await.expect("a row");
    assert_eq!(inserted.rows_affected(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_on_the_server_even_with_a_connection_open() {
    let watcher = TestDatabase::postgres().await;
    let db = TestDatabase::postgres().await;
    let name = db.url().rsplit('/').next().expect("a name").to_owned();
    let _in_use = Database::connect(db.url()).await.expect("a connection");

    let server = Database::connect(watcher.url()).await.expect("a connection");
    let exists = async || {
        let query = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
        let rows = server.query_all_raw(Statement::from_string(server.get_database_backend(), query)).await;
        !rows.expect("the list of databases").is_empty()
    };
    assert!(exists().await);
    drop(db);
    assert!(!exists().await);
}

#[test]
fn the_file_goes_with_the_value() {
    let db = TestDatabase::sqlite();
    let path = db.url().trim_start_matches("sqlite://").split('?').next().expect("a path").to_owned();
    std::fs::write(&path, "").expect("a file");
    drop(db);
    assert!(!std::path::Path::new(&path).exists());
}
