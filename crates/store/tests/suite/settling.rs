//! What a loss of rights leaves behind: requests settled with it, and sweeps that are owed.

use std::{collections::BTreeSet, time::Duration};

use countersign_domain::{
    Area, Assignment, Member, MemberState, Outcome, Request, RequestId, RequestState, RequestWrite, Resource,
    RulesWrite, SystemRole,
    history::HistoryEvent,
    loss::Concern,
    outcome::EventKind,
    request::{Ending, ExpiryReason},
};
use countersign_store::{
    About, Committed, Concerned, RequestFilter, RulesCommit, Store, StoreError, Sweep, Waiting, WaitingArea,
};
use countersign_testkit::{TestDatabase, both_databases};

use crate::support::*;

both_databases! {
    an_expired_assignment_comes_back,
    a_voided_vote_comes_back_and_is_made_anew,
    a_reassignment_voids_votes,
    who_has_approved_is_concerned,
    a_right_goes_with_the_requests_that_it_leaves,
    a_conflict_in_the_last_settled_request_leaves_nothing,
    an_assignment_that_is_none_is_refused,
    a_request_submitted_in_the_last_moment_refuses_the_loss,
    concerned_requests_are_found,
    pending_requests_are_listed,
    a_sweep_is_claimed_until_its_lease_runs_out,
    a_sweep_is_owed_with_the_change_or_not_at_all,
}

const LEASE: Duration = Duration::from_mins(1);

/// The assignment of `who` expires; the request stays pending, or ends because nobody is left.
fn settled(resource: &Resource, request: &Request, who: &Member, nobody_left: bool) -> Outcome {
    let mut after_it = request.clone();
    after_it.version += 1;
    for assignment in &mut after_it.assignments {
        if assignment.member == who.id {
            assignment.expired_at = Some(after(7));
        }
    }
    let ending = Ending { by: actor(who), at: after(7), note: String::new() };
    let mut outcome = ended(resource, request, RequestState::Rejected { ending: ending.clone() });
    outcome.event.kind = EventKind::RequestExpired;
    outcome.history.event = HistoryEvent::Expired;
    if nobody_left {
        after_it.state = RequestState::Expired { ending, reason: ExpiryReason::NoEligibleApprovers };
    } else {
        outcome.resource = next(resource);
        outcome.event.kind = EventKind::RequestAssignmentExpired;
        outcome.history.event = HistoryEvent::AssignmentExpired;
    }
    outcome.request = Some(RequestWrite::Update {
        request: after_it,
        decision: None,
        anew: false,
        lost: vec![actor(who)],
        voided: vec![],
    });
    outcome
}

/// What `who` approved does not count any more; an assignment of theirs stays.
fn voided(resource: &Resource, request: &Request, who: &Member) -> Outcome {
    let mut outcome = settled(resource, request, who, false);
    let mut after_it = Request { version: request.version + 1, ..request.clone() };
    for decision in &mut after_it.decisions {
        if decision.by.member_id == Some(who.id) {
            decision.voided_at = Some(after(7));
        }
    }
    outcome.history.event = HistoryEvent::VoteVoided;
    outcome.request = Some(RequestWrite::Update {
        request: after_it,
        decision: None,
        anew: false,
        lost: vec![],
        voided: vec![actor(who)],
    });
    outcome
}

fn revoked(member: &Member) -> RulesWrite {
    RulesWrite::UpdateMember(Member {
        state: MemberState::Revoked,
        version: member.version + 1,
        ..member.clone()
    })
}

async fn approvers<const N: usize>(world: &mut World) -> [Member; N] {
    let members = std::array::from_fn(|_| member(&world.account, SystemRole::Approver));
    world.changed(members.iter().cloned().map(RulesWrite::InsertMember).collect()).await;
    members
}

async fn request_of(world: &World, id: RequestId) -> Request {
    world.snapshot(&About::Request(id)).await.request.unwrap()
}

