//! A migrated database with an account in it, and outcomes built by hand: these tests are about what is stored, not about
//! what is decided.

use std::collections::BTreeSet;

use countersign_domain::{
    Account, AccountId, AccountState, Action, ActorRef, ApprovalStatus, Area, Assignment, Audience, Content,
    DataScope, EventId, Feature, Invitation, InvitationId, Kind, Lifecycles, Member, MemberId, MemberState,
    Outcome, PendingLabel, Request, RequestId, RequestState, RequestWrite, Resource, ResourceId, Review,
    ReviewId, ReviewWrite, Rights, Role, RoleId, RulesWrite, Schedule, State, SystemRole, Timestamp,
    access::Component,
    history::{HistoryEntry, HistoryEvent},
    invitation::{InvitationState, TokenHash},
    membership::Given,
    outcome::{Event, EventKind},
    request::{Decision, Ending, Verdict},
    resource::Lock,
    timer,
};
use countersign_store::{
    About, AccountCreation, Commit, Committed, HistoryFilter, HistoryItem, HistoryKey, IdempotencyKey,
    IdempotencyRecord, OutboxRow, Page, Record, RulesCommit, Settled, Snapshot, Store, StoreConfig,
};
use countersign_testkit::TestDatabase;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

/// A later time.
pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1_000_000)
}

#[expect(clippy::disallowed_methods, reason = "tests make their own ids")]
pub(crate) fn id() -> Uuid {
    Uuid::now_v7()
}

pub(crate) struct World {
    pub(crate) db: TestDatabase,
    pub(crate) store: Store,
    pub(crate) account: Account,
    pub(crate) admin: Member,
}

impl World {
    pub(crate) async fn new(db: TestDatabase) -> Self {
        let store = connect(&db).await;
        store.migrate().await.unwrap();
        let account = account();
        let admin = member(&account, SystemRole::Admin);
        let creation = AccountCreation {
            account: account.clone(),
            admin: admin.clone(),
            policies: vec![],
            outbox: vec![],
            idempotency: None,
        };
        assert_eq!(store.create_account(creation).await.unwrap(), Committed::Done);
        Self { db, store, account, admin }
    }

    /// A connection beside the store's: to bypass its code.
    pub(crate) async fn raw(&self) -> DatabaseConnection {
        Database::connect(self.db.url()).await.unwrap()
    }

    /// Without the hash of history: outcomes made by hand know nothing of it. `chain.rs` is about it.
    pub(crate) async fn snapshot(&self, about: &About) -> Snapshot {
        let mut snapshot = self.chained(about).await;
        if let Some(resource) = &mut snapshot.resource {
            resource.history_hash = None;
        }
        snapshot
    }

    /// With it.
    pub(crate) async fn chained(&self, about: &About) -> Snapshot {
        self.store.snapshot(self.account.id, None, about, &[], None).await.unwrap().unwrap()
    }

    /// A resource's history, oldest first.
    pub(crate) async fn history(&self, resource: ResourceId) -> Vec<HistoryEntry> {
        let page = self.history_page(&HistoryFilter::Resource(resource), None, 100).await;
        page.items.into_iter().map(|item| item.recorded.entry).collect()
    }

    pub(crate) async fn history_page(
        &self,
        filter: &HistoryFilter,
        after: Option<HistoryKey>,
        limit: u32,
    ) -> Page<HistoryItem> {
        self.store.list_history(self.account.id, filter, after, limit).await.unwrap()
    }

    pub(crate) async fn resource(&self, id: ResourceId) -> Resource {
        self.snapshot(&About::Resource(id)).await.resource.unwrap()
    }

    pub(crate) fn commit(&self, outcome: Outcome) -> Commit {
        Commit {
            account_id: self.account.id,
            rules_version: self.account.rules_version,
            outbox: vec![event_of(&outcome)],
            due_at: timer::due_at(&Lifecycles::default(), &outcome.resource),
            outcome,
            idempotency: None,
        }
    }

