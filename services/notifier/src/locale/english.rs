//! English.

#[cfg(test)]
mod tests;

use countersign_proto::event::{
    Event, InvitationEvent, RecipientReason, RequestEvent, ResourceSnapshot, WorkflowEvent,
};
use countersign_proto::inbox::RibbonKind;
use countersign_proto::types::{Actor, LaunchMode, RequestState};
use time::OffsetDateTime;
use time::macros::format_description;

use super::{MailWords, RibbonFacts};
use crate::plan::{Topic, note};

/// Why a request expired when nobody was left to decide it, as events say it.
const NO_ELIGIBLE_APPROVERS: &str = "NO_ELIGIBLE_APPROVERS";

pub(super) fn request_mail(
    topic: Topic,
    event: &Event,
    request: &RequestEvent,
    occurred_at: i64,
    name: &str,
    reason: RecipientReason,
) -> MailWords {
    let resource = request.resource.clone().unwrap_or_default();
    let who = name_of(event.actor.as_ref());
    let what = deed(&request.action, &resource.title);
    let (label, headline, consequence) = match topic {
        Topic::Submitted => (
            "Approval needed".to_owned(),
            format!("{who} asks for approval to {what}"),
            "Nothing changes for customers until this is decided, and it can't be edited meanwhile."
                .to_owned(),
        ),
        Topic::AssignmentExpired => (
            "Fewer approvers".to_owned(),
            format!("{} can no longer decide the request to {what}", list(&names(&request.lost_approvers))),
            "The others who were asked still are, so it goes on waiting for a decision.".to_owned(),
        ),
        Topic::ApprovalRecorded | Topic::Workflow | Topic::Invitation => {
            let so_far = format!("{} of {} approvals", request.approvals, request.required_approvals);
            (so_far.clone(), format!("{who} approved the request to {what}"), format!("It has {so_far} now."))
        }
        Topic::Approved => (
            "Approved".to_owned(),
            format!("{who} approved the request to {what}"),
            format!("The {} is {} now.", kind(&resource.kind), state(&resource.state)),
        ),
        Topic::Rejected => {
            ("Rejected".to_owned(), format!("{who} rejected the request to {what}"), unchanged(&resource))
        }
        Topic::Cancelled => (
            "Cancelled".to_owned(),
            format!("{who} cancelled the request to {what}"),
            format!("There is nothing left to decide. {}", unchanged(&resource)),
        ),
        Topic::Expired => (
            "Expired".to_owned(),
            format!("The request to {what} expired"),
            format!(
                "{} The {} can be edited again; to go on, submit it again.",
                sentence(expiry(&request.expiry_reason)),
                kind(&resource.kind)
            ),
        ),
        Topic::Reverted => (
            "No longer needed".to_owned(),
            format!("The request to {what} ended"),
            format!("{who} switched approvals off for {}. {}", area(&request.area), unchanged(&resource)),
        ),
    };
    MailWords {
        subject: format!("{label}: {what}"),
        greeting: greeting(name),
        headline,
        consequence,
        facts: request_facts(topic, event, request, &resource, occurred_at),
        quote_label: quote_label(topic, event, request),
        link: if topic == Topic::Submitted { "Review the request" } else { "View the request" },
        reason: format!("You get this mail because {}.", because(reason, &request.area)),
        footer: FOOTER,
        language: "en",
    }
}

pub(super) fn workflow_mail(
    event: &Event,
    workflow: &WorkflowEvent,
    occurred_at: i64,
    name: &str,
    reason: RecipientReason,
) -> MailWords {
    let who = name_of(event.actor.as_ref());
    let things = area(&workflow.area);
    let (subject, headline, consequence) = if workflow.enabled {
        (
            format!("Approvals are on for {things}"),
            format!("{who} switched approvals on for {things}"),
            "From now on, a change that reaches customers waits for a second person.",
        )
    } else {
        (
            format!("Approvals are off for {things}"),
            format!("{who} switched approvals off for {things}"),
            "Changes take effect at once from now on. Requests that were waiting have ended; submitted edits are kept.",
        )
    };
    let mut facts = Vec::new();
    push(&mut facts, "Account", &event.account_name);
    facts.push(("When", at(occurred_at)));
    MailWords {
        subject,
        greeting: greeting(name),
        headline,
        consequence: consequence.to_owned(),
        facts,
        quote_label: String::new(),
        link: "Open Countersign",
        reason: format!("You get this mail because {}.", because(reason, &workflow.area)),
        footer: FOOTER,
        language: "en",
    }
}

