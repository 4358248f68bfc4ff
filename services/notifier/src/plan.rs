//! What an event asks of the notifier, worked out purely: one mail for each recipient who is to get one, and what
//! becomes of the resource's ribbons.

mod access;
mod ribbons;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use countersign_broker::Event;
use countersign_proto::event::event::Payload;
use countersign_proto::event::{self, Recipient};
use countersign_proto::inbox::EventGroup;
use countersign_proto::json;
use uuid::Uuid;

use access::{ACCESS_CHANGED, ACCOUNT_STATE_CHANGED, access_change, account_state_change};
pub use access::{Access, AccessChange, AccountStateChange, Audience, MemberChange, Scope};
pub(crate) use ribbons::reminds;
use ribbons::ribbon_change;
pub use ribbons::{NewRibbon, RibbonChange, RibbonEffect};

use crate::preferences::{Mode, Preferences};

/// The viewer of a ribbon that is for every member who has no ribbon of their own on the resource.
pub const EVERYBODY: Uuid = Uuid::nil();

/// The approval service's events begin so; all others are somebody else's.
const OURS: &str = "countersign.";

/// Why a request expired when nobody was left to decide it, as events say it.
const NO_ELIGIBLE_APPROVERS: &str = "NO_ELIGIBLE_APPROVERS";

/// The type of the event that an account is gone for good. Nobody is told of it: nobody is left.
const ACCOUNT_ERASED: &str = "countersign.account.erased.v1";

/// The type of the events that name further recipients of another.
const CONTINUED: &str = "countersign.recipients.continued.v1";

/// Why an event can never be acted on. Quotes nothing of its data.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not one of Countersign's.
    #[error("the type does not begin with `{OURS}`")]
    Foreign,
    /// Its data is not the contract's message.
    #[error("the data is not a countersign.event.v1.Event")]
    Data(#[source] json::JsonError),
    /// Its data lacks what its type promises.
    #[error("the data has no `{0}`, which its type promises")]
    Payload(&'static str),
    /// One field is not an id.
    #[error("`{0}` is not a UUID")]
    Id(&'static str),
    /// An invitation's link accepts it, so that nobody but the invited person may get it.
    #[error("an invitation is told to one person, not {0}")]
    Invited(usize),
    /// It is to be told, but this version does not know how.
    #[error("somebody is to be told, but this version has no words for the type")]
    NoWords,
}

/// What kind of thing happened; each has words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// An approval request was made.
    Submitted,
    /// One of several approvals was given.
    ApprovalRecorded,
    /// Chosen approvers lost the right to decide; others are left.
    AssignmentExpired,
    /// A request was approved.
    Approved,
    /// A request was rejected.
    Rejected,
    /// A request was cancelled.
    Cancelled,
    /// A request expired.
    Expired,
    /// A request ended because its area's workflow was switched off.
    Reverted,
    /// Somebody commented on a request.
    Commented,
    /// A request has waited long.
    Reminded,
    /// Other approvers were chosen for a request.
    Reassigned,
    /// An Admin applied a gated action at once, in an emergency.
    Bypassed,
    /// The review of such a bypass was closed.
    ReviewClosed,
    /// An area's workflow was switched on or off.
    Workflow,
    /// An area's policy got weaker.
    PolicyWeakened,
    /// Somebody is invited to join the account.
    Invitation,
}

impl Topic {
    /// The topic of an event type, if this version knows it.
    pub fn of(event_type: &str) -> Option<Self> {
        Some(match event_type {
            "countersign.request.submitted.v1" => Self::Submitted,
            "countersign.request.approval_recorded.v1" => Self::ApprovalRecorded,
            "countersign.request.assignment_expired.v1" => Self::AssignmentExpired,
            "countersign.request.approved.v1" => Self::Approved,
            "countersign.request.rejected.v1" => Self::Rejected,
            "countersign.request.cancelled.v1" => Self::Cancelled,
            "countersign.request.expired.v1" => Self::Expired,
            "countersign.request.reverted.v1" => Self::Reverted,
            "countersign.request.commented.v1" => Self::Commented,
            "countersign.request.reminded.v1" => Self::Reminded,
            "countersign.request.reassigned.v1" => Self::Reassigned,
            "countersign.resource.bypassed.v1" => Self::Bypassed,
            "countersign.review.closed.v1" => Self::ReviewClosed,
            "countersign.workflow.enabled.v1" | "countersign.workflow.disabled.v1" => Self::Workflow,
            "countersign.policy.weakened.v1" => Self::PolicyWeakened,
            "countersign.invitation.sent.v1" => Self::Invitation,
            _ => return None,
        })
    }

    /// Whether its mail asks its reader to decide.
    pub(crate) const fn asks(self) -> bool {
        matches!(self, Self::Submitted | Self::Reassigned | Self::Reminded)
    }
}

/// What is to be done about one event, all in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The account.
    pub account_id: Uuid,
    /// The event.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// When it happened, Unix microseconds.
    pub occurred_at: i64,
    /// What the mails are made from, as JSON; none if there are none.
    pub data: Option<String>,
    /// What it is about, as far as members' preferences go.
    pub group: EventGroup,
    /// One for each recipient of mail.
    pub mails: Vec<PlannedMail>,
    /// The same for those whose reminders are gathered; a plan has none before preferences are applied to it.
    pub gathered: Vec<PlannedMail>,
    /// The languages of the members that the event names, by member.
    pub locales: BTreeMap<Uuid, String>,
    /// What it reminds of, if that is what it does.
    pub reminds: Option<Reminds>,
    /// What becomes of ribbons, if the event concerns any.
    pub ribbons: Option<RibbonChange>,
    /// Who may see and decide what, if the event says so.
    pub access: Option<AccessChange>,
    /// Whether the account is read only, if the event says so.
    pub account_state: Option<AccountStateChange>,
    /// Whether all that is kept of the account is to go, and nothing may be kept of it again.
    pub erases: bool,
}

