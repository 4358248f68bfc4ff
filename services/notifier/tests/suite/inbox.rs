//! `InboxService` over a real connection.

use countersign_notifier::storage::Storage;
use countersign_proto::DESCRIPTORS;
use countersign_proto::inbox::inbox_service_client::InboxServiceClient;
use countersign_proto::inbox::{
    Counts, GetCountsRequest, ListRibbonsRequest, MarkRequest, Ribbon, RibbonKind, RibbonMark, WatchRequest,
};
use countersign_runtime::calls::CallsLayer;
use countersign_runtime::door::DoorLayer;
use countersign_runtime::grpc;
use countersign_runtime::identity::{ACCOUNT as ACCOUNT_KEY, ACTOR, Authenticator};
use countersign_testkit::{TestDatabase, both_databases};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::support::{ACCOUNT, ADA, LENA, NOON, RESOURCE, Running, ZOE, about, approver, request, submitter};

both_databases! {
    a_ribbon_tells_everything_that_the_page_shows,
    pages_hold_every_ribbon_once,
    marking_and_counting,
    whoever_is_not_the_member_is_refused,
    every_bad_field_is_listed,
    a_page_token_from_elsewhere_is_refused,
    a_database_that_is_away_is_said_to_be,
}

pub type Client = InboxServiceClient<Channel>;

/// Serves `running`'s ribbons until its stop.
pub async fn serve(running: &Running) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = running.notifier.inbox_service(Authenticator::None, running.stop.clone());
    let calls = CallsLayer::new(&mut Registry::default(), &[DESCRIPTORS]).unwrap();
    let door = DoorLayer::new(Authenticator::None, &[DESCRIPTORS]).unwrap();
    let router = grpc::server(grpc::MAX_STREAMS, calls, door).add_service(service);
    tokio::spawn(grpc::serve(router, listener, running.stop.clone()));
    InboxServiceClient::connect(url).await.unwrap()
}

pub fn by<T>(member: Uuid, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(ACCOUNT_KEY, ACCOUNT.to_string().parse().unwrap());
    request.metadata_mut().insert(ACTOR, member.to_string().parse().unwrap());
    request
}

pub fn list() -> ListRibbonsRequest {
    ListRibbonsRequest { account_id: ACCOUNT.to_string(), ..Default::default() }
}

fn counts() -> GetCountsRequest {
    GetCountsRequest { account_id: ACCOUNT.to_string() }
}

async fn ribbons(client: &mut Client, member: Uuid) -> Vec<Ribbon> {
    client.list_ribbons(by(member, list())).await.unwrap().into_inner().ribbons
}

pub fn fields(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "INVALID_FIELDS");
    let violations = &details.bad_request().unwrap().field_violations;
    violations.iter().map(|violation| (violation.field.clone(), violation.description.clone())).collect()
}

/// Proves NOT-12: what a member sees on a resource.
async fn a_ribbon_tells_everything_that_the_page_shows(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA, ZOE]).await;
    let mut client = serve(&running).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    let ribbon = ribbons(&mut client, ADA).await.remove(0);
    let expected = Ribbon {
        ribbon_id: ribbon.ribbon_id.clone(),
        resource_id: RESOURCE.to_string(),
        resource_kind: "campaign".to_owned(),
        resource_title: "Spring sale".to_owned(),
        approval_request_id: request(1).to_string(),
        kind: RibbonKind::Decide.into(),
        action: "LAUNCH".to_owned(),
        request_state: "PENDING".to_owned(),
        text: "Lena Weber asks for approval to launch “Spring sale”".to_owned(),
        note: "Please look at the discount.".to_owned(),
        seen: false,
        create_time: Some(prost_types::Timestamp { seconds: NOON / 1_000_000, nanos: 0 }),
        review_url: format!("https://app.example/{ACCOUNT}/review/{}", request(1)),
        review_id: String::new(),
    };
    assert_eq!(ribbon, expected);
    let awaiting = ribbons(&mut client, ZOE).await.remove(0);
    assert_eq!(awaiting.text, "Awaiting approval: Lena Weber asked to launch “Spring sale”");
    running.take(&about("rejected", 1, 1, vec![submitter(LENA)])).await;
    let told = ribbons(&mut client, LENA).await.remove(0);
    assert_eq!((told.kind(), told.request_state.as_str()), (RibbonKind::Result, "REJECTED"));
    assert_eq!(told.text, "Ada Okafor rejected the request to launch “Spring sale”");
    running.stop().await;
}

