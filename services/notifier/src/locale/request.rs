//! The words about approval requests.

use countersign_proto::event::event::Payload;
use countersign_proto::event::{Event, RequestEvent, ResourceSnapshot};
use countersign_proto::types::LaunchMode;
use fluent_bundle::FluentArgs;

use super::value::{constant, deed, micros, reason, words};
use super::{Fact, ItemWords, Locale, MailWords, Reader};
use crate::plan::Topic;
use crate::template_error::TemplateError;

pub(super) fn mail(
    locale: &Locale,
    topic: Topic,
    event: &Event,
    request: &RequestEvent,
    reader: Reader<'_>,
) -> Result<MailWords, TemplateError> {
    let resource = request.resource.clone().unwrap_or_default();
    let mut args = args(locale, event, request, &resource)?;
    reason(&mut args, reader.reason);
    let mut words = locale.letter(message(topic), &args, reader)?;
    words.facts = facts(locale, topic, event, request, &args, reader)?;
    words.quotes = quotes(locale, topic, event, request, &args)?;
    words.link = locale.plain(if topic.asks() { "review-request" } else { "view-request" })?;
    Ok(words)
}

pub(super) fn reminders(
    locale: &Locale,
    events: &[Event],
    reader: Reader<'_>,
) -> Result<Option<MailWords>, TemplateError> {
    let mut items = Vec::new();
    for event in events {
        let Some(Payload::Request(request)) = &event.payload else { return Ok(None) };
        let resource = request.resource.clone().unwrap_or_default();
        let mut args = args(locale, event, request, &resource)?;
        args.set("actor", locale.actor(request.submitter.as_ref())?);
        let mut facts = Vec::new();
        locale.fact(&mut facts, "fact-account", &event.account_name)?;
        locale.fact(&mut facts, "fact-what", locale.text("thing", &args)?)?;
        approvals(locale, &mut facts, request, &args)?;
        moment(locale, &mut facts, "fact-decide-by", request.deadline, reader)?;
        let headline = locale.text("submitted.headline", &args)?;
        items.push(ItemWords { headline, facts, link: locale.plain("review-request")? });
    }
    let mut args = FluentArgs::new();
    args.set("count", items.len());
    constant(&mut args, "area", "");
    reason(&mut args, reader.reason);
    let mut words = locale.letter("reminders", &args, reader)?;
    words.items = items;
    words.reason = locale.plain("reminders.reason")?;
    words.footer = locale.plain("reminders.footer")?;
    Ok(Some(words))
}

/// The message with a topic's sentences.
fn message(topic: Topic) -> &'static str {
    match topic {
        Topic::Submitted => "submitted",
        Topic::ApprovalRecorded => "approval-recorded",
        Topic::AssignmentExpired => "assignment-expired",
        Topic::Reassigned => "reassigned",
        Topic::Reminded => "reminded",
        Topic::Commented => "commented",
        Topic::Approved => "approved",
        Topic::Rejected => "rejected",
        Topic::Cancelled => "cancelled",
        Topic::Expired => "expired",
        Topic::Reverted => "reverted",
        // Not about requests: they have words of their own.
        Topic::Workflow => "workflow-enabled",
        Topic::PolicyWeakened => "policy-weakened",
        Topic::Invitation => "invitation",
        Topic::Bypassed => "bypassed",
        Topic::ReviewClosed => "review-closed",
    }
}

fn args(
    locale: &Locale,
    event: &Event,
    request: &RequestEvent,
    resource: &ResourceSnapshot,
) -> Result<FluentArgs<'static>, TemplateError> {
    let mut args = FluentArgs::new();
    args.set("actor", locale.actor(event.actor.as_ref())?);
    constant(&mut args, "area", &request.area);
    deed(&mut args, &request.action, resource);
    args.set("approvals", request.approvals);
    args.set("required", request.required_approvals);
    args.set("expiry", request.expiry_reason.clone());
    args.set("lost", locale.list(&names(locale, request)?)?);
    args.set("count", request.lost_approvers.len());
    args.set("voided", request.voided_approvals.len());
    Ok(args)
}

fn names(locale: &Locale, request: &RequestEvent) -> Result<Vec<String>, TemplateError> {
    request.lost_approvers.iter().map(|actor| locale.actor(Some(actor))).collect()
}

