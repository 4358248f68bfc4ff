//! What is stored is what is read.

use std::{collections::BTreeSet, time::Duration};

use countersign_domain::{
    Account, AccountState, Action, ActorRef, ApprovalStatus, Area, Assignment, Audience, Feature, Kind,
    LaunchMode, Member, MemberId, MemberState, Pointer, Policies, Policy, Request, RequestState,
    RequestWrite, Resource, RulesWrite, Schedule, State, SystemRole, Timestamp,
    history::HistoryEvent,
    policy::{Cancellation, Held},
    request::{Ending, ExpiryReason},
};
use countersign_store::{About, AccountCreation, Committed, RequestFilter, RulesCommit};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    resources_come_back,
    requests_come_back,
    every_ending_comes_back,
    history_comes_back,
    members_come_back,
    accounts_and_policies_come_back,
    content_stays_what_its_digest_says,
}

fn audience(countries: &[&str]) -> Audience {
    Audience([("Country".to_owned(), countries.iter().map(ToString::to_string).collect())].into())
}

/// Every optional part there and not there, every value of every closed set.
fn resources(world: &World) -> Vec<Resource> {
    let plain = || campaign(&world.account, &world.admin);
    let mut all = vec![
        Resource {
            kind: Kind::AB_TEST,
            state: State::RUNNING,
            staged: Some(content("staged", 7)),
            schedule: Schedule { start: None, end: Some(Timestamp(-1)) },
            variants: vec!["a".into(), "b \"quoted\" \\ü\u{1F600}".into()],
            winner: Some("a".into()),
            audience: audience(&["US", "\u{1F600}"]),
            pii_fields: vec![Pointer::from_text("/customer/na~1me"), Pointer::from_text("/ü")],
            staged_pii_fields: Some(vec![Pointer::from_text("/ü")]),
            authors: vec![world.admin.id, MemberId(id())],
            ..plain()
        },
        Resource { schedule: Schedule::default(), title: String::new(), ..plain() },
        Resource { state: State::given("SOMETHING_ELSE"), kind: Kind::given("journey"), ..plain() },
    ];
    all.extend(ApprovalStatus::ALL.map(|approval_status| Resource { approval_status, ..plain() }));
    all.extend(LaunchMode::ALL.map(|mode| Resource { launch_mode: Some(mode), ..plain() }));
    all
}

async fn resources_come_back(db: TestDatabase) {
    let world = World::new(db).await;
    for resource in resources(&world) {
        world.done(registration(&resource)).await;
        assert_eq!(world.resource(resource.id).await, resource);
        let by_name = About::ResourceByExternalId(resource.kind.clone(), resource.external_id.clone());
        assert_eq!(world.snapshot(&by_name).await.resource, Some(resource.clone()));
        // Everything changes, there and back.
        let mut changed = edit(&resource, "other");
        changed.resource.owner = MemberId(id());
        changed.resource.staged = resource.staged.is_none().then(|| content("new", 9));
        changed.resource.staged_pii_fields = resource.staged.is_none().then(Vec::new);
        changed.resource.live = content("newer", 10);
        changed.resource.winner = Some("w".into());
        changed.resource.variants = vec!["x".into()];
        changed.resource.audience =
            if resource.audience == Audience::default() { audience(&["CA"]) } else { Audience::default() };
        changed.resource.pii_fields = vec![Pointer::from_text("/a")];
        changed.resource.updated_at = after(5);
        world.done(changed.clone()).await;
        assert_eq!(world.resource(resource.id).await, changed.resource);
    }
}

fn requests(world: &World, resource: &Resource) -> Vec<Request> {
    let plain = || request(resource, &world.admin);
    vec![
        plain(),
        Request {
            assignments: [MemberId(id()), world.admin.id, MemberId(id())]
                .map(Assignment::new)
                .into_iter()
                .rev()
                .collect(),
            change: Some(content("change", 3)),
            required_approvals: 10,
            area: Area::PRODUCT_EXPERIENCES,
            action: Action::given("ANYTHING"),
            note: String::new(),
            deadline: None,
            ..plain()
        },
        Request { submitter: ActorRef::countersign(), launch_mode: Some(LaunchMode::Passive), ..plain() },
    ]
}

