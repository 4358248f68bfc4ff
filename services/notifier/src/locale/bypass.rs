//! The words about emergency bypasses and their reviews (NOT-9).

use countersign_proto::event::{BypassEvent, Event};
use fluent_bundle::FluentArgs;

use super::value::{constant, deed, micros, reason};
use super::{Locale, MailWords, Reader};
use crate::plan::Topic;
use crate::template_error::TemplateError;

pub(super) fn mail(
    locale: &Locale,
    topic: Topic,
    event: &Event,
    bypass: &BypassEvent,
    reader: Reader<'_>,
) -> Result<MailWords, TemplateError> {
    let closed = topic == Topic::ReviewClosed;
    let resource = bypass.resource.clone().unwrap_or_default();
    let who = if closed { bypass.closed_by.as_ref() } else { bypass.bypassed_by.as_ref() };
    let actor = locale.actor(who.or(event.actor.as_ref()))?;
    let mut args = FluentArgs::new();
    args.set("actor", actor.clone());
    args.set("bypasser", locale.actor(bypass.bypassed_by.as_ref())?);
    constant(&mut args, "area", &bypass.area);
    deed(&mut args, &bypass.action, &resource);
    reason(&mut args, reader.reason);

    let message = if closed { "review-closed" } else { "bypassed" };
    let mut words = locale.letter(message, &args, reader)?;
    let facts = &mut words.facts;
    locale.fact(facts, "fact-account", &event.account_name)?;
    locale.fact(facts, "fact-what", locale.text("thing", &args)?)?;
    locale.fact(facts, "fact-applied-by", locale.with_service(bypass.bypassed_by.as_ref())?)?;
    let when = bypass.bypass_time.map_or(reader.occurred_at, micros);
    locale.fact(facts, "fact-when", locale.moment(when, reader.time_zone)?)?;
    if closed {
        locale.fact(facts, "fact-closed-by", locale.with_service(who)?)?;
    }
    if !bypass.reason.is_empty() {
        let mut given = FluentArgs::new();
        given.set("actor", locale.actor(bypass.bypassed_by.as_ref())?);
        words.quotes.push((locale.text("bypassed.quote", &given)?, bypass.reason.clone()));
    }
    if closed && !bypass.note.is_empty() {
        words.quotes.push((locale.label("note-from", &actor)?, bypass.note.clone()));
    }
    words.link = locale.plain(&format!("{message}.link"))?;
    Ok(words)
}
