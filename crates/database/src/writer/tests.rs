use std::{fs, path::PathBuf, time::Duration};

use countersign_testkit::TestDatabase;
use sea_orm::{ConnectOptions, Database};

use super::*;
use crate::{is_file_fault, sqlite, told};

const ADD: &str = "INSERT INTO t VALUES (1)";

/// An open database with a table, and where its file is.
async fn opened() -> (TestDatabase, Writer, PathBuf) {
    let database = TestDatabase::sqlite();
    let mut options = ConnectOptions::new(database.url());
    options.max_connections(1).sqlx_logging(false);
    sqlite(&mut options, Duration::from_secs(5));
    let writer = Writer::new(Database::connect(options).await.unwrap()).await.unwrap();
    writer.execute_unprepared("CREATE TABLE t (a)").await.unwrap();
    let path = database.url().trim_start_matches("sqlite://").split('?').next().unwrap().into();
    (database, writer, path)
}

fn log_of(path: &std::path::Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

async fn begin_and_add(writer: &Writer) -> Result<(), DbErr> {
    let writing = writer.begin().await?;
    writing.execute_unprepared(ADD).await?;
    writing.commit().await
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(done: Result<T, DbErr>, says: &str) {
    let error = done.unwrap_err();
    assert!(is_file_fault(&error) && told(&error).contains(says), "{error:?}");
}

/// Proves SEC-12: what went into a file that nobody will find again is not told as done, and nothing more goes into it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_in_a_file_that_is_gone() {
    let (_database, writer, path) = opened().await;
    begin_and_add(&writer).await.unwrap();
    let away = path.with_extension("away");
    for file in [path.clone(), log_of(&path)] {
        let writing = writer.begin().await.unwrap();
        writing.execute_unprepared(ADD).await.unwrap();
        fs::rename(&file, &away).unwrap();
        assert_refused(writing.commit().await, "was deleted");
        assert_refused(begin_and_add(&writer).await, "was deleted");
        assert_refused(writer.execute_unprepared(ADD).await, "was deleted");
        assert_refused(writer.look().await, file.to_str().unwrap());
        assert!(!file.exists(), "another file was made in its place");

        fs::copy(&away, &file).unwrap();
        assert_refused(begin_and_add(&writer).await, "was replaced");
        assert_refused(writer.look().await, "was replaced");

        fs::rename(&away, &file).unwrap();
        writer.look().await.unwrap();
        begin_and_add(&writer).await.unwrap();
    }
}

/// A look finds out by itself that a disk is full, since some of them write: a page each, and what it holds stays as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_looks_write() {
    let (_database, writer, path) = opened().await;
    writer.execute_unprepared("PRAGMA user_version = 7").await.unwrap();
    let size = || fs::metadata(log_of(&path)).unwrap().len();
    let before = size();
    for _ in 0..10 {
        writer.look().await.unwrap();
    }
    assert_eq!(size() - before, 2 * (24 + 4096), "a page and its header, twice");
    let version = writer.query_one_raw(plain(&writer, "PRAGMA user_version")).await.unwrap().unwrap();
    assert_eq!(version.try_get_by_index::<i32>(0).unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_memory_has_no_file() {
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1).sqlx_logging(false);
    let writer = Writer::new(Database::connect(options).await.unwrap()).await.unwrap();
    writer.execute_unprepared("CREATE TABLE t (a)").await.unwrap();
    begin_and_add(&writer).await.unwrap();
    writer.look().await.unwrap();
}