/// The request that a reminder, or another mail that asks, is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reminds {
    /// The resource.
    pub resource_id: Uuid,
    /// The approval request.
    pub approval_request_id: Uuid,
}

/// One mail to one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMail {
    /// The member.
    pub member_id: Uuid,
    /// The address, as the event gives it.
    pub address: String,
    /// The name, as the event gives it.
    pub display_name: String,
    /// The language.
    pub locale: String,
    /// The time zone to tell times in, as the event gives it; empty for UTC.
    pub time_zone: String,
    /// Why this member is told: a `RecipientReason`.
    pub reason: i32,
}

impl Plan {
    /// Works out what `event` asks for.
    pub fn of(mut event: Event) -> Result<Self, Unusable> {
        if !event.event_type.starts_with(OURS) {
            return Err(Unusable::Foreign);
        }
        let mut data: event::Event =
            json::from_value(std::mem::take(&mut event.data)).map_err(Unusable::Data)?;
        if event.event_type == ACCESS_CHANGED {
            let access = Some(access_change(&data, event.sequence)?);
            return Ok(Self { access, ..Self::silent(event) });
        }
        if event.event_type == ACCOUNT_STATE_CHANGED {
            let account_state = Some(account_state_change(&data, event.sequence)?);
            return Ok(Self { account_state, ..Self::silent(event) });
        }
        if event.event_type == ACCOUNT_ERASED {
            return Ok(Self { erases: true, ..Self::silent(event) });
        }
        let recipients = recipients(std::mem::take(&mut data.recipients))?;
        let continued = event.event_type == CONTINUED;
        if continued {
            event.event_type = std::mem::take(&mut data.continues);
        }
        let topic = Topic::of(&event.event_type);
        let ribbons = match topic {
            None => None,
            Some(topic) => ribbon_change(topic, &data, &recipients, event.sequence)?
                .map(|change| if continued { change.continued() } else { change }),
        };
        if topic == Some(Topic::Workflow) && !matches!(data.payload, Some(Payload::Workflow(_))) {
            return Err(Unusable::Payload("workflow"));
        }
        if topic == Some(Topic::PolicyWeakened) && !matches!(data.payload, Some(Payload::Policy(_))) {
            return Err(Unusable::Payload("policy"));
        }
        if topic == Some(Topic::Invitation) {
            check_invitation(&data, recipients.len())?;
        }
        let reminds = (topic == Some(Topic::Reminded)).then(|| reminds(&data)).transpose()?;
        let group = group(topic, &data);
        // Who is only invited is no member, and has no language that outlives the invitation.
        let locales = recipients
            .iter()
            .filter(|(_, recipient)| topic != Some(Topic::Invitation) && !recipient.locale.is_empty())
            .map(|(member_id, recipient)| (*member_id, recipient.locale.clone()))
            .collect();
        let mails: Vec<PlannedMail> =
            recipients.into_iter().filter(|(_, recipient)| recipient.mail).map(planned_mail).collect();
        if topic.is_none() && !mails.is_empty() {
            return Err(Unusable::NoWords);
        }
        // Without the recipients: each delivery holds its own, and there may be many.
        let data = if mails.is_empty() {
            None
        } else {
            Some(json::to_value(&data).map_err(Unusable::Data)?.to_string())
        };
        Ok(Self { data, group, mails, locales, reminds, ribbons, ..Self::silent(event) })
    }

    /// What is done about an event that asks for nothing: its id is kept.
    fn silent(event: Event) -> Self {
        Self {
            account_id: event.account_id,
            event_id: event.id,
            event_type: event.event_type,
            occurred_at: event.time_us,
            data: None,
            group: EventGroup::Unspecified,
            mails: Vec::new(),
            gathered: Vec::new(),
            locales: BTreeMap::new(),
            reminds: None,
            ribbons: None,
            access: None,
            account_state: None,
            erases: false,
        }
    }

