//! What becomes of pending requests when a right to decide is lost (REQ-10, REQ-22), or their workflow is switched off (POL-2).
//!
//! The right itself is gone with the commit that takes it, whatever is still to be settled (REQ-9); so is the workflow. What a
//! request shows of it is settled request by request, each in one outcome: no request is ever half settled. [`settle`] only looks
//! at how things are now, so it can be asked again and again, in any order, and after a crash.

use std::collections::{BTreeSet, HashMap};

use crate::{
    ActorRef, Area, Context, Member, MemberId, Outcome, Request, RequestState, RequestWrite, Resource,
    access::Component,
    decide::{advance, ending, go_back, history},
    history::HistoryEvent,
    limits,
    outcome::{Event, EventKind},
    perform::next,
    permission::may_decide,
    recipients,
    request::ExpiryReason,
    resource::ApprovalStatus,
    revert::revert,
};

/// Which pending requests a change of the rules can concern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concern {
    /// Requests to which one of these is assigned, or which one of them has approved.
    pub members: BTreeSet<MemberId>,
    /// All of them: so few approvers are left that any request may have too few.
    pub everything: bool,
    /// All requests of these areas: their workflow was switched off (POL-2).
    pub areas: BTreeSet<Area>,
}

impl Concern {
    /// Whether no request can be concerned.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && !self.everything && self.areas.is_empty()
    }
}

/// So many who may decide everything are enough for any request: one of them may be its submitter, and it may need as many
/// approvals as a policy can ask for.
const ALWAYS_ENOUGH: usize = *limits::REQUIRED_APPROVALS.end() as usize + 1;

/// Which pending requests may have to be settled after the rules changed from `before` to `after`.
pub fn concern(before: &Context<'_>, after: &Context<'_>) -> Concern {
    let switched_off = |area: &Area| before.workflow_is_on(area) && !after.workflow_is_on(area);
    let areas = after.policies.areas().filter(|area| switched_off(area)).cloned().collect();
    let mut concern = Concern { areas, ..Concern::default() };
    let left: HashMap<MemberId, &Member> =
        after.directory.candidates().iter().map(|member| (member.id, member)).collect();
    for area in after.policies.areas() {
        let component = &Component::of_area(area);
        let (was, is) = (before.policies.of(area), after.policies.of(area));
        let authors_lost_it = !was.exclude_authors && is.exclude_authors;
        let some_lost_it = authors_lost_it || (was.allow_self_approval && !is.allow_self_approval);
        let mut lost = false;
        for member in before.approvers_of(component, None) {
            let now = left.get(&member.id).map(|member| after.access(member));
            let then = before.access(member);
            let keeps = now.is_some_and(|now| {
                now.rights(component).approve && (now.scope().is_none() || now.scope() == then.scope())
            });
            if some_lost_it || !keeps {
                concern.members.insert(member.id);
                lost = true;
            }
        }
        let unlimited = after
            .approvers_of(component, None)
            .filter(|member| after.access(member).scope().is_none())
            .take(ALWAYS_ENOUGH)
            .count();
        // Where authors may not decide, nobody knows how many are enough: any number can have written one thing (REQ-23).
        concern.everything |= lost && (unlimited < ALWAYS_ENOUGH || is.exclude_authors);
    }
    // Whoever was chosen, Admins may decide as well (REQ-7), and what one approved as Admin they may not decide any more.
    let is_admin_no_more = |admin: &&Member| !left.get(&admin.id).is_some_and(|member| member.is_admin());
    let mut gone = before.directory.admins().filter(is_admin_no_more).map(|admin| admin.id).peekable();
    let admins_are_enough = after.directory.admins().take(ALWAYS_ENOUGH).count() == ALWAYS_ENOUGH
        && after.policies.areas().all(|area| !after.policies.of(area).exclude_authors);
    concern.everything |= gone.peek().is_some() && !admins_are_enough;
    concern.members.extend(gone);
    concern
}