/// Proves REQ-10 as far as the store goes: by a commit of its own, as a sweep does it.
async fn an_expired_assignment_comes_back(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [first, second, third] = approvers(&mut world).await;
    let (resource, request) = world.submitted_to(&[&third, &first, &second]).await;
    let other = world.submitted_to(&[&first]).await.1;
    let outcome = settled(&resource, &request, &first, false);
    let expected = outcome.request.as_ref().unwrap().request().clone();
    assert_eq!(expected.assigned().collect::<Vec<_>>(), [third.id, second.id]);
    world.done(outcome.clone()).await;
    assert_eq!(request_of(&world, request.id).await, expected);
    assert_eq!(request_of(&world, other.id).await, other, "only of that request");
    // What comes later leaves it.
    let decided = approval(&outcome.resource, &expected, &second);
    world.done(decided.clone()).await;
    assert_eq!(request_of(&world, request.id).await, *decided.request.unwrap().request());
}

/// Proves REQ-22, POL-3 as far as the store goes.
async fn a_voided_vote_comes_back_and_is_made_anew(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [first, second] = approvers(&mut world).await;
    for chosen in [false, true] {
        let (mut resource, mut request) =
            if chosen { world.submitted_to(&[&first, &second]).await } else { world.submitted().await };
        for approver in [&first, &second] {
            let outcome = partial_approval(&resource, &request, approver);
            world.done(outcome.clone()).await;
            (resource, request) = (outcome.resource, outcome.request.unwrap().request().clone());
        }
        let lost = voided(&resource, &request, &first);
        world.done(lost.clone()).await;
        let without = lost.request.as_ref().unwrap().request().clone();
        assert_eq!(request_of(&world, request.id).await, without);
        assert_eq!((without.approvals(), without.decisions.len()), (1, 2));

        // Lists follow: what counts was decided, what does not waits again.
        let decided = |member: &Member| RequestFilter {
            decided_by: Some(member.id),
            resource: Some(resource.id),
            ..RequestFilter::default()
        };
        let area = WaitingArea { area: request.area.clone(), submitted_too: false, written_too: true };
        let waits = |member: &Member| RequestFilter {
            waiting: Some(Waiting { member: member.id, areas: vec![area.clone()] }),
            resource: Some(resource.id),
            ..RequestFilter::default()
        };
        for (filter, found) in
            [(decided(&first), 0), (decided(&second), 1), (waits(&first), 1), (waits(&second), 0)]
        {
            let listed = world.store.list_requests(world.account.id, &filter, None, 5).await.unwrap();
            assert_eq!(listed.items.len(), found, "{filter:?}");
        }

        // Made anew it is the newest; made twice it is refused by the row itself.
        let anew = partial_approval(&lost.resource, &without, &first);
        world.done(anew.clone()).await;
        let now = anew.request.unwrap().request().clone();
        assert_eq!(request_of(&world, request.id).await, now);
        let by: Vec<_> = now.decisions.iter().map(|decision| decision.by.member_id).collect();
        assert_eq!((by, now.approvals()), (vec![Some(second.id), Some(first.id)], 2));
        let twice = partial_approval(&anew.resource, &now, &first);
        assert!(matches!(twice.request, Some(RequestWrite::Update { anew: true, .. })));
        assert_eq!(world.store.commit(world.commit(twice)).await.unwrap(), Committed::Conflict);
        assert_eq!(request_of(&world, request.id).await, now);
        world.done(approval(&anew.resource, &now, &world.admin)).await;
    }
}

/// Proves REQ-7, REQ-22 as far as the store goes.
async fn a_reassignment_voids_votes(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [first, second] = approvers(&mut world).await;
    let (resource, request) = world.submitted_to(&[&first]).await;
    let once = partial_approval(&resource, &request, &first);
    world.done(once.clone()).await;
    let mut outcome = reassignment(&once.resource, once.request.unwrap().request(), &[&second]);
    if let Some(RequestWrite::Reassign { request, voided, .. }) = &mut outcome.request {
        request.decisions[0].voided_at = Some(NOW);
        voided.push(actor(&first));
    }
    world.done(outcome.clone()).await;
    assert_eq!(request_of(&world, request.id).await, *outcome.request.unwrap().request());
}

