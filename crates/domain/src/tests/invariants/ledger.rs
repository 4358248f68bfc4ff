//! The books: what a database would hold, and what must hold of every change of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    super::builders::*,
    tries::{Step, Try},
};
use crate::{
    Action, ActorRef, Area, Digest, Kind, LaunchMode, Lifecycle, Lifecycles, MemberId, MemberState, Outcome,
    Refusal, Request, RequestId, RequestState, RequestWrite, Resource, Review, ReviewWrite, RulesChange,
    RulesWrite, Schedule, State, SystemRole, Timestamp,
    decide::{self, Approve, Cancel, Reject},
    edit::Edit,
    history::{HistoryEntry, HistoryEvent, told::Told},
    loss::{self, Concern},
    membership::{self, MemberChange},
    outcome::EventKind,
    perform::PerformAction,
    policy::{self, Cancellation, PolicyChange},
    request::{Decision, ExpiryReason},
    resource::{ApprovalStatus, Lock},
    rules::RulesAfter,
};

/// What a database would hold.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    world: World,
    pub(super) resource: Resource,
    requests: Vec<Request>,
    history: Vec<HistoryEntry>,
    told: Told,
    reviews: Vec<Review>,
    made: u128,
    /// Every revision that ever was, also of content that was discarded.
    revisions: BTreeMap<i64, Digest>,
}

impl Ledger {
    /// A resource in one of its lifecycle's states.
    pub(super) fn new(kind: Kind, state: usize, required_approvals: u8, allow_self_approval: bool) -> Self {
        let world = World::new().with_journeys().with(|policy| {
            policy.required_approvals = required_approvals;
            policy.allow_self_approval = allow_self_approval;
            policy.cancellation = Cancellation::Writers;
            policy.request_max_age = Some(Duration::from_hours(40));
            policy.reminder_after = Some(Duration::from_hours(9));
        });
        let live = content("first", 1);
        let revisions = BTreeMap::from([(1, live.digest.clone())]);
        let lifecycle = world.lifecycles.newest(&kind).unwrap();
        let (states, lifecycle_version) = (lifecycle.states(), lifecycle.version);
        let state = states[state % states.len()].clone();
        let launch_mode = (kind == Kind::CAMPAIGN && state != State::DRAFT).then_some(LaunchMode::Active);
        let resource = Resource {
            version: 1,
            live,
            staged: None,
            launch_mode,
            lifecycle_version,
            ..resource(kind, state)
        };
        Self {
            told: Told::of(&resource),
            world,
            resource,
            requests: Vec::new(),
            history: Vec::new(),
            reviews: Vec::new(),
            made: 1000,
            revisions,
        }
    }

    fn lifecycle(&self) -> &Lifecycle {
        self.world.lifecycles.of(&self.resource).unwrap()
    }

    pub(super) fn lifecycles(&self) -> &Lifecycles {
        &self.world.lifecycles
    }

    fn area(&self) -> Area {
        self.lifecycle().area.clone()
    }

    pub(super) fn pending(&self) -> Option<Pending> {
        let request = self.requests.iter().find(|request| request.state == RequestState::Pending)?;
        Some(Pending { resource: self.resource.clone(), request: request.clone() })
    }

    /// The newest request, pending or not: the losers' tries.
    fn newest(&self) -> Option<Pending> {
        let request = self.requests.last()?.clone();
        Some(Pending { resource: self.resource.clone(), request })
    }

    pub(super) fn run(&mut self, step: &Step) {
        match step {
            Step::Wait(hours) => self.world.now = self.world.now.plus(Duration::from_hours(*hours)),
            Step::Timers => self.timers(),
            Step::Try(who, Try::Switch(enabled)) => self.switch(*who, *enabled),
            Step::Try(who, Try::Revoke(of)) => self.change_member(*who, *of, None),
            Step::Try(who, Try::GiveRight(given)) => self.change_member(*who, Who::Editor, Some(*given)),
            Step::Try(who, it) => match self.attempt(*who, it, &self.resource, self.newest()) {
                Some(Ok(outcome)) => self.commit(*who, outcome),
                Some(Err(refusal)) => self.check_refusal(*who, it, &refusal),
                None => {}
            },
        }
    }

