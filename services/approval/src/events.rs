//! From an outcome to the event that tells of it: the outbox row that is written with it, and more of them where more are to be told
//! than one names.

use countersign_domain::{
    Account, AccountId, AccountState, Action, Context, EventId, Invitation, Member, MemberId, Outcome,
    Policy, Request, RequestWrite, Resource, Review, Timestamp,
    account::ActorRef,
    outcome::{Event, EventKind},
    policy::Weakening,
    recipients::{Reason, Recipient, RibbonKind},
    request::ExpiryReason,
    rules::{Sight, sight},
};
use countersign_proto::{event, json, types};
use countersign_runtime::ids;
use countersign_store::OutboxRow;

use crate::{
    fault::Fault,
    grpc::convert::{self, request as requests, resource as resources, time},
};

/// The outbox rows of a decision about a resource.
pub async fn of_outcome(
    account: &Account,
    outcome: &Outcome,
    id: EventId,
    traceparent: Option<&str>,
) -> Result<Vec<OutboxRow>, Fault> {
    let resource = &outcome.resource;
    let payload = match (&outcome.request, &outcome.review) {
        (Some(write), _) => event::event::Payload::Request(request_event(resource, write.request(), outcome)),
        (None, Some(write)) => event::event::Payload::Bypass(bypass_event(resource, write.review())),
        (None, None) => event::event::Payload::Resource(event::ResourceEvent {
            resource: Some(snapshot(resource)),
            change: outcome.history.event.as_str().to_owned(),
            action: outcome.history.action.as_ref().map(ToString::to_string).unwrap_or_default(),
            from_state: outcome.history.from.as_ref().map(ToString::to_string).unwrap_or_default(),
            winning_variant: resource.winner.clone().unwrap_or_default(),
        }),
    };
    let envelope = Envelope { account, actor: &outcome.history.actor, at: outcome.history.at, traceparent };
    rows(
        &envelope,
        &outcome.event,
        payload,
        Subject { text: resource.id.to_string(), sequence: resource.version },
        id,
    )
    .await
}

/// So many recipients are named in one event, each with an address and a name: about 100 KB, and 1 MB at the worst.
pub const RECIPIENTS_IN_ONE: usize = 500;

/// The type of the events that name the others.
pub const CONTINUED: &str = "countersign.recipients.continued.v1";

/// So many members are told of in one event: each may have a scope of some kilobytes.
pub const MEMBERS_IN_ONE: usize = 50;

/// What every event has.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The account, after the change.
    pub account: &'a Account,
    /// Who made it.
    pub actor: &'a ActorRef,
    /// When.
    pub at: Timestamp,
    /// The trace of the call.
    pub traceparent: Option<&'a str>,
}

/// The outbox rows of a workflow that was switched (NOT-7). Their sequence is the policy's version.
pub async fn of_switch(
    envelope: &Envelope<'_>,
    policy: &Policy,
    told: &Event,
    id: EventId,
) -> Result<Vec<OutboxRow>, Fault> {
    let payload = event::event::Payload::Workflow(event::WorkflowEvent {
        area: policy.area.as_str().to_owned(),
        enabled: told.kind == EventKind::WorkflowEnabled,
    });
    let subject = Subject { text: policy.area.as_str().to_owned(), sequence: policy.version };
    rows(envelope, told, payload, subject, id).await
}

/// The outbox rows of a policy that got weaker, where `told` says who is told (POL-9).
pub async fn of_weakening(
    envelope: &Envelope<'_>,
    policy: &Policy,
    weakened: &[Weakening],
    told: &Event,
    id: EventId,
) -> Result<Vec<OutboxRow>, Fault> {
    let held = envelope.actor.member_id.and_then(|member| policy.held_until(member, envelope.at));
    let payload = event::event::Payload::Policy(event::PolicyEvent {
        area: policy.area.as_str().to_owned(),
        weakened: weakened
            .iter()
            .map(|Weakening { setting, before, after }| event::WeakenedSetting {
                setting: (*setting).to_owned(),
                before: before.clone(),
                after: after.clone(),
            })
            .collect(),
        cooling_off_end_time: held.map(time::to_proto),
    });
    let subject = Subject { text: policy.area.as_str().to_owned(), sequence: policy.version };
    rows(envelope, told, payload, subject, id).await
}

/// The outbox row of whether the account is read only, as it is since `version`.
pub fn of_account_state(
    envelope: &Envelope<'_>,
    state: AccountState,
    version: i64,
    id: EventId,
) -> Result<OutboxRow, Fault> {
    let payload = event::event::Payload::Account(event::AccountEvent { state: state.as_str().to_owned() });
    let told = Event { kind: EventKind::AccountStateChanged, recipients: Vec::new() };
    row(envelope, &told, payload, Subject { text: envelope.account.id.to_string(), sequence: version }, id)
}

