//! Doing an action: applied at once, or submitted for approval (REQ-1).

use crate::{
    Context, MemberId, Outcome, Policy, Refusal, Request, RequestId, RequestState, RequestWrite, Resource,
    Review, ReviewId, Timestamp, Violation,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{Action, Kind, Lifecycle, State, Target, TimedAt, Transition},
    limits,
    member::SystemRole,
    outcome::{Event, EventKind},
    permission::{acts_as, check_cooled_off, require_write},
    policy::Area,
    recipients,
    request::Assignment,
    resource::{ApprovalStatus, LaunchMode, Lock, Schedule},
    review,
};

/// What someone wants to do to a resource.
#[derive(Clone, Debug)]
pub struct PerformAction {
    /// The action.
    pub action: Action,
    /// The version of the resource that the actor saw, if they say so.
    pub expected_version: Option<i64>,
    /// A note to the approvers; empty for none.
    pub note: String,
    /// The approvers to ask; empty: every approver of the area (REQ-6).
    pub approvers: Vec<MemberId>,
    /// How to launch; none is ACTIVE for LAUNCH.
    pub launch_mode: Option<LaunchMode>,
    /// The winning variant, for a FINISH that is applied at once.
    pub winner: Option<String>,
    /// Why it is to be applied at once although it needs approval, in an emergency (POL-8); empty: it is not.
    pub emergency_reason: String,
    /// The id for the request, if one is made.
    pub request_id: RequestId,
    /// The id for the review, if an emergency bypass opens one.
    pub review_id: ReviewId,
}

/// How an action goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Applied: it needs no approval.
    Apply,
    /// Applied: the actor has the approve right and is not gated (POL-5).
    Bypass,
    /// Applied: an Admin's emergency (POL-8).
    Emergency,
    /// Submitted.
    Submit,
}

/// Decides what `command` does to `resource`. `open_review` is a review that the actor's last emergency bypass opened and that
/// is still open, if there is one.
pub fn perform(
    context: &Context<'_>,
    resource: &Resource,
    open_review: Option<&Review>,
    command: &PerformAction,
) -> Result<Outcome, Refusal> {
    let Some(lifecycle) = context.lifecycle(resource) else {
        return Err(not_allowed(resource, &command.action, &[]));
    };
    let rights = context.rights_on(resource);
    require_write(rights, lifecycle.component.as_str())?;
    check_version(command.expected_version, resource.version)?;
    if let Some(lock) = &resource.lock {
        return Err(locked(lifecycle, lock, &command.action));
    }
    let Some(transition) = lifecycle.transition(&resource.state, &command.action) else {
        return Err(not_allowed(resource, &command.action, &lifecycle.allowed(&resource.state)));
    };
    let policy = context.policies.of(&lifecycle.area);
    let has_modes = lifecycle.has_launch_modes(&command.action);
    let mode = has_modes.then(|| command.launch_mode.unwrap_or(LaunchMode::Active));
    // POL-5: a Creator's work is approved by somebody else, whatever another role lets the Creator decide.
    let may_bypass = rights.approve && acts_as(context) != Some(SystemRole::Creator);
    let way_with = |enabled| way(enabled, &lifecycle.area, transition, mode, may_bypass, command);
    let way = way_with(policy.enabled);
    if way == Way::Emergency {
        review::check_may_bypass(context, &lifecycle.component, open_review)?;
    }
    // POL-9: with the workflow off a signature is as good as given. What never needs one from this member is free.
    if way == Way::Apply && matches!(way_with(true), Way::Submit | Way::Emergency) {
        check_cooled_off(context, &lifecycle.area)?;
    }

    let mut violations = Vec::new();
    check_fields(context, lifecycle, resource, command, way, &mut violations);
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    check_schedule(context.now, policy, lifecycle, resource, transition, mode)?;
    if transition.target == Target::StagedGoesLive && resource.staged.is_none() {
        return Err(Refusal::NothingStaged);
    }
    match way {
        Way::Submit => submit(context, lifecycle, resource, transition, command, mode),
        Way::Apply => Ok(apply_at_once(context, resource, transition, command, mode, HistoryEvent::Applied)),
        Way::Bypass => {
            Ok(apply_at_once(context, resource, transition, command, mode, HistoryEvent::Bypassed))
        }
        Way::Emergency => {
            let event = HistoryEvent::EmergencyBypassed;
            let applied = apply_at_once(context, resource, transition, command, mode, event);
            Ok(review::open(context, lifecycle, resource, command, applied))
        }
    }
}

