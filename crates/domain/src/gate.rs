//! "May this go out now?": what a service asks at the moment it acts, so that it is safe even if it missed every event.
//!
//! The answer is made from what is in force, never from a promise: yes only for an action that was allowed and is still in force,
//! for the content that was allowed, in its time. A no has every reason, so that nobody has to ask again to learn the next one.

use crate::{
    Context, Digest, RequestId, Resource, Timestamp,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{Action, Lifecycle, State, Target, Transition},
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

/// The history that an answer rests on, up to the version of the resource that it is about.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The newest entry that let this action take effect.
    pub granted: Option<HistoryEntry>,
    /// The newest entry that brought the resource into another state, but for the start time's coming: what it leads to is in force
    /// until the next.
    pub moved: Option<HistoryEntry>,
    /// The newest entry after which other content may go out: an action that was approved, or needed no approval or bypassed it; one
    /// that leads out of DRAFT, where whatever was written needs no other approval than that action's; or an edit of what was launched,
    /// which is written only where it needs no approval.
    pub content: Option<HistoryEntry>,
}

/// The events that let an action take effect.
pub const GRANTS: [HistoryEvent; 4] =
    [HistoryEvent::Approved, HistoryEvent::Applied, HistoryEvent::Bypassed, HistoryEvent::EmergencyBypassed];

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
    standing: &Standing,
    question: &Question,
) -> Vec<Hindrance> {
    let mut against = Vec::new();
    if context.check_account_is_active().is_err() {
        against.push(Hindrance::AccountNotActive);
    }
    if let Some(lock) = resource.lock.as_ref().filter(|lock| lock.action == question.action) {
        against.push(Hindrance::Pending(lock.request_id));
    }
    let Some(granted) = &standing.granted else {
        against.push(Hindrance::NeverAllowed);
        return against;
    };
    if !is_in_force(lifecycle, resource, standing, granted) {
        against.push(Hindrance::NotInForce(resource.state.clone()));
    }
    let allowed = &standing.content.as_ref().unwrap_or(granted).digest;
    if question.digest != resource.live.digest || question.digest != *allowed {
        against.push(Hindrance::OtherContent { allowed: allowed.clone() });
    }
    let has_modes = lifecycle.has_launch_modes(&question.action);
    let mode = has_modes.then(|| question.launch_mode.unwrap_or(LaunchMode::Active));
    if let (Some(mode), Some(launched)) = (mode, resource.launch_mode)
        && mode != launched
    {
        against.push(Hindrance::OtherMode(launched));
    }
    let waits = lifecycle.starts_later(&resource.state);
    if let Some(start) = resource.schedule.start.filter(|start| waits && *start > context.now) {
        against.push(Hindrance::TooEarly(start));
    }
    if let Some(end) = valid_until(lifecycle, resource, granted).filter(|end| *end <= context.now) {
        against.push(Hindrance::TooLate(end));
    }
    against
}

/// The end time of `resource`, where it limits what `granted` let take effect: what reaches customers for a time.
pub fn valid_until(lifecycle: &Lifecycle, resource: &Resource, granted: &HistoryEntry) -> Option<Timestamp> {
    resource.schedule.end.filter(|_| lifecycle.ends(&granted.to))
}

/// Whether what `granted` let take effect still is: nothing else has brought the resource into another state since, but for its start
/// time. What makes staged content live does not change the state, and holds in every state that has it.
fn is_in_force(
    lifecycle: &Lifecycle,
    resource: &Resource,
    standing: &Standing,
    granted: &HistoryEntry,
) -> bool {
    let publishes = |row: &&Transition| row.target == Target::StagedGoesLive;
    let done = granted.from.as_ref().zip(granted.action.as_ref());
    match done.and_then(|(from, action)| lifecycle.transition(from, action)).filter(publishes) {
        // An action may have a row for each of these states.
        Some(done) => lifecycle.transition(&resource.state, &done.action).is_some_and(|row| publishes(&row)),
        None => standing.moved.as_ref().is_some_and(|moved| moved.sequence == granted.sequence),
    }
}
