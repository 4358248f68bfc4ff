//! The words about an account: an area's workflow, and invitations.

use countersign_proto::event::{Event, InvitationEvent, WorkflowEvent};
use fluent_bundle::FluentArgs;

use super::value::{constant, micros, reason};
use super::{Locale, MailWords, Reader};
use crate::template_error::TemplateError;

pub(super) fn workflow_mail(
    locale: &Locale,
    event: &Event,
    workflow: &WorkflowEvent,
    reader: Reader<'_>,
) -> Result<MailWords, TemplateError> {
    let mut args = FluentArgs::new();
    args.set("actor", locale.actor(event.actor.as_ref())?);
    constant(&mut args, "area", &workflow.area);
    reason(&mut args, reader.reason);
    let message = if workflow.enabled { "workflow-enabled" } else { "workflow-disabled" };
    let mut words = locale.letter(message, &args, reader)?;
    locale.fact(&mut words.facts, "fact-account", &event.account_name)?;
    locale.fact(&mut words.facts, "fact-when", locale.moment(reader.occurred_at, reader.time_zone)?)?;
    words.link = locale.plain("open-countersign")?;
    Ok(words)
}

pub(super) fn invitation_mail(
    locale: &Locale,
    event: &Event,
    invitation: &InvitationEvent,
    reader: Reader<'_>,
) -> Result<MailWords, TemplateError> {
    let mut args = FluentArgs::new();
    args.set("actor", locale.actor(event.actor.as_ref())?);
    let account =
        if event.account_name.is_empty() { locale.plain("an-account")? } else { event.account_name.clone() };
    args.set("account", account);
    constant(&mut args, "area", "");
    reason(&mut args, reader.reason);
    args.set("count", invitation.roles.len());
    let mut words = locale.letter("invitation", &args, reader)?;
    let facts = &mut words.facts;
    locale.fact(facts, "fact-account", &event.account_name)?;
    locale.fact(facts, "fact-invited-by", locale.with_service(event.actor.as_ref())?)?;
    if !invitation.roles.is_empty() {
        facts.push((locale.text("fact-roles", &args)?, invitation.roles.join(", ")));
    }
    locale.fact(facts, "fact-when", locale.moment(reader.occurred_at, reader.time_zone)?)?;
    if let Some(until) = invitation.expire_time {
        let until = locale.moment(micros(until), reader.time_zone)?;
        locale.fact(facts, "fact-accept-by", &until)?;
        args.set("until", until);
        words.consequence = locale.text("invitation.consequence-until", &args)?;
    }
    words.link = locale.plain("invitation.link")?;
    words.footer = locale.plain("invitation.footer")?;
    Ok(words)
}