/// `count` resources that await Ada's decision, two at each moment.
async fn many(running: &Running, count: u128) {
    for number in 1..=count {
        let mut event = about("submitted", number, 0, vec![approver(ADA)]);
        event.time_us = NOON + i64::try_from(number / 2).unwrap();
        event.data["request"]["resource"]["resourceId"] = Uuid::from_u128(number).to_string().into();
        running.take(&event).await;
    }
}

/// AIP-158: small pages, big pages, and both halves of what a member sees.
async fn pages_hold_every_ribbon_once(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA, ZOE]).await;
    let mut client = serve(&running).await;
    many(&running, 230).await;
    for (member, size, pages) in [(ADA, 7, 33), (ZOE, 100, 3), (ADA, 0, 5), (ZOE, 100_000, 2)] {
        let mut request = ListRibbonsRequest { page_size: size, ..list() };
        let mut seen: Vec<Ribbon> = Vec::new();
        let mut turned = 0;
        loop {
            let page = client.list_ribbons(by(member, request.clone())).await.unwrap().into_inner();
            seen.extend(page.ribbons);
            turned += 1;
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(turned, pages, "pages of {size}");
        assert!(seen.is_sorted_by_key(|ribbon| {
            let time = ribbon.create_time.unwrap();
            std::cmp::Reverse((time.seconds, time.nanos))
        }));
        let mut ids: Vec<&str> = seen.iter().map(|ribbon| ribbon.ribbon_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), seen.len()), (230, 230));
    }
    let one = ListRibbonsRequest { resource_id: Uuid::from_u128(5).to_string(), ..list() };
    assert_eq!(client.list_ribbons(by(ZOE, one)).await.unwrap().into_inner().ribbons.len(), 1);
    let decide = ListRibbonsRequest { kind: RibbonKind::Decide.into(), ..list() };
    assert_eq!(client.list_ribbons(by(ZOE, decide.clone())).await.unwrap().into_inner().ribbons.len(), 0);
    assert_eq!(client.list_ribbons(by(ADA, decide)).await.unwrap().into_inner().ribbons.len(), 50);
    running.stop().await;
}

/// Proves NOT-12.
async fn marking_and_counting(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA, ZOE]).await;
    let mut client = serve(&running).await;
    many(&running, 3).await;
    let ids: Vec<String> =
        ribbons(&mut client, ADA).await.into_iter().map(|ribbon| ribbon.ribbon_id).collect();
    let mark = |ids: &[String], mark: RibbonMark| MarkRequest {
        account_id: ACCOUNT.to_string(),
        ribbon_ids: ids.to_vec(),
        mark: mark.into(),
    };
    let gone = vec![ids[0].clone(), ids[0].clone(), Uuid::from_u128(9).to_string()];
    let marked = client.mark(by(ADA, mark(&gone, RibbonMark::Seen))).await.unwrap().into_inner().marked;
    assert_eq!(marked, 1, "those that are gone are passed over");
    client.mark(by(ADA, mark(&ids[1..2], RibbonMark::Dismissed))).await.unwrap();
    let now = client.get_counts(by(ADA, counts())).await.unwrap().into_inner().counts.unwrap();
    assert_eq!(now, Counts { decide: 2, awaiting: 0, results: 0, unseen: 1, reviews: 0 });
    let stranger = client.mark(by(ZOE, mark(&ids, RibbonMark::Dismissed))).await.unwrap().into_inner().marked;
    assert_eq!(stranger, 0, "another's ribbons can't be marked");
    running.stop().await;
}

