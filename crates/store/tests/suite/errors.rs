//! Failures are told apart by what the caller does about them.

use std::{error::Error, time::Duration};

use countersign_store::{About, Store, StoreConfig, StoreError};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::ConnectionTrait;

use crate::support::*;

both_databases! { corruption_names_the_row, a_missing_schema_is_no_outage }

async fn corruption_names_the_row(db: TestDatabase) {
    let world = World::new(db).await;
    let resource = world.registered().await;
    world.raw().await.execute_unprepared("UPDATE resources SET variants = 'secret'").await.unwrap();
    let about = About::Resource(resource.id);
    let error = world.store.snapshot(world.account.id, None, &about, &[], None).await.unwrap_err();
    assert!(!error.is_transient());
    let cause = error.source().unwrap();
    let row =
        format!("resources.variants of row {}/{} is no JSON array of strings", world.account.id, resource.id);
    assert_eq!(cause.to_string(), row);
    assert!(cause.source().is_some());
}

async fn a_missing_schema_is_no_outage(db: TestDatabase) {
    let store = connect(&db).await;
    let error = store.snapshot(account().id, None, &About::Nothing, &[], None).await.unwrap_err();
    assert!(matches!(error, StoreError::Query { what: "read a snapshot", .. }), "{error:?}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn another_database_is_refused_without_repeating_its_password() {
    let config = StoreConfig::new("mysql://root:hunter2@localhost/db");
    assert!(!format!("{config:?}").contains("hunter2"));
    let error = Store::connect(&config).await.unwrap_err();
    assert!(matches!(error, StoreError::UnknownDatabase));
}

/// Overload is not breakage: it has an error of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pool_is_told_apart() {
    let world = World::new(TestDatabase::postgres().await).await;
    world.registered().await;
    let config = StoreConfig {
        max_connections: 1,
        acquire_timeout: Duration::from_millis(50),
        ..StoreConfig::new(world.db.url())
    };
    let store = Store::connect(&config).await.unwrap();
    let publish = async |_| {
        let error = store.snapshot(world.account.id, None, &About::Nothing, &[], None).await.unwrap_err();
        assert!(matches!(error, StoreError::PoolTimeout { what: "read a snapshot" }), "{error:?}");
        assert!(error.is_transient());
        vec![true]
    };
    store.relay(1, publish).await.unwrap();
    store.ping().await.unwrap();
}

/// A database that ends its sessions costs an error that says so, and then goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_replaced() {
    let world = World::new(TestDatabase::postgres().await).await;
    let config = StoreConfig {
        max_connections: 1,
        application_name: "to-be-lost".to_owned(),
        ..StoreConfig::new(world.db.url())
    };
    let store = Store::connect(&config).await.unwrap();
    let read = async || store.snapshot(world.account.id, None, &About::Nothing, &[], None).await;
    read().await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND application_name = 'to-be-lost'";
    world.raw().await.execute_unprepared(end).await.unwrap();
    if let Err(error) = read().await {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(error.is_transient());
    }
    assert!(read().await.unwrap().is_some());
}
