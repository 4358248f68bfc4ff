//! From an outcome to the event that tells of it: the outbox row that is written with it.

use countersign_domain::{
    Account, EventId, Outcome, Policy, Request, Resource, Timestamp,
    account::ActorRef,
    outcome::{Event, EventKind},
    recipients::{Reason, Recipient, RibbonKind},
    request::ExpiryReason,
};
use countersign_proto::{event, json};
use countersign_store::OutboxRow;

use crate::grpc::{
    convert::{self, request as requests, resource as resources, time},
    status::Fault,
};

/// The outbox row of a decision about a resource.
pub fn of_outcome(
    account: &Account,
    outcome: &Outcome,
    id: EventId,
    traceparent: Option<String>,
) -> Result<OutboxRow, Fault> {
    let resource = &outcome.resource;
    let payload = match &outcome.request {
        Some(write) => event::event::Payload::Request(request_event(resource, write.request(), outcome)),
        None => event::event::Payload::Resource(event::ResourceEvent {
            resource: Some(snapshot(resource)),
            change: outcome.history.event.as_str().to_owned(),
            action: outcome.history.action.as_ref().map(ToString::to_string).unwrap_or_default(),
            from_state: outcome.history.from.as_ref().map(ToString::to_string).unwrap_or_default(),
            winning_variant: resource.winner.clone().unwrap_or_default(),
        }),
    };
    row(
        account,
        &outcome.history.actor,
        &outcome.event,
        payload,
        Subject { text: resource.id.to_string(), sequence: resource.version, at: outcome.history.at },
        id,
        traceparent,
    )
}

/// The outbox row of a workflow that was switched (NOT-7). Its sequence is the policy's version.
pub fn of_switch(
    account: &Account,
    actor: &ActorRef,
    policy: &Policy,
    told: &Event,
    at: Timestamp,
    id: EventId,
    traceparent: Option<String>,
) -> Result<OutboxRow, Fault> {
    let payload = event::event::Payload::Workflow(event::WorkflowEvent {
        area: policy.area.as_str().to_owned(),
        enabled: told.kind == EventKind::WorkflowEnabled,
    });
    let subject = Subject { text: policy.area.as_str().to_owned(), sequence: policy.version, at };
    row(account, actor, told, payload, subject, id, traceparent)
}

struct Subject {
    text: String,
    sequence: i64,
    at: Timestamp,
}

fn row(
    account: &Account,
    actor: &ActorRef,
    told: &Event,
    payload: event::event::Payload,
    subject: Subject,
    id: EventId,
    traceparent: Option<String>,
) -> Result<OutboxRow, Fault> {
    let message = event::Event {
        account_name: account.name.clone(),
        actor: Some(convert::actor(actor)),
        recipients: told.recipients.iter().map(recipient).collect(),
        payload: Some(payload),
    };
    let payload = json::to_text(&message)
        .map_err(|error| Fault::Internal("an event can't be written as JSON", Some(error.into())))?;
    Ok(OutboxRow {
        account_id: account.id,
        event_id: id,
        event_type: told.kind.as_str().to_owned(),
        subject: subject.text,
        sequence: subject.sequence,
        payload,
        traceparent,
        occurred_at: subject.at,
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
    }
}

fn recipient(recipient: &Recipient) -> event::Recipient {
    event::Recipient {
        member_id: recipient.member_id.to_string(),
        email: recipient.email.clone(),
        display_name: recipient.display_name.clone(),
        locale: recipient.locale.clone(),
        reason: match recipient.reason {
            Reason::AssignedApprover => event::RecipientReason::AssignedApprover,
            Reason::AreaApprover => event::RecipientReason::AreaApprover,
            Reason::Submitter => event::RecipientReason::Submitter,
            Reason::Owner => event::RecipientReason::Owner,
            Reason::Admin => event::RecipientReason::Admin,
        }
        .into(),
        mail: recipient.mail,
        ribbon: match recipient.ribbon {
            None => event::RecipientRibbon::Unspecified,
            Some(RibbonKind::Decide) => event::RecipientRibbon::Decide,
            Some(RibbonKind::Result) => event::RecipientRibbon::Result,
        }
        .into(),
    }
}