/// POL-1, POL-5, POL-6: who and what is gated. A member who is not gated but names approvers asks for a second signature of
/// their own accord.
fn way(
    enabled: bool,
    area: &Area,
    transition: &Transition,
    mode: Option<LaunchMode>,
    may_bypass: bool,
    command: &PerformAction,
) -> Way {
    let gated = enabled && transition.pending.is_some() && mode.is_none_or(|mode| mode == LaunchMode::Active);
    if !gated {
        Way::Apply
    } else if *area == Area::CAMPAIGNS && may_bypass && command.approvers.is_empty() {
        Way::Bypass
    } else if !command.emergency_reason.is_empty() {
        Way::Emergency
    } else {
        Way::Submit
    }
}

fn check_fields(
    context: &Context<'_>,
    lifecycle: &Lifecycle,
    resource: &Resource,
    command: &PerformAction,
    way: Way,
    violations: &mut Vec<Violation>,
) {
    if command.launch_mode.is_some() && !lifecycle.has_launch_modes(&command.action) {
        violations.push(Violation::new("launch_mode", "is only for the action LAUNCH of a campaign"));
    }
    if command.winner.is_some() {
        if way == Way::Submit && has_winner(resource, &command.action) {
            violations.push(Violation::new(
                "winning_variant",
                "is named by the approver, because this FINISH needs approval",
            ));
        } else {
            check_winner(resource, &command.action, command.winner.as_deref(), violations);
        }
    }
    if way == Way::Submit {
        let submitter = context.actor.active_member().map(|member| member.id);
        violations.extend(approver_violations(context, lifecycle, resource, submitter, &command.approvers));
        return;
    }
    if !command.approvers.is_empty() {
        let problem = match way {
            Way::Emergency => "must be empty: an emergency asks nobody",
            _ => "must be empty: this action needs no approval",
        };
        violations.push(Violation::new("approver_ids", problem));
    }
    if way == Way::Emergency && !command.note.is_empty() {
        let problem = "must be empty: it is for approvers, and an emergency has a reason instead";
        violations.push(Violation::new("note", problem));
    }
    if way != Way::Emergency && !command.emergency_reason.is_empty() {
        let problem = "must be empty: this action needs no approval, so there is nothing to bypass";
        violations.push(Violation::new("emergency_reason", problem));
    }
}

/// REQ-6: chosen approvers are approvers of the area who reach the resource, and neither the `submitter` (REQ-5)
/// nor, where the policy excludes them, authors (REQ-23).
pub(crate) fn approver_violations(
    context: &Context<'_>,
    lifecycle: &Lifecycle,
    resource: &Resource,
    submitter: Option<MemberId>,
    approvers: &[MemberId],
) -> Vec<Violation> {
    if approvers.len() > limits::APPROVERS {
        // Not looked at name by name: that takes time that grows with the square of the list.
        let problem = format!("must name at most {} approvers, names {}", limits::APPROVERS, approvers.len());
        return vec![Violation::new("approver_ids", problem)];
    }
    let policy = context.policies.of(&lifecycle.area);
    let mut violations = Vec::new();
    for (index, id) in approvers.iter().enumerate() {
        let problem = if approvers[..index].contains(id) {
            Some("is named twice".to_owned())
        } else if policy.excludes(*id, submitter, &[]) {
            Some("can't be the submitter: somebody else must decide".to_owned())
        } else if policy.excludes(*id, None, &resource.authors) {
            Some("can't be an author of what is submitted: somebody else must decide".to_owned())
        } else if context.directory.active(*id).is_none_or(|member| {
            !context.access(member).rights_on(&lifecycle.component, &resource.audience).approve
        }) {
            Some(format!("must be an approver of {}", lifecycle.area))
        } else {
            None
        };
        violations.extend(problem.map(|text| Violation::new(format!("approver_ids[{index}]"), text)));
    }
    violations
}

/// REQ-13: a winner is a variant that the A/B test declares, and only FINISH has one.
pub(crate) fn check_winner(
    resource: &Resource,
    action: &Action,
    winner: Option<&str>,
    violations: &mut Vec<Violation>,
) {
    let Some(winner) = winner else { return };
    if !has_winner(resource, action) {
        violations.push(Violation::new("winning_variant", "is only for the FINISH of an A/B test"));
    } else if !resource.variants.iter().any(|variant| variant == winner) {
        violations.push(Violation::new(
            "winning_variant",
            format!("must be one of the declared variants: {}", resource.variants.join(", ")),
        ));
    }
}

/// Whether the action ends what can have a winner.
fn has_winner(resource: &Resource, action: &Action) -> bool {
    *action == Action::FINISH && resource.kind == Kind::AB_TEST
}