/// Proves REQ-22: a loss finds the pending requests that who lost the right has approved, and no others.
async fn who_has_approved_is_concerned(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [gone, stays] = approvers(&mut world).await;
    let concern = Concern { members: BTreeSet::from([gone.id]), ..Concern::default() };
    let mut expected = Vec::new();
    for (approver, concerned) in [(&gone, true), (&stays, false)] {
        let (resource, request) = world.submitted().await;
        let outcome = partial_approval(&resource, &request, approver);
        world.done(outcome.clone()).await;
        if concerned {
            expected.push((outcome.resource, outcome.request.unwrap().request().clone()));
        }
    }
    let found = world.store.concerned(world.account.id, &concern, 10).await.unwrap();
    let requests: Vec<_> = found.into_iter().map(|(_, request)| request).collect();
    let (resource, request) = &expected[0];
    assert_eq!(requests, std::slice::from_ref(request));
    world.done(voided(resource, request, &gone)).await;
    assert_eq!(world.store.concerned(world.account.id, &concern, 10).await.unwrap(), []);
}

/// Proves REQ-10 and REQ-9: the loss and what it leaves are one.
async fn a_right_goes_with_the_requests_that_it_leaves(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [gone, stays] = approvers(&mut world).await;
    let shared = world.submitted_to(&[&gone, &stays]).await;
    let lonely = world.submitted_to(&[&gone]).await;
    let late = world.commit(approval(&lonely.0, &lonely.1, &gone));
    let events = world.count("outbox").await;
    let outcomes = [settled(&shared.0, &shared.1, &gone, false), settled(&lonely.0, &lonely.1, &gone, true)];
    let commit = RulesCommit {
        settled: outcomes.iter().cloned().map(settle).collect(),
        outbox: vec![event_of(&outcomes[0])],
        idempotency: Some(record(&world.key(), "revoked")),
        ..world.change(vec![revoked(&gone)])
    };
    assert_eq!(world.try_change(commit.clone()).await, Committed::Done);
    for outcome in &outcomes {
        let written = outcome.request.as_ref().unwrap().request();
        assert_eq!(request_of(&world, written.id).await, *written);
        assert_eq!(world.resource(outcome.resource.id).await, outcome.resource);
        assert_eq!(world.history(outcome.resource.id).await.last(), Some(&outcome.history));
    }
    assert_eq!(world.count("outbox").await, events + 3);
    assert_eq!(world.store.commit(late).await.unwrap(), Committed::Conflict);
    // The same call again.
    let again = world.store.commit_rules(commit.clone()).await.unwrap();
    assert_eq!(again, Committed::Replay(commit.idempotency.unwrap()));
    assert_eq!(world.count("outbox").await, events + 3);
}

/// Proves REQ-10: no request is half settled, and no right is lost without what it leaves.
async fn a_conflict_in_the_last_settled_request_leaves_nothing(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [gone, stays] = approvers(&mut world).await;
    let first = world.submitted_to(&[&gone, &stays]).await;
    let last = world.submitted_to(&[&gone, &stays]).await;
    let outcomes = [settled(&first.0, &first.1, &gone, false), settled(&last.0, &last.1, &gone, false)];
    // Somebody decides the last one after it was read.
    world.done(approval(&last.0, &last.1, &stays)).await;
    let (history, events) = (world.count("history").await, world.count("outbox").await);
    let commit = RulesCommit {
        settled: outcomes.iter().cloned().map(settle).collect(),
        sweep: true,
        outbox: vec![event_of(&outcomes[0])],
        idempotency: Some(record(&world.key(), "never")),
        ..world.change(vec![revoked(&gone)])
    };
    let rules_before = world.snapshot(&About::Nothing).await;
    assert_eq!(world.try_change(commit).await, Committed::Conflict);
    let read = world.snapshot(&About::Request(first.1.id)).await;
    assert_eq!((read.resource, read.request), (Some(first.0), Some(first.1)));
    assert_eq!(read.account, rules_before.account);
    assert_eq!(read.directory.candidates(), rules_before.directory.candidates());
    assert_eq!((world.count("history").await, world.count("outbox").await), (history, events));
    assert_eq!((world.count("idempotency").await, world.count("sweeps").await), (0, 0));
}

async fn an_assignment_that_is_none_is_refused(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [chosen, other] = approvers(&mut world).await;
    let (resource, request) = world.submitted_to(&[&chosen]).await;
    // Not assigned; assigned, and not expired; expired from the beginning.
    let stranger = settled(&resource, &request, &other, false);
    let mut unexpired = settled(&resource, &request, &chosen, false);
    if let Some(RequestWrite::Update { request, .. }) = &mut unexpired.request {
        request.assignments = vec![Assignment::new(chosen.id)];
    }
    let fresh = world.registered().await;
    let mut new = crate::support::request(&fresh, &world.admin);
    new.assignments = vec![Assignment { member: chosen.id, expired_at: Some(NOW) }];
    for outcome in [stranger, unexpired, submission_of(&fresh, new)] {
        let error = world.store.commit(world.commit(outcome)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unstorable { .. }), "{error:?}");
    }
}