    fn timers(&mut self) {
        if let Some(outcome) = self.pending().and_then(|pending| self.world.expire(&pending)) {
            self.commit(Who::Timer, outcome);
        }
        if let Some(outcome) = self.pending().and_then(|pending| self.world.remind(&pending)) {
            self.commit(Who::Timer, outcome);
            let again = self.pending().and_then(|pending| self.world.remind(&pending));
            assert!(again.is_none(), "NOT-8: reminded twice");
        }
        while let Some(outcome) = self.world.fire(&self.resource) {
            self.commit(Who::Timer, outcome);
        }
    }

    fn switch(&mut self, who: Who, enabled: bool) {
        let change = PolicyChange { enabled: Some(enabled), ..PolicyChange::default() };
        let area = self.area();
        let pending = u64::from(self.pending().is_some());
        let result = self.world.act(who, |context| policy::change(context, &area, pending, &change));
        if let Ok((policy, _)) = result {
            let change = RulesChange::of(RulesWrite::Policy(policy.clone()));
            let concern = self.concern(who, &change);
            *self.world.policy_mut(&area) = policy;
            self.settle(&concern);
        }
    }

    /// Revokes `of`, or gives or takes the approval right.
    fn change_member(&mut self, who: Who, of: Who, right: Option<bool>) {
        let Some(index) = self.world.members.iter().position(|member| member.id == of.id()) else { return };
        let member = self.world.members[index].clone();
        let result = self.world.act(who, |context| {
            if right.is_none() {
                return membership::revoke(context, &member, None);
            }
            let change = MemberChange { approval_right: right, ..MemberChange::default() };
            membership::update(context, &member, change)
        });
        if let Ok(changed) = result {
            self.change_rules(who, index, changed);
        }
        let admins = self.active().filter(|member| member.system_role == Some(SystemRole::Admin)).count();
        assert!(admins > 0, "ACC-11: no Admin is left");
    }

    /// The member changes, and what their loss of a right means for the pending request is settled (REQ-10).
    fn change_rules(&mut self, who: Who, index: usize, changed: crate::Member) {
        let change = RulesChange::update_member(&self.world.members[index], changed.clone());
        let concern = self.concern(who, &change);
        self.world.members[index] = changed;
        self.settle(&concern);
    }

    fn concern(&self, who: Who, change: &RulesChange) -> Concern {
        self.world.act(who, |before| {
            let after = RulesAfter::of(before, change);
            loss::concern(before, &after.context(before))
        })
    }

    /// What the change of the rules means for the pending request (REQ-10, POL-2).
    fn settle(&mut self, concern: &Concern) {
        let Some(pending) = self.pending() else { return };
        let settle = |world: &World, pending: &Pending| {
            world.act(Who::Timer, |context| loss::settle(context, &pending.resource, &pending.request))
        };
        let Some(outcome) = settle(&self.world, &pending) else { return };
        let assigned = pending.request.assigned().any(|id| concern.members.contains(&id));
        let off = concern.areas.contains(&pending.request.area);
        assert!(assigned || concern.everything || off, "REQ-10: a request is not found that must be settled");
        self.commit(Who::Timer, outcome);
        assert!(self.pending().and_then(|pending| settle(&self.world, &pending)).is_none(), "settled twice");
    }

    fn active(&self) -> impl Iterator<Item = &crate::Member> {
        self.world.members.iter().filter(|member| member.state == MemberState::Active)
    }

    /// ACC-10, written out once more.
    fn approvers(&self) -> BTreeSet<MemberId> {
        self.active()
            .filter(|member| match member.system_role {
                Some(SystemRole::Admin | SystemRole::Approver) => true,
                Some(SystemRole::Editor) => member.approval_right,
                _ => false,
            })
            .map(|member| member.id)
            .collect()
    }

