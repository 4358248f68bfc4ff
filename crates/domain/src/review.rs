//! The review of an emergency bypass (POL-8): another approver looks at what an Admin applied without a second signature.

use crate::{
    AccountId, ActorRef, Area, Context, Digest, Outcome, Refusal, Resource, ResourceId, ReviewId,
    ReviewWrite, Timestamp,
    access::Component,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{Action, Kind, State},
    outcome::{Event, EventKind},
    perform::{entry, next},
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

/// Closes a review: any approver of the resource may but the Admin whose bypass it is. With it that Admin can bypass again.
pub fn close(
    context: &Context<'_>,
    resource: &Resource,
    review: &Review,
    note: &str,
) -> Result<Outcome, Refusal> {
    let component = Component::of_area(&review.area);
    require(context.rights_on(resource).approve, Permission::Approve, component)?;
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