/// As outcomes made by hand know them.
fn unchained(found: Vec<(Resource, Request)>) -> Vec<(Resource, Request)> {
    let unchained = |(resource, request)| (Resource { history_hash: None, ..resource }, request);
    found.into_iter().map(unchained).collect()
}

/// Proves REQ-10 as far as the store goes.
async fn concerned_requests_are_found(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [a, b, c] = approvers(&mut world).await;
    let both = world.submitted_to(&[&a, &b]).await;
    let only_b = world.submitted_to(&[&b]).await;
    let anybody = world.submitted().await;
    let decided = world.submitted_to(&[&a]).await;
    world.done(approval(&decided.0, &decided.1, &a)).await;
    let expired = world.submitted_to(&[&a, &c]).await;
    let outcome = settled(&expired.0, &expired.1, &a, false);
    world.done(outcome.clone()).await;
    let expired = (outcome.resource, outcome.request.unwrap().request().clone());

    let find = async |members: &[&Member], everything: bool, limit: u32| {
        let members: BTreeSet<_> = members.iter().map(|member| member.id).collect();
        let concern = Concern { members, everything, areas: BTreeSet::new() };
        unchained(world.store.concerned(world.account.id, &concern, limit).await.unwrap())
    };
    assert_eq!(find(&[], false, 9).await, []);
    assert_eq!(find(&[&a], false, 9).await, std::slice::from_ref(&both));
    assert_eq!(find(&[&a, &b], false, 9).await, [both.clone(), only_b.clone()], "each once");
    assert_eq!(find(&[&a, &b], false, 1).await, std::slice::from_ref(&both));
    assert_eq!(find(&[&c], false, 9).await, std::slice::from_ref(&expired));
    let all = [both, only_b, anybody, expired];
    assert_eq!(find(&[], true, 9).await, all);
    assert_eq!(find(&[&a, &b, &c, &world.admin], true, 9).await, all, "each once");
    let of_area = async |area: Area| {
        let concern = Concern { areas: BTreeSet::from([area]), ..Concern::default() };
        unchained(world.store.concerned(world.account.id, &concern, 9).await.unwrap())
    };
    assert_eq!(of_area(Area::CAMPAIGNS).await, all);
    assert_eq!(of_area(Area::PRODUCT_EXPERIENCES).await, []);
    let elsewhere = Concern { members: BTreeSet::from([a.id]), everything: true, areas: BTreeSet::new() };
    assert_eq!(world.store.concerned(account().id, &elsewhere, 9).await.unwrap(), []);
}

async fn pending_requests_are_listed(db: TestDatabase) {
    let world = World::new(db).await;
    let mut pending = vec![];
    for number in 0..5 {
        let (resource, request) = world.submitted().await;
        if number == 2 {
            world.done(approval(&resource, &request, &world.admin)).await;
        } else {
            pending.push(request.id);
        }
    }
    let list =
        async |after, limit| world.store.pending_request_ids(world.account.id, after, limit).await.unwrap();
    assert_eq!(list(None, 10).await, pending);
    assert_eq!(list(None, 3).await, pending[..3]);
    assert_eq!(list(Some(pending[2]), 3).await, pending[3..]);
    assert_eq!(list(Some(pending[3]), 3).await, []);
}

async fn claim(store: &Store, at: i64) -> Option<Sweep> {
    store.claim_sweep(after(at), LEASE).await.unwrap()
}

