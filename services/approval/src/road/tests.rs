//! Two roads to one database, as two replicas have them: what one of them remembers is out of date once the other has
//! written, and no answer may show it.

use countersign_domain::{
    Action, Area, Audience, Content, Kind, Member, MemberState, Policy, Refusal, RequestId, ResourceId,
    ReviewId, RulesWrite, Schedule, SystemRole,
    account::{AccountState, Feature},
    decide, edit,
    perform::{PerformAction, perform},
    permission,
    refusal::Missing,
};
use countersign_store::{AccountCreation, RulesCommit, StoreConfig};
use countersign_testkit::{TestDatabase, both_databases};
use tokio_util::sync::CancellationToken;

use super::*;

both_databases! {
    an_edit_on_what_is_out_of_date_comes_after_the_other,
    the_loser_is_told_who_won,
    a_refusal_is_never_out_of_date,
    a_repeated_call_is_answered_the_same,
    who_was_revoked_is_told_nothing,
}

const HOUR_US: i64 = 3_600_000_000;

struct World {
    roads: [Road; 2],
    admin: Member,
    creator: Member,
    campaign: ResourceId,
    _db: TestDatabase,
}

impl World {
    async fn new(db: TestDatabase) -> Self {
        let roads = [road(&db).await, road(&db).await];
        roads[0].store.migrate().await.unwrap();
        let now = roads[0].now();
        let account = Account {
            id: AccountId(ids::new_id()),
            name: "Acme".into(),
            features: Feature::ALL.into(),
            state: AccountState::Active,
            time_zone: None,
            rules_version: 1,
            created_at: now,
        };
        let (admin, creator) = (member(&account, SystemRole::Admin), member(&account, SystemRole::Creator));
        let policy = Policy {
            enabled: true,
            version: 1,
            updated_at: Some(now),
            ..Policy::default_of(Area::CAMPAIGNS)
        };
        let creation = AccountCreation {
            account: account.clone(),
            admin: admin.clone(),
            policies: vec![policy],
            outbox: vec![],
            idempotency: None,
        };
        assert_eq!(roads[0].store.create_account(creation).await.unwrap(), Committed::Done);
        let world =
            Self { roads, admin, creator: creator.clone(), campaign: ResourceId(ids::new_id()), _db: db };
        world.write(RulesWrite::InsertMember(creator)).await;
        Box::pin(world.register()).await;
        world
    }

