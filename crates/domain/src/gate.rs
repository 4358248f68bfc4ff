//! "May this go out now?": what a service asks at the moment it acts, so that it is safe even if it missed every event.
//!
//! The answer is made from what is in force, never from a promise: yes only for an action that was allowed and is still in force,
//! for the content that was allowed, in its time. A no has every reason, so that nobody has to ask again to learn the next one.

use crate::{
    Context, Digest, RequestId, Resource, Timestamp,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{Action, Lifecycle, State, TimedAt},
    resource::LaunchMode,
};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The action that the service is about to carry out.
    pub action: Action,
    /// The digest of the content that it holds.
    pub digest: Digest,
    /// How it is about to launch; none is ACTIVE for LAUNCH.
    pub launch_mode: Option<LaunchMode>,
}

/// The history that an answer rests on.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// The newest entry that let this action take effect.
    pub action: Option<HistoryEntry>,
    /// The newest entry that let any action take effect: its digest is that of the content that was allowed last.
    pub newest: Option<HistoryEntry>,
}

impl Grants {
    /// The events that let an action take effect.
    pub const EVENTS: [HistoryEvent; 4] = [
        HistoryEvent::Approved,
        HistoryEvent::Applied,
        HistoryEvent::Bypassed,
        HistoryEvent::EmergencyBypassed,
    ];
}

/// One reason for a no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// The action never took effect on this resource.
    NeverAllowed,
    /// A request for it waits for a decision.
    Pending(RequestId),
    /// It took effect once, and the resource has left that state since: it was stopped, edited, taken back or ended.
    NotInForce(State),
    /// What was allowed is other content.
    OtherContent {
        /// The digest that was allowed.
        allowed: Digest,
    },
    /// It was launched in another mode: what was allowed for test devices may not go to customers.
    OtherMode(LaunchMode),
    /// Its start time is still to come.
    TooEarly(Timestamp),
    /// Its end time has passed.
    TooLate(Timestamp),
    /// The account is suspended or deleted.
    AccountNotActive,
}

/// Why `question` is answered with no; empty: yes.
pub fn check(
    context: &Context<'_>,
    lifecycle: &Lifecycle,
    resource: &Resource,
    grants: &Grants,
    question: &Question,
) -> Vec<Hindrance> {
    let mut against = Vec::new();
    if context.check_account_is_active().is_err() {
        against.push(Hindrance::AccountNotActive);
    }
    if let Some(lock) = resource.lock.as_ref().filter(|lock| lock.action == question.action) {
        against.push(Hindrance::Pending(lock.request_id));
    }
    let Some(grant) = &grants.action else {
        against.push(Hindrance::NeverAllowed);
        return against;
    };
    let in_force = in_force(lifecycle, &grant.to);
    if !in_force.contains(&resource.state) {
        against.push(Hindrance::NotInForce(resource.state.clone()));
    }
    let allowed = allowed_digest(context, lifecycle, resource, grants.newest.as_ref().unwrap_or(grant));
    if question.digest != resource.live.digest || question.digest != *allowed {
        against.push(Hindrance::OtherContent { allowed: allowed.clone() });
    }
    let mode =
        (question.action == Action::LAUNCH).then(|| question.launch_mode.unwrap_or(LaunchMode::Active));
    if let (Some(mode), Some(launched)) = (mode, resource.launch_mode)
        && mode != launched
    {
        against.push(Hindrance::OtherMode(launched));
    }
    if let Some(start) = resource.schedule.start.filter(|start| *start > context.now)
        && waits_for_its_start(lifecycle, &resource.state)
    {
        against.push(Hindrance::TooEarly(start));
    }
    if let Some(end) = resource.schedule.end.filter(|end| *end <= context.now)
        && in_force.iter().any(reaches_customers)
    {
        against.push(Hindrance::TooLate(end));
    }
    against
}

/// The states in which what led to `to` is in force: that one, and those that its start time alone leads to (LIF-17).
fn in_force(lifecycle: &Lifecycle, to: &State) -> Vec<State> {
    let mut states = vec![to.clone()];
    if let Some(timed) = lifecycle.timed_from(to).filter(|timed| timed.at == TimedAt::Start) {
        states.push(timed.to.clone());
    }
    states
}

fn waits_for_its_start(lifecycle: &Lifecycle, state: &State) -> bool {
    lifecycle.timed_from(state).is_some_and(|timed| timed.at == TimedAt::Start)
}

fn reaches_customers(state: &State) -> bool {
    [State::SCHEDULED, State::RUNNING, State::LIVE].contains(state)
}

/// The content that may go out: what was allowed last. Where nothing needs approval, edits need none either (POL-1, POL-6).
fn allowed_digest<'a>(
    context: &Context<'_>,
    lifecycle: &Lifecycle,
    resource: &'a Resource,
    newest: &'a HistoryEntry,
) -> &'a Digest {
    let gated = context.workflow_is_on(&lifecycle.area)
        && resource.launch_mode.is_none_or(|mode| mode == LaunchMode::Active);
    if gated { &newest.digest } else { &resource.live.digest }
}