/// Proves REQ-10: what is owed outlives who does it.
async fn a_sweep_is_claimed_until_its_lease_runs_out(db: TestDatabase) {
    let mut world = World::new(db).await;
    assert_eq!(claim(&world.store, 0).await, None);
    for _ in 0..2 {
        let commit = RulesCommit { sweep: true, ..world.change(vec![]) };
        assert_eq!(world.try_change(commit).await, Committed::Done);
    }
    assert_eq!(world.store.count_sweeps().await.unwrap(), 2);
    let first = claim(&world.store, 0).await.unwrap();
    let second = claim(&world.store, 1).await.unwrap();
    let mut ids = [first.sweep_id, second.sweep_id];
    ids.sort_unstable();
    assert_eq!(ids, [2, 3], "the versions that the changes made");
    assert_eq!((first.account_id, first.after), (world.account.id, None));
    assert_eq!(claim(&world.store, 59).await, None);

    // The first goes on; the second's holder is gone, and another takes it up where it was.
    let reached = RequestId(id());
    world.store.advance_sweep(&second, Some(reached), after(2), LEASE).await.unwrap();
    world.store.advance_sweep(&first, None, after(50), LEASE).await.unwrap();
    assert_eq!(claim(&world.store, 61).await, None);
    assert_eq!(claim(&world.store, 62).await, Some(Sweep { after: Some(reached), ..second }));
    assert_eq!(claim(&world.store, 63).await, None);

    world.store.finish_sweep(&second).await.unwrap();
    world.store.finish_sweep(&second).await.unwrap();
    assert_eq!(world.store.count_sweeps().await.unwrap(), 1);
    // Too late: it is not there any more.
    world.store.advance_sweep(&second, None, after(64), LEASE).await.unwrap();
    assert_eq!(claim(&world.store, 1_000).await, Some(first));
    world.store.finish_sweep(&first).await.unwrap();
    assert_eq!(claim(&world.store, 2_000).await, None);
}

async fn a_sweep_is_owed_with_the_change_or_not_at_all(db: TestDatabase) {
    let mut world = World::new(db).await;
    let stale = RulesCommit { sweep: true, rules_version: 7, ..world.change(vec![]) };
    assert_eq!(world.try_change(stale).await, Committed::Conflict);
    assert_eq!(world.store.count_sweeps().await.unwrap(), 0);
}

/// Any number of replicas: each sweep is claimed by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_the_sweeps() {
    let mut world = World::new(TestDatabase::postgres().await).await;
    for _ in 0..8 {
        let commit = RulesCommit { sweep: true, ..world.change(vec![]) };
        assert_eq!(world.try_change(commit).await, Committed::Done);
    }
    let replica = connect(&world.db).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let store = if number % 2 == 0 { world.store.clone() } else { replica.clone() };
        tasks.spawn(async move { claim(&store, 0).await });
    }
    let mut claimed: Vec<i64> =
        tasks.join_all().await.into_iter().flatten().map(|sweep| sweep.sweep_id).collect();
    // One that passed over what another held may have found nothing.
    while let Some(sweep) = claim(&world.store, 0).await {
        claimed.push(sweep.sweep_id);
    }
    claimed.sort_unstable();
    assert_eq!(claimed, (2..=9).collect::<Vec<_>>());
}

/// Proves REQ-10: the requests that a loss concerns are read before its commit, and one more may come in between.
async fn a_request_submitted_in_the_last_moment_refuses_the_loss(db: TestDatabase) {
    let mut world = World::new(db).await;
    let [approver] = approvers(&mut world).await;
    let (resource, request) = world.submitted_to(&[&approver]).await;
    let concern = Concern { members: [approver.id].into(), everything: false, areas: BTreeSet::new() };
    let read = world.store.concerned(world.account.id, &concern, 10).await.unwrap();
    let requests: Vec<RequestId> = read.iter().map(|(_, request)| request.id).collect();
    assert_eq!(requests, [request.id]);
    let outcome = settled(&resource, &request, &approver, true);
    let commit = RulesCommit {
        concerned: Some(Concerned { concern: concern.clone(), requests }),
        settled: vec![settle(outcome.clone())],
        ..world.change(vec![revoked(&approver)])
    };
    let (_, late) = world.submitted_to(&[&approver]).await;
    assert_eq!(world.try_change(commit.clone()).await, Committed::Conflict);
    assert_eq!(request_of(&world, request.id).await, request, "nothing of it is left");

    let read = world.store.concerned(world.account.id, &concern, 10).await.unwrap();
    let late_resource = read[1].0.clone();
    let late_outcome = settled(&late_resource, &late, &approver, true);
    let mut settled = commit.settled.clone();
    settled.push(settle(late_outcome.clone()));
    let requests = vec![request.id, late.id];
    let commit = RulesCommit { concerned: Some(Concerned { concern, requests }), settled, ..commit };
    assert_eq!(world.try_change(commit).await, Committed::Done);
}
