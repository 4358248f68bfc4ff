//! Watching as callers do, in process: two edges to one database, as two replicas have them.

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use countersign_domain::{Component, DataScope, MemberId, Rights, Role, RoleId, RulesWrite, SystemRole};
use countersign_proto::{
    approval::{self as api, watch_approval_requests_response::Message},
    types::ErrorReason,
};
use countersign_runtime::ids;
use countersign_testkit::{TestDatabase, both_databases};
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt as _;

pub(crate) use self::world::World;
use self::world::{PATIENCE, START_US, member, name, reason};
use super::*;

both_databases! {
    each_change_is_told_once_and_in_order,
    a_watcher_sees_what_is_asked_for,
    what_may_not_be_read_is_left_out,
    rights_are_asked_anew,
    a_slow_reader_is_dropped_and_goes_on,
    cursors_are_refused_with_their_reasons,
    a_hub_goes_with_its_last_watcher,
    streams_end_with_the_service,
}

/// Proves REQ-20: while many write on two replicas, a watcher that is cut again and again, at whatever place, and resumed on either
/// replica, sees each change exactly once and those of a request in their order.
async fn each_change_is_told_once_and_in_order(db: TestDatabase) {
    const WRITERS: usize = 6;
    const EACH: usize = 10;
    let world = Arc::new(World::new(db).await);
    let mut watching = world.watch(0, world.watching()).await.unwrap();
    let (mut cursor, begun) = watching.message().await;
    assert_eq!(begun, None, "it begins with a heartbeat");
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let world = Arc::clone(&world);
        writers.spawn(async move {
            for turn in 0..EACH {
                let id = world.submit(writer % 2, "remote_config").await;
                world.reject((writer + turn) % 2, &id).await;
            }
        });
    }
    let expected = 2 * WRITERS * EACH;
    let mut seen: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut total = 0;
    // Cut after 0, 1, 2 … messages: at the beginning, in the middle of a batch, between batches.
    let mut cut_after = (0..7).cycle();
    let mut replica = 0;
    while total < expected {
        for _ in 0..cut_after.next().unwrap() {
            let (at, change) = watching.message().await;
            cursor = at;
            let Some(change) = change else { continue };
            let (request, _, sequence) = name(&change);
            seen.entry(request).or_default().push(sequence);
            total += 1;
            if total == expected {
                break;
            }
        }
        replica = 1 - replica;
        let resumed = api::WatchApprovalRequestsRequest { resume_cursor: cursor.clone(), ..world.watching() };
        watching = world.watch(replica, resumed).await.unwrap();
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(seen.len(), WRITERS * EACH);
    assert!(seen.values().all(|sequences| sequences == &[2, 3]), "{seen:?}");
    // Nothing else comes: the next is what happens next.
    let last = world.submit(0, "remote_config").await;
    assert_eq!(name(&watching.change().await.1), (last, "SUBMITTED".into(), 2));
}

async fn a_watcher_sees_what_is_asked_for(db: TestDatabase) {
    let world = World::new(db).await;
    let mut of_tests = world
        .watch(0, api::WatchApprovalRequestsRequest { kind: "ab_test".into(), ..world.watching() })
        .await
        .unwrap();
    let mut of_campaigns = world
        .watch(0, api::WatchApprovalRequestsRequest { area: "CAMPAIGNS".into(), ..world.watching() })
        .await
        .unwrap();
    let beats = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let mut all = world
        .watch(1, api::WatchApprovalRequestsRequest { heartbeat_interval: beats, ..world.watching() })
        .await
        .unwrap();
    for watching in [&mut of_tests, &mut of_campaigns, &mut all] {
        assert_eq!(watching.message().await.1, None);
    }
    let config = world.submit(0, "remote_config").await;
    let test = world.submit(1, "ab_test").await;
    let (_, change) = of_tests.change().await;
    assert_eq!(name(&change), (test.clone(), "SUBMITTED".into(), 2));
    let request = change.approval_request.unwrap();
    assert_eq!((request.approval_request_id, request.kind.as_str()), (test.clone(), "ab_test"));
    assert!(!change.entry.unwrap().hash.is_empty());
    assert_eq!(name(&all.change().await.1).0, config);
    assert_eq!(name(&all.change().await.1).0, test);
    let (cursor, beat) = all.message().await;
    assert_eq!(beat, None, "then nothing happens");
    // On one resource, from a heartbeat on.
    let (_, resource) = (config.clone(), request.resource_id);
    world.reject(0, &config).await;
    world.reject(0, &test).await;
    let resumed = api::WatchApprovalRequestsRequest {
        resume_cursor: cursor,
        resource_id: resource.clone(),
        ..world.watching()
    };
    let mut of_one = world.watch(0, resumed).await.unwrap();
    assert_eq!(name(&of_one.change().await.1), (test, "REJECTED".into(), 3));
    let again = world.ask(1, &resource, "ab_test").await;
    assert_eq!(name(&of_one.change().await.1), (again, "SUBMITTED".into(), 4));
    let wrong = api::WatchApprovalRequestsRequest {
        area: "ANY".into(),
        kind: "any".into(),
        resource_id: "1".into(),
        heartbeat_interval: Some(prost_types::Duration { seconds: 301, nanos: 0 }),
        ..world.watching()
    };
    let refused = world.watch(0, wrong).await.err().unwrap();
    let fields: BTreeSet<String> = refused
        .get_error_details()
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|it| it.field.clone())
        .collect();
    assert_eq!(fields, ["area", "heartbeat_interval", "kind", "resource_id"].map(str::to_owned).into());
}

