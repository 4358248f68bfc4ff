//! Watching as callers do, in process: two edges to one database, as two replicas have them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use countersign_domain::{
    Account, AccountState, Area, Component, DataScope, MemberId, MemberState, Policy, Rights, Role, RoleId,
    RulesWrite, SystemRole, account::Feature,
};
use countersign_proto::{
    approval::{
        self as api, approval_service_server::ApprovalService as _,
        resource_service_server::ResourceService as _, watch_approval_requests_response::Message,
    },
    types::ErrorReason,
};
use countersign_runtime::{
    clock::{Clock, ManualClock},
    identity::Authenticator,
    ids,
    page_token::PageTokens,
};
use countersign_store::{AccountCreation, Committed, RulesCommit, StoreConfig};
use countersign_testkit::{TestDatabase, both_databases};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::{
    grpc::{Edge, watch::ChangeStream},
    road::{Call, Road},
};

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

/// Long enough for anything on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const START_US: i64 = 1_900_000_000_000_000;

pub(crate) struct World {
    pub(crate) edges: [Edge; 2],
    clock: ManualClock,
    pub(crate) account: Account,
    admin: MemberId,
    pub(crate) creator: MemberId,
    pub(crate) db: TestDatabase,
}

fn member(account: &Account, role: SystemRole) -> countersign_domain::Member {
    countersign_domain::Member {
        account_id: account.id,
        id: MemberId(ids::new_id()),
        email: format!("{}@acme.example", role.as_str()),
        display_name: role.as_str().to_owned(),
        locale: "en".into(),
        system_role: Some(role),
        roles: vec![],
        approval_right: false,
        state: MemberState::Active,
        version: 1,
        created_at: account.created_at,
    }
}

impl World {
    pub(crate) async fn new(db: TestDatabase) -> Self {
        let clock = Clock::manual(START_US);
        let store = Store::connect(&StoreConfig::new(db.url())).await.unwrap();
        store.migrate().await.unwrap();
        // SQLite's file belongs to one process, whose tasks share its store.
        let other = if db.is_postgres() {
            Store::connect(&StoreConfig::new(db.url())).await.unwrap()
        } else {
            store.clone()
        };
        let edges = [edge(store, &clock), edge(other, &clock)];
        let now = edges[0].road.now();
        let account = Account {
            id: countersign_domain::AccountId(ids::new_id()),
            name: "Acme".into(),
            features: Feature::ALL.into(),
            state: AccountState::Active,
            rules_version: 1,
            created_at: now,
        };
        let (admin, creator) = (member(&account, SystemRole::Admin), member(&account, SystemRole::Creator));
        let on =
            |area| Policy { enabled: true, version: 1, updated_at: Some(now), ..Policy::default_of(area) };
        let creation = AccountCreation {
            account: account.clone(),
            admin: admin.clone(),
            policies: vec![on(Area::CAMPAIGNS), on(Area::PRODUCT_EXPERIENCES)],
            outbox: vec![],
            idempotency: None,
        };
        assert_eq!(edges[0].road.store.create_account(creation).await.unwrap(), Committed::Done);
        let world = Self { edges, clock, account, admin: admin.id, creator: creator.id, db };
        world.write(0, RulesWrite::InsertMember(creator)).await;
        world
    }

    /// A change of the rules, as one of the replicas commits it.
    async fn write(&self, replica: usize, write: RulesWrite) {
        let road = &self.edges[replica].road;
        let call = Call { actor: Some(self.admin), ..Call::of_countersign(self.account.id) };
        let snapshot = road.snapshot(&call, &countersign_store::About::Nothing, &[]).await.unwrap();
        let commit = RulesCommit {
            account_id: self.account.id,
            rules_version: snapshot.account.rules_version,
            writes: vec![write],
            concerned: None,
            settled: vec![],
            sweep: false,
            outbox: vec![],
            only_without_pending: None,
            idempotency: None,
        };
        assert_eq!(road.store.commit_rules(commit).await.unwrap(), Committed::Done);
    }

    /// Takes the creator's access, on one of the replicas.
    pub(crate) async fn revoke_creator(&self, replica: usize) {
        let call = Call { actor: Some(self.creator), ..Call::of_countersign(self.account.id) };
        let about = countersign_store::About::Nothing;
        let creator = self.edges[replica].road.snapshot(&call, &about, &[]).await.unwrap().actor.unwrap();
        let revoked = countersign_domain::Member { state: MemberState::Revoked, version: 2, ..creator };
        self.write(replica, RulesWrite::UpdateMember(revoked)).await;
    }

    pub(crate) fn by<T>(&self, member: MemberId, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("countersign-account", self.account.id.to_string().parse().unwrap());
        metadata.insert("countersign-actor", member.to_string().parse().unwrap());
        request
    }

