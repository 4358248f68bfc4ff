//! What an event asks of the notifier, worked out purely: one mail for each recipient who is to get one, and what
//! becomes of the resource's ribbons.

mod access;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use countersign_broker::Event;
use countersign_proto::event::event::Payload;
use countersign_proto::event::{self, Recipient, RecipientRibbon, RequestEvent};
use countersign_proto::inbox::RibbonKind;
use countersign_proto::json;
use uuid::Uuid;

use access::{ACCESS_CHANGED, access_change, audience};
pub use access::{Access, AccessChange, Audience, MemberChange, Scope};

/// The viewer of a ribbon that is for every member who has no ribbon of their own on the resource.
pub const EVERYBODY: Uuid = Uuid::nil();

/// The approval service's events begin so; all others are somebody else's.
const OURS: &str = "countersign.";

/// The type of the event that an account is gone for good. Nobody is told of it: nobody is left.
const ACCOUNT_ERASED: &str = "countersign.account.erased.v1";

/// Why an event can never be acted on. Quotes nothing of its data.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not one of Countersign's.
    #[error("the type does not begin with `{OURS}`")]
    Foreign,
    /// Its data is not the contract's message.
    #[error("the data is not a countersign.event.v1.Event")]
    Data(#[source] json::JsonError),
    /// Its data lacks what its type promises.
    #[error("the data has no `{0}`, which its type promises")]
    Payload(&'static str),
    /// One field is not an id.
    #[error("`{0}` is not a UUID")]
    Id(&'static str),
    /// An invitation's link accepts it, so that nobody but the invited person may get it.
    #[error("an invitation is told to one person, not {0}")]
    Invited(usize),
    /// It is to be told, but this version does not know how.
    #[error("somebody is to be told, but this version has no words for the type")]
    NoWords,
}

/// What kind of thing happened; each has words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// An approval request was made.
    Submitted,
    /// One of several approvals was given.
    ApprovalRecorded,
    /// Chosen approvers lost the right to decide; others are left.
    AssignmentExpired,
    /// A request was approved.
    Approved,
    /// A request was rejected.
    Rejected,
    /// A request was cancelled.
    Cancelled,
    /// A request expired.
    Expired,
    /// A request ended because its area's workflow was switched off.
    Reverted,
    /// An area's workflow was switched on or off.
    Workflow,
    /// Somebody is invited to join the account.
    Invitation,
}

impl Topic {
    /// The topic of an event type, if this version knows it.
    pub fn of(event_type: &str) -> Option<Self> {
        Some(match event_type {
            "countersign.request.submitted.v1" => Self::Submitted,
            "countersign.request.approval_recorded.v1" => Self::ApprovalRecorded,
            "countersign.request.assignment_expired.v1" => Self::AssignmentExpired,
            "countersign.request.approved.v1" => Self::Approved,
            "countersign.request.rejected.v1" => Self::Rejected,
            "countersign.request.cancelled.v1" => Self::Cancelled,
            "countersign.request.expired.v1" => Self::Expired,
            "countersign.request.reverted.v1" => Self::Reverted,
            "countersign.workflow.enabled.v1" | "countersign.workflow.disabled.v1" => Self::Workflow,
            "countersign.invitation.sent.v1" => Self::Invitation,
            _ => return None,
        })
    }
}

/// What is to be done about one event, all in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The account.
    pub account_id: Uuid,
    /// The event.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// When it happened, Unix microseconds.
    pub occurred_at: i64,
    /// What the mails are made from, as JSON; none if there are none.
    pub data: Option<String>,
    /// One for each recipient of mail.
    pub mails: Vec<PlannedMail>,
    /// What becomes of ribbons, if the event concerns any.
    pub ribbons: Option<RibbonChange>,
    /// Who may see and decide what, if the event says so.
    pub access: Option<AccessChange>,
    /// Whether all that is kept of the account is to go, and nothing may be kept of it again.
    pub erases: bool,
}

/// One mail to one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMail {
    /// The member.
    pub member_id: Uuid,
    /// The address, as the event gives it.
    pub address: String,
    /// The name, as the event gives it.
    pub display_name: String,
    /// The language.
    pub locale: String,
    /// Why this member is told: a `RecipientReason`.
    pub reason: i32,
}

/// What an event does to one resource's ribbons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RibbonChange {
    /// The resource.
    pub resource_id: Uuid,
    /// The event's place among the resource's events.
    pub sequence: i64,
    /// The approval request.
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
    /// The submitter's note, or the feedback.
    pub note: String,
    /// Whom the resource reaches, which decides who sees its ribbons.
    pub audience: Audience,
    /// What it does.
    pub effect: RibbonEffect,
}

/// The two things that events do to ribbons. They commute, given the sequence: whatever order events arrive in, the
/// same ribbons are left (NOT-12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RibbonEffect {
    /// These take the place of all that the resource had, unless a newer event has done so already.
    Replace(Vec<NewRibbon>),
    /// These members are asked no more.
    Withdraw(Vec<Uuid>),
}

/// A ribbon to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRibbon {
    /// Who sees it; [`EVERYBODY`] for all who have none of their own.
    pub viewer_id: Uuid,
    /// DECIDE, AWAITING or RESULT.
    pub kind: RibbonKind,
}

