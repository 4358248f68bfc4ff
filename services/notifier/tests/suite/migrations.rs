//! A database of an earlier version goes on with what it holds.

use countersign_notifier::storage::{Filter, Migrator};
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::{ConnectionTrait as _, Statement, Value};
use sea_orm_migration::MigratorTrait as _;
use uuid::Uuid;

use crate::support::{
    ACCOUNT, ADA, RESOURCE, Running, about, approver, everything, request, review, reviewer,
};

both_databases! { ribbons_of_the_version_before_go_on }

/// Ribbons that were made before there were reviews are about requests, and reviews stand beside them.
async fn ribbons_of_the_version_before_go_on(db: TestDatabase) {
    let database = sea_orm::Database::connect(db.url()).await.unwrap();
    Migrator::up(&database, Some(3)).await.unwrap();
    let insert = "INSERT INTO ribbons (account_id, ribbon_id, viewer_id, resource_id, resource_kind, resource_title, \
         approval_request_id, kind, action, request_state, actor_name, expiry_reason, note, created_at) \
         VALUES ($1, $2, $3, $4, 'campaign', 'Spring sale', $5, 1, 'LAUNCH', 1, 'Lena', '', '', 1)";
    let values: [Value; 5] =
        [ACCOUNT.into(), Uuid::from_u128(1).into(), ADA.into(), RESOURCE.into(), request(1).into()];
    let insert = Statement::from_sql_and_values(database.get_database_backend(), insert, values);
    database.execute_raw(insert).await.unwrap();
    database.close().await.unwrap();

    let running = Running::silent(&db).await;
    let ribbons = running.page(ADA, &everything(), Filter::default()).await;
    assert_eq!((ribbons.len(), ribbons[0].review_id), (1, Uuid::nil()));
    running.take(&review("bypassed", 1, vec![reviewer(ADA)])).await;
    assert_eq!(running.ribbons(ADA).await.len(), 2);
    running.take(&about("submitted", 2, 2, vec![approver(ADA)])).await;
    let seen: Vec<_> = running.sees(ADA).await.into_iter().map(|(_, request)| request).collect();
    assert!(seen.len() == 2 && seen.contains(&request(2)) && seen.contains(&Uuid::nil()), "{seen:?}");
    running.stop().await;
}