async fn whoever_is_not_the_member_is_refused(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA, ZOE]).await;
    let mut client = serve(&running).await;
    let refused = async |client: &mut Client, request: Request<GetCountsRequest>| {
        let status = client.get_counts(request).await.unwrap_err();
        let reason = status.get_error_details().error_info().unwrap().reason.clone();
        (status.code(), reason)
    };
    let nobody = refused(&mut client, Request::new(counts())).await;
    assert_eq!(nobody, (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()));
    let other = GetCountsRequest { account_id: Uuid::from_u128(0xbad).to_string() };
    assert_eq!(
        refused(&mut client, by(ADA, other)).await,
        (Code::PermissionDenied, "PERMISSION_DENIED".to_owned())
    );
    let mut platform = by(ADA, counts());
    platform.metadata_mut().insert(ACTOR, "platform".parse().unwrap());
    assert_eq!(
        refused(&mut client, platform).await,
        (Code::PermissionDenied, "PERMISSION_DENIED".to_owned())
    );
    let watch = WatchRequest { account_id: Uuid::from_u128(0xbad).to_string(), ..Default::default() };
    assert_eq!(client.watch(by(ADA, watch)).await.unwrap_err().code(), Code::PermissionDenied);
    running.stop().await;
}

async fn every_bad_field_is_listed(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA, ZOE]).await;
    let mut client = serve(&running).await;
    let bad = ListRibbonsRequest { page_size: -1, resource_id: "spring".to_owned(), kind: 9, ..list() };
    let status = client.list_ribbons(by(ADA, bad)).await.unwrap_err();
    let names: Vec<String> = fields(&status).into_iter().map(|(field, _)| field).collect();
    assert_eq!(names, ["page_size", "resource_id", "kind"]);
    assert_eq!(status.message(), "3 fields are not acceptable");

    let bad = MarkRequest { account_id: ACCOUNT.to_string(), ribbon_ids: vec!["x".to_owned()], mark: 0 };
    let names: Vec<String> =
        fields(&client.mark(by(ADA, bad)).await.unwrap_err()).into_iter().map(|(field, _)| field).collect();
    assert_eq!(names, ["ribbon_ids[0]", "mark"]);
    for count in [0, 101] {
        let ribbon_ids = vec![ADA.to_string(); count];
        let bad = MarkRequest { account_id: ACCOUNT.to_string(), ribbon_ids, mark: RibbonMark::Seen.into() };
        let violations = fields(&client.mark(by(ADA, bad)).await.unwrap_err());
        assert_eq!(violations, [("ribbon_ids".to_owned(), format!("must be 1 to 100 ribbons, are {count}"))]);
    }
    let empty = client.get_counts(by(ADA, GetCountsRequest::default())).await.unwrap_err();
    assert_eq!(fields(&empty), [("account_id".to_owned(), "must be given".to_owned())]);
    running.stop().await;
}

async fn a_page_token_from_elsewhere_is_refused(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA, ZOE]).await;
    let mut client = serve(&running).await;
    many(&running, 3).await;
    let first = ListRibbonsRequest { page_size: 1, ..list() };
    let token = client.list_ribbons(by(ADA, first.clone())).await.unwrap().into_inner().next_page_token;
    let next = ListRibbonsRequest { page_token: token.clone(), ..first.clone() };
    assert_eq!(client.list_ribbons(by(ADA, next.clone())).await.unwrap().into_inner().ribbons.len(), 1);
    let other_filter = ListRibbonsRequest { kind: RibbonKind::Decide.into(), ..next.clone() };
    let made_up = ListRibbonsRequest { page_token: "bm90IGEgdG9rZW4".to_owned(), ..first };
    for (member, request) in [(ZOE, next), (ADA, other_filter), (ADA, made_up)] {
        let status = client.list_ribbons(by(member, request)).await.unwrap_err();
        assert_eq!(fields(&status)[0].0, "page_token");
    }
    running.stop().await;
}

async fn a_database_that_is_away_is_said_to_be(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA, ZOE]).await;
    let mut client = serve(&running).await;
    let storage: &Storage = running.notifier.storage();
    storage.close().await;
    let status = client.get_counts(by(ADA, counts())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.get_error_details().retry_info().is_some());
    let verdict = running.handle(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    assert!(matches!(verdict, countersign_broker::Verdict::Retry { .. }), "{verdict:?}");
    running.stop.cancel();
}
