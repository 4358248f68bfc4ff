//! Who sees what: ACC-9, ACC-12 and ACC-16 as far as ribbons go, and NOT-12 for those who lost the right to decide.

use std::time::Duration;

use countersign_broker::Event;
use countersign_proto::event::MemberAccess;
use countersign_proto::inbox::{
    Counts, GetCountsRequest, ListRibbonsRequest, MarkRequest, Ribbon, RibbonKind, RibbonMark, WatchRequest,
};
use countersign_testkit::{TestDatabase, both_databases};
use serde_json::json;
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::inbox::{Client, by, list, serve};
use crate::support::{
    ACCOUNT, ADA, BO, LENA, NOON, Running, ZOE, about, access_event, approver, may_all, submitter,
};

both_databases! {
    whoever_has_no_access_is_refused_everything,
    a_stream_ends_when_access_is_lost,
    another_replicas_stream_ends_too,
    every_order_of_arrival_leaves_the_newest_access,
    only_readable_kinds_are_shown,
    who_lost_the_right_to_decide_is_not_asked,
    a_scope_shows_what_lies_inside,
    pages_of_a_scope_hold_every_ribbon_once,
    many_kinds_are_one_list,
}

fn account() -> String {
    ACCOUNT.to_string()
}

async fn counts(client: &mut Client, member: Uuid) -> Result<Counts, Status> {
    let request = by(member, GetCountsRequest { account_id: account() });
    Ok(client.get_counts(request).await?.into_inner().counts.unwrap())
}

async fn ribbons(client: &mut Client, member: Uuid, kind: RibbonKind) -> Vec<Ribbon> {
    let request = ListRibbonsRequest { kind: kind.into(), ..list() };
    client.list_ribbons(by(member, request)).await.unwrap().into_inner().ribbons
}

fn marking(ribbons: &[&Ribbon]) -> MarkRequest {
    MarkRequest {
        account_id: account(),
        ribbon_ids: ribbons.iter().map(|ribbon| ribbon.ribbon_id.clone()).collect(),
        mark: RibbonMark::Seen.into(),
    }
}

/// A submission about another resource, of another kind and audience.
fn submission(number: u128, kind: &str, audience: &[(&str, &[&str])]) -> Event {
    let mut event = about("submitted", number, 0, vec![approver(ADA)]);
    event.time_us = NOON + i64::try_from(number).unwrap();
    let resource = &mut event.data["request"]["resource"];
    resource["resourceId"] = Uuid::from_u128(number).to_string().into();
    resource["kind"] = kind.into();
    for (property, values) in audience {
        resource["audience"][property] = json!({"values": values});
    }
    event
}

pub fn revoked(member: Uuid) -> MemberAccess {
    MemberAccess { member_id: member.to_string(), ..Default::default() }
}

fn reader(member: Uuid, kinds: &[&str]) -> MemberAccess {
    let readable_kinds = kinds.iter().map(ToString::to_string).collect();
    MemberAccess { readable_kinds, approvable_kinds: Vec::new(), ..may_all(member) }
}

fn scoped(member: Uuid, property: &str, values: &[&str]) -> MemberAccess {
    let scope_values = values.iter().map(ToString::to_string).collect();
    MemberAccess { scope_property: property.to_owned(), scope_values, ..may_all(member) }
}

fn assert_refused(status: &Status) {
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(status.message(), "the caller may not act in this account");
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "PERMISSION_DENIED");
}