    /// Registers a resource of `kind` and submits what makes it live; the request's id.
    pub(crate) async fn submit(&self, replica: usize, kind: &str) -> String {
        self.submit_for(replica, kind, &[]).await
    }

    /// As [`submit`](Self::submit), for users in these countries.
    async fn submit_for(&self, replica: usize, kind: &str, countries: &[&str]) -> String {
        let edge = &self.edges[replica];
        let values = api::AudienceValues { values: countries.iter().map(ToString::to_string).collect() };
        let register = api::RegisterResourceRequest {
            account_id: self.account.id.to_string(),
            kind: kind.into(),
            external_id: ids::new_id().to_string(),
            title: "New checkout".into(),
            variants: if kind == "ab_test" { vec!["a".into(), "b".into()] } else { vec![] },
            content: Some(prost_types::Struct::default()),
            audience: if countries.is_empty() { [].into() } else { [("Country".to_owned(), values)].into() },
            ..Default::default()
        };
        let registered = edge.register_resource(self.by(self.creator, register)).await.unwrap().into_inner();
        self.ask(replica, &registered.resource.unwrap().resource_id, kind).await
    }

    async fn ask(&self, replica: usize, resource: &str, kind: &str) -> String {
        let perform = api::PerformActionRequest {
            account_id: self.account.id.to_string(),
            resource_id: resource.into(),
            action: if kind == "ab_test" { "START".into() } else { "PUBLISH".into() },
            ..Default::default()
        };
        let asked = self.edges[replica].perform_action(self.by(self.creator, perform)).await.unwrap();
        asked.into_inner().approval_request.unwrap().approval_request_id
    }

    async fn reject(&self, replica: usize, id: &str) {
        let reject = api::RejectRequest {
            account_id: self.account.id.to_string(),
            approval_request_id: id.into(),
            ..Default::default()
        };
        self.edges[replica].reject(self.by(self.admin, reject)).await.unwrap();
    }

    /// The newest position.
    async fn head(&self) -> i64 {
        self.edges[0].road.store.feed_head(self.account.id).await.unwrap()
    }

    fn watching(&self) -> api::WatchApprovalRequestsRequest {
        api::WatchApprovalRequestsRequest { account_id: self.account.id.to_string(), ..Default::default() }
    }

    async fn watch(
        &self,
        replica: usize,
        asked: api::WatchApprovalRequestsRequest,
    ) -> Result<Watching, Status> {
        self.watch_as(replica, self.admin, asked).await
    }

    async fn watch_as(
        &self,
        replica: usize,
        member: MemberId,
        asked: api::WatchApprovalRequestsRequest,
    ) -> Result<Watching, Status> {
        let stream = self.edges[replica].watch_approval_requests(self.by(member, asked)).await?.into_inner();
        Ok(Watching { stream })
    }
}

fn edge(store: Store, clock: &ManualClock) -> Edge {
    let ending = CancellationToken::new();
    let road = Road {
        watches: Watches::new(store.clone(), ending.clone()),
        store,
        clock: clock.clock(),
        committed: Arc::default(),
        unsettled: Arc::default(),
        metrics: Arc::default(),
    };
    Edge { road, authenticator: Authenticator::None, pages: PageTokens::new("secret"), ending }
}

/// A stream that is read.
struct Watching {
    stream: ChangeStream,
}

impl Watching {
    async fn next(&mut self) -> Option<Result<api::WatchApprovalRequestsResponse, Status>> {
        timeout(PATIENCE, self.stream.next()).await.expect("nothing comes")
    }

    /// The next cursor, and the change that came with it.
    async fn message(&mut self) -> (String, Option<api::ApprovalRequestChange>) {
        let message = self.next().await.expect("a message").unwrap();
        match message.message.unwrap() {
            Message::Heartbeat(_) => (message.cursor, None),
            Message::Change(change) => (message.cursor, Some(change)),
        }
    }

    /// The next change, whatever heartbeats come before.
    async fn change(&mut self) -> (String, api::ApprovalRequestChange) {
        loop {
            if let (cursor, Some(change)) = self.message().await {
                return (cursor, change);
            }
        }
    }

    /// What ends it.
    async fn end(&mut self) -> Option<Status> {
        loop {
            match self.next().await {
                Some(Ok(_)) => {}
                Some(Err(status)) => return Some(status),
                None => return None,
            }
        }
    }
}

fn name(change: &api::ApprovalRequestChange) -> (String, String, i64) {
    let entry = change.entry.as_ref().unwrap();
    (entry.approval_request_id.clone(), entry.event.clone(), entry.sequence)
}

fn reason(status: &Status) -> (Code, ErrorReason, std::collections::HashMap<String, String>) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)).unwrap();
    (status.code(), reason, info.metadata.clone())
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
