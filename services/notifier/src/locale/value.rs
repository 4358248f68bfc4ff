//! The values that words are filled with: names, moments, what is asked for.

use countersign_proto::event::{RecipientReason, ResourceSnapshot};
use countersign_proto::types::Actor;
use fluent_bundle::FluentArgs;
use jiff::{Timestamp, Zoned, tz::TimeZone};

use super::Locale;
use crate::template_error::TemplateError;

/// Sets `name` to a constant and `name-words` to the same as words, for what has no words in the files.
pub(super) fn constant(args: &mut FluentArgs<'_>, name: &'static str, value: &str) {
    args.set(name, value.to_owned());
    args.set(format!("{name}-words"), words(value));
}

/// A constant as words.
pub(super) fn words(constant: &str) -> String {
    constant.replace('_', " ").to_lowercase()
}

/// The action, and what it is done to.
pub(super) fn deed(args: &mut FluentArgs<'_>, action: &str, resource: &ResourceSnapshot) {
    constant(args, "action", action);
    constant(args, "kind", &resource.kind);
    constant(args, "state", &resource.state);
    args.set("title", resource.title.clone());
}

/// Why the reader is told.
pub(super) fn reason(args: &mut FluentArgs<'_>, reason: RecipientReason) {
    let name = reason.as_str_name();
    args.set("reason", name.strip_prefix("RECIPIENT_REASON_").unwrap_or(name));
}

pub(super) fn micros(moment: prost_types::Timestamp) -> i64 {
    moment.seconds.saturating_mul(1_000_000).saturating_add(i64::from(moment.nanos / 1_000))
}

/// The zone's name, and how far it is from UTC then: where clocks are put back, one hour comes twice.
fn zone(moment: &Zoned) -> String {
    match moment.time_zone().iana_name() {
        None | Some("UTC" | "Etc/UTC") => "UTC".to_owned(),
        Some(name) => {
            let minutes = moment.offset().seconds() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
            let rest = if rest == 0 { String::new() } else { format!(":{rest:02}") };
            format!("{}, UTC{sign}{hours}{rest}", name.replace('_', " "))
        }
    }
}

impl Locale {
    /// A member, by name.
    pub(super) fn person(&self, name: &str) -> Result<String, TemplateError> {
        if name.is_empty() { self.plain("somebody") } else { Ok(name.to_owned()) }
    }

    /// Who did something, by name. Who is a member is never anything else, whatever they are called (ACC-18).
    pub(super) fn actor(&self, actor: Option<&Actor>) -> Result<String, TemplateError> {
        let Some(actor) = actor else { return self.plain("somebody") };
        match actor.display_name.as_str() {
            "countersign" if actor.member_id.is_empty() => Ok("Countersign".to_owned()),
            "platform" if actor.member_id.is_empty() => self.plain("the-platform"),
            name => self.person(name),
        }
    }

    /// The actor with the service that acted for them; nothing if there is none.
    pub(super) fn with_service(&self, actor: Option<&Actor>) -> Result<String, TemplateError> {
        let Some(actor) = actor else { return Ok(String::new()) };
        let name = self.actor(Some(actor))?;
        if actor.service.is_empty() {
            return Ok(name);
        }
        let mut args = FluentArgs::new();
        args.set("name", name);
        args.set("service", actor.service.clone());
        self.text("through", &args)
    }

    /// “Ada”, “Ada and Bo”, “Ada, Bo and Zoe”, “Ada, Bo and 3 others”: a sentence does not name a crowd.
    pub(super) fn list(&self, names: &[String]) -> Result<String, TemplateError> {
        let mut args = FluentArgs::new();
        for (place, name) in ["first", "second", "third"].into_iter().zip(names) {
            args.set(place, name.clone());
        }
        match names.len() {
            0 => self.plain("somebody"),
            1 => Ok(names.concat()),
            2 => self.text("list-two", &args),
            3 => self.text("list-three", &args),
            more => {
                args.set("count", more - 2);
                self.text("list-more", &args)
            }
        }
    }

    /// A moment, Unix microseconds, in the reader's time zone, which is named (NOT-15).
    pub(super) fn moment(&self, us: i64, time_zone: &TimeZone) -> Result<String, TemplateError> {
        let Ok(moment) = Timestamp::from_microsecond(us) else { return self.plain("unknown-moment") };
        let moment = moment.to_zoned(time_zone.clone());
        let hour = moment.hour();
        let mut args = FluentArgs::new();
        args.set("day", moment.day());
        args.set("month", moment.month());
        args.set("year", moment.year().to_string());
        args.set("hour", format!("{hour:02}"));
        args.set("hour-of-half", if hour % 12 == 0 { 12 } else { hour % 12 });
        args.set("half", if hour < 12 { "AM" } else { "PM" });
        args.set("minute", format!("{:02}", moment.minute()));
        args.set("zone", zone(&moment));
        self.text("moment", &args)
    }

    /// “… from Ada”, as the label of what she wrote.
    pub(super) fn label(&self, id: &str, name: &str) -> Result<String, TemplateError> {
        let mut args = FluentArgs::new();
        args.set("name", name.to_owned());
        self.text(id, &args)
    }
}
