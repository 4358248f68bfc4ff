//! One mail: words from [`locale`](crate::locale), layout from the embedded templates, headers from here.
//!
//! Everything that people typed (titles, notes, names) is made harmless in two steps: [`sanitize`] removes what no line
//! of a mail may hold, and the HTML template escapes the rest.

pub mod sanitize;
mod templates;
#[cfg(test)]
mod tests;

use std::time::{Duration, UNIX_EPOCH};

use countersign_proto::event::event::Payload;
use countersign_proto::event::{Event, RecipientReason};
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use uuid::Uuid;

use crate::invitation_url::{InvitationUrl, Invited};
use crate::locale::Locale;
use crate::plan::{Topic, note};
use crate::review_url::{ReviewUrl, Subject};
use crate::storage::Claim;
pub use templates::{TemplateError, Templates};

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
    /// A template failed; a fault of this build.
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
}

/// Makes mails.
pub struct Composer {
    settings: MailSettings,
    templates: Templates,
}

/// A mail ready to be handed over: the same bytes in every try.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Sender and recipient.
    pub envelope: Envelope,
    /// The message, RFC 5322.
    pub bytes: Vec<u8>,
}

impl MailSettings {
    /// The Message-ID of the mail that tells an event to a member: the same in every try, so that a receiver can tell
    /// (NOT-11).
    pub fn message_id(&self, event_id: Uuid, member_id: Uuid) -> String {
        format!("<{event_id}.{member_id}@{}>", self.domain)
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
            Payload::Workflow(_) | Payload::Resource(_) | Payload::Access(_) | Payload::Bypass(_) => None,
        }
    }
}

impl Composer {
    /// A composer with the embedded templates.
    pub fn new(settings: MailSettings) -> Result<Self, TemplateError> {
        Ok(Self { settings, templates: Templates::embedded()? })
    }

    /// The settings.
    pub fn settings(&self) -> &MailSettings {
        &self.settings
    }

    /// The mail for `claim`.
    pub fn compose(&self, claim: &Claim) -> Result<Mail, ComposeError> {
        let (Some(event), Some(topic)) = (claim.event.as_deref(), Topic::of(&claim.event_type)) else {
            return Err(ComposeError::Event);
        };
        let address: Address = claim.address.parse().map_err(ComposeError::Address)?;
        let name = sanitize::line(&claim.display_name);
        let reason = RecipientReason::try_from(claim.reason).unwrap_or_default();
        let words = Locale::of(&claim.locale).mail(topic, event, claim.occurred_at, &name, reason);
        let words = words.ok_or(ComposeError::Event)?;
        let rendered = self.templates.render(&words, &quote(topic, event), &self.link(claim, event)?)?;

        let occurred = u64::try_from(claim.occurred_at).unwrap_or_default();
        let mut message = Message::builder()
            .from(self.settings.from.clone())
            .to(Mailbox::new((!name.is_empty()).then_some(name), address.clone()))
            .subject(sanitize::line(&words.subject))
            .date(UNIX_EPOCH + Duration::from_micros(occurred))
            .message_id(Some(claim.message_id.clone()));
        if let Some(thread) = self.settings.thread_id(event, claim.member_id) {
            message = message.in_reply_to(thread.clone()).references(thread);
        }
        // RFC 3834: no out-of-office reply; the second is what Exchange listens to.
        for (header, value) in [
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
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

    fn link(&self, claim: &Claim, event: &Event) -> Result<String, ComposeError> {
        let account_id = &claim.account_id.to_string();
        Ok(match &event.payload {
            Some(Payload::Request(request)) => self.settings.review_url.fill(Subject {
                account_id,
                resource_id: request.resource.as_ref().map_or("", |resource| &resource.resource_id),
                approval_request_id: &request.approval_request_id,
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

/// Quoted-printable keeps lines short, passes every server, and stays readable.
fn part(builder: lettre::message::SinglePartBuilder, body: String) -> SinglePart {
    builder.header(ContentTransferEncoding::QuotedPrintable).body(body)
}

fn quote(topic: Topic, event: &Event) -> String {
    match &event.payload {
        Some(Payload::Request(request)) => note(topic, request),
        _ => String::new(),
    }
}
