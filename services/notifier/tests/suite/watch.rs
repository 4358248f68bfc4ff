//! Watch: counts now, and whenever they change.

use std::time::Duration;

use countersign_notifier::storage::Mark;
use countersign_proto::inbox::{Counts, WatchRequest};
use countersign_testkit::{TestDatabase, both_databases};
use tokio::time::timeout;
use tonic::Streaming;
use uuid::Uuid;

use crate::inbox::{by, serve};
use crate::support::{ACCOUNT, ADA, LENA, Running, ZOE, about, approver, submitter};

both_databases! {
    counts_come_at_once_and_when_they_change,
    what_another_replica_changes_is_noticed,
    a_slow_reader_gets_the_newest_counts,
    a_stream_ends_when_the_service_stops,
}

type Counted = Streaming<countersign_proto::inbox::WatchResponse>;

async fn watch(running: &Running, member: Uuid) -> Counted {
    running.admit(&[member]).await;
    let mut client = serve(running).await;
    let request = WatchRequest { account_id: ACCOUNT.to_string() };
    client.watch(by(member, request)).await.unwrap().into_inner()
}

async fn next(stream: &mut Counted) -> Counts {
    let message = timeout(Duration::from_secs(20), stream.message()).await.unwrap();
    message.unwrap().unwrap().counts.unwrap()
}

/// Proves NOT-12: a stream can be held open.
async fn counts_come_at_once_and_when_they_change(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let mut stream = watch(&running, ADA).await;
    assert_eq!(next(&mut stream).await, Counts::default());
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    assert_eq!(next(&mut stream).await, Counts { decide: 1, unseen: 1, ..Counts::default() });
    let ribbon = running.ribbons(ADA).await[0].ribbon_id;
    running.mark(ADA, &[ribbon], Mark::Seen).await;
    assert_eq!(next(&mut stream).await, Counts { decide: 1, unseen: 0, ..Counts::default() });
    running.take(&about("approved", 1, 1, vec![submitter(LENA)])).await;
    assert_eq!(next(&mut stream).await, Counts::default());
    running.stop().await;
}

async fn what_another_replica_changes_is_noticed(db: TestDatabase) {
    let (one, two) = (Running::silent(&db).await, Running::silent(&db).await);
    let mut stream = watch(&one, ZOE).await;
    assert_eq!(next(&mut stream).await, Counts::default());
    two.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    assert_eq!(next(&mut stream).await, Counts { awaiting: 1, unseen: 1, ..Counts::default() });
    one.stop().await;
    two.stop().await;
}

async fn a_slow_reader_gets_the_newest_counts(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let mut stream = watch(&running, ADA).await;
    let count = 60;
    for number in 1..=count {
        let mut event = about("submitted", number, 0, vec![approver(ADA)]);
        event.data["request"]["resource"]["resourceId"] = Uuid::from_u128(number).to_string().into();
        running.take(&event).await;
    }
    let mut told = 0;
    let mut last = 0;
    while last < i64::try_from(count).unwrap() {
        let decide = next(&mut stream).await.decide;
        assert!(told == 0 || decide > last, "counts only grow here");
        last = decide;
        told += 1;
    }
    assert!(told < count, "not every count in between");
    running.stop().await;
}

async fn a_stream_ends_when_the_service_stops(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let mut stream = watch(&running, ADA).await;
    next(&mut stream).await;
    running.stop.cancel();
    let end = timeout(Duration::from_secs(20), stream.message()).await.unwrap();
    assert!(matches!(end, Ok(None)), "{end:?}");
    running.stop().await;
}