pub(super) fn invitation_mail(
    event: &Event,
    invitation: &InvitationEvent,
    occurred_at: i64,
    name: &str,
    reason: RecipientReason,
) -> MailWords {
    let who = name_of(event.actor.as_ref());
    let account = if event.account_name.is_empty() { "an account" } else { &event.account_name };
    let until = invitation.expire_time.map(|moment| at(micros(moment)));
    let consequence = match &until {
        Some(until) => {
            format!("To become a member, accept the invitation. You can do so once, until {until}.")
        }
        None => "To become a member, accept the invitation. You can do so once.".to_owned(),
    };
    let mut facts = Vec::new();
    push(&mut facts, "Account", &event.account_name);
    push(&mut facts, "Invited by", &with_service(event.actor.as_ref()));
    let label = if invitation.roles.len() == 1 { "Your role" } else { "Your roles" };
    push(&mut facts, label, &invitation.roles.join(", "));
    facts.push(("When", at(occurred_at)));
    push(&mut facts, "Accept by", until.as_deref().unwrap_or_default());
    MailWords {
        subject: format!("Invitation to {account}"),
        greeting: greeting(name),
        headline: format!("{who} invites you to join {account} on Countersign"),
        consequence,
        facts,
        quote_label: String::new(),
        link: "See the invitation",
        reason: format!("You get this mail because {}.", because(reason, "")),
        footer: "Sent by Countersign. Opening the link accepts nothing; you accept on the page. The link is for you alone: don't \
                 pass it on. If you did not expect it, you need do nothing.",
        language: "en",
    }
}

pub(super) fn ribbon(facts: RibbonFacts<'_>) -> String {
    let RibbonFacts { kind, request_state, action, title, actor, expiry_reason } = facts;
    let what = deed(action, title);
    match (kind, RequestState::try_from(request_state).unwrap_or_default()) {
        (RibbonKind::Decide, _) => format!("{actor} asks for approval to {what}"),
        (RibbonKind::Awaiting, _) => format!("Awaiting approval: {actor} asked to {what}"),
        (_, RequestState::Approved) => format!("{actor} approved the request to {what}"),
        (_, RequestState::Rejected) => format!("{actor} rejected the request to {what}"),
        (_, RequestState::Cancelled) => format!("{actor} cancelled the request to {what}"),
        (_, RequestState::Expired) => format!("The request to {what} expired: {}", expiry(expiry_reason)),
        (_, RequestState::Reverted) => format!("The request to {what} ended: approvals were switched off"),
        (_, RequestState::Pending | RequestState::Unspecified) => {
            format!("The request to {what} was updated")
        }
    }
}

const FOOTER: &str = "Sent by Countersign. Opening the link decides nothing; you decide on the page.";

fn request_facts(
    topic: Topic,
    event: &Event,
    request: &RequestEvent,
    resource: &ResourceSnapshot,
    occurred_at: i64,
) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    push(&mut facts, "Account", &event.account_name);
    facts.push((
        "What",
        format!("{} of the {} “{}”", noun(&request.action), kind(&resource.kind), resource.title),
    ));
    push(&mut facts, "Submitted by", &with_service(request.submitter.as_ref()));
    if topic != Topic::Submitted {
        let label = match topic {
            Topic::Approved | Topic::ApprovalRecorded => "Approved by",
            Topic::Rejected => "Rejected by",
            Topic::Cancelled => "Cancelled by",
            _ => "",
        };
        if !label.is_empty() {
            push(&mut facts, label, &with_service(event.actor.as_ref()));
        }
    }
    push(&mut facts, "No longer asked", &names(&request.lost_approvers).join(", "));
    facts.push(("When", at(occurred_at)));
    match LaunchMode::try_from(request.launch_mode) {
        Ok(LaunchMode::Active) => facts.push(("Audience", "Customers (active launch)".to_owned())),
        Ok(LaunchMode::Test) => facts.push(("Audience", "Test devices only".to_owned())),
        Ok(LaunchMode::Passive) => facts.push(("Audience", "Nobody (passive launch)".to_owned())),
        Ok(LaunchMode::Unspecified) | Err(_) => {}
    }
    let schedule = resource.schedule.unwrap_or_default();
    for (label, moment) in [("Starts", schedule.start_time), ("Ends", schedule.end_time)] {
        if let Some(moment) = moment {
            facts.push((label, at(micros(moment))));
        }
    }
    push(&mut facts, "Winning variant", &request.winning_variant);
    if let (Topic::Submitted, Some(deadline)) = (topic, request.deadline) {
        facts.push(("Decide by", at(micros(deadline))));
    }
    facts
}

