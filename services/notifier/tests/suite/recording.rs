//! What becomes of each event that comes in, and the schema that it goes into.

use countersign_broker::Verdict;
use countersign_notifier::migrate;
use countersign_notifier::plan::{Access, Scope};
use countersign_notifier::storage::{Backlog, Filter, Migrator, Storage, StorageError};
use countersign_proto::event::{RecipientReason, RecipientRibbon};
use countersign_proto::inbox::RibbonKind;
use countersign_testkit::{TestDatabase, both_databases};
use sea_orm::{ConnectionTrait as _, DbBackend};
use sea_orm_migration::MigratorTrait as _;
use serde_json::json;
use uuid::Uuid;

use crate::support::{ACCOUNT, ADA, LENA, RESOURCE, Running, about, approver, everything, recipient};

both_databases! {
    an_event_that_comes_again_after_a_crash_changes_nothing,
    what_can_never_be_done_is_dead_lettered,
    what_nobody_is_told_of_is_done,
    a_schema_of_another_version_is_refused,
    migrating_twice_and_at_once_is_harmless,
    what_an_older_version_wrote_survives_the_migration,
    further_recipients_are_mailed_as_the_first,
}

/// Proves NOT-10, NOT-11: who is named in an event beside it gets the mail of what happened, once.
async fn further_recipients_are_mailed_as_the_first(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let first = about("submitted", 1, 0, vec![approver(ADA)]);
    let mut more = about("submitted", 1, 0, vec![approver(LENA)]);
    more.id = Uuid::from_u128(0xfade);
    more.data["continues"] = json!(more.event_type);
    more.event_type = "countersign.recipients.continued.v1".to_owned();
    for event in [&more, &first, &more, &first] {
        running.take(event).await;
    }
    assert_eq!(running.notifier.storage().backlog().await.unwrap().queued, 2);
    // Of what this version has no words for it can't tell anybody.
    let mut unknown = more.clone();
    unknown.id = Uuid::from_u128(0xfadf);
    unknown.data["continues"] = json!("countersign.request.escalated.v1");
    assert!(matches!(running.handle(&unknown).await, Verdict::DeadLetter { .. }));
    running.stop().await;
}

/// Proves NOT-11: the process died after the commit and before the acknowledgement, so the broker gives the event again.
async fn an_event_that_comes_again_after_a_crash_changes_nothing(db: TestDatabase) {
    let submitted = about("submitted", 1, 0, vec![approver(ADA)]);
    let before = Running::silent(&db).await;
    before.take(&submitted).await;
    let ribbons = before.ribbons(ADA).await;
    before.stop().await;

    let after = Running::silent(&db).await;
    after.take(&submitted).await;
    assert_eq!(after.ribbons(ADA).await, ribbons);
    assert_eq!(after.notifier.storage().backlog().await.unwrap().queued, 1);
    after.stop().await;
}

async fn what_can_never_be_done_is_dead_lettered(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let good = about("submitted", 1, 0, vec![approver(ADA)]);
    let mut foreign = good.clone();
    foreign.event_type = "com.example.order.v1".to_owned();
    let mut malformed = good.clone();
    malformed.data = json!({"recipients": "everybody"});
    let mut empty = good.clone();
    empty.data = json!({});
    let mut no_resource = good.clone();
    no_resource.data["request"]["resource"]["resourceId"] = json!("spring-sale");
    let mut no_member = good.clone();
    no_member.data["recipients"][0]["memberId"] = json!("ada@example.com");
    let mut no_words = good.clone();
    no_words.event_type = "countersign.request.escalated.v1".to_owned();
    for (event, expected) in [
        (foreign, "does not begin with"),
        (malformed, "is not a countersign.event.v1.Event"),
        (empty, "has no `request`"),
        (no_resource, "`request.resource.resourceId` is not a UUID"),
        (no_member, "`recipients.memberId` is not a UUID"),
        (no_words, "no words"),
    ] {
        let Verdict::DeadLetter { reason } = running.handle(&event).await else {
            panic!("{event:?} was taken")
        };
        assert!(reason.contains(expected), "{reason}");
        assert!(!reason.contains("ada@") && !reason.contains("spring-sale"), "{reason}");
    }
    running.take(&good).await;
    assert_eq!(running.sees(ADA).await.len(), 1, "and the queue goes on");
    running.stop().await;
}

