//! Ending a request: approve, reject, cancel, expire. Exactly one of them wins (REQ-4); the commit's guard sees to that.

use crate::{
    Context, Digest, Outcome, Refusal, Request, RequestState, RequestWrite, Resource, Violation,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::Target,
    loss, mask,
    outcome::{Event, EventKind},
    perform::{apply, check_version, check_winner, entry, next},
    permission::{check_may_cancel, check_may_decide},
    recipients,
    request::{Decision, Ending, ExpiryReason, Verdict},
    resource::ApprovalStatus,
    revert::check_workflow_is_on,
};

/// An approval.
#[derive(Clone, Debug, Default)]
pub struct Approve {
    /// The version of the request that the approver saw, if they say so.
    pub expected_version: Option<i64>,
    /// The digest that the approver saw, if they say so (REQ-16).
    pub digest: Option<Digest>,
    /// Feedback to the submitter; empty for none.
    pub note: String,
    /// The variant to roll out to everybody (REQ-13).
    pub winner: Option<String>,
}

/// A rejection.
#[derive(Clone, Debug, Default)]
pub struct Reject {
    /// The version of the request that the approver saw, if they say so.
    pub expected_version: Option<i64>,
    /// The digest that the approver saw, if they say so (REQ-16).
    pub digest: Option<Digest>,
    /// Feedback to the submitter; empty for none.
    pub note: String,
}

/// A cancellation.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    /// The version of the request that the actor saw, if they say so.
    pub expected_version: Option<i64>,
    /// Why; empty for none.
    pub note: String,
}

/// Approves: the action takes effect once as many members have approved as the request needs (REQ-8, POL-3).
pub fn approve(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
    command: &Approve,
) -> Result<Outcome, Refusal> {
    check_may_decide(context, resource, request)?;
    check_open(context, request)?;
    check_counts_once(context, request)?;
    check_version(command.expected_version, request.version)?;
    check_digest(context, resource, request, command.digest.as_ref())?;
    let mut violations = Vec::new();
    check_winner(resource, &request.action, command.winner.as_deref(), &mut violations);
    // Where the loss of a right concerned very many requests, this one may not be settled yet (REQ-22).
    let voided = loss::lost_votes(context, resource, request);
    let mut decided = advance(request);
    decided.void(&voided, context.now);
    let last = decided.approvals() + 1 >= usize::from(request.required_approvals);
    if command.winner.is_some() && !last {
        // It would be lost in silence: only the approval that applies the action rolls a winner out.
        violations.push(Violation::new(
            "winning_variant",
            format!("is named with the last of the {} approvals that are needed", request.required_approvals),
        ));
    }
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    let transition = context
        .lifecycle(resource)
        .and_then(|lifecycle| lifecycle.transition(&request.from_state, &request.action))
        .ok_or_else(|| Refusal::ActionNotAllowed {
            kind: resource.kind.clone(),
            state: resource.state.clone(),
            action: request.action.clone(),
            allowed: Vec::new(),
        })?;

    let decision = decision(context, Verdict::Approved, &command.note);
    let anew = decided.add(decision.clone());
    let mut after = next(resource, context.now);
    let (event, kind) = if last {
        apply(&mut after, transition, request.launch_mode, command.winner.clone());
        // What was approved has its second signature. What is staged beside it has not, and keeps its authors (REQ-23).
        if after.staged.is_none() {
            after.authors.clear();
        }
        unlock(&mut after, ApprovalStatus::ApprovalApproved);
        decided.state =
            RequestState::Approved { ending: ending(context, &command.note), winner: command.winner.clone() };
        (HistoryEvent::Approved, EventKind::RequestApproved)
    } else {
        (HistoryEvent::ApprovalRecorded, EventKind::RequestApprovalRecorded)
    };
    let recipients = match kind {
        EventKind::RequestApproved => recipients::of_decision(context, &decided),
        _ if !voided.is_empty() => recipients::of_lost_approvers(context, &decided),
        _ => Vec::new(),
    };
    let note = loss::with_voided(&voided, &command.note);
    Ok(Outcome {
        history: history(context, resource, &after, request, event, &note),
        resource: after,
        request: Some(RequestWrite::Update {
            request: decided,
            decision: Some(decision),
            anew,
            lost: Vec::new(),
            voided,
        }),
        review: None,
        event: Event { kind, recipients },
    })
}

/// Rejects: one rejection ends the request (REQ-8).
pub fn reject(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
    command: &Reject,
) -> Result<Outcome, Refusal> {
    check_may_decide(context, resource, request)?;
    check_open(context, request)?;
    check_counts_once(context, request)?;
    check_version(command.expected_version, request.version)?;
    check_digest(context, resource, request, command.digest.as_ref())?;
    if command.note.trim().is_empty() && context.policies.of(&request.area).rejection_note_required {
        return Err(Refusal::Invalid(vec![Violation::new(
            "note",
            format!("is required for a rejection in {}", request.area),
        )]));
    }
    let decision = decision(context, Verdict::Rejected, &command.note);
    let mut decided = advance(request);
    let anew = decided.add(decision.clone());
    decided.state = RequestState::Rejected { ending: ending(context, &command.note) };
    let after = go_back(context, resource, request, ApprovalStatus::ApprovalRejected);
    let recipients = recipients::of_decision(context, &decided);
    Ok(Outcome {
        history: history(context, resource, &after, request, HistoryEvent::Rejected, &command.note),
        resource: after,
        request: Some(RequestWrite::Update {
            request: decided,
            decision: Some(decision),
            anew,
            lost: Vec::new(),
            voided: Vec::new(),
        }),
        review: None,
        event: Event { kind: EventKind::RequestRejected, recipients },
    })
}