async fn requests_come_back(db: TestDatabase) {
    let world = World::new(db).await;
    let second = member(&world.account, SystemRole::Approver);
    for which in 0..3 {
        let resource = world.registered().await;
        let request = requests(&world, &resource).swap_remove(which);
        let submission = submission_of(&resource, request.clone());
        world.done(submission.clone()).await;
        let read = world.snapshot(&About::Request(request.id)).await;
        assert_eq!(read.request.as_ref(), Some(&request));
        assert_eq!(read.resource.as_ref(), Some(&submission.resource));
        assert_eq!(world.snapshot(&About::Resource(resource.id)).await.request, Some(request.clone()));

        // Two decisions, read in the order in which they were made.
        let mut now = (submission.resource, request);
        for (approver, partial) in [(&second, true), (&world.admin, false)] {
            let outcome = if partial {
                partial_approval(&now.0, &now.1, approver)
            } else {
                approval(&now.0, &now.1, approver)
            };
            world.done(outcome.clone()).await;
            let written = outcome.request.unwrap().request().clone();
            let read = world.snapshot(&About::Request(written.id)).await;
            assert_eq!(read.request.as_ref(), Some(&written));
            let listed =
                world.store.list_requests(world.account.id, &RequestFilter::default(), None, 1).await;
            assert_eq!(listed.unwrap().items, [(written.clone(), Audience::default())]);
            now = (outcome.resource, written);
        }
        assert_eq!(now.1.decisions.len(), 2);
        assert_eq!(world.snapshot(&About::Resource(resource.id)).await.request, None, "only a pending one");
    }
}

async fn every_ending_comes_back(db: TestDatabase) {
    let world = World::new(db).await;
    let by_member = || Ending { by: actor(&world.admin), at: after(3), note: "why".into() };
    let by_itself = || Ending { by: ActorRef::countersign(), at: after(4), note: String::new() };
    let endings = [
        RequestState::Approved { ending: by_member(), winner: Some("b".into()) },
        RequestState::Approved { ending: by_itself(), winner: None },
        RequestState::Rejected { ending: by_member() },
        RequestState::Cancelled { ending: by_member() },
        RequestState::Expired { ending: by_itself(), reason: ExpiryReason::Deadline },
        RequestState::Expired { ending: by_itself(), reason: ExpiryReason::NoEligibleApprovers },
        RequestState::Reverted { ending: by_member() },
    ];
    for state in endings {
        let (resource, request) = world.submitted().await;
        let outcome = ended(&resource, &request, state.clone());
        world.done(outcome).await;
        assert_eq!(world.snapshot(&About::Request(request.id)).await.request.unwrap().state, state);
    }
}

async fn history_comes_back(db: TestDatabase) {
    let world = World::new(db).await;
    let resource = campaign(&world.account, &world.admin);
    let mut expected = vec![];
    for (version, event) in (1..).zip(HistoryEvent::ALL) {
        let mut outcome = edit(&resource, "t");
        outcome.resource.version = version;
        let optional = version % 2 == 0;
        outcome.history =
            entry(&outcome.resource, event, optional.then_some(State::DRAFT), actor(&world.admin));
        outcome.history.action = optional.then_some(Action::LAUNCH);
        outcome.history.request_id = optional.then(|| countersign_domain::RequestId(id()));
        outcome.history.note = "n".repeat(usize::from(optional));
        expected.push(outcome.history.clone());
        world.done(outcome).await;
    }
    assert_eq!(world.history(resource.id).await, expected);
}

async fn members_come_back(db: TestDatabase) {
    let mut world = World::new(db).await;
    let mut expected = vec![world.admin.clone()];
    for role in [None].into_iter().chain(SystemRole::ALL.map(Some)) {
        let mut member = Member { system_role: role, ..member(&world.account, SystemRole::Member) };
        world.joined(member.clone()).await;
        member.version = 2;
        member.email = format!("Ü-{}", member.email);
        member.approval_right = role == Some(SystemRole::Editor);
        member.state = if role.is_none() { MemberState::Revoked } else { MemberState::Active };
        world.changed(vec![RulesWrite::UpdateMember(member.clone())]).await;
        expected.push(member);
    }
    let listed = world.store.list_members(world.account.id, None, 100).await.unwrap();
    assert_eq!(listed.items, expected);
    let ids: Vec<MemberId> = expected.iter().map(|member| member.id).collect();
    let actor = expected[1].id;
    let snapshot = world.store.snapshot(world.account.id, Some(actor), &About::Nothing, &ids, None).await;
    let snapshot = snapshot.unwrap().unwrap();
    assert_eq!(snapshot.actor.as_ref(), Some(&expected[1]));
    for member in &expected {
        assert_eq!(snapshot.directory.get(member.id), Some(member));
    }
}

