//! One mail: words from [`locale`](crate::locale), layout from the templates, headers from here.
//!
//! Everything that people typed (titles, notes, names) is made harmless in two steps: [`sanitize`] removes what no line
//! of a mail may hold, and the HTML template escapes the rest.

mod folder;
pub mod sanitize;
mod templates;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use countersign_proto::event::event::Payload;
use countersign_proto::event::{Event, RecipientReason, ResourceSnapshot};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use uuid::Uuid;

use crate::bypass_url::{BypassUrl, Reviewed};
use crate::invitation_url::{InvitationUrl, Invited};
use crate::locale::{Locales, MailWords, Reader};
use crate::plan::Topic;
use crate::review_url::{ReviewUrl, Subject};
use crate::samples::samples;
use crate::storage::{Claim, Told};
pub use crate::template_error::TemplateError;
use folder::Replaced;
pub use folder::TemplatesError;
use templates::{Links, Templates};

/// Why a mail can't be made; trying again would not help.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The recipient's address is not one.
    #[error("the recipient's address is not acceptable")]
    Address(#[source] lettre::address::AddressError),
    /// The stored event does not say what its type promises.
    #[error("the stored event does not say what its type promises")]
    Event,
    /// The link of an invitation needs its token, which is forgotten once its mail was sent or given up.
    #[error("the invitation's token is forgotten; the invitation has to be sent again")]
    TokenForgotten,
    /// A template or the words failed; they were checked at the start, with other values.
    #[error("the mail can't be rendered")]
    Template(#[from] TemplateError),
    /// The headers don't make a message; a fault of this build.
    #[error("the message can't be built")]
    Message(#[from] lettre::error::Error),
}

/// The part of a mail that settings decide.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Who it is from.
    pub from: Mailbox,
    /// The right-hand side of Message-IDs, a domain of the sender.
    pub domain: String,
    /// Where links lead.
    pub review_url: ReviewUrl,
    /// Where the links of invitations lead.
    pub invitation_url: InvitationUrl,
    /// Where links to the reviews of bypasses lead; without it, to the start page of the place that others lead to.
    pub bypass_url: Option<BypassUrl>,
    /// The folder of templates and words that take the place of the embedded ones.
    pub templates_dir: Option<PathBuf>,
}

/// Makes mails.
pub struct Composer {
    settings: MailSettings,
    locales: Locales,
    templates: Templates,
}

impl fmt::Debug for Composer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Composer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What a mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject line.
    pub subject: String,
    /// For whoever reads text.
    pub text: String,
    /// For whoever reads HTML.
    pub html: String,
}

/// A mail ready to be handed over: the same bytes in every try.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Sender and recipient.
    pub envelope: Envelope,
    /// The message, RFC 5322.
    pub bytes: Vec<u8>,
}

/// The Message-ID of the mail that tells an event to a member, on `domain`.
pub(crate) fn message_id(event_id: Uuid, member_id: Uuid, domain: &str) -> String {
    format!("<{event_id}.{member_id}@{domain}>")
}

impl MailSettings {
    /// The Message-ID of the mail that tells an event to a member: the same in every try, so that a receiver can tell
    /// (NOT-11).
    pub fn message_id(&self, event_id: Uuid, member_id: Uuid) -> String {
        message_id(event_id, member_id, &self.domain)
    }

    /// The link to the page of a bypass's review.
    pub(crate) fn bypass_link(&self, reviewed: Reviewed<'_>) -> String {
        self.bypass_url.as_ref().map_or_else(|| self.review_url.home(), |url| url.fill(reviewed))
    }

    /// What all mails to one member about one request answer to, so that they are shown as one conversation (NOT-13).
    /// Made from the ids: nothing has to be looked up, and it does not matter which mail goes first.
    /// An invitation is for one person, and each time that it is sent again is part of the same conversation.
    fn thread_id(&self, event: &Event, member_id: Uuid) -> Option<String> {
        let domain = &self.domain;
        match event.payload.as_ref()? {
            Payload::Request(request) => {
                let request = sanitize::token(&request.approval_request_id);
                Some(format!("<request.{request}.{member_id}@{domain}>"))
            }
            Payload::Invitation(invitation) => {
                Some(format!("<invitation.{}@{domain}>", sanitize::token(&invitation.invitation_id)))
            }
            Payload::Bypass(bypass) => {
                Some(format!("<review.{}.{member_id}@{domain}>", sanitize::token(&bypass.review_id)))
            }
            Payload::Workflow(_)
            | Payload::Policy(_)
            | Payload::Account(_)
            | Payload::Resource(_)
            | Payload::Access(_) => None,
        }
    }
}

impl Composer {
    /// A composer with the embedded templates and words, and in their places those of the settings' folder. Every kind of
    /// mail is made once in every locale: what can't be rendered is found here, and not when it is due.
    pub fn new(settings: MailSettings) -> Result<Self, TemplatesError> {
        let replaced = settings.templates_dir.as_deref().map(Replaced::read).transpose()?.unwrap_or_default();
        let locales = Locales::with(&replaced.words)?;
        let templates = Templates::with(&replaced.layouts)?;
        let composer = Self { settings, locales, templates };
        composer.check()?;
        Ok(composer)
    }

    fn check(&self) -> Result<(), TemplatesError> {
        for locale in self.locales.all() {
            for sample in samples(&self.settings) {
                let claim = Claim { locale: locale.tag().to_owned(), ..sample.claim };
                let made = self.render(&claim).and_then(|rendered| Ok((rendered, self.links(&claim)?)));
                match made {
                    Ok((rendered, links)) => self.templates.check(&rendered, &links)?,
                    Err(ComposeError::Template(error)) => return Err(error.into()),
                    Err(error) => return Err(TemplatesError::Sample(sample.name, Box::new(error))),
                }
            }
        }
        Ok(())
    }