/// The outbox row of what `members` may see and decide from now on, in `context` after the change that made `version`.
pub fn of_access(
    envelope: &Envelope<'_>,
    context: &Context<'_>,
    members: &[&Member],
    version: i64,
    id: EventId,
) -> Result<OutboxRow, Fault> {
    let members = members
        .iter()
        .map(|member| {
            let Sight { active, readable, approvable, scope } = sight(context, member);
            let (property, values) = scope.map(|scope| (scope.property, scope.values)).unwrap_or_default();
            event::MemberAccess {
                member_id: member.id.to_string(),
                active,
                readable_kinds: readable,
                approvable_kinds: approvable,
                scope_property: property,
                scope_values: values.into_iter().collect(),
            }
        })
        .collect();
    let payload = event::event::Payload::Access(event::AccessEvent { members });
    let told = Event { kind: EventKind::AccessChanged, recipients: Vec::new() };
    let subject = Subject { text: context.account.id.to_string(), sequence: version };
    row(envelope, &told, payload, subject, id)
}

/// The outbox row of an invitation that is to be mailed.
pub fn of_invitation(
    envelope: &Envelope<'_>,
    invitation: &Invitation,
    token: &str,
    roles: &[String],
    id: EventId,
) -> Result<OutboxRow, Fault> {
    let payload = event::event::Payload::Invitation(event::InvitationEvent {
        invitation_id: invitation.id.to_string(),
        token: token.to_owned(),
        expire_time: Some(time::to_proto(invitation.expires_at)),
        roles: roles.to_vec(),
    });
    let invited = Recipient {
        member_id: MemberId(invitation.id.0),
        email: invitation.email.clone(),
        display_name: invitation.email.clone(),
        locale: invitation.locale.clone(),
        time_zone: None,
        reason: Reason::Invited,
        mail: true,
        ribbon: None,
    };
    let told = Event { kind: EventKind::InvitationSent, recipients: vec![invited] };
    let subject = Subject { text: invitation.id.to_string(), sequence: invitation.version };
    row(envelope, &told, payload, subject, id)
}

/// The outbox row of an account that is erased: whoever keeps something of it forgets it too. It holds nothing but its type.
pub fn of_erasure(account: AccountId, at: Timestamp, id: EventId) -> OutboxRow {
    OutboxRow {
        account_id: account,
        event_id: id,
        event_type: EventKind::AccountErased.as_str().to_owned(),
        subject: account.to_string(),
        sequence: 0,
        payload: "{}".to_owned(),
        traceparent: None,
        occurred_at: at,
    }
}

#[derive(Clone)]
struct Subject {
    text: String,
    sequence: i64,
}

/// The event, with as many recipients as one names, and those that name the others. Between two of them other calls have their turn:
/// writing 100,000 recipients down takes long.
async fn rows(
    envelope: &Envelope<'_>,
    told: &Event,
    payload: event::event::Payload,
    subject: Subject,
    id: EventId,
) -> Result<Vec<OutboxRow>, Fault> {
    let mut parts = told.recipients.chunks(RECIPIENTS_IN_ONE);
    let mut message = message(envelope, parts.next().unwrap_or_default(), payload);
    let event_type = told.kind.as_str();
    let mut rows = vec![written(envelope, event_type, &message, subject.clone(), id)?];
    event_type.clone_into(&mut message.continues);
    for part in parts {
        tokio::task::yield_now().await;
        message.recipients = part.iter().map(|to| recipient(envelope, to)).collect();
        let id = EventId(ids::new_id());
        rows.push(written(envelope, CONTINUED, &message, subject.clone(), id)?);
    }
    Ok(rows)
}

fn row(
    envelope: &Envelope<'_>,
    told: &Event,
    payload: event::event::Payload,
    subject: Subject,
    id: EventId,
) -> Result<OutboxRow, Fault> {
    let message = message(envelope, &told.recipients, payload);
    written(envelope, told.kind.as_str(), &message, subject, id)
}

fn message(
    envelope: &Envelope<'_>,
    recipients: &[Recipient],
    payload: event::event::Payload,
) -> event::Event {
    event::Event {
        account_name: envelope.account.name.clone(),
        actor: Some(convert::actor(envelope.actor)),
        recipients: recipients.iter().map(|to| recipient(envelope, to)).collect(),
        payload: Some(payload),
        continues: String::new(),
    }
}

fn written(
    envelope: &Envelope<'_>,
    event_type: &str,
    message: &event::Event,
    subject: Subject,
    id: EventId,
) -> Result<OutboxRow, Fault> {
    let payload = json::to_text(message)
        .map_err(|error| Fault::Internal("an event can't be written as JSON", Some(error.into())))?;
    Ok(OutboxRow {
        account_id: envelope.account.id,
        event_id: id,
        event_type: event_type.to_owned(),
        subject: subject.text,
        sequence: subject.sequence,
        payload,
        traceparent: envelope.traceparent.map(str::to_owned),
        occurred_at: envelope.at,
    })
}

