//! What happens to a pending request besides its end: comments (REQ-21), other approvers, a reminder (NOT-8).

use std::collections::BTreeSet;

use crate::{
    Assignment, Context, MemberId, Outcome, Refusal, Request, RequestState, RequestWrite, Resource,
    Violation,
    decide::{advance, check_open, history},
    history::HistoryEvent,
    limits,
    loss::{can_be_approved, lost_votes, with_voided},
    outcome::{Event, EventKind},
    perform::{approver_violations, check_version, next},
    permission::check_may_reassign,
    recipients,
};

/// Other approvers for a pending request.
#[derive(Clone, Debug, Default)]
pub struct Reassign {
    /// The version of the request that the actor saw, if they say so.
    pub expected_version: Option<i64>,
    /// Who is asked from now on; empty: every approver of the area.
    pub approvers: Vec<MemberId>,
    /// Why; empty for none.
    pub note: String,
}

/// Comments on a pending request: whoever may read it may (REQ-21). It is history, and no change of the request: what an
/// approver saw before it is still what they decide on.
pub fn comment(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
    text: &str,
) -> Result<Outcome, Refusal> {
    check_open(context, request)?;
    if text.trim().is_empty() {
        return Err(Refusal::Invalid(vec![Violation::new("text", "is required")]));
    }
    if request.comments >= limits::COMMENTS {
        return Err(Refusal::TooManyComments(request.id));
    }
    let after = next(resource, context.now);
    let commented = Request { comments: request.comments + 1, ..request.clone() };
    let recipients = recipients::of_comment(context, request, resource);
    Ok(Outcome {
        history: history(context, resource, &after, request, HistoryEvent::Commented, text),
        resource: after,
        request: Some(RequestWrite::Noted(commented)),
        review: None,
        event: Event { kind: EventKind::RequestCommented, recipients },
    })
}

/// Chooses other approvers: its submitter may, and Admins; who is assigned may hand on their own part. Approvals that were given
/// still count where who gave them may still decide: they are chosen again, nobody is chosen, or they are an Admin (REQ-7, REQ-22).
pub fn reassign(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
    command: &Reassign,
) -> Result<Outcome, Refusal> {
    check_may_reassign(context, resource, request)?;
    check_open(context, request)?;
    check_version(command.expected_version, request.version)?;
    let assigned: BTreeSet<MemberId> = request.assigned().collect();
    let chosen: BTreeSet<MemberId> = command.approvers.iter().copied().collect();
    let mut violations = context.lifecycle(resource).map_or_else(Vec::new, |lifecycle| {
        approver_violations(context, lifecycle, resource, request.submitter.member_id, &command.approvers)
    });
    if assigned == chosen {
        violations.push(Violation::new("approver_ids", "are those who are asked already"));
    }
    // Whoever only hands on what they were asked takes it from nobody else.
    let actor = context.actor.active_member();
    let hands_on = actor.is_some_and(|actor| !actor.is_admin() && !request.submitted_by(actor.id));
    let dropped =
        assigned.iter().find(|id| !chosen.contains(id) && actor.is_none_or(|actor| actor.id != **id));
    if let Some(id) = dropped.filter(|_| hands_on) {
        let name = context.directory.name_of(*id);
        violations.push(Violation::new(
            "approver_ids",
            format!("must still name {name}: only the submitter and Admins take others from a request"),
        ));
    }
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    let mut after = advance(request);
    after.assignments = command.approvers.iter().copied().map(Assignment::new).collect();
    let voided = lost_votes(context, resource, &after);
    after.void(&voided, context.now);
    if !can_be_approved(context, resource, &after) {
        return Err(Refusal::NoEligibleApprovers(request.area.clone()));
    }
    let was_assigned = request.assignments.iter().map(|assignment| assignment.member);
    let removed = was_assigned.filter(|id| !command.approvers.contains(id)).collect();
    let resource_after = next(resource, context.now);
    let note = note(context, &after, &with_voided(&voided, &command.note));
    let recipients = recipients::of_reassignment(context, request, &after, resource);
    Ok(Outcome {
        history: history(context, resource, &resource_after, request, HistoryEvent::Reassigned, &note),
        resource: resource_after,
        request: Some(RequestWrite::Reassign { request: after, removed, voided }),
        review: None,
        event: Event { kind: EventKind::RequestReassigned, recipients },
    })
}

/// Reminds those whose decision a request awaits, once its time has come (NOT-8); none where it has not, or the request has ended.
pub fn remind(context: &Context<'_>, resource: &Resource, request: &Request) -> Option<Outcome> {
    let due = request.remind_at.is_some_and(|at| at <= context.now);
    if request.state != RequestState::Pending || !due {
        return None;
    }
    let after = next(resource, context.now);
    let recipients = recipients::of_reminder(context, request, resource);
    Some(Outcome {
        history: history(context, resource, &after, request, HistoryEvent::Reminded, ""),
        resource: after,
        request: Some(RequestWrite::Noted(Request { remind_at: None, ..request.clone() })),
        review: None,
        event: Event { kind: EventKind::RequestReminded, recipients },
    })
}

/// What history says: who is asked from now on, and why.
fn note(context: &Context<'_>, request: &Request, why: &str) -> String {
    let name = |id| context.directory.get(id).map(|member| member.display_name.as_str());
    let names: Vec<&str> = request.assigned().filter_map(name).collect();
    let asked = if names.is_empty() {
        format!("every approver of {} is asked now", request.area)
    } else {
        format!("asked now: {}", names.join(", "))
    };
    if why.is_empty() { asked } else { format!("{asked}. {why}") }
}
