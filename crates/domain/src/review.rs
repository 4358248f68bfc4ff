//! The review of an emergency bypass (POL-8): another approver looks at what an Admin applied without a second signature.

use crate::{
    AccountId, ActorRef, Area, Context, Digest, Member, Outcome, Refusal, Resource, ResourceId, ReviewId,
    ReviewWrite, Timestamp,
    access::Component,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{Action, Kind, Lifecycle, State},
    outcome::{Event, EventKind},
    perform::{PerformAction, entry, next},
    permission::require,
    recipients,
    refusal::Permission,
    request::Ending,
};

/// What an Admin applied in an emergency, and whether another approver has looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The account.
    pub account_id: AccountId,
    /// The id.
    pub id: ReviewId,
    /// The resource.
    pub resource_id: ResourceId,
    /// The resource's kind.
    pub kind: Kind,
    /// The resource's title at the bypass.
    pub resource_title: String,
    /// The area whose workflow was bypassed.
    pub area: Area,
    /// What was applied.
    pub action: Action,
    /// The state before.
    pub from_state: State,
    /// The state that it led to.
    pub target_state: State,
    /// The Admin, as the name was then.
    pub bypassed_by: ActorRef,
    /// Why.
    pub reason: String,
    /// The digest of the content concerned.
    pub digest: Digest,
    /// When.
    pub opened_at: Timestamp,
    /// Who closed it, when and with what note; none while it is open.
    pub closed: Option<Ending>,
}

/// Whether the actor may bypass: Admins only, and only who has no bypass of theirs left to be reviewed.
pub(crate) fn check_may_bypass(
    context: &Context<'_>,
    component: &Component,
    open: Option<&Review>,
) -> Result<(), Refusal> {
    let may = context.actor.active_member().is_some_and(Member::is_admin);
    require(may, Permission::Bypass, component.as_str())?;
    open.map_or(Ok(()), |review| Err(Refusal::ReviewOpen(review.id)))
}

/// What was `applied` in an emergency is told to every approver, and opens the review that another of them has to close.
pub(crate) fn open(
    context: &Context<'_>,
    lifecycle: &Lifecycle,
    before: &Resource,
    command: &PerformAction,
    applied: Outcome,
) -> Outcome {
    let history = HistoryEntry { note: command.emergency_reason.clone(), ..applied.history };
    let review = Box::new(Review {
        account_id: before.account_id,
        id: command.review_id,
        resource_id: before.id,
        kind: before.kind.clone(),
        resource_title: before.title.clone(),
        area: lifecycle.area.clone(),
        action: command.action.clone(),
        from_state: before.state.clone(),
        target_state: applied.resource.state.clone(),
        bypassed_by: context.actor.to_ref(),
        reason: command.emergency_reason.clone(),
        digest: history.digest.clone(),
        opened_at: context.now,
        closed: None,
    });
    let recipients = recipients::of_bypass(context, lifecycle, &applied.resource);
    Outcome {
        review: Some(ReviewWrite::Open(review)),
        history,
        event: Event { kind: EventKind::ResourceBypassed, recipients },
        ..applied
    }
}

/// Closes a review: any approver of the resource may but the Admin whose bypass it is. With it that Admin can bypass again.
pub fn close(
    context: &Context<'_>,
    resource: &Resource,
    review: &Review,
    note: &str,
) -> Result<Outcome, Refusal> {
    let component = Component::of_area(&review.area);
    require(context.rights_on(resource).approve, Permission::Approve, component.as_str())?;
    let actor = context.actor.to_ref();
    if actor.member_id == review.bypassed_by.member_id {
        return Err(Refusal::SelfReview(review.id));
    }
    if let Some(closed) = &review.closed {
        let (by, at) = (closed.by.clone(), closed.at);
        return Err(Refusal::ReviewClosed { review: review.id, by, at });
    }
    let after = next(resource, context.now);
    let history = HistoryEntry {
        note: note.to_owned(),
        digest: review.digest.clone(),
        ..entry(context, resource, &after, HistoryEvent::Reviewed, Some(&review.action))
    };
    let closed = Ending { by: actor, at: context.now, note: note.to_owned() };
    Ok(Outcome {
        resource: after,
        request: None,
        review: Some(ReviewWrite::Close(Box::new(Review { closed: Some(closed), ..review.clone() }))),
        history,
        event: Event { kind: EventKind::ReviewClosed, recipients: recipients::of_review(context, review) },
    })
}