/// Proves ACC-9 and ACC-16: unknown and revoked are the same refusal, and come before anything else about the call.
async fn whoever_has_no_access_is_refused_everything(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, ZOE]).await;
    let mut client = serve(&running).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    assert_eq!(counts(&mut client, ADA).await.unwrap().decide, 1);
    running.take(&access_event(2, vec![revoked(ADA)])).await;
    for member in [ADA, Uuid::from_u128(0x5747)] {
        assert_refused(&counts(&mut client, member).await.unwrap_err());
        let bad = ListRibbonsRequest { page_size: -1, ..list() };
        assert_refused(&client.list_ribbons(by(member, bad)).await.unwrap_err());
        assert_refused(&client.mark(by(member, marking(&[]))).await.unwrap_err());
        let watch = WatchRequest { account_id: account(), ..Default::default() };
        assert_refused(&client.watch(by(member, watch)).await.unwrap_err());
    }
    assert_eq!(counts(&mut client, ZOE).await.unwrap().awaiting, 1, "nobody else lost anything");
    running.take(&access_event(3, vec![may_all(ADA)])).await;
    assert_eq!(counts(&mut client, ADA).await.unwrap().decide, 1, "back again");
    running.stop().await;
}

async fn watching(
    running: &Running,
    member: Uuid,
) -> tonic::Streaming<countersign_proto::inbox::WatchResponse> {
    let mut client = serve(running).await;
    let request = by(member, WatchRequest { account_id: account(), ..Default::default() });
    let mut stream = client.watch(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    stream
}

/// Proves ACC-9.
async fn a_stream_ends_when_access_is_lost(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA]).await;
    let mut stream = watching(&running, ADA).await;
    running.take(&access_event(2, vec![revoked(ADA)])).await;
    let end = timeout(Duration::from_secs(20), stream.message()).await.unwrap();
    assert_refused(&end.unwrap_err());
    running.stop().await;
}

/// Proves ACC-9: at the latest with the next look.
async fn another_replicas_stream_ends_too(db: TestDatabase) {
    let (one, two) = (Running::silent(&db).await, Running::silent(&db).await);
    one.admit(&[ADA]).await;
    let mut stream = watching(&one, ADA).await;
    two.take(&access_event(2, vec![revoked(ADA)])).await;
    let end = timeout(Duration::from_secs(20), stream.message()).await.unwrap();
    assert_refused(&end.unwrap_err());
    one.stop().await;
    two.stop().await;
}

/// Proves ACC-9: an older event that comes late lets nobody in again.
async fn every_order_of_arrival_leaves_the_newest_access(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (number, order) in (1..).zip(orders) {
        let (gone, kept) = (Uuid::from_u128(number * 2), Uuid::from_u128(number * 2 + 1));
        // One change of many members comes in events of one sequence.
        let events = [
            access_event(7, vec![reader(gone, &["campaign", "ab_test"]), may_all(kept)]),
            access_event(8, vec![revoked(gone)]),
            access_event(8, vec![reader(kept, &["ab_test"])]),
        ];
        for index in order.into_iter().chain(order) {
            running.take(&events[index]).await;
        }
        let storage = running.notifier.storage();
        assert_eq!(storage.access(ACCOUNT, gone).await.unwrap(), None, "{order:?}");
        let access = storage.access(ACCOUNT, kept).await.unwrap().unwrap();
        assert!(access.reads("ab_test") && !access.reads("campaign"), "{order:?}: {access:?}");
        // The same again, as another event.
        running.take(&access_event(8, vec![reader(kept, &["ab_test"])])).await;
        assert_eq!(storage.access(ACCOUNT, kept).await.unwrap(), Some(access), "{order:?}");
    }
    assert_eq!(
        running.notifier.storage().access(Uuid::from_u128(0xbad), Uuid::from_u128(3)).await.unwrap(),
        None
    );
    assert_eq!(running.notifier.storage().backlog().await.unwrap().queued, 0, "nobody is told");
    running.stop().await;
}

