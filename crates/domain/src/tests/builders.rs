//! A small account to act in: one member of every role, both workflows on, and shorthands for every command.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;
use uuid::Uuid;

use crate::{
    Account, AccountId, AccountState, Action, Actor, ActorRef, Area, Audience, Content, Context, Directory,
    Feature, Kind, LaunchMode, Member, MemberId, MemberState, Outcome, Policies, Policy, Refusal, Request,
    RequestId, Resource, ResourceId, Review, ReviewId, Role, Roles, Schedule, State, SystemRole, Timestamp,
    Violation,
    conversation::{self, Reassign},
    decide::{self, Approve, Cancel, Reject},
    edit::{self, Edit, Register},
    lifecycle::{
        Definition, EditRule, Lifecycles, OWN, PendingLabel, Registered, Target, Timed, TimedAt, Transition,
    },
    perform::{self, PerformAction},
    policy::{Cancellation, PolicyChange},
    resource::ApprovalStatus,
    review, timer,
};

/// The time at which most tests act.
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
pub(super) const ACCOUNT: AccountId = AccountId(Uuid::from_u128(1));
pub(super) const RESOURCE: ResourceId = ResourceId(Uuid::from_u128(2));
pub(super) const REQUEST: RequestId = RequestId(Uuid::from_u128(3));
pub(super) const REVIEW: ReviewId = ReviewId(Uuid::from_u128(4));
pub(super) const CREATED: Timestamp = Timestamp(NOW.0 - 1_000_000);

/// `hours` from [`NOW`].
pub(super) fn after_hours(hours: u64) -> Timestamp {
    NOW.plus(Duration::from_hours(hours))
}

/// Everybody who tries something in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Admin,
    SecondAdmin,
    Creator,
    Member,
    Approver,
    SecondApprover,
    Editor,
    EditorWithRight,
    /// Was an Admin, has no access any more.
    Revoked,
    /// A member without any role.
    Roleless,
    /// No member of the account.
    Stranger,
    /// Countersign itself.
    Timer,
}

impl Who {
    pub(super) const MEMBERS: [Self; 10] = [
        Self::Admin,
        Self::SecondAdmin,
        Self::Creator,
        Self::Member,
        Self::Approver,
        Self::SecondApprover,
        Self::Editor,
        Self::EditorWithRight,
        Self::Revoked,
        Self::Roleless,
    ];

    /// One of each right, members and others: the rows of the access tests.
    pub(super) const EACH: [Self; 10] = [
        Self::Admin,
        Self::Creator,
        Self::Member,
        Self::Approver,
        Self::Editor,
        Self::EditorWithRight,
        Self::Revoked,
        Self::Roleless,
        Self::Stranger,
        Self::Timer,
    ];

    pub(super) fn id(self) -> MemberId {
        MemberId(Uuid::from_u128(100 + self as u128))
    }

    /// What history says of them.
    pub(super) fn as_ref(self) -> ActorRef {
        match self {
            Self::Stranger | Self::Timer => ActorRef::countersign(),
            _ => ActorRef { member_id: Some(self.id()), name: format!("{self:?}"), service: None },
        }
    }

    pub(super) fn role(self) -> Option<SystemRole> {
        match self {
            Self::Admin | Self::SecondAdmin | Self::Revoked => Some(SystemRole::Admin),
            Self::Creator => Some(SystemRole::Creator),
            Self::Member => Some(SystemRole::Member),
            Self::Approver | Self::SecondApprover => Some(SystemRole::Approver),
            Self::Editor | Self::EditorWithRight => Some(SystemRole::Editor),
            Self::Roleless | Self::Stranger | Self::Timer => None,
        }
    }

    /// Rights written out, not asked of the code under test.
    pub(super) fn may_read(self) -> bool {
        !matches!(self, Self::Revoked | Self::Roleless | Self::Stranger | Self::Timer)
    }

    pub(super) fn may_write(self) -> bool {
        self.may_read() && self != Self::Member
    }

    pub(super) fn may_approve(self) -> bool {
        matches!(
            self,
            Self::Admin | Self::SecondAdmin | Self::Approver | Self::SecondApprover | Self::EditorWithRight
        )
    }
}

pub(super) fn member(who: Who) -> Member {
    Member {
        account_id: ACCOUNT,
        id: who.id(),
        email: format!("{who:?}@example.com").to_lowercase(),
        display_name: format!("{who:?}"),
        locale: "en".into(),
        time_zone: None,
        system_role: who.role(),
        roles: Vec::new(),
        approval_right: who == Who::EditorWithRight,
        state: if who == Who::Revoked { MemberState::Revoked } else { MemberState::Active },
        version: 1,
        created_at: CREATED,
    }
}