/// POL-6 for LAUNCH, and its like for SCHEDULE and whatever else leads to where the start time leads on: what is to start later must
/// have a start that is still to come.
fn check_schedule(
    now: Timestamp,
    policy: &Policy,
    lifecycle: &Lifecycle,
    resource: &Resource,
    transition: &Transition,
    mode: Option<LaunchMode>,
) -> Result<(), Refusal> {
    let action = &transition.action;
    let schedule = resource.schedule;
    let refuse = |problem: String, earliest: Option<Timestamp>| {
        Err(Refusal::Schedule { problem, start: schedule.start, earliest })
    };
    let to = transition.target.state();
    let starts_later = to.is_some_and(|to| lifecycle.starts_later(to));
    let needs_start = starts_later && mode.is_none_or(|mode| mode == LaunchMode::Active);
    if needs_start {
        let Some(start) = schedule.start else {
            return refuse(format!("{action} needs a start time: set schedule.start_time"), None);
        };
        if start <= now {
            return refuse(format!("{action} needs a start time in the future"), Some(now));
        }
        let earliest = now.plus(policy.minimum_lead_time);
        if mode.is_some() && start < earliest {
            let lead = policy.minimum_lead_time.as_secs();
            return refuse(format!("an ACTIVE launch must start at least {lead} s from now"), Some(earliest));
        }
    }
    let ends = to.is_some_and(|to| lifecycle.is_over_at_end(to));
    if (mode.is_some() || ends)
        && let Some(end) = schedule.end
        && (end <= now || schedule.start.is_some_and(|start| end <= start))
    {
        return refuse("the end time must be in the future and after the start time".into(), None);
    }
    Ok(())
}

fn submit(
    context: &Context<'_>,
    lifecycle: &Lifecycle,
    resource: &Resource,
    transition: &Transition,
    command: &PerformAction,
    mode: Option<LaunchMode>,
) -> Result<Outcome, Refusal> {
    let policy = context.policies.of(&lifecycle.area);
    check_eligible(context, lifecycle, policy, resource, &command.approvers)?;
    let Some(label) = transition.pending.clone() else {
        return Err(not_allowed(resource, &command.action, &lifecycle.allowed(&resource.state)));
    };
    let deadline = deadline(context.now, policy, lifecycle, resource, transition);
    if deadline.is_some_and(|deadline| deadline <= context.now) {
        // Only between a start time and the timer that acts on it: the request would be born expired.
        return Err(Refusal::Schedule {
            problem: format!("the time until which {} could be approved has passed", command.action),
            start: resource.schedule.start,
            earliest: None,
        });
    }
    let change = match transition.target {
        Target::StagedGoesLive => resource.staged.clone(),
        Target::State(_) => None,
    };
    let request = Request {
        account_id: resource.account_id,
        id: command.request_id,
        resource_id: resource.id,
        kind: resource.kind.clone(),
        resource_title: resource.title.clone(),
        area: lifecycle.area.clone(),
        action: command.action.clone(),
        from_state: resource.state.clone(),
        pending_label: label.clone(),
        target_state: transition.target_state(&resource.state),
        submitter: context.actor.to_ref(),
        authors: resource.authors.clone(),
        note: command.note.clone(),
        digest: change.as_ref().unwrap_or(&resource.live).digest.clone(),
        change,
        launch_mode: mode,
        assignments: command.approvers.iter().copied().map(Assignment::new).collect(),
        required_approvals: policy.required_approvals,
        decisions: Vec::new(),
        deadline,
        remind_at: remind_at(context.now, policy, deadline),
        comments: 0,
        state: RequestState::Pending,
        version: 1,
        created_at: context.now,
    };
    let mut after = next(resource, context.now);
    after.approval_status = ApprovalStatus::ApprovalPending;
    after.lock = Some(Lock { request_id: request.id, label, action: command.action.clone() });
    let history = HistoryEntry {
        request_id: Some(request.id),
        note: command.note.clone(),
        digest: request.digest.clone(),
        ..entry(context, resource, &after, HistoryEvent::Submitted, Some(&command.action))
    };
    let recipients = recipients::of_submission(context, &request, &after);
    Ok(Outcome {
        resource: after,
        request: Some(RequestWrite::Insert(request)),
        review: None,
        history,
        event: Event { kind: EventKind::RequestSubmitted, recipients },
    })
}

/// REQ-11, and with POL-3: refused where fewer members than the policy asks for could ever approve, because such a
/// request could only be rejected or expire.
fn check_eligible(
    context: &Context<'_>,
    lifecycle: &Lifecycle,
    policy: &Policy,
    resource: &Resource,
    chosen: &[MemberId],
) -> Result<(), Refusal> {
    let submitter = context.actor.active_member().map(|member| member.id);
    let eligible = context
        .approvers_of(&lifecycle.component, Some(&resource.audience))
        .filter(|member| !policy.excludes(member.id, submitter, &resource.authors))
        .filter(|member| {
            chosen.is_empty() || chosen.contains(&member.id) || member.system_role == Some(SystemRole::Admin)
        })
        .take(usize::from(policy.required_approvals))
        .count();
    if eligible < usize::from(policy.required_approvals) {
        return Err(Refusal::NoEligibleApprovers(lifecycle.area.clone()));
    }
    Ok(())
}