/// Settles one pending request: without a workflow it is reverted. Else assignments of those who can't decide it any more are
/// EXPIRED, their approvals don't count any more (REQ-22), and where no assignee is left, or fewer members than the approvals that
/// are missing, the request ends: it could never be approved, and was refused had it been submitted now (REQ-11). None: nothing has
/// changed for it.
pub fn settle(context: &Context<'_>, resource: &Resource, request: &Request) -> Option<Outcome> {
    if request.state != RequestState::Pending {
        return None;
    }
    if !context.workflow_is_on(&request.area) {
        return Some(revert(context, resource, request));
    }
    let can_decide = |id: MemberId| {
        let member = context.directory.active(id);
        member.is_some_and(|member| may_decide(context, member, resource, request).is_ok())
    };
    let lost: Vec<MemberId> = request.assigned().filter(|id| !can_decide(*id)).collect();
    let no_assignee_left = request.has_chosen_approvers() && request.assigned().all(|id| lost.contains(&id));
    let voided = lost_votes(context, resource, request);
    let mut after = advance(request);
    after.void(&voided, context.now);
    let nobody_left = no_assignee_left || !can_be_approved(context, resource, &after);
    if lost.is_empty() && voided.is_empty() && !nobody_left {
        return None;
    }
    for assignment in &mut after.assignments {
        if lost.contains(&assignment.member) {
            assignment.expired_at = Some(context.now);
        }
    }
    let lost: Vec<ActorRef> = lost.into_iter().map(|id| named(context, id)).collect();
    let note = note(&lost, &voided);
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
            if voided.is_empty() { HistoryEvent::AssignmentExpired } else { HistoryEvent::VoteVoided },
            EventKind::RequestAssignmentExpired,
            recipients::of_lost_approvers(context, &after),
        )
    };
    Some(Outcome {
        history: history(context, resource, &resource_after, request, what, &note),
        resource: resource_after,
        request: Some(RequestWrite::Update { request: after, decision: None, anew: false, lost, voided }),
        review: None,
        event: Event { kind, recipients },
    })
}

/// Whether as many are left as approvals are missing (REQ-11, POL-3).
pub(crate) fn can_be_approved(context: &Context<'_>, resource: &Resource, request: &Request) -> bool {
    let policy = context.policies.of(&request.area);
    let missing = usize::from(request.required_approvals).saturating_sub(request.approvals());
    let could_approve = context
        .approvers_of(&Component::of_area(&request.area), Some(&resource.audience))
        .filter(|member| !policy.excludes(member.id, request.submitter.member_id, &request.authors))
        .filter(|member| !request.decided_by(member.id))
        .filter(|member| {
            !request.has_chosen_approvers() || request.is_assigned(member.id) || member.is_admin()
        })
        .take(missing)
        .count();
    could_approve == missing
}

/// Those whose decisions count and should not: they may not decide `request` any more (REQ-22).
pub(crate) fn lost_votes(context: &Context<'_>, resource: &Resource, request: &Request) -> Vec<ActorRef> {
    let can_decide = |by: &ActorRef| {
        let member = by.member_id.and_then(|id| context.directory.active(id));
        member.is_some_and(|member| may_decide(context, member, resource, request).is_ok())
    };
    let lost = request.votes().map(|decision| &decision.by).filter(|by| !can_decide(by));
    lost.map(|by| ActorRef { service: None, ..by.clone() }).collect()
}

fn named(context: &Context<'_>, id: MemberId) -> ActorRef {
    ActorRef { member_id: Some(id), name: context.directory.name_of(id), service: None }
}

/// What history says of it.
fn note(lost: &[ActorRef], voided: &[ActorRef]) -> String {
    let lost = match names(lost).as_str() {
        "" if voided.is_empty() => "too few are left who could approve".to_owned(),
        "" => String::new(),
        names => format!("can't decide any more: {names}"),
    };
    with_voided(voided, &lost)
}

/// A note with the names of those whose approvals don't count any more, if there are any.
pub(crate) fn with_voided(voided: &[ActorRef], note: &str) -> String {
    if voided.is_empty() {
        return note.to_owned();
    }
    let voided = format!("no longer counted: the approval of {}", names(voided));
    if note.is_empty() { voided } else { format!("{voided}. {note}") }
}

fn names(actors: &[ActorRef]) -> String {
    let names: Vec<&str> = actors.iter().map(|actor| actor.name.as_str()).collect();
    names.join(", ")
}