/// The account, its rules and its clock.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) account: Account,
    pub(super) campaigns: Policy,
    pub(super) experiences: Policy,
    /// Those of areas of the account's own.
    pub(super) own: Vec<Policy>,
    pub(super) lifecycles: Lifecycles,
    pub(super) roles: Roles,
    pub(super) members: Vec<Member>,
    pub(super) now: Timestamp,
}

impl World {
    /// Both features, both workflows on, everything else at its default.
    pub(super) fn new() -> Self {
        let on = |area| Policy { enabled: true, ..Policy::default_of(area) };
        Self {
            account: Account {
                id: ACCOUNT,
                name: "Example".into(),
                features: BTreeSet::from(Feature::ALL),
                state: AccountState::Active,
                time_zone: None,
                rules_version: 1,
                created_at: CREATED,
            },
            campaigns: on(Area::CAMPAIGNS),
            experiences: on(Area::PRODUCT_EXPERIENCES),
            own: Vec::new(),
            lifecycles: Lifecycles::default(),
            roles: Roles::default(),
            members: Who::MEMBERS.into_iter().map(member).collect(),
            now: NOW,
        }
    }

    /// As [`new`](Self::new), and with a kind of the account's own, whose workflow is on too: journeys (LIF-24).
    pub(super) fn with_journeys(mut self) -> Self {
        let lifecycle = journeys().lifecycle(1);
        self.own = vec![Policy { enabled: true, ..Policy::default_of(lifecycle.area.clone()) }];
        let registered = Registered { lifecycle, by: Who::Admin.as_ref(), at: CREATED, retired: None };
        self.lifecycles = Lifecycles::new([registered]);
        self
    }

    /// Both workflows off.
    pub(super) fn off() -> Self {
        Self::new().with(|policy| policy.enabled = false)
    }

    /// Changes the policy of both areas.
    pub(super) fn with(mut self, change: impl Fn(&mut Policy)) -> Self {
        change(&mut self.campaigns);
        change(&mut self.experiences);
        self.own.iter_mut().for_each(change);
        self
    }

    /// Cancelling is open to writers in both areas, and every request has a deadline.
    pub(super) fn with_every_ending() -> Self {
        Self::new().with(|policy| {
            policy.cancellation = Cancellation::Writers;
            policy.request_max_age = Some(Duration::from_hours(12));
        })
    }

    pub(super) fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Only these members are left.
    pub(super) fn only(mut self, who: &[Who]) -> Self {
        self.members = who.iter().copied().map(member).collect();
        self
    }

    pub(super) fn policy(&self, area: &Area) -> &Policy {
        let own = self.own.iter().find(|policy| policy.area == *area);
        own.unwrap_or(if *area == Area::CAMPAIGNS { &self.campaigns } else { &self.experiences })
    }

    pub(super) fn policy_mut(&mut self, area: &Area) -> &mut Policy {
        let own = self.own.iter_mut().find(|policy| policy.area == *area);
        own.unwrap_or(if *area == Area::CAMPAIGNS { &mut self.campaigns } else { &mut self.experiences })
    }