/// Cancels (REQ-17).
pub fn cancel(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
    command: &Cancel,
) -> Result<Outcome, Refusal> {
    check_may_cancel(context, resource, request)?;
    check_open(context, request)?;
    check_version(command.expected_version, request.version)?;
    let mut ended = advance(request);
    ended.state = RequestState::Cancelled { ending: ending(context, &command.note) };
    let after = go_back(context, resource, request, ApprovalStatus::ApprovalCancelled);
    let recipients = recipients::of_cancellation(context, &ended, resource.owner);
    Ok(Outcome {
        history: history(context, resource, &after, request, HistoryEvent::Cancelled, &command.note),
        resource: after,
        request: Some(RequestWrite::update(ended)),
        review: None,
        event: Event { kind: EventKind::RequestCancelled, recipients },
    })
}

/// Expires a request whose deadline has come (REQ-14); none where it has not, or the request has ended.
pub fn expire(context: &Context<'_>, resource: &Resource, request: &Request) -> Option<Outcome> {
    let due = request.deadline.is_some_and(|deadline| deadline <= context.now);
    if request.state != RequestState::Pending || !due {
        return None;
    }
    let reason = ExpiryReason::Deadline;
    let mut ended = advance(request);
    ended.state = RequestState::Expired { ending: ending(context, ""), reason };
    let after = go_back(context, resource, request, ApprovalStatus::ApprovalExpired);
    let recipients = recipients::of_expiry(context, &ended, resource, reason);
    Some(Outcome {
        history: history(context, resource, &after, request, HistoryEvent::Expired, ""),
        resource: after,
        request: Some(RequestWrite::update(ended)),
        review: None,
        event: Event { kind: EventKind::RequestExpired, recipients },
    })
}

/// REQ-4: the loser is told who won. A deadline that has passed counts, whether or not the timer has come round to it.
pub(crate) fn check_open(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    if let Some(ending) = request.state.ending() {
        return Err(Refusal::Decided {
            request: request.id,
            state: request.state.as_str(),
            by: ending.by.clone(),
            at: ending.at,
        });
    }
    check_workflow_is_on(context, request)?;
    match request.deadline {
        Some(deadline) if deadline <= context.now => Err(Refusal::Decided {
            request: request.id,
            state: "EXPIRED",
            by: crate::ActorRef::countersign(),
            at: deadline,
        }),
        _ => Ok(()),
    }
}

pub(crate) fn check_counts_once(context: &Context<'_>, request: &Request) -> Result<(), Refusal> {
    if context.actor.active_member().is_some_and(|member| request.decided_by(member.id)) {
        return Err(Refusal::AlreadyApproved {
            approvals: request.approvals(),
            required: request.required_approvals,
        });
    }
    Ok(())
}

/// REQ-16. Who saw the content masked saw the digest of that, and is held to it (ACC-19). While a request waits the resource is
/// locked, so what was seen is what is there.
fn check_digest(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
    given: Option<&Digest>,
) -> Result<(), Refusal> {
    let Some(given) = given else { return Ok(()) };
    let requested = request.change.as_ref().unwrap_or(&resource.live);
    let seen = if context.is_masked() && !resource.pii_fields.is_empty() {
        mask::shown(requested, &resource.pii_fields).digest
    } else {
        request.digest.clone()
    };
    if *given == seen { Ok(()) } else { Err(Refusal::DigestMismatch(seen)) }
}

pub(crate) fn advance(request: &Request) -> Request {
    Request { version: request.version + 1, ..request.clone() }
}

pub(crate) fn ending(context: &Context<'_>, note: &str) -> Ending {
    Ending { by: context.actor.to_ref(), at: context.now, note: note.to_owned() }
}

fn decision(context: &Context<'_>, verdict: Verdict, note: &str) -> Decision {
    Decision { by: context.actor.to_ref(), verdict, note: note.to_owned(), at: context.now, voided_at: None }
}

pub(crate) fn unlock(resource: &mut Resource, status: ApprovalStatus) {
    resource.lock = None;
    resource.approval_status = status;
}

/// The resource when its request ends without an approval: the state it was in; staged content that was submitted is
/// discarded (LIF-5, LIF-12).
pub(crate) fn go_back(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
    status: ApprovalStatus,
) -> Resource {
    let mut after = next(resource, context.now);
    unlock(&mut after, status);
    let staged_was_submitted = context
        .lifecycle(resource)
        .and_then(|lifecycle| lifecycle.transition(&request.from_state, &request.action))
        .is_some_and(|transition| transition.target == Target::StagedGoesLive);
    if staged_was_submitted {
        after.discard_staged();
    }
    after
}

pub(crate) fn history(
    context: &Context<'_>,
    before: &Resource,
    after: &Resource,
    request: &Request,
    event: HistoryEvent,
    note: &str,
) -> HistoryEntry {
    HistoryEntry {
        request_id: Some(request.id),
        note: note.to_owned(),
        digest: request.digest.clone(),
        ..entry(context, before, after, event, Some(&request.action))
    }
}