    /// Runs `it` on `resource` and `newest`; none where there is nothing to try it on.
    fn attempt(
        &self,
        who: Who,
        it: &Try,
        resource: &Resource,
        newest: Option<Pending>,
    ) -> Option<Result<Outcome, Refusal>> {
        let newest = newest.map(|newest| Pending { resource: resource.clone(), ..newest });
        let world = &self.world;
        let winner = |named: bool| named.then(|| "A".to_owned());
        match it {
            Try::Perform { action, mode, approvers, winner: named } => {
                let mut allowed = self.lifecycle().allowed(&resource.state);
                if allowed.len() > 1 && action % 4 > 0 {
                    // What ends a resource's life ends the walk: seldom.
                    let last = [Action::DELETE, Action::ARCHIVE, Action::known("REMOVE")];
                    allowed.retain(|action| !last.contains(action));
                }
                let action = (*allowed.get(action % allowed.len().max(1))?).clone();
                let launch = action == Action::LAUNCH;
                let command = PerformAction {
                    launch_mode: mode.filter(|_| launch),
                    winner: winner(*named),
                    request_id: RequestId(uuid::Uuid::from_u128(self.made)),
                    ..asking(action, approvers)
                };
                Some(world.perform(who, resource, &command))
            }
            Try::PerformAny(index) => {
                let all: Vec<&Action> = world
                    .lifecycles
                    .all()
                    .flat_map(|it| it.transitions.iter().map(|row| &row.action))
                    .collect();
                let command = doing(all[index % all.len()].clone());
                let command =
                    PerformAction { request_id: RequestId(uuid::Uuid::from_u128(self.made)), ..command };
                Some(world.perform(who, resource, &command))
            }
            Try::Approve { winner: named } => {
                let command = Approve { winner: winner(*named), ..Approve::default() };
                Some(world.approve_with(who, &newest?, &command))
            }
            Try::Reject { note } => {
                let note = if *note { "no".into() } else { String::new() };
                Some(world.reject_with(who, &newest?, &Reject { note, ..Reject::default() }))
            }
            Try::Cancel => {
                let newest = newest?;
                Some(world.act(who, |context| {
                    decide::cancel(context, &newest.resource, &newest.request, &Cancel::default())
                }))
            }
            Try::Comment => Some(world.comment(who, &newest?, "why?")),
            Try::Reassign(approvers) => Some(world.reassign(who, &newest?, approvers)),
            Try::Bypass(action) => {
                let allowed = self.lifecycle().allowed(&resource.state);
                let action = (*allowed.get(action % allowed.len().max(1))?).clone();
                let open = self
                    .reviews
                    .iter()
                    .find(|review| review.closed.is_none() && review.bypassed_by.member_id == Some(who.id()));
                Some(world.bypass(who, resource, open, action))
            }
            Try::CloseReview => Some(world.close_review(who, resource, self.reviews.last()?)),
            Try::Edit { content: text, start } => {
                let start = start.map(|hours| self.world.now.plus(Duration::from_hours(hours)));
                let end = start.map(|start| start.plus(Duration::from_hours(24)));
                let edit = Edit {
                    content: text.map(|text| content(&text.to_string(), 0)),
                    schedule: start.map(|start| Schedule { start: Some(start), end }),
                    ..Edit::default()
                };
                Some(world.update(who, resource, edit))
            }
            Try::Switch(_) | Try::Revoke(_) | Try::GiveRight(_) => None,
        }
    }

    /// A refusal depends on state, lock, version, schedule, variants and rights, and on nothing else; to who may not read
    /// the resource, on nothing of it at all.
    fn check_refusal(&self, who: Who, it: &Try, refusal: &Refusal) {
        let disguised = Resource {
            external_id: "other".into(),
            title: "Other".into(),
            owner: Who::Member.id(),
            live: content("other", 99),
            staged: self.resource.staged.as_ref().map(|_| content("other", 98)),
            winner: Some("B".into()),
            approval_status: ApprovalStatus::None,
            created_at: after_hours(0),
            updated_at: after_hours(0),
            ..self.resource.clone()
        };
        let newest = self.newest().map(|newest| Pending {
            request: Request {
                resource_title: "Other".into(),
                note: "other".into(),
                change: None,
                created_at: after_hours(0),
                ..newest.request
            },
            ..newest
        });
        let again = self.attempt(who, it, &disguised, newest);
        assert_eq!(again.as_ref(), Some(&Err(refusal.clone())), "{who:?} tried {it:?}");
    }