    pub(crate) async fn done(&self, outcome: Outcome) {
        let commit = self.commit(outcome);
        assert_eq!(self.store.commit(commit).await.unwrap(), Committed::Done);
    }

    /// A change of the rules as they were created.
    pub(crate) fn change(&self, writes: Vec<RulesWrite>) -> RulesCommit {
        RulesCommit {
            account_id: self.account.id,
            rules_version: self.account.rules_version,
            record: recorded(),
            writes,
            concerned: None,
            settled: vec![],
            sweep: false,
            outbox: vec![],
            only_without_pending: None,
            posted: vec![],
            leaves_the_rules: false,
            idempotency: None,
        }
    }

    /// What becomes of it; the next one is based on it.
    pub(crate) async fn try_change(&mut self, commit: RulesCommit) -> Committed {
        let answer = self.store.commit_rules(commit).await.unwrap();
        self.account.rules_version += i64::from(answer == Committed::Done);
        answer
    }

    pub(crate) async fn changed(&mut self, writes: Vec<RulesWrite>) {
        let commit = self.change(writes);
        assert_eq!(self.try_change(commit).await, Committed::Done);
    }

    /// A member who joins.
    pub(crate) async fn joined(&mut self, member: Member) -> Member {
        self.changed(vec![RulesWrite::InsertMember(member.clone())]).await;
        member
    }

    /// A campaign with a pending request to chosen approvers.
    pub(crate) async fn submitted_to(&self, chosen: &[&Member]) -> (Resource, Request) {
        let resource = self.registered().await;
        let mut request = request(&resource, &self.admin);
        request.assignments = chosen.iter().map(|member| Assignment::new(member.id)).collect();
        let outcome = submission_of(&resource, request.clone());
        self.done(outcome.clone()).await;
        (outcome.resource, request)
    }

    /// A campaign in DRAFT.
    pub(crate) async fn registered(&self) -> Resource {
        let resource = campaign(&self.account, &self.admin);
        self.done(registration(&resource)).await;
        resource
    }

    /// A campaign with a pending request.
    pub(crate) async fn submitted(&self) -> (Resource, Request) {
        let resource = self.registered().await;
        let outcome = submission(&resource, &self.admin);
        let request = outcome.request.as_ref().unwrap().request().clone();
        self.done(outcome.clone()).await;
        (outcome.resource, request)
    }

    pub(crate) fn key(&self) -> IdempotencyKey {
        IdempotencyKey { account_id: self.account.id, actor: self.admin.id.to_string(), key: id() }
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        number(&self.raw().await, &format!("SELECT count(*) FROM {table}")).await
    }
}

pub(crate) async fn connect(db: &TestDatabase) -> Store {
    Store::connect(&StoreConfig::new(db.url())).await.unwrap()
}

pub(crate) async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let select = Statement::from_string(db.get_database_backend(), sql);
    db.query_one_raw(select).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

pub(crate) fn record(key: &IdempotencyKey, response: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        key: key.clone(),
        fingerprint: vec![1, 2, 3],
        response: response.as_bytes().to_vec(),
        created_at: NOW,
    }
}

pub(crate) fn account() -> Account {
    Account {
        id: AccountId(id()),
        name: "Acme".into(),
        features: BTreeSet::from(Feature::ALL),
        state: AccountState::Active,
        time_zone: Some("Europe/Berlin".into()),
        rules_version: 1,
        created_at: NOW,
    }
}

pub(crate) fn member(account: &Account, role: SystemRole) -> Member {
    let id = MemberId(id());
    Member {
        account_id: account.id,
        id,
        email: format!("{}@Example.com", id.0.simple()),
        display_name: "Ada Ångström".into(),
        locale: "en".into(),
        time_zone: Some("America/New_York".into()),
        system_role: Some(role),
        roles: vec![],
        approval_right: false,
        state: MemberState::Active,
        version: 1,
        created_at: NOW,
    }
}