    /// The settings.
    pub fn settings(&self) -> &MailSettings {
        &self.settings
    }

    /// The words, by locale.
    pub fn locales(&self) -> &Locales {
        &self.locales
    }

    /// What the mail for `claim` says.
    pub fn render(&self, claim: &Claim) -> Result<Rendered, ComposeError> {
        let words = self.words(claim)?;
        let links = self.links(claim)?;
        let (text, html) = self.templates.render(&words, &links)?;
        Ok(Rendered { subject: sanitize::title(&words.subject), text, html })
    }

    fn words(&self, claim: &Claim) -> Result<MailWords, ComposeError> {
        let locale = self.locales.of(&claim.locale);
        let name = sanitize::line(&claim.display_name);
        let time_zone = time_zone(&claim.time_zone);
        let reader = Reader {
            name: &name,
            time_zone: &time_zone,
            reason: RecipientReason::try_from(claim.reason).unwrap_or_default(),
            occurred_at: claim.occurred_at,
        };
        let words = match (&claim.told, Topic::of(&claim.event_type)) {
            (Some(Told::Event(event)), Some(topic)) => locale.mail(topic, event, reader)?,
            // One reminder is told as if it had not been gathered.
            (Some(Told::Reminders(events)), _) => match events.as_slice() {
                [event] => locale.mail(Topic::Reminded, event, reader)?,
                events => locale.reminders(events, reader)?,
            },
            (Some(Told::Event(_)), None) | (None, _) => None,
        };
        words.ok_or(ComposeError::Event)
    }

    /// The mail for `claim`.
    pub fn compose(&self, claim: &Claim) -> Result<Mail, ComposeError> {
        let address: Address = claim.address.parse().map_err(ComposeError::Address)?;
        let name = sanitize::line(&claim.display_name);
        let rendered = self.render(claim)?;

        let occurred = u64::try_from(claim.occurred_at).unwrap_or_default();
        let mut message = Message::builder()
            .from(self.settings.from.clone())
            .to(Mailbox::new((!name.is_empty()).then_some(name), address.clone()))
            .subject(rendered.subject)
            .date(UNIX_EPOCH + Duration::from_micros(occurred))
            .message_id(Some(claim.message_id.clone()));
        let about = claim.told.as_ref().and_then(Told::one);
        if let Some(thread) = about.and_then(|event| self.settings.thread_id(event, claim.member_id)) {
            message = message.in_reply_to(thread.clone()).references(thread);
        }
        // RFC 3834: no out-of-office reply; the second is what Exchange listens to. Bounces have to come back (NOT-16): with
        // `All`, Exchange would keep them too.
        for (header, value) in [
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "OOF, AutoReply".to_owned()),
            ("X-Countersign-Event", claim.event_id.to_string()),
            ("X-Countersign-Event-Type", sanitize::token(&claim.event_type)),
            ("X-Countersign-Account", claim.account_id.to_string()),
        ] {
            message = message.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(header), value));
        }
        // A boundary of its own would make every try another message.
        let parts = MultiPart::alternative()
            .boundary(format!("{}.{}", claim.event_id.simple(), claim.member_id.simple()))
            .singlepart(part(
                SinglePart::builder().header(lettre::message::header::ContentType::TEXT_PLAIN),
                rendered.text,
            ))
            .singlepart(part(
                SinglePart::builder().header(lettre::message::header::ContentType::TEXT_HTML),
                rendered.html,
            ));
        let envelope = Envelope::new(Some(self.settings.from.email.clone()), vec![address])?;
        let message = message.envelope(envelope.clone()).multipart(parts)?;
        Ok(Mail { envelope, bytes: message.formatted() })
    }

    fn links(&self, claim: &Claim) -> Result<Links, ComposeError> {
        match claim.told.as_ref().ok_or(ComposeError::Event)? {
            Told::Event(event) => Ok(Links::One(self.link(claim, event)?)),
            Told::Reminders(events) => match events.as_slice() {
                [event] => Ok(Links::One(self.link(claim, event)?)),
                events => events
                    .iter()
                    .map(|event| self.link(claim, event))
                    .collect::<Result<_, _>>()
                    .map(Links::Each),
            },
        }
    }

    fn link(&self, claim: &Claim, event: &Event) -> Result<String, ComposeError> {
        let account_id = &claim.account_id.to_string();
        let resource_id = |resource: &Option<ResourceSnapshot>| {
            resource.as_ref().map_or_else(String::new, |resource| resource.resource_id.clone())
        };
        Ok(match &event.payload {
            Some(Payload::Request(request)) => self.settings.review_url.fill(Subject {
                account_id,
                resource_id: &resource_id(&request.resource),
                approval_request_id: &request.approval_request_id,
            }),
            Some(Payload::Bypass(bypass)) => self.settings.bypass_link(Reviewed {
                account_id,
                resource_id: &resource_id(&bypass.resource),
                review_id: &bypass.review_id,
            }),
            Some(Payload::Invitation(invitation)) => {
                if invitation.token.is_empty() {
                    return Err(ComposeError::TokenForgotten);
                }
                self.settings.invitation_url.fill(Invited {
                    account_id,
                    invitation_id: &invitation.invitation_id,
                    token: &invitation.token,
                })
            }
            _ => self.settings.review_url.home(),
        })
    }
}

/// The time zone of that name; UTC where there is none, or none that is known here.
fn time_zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap_or(TimeZone::UTC)
}

/// Quoted-printable keeps lines short, passes every server, and stays readable.
fn part(builder: lettre::message::SinglePartBuilder, body: String) -> SinglePart {
    builder.header(ContentTransferEncoding::QuotedPrintable).body(body)
}
