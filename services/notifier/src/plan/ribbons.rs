//! What becomes of ribbons.

use countersign_proto::event::event::Payload;
use countersign_proto::event::{self, BypassEvent, Recipient, RecipientRibbon, RequestEvent};
use countersign_proto::inbox::RibbonKind;
use uuid::Uuid;

use super::access::audience;
use super::{Audience, EVERYBODY, Reminds, Topic, Unusable, id};

/// What an event does to one resource's ribbons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RibbonChange {
    /// The resource.
    pub resource_id: Uuid,
    /// The event's place among the resource's events.
    pub sequence: i64,
    /// The approval request; nil where it is about a bypass.
    pub approval_request_id: Uuid,
    /// The resource's kind.
    pub resource_kind: String,
    /// The resource's title.
    pub resource_title: String,
    /// The action concerned.
    pub action: String,
    /// A `RequestState`.
    pub request_state: i32,
    /// Who did it, by name.
    pub actor_name: String,
    /// Why the request expired, if it did.
    pub expiry_reason: String,
    /// The submitter's note, the feedback, or the reason of a bypass.
    pub note: String,
    /// Whom the resource reaches, which decides who sees its ribbons.
    pub audience: Audience,
    /// What it does.
    pub effect: RibbonEffect,
}

/// The things that events do to ribbons. They commute, the first three given the sequence, the others always: whatever order
/// events arrive in, the same ribbons are left (NOT-12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RibbonEffect {
    /// These take the place of all that the resource had about requests, unless a newer event has done so already. One that is
    /// the same as before stays, with its marks.
    Replace(Vec<NewRibbon>),
    /// So do these, beside those of the event of the same sequence: it had more recipients than one names.
    Add(Vec<NewRibbon>),
    /// These members are asked no more.
    Withdraw(Vec<Uuid>),
    /// These members are asked to close a review, unless it is closed already (NOT-9).
    Review {
        /// The review.
        review_id: Uuid,
        /// Who can close it.
        viewers: Vec<Uuid>,
    },
    /// The review asks nobody any more.
    CloseReview(Uuid),
}

/// A ribbon to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRibbon {
    /// Who sees it; [`EVERYBODY`] for all who have none of their own.
    pub viewer_id: Uuid,
    /// DECIDE, AWAITING or RESULT.
    pub kind: RibbonKind,
}

impl RibbonChange {
    /// The same of an event that names further recipients of another. Everybody's ribbon is the same in all of them, and tells
    /// as soon as the first has come that the request awaits its decision.
    pub(super) fn continued(mut self) -> Self {
        if let RibbonEffect::Replace(ribbons) = self.effect {
            self.effect = RibbonEffect::Add(ribbons);
        }
        self
    }
}

/// What an event about `topic` does; none if it leaves ribbons as they are.
pub(super) fn ribbon_change(
    topic: Topic,
    data: &event::Event,
    recipients: &[(Uuid, Recipient)],
    sequence: i64,
) -> Result<Option<RibbonChange>, Unusable> {
    match topic {
        Topic::Workflow | Topic::PolicyWeakened | Topic::Invitation => Ok(None),
        Topic::Commented | Topic::Reminded => request(data).map(|_| None),
        Topic::Bypassed | Topic::ReviewClosed => review_change(topic, data, recipients, sequence).map(Some),
        Topic::Submitted
        | Topic::Reassigned
        | Topic::ApprovalRecorded
        | Topic::AssignmentExpired
        | Topic::Approved
        | Topic::Rejected
        | Topic::Cancelled
        | Topic::Expired
        | Topic::Reverted => request_change(topic, data, recipients, sequence).map(Some),
    }
}

/// The request that a mail asks to decide.
pub(crate) fn reminds(data: &event::Event) -> Result<Reminds, Unusable> {
    let request = request(data)?;
    let resource = request.resource.as_ref().ok_or(Unusable::Payload("request.resource"))?;
    Ok(Reminds {
        resource_id: id("request.resource.resourceId", &resource.resource_id)?,
        approval_request_id: id("request.approvalRequestId", &request.approval_request_id)?,
    })
}

fn request(data: &event::Event) -> Result<&RequestEvent, Unusable> {
    match &data.payload {
        Some(Payload::Request(request)) => Ok(request),
        _ => Err(Unusable::Payload("request")),
    }
}

