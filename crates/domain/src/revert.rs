//! Ending a request whose area's workflow was switched off (POL-2).

use crate::{
    ActorRef, Context, Outcome, Refusal, Request, RequestState, RequestWrite, Resource,
    decide::{advance, ending, history, unlock},
    history::HistoryEvent,
    outcome::{Event, EventKind},
    perform::next,
    resource::ApprovalStatus,
};

/// Reverts a pending request: the resource is in the state that it was in, and staged edits that were submitted are kept, so that
/// nobody loses work. Nobody is told of it by mail (D4): Admins and approvers are told of the switch (NOT-7).
pub(crate) fn revert(context: &Context<'_>, resource: &Resource, request: &Request) -> Outcome {
    let note = format!("the workflow of {} was switched off", request.area);
    let mut ended = advance(request);
    ended.state = RequestState::Reverted { ending: ending(context, &note) };
    let mut after = next(resource, context.now);
    unlock(&mut after, ApprovalStatus::ApprovalCancelled);
    Outcome {
        history: history(context, resource, &after, request, HistoryEvent::Reverted, &note),
        resource: after,
        request: Some(RequestWrite::update(ended)),
        review: None,
        event: Event { kind: EventKind::RequestReverted, recipients: Vec::new() },
    }
}

/// Where the workflow is off, a request that is still to be reverted is as good as reverted: whoever decides comes after.
pub(crate) fn check_workflow_is_on(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    if context.workflow_is_on(&request.area) {
        return Ok(());
    }
    Err(Refusal::Decided {
        request: request.id,
        state: "REVERTED",
        by: ActorRef::countersign(),
        at: context.policies.of(&request.area).updated_at.unwrap_or(context.now),
    })
}