    fn commit(&mut self, who: Who, outcome: Outcome) {
        let before = self.resource.clone();
        check_versions(self, &before, &outcome, who);
        check_identity(&before, &outcome.resource);
        self.check_recipients(who, &outcome);
        self.check_what_changed(&before, &outcome);
        for content in [Some(&outcome.resource.live), outcome.resource.staged.as_ref()].into_iter().flatten()
        {
            let known = self.revisions.entry(content.revision).or_insert_with(|| content.digest.clone());
            assert_eq!(*known, content.digest, "revision {} was used twice", content.revision);
        }
        self.told.follow(&outcome.history.fields());
        assert_eq!(self.told.compare(&outcome.resource), None, "HIS-5: history does not tell the resource");
        self.resource = outcome.resource;
        self.history.push(outcome.history);
        match outcome.request {
            Some(RequestWrite::Insert(request)) => {
                assert!(self.pending().is_none(), "REQ-2: two requests pending at once");
                assert_eq!((request.version, &request.state), (1, &RequestState::Pending));
                assert!(request.deadline.is_none_or(|deadline| deadline > self.world.now), "born expired");
                self.made += 1;
                self.requests.push(request);
            }
            Some(RequestWrite::Update { request, decision, anew, lost, voided }) => {
                self.update_request(request, decision, anew, (&lost, &voided));
            }
            Some(RequestWrite::Reassign { request, removed, voided }) => {
                self.reassign_request(request, &removed, &voided);
            }
            Some(RequestWrite::Noted(request)) => {
                let before = self.requests.last_mut().unwrap();
                assert_eq!(before.state, RequestState::Pending, "REQ-4: an ended request changed");
                let reminded = request.remind_at != before.remind_at;
                assert!(
                    !reminded || before.remind_at.is_some_and(|at| at <= self.world.now),
                    "NOT-8: reminded too early"
                );
                let (remind_at, comments) = (request.remind_at, before.comments + u16::from(!reminded));
                assert_eq!(request, Request { remind_at, comments, ..before.clone() });
                *before = request;
            }
            None if outcome.review.is_some() => {}
            None => assert!(before.lock.is_none(), "LIF-20: a locked resource changed"),
        }
        match outcome.review {
            Some(ReviewWrite::Open(review)) => {
                let open = self.reviews.iter().filter(|it| it.closed.is_none());
                let twice =
                    open.filter(|it| it.bypassed_by.member_id == review.bypassed_by.member_id).count();
                assert_eq!((twice, review.closed.is_none()), (0, true), "POL-8: bypassed before the review");
                assert!(before.lock.is_none(), "LIF-20: a locked resource was bypassed");
                self.reviews.push(*review);
            }
            Some(ReviewWrite::Close(review)) => {
                let open = self.reviews.last_mut().unwrap();
                let by = review.closed.as_ref().unwrap().by.member_id;
                assert_ne!(by, open.bypassed_by.member_id, "POL-8: reviewed by who bypassed");
                assert_eq!((open.closed.is_none(), review.id), (true, open.id), "POL-8: closed twice");
                *open = *review;
            }
            None => {}
        }
        self.check_lock();
    }

    fn reassign_request(&mut self, request: Request, removed: &[MemberId], voided: &[ActorRef]) {
        let (approvers, now) = (self.approvers(), self.world.now);
        let before = self.requests.last_mut().unwrap();
        assert_eq!(before.state, RequestState::Pending, "REQ-4: an ended request changed");
        assert!(
            request.assigned().all(|id| approvers.contains(&id)),
            "REQ-6: somebody who is no approver is asked"
        );
        let kept = |id: MemberId| request.is_assigned(id);
        let gone: Vec<MemberId> =
            before.assignments.iter().map(|it| it.member).filter(|id| !kept(*id)).collect();
        assert_eq!(gone, removed);
        let (assignments, version) = (request.assignments.clone(), before.version + 1);
        let decisions = voided_at(before.decisions.clone(), voided, now);
        assert_eq!(request, Request { assignments, decisions, version, ..before.clone() });
        *before = request;
    }