async fn what_nobody_is_told_of_is_done(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let mut changed = about("submitted", 1, 0, Vec::new());
    changed.event_type = "countersign.resource.changed.v1".to_owned();
    changed.data = json!({"accountName": "Acme", "resource": {"change": "EDITED", "newField": 7}});
    running.take(&changed).await;
    let mut later = changed.clone();
    later.id = Uuid::from_u128(0xfade);
    later.event_type = "countersign.audit.exported.v3".to_owned();
    running.take(&later).await;
    assert_eq!(running.sees(ADA).await, []);
    // A recipient without mail is told by ribbon alone.
    let mut quiet = recipient(LENA, RecipientReason::Submitter, RecipientRibbon::Result);
    quiet.mail = false;
    running.take(&about("approved", 1, 1, vec![quiet])).await;
    assert_eq!(running.notifier.storage().backlog().await.unwrap(), Backlog::default());
    assert_eq!(running.sees(LENA).await.len(), 1);
    running.stop().await;
}

async fn a_schema_of_another_version_is_refused(db: TestDatabase) {
    let storage = Storage::connect(db.url()).await.unwrap();
    let error = storage.check_schema().await.unwrap_err();
    assert!(matches!(error, StorageError::SchemaPending(_)), "{error}");
    assert!(error.to_string().contains("countersign-notifier migrate"), "{error}");
    migrate(db.url()).await.unwrap();
    storage.check_schema().await.unwrap();
    storage.close().await;
}

async fn migrating_twice_and_at_once_is_harmless(db: TestDatabase) {
    let (one, two) = if db.is_postgres() {
        tokio::join!(migrate(db.url()), migrate(db.url()))
    } else {
        (migrate(db.url()).await, migrate(db.url()).await)
    };
    one.and(two).unwrap();
    let storage = Storage::connect(db.url()).await.unwrap();
    storage.check_schema().await.unwrap();
    storage.close().await;
}

/// Proves ACC-12: a ribbon whose audience was not written down lies inside no scope.
async fn what_an_older_version_wrote_survives_the_migration(db: TestDatabase) {
    let old = sea_orm::Database::connect(db.url()).await.unwrap();
    Migrator::up(&old, Some(1)).await.unwrap();
    let id = |number: u128| match old.get_database_backend() {
        DbBackend::Sqlite => format!("x'{}'", Uuid::from_u128(number).simple()),
        _ => format!("'{}'", Uuid::from_u128(number)),
    };
    let (account, resource, everybody) = (id(ACCOUNT.as_u128()), id(RESOURCE.as_u128()), id(0));
    old.execute_unprepared(&format!(
        "INSERT INTO ribbons (account_id, ribbon_id, viewer_id, resource_id, resource_kind, resource_title, \
         approval_request_id, kind, action, request_state, actor_name, expiry_reason, note, created_at) \
         VALUES ({account}, {}, {everybody}, {resource}, 'campaign', 'Spring sale', {}, 2, 'LAUNCH', 1, 'Lena', '', '', 5)",
        id(7),
        id(8)
    ))
    .await
    .unwrap();
    old.close().await.unwrap();

    let running = Running::silent(&db).await;
    assert_eq!(running.sees(ADA).await, [(RibbonKind::Awaiting, Uuid::from_u128(8))]);
    let scope = Scope { property: "Country".to_owned(), values: ["US".to_owned()].into() };
    let scoped = Access { scope: Some(scope), ..everything() };
    assert!(running.page(ADA, &scoped, Filter::default()).await.is_empty());
    running.stop().await;
}