    async fn write(&self, member: RulesWrite) {
        let road = &self.roads[1];
        let snapshot = road.snapshot(&call(&self.admin), &About::Nothing, &[]).await.unwrap();
        let commit = RulesCommit {
            account_id: snapshot.account.id,
            rules_version: snapshot.account.rules_version,
            record: countersign_store::Record {
                by: countersign_domain::ActorRef::countersign(),
                at: road.now(),
                changes: vec![],
            },
            writes: vec![member],
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

    async fn register(&self) {
        let now = self.roads[0].now().0;
        let register = edit::Register {
            id: self.campaign,
            kind: Kind::CAMPAIGN,
            external_id: "spring".into(),
            title: "Spring sale".into(),
            owner: None,
            content: Content::empty(),
            schedule: Schedule {
                start: Some(Timestamp(now + HOUR_US)),
                end: Some(Timestamp(now + 2 * HOUR_US)),
            },
            variants: vec![],
            audience: Audience::default(),
            pii_fields: vec![],
        };
        let fields = Fields::default();
        let subject = Subject { about: &About::Nothing, named: &[], violations: &fields };
        let by = call(&self.creator);
        let registered = self.roads[0]
            .command(&by, subject, |context, _| edit::register(context, register.clone()), title)
            .await;
        assert_eq!(registered.unwrap(), "1: Spring sale");
    }

    /// On the campaign; what it is then.
    async fn on_campaign(
        &self,
        replica: usize,
        call: &Call,
        decide: impl Fn(&Context<'_>, &countersign_domain::Resource) -> Result<Outcome, Refusal>,
    ) -> Result<String, Fault> {
        let fields = Fields::default();
        let about = About::Resource(self.campaign);
        let subject = Subject { about: &about, named: &[], violations: &fields };
        let decide = |context: &Context<'_>, snapshot: &Snapshot| {
            let missing = Missing::Resource(self.campaign);
            decide(context, permission::view(context, snapshot.resource.as_ref(), missing)?)
        };
        self.roads[replica].command(call, subject, decide, title).await
    }

    async fn edit(&self, replica: usize, call: &Call, title: &str) -> Result<String, Fault> {
        let edit = edit::Edit { title: Some(title.to_owned()), ..edit::Edit::default() };
        self.on_campaign(replica, call, |context, resource| edit::update(context, resource, edit.clone()))
            .await
    }

    async fn launch(&self, replica: usize) -> Result<RequestId, Fault> {
        let command = PerformAction {
            action: Action::LAUNCH,
            expected_version: None,
            note: "please".into(),
            approvers: vec![],
            launch_mode: None,
            winner: None,
            emergency_reason: String::new(),
            request_id: RequestId(ids::new_id()),
            review_id: ReviewId(ids::new_id()),
        };
        let by = call(&self.creator);
        self.on_campaign(replica, &by, |context, resource| perform(context, resource, None, &command))
            .await?;
        Ok(command.request_id)
    }

    /// The admin ends the request.
    async fn end(
        &self,
        replica: usize,
        id: RequestId,
        decide: impl Fn(
            &Context<'_>,
            &countersign_domain::Resource,
            &countersign_domain::Request,
        ) -> Result<Outcome, Refusal>,
    ) -> Result<String, Fault> {
        let fields = Fields::default();
        let about = About::Request(id);
        let subject = Subject { about: &about, named: &[], violations: &fields };
        let decide =
            |context: &Context<'_>, snapshot: &Snapshot| match (&snapshot.resource, &snapshot.request) {
                (Some(resource), Some(request)) => decide(context, resource, request),
                _ => Err(Refusal::NotFound(Missing::Request(id))),
            };
        self.roads[replica].command(&call(&self.admin), subject, decide, title).await
    }

    async fn approve(&self, replica: usize, id: RequestId) -> Result<String, Fault> {
        let approve = decide::Approve::default();
        self.end(replica, id, |context, resource, request| {
            decide::approve(context, resource, request, &approve)
        })
        .await
    }

    async fn reject(&self, replica: usize, id: RequestId) -> Result<String, Fault> {
        let reject = decide::Reject { note: "no".into(), ..decide::Reject::default() };
        self.end(replica, id, |context, resource, request| {
            decide::reject(context, resource, request, &reject)
        })
        .await
    }

    /// The campaign's version as the first replica remembers it, and as it is.
    async fn versions(&self) -> (Option<i64>, i64) {
        let (about, by) = (About::Resource(self.campaign), call(&self.creator));
        let recent = self.roads[0].store.recent(by.account, by.actor, &about, &[]);
        let read = self.roads[0].snapshot(&by, &about, &[]).await.unwrap();
        (recent.map(|recent| recent.resource.unwrap().version), read.resource.unwrap().version)
    }
}

async fn road(db: &TestDatabase) -> Road {
    let store = Store::connect(&StoreConfig::new(db.url())).await.unwrap();
    Road {
        watches: Watches::new(store.clone(), CancellationToken::new()),
        store,
        clock: Clock::system(),
        committed: Arc::default(),
        unsettled: Arc::default(),
        metrics: Arc::default(),
    }
}

fn member(account: &Account, role: SystemRole) -> Member {
    Member {
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

fn call(member: &Member) -> Call {
    Call { actor: Some(member.id), ..Call::of_countersign(member.account_id) }
}

/// A call with a `request_id`.
fn keyed(member: &Member, key: Uuid, asked: &str) -> Call {
    let (account, actor) = (member.account_id, member.id.to_string());
    let repeatable = Repeatable::new(account, &actor, key, "Edit", &asked.to_owned());
    Call { idempotency: Some(repeatable), ..call(member) }
}

fn title(_: &Context<'_>, outcome: &Outcome) -> String {
    format!("{}: {}", outcome.resource.version, outcome.resource.title)
}

async fn an_edit_on_what_is_out_of_date_comes_after_the_other(db: TestDatabase) {
    let world = World::new(db).await;
    let by = call(&world.creator);
    assert_eq!(world.edit(0, &by, "Summer sale").await.unwrap(), "2: Summer sale");
    assert_eq!(world.versions().await, (Some(2), 2));
    assert_eq!(world.edit(1, &by, "Autumn sale").await.unwrap(), "3: Autumn sale");
    assert_eq!(world.versions().await, (Some(2), 3));
    assert_eq!(world.edit(0, &by, "Winter sale").await.unwrap(), "4: Winter sale");
    assert_eq!(world.versions().await, (Some(4), 4));
}

/// Proves REQ-4 where the loser's replica remembers the request as pending.
async fn the_loser_is_told_who_won(db: TestDatabase) {
    let world = World::new(db).await;
    let request = world.launch(0).await.unwrap();
    world.reject(1, request).await.unwrap();
    assert_eq!(world.versions().await, (Some(2), 3));
    let lost = world.approve(0, request).await.unwrap_err();
    let Fault::Refused(Refusal::Decided { state, by, .. }) = lost else { panic!("{lost:?}") };
    assert_eq!((state, by.member_id), ("REJECTED", Some(world.admin.id)));
    assert_eq!(world.versions().await.1, 3);
}

/// What is remembered would refuse it: there the campaign is still locked.
async fn a_refusal_is_never_out_of_date(db: TestDatabase) {
    let world = World::new(db).await;
    let request = world.launch(0).await.unwrap();
    assert!(matches!(world.launch(0).await, Err(Fault::Refused(_))));
    world.reject(1, request).await.unwrap();
    assert_eq!(world.versions().await, (Some(2), 3));
    let again = world.launch(0).await.unwrap();
    assert_eq!(world.versions().await, (Some(4), 4));
    world.approve(0, again).await.unwrap();
    assert_eq!(world.versions().await, (Some(5), 5));
}

/// Proves REQ-18 where nothing but the key stands against doing it twice.
async fn a_repeated_call_is_answered_the_same(db: TestDatabase) {
    let world = World::new(db).await;
    let key = ids::new_id();
    let by = keyed(&world.creator, key, "Summer sale");
    assert_eq!(world.edit(0, &by, "Summer sale").await.unwrap(), "2: Summer sale");
    for replica in [0, 1, 0] {
        assert_eq!(world.edit(replica, &by, "Summer sale").await.unwrap(), "2: Summer sale");
    }
    assert_eq!(world.versions().await.1, 2);
    let next = keyed(&world.creator, ids::new_id(), "Autumn sale");
    assert_eq!(world.edit(0, &next, "Autumn sale").await.unwrap(), "3: Autumn sale");
    assert_eq!(world.versions().await, (Some(3), 3));
    let other = keyed(&world.creator, key, "Winter sale");
    let reused = world.edit(0, &other, "Winter sale").await.unwrap_err();
    assert!(matches!(reused, Fault::RequestIdReused(_)), "{reused:?}");
    assert_eq!(world.versions().await.1, 3);
}

/// Proves REQ-9 and ACC-16 where the replica remembers the member as active.
async fn who_was_revoked_is_told_nothing(db: TestDatabase) {
    let world = World::new(db).await;
    let by = keyed(&world.creator, ids::new_id(), "Summer sale");
    world.edit(0, &by, "Summer sale").await.unwrap();
    assert_eq!(world.versions().await, (Some(2), 2));
    let revoked = Member { state: MemberState::Revoked, version: 2, ..world.creator.clone() };
    world.write(RulesWrite::UpdateMember(revoked)).await;
    for by in [by, call(&world.creator)] {
        let refused = world.edit(0, &by, "Summer sale").await.unwrap_err();
        assert!(matches!(refused, Fault::OtherAccount), "{refused:?}");
    }
}