    fn update_request(
        &mut self,
        request: Request,
        decision: Option<Decision>,
        anew: bool,
        (lost, voided): (&[ActorRef], &[ActorRef]),
    ) {
        let now = self.world.now;
        let before = self.requests.last_mut().unwrap();
        assert_eq!(before.state, RequestState::Pending, "REQ-4: an ended request changed");
        let mut decisions = voided_at(before.decisions.clone(), voided, now);
        if let Some(decision) = &decision {
            decisions.retain(|earlier| earlier.holds() || earlier.by.member_id != decision.by.member_id);
        }
        assert_eq!(anew, decisions.len() < before.decisions.len(), "REQ-22: anew, or not");
        decisions.extend(decision);
        let deciders: BTreeSet<_> = decisions.iter().map(|decision| decision.by.member_id).collect();
        assert_eq!(deciders.len(), decisions.len(), "POL-3: somebody counted twice");
        let mut assignments = before.assignments.clone();
        for assignment in &mut assignments {
            if lost.iter().any(|actor| actor.member_id == Some(assignment.member)) {
                assert_eq!(assignment.expired_at, None, "REQ-10: an assignment was lost twice");
                assignment.expired_at = Some(now);
            }
        }
        let expected = Request {
            assignments,
            state: request.state.clone(),
            version: before.version + 1,
            decisions,
            ..before.clone()
        };
        assert_eq!(request, expected, "a change of a request touched what was submitted");
        let approved = matches!(request.state, RequestState::Approved { .. });
        let enough = request.approvals() == usize::from(request.required_approvals);
        assert_eq!(approved, enough, "POL-3: approved without enough approvals, or not with them");
        *before = request;
    }

    /// Locked exactly while a request is pending, by that request.
    fn check_lock(&self) {
        let lock = self.pending().map(|Pending { request, .. }| Lock {
            request_id: request.id,
            label: request.pending_label,
            action: request.action,
        });
        assert_eq!(self.resource.lock, lock);
        let shown = self.resource.approval_status == ApprovalStatus::ApprovalPending;
        assert_eq!(shown, lock.is_some(), "LIF-23");
    }

    /// LIF-20: what is in force changes only by an edit, an applied action, an approval or the clock.
    fn check_what_changed(&self, before: &Resource, outcome: &Outcome) {
        use HistoryEvent as E;
        let (after, event) = (&outcome.resource, outcome.history.event);
        let applies = matches!(event, E::Applied | E::Bypassed | E::EmergencyBypassed | E::Approved);
        if before.state != after.state {
            let timed = matches!(event, E::Started | E::Completed | E::ApprovalVoided);
            assert!(applies || timed, "{event:?} changed the state");
        }
        if before.live != after.live {
            let direct = matches!(event, E::Edited | E::ApprovalVoided)
                && [State::DRAFT, State::SCHEDULED, State::known("PLANNED")].contains(&before.state);
            assert!(applies || direct, "{event:?} changed the live content");
        }
        let enabled = self.world.policy(&self.area()).enabled;
        let action = outcome.history.action.as_ref();
        let row = action.and_then(|action| self.lifecycle().transition(&before.state, action));
        if event == E::Applied && row.is_some_and(|row| row.pending.is_some()) {
            let free = matches!(after.launch_mode, Some(LaunchMode::Test | LaunchMode::Passive));
            assert!(!enabled || free, "POL-1: a gated action was applied");
        }
        if event == E::EmergencyBypassed {
            let admin = self.active().find(|it| Some(it.id) == outcome.history.actor.member_id);
            assert!(admin.is_some_and(crate::Member::is_admin), "POL-8: bypassed by no Admin");
            assert!(enabled && row.is_some_and(|row| row.pending.is_some()), "POL-8: nothing to bypass");
        }
        if event == E::Bypassed {
            let right = outcome.history.actor.member_id.is_some_and(|id| self.approvers().contains(&id));
            assert!(right && before.kind == Kind::CAMPAIGN, "POL-5: bypassed without the right");
        }
    }