async fn only_readable_kinds_are_shown(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&access_event(1, vec![reader(ZOE, &["campaign"]), reader(BO, &[])])).await;
    let mut client = serve(&running).await;
    running.take(&submission(1, "campaign", &[])).await;
    running.take(&submission(2, "ab_test", &[])).await;
    let seen = ribbons(&mut client, ZOE, RibbonKind::Unspecified).await;
    assert_eq!(seen.iter().map(|r| r.resource_kind.as_str()).collect::<Vec<_>>(), ["campaign"]);
    assert_eq!(
        counts(&mut client, ZOE).await.unwrap(),
        Counts { awaiting: 1, unseen: 1, ..Counts::default() }
    );
    assert!(
        ribbons(&mut client, BO, RibbonKind::Unspecified).await.is_empty(),
        "who reads nothing sees nothing"
    );
    assert_eq!(counts(&mut client, BO).await.unwrap(), Counts::default());
    running.take(&access_event(2, vec![reader(ZOE, &["campaign", "ab_test"])])).await;
    let both = ribbons(&mut client, ZOE, RibbonKind::Unspecified).await;
    assert_eq!(both.iter().map(|r| r.resource_kind.as_str()).collect::<Vec<_>>(), ["ab_test", "campaign"]);
    // What can't be seen can't be marked.
    running.take(&access_event(3, vec![reader(ZOE, &["ab_test"])])).await;
    let marked = client.mark(by(ZOE, marking(&[&both[0], &both[1]]))).await.unwrap().into_inner().marked;
    assert_eq!(marked, 1);
    running.stop().await;
}

/// Proves NOT-12 with ACC-9: a ribbon asks nobody for a decision that they can't make.
async fn who_lost_the_right_to_decide_is_not_asked(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.admit(&[ADA, LENA]).await;
    let mut client = serve(&running).await;
    running.take(&about("submitted", 1, 0, vec![approver(ADA)])).await;
    assert_eq!(ribbons(&mut client, ADA, RibbonKind::Decide).await.len(), 1);
    running.take(&access_event(2, vec![reader(ADA, &["campaign"])])).await;
    assert!(ribbons(&mut client, ADA, RibbonKind::Decide).await.is_empty());
    for filter in [RibbonKind::Awaiting, RibbonKind::Unspecified] {
        let shown = ribbons(&mut client, ADA, filter).await.remove(0);
        assert_eq!(shown.kind(), RibbonKind::Awaiting);
        assert_eq!(shown.text, "Awaiting approval: Lena Weber asked to launch “Spring sale”");
    }
    let expected = Counts { awaiting: 1, unseen: 1, ..Counts::default() };
    assert_eq!(counts(&mut client, ADA).await.unwrap(), expected);
    let shown = ribbons(&mut client, ADA, RibbonKind::Unspecified).await;
    assert_eq!(client.mark(by(ADA, marking(&[&shown[0]]))).await.unwrap().into_inner().marked, 1);
    assert_eq!(counts(&mut client, ADA).await.unwrap().unseen, 0);
    // A result is no question.
    running.take(&about("approved", 1, 1, vec![submitter(LENA)])).await;
    running.take(&access_event(3, vec![reader(LENA, &["campaign"])])).await;
    assert_eq!(ribbons(&mut client, LENA, RibbonKind::Result).await.len(), 1);
    running.take(&access_event(4, vec![may_all(ADA)])).await;
    running.take(&about("submitted", 2, 2, vec![approver(ADA)])).await;
    assert_eq!(ribbons(&mut client, ADA, RibbonKind::Decide).await.len(), 1, "given back");
    running.stop().await;
}

