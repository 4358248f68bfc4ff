//! An account to watch, and a reader of its streams.

use std::{collections::HashMap, sync::Arc, time::Duration};

use countersign_domain::{
    Account, AccountState, Area, MemberId, MemberState, Policy, RulesWrite, SystemRole, account::Feature,
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
    sealing::SealingKeys,
};
use countersign_store::{AccountCreation, Committed, RulesCommit, Store, StoreConfig};
use countersign_testkit::TestDatabase;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    grpc::{Edge, watch::ChangeStream},
    road::{Call, Road},
    watch::Watches,
};

/// Long enough for anything on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const START_US: i64 = 1_900_000_000_000_000;

pub(crate) struct World {
    pub(crate) edges: [Edge; 2],
    pub(crate) clock: ManualClock,
    pub(crate) account: Account,
    admin: MemberId,
    pub(crate) creator: MemberId,
    pub(crate) db: TestDatabase,
}

pub(crate) fn member(account: &Account, role: SystemRole) -> countersign_domain::Member {
    countersign_domain::Member {
        account_id: account.id,
        id: MemberId(ids::new_id()),
        email: format!("{}@acme.example", role.as_str()),
        display_name: role.as_str().to_owned(),
        locale: "en".into(),
        time_zone: None,
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
            time_zone: None,
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
    pub(crate) async fn write(&self, replica: usize, write: RulesWrite) {
        let road = &self.edges[replica].road;
        let call = Call { actor: Some(self.admin), ..Call::of_countersign(self.account.id) };
        let snapshot = road.snapshot(&call, &countersign_store::About::Nothing, &[]).await.unwrap();
        let commit = RulesCommit {
            account_id: self.account.id,
            rules_version: snapshot.account.rules_version,
            record: countersign_store::Record {
                by: countersign_domain::ActorRef::countersign(),
                at: road.now(),
                changes: vec![],
            },
            writes: vec![write],
            concerned: None,
            settled: vec![],
            sweep: false,
            outbox: vec![],
            only_without_pending: None,
            posted: vec![],
            leaves_the_rules: false,
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
    pub(crate) async fn submit_for(&self, replica: usize, kind: &str, countries: &[&str]) -> String {
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

    pub(crate) async fn ask(&self, replica: usize, resource: &str, kind: &str) -> String {
        let perform = api::PerformActionRequest {
            account_id: self.account.id.to_string(),
            resource_id: resource.into(),
            action: if kind == "ab_test" { "START".into() } else { "PUBLISH".into() },
            ..Default::default()
        };
        let asked = self.edges[replica].perform_action(self.by(self.creator, perform)).await.unwrap();
        asked.into_inner().approval_request.unwrap().approval_request_id
    }

    pub(crate) async fn reject(&self, replica: usize, id: &str) {
        let reject = api::RejectRequest {
            account_id: self.account.id.to_string(),
            approval_request_id: id.into(),
            ..Default::default()
        };
        self.edges[replica].reject(self.by(self.admin, reject)).await.unwrap();
    }

    /// The newest position.
    pub(crate) async fn head(&self) -> i64 {
        self.edges[0].road.store.feed_head(self.account.id).await.unwrap()
    }

    pub(crate) fn watching(&self) -> api::WatchApprovalRequestsRequest {
        api::WatchApprovalRequestsRequest { account_id: self.account.id.to_string(), ..Default::default() }
    }

    pub(crate) async fn watch(
        &self,
        replica: usize,
        asked: api::WatchApprovalRequestsRequest,
    ) -> Result<Watching, Status> {
        self.watch_as(replica, self.admin, asked).await
    }

    pub(crate) async fn watch_as(
        &self,
        replica: usize,
        member: MemberId,
        asked: api::WatchApprovalRequestsRequest,
    ) -> Result<Watching, Status> {
        let stream = self.edges[replica].watch_approval_requests(self.by(member, asked)).await?.into_inner();
        Ok(Watching { stream })
    }
}

pub(crate) fn edge(store: Store, clock: &ManualClock) -> Edge {
    let ending = CancellationToken::new();
    let road = Road {
        watches: Watches::new(store.clone(), ending.clone()),
        store,
        clock: clock.clock(),
        committed: Arc::default(),
        unsettled: Arc::default(),
        metrics: Arc::default(),
    };
    Edge {
        road,
        authenticator: Authenticator::None,
        pages: PageTokens::new(SealingKeys::kept(&[7; 32]).unwrap()),
        ending,
    }
}

/// A stream that is read.
pub(crate) struct Watching {
    stream: ChangeStream,
}

impl Watching {
    pub(crate) async fn next(&mut self) -> Option<Result<api::WatchApprovalRequestsResponse, Status>> {
        timeout(PATIENCE, self.stream.next()).await.expect("nothing comes")
    }

    /// The next cursor, and the change that came with it.
    pub(crate) async fn message(&mut self) -> (String, Option<api::ApprovalRequestChange>) {
        let message = self.next().await.expect("a message").unwrap();
        match message.message.unwrap() {
            Message::Heartbeat(_) => (message.cursor, None),
            Message::Change(change) => (message.cursor, Some(change)),
        }
    }

    /// The next change, whatever heartbeats come before.
    pub(crate) async fn change(&mut self) -> (String, api::ApprovalRequestChange) {
        loop {
            if let (cursor, Some(change)) = self.message().await {
                return (cursor, change);
            }
        }
    }

    /// What ends it.
    pub(crate) async fn end(&mut self) -> Option<Status> {
        loop {
            match self.next().await {
                Some(Ok(_)) => {}
                Some(Err(status)) => return Some(status),
                None => return None,
            }
        }
    }
}

pub(crate) fn name(change: &api::ApprovalRequestChange) -> (String, String, i64) {
    let entry = change.entry.as_ref().unwrap();
    (entry.approval_request_id.clone(), entry.event.clone(), entry.sequence)
}

pub(crate) fn reason(status: &Status) -> (Code, ErrorReason, HashMap<String, String>) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)).unwrap();
    (status.code(), reason, info.metadata.clone())
}
