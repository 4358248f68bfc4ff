//! What becomes of pending requests when a right to decide is lost (REQ-10).
//!
//! The right itself is gone with the commit that takes it, whatever is still to be settled (REQ-9). What a request shows of it is
//! settled request by request, each in one outcome: no request is ever half settled. [`settle`] only looks at how things are
//! now, so it can be asked again and again, in any order, and after a crash.

use std::collections::BTreeSet;

use crate::{
    ActorRef, Context, MemberId, Outcome, Request, RequestState, RequestWrite, Resource,
    access::Component,
    decide::{advance, ending, go_back, history},
    history::HistoryEvent,
    limits,
    outcome::{Event, EventKind},
    perform::next,
    recipients,
    request::ExpiryReason,
    resource::ApprovalStatus,
};

/// Which pending requests a change of the rules can concern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concern {
    /// Requests to which one of these is assigned.
    pub members: BTreeSet<MemberId>,
    /// Requests without chosen approvers: so few approvers are left that one of them may have none.
    pub unassigned: bool,
}

impl Concern {
    /// Whether no request can be concerned.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && !self.unassigned
    }
}

/// So many who may decide everything leave no unassigned request without an approver: one may be its submitter, and as many as it
/// needs approvals, less one, may have given theirs.
const ALWAYS_ENOUGH: usize = *limits::REQUIRED_APPROVALS.end() as usize + 1;

/// Which pending requests may have to be settled after the rules changed from `before` to `after`.
pub fn concern(before: &Context<'_>, after: &Context<'_>) -> Concern {
    let mut concern = Concern::default();
    for component in Component::WITH_WORKFLOW {
        let area = component.area();
        let self_approval = |context: &Context<'_>| {
            area.as_ref().is_some_and(|area| context.policies.of(area).allow_self_approval)
        };
        let submitters_lost_it = self_approval(before) && !self_approval(after);
        let mut lost = false;
        for member in before.approvers_of(component, None) {
            let now = after.directory.active(member.id).map(|member| after.access(member));
            let then = before.access(member);
            let keeps = now.is_some_and(|now| {
                now.rights(component).approve && (now.scope().is_none() || now.scope() == then.scope())
            });
            if submitters_lost_it || !keeps {
                concern.members.insert(member.id);
                lost = true;
            }
        }
        // Whoever is not limited can decide every request but their own and those that they have decided.
        let unlimited = after
            .approvers_of(component, None)
            .filter(|member| after.access(member).scope().is_none())
            .take(ALWAYS_ENOUGH)
            .count();
        concern.unassigned |= lost && unlimited < ALWAYS_ENOUGH;
    }
    concern
}

/// Settles one pending request: assignments of those who can't decide it any more are EXPIRED, and where nobody is left the
/// request ends. Who has approved already is not left: where more approvals are needed, only others can give them. None:
/// nothing has changed for it.
pub fn settle(context: &Context<'_>, resource: &Resource, request: &Request) -> Option<Outcome> {
    if request.state != RequestState::Pending {
        return None;
    }
    let component = Component::of_area(&request.area);
    let self_approval = context.policies.of(&request.area).allow_self_approval;
    let may_decide = |id: MemberId| {
        (self_approval || !request.submitted_by(id))
            && context
                .directory
                .active(id)
                .is_some_and(|member| context.access(member).rights_on(component, &resource.audience).approve)
    };
    let lost: Vec<MemberId> = request.assigned().filter(|id| !may_decide(*id)).collect();
    let nobody_left = if request.has_chosen_approvers() {
        request.assigned().all(|id| lost.contains(&id))
    } else {
        !context.approvers_of(component, Some(&resource.audience)).any(|member| {
            (self_approval || !request.submitted_by(member.id)) && !request.decided_by(member.id)
        })
    };
    if lost.is_empty() && !nobody_left {
        return None;
    }

    let mut after = advance(request);
    for assignment in &mut after.assignments {
        if lost.contains(&assignment.member) {
            assignment.expired_at = Some(context.now);
        }
    }
    let lost: Vec<ActorRef> = lost.into_iter().map(|id| named(context, id)).collect();
    let note = note(&lost);
    let (resource_after, what, kind, recipients) = if nobody_left {
        let reason = ExpiryReason::NoEligibleApprovers;
        after.state = RequestState::Expired { ending: ending(context, &note), reason };
        (
            go_back(context, resource, request, ApprovalStatus::ApprovalExpired),
            HistoryEvent::Expired,
            EventKind::RequestExpired,
            recipients::of_expiry(context, &after, resource, reason),
        )
    } else {
        (
            next(resource, context.now),
            HistoryEvent::AssignmentExpired,
            EventKind::RequestAssignmentExpired,
            recipients::of_lost_assignees(context, &after),
        )
    };
    Some(Outcome {
        history: history(context, resource, &resource_after, request, what, &note),
        resource: resource_after,
        request: Some(RequestWrite::Update { request: after, decision: None, lost }),
        event: Event { kind, recipients },
    })
}

fn named(context: &Context<'_>, id: MemberId) -> ActorRef {
    let name = context.directory.get(id).map_or_else(|| id.to_string(), |member| member.display_name.clone());
    ActorRef { member_id: Some(id), name, service: None }
}

/// What history says of it.
fn note(lost: &[ActorRef]) -> String {
    let names: Vec<&str> = lost.iter().map(|actor| actor.name.as_str()).collect();
    match names.as_slice() {
        [] => "nobody is left who could decide".to_owned(),
        names => format!("can't decide any more: {}", names.join(", ")),
    }
}