fn facts(
    locale: &Locale,
    topic: Topic,
    event: &Event,
    request: &RequestEvent,
    args: &FluentArgs<'_>,
    reader: Reader<'_>,
) -> Result<Vec<Fact>, TemplateError> {
    let mut facts = Vec::new();
    locale.fact(&mut facts, "fact-account", &event.account_name)?;
    locale.fact(&mut facts, "fact-what", locale.text("thing", args)?)?;
    if topic.asks() {
        locale.fact(&mut facts, "fact-leads-to", leads_to(request))?;
    }
    locale.fact(&mut facts, "fact-submitted-by", locale.with_service(request.submitter.as_ref())?)?;
    let by = match topic {
        Topic::Approved | Topic::ApprovalRecorded => Some("fact-approved-by"),
        Topic::Rejected => Some("fact-rejected-by"),
        Topic::Cancelled => Some("fact-cancelled-by"),
        _ => None,
    };
    if let Some(by) = by {
        locale.fact(&mut facts, by, locale.with_service(event.actor.as_ref())?)?;
    }
    locale.fact(&mut facts, "fact-lost", names(locale, request)?.join(", "))?;
    if topic.asks() {
        approvals(locale, &mut facts, request, args)?;
    }
    // When somebody was reminded is of no interest to them.
    if topic != Topic::Reminded {
        locale.fact(&mut facts, "fact-when", locale.moment(reader.occurred_at, reader.time_zone)?)?;
    }
    let audience = match LaunchMode::try_from(request.launch_mode) {
        Ok(LaunchMode::Active) => Some("audience-active"),
        Ok(LaunchMode::Test) => Some("audience-test"),
        Ok(LaunchMode::Passive) => Some("audience-passive"),
        Ok(LaunchMode::Unspecified) | Err(_) => None,
    };
    if let Some(audience) = audience {
        locale.fact(&mut facts, "fact-audience", locale.plain(audience)?)?;
    }
    let schedule = request.resource.as_ref().and_then(|resource| resource.schedule).unwrap_or_default();
    moment(locale, &mut facts, "fact-starts", schedule.start_time, reader)?;
    moment(locale, &mut facts, "fact-ends", schedule.end_time, reader)?;
    locale.fact(&mut facts, "fact-winner", &request.winning_variant)?;
    if topic.asks() {
        moment(locale, &mut facts, "fact-decide-by", request.deadline, reader)?;
    }
    Ok(facts)
}

/// The kinds whose actions say where they lead.
const BUILT_IN: [&str; 3] = ["campaign", "ab_test", "remote_config"];

/// From which state to which: what a kind of the account's own calls an action may lead anywhere (LIF-24).
fn leads_to(request: &RequestEvent) -> String {
    let kind = request.resource.as_ref().map(|resource| resource.kind.as_str()).unwrap_or_default();
    if BUILT_IN.contains(&kind) || request.from_state == request.target_state {
        return String::new();
    }
    format!("{} → {}", words(&request.from_state), words(&request.target_state))
}

/// How many approvals there are, where more than one is needed and some are given.
fn approvals(
    locale: &Locale,
    facts: &mut Vec<Fact>,
    request: &RequestEvent,
    args: &FluentArgs<'_>,
) -> Result<(), TemplateError> {
    if request.approvals > 0 {
        locale.fact(facts, "fact-approvals", locale.text("approvals-so-far", args)?)?;
    }
    Ok(())
}

fn moment(
    locale: &Locale,
    facts: &mut Vec<Fact>,
    label: &str,
    moment: Option<prost_types::Timestamp>,
    reader: Reader<'_>,
) -> Result<(), TemplateError> {
    let Some(moment) = moment else { return Ok(()) };
    locale.fact(facts, label, locale.moment(micros(moment), reader.time_zone)?)
}

/// What people wrote: whoever is asked reads the submitter's note, everybody what goes with the event.
fn quotes(
    locale: &Locale,
    topic: Topic,
    event: &Event,
    request: &RequestEvent,
    args: &FluentArgs<'_>,
) -> Result<Vec<Fact>, TemplateError> {
    let mut quotes = Vec::new();
    if topic.asks() && !request.note.is_empty() {
        let submitter = locale.actor(request.submitter.as_ref())?;
        quotes.push((locale.label("note-from", &submitter)?, request.note.clone()));
    }
    if topic != Topic::Submitted && topic != Topic::Reminded && !request.feedback.is_empty() {
        let actor = locale.actor(event.actor.as_ref())?;
        let label = match topic {
            Topic::Commented => locale.text("commented.quote", args)?,
            Topic::Cancelled | Topic::Reassigned => locale.label("note-from", &actor)?,
            _ => locale.label("feedback-from", &actor)?,
        };
        quotes.push((label, request.feedback.clone()));
    }
    Ok(quotes)
}