/// Proves REQ-20 with ACC-12: a watcher with a data scope is told of what lies inside it, and its cursor passes over the rest.
async fn what_may_not_be_read_is_left_out(db: TestDatabase) {
    let world = World::new(db).await;
    let now = world.edges[0].road.now();
    let component = Component::parse("engagement.product_experiences").unwrap();
    let us = Role {
        account_id: world.account.id,
        id: RoleId(ids::new_id()),
        name: "US".into(),
        accesses: [(component, Rights::READ)].into(),
        scope: Some(DataScope { property: "Country".into(), values: ["US".to_owned()].into() }),
        masks_pii: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let uma = countersign_domain::Member {
        id: MemberId(ids::new_id()),
        email: "uma@acme.example".into(),
        system_role: None,
        roles: vec![us.id],
        ..member(&world.account, SystemRole::Member)
    };
    world.write(0, RulesWrite::InsertRole(us)).await;
    world.write(0, RulesWrite::InsertMember(uma.clone())).await;
    let beats = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let asked = api::WatchApprovalRequestsRequest { heartbeat_interval: beats, ..world.watching() };
    let mut watching = world.watch_as(0, uma.id, asked.clone()).await.unwrap();
    let (begun, _) = watching.message().await;
    world.submit(0, "ab_test").await;
    let inside = world.submit_for(1, "ab_test", &["US"]).await;
    world.submit_for(1, "ab_test", &["US", "MX"]).await;
    assert_eq!(name(&watching.change().await.1).0, inside);
    // Heartbeats go on over what is left out.
    loop {
        let (cursor, change) = watching.message().await;
        assert_eq!(change, None);
        let position =
            |cursor: &str| world.edges[0].pages.open(&["watch", &world.account.id.to_string()], cursor);
        if position(&cursor).unwrap().unwrap().starts_with(&format!("{} ", world.head().await)) {
            break;
        }
    }
    let mut again = world
        .watch_as(1, uma.id, api::WatchApprovalRequestsRequest { resume_cursor: begun, ..asked })
        .await
        .unwrap();
    assert_eq!(name(&again.change().await.1).0, inside);
}

/// Proves REQ-20 with ACC-9: whoever loses access gets nothing more, though nothing happens to requests, and whichever replica took it.
async fn rights_are_asked_anew(db: TestDatabase) {
    let world = World::new(db).await;
    let watching = world.watching();
    let mut watching = world.watch_as(0, world.creator, watching).await.unwrap();
    assert_eq!(watching.message().await.1, None);
    let first = world.submit(0, "remote_config").await;
    assert_eq!(name(&watching.change().await.1).0, first);
    world.revoke_creator(1).await;
    let end = watching.end().await.expect("a reason");
    assert_eq!(reason(&end).1, ErrorReason::PermissionDenied);
    assert_eq!(end.code(), Code::PermissionDenied);
    let refused = world.watch_as(0, world.creator, world.watching()).await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

/// Proves REQ-20: who does not read is dropped, others are not, and who is dropped goes on without loss.
async fn a_slow_reader_is_dropped_and_goes_on(db: TestDatabase) {
    let world = World::new(db).await;
    let mut slow = world.watch(0, world.watching()).await.unwrap();
    let mut quick = world.watch(0, world.watching()).await.unwrap();
    assert_eq!(slow.message().await.1, None);
    assert_eq!(quick.message().await.1, None);
    let mut expected = vec![];
    // Each is a batch of its own: the quick reader has seen it before the next comes.
    while world.edges[0].road.watches.watchers(world.account.id) == 2 {
        let id = world.submit(0, "remote_config").await;
        assert_eq!(name(&quick.change().await.1).0, id);
        expected.push(id);
        assert!(expected.len() < 500, "nobody is dropped");
    }
    assert!(expected.len() > QUEUE, "{}", expected.len());
    for _ in 0..3 {
        let id = world.submit(0, "remote_config").await;
        assert_eq!(name(&quick.change().await.1).0, id);
        expected.push(id);
    }
    let mut seen = vec![];
    let end = loop {
        match slow.next().await.expect("a reason") {
            Ok(message) => {
                if let Some(Message::Change(change)) = message.message {
                    seen.push(name(&change).0);
                }
            }
            Err(status) => break status,
        }
    };
    let (code, why, metadata) = reason(&end);
    assert_eq!((code, why), (Code::ResourceExhausted, ErrorReason::WatcherTooSlow));
    assert!(seen.len() < expected.len());
    let resumed = api::WatchApprovalRequestsRequest {
        resume_cursor: metadata["resume_cursor"].clone(),
        ..world.watching()
    };
    let mut watching = world.watch(1, resumed).await.unwrap();
    while seen.len() < expected.len() {
        seen.push(name(&watching.change().await.1).0);
    }
    assert_eq!(seen, expected);
}

/// Proves REQ-20: a cursor that nothing can be told from is refused, and why.
async fn cursors_are_refused_with_their_reasons(db: TestDatabase) {
    let world = World::new(db).await;
    let mut watching = world.watch(0, world.watching()).await.unwrap();
    let (first, _) = watching.message().await;
    world.submit(0, "remote_config").await;
    let (cursor, _) = watching.change().await;
    let resume = async |cursor: &str| {
        let asked = api::WatchApprovalRequestsRequest { resume_cursor: cursor.into(), ..world.watching() };
        world.watch(1, asked).await.map(|_| ()).map_err(|status| {
            let (code, why, _) = reason(&status);
            (code, why)
        })
    };
    assert_eq!(resume(&first).await, Ok(()));
    assert_eq!(resume(&cursor).await, Ok(()));
    let invalid = Err((Code::InvalidArgument, ErrorReason::CursorInvalid));
    assert_eq!(resume("garbage").await, invalid);
    assert_eq!(resume(&cursor[1..]).await, invalid);
    let pages = &world.edges[0].pages;
    let elsewhere = pages.seal(&["watch", &ids::new_id().to_string()], &format!("1 {START_US}"));
    assert_eq!(resume(&elsewhere).await, invalid);
    let future = pages.seal(&["watch", &world.account.id.to_string()], &format!("1000000 {START_US}"));
    assert_eq!(resume(&future).await, invalid);
    world.clock.advance(CURSOR_AGE);
    assert_eq!(resume(&cursor).await, Ok(()));
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(resume(&cursor).await, Err((Code::OutOfRange, ErrorReason::CursorExpired)));
}

async fn a_hub_goes_with_its_last_watcher(db: TestDatabase) {
    let world = World::new(db).await;
    let watches = world.edges[0].road.watches.clone();
    let mut one = world.watch(0, world.watching()).await.unwrap();
    let mut two = world.watch(0, world.watching()).await.unwrap();
    assert_eq!(one.message().await.1, None);
    assert_eq!(two.message().await.1, None);
    assert_eq!(watches.watchers(world.account.id), 2);
    drop(one);
    let gone = async |left: usize| {
        countersign_testkit::wait_for("watchers to go", PATIENCE, async || {
            (watches.watchers(world.account.id) == left).then_some(())
        })
        .await;
    };
    gone(1).await;
    drop(two);
    gone(0).await;
    assert!(watches.hubs().is_empty());
    // And comes with the next.
    let mut three = world.watch(0, world.watching()).await.unwrap();
    assert_eq!(three.message().await.1, None);
    let id = world.submit(1, "remote_config").await;
    assert_eq!(name(&three.change().await.1).0, id);
}

async fn streams_end_with_the_service(db: TestDatabase) {
    let world = World::new(db).await;
    let mut watching = world.watch(0, world.watching()).await.unwrap();
    assert_eq!(watching.message().await.1, None);
    world.edges[0].ending.cancel();
    assert!(watching.end().await.is_none(), "no error");
    let watches = &world.edges[0].road.watches;
    countersign_testkit::wait_for("the hub's end", PATIENCE, async || {
        watches.hubs().is_empty().then_some(())
    })
    .await;
    assert!(world.db.url().contains(':'));
}
