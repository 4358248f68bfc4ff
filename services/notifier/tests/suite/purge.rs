//! What is told is removed after its time, and nothing else is.

use std::time::Duration;

use countersign_notifier::storage::Backlog;
use countersign_testkit::{Fault, SmtpSink, TestDatabase, both_databases, wait_for};
use sea_orm::ConnectionTrait as _;

use crate::support::{ADA, BO, LENA, Running, about, address, approver, submitter};

both_databases! {
    what_was_sent_long_ago_is_removed,
    batches_are_bounded,
}

const SOON: Duration = Duration::from_secs(20);

/// How many rows there are of `table`, which may say which.
pub async fn rows(db: &TestDatabase, table: &str) -> i64 {
    let database = sea_orm::Database::connect(db.url()).await.unwrap();
    let count = sea_orm::Statement::from_string(
        database.get_database_backend(),
        format!("SELECT count(*) AS total FROM {table}"),
    );
    let row = database.query_one_raw(count).await.unwrap().unwrap();
    database.close().await.unwrap();
    row.try_get("", "total").unwrap()
}

async fn what_was_sent_long_ago_is_removed(db: TestDatabase) {
    let sink = SmtpSink::start().await;
    sink.break_recipient(&address(BO), Fault::RefuseRecipient(550));
    let mut running = Running::to(&db, &sink).await;
    let submitted = about("submitted", 1, 0, vec![approver(ADA)]);
    running.take(&submitted).await;
    running.deliver();
    sink.wait_for_messages(1).await;
    // Given up for one of two, told to nobody, and told later.
    running.take(&about("submitted", 2, 1, vec![approver(ADA), approver(BO)])).await;
    sink.wait_for_messages(2).await;
    running.take(&about("approval_recorded", 2, 2, Vec::new())).await;
    let done = Backlog { failed: 1, ..Backlog::default() };
    wait_for("every mail sent or given up", SOON, async || {
        (running.notifier.storage().backlog().await.unwrap() == done).then_some(())
    })
    .await;
    running.clock.advance(Duration::from_hours(29 * 24));
    running.take(&about("rejected", 2, 3, vec![submitter(LENA)])).await;
    wait_for("the later mail", SOON, async || (sink.messages().len() == 3).then_some(())).await;
    assert_eq!((rows(&db, "events").await, rows(&db, "deliveries").await), (4, 4));
    let storage = running.notifier.storage();
    let day = 24 * 3_600 * 1_000_000;
    assert_eq!(storage.purge(running.clock.now_us() - 30 * day, 100).await.unwrap(), 0, "not a day too soon");
    running.clock.advance(Duration::from_hours(25));
    assert_eq!(storage.purge(running.clock.now_us() - 30 * day, 100).await.unwrap(), 2);
    // Of the one given up the event and both deliveries stay.
    assert_eq!((rows(&db, "events").await, rows(&db, "deliveries").await), (2, 3));
    assert_eq!(running.ribbons(LENA).await.len(), 1, "ribbons stay as long as their story");
    // A copy that comes so late is told by the sequence: no ribbon asks again.
    running.take(&submitted).await;
    assert_eq!(running.sees(ADA).await, []);
    running.stop().await;
}

/// The loop removes all of it, a batch at a time.
async fn batches_are_bounded(db: TestDatabase) {
    let running = Running::silent(&db).await;
    for number in 1..=5 {
        running.take(&about("approval_recorded", number, 0, Vec::new())).await;
    }
    running.clock.advance(Duration::from_hours(31 * 24));
    let storage = running.notifier.storage();
    assert_eq!(storage.purge(running.clock.now_us(), 2).await.unwrap(), 2);
    assert_eq!(rows(&db, "events").await, 3);
    let purging = tokio::spawn(running.notifier.purge(running.stop.clone()));
    wait_for("the rest removed", SOON, async || (rows(&db, "events").await == 0).then_some(())).await;
    running.stop.cancel();
    purging.await.unwrap();
    running.stop().await;
}