impl Plan {
    /// Works out what `event` asks for.
    pub fn of(mut event: Event) -> Result<Self, Unusable> {
        if !event.event_type.starts_with(OURS) {
            return Err(Unusable::Foreign);
        }
        let mut data: event::Event =
            json::from_value(std::mem::take(&mut event.data)).map_err(Unusable::Data)?;
        if event.event_type == ACCESS_CHANGED {
            let access = Some(access_change(&data, event.sequence)?);
            return Ok(Self { access, ..Self::silent(event) });
        }
        if event.event_type == ACCOUNT_ERASED {
            return Ok(Self { erases: true, ..Self::silent(event) });
        }
        let recipients = recipients(std::mem::take(&mut data.recipients))?;
        let topic = Topic::of(&event.event_type);
        let ribbons = match topic {
            None | Some(Topic::Workflow | Topic::Invitation) => None,
            Some(topic) => Some(ribbon_change(topic, &data, &recipients, event.sequence)?),
        };
        if topic == Some(Topic::Workflow) && !matches!(data.payload, Some(Payload::Workflow(_))) {
            return Err(Unusable::Payload("workflow"));
        }
        if topic == Some(Topic::Invitation) {
            check_invitation(&data, recipients.len())?;
        }
        let mails: Vec<PlannedMail> =
            recipients.into_iter().filter(|(_, recipient)| recipient.mail).map(planned_mail).collect();
        if topic.is_none() && !mails.is_empty() {
            return Err(Unusable::NoWords);
        }
        // Without the recipients: each delivery holds its own, and there may be many.
        let data = if mails.is_empty() {
            None
        } else {
            Some(json::to_value(&data).map_err(Unusable::Data)?.to_string())
        };
        Ok(Self { data, mails, ribbons, ..Self::silent(event) })
    }

    /// What is done about an event that asks for nothing: its id is kept.
    fn silent(event: Event) -> Self {
        Self {
            account_id: event.account_id,
            event_id: event.id,
            event_type: event.event_type,
            occurred_at: event.time_us,
            data: None,
            mails: Vec::new(),
            ribbons: None,
            access: None,
            erases: false,
        }
    }

    /// Whether more than the event's id is kept of it.
    pub(crate) fn keeps(&self) -> bool {
        !self.mails.is_empty() || self.ribbons.is_some() || self.access.is_some()
    }
}

/// The recipients with their ids, each member once: the first reason given is the one that applies.
fn recipients(recipients: Vec<Recipient>) -> Result<Vec<(Uuid, Recipient)>, Unusable> {
    let mut seen = HashSet::new();
    let mut members = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let member_id = id("recipients.memberId", &recipient.member_id)?;
        if seen.insert(member_id) {
            members.push((member_id, recipient));
        }
    }
    Ok(members)
}

fn planned_mail((member_id, recipient): (Uuid, Recipient)) -> PlannedMail {
    PlannedMail {
        member_id,
        address: recipient.email,
        display_name: recipient.display_name,
        locale: recipient.locale,
        reason: recipient.reason,
    }
}

fn ribbon_change(
    topic: Topic,
    data: &event::Event,
    recipients: &[(Uuid, Recipient)],
    sequence: i64,
) -> Result<RibbonChange, Unusable> {
    let Some(Payload::Request(request)) = &data.payload else { return Err(Unusable::Payload("request")) };
    let resource = request.resource.as_ref().ok_or(Unusable::Payload("request.resource"))?;
    let actor = data.actor.as_ref().ok_or(Unusable::Payload("actor"))?;
    let resource_id = id("request.resource.resourceId", &resource.resource_id)?;
    let approval_request_id = id("request.approvalRequestId", &request.approval_request_id)?;
    let of_recipients = |wanted: RecipientRibbon, kind| {
        recipients
            .iter()
            .filter(move |(_, recipient)| recipient.ribbon == wanted as i32)
            .map(move |(viewer_id, _)| NewRibbon { viewer_id: *viewer_id, kind })
    };
    let effect = match topic {
        Topic::Submitted => RibbonEffect::Replace(
            of_recipients(RecipientRibbon::Decide, RibbonKind::Decide)
                .chain([NewRibbon { viewer_id: EVERYBODY, kind: RibbonKind::Awaiting }])
                .collect(),
        ),
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
        Topic::Approved
        | Topic::Rejected
        | Topic::Cancelled
        | Topic::Expired
        | Topic::Reverted
        | Topic::Workflow
        | Topic::Invitation => {
            RibbonEffect::Replace(of_recipients(RecipientRibbon::Result, RibbonKind::Result).collect())
        }
    };
    Ok(RibbonChange {
        resource_id,
        sequence,
        approval_request_id,
        resource_kind: resource.kind.clone(),
        resource_title: resource.title.clone(),
        action: request.action.clone(),
        request_state: request.state,
        actor_name: actor.display_name.clone(),
        expiry_reason: request.expiry_reason.clone(),
        note: note(topic, request),
        audience: audience(resource),
        effect,
    })
}

fn check_invitation(data: &event::Event, recipients: usize) -> Result<(), Unusable> {
    let Some(Payload::Invitation(invitation)) = &data.payload else {
        return Err(Unusable::Payload("invitation"));
    };
    id("invitation.invitationId", &invitation.invitation_id)?;
    if invitation.token.is_empty() {
        return Err(Unusable::Payload("invitation.token"));
    }
    if recipients > 1 { Err(Unusable::Invited(recipients)) } else { Ok(()) }
}

/// The note that goes with the event: the submitter's to the approvers, or that of whoever ended the request.
pub(crate) fn note(topic: Topic, request: &RequestEvent) -> String {
    match topic {
        Topic::Submitted => request.note.clone(),
        _ => request.feedback.clone(),
    }
}

fn id(field: &'static str, value: &str) -> Result<Uuid, Unusable> {
    match Uuid::try_parse(value) {
        Ok(id) if !id.is_nil() => Ok(id),
        _ => Err(Unusable::Id(field)),
    }
}