    /// Runs `act` as `who`. The directory's list of approvers holds a revoked Admin too: the rules must pass them over.
    pub(super) fn act<T>(&self, who: Who, act: impl FnOnce(&Context<'_>) -> T) -> T {
        let actor = match who {
            Who::Stranger => Actor::Stranger,
            Who::Timer => Actor::Countersign,
            _ => Actor::Member {
                member: self
                    .members
                    .iter()
                    .find(|member| member.id == who.id())
                    .cloned()
                    .unwrap_or_else(|| member(who)),
                service: None,
            },
        };
        self.act_as(&actor, act)
    }

    pub(super) fn act_as<T>(&self, actor: &Actor, act: impl FnOnce(&Context<'_>) -> T) -> T {
        let (approvers, named) = self.members.iter().cloned().partition(|member| {
            member.approval_right
                || matches!(member.system_role, Some(SystemRole::Admin | SystemRole::Approver))
                || member.roles.iter().any(|id| self.roles.get(*id).is_some_and(Role::approves))
        });
        act(&Context {
            account: &self.account,
            policies: &Policies::new(
                self.lifecycles.own_areas().cloned(),
                [&self.campaigns, &self.experiences].into_iter().chain(&self.own).cloned(),
            ),
            lifecycles: &self.lifecycles,
            roles: &self.roles,
            directory: &Directory::new(Arc::new(approvers), named),
            actor,
            now: self.now,
        })
    }

    pub(super) fn perform(
        &self,
        who: Who,
        resource: &Resource,
        command: &PerformAction,
    ) -> Result<Outcome, Refusal> {
        self.act(who, |context| perform::perform(context, resource, None, command))
    }

    pub(super) fn approve_with(
        &self,
        who: Who,
        pending: &Pending,
        command: &Approve,
    ) -> Result<Outcome, Refusal> {
        self.act(who, |context| decide::approve(context, &pending.resource, &pending.request, command))
    }

    pub(super) fn approve(&self, who: Who, pending: &Pending) -> Result<Outcome, Refusal> {
        self.approve_with(who, pending, &Approve::default())
    }

    pub(super) fn reject_with(
        &self,
        who: Who,
        pending: &Pending,
        command: &Reject,
    ) -> Result<Outcome, Refusal> {
        self.act(who, |context| decide::reject(context, &pending.resource, &pending.request, command))
    }

    pub(super) fn reject(&self, who: Who, pending: &Pending) -> Result<Outcome, Refusal> {
        self.reject_with(who, pending, &Reject { note: "no".into(), ..Reject::default() })
    }

    pub(super) fn cancel(&self, who: Who, pending: &Pending) -> Result<Outcome, Refusal> {
        self.act(who, |context| {
            decide::cancel(context, &pending.resource, &pending.request, &Cancel::default())
        })
    }

    pub(super) fn expire(&self, pending: &Pending) -> Option<Outcome> {
        self.act(Who::Timer, |context| decide::expire(context, &pending.resource, &pending.request))
    }

    pub(super) fn comment(&self, who: Who, pending: &Pending, text: &str) -> Result<Outcome, Refusal> {
        self.act(who, |context| conversation::comment(context, &pending.resource, &pending.request, text))
    }

    pub(super) fn reassign(
        &self,
        who: Who,
        pending: &Pending,
        approvers: &[Who],
    ) -> Result<Outcome, Refusal> {
        let approvers = approvers.iter().map(|who| who.id()).collect();
        let command = Reassign { approvers, ..Reassign::default() };
        self.act(who, |context| {
            conversation::reassign(context, &pending.resource, &pending.request, &command)
        })
    }

    pub(super) fn remind(&self, pending: &Pending) -> Option<Outcome> {
        self.act(Who::Timer, |context| conversation::remind(context, &pending.resource, &pending.request))
    }

    /// `action`, in an emergency.
    pub(super) fn bypass(
        &self,
        who: Who,
        resource: &Resource,
        open: Option<&Review>,
        action: Action,
    ) -> Result<Outcome, Refusal> {
        let command = PerformAction { emergency_reason: "it burns".into(), ..doing(action) };
        self.act(who, |context| perform::perform(context, resource, open, &command))
    }

    pub(super) fn close_review(
        &self,
        who: Who,
        resource: &Resource,
        review: &Review,
    ) -> Result<Outcome, Refusal> {
        self.act(who, |context| review::close(context, resource, review, "looked at"))
    }

    pub(super) fn fire(&self, resource: &Resource) -> Option<Outcome> {
        self.act(Who::Timer, |context| timer::fire(context, resource))
    }

    pub(super) fn update(&self, who: Who, resource: &Resource, edit: Edit) -> Result<Outcome, Refusal> {
        self.act(who, |context| edit::update(context, resource, edit))
    }

    pub(super) fn register(&self, who: Who, command: Register) -> Result<Outcome, Refusal> {
        self.act(who, |context| edit::register(context, command))
    }

    pub(super) fn change_policy(
        &self,
        who: Who,
        area: &Area,
        change: &PolicyChange,
    ) -> Result<(Policy, Vec<crate::rules::Told>), Refusal> {
        self.act(who, |context| crate::policy::change(context, area, 0, change))
    }

    /// `who` submits `command`, which must need approval.
    pub(super) fn submit(&self, who: Who, resource: &Resource, command: &PerformAction) -> Pending {
        Pending::after(self.perform(who, resource, command).unwrap())
    }

    /// A Creator submits the launch of a campaign.
    pub(super) fn launch_by_creator(&self) -> Pending {
        self.submit(Who::Creator, &campaign(), &doing(Action::LAUNCH))
    }
}

/// A resource and the newest request on it.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) resource: Resource,
    pub(super) request: Request,
}

impl Pending {
    /// What `outcome` left.
    pub(super) fn after(outcome: Outcome) -> Self {
        let request = outcome.request.expect("the action was applied at once").request().clone();
        Self { resource: outcome.resource, request }
    }
}

pub(super) fn content(text: &str, revision: i64) -> Content {
    Content::new(&json!({ "text": text }), revision).unwrap()
}

/// A lifecycle that an account could register: planned for a time, edited while it runs, held, over at its end.
pub(super) fn journeys() -> Definition {
    let [draft, planned, live, held, over, gone] =
        ["DRAFT", "PLANNED", "UNDER_WAY", "HELD", "OVER", "GONE"].map(State::known);
    let row = |from: &[&State], action, pending: &'static str, target| Transition {
        rule: OWN,
        from: from.iter().map(|state| (*state).clone()).collect(),
        action: Action::known(action),
        pending: (!pending.is_empty()).then(|| PendingLabel::known(pending)),
        target,
    };
    let to = |state: &State| Target::State(state.clone());
    Definition {
        kind: Kind::known("journey"),
        area: Area::given("JOURNEYS"),
        transitions: vec![
            row(&[&draft], "PLAN", "PLAN_PENDING", to(&planned)),
            row(&[&planned], "TAKE_BACK", "", to(&draft)),
            row(&[&live], "HOLD", "HOLD_PENDING", to(&held)),
            row(&[&held], "GO_ON", "GO_ON_PENDING", to(&live)),
            row(&[&live], "PUBLISH_EDITS", "EDITS_PENDING", Target::StagedGoesLive),
            row(&[&draft, &held, &over], "REMOVE", "REMOVE_PENDING", to(&gone)),
        ],
        timed: vec![
            Timed { from: planned.clone(), to: live.clone(), at: TimedAt::Start },
            Timed { from: live.clone(), to: over.clone(), at: TimedAt::End },
        ],
        states: vec![
            (draft, None),
            (planned, Some(EditRule::VoidsApproval)),
            (live, Some(EditRule::Staged)),
            (held, Some(EditRule::Refused)),
            (over, None),
            (gone, None),
        ],
    }
}