fn push(facts: &mut Vec<(&'static str, String)>, label: &'static str, value: &str) {
    if !value.is_empty() {
        facts.push((label, value.to_owned()));
    }
}

fn quote_label(topic: Topic, event: &Event, request: &RequestEvent) -> String {
    if note(topic, request).is_empty() {
        return String::new();
    }
    match topic {
        Topic::Submitted => format!("Note from {}", name_of(request.submitter.as_ref())),
        Topic::Cancelled => format!("Note from {}", name_of(event.actor.as_ref())),
        _ => format!("Feedback from {}", name_of(event.actor.as_ref())),
    }
}

fn greeting(name: &str) -> String {
    if name.is_empty() { "Hello,".to_owned() } else { format!("Hello {name},") }
}

fn because(reason: RecipientReason, area_name: &str) -> String {
    match reason {
        RecipientReason::AssignedApprover => "you were chosen as an approver of this request".to_owned(),
        RecipientReason::AreaApprover => format!("you are an approver of {}", area(area_name)),
        RecipientReason::Submitter => "you submitted this request".to_owned(),
        RecipientReason::Owner => "you own what it is about".to_owned(),
        RecipientReason::Admin => "you are an Admin of this account".to_owned(),
        RecipientReason::Invited => "you are invited to join this account".to_owned(),
        RecipientReason::Unspecified => "you are a member of this account".to_owned(),
    }
}

/// Of a request that took no effect.
fn unchanged(resource: &ResourceSnapshot) -> String {
    format!("Nothing has changed: the {} is {}.", kind(&resource.kind), state(&resource.state))
}

fn state(state: &str) -> String {
    if state == "DRAFT" { "a draft".to_owned() } else { words(state) }
}

fn expiry(reason: &str) -> &'static str {
    if reason == NO_ELIGIBLE_APPROVERS {
        "nobody was left who could decide it"
    } else {
        "nobody decided it in time"
    }
}

/// A clause as a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// “launch “Spring sale””: the action as a verb, and on what.
fn deed(action: &str, title: &str) -> String {
    match action {
        "PUBLISH_EDITS" => format!("publish the edits of “{title}”"),
        _ => format!("{} “{title}”", words(action)),
    }
}

/// The action as a noun that begins a line.
fn noun(action: &str) -> String {
    match action {
        "PUBLISH_EDITS" => "Publication of the edits".to_owned(),
        "LAUNCH" => "Launch".to_owned(),
        "START" => "Start".to_owned(),
        "SCHEDULE" => "Scheduling".to_owned(),
        "UNSCHEDULE" => "Unscheduling".to_owned(),
        "PAUSE" => "Pause".to_owned(),
        "RESUME" => "Resumption".to_owned(),
        "FINISH" => "End".to_owned(),
        "PUBLISH" => "Publication".to_owned(),
        "DELETE" => "Deletion".to_owned(),
        other => format!("Action {}", words(other)),
    }
}

fn kind(kind: &str) -> String {
    match kind {
        "ab_test" => "A/B test".to_owned(),
        "remote_config" => "remote config variable".to_owned(),
        other => words(other),
    }
}

fn area(area: &str) -> String {
    match area {
        "CAMPAIGNS" => "campaigns".to_owned(),
        "PRODUCT_EXPERIENCES" => "product experiences".to_owned(),
        other => words(other),
    }
}

/// A constant's name as words.
fn words(constant: &str) -> String {
    constant.replace('_', " ").to_lowercase()
}

fn name_of(actor: Option<&Actor>) -> String {
    let name = actor.map(|actor| actor.display_name.as_str()).unwrap_or_default();
    match name {
        "" => "Somebody".to_owned(),
        "countersign" => "Countersign".to_owned(),
        "platform" => "The platform".to_owned(),
        name => name.to_owned(),
    }
}

fn names(actors: &[Actor]) -> Vec<String> {
    actors.iter().map(|actor| name_of(Some(actor))).collect()
}

/// “Ada”, “Ada and Bo”, “Ada, Bo and Zoe”, “Ada, Bo and 3 others”: a sentence does not name a crowd.
fn list(names: &[String]) -> String {
    match names {
        [] => name_of(None),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, three] => format!("{one}, {two} and {three}"),
        [one, two, others @ ..] => format!("{one}, {two} and {} others", others.len()),
    }
}

fn with_service(actor: Option<&Actor>) -> String {
    match actor {
        None => String::new(),
        Some(actor) if actor.service.is_empty() => name_of(Some(actor)),
        Some(actor) => format!("{} (through {})", name_of(Some(actor)), actor.service),
    }
}

fn micros(moment: prost_types::Timestamp) -> i64 {
    moment.seconds.saturating_mul(1_000_000).saturating_add(i64::from(moment.nanos / 1_000))
}

/// A moment in UTC: the reader's own zone is not known.
fn at(us: i64) -> String {
    let shape = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(us) * 1_000)
        .ok()
        .and_then(|moment| moment.format(&shape).ok())
        .unwrap_or_else(|| "at an unknown time".to_owned())
}
