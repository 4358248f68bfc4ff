//! The words of mails and ribbons. Every sentence that a member reads comes from here, by way of a [`Locale`]: another
//! language is another variant and another module beside `english`.

mod english;

use countersign_proto::event::event::Payload;
use countersign_proto::event::{Event, RecipientReason};
use countersign_proto::inbox::RibbonKind;

use crate::plan::Topic;

/// A language that the notifier speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// English, also for whoever asks for a language that is not spoken yet.
    #[default]
    English,
}

/// The words of one mail. None of it is escaped or cut: that is up to who writes it into a mail.
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
    pub facts: Vec<(&'static str, String)>,
    /// The label of the note or feedback, where there is one.
    pub quote_label: String,
    /// The text of the link to the review page.
    pub link: &'static str,
    /// Why the reader gets this mail.
    pub reason: String,
    /// Who sent it.
    pub footer: &'static str,
    /// The language, for the HTML part's `lang`.
    pub language: &'static str,
}

/// What a ribbon's sentence is made from.
#[derive(Clone, Copy, Debug)]
pub struct RibbonFacts<'a> {
    /// DECIDE, AWAITING or RESULT.
    pub kind: RibbonKind,
    /// A `RequestState`.
    pub request_state: i32,
    /// The action.
    pub action: &'a str,
    /// The resource's title.
    pub title: &'a str,
    /// Who did it.
    pub actor: &'a str,
    /// Why the request expired, if it did.
    pub expiry_reason: &'a str,
}

impl Locale {
    /// The language for a BCP 47 tag.
    pub fn of(_tag: &str) -> Self {
        Self::English
    }

    /// The words of the mail that tells `event` to the member called `name`; none if the payload is not the topic's.
    pub fn mail(
        self,
        topic: Topic,
        event: &Event,
        occurred_at: i64,
        name: &str,
        reason: RecipientReason,
    ) -> Option<MailWords> {
        match (self, event.payload.as_ref()?) {
            (Self::English, Payload::Request(request)) => {
                Some(english::request_mail(topic, event, request, occurred_at, name, reason))
            }
            (Self::English, Payload::Workflow(workflow)) if topic == Topic::Workflow => {
                Some(english::workflow_mail(event, workflow, occurred_at, name, reason))
            }
            (Self::English, Payload::Invitation(invitation)) if topic == Topic::Invitation => {
                Some(english::invitation_mail(event, invitation, occurred_at, name, reason))
            }
            (
                Self::English,
                Payload::Workflow(_)
                | Payload::Resource(_)
                | Payload::Access(_)
                | Payload::Invitation(_)
                | Payload::Bypass(_),
            ) => None,
        }
    }

    /// A ribbon's sentence.
    pub fn ribbon(self, facts: RibbonFacts<'_>) -> String {
        match self {
            Self::English => english::ribbon(facts),
        }
    }
}