    /// NOT-1 … NOT-6 and NOT-10, as sets.
    fn check_recipients(&self, who: Who, outcome: &Outcome) {
        let told: Vec<MemberId> = outcome.event.recipients.iter().map(|it| it.member_id).collect();
        let set: BTreeSet<MemberId> = told.iter().copied().collect();
        assert_eq!(set.len(), told.len(), "NOT-10: somebody is told twice");
        let active: BTreeSet<MemberId> = self.active().map(|member| member.id).collect();
        let mut expected = BTreeSet::new();
        if let Some(request) = outcome.request.as_ref().map(RequestWrite::request) {
            let self_approval = self.world.policy(&request.area).allow_self_approval;
            let asked: BTreeSet<MemberId> =
                if request.has_chosen_approvers() { request.assigned().collect() } else { self.approvers() };
            let asked: BTreeSet<MemberId> =
                asked.into_iter().filter(|id| self_approval || !request.submitted_by(*id)).collect();
            let awaited = asked.iter().copied().filter(|id| !request.decided_by(*id));
            let submitter = request.submitter.member_id;
            match outcome.event.kind {
                EventKind::RequestSubmitted => {
                    expected.extend(asked);
                    if request.area != Area::CAMPAIGNS {
                        expected.extend(self.approvers().into_iter().filter(|id| !request.submitted_by(*id)));
                    }
                }
                EventKind::RequestApproved | EventKind::RequestRejected => {
                    expected.extend(submitter);
                    if request.area != Area::CAMPAIGNS {
                        let admins = self.active().filter(|it| it.system_role == Some(SystemRole::Admin));
                        expected.extend(admins.map(|admin| admin.id));
                    }
                }
                EventKind::RequestCancelled => {
                    expected.extend(submitter);
                    expected.insert(outcome.resource.owner);
                    expected.extend(request.assigned());
                    expected.remove(&who.id());
                }
                EventKind::RequestReminded | EventKind::RequestReassigned => expected.extend(awaited),
                EventKind::RequestCommented => {
                    if !asked.contains(&who.id()) {
                        expected.extend(asked);
                    }
                    expected.extend(submitter);
                    expected.remove(&who.id());
                }
                EventKind::RequestAssignmentExpired => expected.extend(submitter),
                EventKind::RequestExpired => {
                    expected.extend(submitter);
                    let deadline =
                        matches!(request.state, RequestState::Expired { reason: ExpiryReason::Deadline, .. });
                    expected.extend(asked.into_iter().filter(|_| deadline));
                }
                _ => {}
            }
        }
        match &outcome.review {
            Some(ReviewWrite::Open(_)) => {
                expected.extend(self.approvers());
                expected.remove(&who.id());
            }
            Some(ReviewWrite::Close(review)) => expected.extend(review.bypassed_by.member_id),
            None => {}
        }
        expected.retain(|id| active.contains(id));
        assert_eq!(set, expected, "{:?} by {who:?}", outcome.event.kind);
    }
}

/// REQ-22: the decisions that counted until now, and don't any more.
fn voided_at(mut decisions: Vec<Decision>, voided: &[ActorRef], now: Timestamp) -> Vec<Decision> {
    for who in voided {
        let theirs = decisions.iter_mut().find(|decision| decision.by.member_id == who.member_id).unwrap();
        assert_eq!(theirs.voided_at, None, "REQ-22: a decision was voided twice");
        theirs.voided_at = Some(now);
    }
    decisions
}

/// One outcome, one version, one history entry, in a chain without gaps.
fn check_versions(ledger: &Ledger, before: &Resource, outcome: &Outcome, who: Who) {
    let (after, history) = (&outcome.resource, &outcome.history);
    assert_eq!(after.version, before.version + 1);
    assert_eq!(history.sequence, after.version);
    assert_eq!((history.account_id, history.resource_id), (after.account_id, after.id));
    assert_eq!((history.from.as_ref(), &history.to), (Some(&before.state), &after.state));
    assert_eq!((history.at, after.updated_at), (ledger.world.now, ledger.world.now));
    assert_eq!(history.actor, who.as_ref(), "HIS-1: history names somebody else");
    let request = outcome.request.as_ref().map(|write| write.request().id);
    assert_eq!(history.request_id, request);
}

fn check_identity(before: &Resource, after: &Resource) {
    let identity = |it: &Resource| {
        (it.account_id, it.id, it.kind.clone(), it.external_id.clone(), it.owner, it.created_at)
    };
    assert_eq!(identity(before), identity(after));
}