fn snapshot(resource: &Resource) -> event::ResourceSnapshot {
    event::ResourceSnapshot {
        resource_id: resource.id.to_string(),
        kind: resource.kind.as_str().to_owned(),
        external_id: resource.external_id.clone(),
        title: resource.title.clone(),
        state: resource.state.as_str().to_owned(),
        digest: resource.live.digest.to_string(),
        schedule: Some(resources::schedule(resource.schedule)),
        audience: resource
            .audience
            .0
            .iter()
            .map(|(property, values)| {
                (property.clone(), event::AudienceValues { values: values.iter().cloned().collect() })
            })
            .collect(),
    }
}

fn request_event(resource: &Resource, request: &Request, outcome: &Outcome) -> event::RequestEvent {
    let feedback = match outcome.event.kind {
        EventKind::RequestSubmitted => String::new(),
        _ => outcome.history.note.clone(),
    };
    event::RequestEvent {
        resource: Some(snapshot(resource)),
        approval_request_id: request.id.to_string(),
        area: request.area.as_str().to_owned(),
        action: request.action.as_str().to_owned(),
        state: requests::state(&request.state).into(),
        from_state: request.from_state.as_str().to_owned(),
        target_state: request.target_state.as_str().to_owned(),
        submitter: Some(convert::actor(&request.submitter)),
        note: request.note.clone(),
        feedback,
        digest: request.digest.to_string(),
        winning_variant: requests::winner(&request.state).unwrap_or_default().to_owned(),
        deadline: request.deadline.map(time::to_proto),
        expiry_reason: requests::expiry_reason(&request.state)
            .map(ExpiryReason::as_str)
            .unwrap_or_default()
            .to_owned(),
        approvals: i32::try_from(request.approvals()).unwrap_or(i32::MAX),
        required_approvals: i32::from(request.required_approvals),
        launch_mode: resources::launch_mode(request.launch_mode).into(),
        lost_approvers: lost_approvers(outcome),
        voided_approvals: match &outcome.request {
            Some(RequestWrite::Update { voided, .. } | RequestWrite::Reassign { voided, .. }) => {
                voided.iter().map(convert::actor).collect()
            }
            _ => Vec::new(),
        },
    }
}

/// Those who were asked, or had approved, and can't decide any more: each once.
fn lost_approvers(outcome: &Outcome) -> Vec<types::Actor> {
    let Some(RequestWrite::Update { lost, voided, .. }) = &outcome.request else { return Vec::new() };
    let is_lost = |who: &ActorRef| lost.iter().any(|other| other.member_id == who.member_id);
    lost.iter().chain(voided.iter().filter(|who| !is_lost(who))).map(convert::actor).collect()
}

fn bypass_event(resource: &Resource, review: &Review) -> event::BypassEvent {
    let closed = review.closed.as_ref();
    event::BypassEvent {
        resource: Some(snapshot(resource)),
        review_id: review.id.to_string(),
        area: review.area.as_str().to_owned(),
        action: review.action.as_str().to_owned(),
        from_state: review.from_state.as_str().to_owned(),
        target_state: review.target_state.as_str().to_owned(),
        bypassed_by: Some(convert::actor(&review.bypassed_by)),
        reason: review.reason.clone(),
        bypass_time: Some(time::to_proto(review.opened_at)),
        digest: review.digest.to_string(),
        closed_by: closed.map(|closed| convert::actor(&closed.by)),
        note: closed.map(|closed| closed.note.clone()).unwrap_or_default(),
        winning_variant: resource
            .winner
            .clone()
            .filter(|_| review.action == Action::FINISH)
            .unwrap_or_default(),
    }
}

fn recipient(envelope: &Envelope<'_>, recipient: &Recipient) -> event::Recipient {
    let time_zone = recipient.time_zone.as_ref().or(envelope.account.time_zone.as_ref());
    event::Recipient {
        member_id: recipient.member_id.to_string(),
        email: recipient.email.clone(),
        display_name: recipient.display_name.clone(),
        locale: recipient.locale.clone(),
        time_zone: time_zone.cloned().unwrap_or_default(),
        reason: match recipient.reason {
            Reason::AssignedApprover => event::RecipientReason::AssignedApprover,
            Reason::AreaApprover => event::RecipientReason::AreaApprover,
            Reason::Submitter => event::RecipientReason::Submitter,
            Reason::Owner => event::RecipientReason::Owner,
            Reason::Admin => event::RecipientReason::Admin,
            Reason::Invited => event::RecipientReason::Invited,
        }
        .into(),
        mail: recipient.mail,
        ribbon: match recipient.ribbon {
            None => event::RecipientRibbon::Unspecified,
            Some(RibbonKind::Decide) => event::RecipientRibbon::Decide,
            Some(RibbonKind::Result) => event::RecipientRibbon::Result,
            Some(RibbonKind::Review) => event::RecipientRibbon::Review,
        }
        .into(),
    }
}

#[cfg(test)]
mod tests;