fn request_change(
    topic: Topic,
    data: &event::Event,
    recipients: &[(Uuid, Recipient)],
    sequence: i64,
) -> Result<RibbonChange, Unusable> {
    let request = request(data)?;
    let resource = request.resource.as_ref().ok_or(Unusable::Payload("request.resource"))?;
    let actor = data.actor.as_ref().ok_or(Unusable::Payload("actor"))?;
    let resource_id = id("request.resource.resourceId", &resource.resource_id)?;
    let approval_request_id = id("request.approvalRequestId", &request.approval_request_id)?;
    let effect = match topic {
        Topic::Submitted | Topic::Reassigned => {
            let asked = wanting(RecipientRibbon::Decide, recipients);
            let asked = asked.map(|viewer_id| NewRibbon { viewer_id, kind: RibbonKind::Decide });
            let rest = NewRibbon { viewer_id: EVERYBODY, kind: RibbonKind::Awaiting };
            RibbonEffect::Replace(asked.chain([rest]).collect())
        }
        Topic::ApprovalRecorded => RibbonEffect::Withdraw(vec![id("actor.memberId", &actor.member_id)?]),
        Topic::AssignmentExpired => {
            let lost = request.lost_approvers.iter();
            let lost = lost.map(|approver| id("request.lostApprovers.memberId", &approver.member_id));
            let lost = lost.collect::<Result<Vec<_>, _>>()?;
            if lost.is_empty() {
                return Err(Unusable::Payload("request.lostApprovers"));
            }
            RibbonEffect::Withdraw(lost)
        }
        _ => {
            let told = wanting(RecipientRibbon::Result, recipients);
            let told = told.map(|viewer_id| NewRibbon { viewer_id, kind: RibbonKind::Result });
            RibbonEffect::Replace(told.collect())
        }
    };
    // Who asks is the submitter, also when somebody else has changed who is asked.
    let submitter = request.submitter.as_ref().filter(|_| topic == Topic::Reassigned);
    Ok(RibbonChange {
        resource_id,
        sequence,
        approval_request_id,
        resource_kind: resource.kind.clone(),
        resource_title: resource.title.clone(),
        action: request.action.clone(),
        request_state: request.state,
        actor_name: submitter.unwrap_or(actor).display_name.clone(),
        expiry_reason: request.expiry_reason.clone(),
        note: match topic {
            Topic::Submitted | Topic::Reassigned => request.note.clone(),
            _ => request.feedback.clone(),
        },
        audience: audience(resource),
        effect,
    })
}

fn review_change(
    topic: Topic,
    data: &event::Event,
    recipients: &[(Uuid, Recipient)],
    sequence: i64,
) -> Result<RibbonChange, Unusable> {
    let Some(Payload::Bypass(bypass)) = &data.payload else { return Err(Unusable::Payload("bypass")) };
    let BypassEvent { resource, review_id, bypassed_by, .. } = bypass;
    let resource = resource.as_ref().ok_or(Unusable::Payload("bypass.resource"))?;
    let actor = bypassed_by.as_ref().ok_or(Unusable::Payload("bypass.bypassedBy"))?;
    let review_id = id("bypass.reviewId", review_id)?;
    let effect = if topic == Topic::ReviewClosed {
        RibbonEffect::CloseReview(review_id)
    } else {
        RibbonEffect::Review { review_id, viewers: wanting(RecipientRibbon::Review, recipients).collect() }
    };
    Ok(RibbonChange {
        resource_id: id("bypass.resource.resourceId", &resource.resource_id)?,
        sequence,
        approval_request_id: Uuid::nil(),
        resource_kind: resource.kind.clone(),
        resource_title: resource.title.clone(),
        action: bypass.action.clone(),
        request_state: 0,
        actor_name: actor.display_name.clone(),
        expiry_reason: String::new(),
        note: bypass.reason.clone(),
        audience: audience(resource),
        effect,
    })
}

/// The recipients who get this ribbon.
fn wanting(ribbon: RecipientRibbon, recipients: &[(Uuid, Recipient)]) -> impl Iterator<Item = Uuid> + '_ {
    recipients
        .iter()
        .filter(move |(_, recipient)| recipient.ribbon == ribbon as i32)
        .map(|(viewer_id, _)| *viewer_id)
}