/// A custom role that approves campaigns, of one country.
pub(crate) fn role(account: &Account, name: &str) -> Role {
    Role {
        account_id: account.id,
        id: RoleId(id()),
        name: name.into(),
        accesses: [(Component::CAMPAIGNS, Rights::APPROVE)].into(),
        scope: Some(DataScope {
            property: "Country".into(),
            values: BTreeSet::from(["US".into(), "Ü".into()]),
        }),
        masks_pii: true,
        version: 1,
        created_at: NOW,
        updated_at: after(1),
    }
}

pub(crate) fn invitation(account: &Account, by: &Member, email: &str) -> Invitation {
    let id = InvitationId(id());
    Invitation {
        account_id: account.id,
        id,
        email: email.into(),
        locale: "en".into(),
        given: Given { system_role: Some(SystemRole::Editor), roles: vec![], approval_right: true },
        token: TokenHash::of(&id.to_string()),
        state: InvitationState::Pending,
        invited_by: actor(by),
        created_at: NOW,
        expires_at: after(3_600),
        version: 1,
    }
}

pub(crate) fn content(text: &str, revision: i64) -> Content {
    Content::new(&serde_json::json!({ "b": text, "a": [1, 2.5, null, true, "ü"] }), revision).unwrap()
}

pub(crate) fn campaign(account: &Account, owner: &Member) -> Resource {
    let id = ResourceId(id());
    Resource {
        account_id: account.id,
        id,
        kind: Kind::CAMPAIGN,
        lifecycle_version: 0,
        external_id: format!("campaign-{id}"),
        title: "Spring sale".into(),
        owner: owner.id,
        state: State::DRAFT,
        approval_status: ApprovalStatus::None,
        lock: None,
        live: content("live", 1),
        staged: None,
        schedule: Schedule { start: Some(after(3_600)), end: Some(after(7_200)) },
        variants: vec![],
        winner: None,
        launch_mode: None,
        audience: Audience::default(),
        pii_fields: vec![],
        staged_pii_fields: None,
        authors: vec![],
        version: 1,
        history_hash: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(crate) fn actor(member: &Member) -> ActorRef {
    ActorRef {
        member_id: Some(member.id),
        name: member.display_name.clone(),
        service: Some("campaigns".into()),
    }
}

/// An outcome that is settled with a change of the rules.
pub(crate) fn settle(outcome: Outcome) -> Settled {
    Settled {
        due_at: timer::due_at(&Lifecycles::default(), &outcome.resource),
        outbox: vec![event_of(&outcome)],
        outcome,
    }
}

pub(crate) fn event_of(outcome: &Outcome) -> OutboxRow {
    OutboxRow {
        account_id: outcome.resource.account_id,
        event_id: EventId(id()),
        event_type: outcome.event.kind.as_str().into(),
        subject: outcome.resource.id.to_string(),
        sequence: outcome.resource.version,
        payload: r#"{"z":1,"a":"ü"}"#.into(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        occurred_at: outcome.history.at,
    }
}

/// A change that history says nothing of.
pub(crate) fn recorded() -> Record {
    Record { by: ActorRef::countersign(), at: NOW, changes: vec![] }
}

/// The event that tells that the account is gone.
pub(crate) fn erasure_of(account: AccountId) -> OutboxRow {
    OutboxRow {
        account_id: account,
        event_id: EventId(id()),
        event_type: EventKind::AccountErased.as_str().into(),
        subject: account.to_string(),
        sequence: 0,
        payload: "{}".into(),
        traceparent: None,
        occurred_at: NOW,
    }
}

pub(crate) fn entry(
    resource: &Resource,
    event: HistoryEvent,
    from: Option<State>,
    by: ActorRef,
) -> HistoryEntry {
    HistoryEntry {
        account_id: resource.account_id,
        resource_id: resource.id,
        sequence: resource.version,
        request_id: None,
        event,
        action: None,
        actor: by,
        at: resource.updated_at,
        from,
        to: resource.state.clone(),
        note: String::new(),
        digest: resource.live.digest.clone(),
    }
}

fn outcome(
    resource: Resource,
    request: Option<RequestWrite>,
    history: HistoryEntry,
    kind: EventKind,
) -> Outcome {
    Outcome { resource, request, review: None, history, event: Event { kind, recipients: vec![] } }
}

pub(crate) fn registration(resource: &Resource) -> Outcome {
    let history = entry(resource, HistoryEvent::Registered, None, ActorRef::countersign());
    outcome(resource.clone(), None, history, EventKind::ResourceChanged)
}

/// The resource, one version on.
pub(crate) fn next(resource: &Resource) -> Resource {
    Resource { version: resource.version + 1, ..resource.clone() }
}

pub(crate) fn edit(resource: &Resource, title: &str) -> Outcome {
    let after = Resource { title: title.into(), ..next(resource) };
    let history = entry(&after, HistoryEvent::Edited, Some(resource.state.clone()), ActorRef::countersign());
    outcome(after, None, history, EventKind::ResourceChanged)
}

pub(crate) fn request(resource: &Resource, submitter: &Member) -> Request {
    Request {
        account_id: resource.account_id,
        id: RequestId(id()),
        resource_id: resource.id,
        kind: resource.kind.clone(),
        resource_title: resource.title.clone(),
        area: Area::CAMPAIGNS,
        action: Action::LAUNCH,
        from_state: resource.state.clone(),
        pending_label: PendingLabel::given("APPROVAL_PENDING"),
        target_state: State::SCHEDULED,
        submitter: actor(submitter),
        note: "please".into(),
        digest: resource.live.digest.clone(),
        change: None,
        launch_mode: None,
        assignments: vec![],
        required_approvals: 1,
        decisions: vec![],
        deadline: resource.schedule.end,
        remind_at: None,
        authors: vec![],
        comments: 0,
        state: RequestState::Pending,
        version: 1,
        created_at: NOW,
    }
}

pub(crate) fn submission(resource: &Resource, submitter: &Member) -> Outcome {
    submission_of(resource, request(resource, submitter))
}

pub(crate) fn submission_of(resource: &Resource, request: Request) -> Outcome {
    let mut after = next(resource);
    after.approval_status = ApprovalStatus::ApprovalPending;
    after.lock = Some(Lock {
        request_id: request.id,
        label: request.pending_label.clone(),
        action: request.action.clone(),
    });
    let mut history =
        entry(&after, HistoryEvent::Submitted, Some(resource.state.clone()), request.submitter.clone());
    history.request_id = Some(request.id);
    outcome(after, Some(RequestWrite::Insert(request)), history, EventKind::RequestSubmitted)
}

/// `approver` approves.
pub(crate) fn approval(resource: &Resource, request: &Request, approver: &Member) -> Outcome {
    let ending = Ending { by: actor(approver), at: NOW, note: "fine".into() };
    let decision = Decision {
        by: actor(approver),
        verdict: Verdict::Approved,
        note: "fine".into(),
        at: NOW,
        voided_at: None,
    };
    let mut decided = request.clone();
    decided.version += 1;
    let known = decided.decisions.len();
    decided.decisions.retain(|earlier| earlier.by != decision.by);
    let anew = decided.decisions.len() < known;
    decided.decisions.push(decision.clone());
    decided.state = RequestState::Approved { ending, winner: None };
    let mut after = next(resource);
    after.lock = None;
    after.approval_status = ApprovalStatus::ApprovalApproved;
    after.state = request.target_state.clone();
    let mut history = entry(&after, HistoryEvent::Approved, Some(resource.state.clone()), actor(approver));
    history.request_id = Some(request.id);
    history.action = Some(request.action.clone());
    history.note = "fine".into();
    let write = RequestWrite::Update {
        request: decided,
        decision: Some(decision),
        anew,
        lost: vec![],
        voided: vec![],
    };
    outcome(after, Some(write), history, EventKind::RequestApproved)
}

/// Other approvers are chosen.
pub(crate) fn reassignment(resource: &Resource, request: &Request, to: &[&Member]) -> Outcome {
    let mut after = request.clone();
    after.version += 1;
    after.assignments = to.iter().map(|member| Assignment::new(member.id)).collect();
    let was = request.assignments.iter().map(|assignment| assignment.member);
    let removed = was.filter(|id| !to.iter().any(|member| member.id == *id)).collect();
    told(
        resource,
        request,
        HistoryEvent::Reassigned,
        RequestWrite::Reassign { request: after, removed, voided: vec![] },
    )
}

/// Something that leaves the resource as it is, but for its version.
pub(crate) fn told(
    resource: &Resource,
    request: &Request,
    event: HistoryEvent,
    write: RequestWrite,
) -> Outcome {
    let after = next(resource);
    let mut history = entry(&after, event, Some(resource.state.clone()), ActorRef::countersign());
    history.request_id = Some(request.id);
    outcome(after, Some(write), history, EventKind::RequestReminded)
}

/// `admin` applies something in an emergency.
pub(crate) fn bypass(resource: &Resource, admin: &Member) -> (Outcome, Review) {
    let after = Resource { state: State::RUNNING, ..next(resource) };
    let review = Review {
        account_id: resource.account_id,
        id: ReviewId(id()),
        resource_id: resource.id,
        kind: resource.kind.clone(),
        resource_title: resource.title.clone(),
        area: Area::PRODUCT_EXPERIENCES,
        action: Action::START,
        from_state: resource.state.clone(),
        target_state: State::RUNNING,
        bypassed_by: actor(admin),
        reason: "it burns".into(),
        digest: resource.live.digest.clone(),
        opened_at: NOW,
        closed: None,
    };
    let mut history =
        entry(&after, HistoryEvent::EmergencyBypassed, Some(resource.state.clone()), actor(admin));
    history.action = Some(Action::START);
    let bypassed = outcome(after, None, history, EventKind::ResourceBypassed);
    (Outcome { review: Some(ReviewWrite::Open(Box::new(review.clone()))), ..bypassed }, review)
}

/// `reviewer` closes the review.
pub(crate) fn reviewed(resource: &Resource, review: &Review, reviewer: &Member) -> Outcome {
    let after = next(resource);
    let history = entry(&after, HistoryEvent::Reviewed, Some(resource.state.clone()), actor(reviewer));
    let at = Timestamp(NOW.0 + 5_000_000);
    let closed = Ending { by: actor(reviewer), at, note: "fine".into() };
    let review = Review { closed: Some(closed), ..review.clone() };
    let closing = outcome(after, None, history, EventKind::ReviewClosed);
    Outcome { review: Some(ReviewWrite::Close(Box::new(review))), ..closing }
}

/// One of several approvals: the request stays pending.
pub(crate) fn partial_approval(resource: &Resource, request: &Request, approver: &Member) -> Outcome {
    let mut outcome = approval(resource, request, approver);
    outcome.resource = next(resource);
    outcome.history.event = HistoryEvent::ApprovalRecorded;
    outcome.history.to = resource.state.clone();
    if let Some(RequestWrite::Update { request, .. }) = &mut outcome.request {
        request.state = RequestState::Pending;
    }
    outcome
}

/// It ends by time.
pub(crate) fn ended(resource: &Resource, request: &Request, state: RequestState) -> Outcome {
    let mut outcome = approval(resource, request, &member_of(request));
    outcome.resource.state = resource.state.clone();
    outcome.history.to = resource.state.clone();
    outcome.history.event = HistoryEvent::Cancelled;
    let mut decided = request.clone();
    decided.version += 1;
    decided.state = state;
    outcome.request = Some(RequestWrite::update(decided));
    outcome
}

fn member_of(request: &Request) -> Member {
    let account = Account { id: request.account_id, ..account() };
    member(&account, SystemRole::Admin)
}