    /// Whether more than the event's id is kept of it.
    pub(crate) fn keeps(&self) -> bool {
        !self.mails.is_empty()
            || !self.locales.is_empty()
            || self.ribbons.is_some()
            || self.access.is_some()
            || self.account_state.is_some()
    }

    /// The members whose preferences matter to the plan.
    pub(crate) fn choosers(&self) -> Vec<Uuid> {
        if matches!(
            self.group,
            EventGroup::Unspecified | EventGroup::RequestsToAct | EventGroup::RoleSeparation
        ) {
            return Vec::new();
        }
        let ribbons = match &self.ribbons {
            Some(RibbonChange {
                effect: RibbonEffect::Replace(ribbons) | RibbonEffect::Add(ribbons),
                ..
            }) => ribbons.as_slice(),
            _ => &[],
        };
        let viewers =
            ribbons.iter().map(|ribbon| ribbon.viewer_id).filter(|viewer_id| *viewer_id != EVERYBODY);
        let members: BTreeSet<Uuid> = self.mails.iter().map(|mail| mail.member_id).chain(viewers).collect();
        members.into_iter().collect()
    }

    /// What is left of the plan when each recipient is told as they prefer (NOT-14). Members without `preferences` have the
    /// default ones. Reminders are gathered only where there is a span to gather them in.
    #[must_use]
    pub fn preferred(&self, preferences: &HashMap<Uuid, Preferences>, gathers: bool) -> Self {
        let default = Preferences::default();
        let of = |member_id: &Uuid| preferences.get(member_id).unwrap_or(&default);
        let mut plan = self.clone();
        for mail in plan.mails.extract_if(.., |mail| of(&mail.member_id).mail(self.group) != Mode::Immediate)
        {
            if of(&mail.member_id).mail(self.group) == Mode::Digest {
                plan.gathered.push(mail);
            }
        }
        if !gathers {
            plan.mails.append(&mut plan.gathered);
        }
        if let Some(RibbonChange {
            effect: RibbonEffect::Replace(ribbons) | RibbonEffect::Add(ribbons),
            ..
        }) = &mut plan.ribbons
        {
            ribbons
                .retain(|ribbon| ribbon.viewer_id == EVERYBODY || of(&ribbon.viewer_id).ribbon(self.group));
        }
        plan
    }
}

/// What an event is about, as far as members' preferences go.
fn group(topic: Option<Topic>, data: &event::Event) -> EventGroup {
    let Some(topic) = topic else { return EventGroup::Unspecified };
    match topic {
        Topic::Submitted | Topic::Reassigned | Topic::Bypassed | Topic::Invitation => {
            EventGroup::RequestsToAct
        }
        Topic::Workflow | Topic::PolicyWeakened | Topic::AssignmentExpired | Topic::Reverted => {
            EventGroup::RoleSeparation
        }
        Topic::Approved | Topic::Rejected | Topic::ReviewClosed => EventGroup::Results,
        Topic::Cancelled => EventGroup::Cancellations,
        Topic::Expired => match &data.payload {
            Some(Payload::Request(request)) if request.expiry_reason == NO_ELIGIBLE_APPROVERS => {
                EventGroup::RoleSeparation
            }
            _ => EventGroup::Expiries,
        },
        Topic::ApprovalRecorded => EventGroup::Progress,
        Topic::Commented => EventGroup::Comments,
        Topic::Reminded => EventGroup::Reminders,
    }
}

/// The recipients with their ids, each member once: the first reason given is the one that applies.
fn recipients(recipients: Vec<Recipient>) -> Result<Vec<(Uuid, Recipient)>, Unusable> {
    let mut seen = HashSet::new();
    let mut members = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let member_id = id("recipients.memberId", &recipient.member_id)?;
        if seen.insert(member_id) {
            members.push((member_id, recipient));
        }
    }
    Ok(members)
}

fn planned_mail((member_id, recipient): (Uuid, Recipient)) -> PlannedMail {
    PlannedMail {
        member_id,
        address: recipient.email,
        display_name: recipient.display_name,
        locale: recipient.locale,
        time_zone: recipient.time_zone,
        reason: recipient.reason,
    }
}

fn check_invitation(data: &event::Event, recipients: usize) -> Result<(), Unusable> {
    let Some(Payload::Invitation(invitation)) = &data.payload else {
        return Err(Unusable::Payload("invitation"));
    };
    id("invitation.invitationId", &invitation.invitation_id)?;
    if invitation.token.is_empty() {
        return Err(Unusable::Payload("invitation.token"));
    }
    if recipients > 1 { Err(Unusable::Invited(recipients)) } else { Ok(()) }
}

fn id(field: &'static str, value: &str) -> Result<Uuid, Unusable> {
    match Uuid::try_parse(value) {
        Ok(id) if !id.is_nil() => Ok(id),
        _ => Err(Unusable::Id(field)),
    }
}
