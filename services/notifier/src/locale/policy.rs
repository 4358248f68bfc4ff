//! The words about a policy that got weaker (POL-9).

use countersign_proto::event::{Event, PolicyEvent};
use fluent_bundle::FluentArgs;

use super::value::{constant, micros, reason};
use super::{Locale, MailWords, Reader};
use crate::template_error::TemplateError;

pub(super) fn mail(
    locale: &Locale,
    event: &Event,
    policy: &PolicyEvent,
    reader: Reader<'_>,
) -> Result<MailWords, TemplateError> {
    let mut args = FluentArgs::new();
    args.set("actor", locale.actor(event.actor.as_ref())?);
    constant(&mut args, "area", &policy.area);
    reason(&mut args, reader.reason);
    let mut words = locale.letter("policy-weakened", &args, reader)?;
    locale.fact(&mut words.facts, "fact-account", &event.account_name)?;
    for weakened in &policy.weakened {
        let mut setting = FluentArgs::new();
        constant(&mut setting, "setting", &weakened.setting);
        setting.set("before", value(locale, &weakened.setting, &weakened.before)?);
        setting.set("after", value(locale, &weakened.setting, &weakened.after)?);
        let (name, change) = (locale.text("setting", &setting)?, locale.text("setting-change", &setting)?);
        words.facts.push((name, change));
    }
    locale.fact(&mut words.facts, "fact-changed-by", locale.with_service(event.actor.as_ref())?)?;
    locale.fact(&mut words.facts, "fact-when", locale.moment(reader.occurred_at, reader.time_zone)?)?;
    if let Some(until) = policy.cooling_off_end_time {
        locale.fact(
            &mut words.facts,
            "fact-cooling-off-until",
            locale.moment(micros(until), reader.time_zone)?,
        )?;
    }
    words.link = locale.plain("open-countersign")?;
    Ok(words)
}

/// What a setting says, in words where there are any.
fn value(locale: &Locale, setting: &str, value: &str) -> Result<String, TemplateError> {
    if let Some(seconds) = value.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok()) {
        return span(locale, setting, seconds);
    }
    let mut args = FluentArgs::new();
    constant(&mut args, "value", value);
    locale.text("setting-value", &args)
}

/// A span of time in the largest unit that is whole.
fn span(locale: &Locale, setting: &str, seconds: u64) -> Result<String, TemplateError> {
    if seconds == 0 && setting == "request_max_age" {
        return locale.plain("span-never");
    }
    let units = [(24 * 60 * 60, "days"), (60 * 60, "hours"), (60, "minutes"), (1, "seconds")];
    let (unit, name) = units
        .into_iter()
        .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit))
        .unwrap_or((1, "seconds"));
    let mut args = FluentArgs::new();
    args.set("count", seconds / unit);
    args.set("unit", name);
    locale.text("span", &args)
}