/// Proves ACC-12.
async fn a_scope_shows_what_lies_inside(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let members = [ADA, ZOE].map(|member| scoped(member, "Country", &["US", "CA"]));
    running.take(&access_event(1, [members.to_vec(), vec![may_all(LENA)]].concat())).await;
    let mut client = serve(&running).await;
    for (number, audience) in (1..).zip([
        &[("Country", &["US"] as &[&str])] as &[(&str, &[&str])],
        &[("Country", &["CA", "US"]), ("Language", &["en"])],
        &[("Country", &["US", "MX"])],
        &[("Country", &[])],
        &[("Language", &["US"])],
        &[],
    ]) {
        running.take(&submission(number, "campaign", audience)).await;
    }
    let everything = ribbons(&mut client, LENA, RibbonKind::Unspecified).await;
    assert_eq!(everything.len(), 6);
    for (member, kind) in [(ADA, RibbonKind::Decide), (ZOE, RibbonKind::Awaiting)] {
        let seen = ribbons(&mut client, member, kind).await;
        let resources: Vec<String> = seen.iter().map(|ribbon| ribbon.resource_id.clone()).collect();
        assert_eq!(resources, [2, 1].map(|number| Uuid::from_u128(number).to_string()), "{kind:?}");
        let now = counts(&mut client, member).await.unwrap();
        assert_eq!((now.decide + now.awaiting, now.unseen), (2, 2));
        for (number, visible) in [(1, 1), (3, 0)] {
            let request = ListRibbonsRequest { resource_id: Uuid::from_u128(number).to_string(), ..list() };
            let found = client.list_ribbons(by(member, request)).await.unwrap().into_inner().ribbons;
            assert_eq!(found.len(), visible);
        }
    }
    // What lies outside can't be marked either.
    let all: Vec<&Ribbon> = everything.iter().collect();
    assert_eq!(client.mark(by(ZOE, marking(&all))).await.unwrap().into_inner().marked, 2);
    assert_eq!(counts(&mut client, ZOE).await.unwrap().unseen, 0);
    assert_eq!(counts(&mut client, LENA).await.unwrap().unseen, 6);
    running.stop().await;
}

/// Proves ACC-12, ACC-16: only the last page is short, whatever lies between what is shown, and none is lost or shown twice.
async fn pages_of_a_scope_hold_every_ribbon_once(db: TestDatabase) {
    let running = Running::silent(&db).await;
    running.take(&access_event(1, vec![scoped(ZOE, "Country", &["US"])])).await;
    let mut client = serve(&running).await;
    // The few that lie inside are far apart.
    for number in 1..=650 {
        let country: &[&str] = if number % 130 == 1 { &["US"] } else { &["MX"] };
        running.take(&submission(number, "campaign", &[("Country", country)])).await;
    }
    for (size, pages) in [(1, 5), (2, 3), (5, 1), (200, 1)] {
        let mut request = ListRibbonsRequest { page_size: size, ..list() };
        let (mut seen, mut turned) = (Vec::new(), 0);
        loop {
            let page = client.list_ribbons(by(ZOE, request.clone())).await.unwrap().into_inner();
            turned += 1;
            let full = usize::try_from(size).unwrap();
            assert!(page.ribbons.len() == full || page.next_page_token.is_empty());
            assert!(!page.ribbons.is_empty() && page.ribbons.len() <= full);
            seen.extend(page.ribbons.into_iter().map(|ribbon| ribbon.resource_id));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let expected: Vec<String> =
            [521, 391, 261, 131, 1].iter().map(|number| Uuid::from_u128(*number).to_string()).collect();
        assert_eq!((seen, turned), (expected, pages), "pages of {size}");
    }
    running.stop().await;
}

/// However many kinds there are, they are one list, newest first, in pages of what was asked for.
async fn many_kinds_are_one_list(db: TestDatabase) {
    let running = Running::silent(&db).await;
    let kinds: Vec<String> = (0..120).map(|number| format!("kind_{number}")).collect();
    let names: Vec<&str> = kinds.iter().map(String::as_str).collect();
    running.take(&access_event(1, vec![reader(ADA, &names)])).await;
    let mut client = serve(&running).await;
    for (number, kind) in (1..).zip(&names) {
        running.take(&submission(number, kind, &[])).await;
    }
    let mut request = ListRibbonsRequest { page_size: 50, ..list() };
    let mut seen = Vec::new();
    for size in [50, 50, 20] {
        let page = client.list_ribbons(by(ADA, request.clone())).await.unwrap().into_inner();
        assert_eq!(page.ribbons.len(), size);
        seen.extend(page.ribbons.into_iter().map(|ribbon| ribbon.resource_kind));
        request.page_token = page.next_page_token;
    }
    assert!(request.page_token.is_empty());
    let expected: Vec<&str> = names.into_iter().rev().collect();
    assert_eq!(seen, expected);
    running.stop().await;
}