async fn accounts_and_policies_come_back(db: TestDatabase) {
    let world = World::new(db).await;
    let states =
        [AccountState::Active, AccountState::Suspended, AccountState::Deleted { erase_at: after(9) }];
    let features = [vec![], vec![Feature::AbTesting], Feature::ALL.to_vec()];
    for (state, features) in states.into_iter().zip(features) {
        let account = Account { state, features: BTreeSet::from_iter(features), ..account() };
        let admin = member(&account, SystemRole::Admin);
        let mut policy = Policy {
            enabled: true,
            required_approvals: 3,
            allow_self_approval: true,
            exclude_authors: true,
            cooling_off: Duration::from_secs(7),
            held: vec![Held { member: MemberId(id()), until: Timestamp(9) }],
            rejection_note_required: false,
            cancellation: Cancellation::Nobody,
            request_max_age: Some(Duration::from_hours(24)),
            minimum_lead_time: Duration::from_micros(1),
            version: 1,
            updated_at: Some(after(1)),
            ..Policy::default_of(Area::CAMPAIGNS)
        };
        let creation = AccountCreation {
            account: account.clone(),
            admin,
            policies: vec![policy.clone()],
            outbox: vec![],
            idempotency: None,
        };
        assert_eq!(world.store.create_account(creation).await.unwrap(), Committed::Done);
        let read = world.store.snapshot(account.id, None, &About::Nothing, &[], None).await.unwrap().unwrap();
        assert_eq!(read.account, account);
        assert_eq!(*read.policies, Policies::new([], [policy.clone()]));

        policy.version = 2;
        policy.cancellation = Cancellation::Writers;
        policy.request_max_age = None;
        let other = Policy { version: 1, enabled: true, ..Policy::default_of(Area::PRODUCT_EXPERIENCES) };
        for (rules_version, policy) in (1..).zip([policy.clone(), other.clone()]) {
            let commit = RulesCommit {
                account_id: account.id,
                rules_version,
                only_without_pending: Some(policy.area.clone()),
                ..world.change(vec![RulesWrite::Policy(policy)])
            };
            assert_eq!(world.store.commit_rules(commit).await.unwrap(), Committed::Done);
        }
        let read = world.store.snapshot(account.id, None, &About::Nothing, &[], None).await.unwrap().unwrap();
        assert_eq!(read.account.rules_version, 3);
        assert_eq!(*read.policies, Policies::new([], [policy, other]));
    }
}

async fn content_stays_what_its_digest_says(db: TestDatabase) {
    let world = World::new(db).await;
    let large = "x".repeat(200 * 1_024);
    let mut resource = campaign(&world.account, &world.admin);
    resource.live = content(&large, 1);
    resource.staged = Some(content("small", 2));
    world.done(registration(&resource)).await;
    // Through writes that leave it alone and writes that don't.
    let submitted = submission(&resource, &world.admin);
    let request = submitted.request.as_ref().unwrap().request().clone();
    world.done(submitted.clone()).await;
    assert_eq!(world.resource(resource.id).await.live, resource.live);
    let mut published = approval(&submitted.resource, &request, &world.admin);
    published.resource.live = resource.staged.clone().unwrap();
    published.resource.staged = None;
    let RequestWrite::Update { .. } = published.request.as_ref().unwrap() else { panic!("an update") };
    world.done(published.clone()).await;
    let read = world.resource(resource.id).await;
    assert_eq!(read, published.resource);
    let value: serde_json::Value = serde_json::from_str(&read.live.body).unwrap();
    assert_eq!(countersign_domain::Content::new(&value, 2).unwrap(), read.live);
}