/// A resource with everything set, so that a change of any field shows.
pub(super) fn resource(kind: Kind, state: State) -> Resource {
    let variants = if kind == Kind::AB_TEST { vec!["A".into(), "B".into()] } else { Vec::new() };
    Resource {
        account_id: ACCOUNT,
        id: RESOURCE,
        kind,
        lifecycle_version: 0,
        external_id: "external-1".into(),
        title: "Spring".into(),
        owner: Who::Editor.id(),
        state,
        approval_status: ApprovalStatus::None,
        lock: None,
        live: content("live", 4),
        staged: Some(content("staged", 6)),
        schedule: Schedule { start: Some(after_hours(24)), end: Some(after_hours(48)) },
        variants,
        winner: None,
        launch_mode: None,
        audience: Audience::default(),
        pii_fields: Vec::new(),
        staged_pii_fields: None,
        authors: vec![Who::Editor.id()],
        version: 7,
        history_hash: None,
        created_at: CREATED,
        updated_at: CREATED,
    }
}

/// A campaign in DRAFT that starts tomorrow and ends the day after.
pub(super) fn campaign() -> Resource {
    Resource { staged: None, ..resource(Kind::CAMPAIGN, State::DRAFT) }
}

/// A campaign that was approved and waits for its start.
pub(super) fn scheduled_campaign() -> Resource {
    Resource {
        state: State::SCHEDULED,
        approval_status: ApprovalStatus::ApprovalApproved,
        launch_mode: Some(LaunchMode::Active),
        ..campaign()
    }
}

pub(super) fn ab_test(state: State) -> Resource {
    resource(Kind::AB_TEST, state)
}

pub(super) fn remote_config(state: State) -> Resource {
    resource(Kind::REMOTE_CONFIG, state)
}

/// What registers a campaign.
pub(super) fn new_campaign() -> Register {
    Register {
        id: RESOURCE,
        kind: Kind::CAMPAIGN,
        external_id: "external-1".into(),
        title: "Spring".into(),
        owner: None,
        content: content("first", 99),
        schedule: Schedule { start: Some(after_hours(24)), end: Some(after_hours(48)) },
        variants: Vec::new(),
        audience: Audience::default(),
        pii_fields: Vec::new(),
    }
}

/// `action`, with nothing else said.
pub(super) fn doing(action: Action) -> PerformAction {
    PerformAction {
        action,
        expected_version: None,
        note: String::new(),
        approvers: Vec::new(),
        launch_mode: None,
        winner: None,
        emergency_reason: String::new(),
        request_id: REQUEST,
        review_id: REVIEW,
    }
}

/// `action`, for these approvers to decide.
pub(super) fn asking(action: Action, approvers: &[Who]) -> PerformAction {
    PerformAction { approvers: approvers.iter().map(|who| who.id()).collect(), ..doing(action) }
}

/// The fields that a refusal complains of.
pub(super) fn violated(result: Result<Outcome, Refusal>) -> Vec<String> {
    match result {
        Err(Refusal::Invalid(violations)) => {
            violations.into_iter().map(|Violation { field, .. }| field).collect()
        }
        other => panic!("expected violations, got {other:?}"),
    }
}
