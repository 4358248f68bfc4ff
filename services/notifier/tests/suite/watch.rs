//! Watch: counts now, and whenever they change.

use std::time::Duration;

use countersign_notifier::storage::Mark;
use countersign_proto::inbox::{Counts, WatchRequest};
use countersign_runtime::identity::ACTOR;
use countersign_testkit::{TestDatabase, both_databases};
use tokio::time::timeout;
use tonic::{Code, Request, Streaming};
use uuid::Uuid;

use crate::access::revoked;
use crate::inbox::{by, fields, serve};
use crate::support::{ACCOUNT, ADA, LENA, Running, ZOE, about, access_event, approver, submitter};

both_databases! {
    counts_come_at_once_and_when_they_change,
    what_another_replica_changes_is_noticed,
    a_slow_reader_gets_the_newest_counts,
    a_stream_ends_when_the_service_stops,
    one_stream_is_for_several_members,
    who_may_watch_for_whom,
}

type Counted = Streaming<countersign_proto::inbox::WatchResponse>;

async fn watch(running: &Running, member: Uuid) -> Counted {
    running.admit(&[member]).await;
    let mut client = serve(running).await;
    let request = WatchRequest { account_id: ACCOUNT.to_string(), ..Default::default() };
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

/// A call of the platform's operator.
fn for_several(members: &[Uuid]) -> Request<WatchRequest> {
    let member_ids = members.iter().map(Uuid::to_string).collect();
    let mut request = by(ADA, WatchRequest { account_id: ACCOUNT.to_string(), member_ids });
    request.metadata_mut().insert(ACTOR, "platform".parse().unwrap());
    request
}

async fn next_of(stream: &mut Counted) -> (Uuid, Option<Counts>) {
    let message = timeout(Duration::from_secs(20), stream.message()).await.unwrap().unwrap().unwrap();
    (message.member_id.parse().unwrap(), message.counts)
}

/// Proves NOT-12, ACC-16: one stream for several members. Each has their own counts, as far as they have access, and the stream goes on
/// where one has none, or not any more, and when they have it again.
async fn one_stream_is_for_several_members(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA]).await;
    let mut client = serve(&running).await;
    let mut stream = client.watch(for_several(&[ADA, LENA, ZOE])).await.unwrap().into_inner();
    for expected in [(ADA, Some(Counts::default())), (LENA, Some(Counts::default())), (ZOE, None)] {
        assert_eq!(next_of(&mut stream).await, expected);
    }
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    let (asked, told) = (
        Counts { decide: 1, unseen: 1, ..Counts::default() },
        Counts { awaiting: 1, unseen: 1, ..Counts::default() },
    );
    assert_eq!(next_of(&mut stream).await, (ADA, Some(asked)));
    assert_eq!(next_of(&mut stream).await, (LENA, Some(told)));
    running.admit(&[ZOE]).await;
    assert_eq!(next_of(&mut stream).await, (ZOE, Some(told)));
    running.take(&access_event(9, vec![revoked(LENA)])).await;
    assert_eq!(next_of(&mut stream).await, (LENA, None));
    running.stop.cancel();
    let end = timeout(Duration::from_secs(20), stream.message()).await.unwrap();
    assert!(matches!(end, Ok(None)), "{end:?}");
    running.stop().await;
}

/// Proves ACC-16: a member watches for nobody else. What is wrong with a call for several is told all at once.
async fn who_may_watch_for_whom(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA]).await;
    let mut client = serve(&running).await;
    let names = |members: &[Uuid]| WatchRequest {
        account_id: ACCOUNT.to_string(),
        member_ids: members.iter().map(Uuid::to_string).collect(),
    };
    for others in [&[LENA][..], &[ADA, LENA]] {
        assert_eq!(client.watch(by(ADA, names(others))).await.unwrap_err().code(), Code::PermissionDenied);
    }
    assert_eq!(client.watch(by(ZOE, names(&[ZOE]))).await.unwrap_err().code(), Code::PermissionDenied);
    let mut own = client.watch(by(ADA, names(&[ADA]))).await.unwrap().into_inner();
    assert_eq!(next_of(&mut own).await, (ADA, Some(Counts::default())));
    assert_eq!(client.watch(for_several(&[])).await.unwrap_err().code(), Code::PermissionDenied);

    let mut elsewhere = for_several(&[ADA]);
    elsewhere.get_mut().account_id = Uuid::from_u128(0xbad).to_string();
    assert_eq!(client.watch(elsewhere).await.unwrap_err().code(), Code::PermissionDenied);

    let mut bad = for_several(&vec![ADA; 101]);
    bad.get_mut().account_id = "here".to_owned();
    bad.get_mut().member_ids[3] = "she".to_owned();
    bad.get_mut().member_ids[1..100].iter_mut().enumerate().for_each(|(index, id)| {
        if index != 2 && index != 7 {
            *id = Uuid::from_u128(1_000 + index as u128).to_string();
        }
    });
    let violations = fields(&client.watch(bad).await.unwrap_err());
    let expected = [
        ("account_id", "must be a UUID"),
        ("member_ids", "must be 1 to 100 members, are 101"),
        ("member_ids[3]", "must be a UUID"),
        ("member_ids[8]", "is given twice"),
    ];
    assert_eq!(violations, expected.map(|(field, text)| (field.to_owned(), text.to_owned())));
    running.stop().await;
}
