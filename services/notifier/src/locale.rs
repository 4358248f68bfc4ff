//! The words of mails and ribbons. Every sentence that a member reads comes from a `.ftl` file (Project Fluent), one for each
//! language, embedded in the program and replaceable message by message (`--templates-dir`); here is what fills them in.

mod account;
mod bypass;
mod catalog;
mod check;
mod policy;
mod request;
mod ribbon;
#[cfg(test)]
mod tests;
mod value;

use countersign_proto::event::event::Payload;
use countersign_proto::event::{Event, RecipientReason};
use fluent_bundle::FluentArgs;
use jiff::tz::TimeZone;

pub(crate) use catalog::{LOCALES, file_name};
pub use catalog::{Locale, Locales};
pub use ribbon::RibbonFacts;

use crate::plan::Topic;
use crate::template_error::TemplateError;

/// The words of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailWords {
    /// The subject line.
    pub subject: String,
    /// The greeting.
    pub greeting: String,
    /// What happened, in one sentence.
    pub headline: String,
    /// What it means for the reader.
    pub consequence: String,
    /// Label and value.
    pub facts: Vec<Fact>,
    /// What people wrote: label and text.
    pub quotes: Vec<Fact>,
    /// The requests of a mail about several.
    pub items: Vec<ItemWords>,
    /// The text of the link to the page; of a mail about several, each item has its own.
    pub link: String,
    /// Why the reader gets this mail.
    pub reason: String,
    /// Who sent it.
    pub footer: String,
    /// What ends a label in the text part.
    pub colon: String,
    /// The language, for the HTML part's `lang`.
    pub language: &'static str,
}

/// A label and what it labels.
pub type Fact = (String, String);

/// One of several requests in a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemWords {
    /// What is asked, in one sentence.
    pub headline: String,
    /// Label and value.
    pub facts: Vec<Fact>,
    /// The text of the link to its page.
    pub link: String,
}

/// Whom a mail is for, and when what it tells of happened.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The name for the greeting.
    pub name: &'a str,
    /// The time zone to tell times in.
    pub time_zone: &'a TimeZone,
    /// Why they are told.
    pub reason: RecipientReason,
    /// When it happened, Unix microseconds.
    pub occurred_at: i64,
}

impl Locale {
    /// The words of the mail that tells `event`; none if its payload is not the topic's.
    pub fn mail(
        &self,
        topic: Topic,
        event: &Event,
        reader: Reader<'_>,
    ) -> Result<Option<MailWords>, TemplateError> {
        let words = match (topic, &event.payload) {
            (Topic::Workflow, Some(Payload::Workflow(workflow))) => {
                account::workflow_mail(self, event, workflow, reader)
            }
            (Topic::Invitation, Some(Payload::Invitation(invitation))) => {
                account::invitation_mail(self, event, invitation, reader)
            }
            (Topic::PolicyWeakened, Some(Payload::Policy(policy))) => {
                policy::mail(self, event, policy, reader)
            }
            (Topic::Bypassed | Topic::ReviewClosed, Some(Payload::Bypass(bypass))) => {
                bypass::mail(self, topic, event, bypass, reader)
            }
            (
                Topic::Workflow
                | Topic::PolicyWeakened
                | Topic::Invitation
                | Topic::Bypassed
                | Topic::ReviewClosed,
                Some(_) | None,
            ) => return Ok(None),
            (_, Some(Payload::Request(request))) => request::mail(self, topic, event, request, reader),
            (_, Some(_) | None) => return Ok(None),
        };
        words.map(Some)
    }

    /// The words of the mail that reminds of several requests at once; none if one of the events is about no request.
    pub fn reminders(
        &self,
        events: &[Event],
        reader: Reader<'_>,
    ) -> Result<Option<MailWords>, TemplateError> {
        request::reminders(self, events, reader)
    }

    /// What all mails have: the sentences of `message` and the rest, to be filled in by what they are about.
    fn letter(
        &self,
        message: &str,
        args: &FluentArgs<'_>,
        reader: Reader<'_>,
    ) -> Result<MailWords, TemplateError> {
        let sentence = |part: &str| self.text(&format!("{message}.{part}"), args);
        let greeting = if reader.name.is_empty() {
            self.plain("hello-nobody")?
        } else {
            let mut named = FluentArgs::new();
            named.set("name", reader.name);
            self.text("hello", &named)?
        };
        Ok(MailWords {
            subject: sentence("subject")?,
            greeting,
            headline: sentence("headline")?,
            consequence: sentence("consequence")?,
            facts: Vec::new(),
            quotes: Vec::new(),
            items: Vec::new(),
            link: String::new(),
            reason: self.text("reason", args)?,
            footer: self.plain("footer")?,
            colon: self.plain("colon")?,
            language: self.tag(),
        })
    }

    /// A message without values.
    fn plain(&self, id: &str) -> Result<String, TemplateError> {
        self.text(id, &FluentArgs::new())
    }

    /// A fact, if there is something to say.
    fn fact(
        &self,
        facts: &mut Vec<Fact>,
        label: &str,
        value: impl Into<String>,
    ) -> Result<(), TemplateError> {
        let value = value.into();
        if !value.is_empty() {
            facts.push((self.plain(label)?, value));
        }
        Ok(())
    }
}