/// REQ-14. An UNSCHEDULE expires at the start time as well, and so does whatever waits where time alone leads on: afterwards there is
/// nothing left to take back, and the time must not be held up by it.
fn deadline(
    now: Timestamp,
    policy: &Policy,
    lifecycle: &Lifecycle,
    resource: &Resource,
    transition: &Transition,
) -> Option<Timestamp> {
    let Schedule { start, end } = resource.schedule;
    let time_of = |state: &State| match lifecycle.timed_from(state)?.at {
        TimedAt::Start => start,
        TimedAt::End => end,
    };
    let natural = if resource.kind == Kind::CAMPAIGN {
        end
    } else {
        let target = transition.target_state(&resource.state);
        let starts = start.filter(|_| lifecycle.starts_later(&target));
        let ends = end.filter(|_| lifecycle.is_over_at_end(&target));
        time_of(&resource.state).into_iter().chain(starts).chain(ends).min()
    };
    natural.or_else(|| policy.request_max_age.map(|age| now.plus(age)))
}

/// NOT-8: not where the deadline would have come.
fn remind_at(now: Timestamp, policy: &Policy, deadline: Option<Timestamp>) -> Option<Timestamp> {
    let at = policy.reminder_after.map(|after| now.plus(after))?;
    deadline.is_none_or(|deadline| at < deadline).then_some(at)
}

fn apply_at_once(
    context: &Context<'_>,
    resource: &Resource,
    transition: &Transition,
    command: &PerformAction,
    mode: Option<LaunchMode>,
    event: HistoryEvent,
) -> Outcome {
    let mut after = next(resource, context.now);
    apply(&mut after, transition, mode, command.winner.clone());
    let history = HistoryEntry {
        note: command.note.clone(),
        ..entry(context, resource, &after, event, Some(&command.action))
    };
    Outcome {
        resource: after,
        request: None,
        review: None,
        history,
        event: Event { kind: EventKind::ResourceChanged, recipients: Vec::new() },
    }
}

/// Lets `transition` take effect on `resource`.
pub(crate) fn apply(
    resource: &mut Resource,
    transition: &Transition,
    mode: Option<LaunchMode>,
    winner: Option<String>,
) {
    match &transition.target {
        Target::State(state) => enter(resource, state),
        Target::StagedGoesLive => {
            resource.publish_staged();
        }
    }
    if mode.is_some() {
        resource.launch_mode = mode;
    }
    if winner.is_some() {
        resource.winner = winner;
    }
}

/// Brings `resource` into `state`. What is a draft again has no staged edits: they would go live over what is written from now on.
pub(crate) fn enter(resource: &mut Resource, state: &State) {
    resource.state = state.clone();
    if *state == State::DRAFT {
        resource.discard_staged();
    }
}

/// `resource` as the next version, changed `now`.
pub(crate) fn next(resource: &Resource, now: Timestamp) -> Resource {
    Resource { version: resource.version + 1, updated_at: now, ..resource.clone() }
}

/// The history entry of the step from `before` to `after`, without note and request.
pub(crate) fn entry(
    context: &Context<'_>,
    before: &Resource,
    after: &Resource,
    event: HistoryEvent,
    action: Option<&Action>,
) -> HistoryEntry {
    HistoryEntry {
        account_id: after.account_id,
        resource_id: after.id,
        sequence: after.version,
        request_id: None,
        event,
        action: action.cloned(),
        actor: context.actor.to_ref(),
        at: context.now,
        from: Some(before.state.clone()),
        to: after.state.clone(),
        note: String::new(),
        digest: after.live.digest.clone(),
    }
}

/// AIP-154: what was decided on must be what is there, where the caller says what that was.
pub fn check_version(expected: Option<i64>, current: i64) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != current => Err(Refusal::EtagMismatch { current }),
        _ => Ok(()),
    }
}

/// LIF-20: nothing but the end of its request changes a locked resource. What would need approval itself is answered as a
/// second submission (REQ-2).
fn locked(lifecycle: &Lifecycle, lock: &Lock, action: &Action) -> Refusal {
    let gated = lifecycle.transitions.iter().any(|row| row.action == *action && row.pending.is_some());
    let (request, action) = (lock.request_id, lock.action.clone());
    if gated { Refusal::RequestPending { request, action } } else { Refusal::Locked { request, action } }
}

fn not_allowed(resource: &Resource, action: &Action, allowed: &[&Action]) -> Refusal {
    Refusal::ActionNotAllowed {
        kind: resource.kind.clone(),
        state: resource.state.clone(),
        action: action.clone(),
        allowed: allowed.iter().map(|action| (*action).clone()).collect(),
    }
}
