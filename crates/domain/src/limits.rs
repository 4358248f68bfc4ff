//! The limits that callers are told of. Lengths are in characters (Unicode scalar values) unless they say bytes.

use std::time::Duration;

/// A resource's title, an account's and a member's name.
pub const TITLE: usize = 200;
/// The owning service's id of a resource.
pub const EXTERNAL_ID: usize = 128;
/// A note or feedback (REQ-12).
pub const NOTE: usize = 1_024;
/// Content in canonical form, in bytes.
pub const CONTENT_BYTES: usize = 256 * 1_024;
/// How deep content may be nested: as protobuf each level takes up to three, and common clients read at most 100.
pub const CONTENT_DEPTH: usize = 20;
/// How many variants an A/B test declares, at the least and at the most.
pub const VARIANTS: std::ops::RangeInclusive<usize> = 2..=50;
/// The name of a variant.
pub const VARIANT: usize = 64;
/// How many approvers can be chosen for a request.
pub const APPROVERS: usize = 50;
/// `required_approvals` (POL-3).
pub const REQUIRED_APPROVALS: std::ops::RangeInclusive<u8> = 1..=10;
/// `request_max_age`.
pub const REQUEST_MAX_AGE: Duration = Duration::from_hours(365 * 24);
/// How many comments a request has: each is mailed, and none is ever deleted.
pub const COMMENTS: u16 = 200;
/// `reminder_after`.
pub const REMINDER_AFTER: Duration = Duration::from_hours(365 * 24);
/// `minimum_lead_time`.
pub const MINIMUM_LEAD_TIME: Duration = Duration::from_hours(30 * 24);
/// `cooling_off` (POL-9).
pub const COOLING_OFF: Duration = Duration::from_hours(30 * 24);
/// An e-mail address, in bytes (RFC 5321 with its erratum 1690).
pub const EMAIL_BYTES: usize = 254;

/// A time zone's name, in characters: twice the longest in IANA's database.
pub const TIME_ZONE: usize = 64;
/// The name of a custom role.
pub const ROLE_NAME: usize = 100;
/// How many custom roles an account has.
pub const ROLES: usize = 200;
/// How many custom roles a member has.
pub const MEMBER_ROLES: usize = 20;
/// How many values a data scope, or one property of an audience, has.
pub const SCOPE_VALUES: usize = 100;
/// An audience property's name, and each of its values.
pub const SCOPE_NAME: usize = 64;
/// How many properties an audience declares.
pub const AUDIENCE_PROPERTIES: usize = 20;
/// How many places of personal data a resource marks.
pub const PII_FIELDS: usize = 100;
/// What a member for whom PII is masked may put into a marked place, in bytes of canonical JSON: what they can't see is counted
/// as the mask, so that the limit of content tells nothing of it (ACC-19), and this keeps what they hide small.
pub const MASKED_VALUE_BYTES: usize = 1_024;
/// A JSON Pointer.
pub const POINTER: usize = 256;
/// How many members an access document holds.
pub const DOCUMENT_MEMBERS: usize = 2_000;
/// How long an invitation can be accepted.
pub const INVITATION_AGE: Duration = Duration::from_hours(7 * 24);
/// How many mails with an invitation one address gets from an account in an hour of the clock: sent again, or withdrawn and made anew.
pub const INVITATION_MAILS_TO_ONE: u32 = 5;
/// How many an account sends in an hour of the clock, to whomever.
pub const INVITATION_MAILS: u32 = 500;
/// How long the deletion of an account can be taken back.
pub const DELETION_GRACE: std::ops::RangeInclusive<Duration> =
    Duration::from_hours(1)..=Duration::from_hours(90 * 24);
/// The same, where nobody says.
pub const DELETION_GRACE_DEFAULT: Duration = Duration::from_hours(30 * 24);
/// A BCP 47 language tag.
pub const LOCALE: usize = 35;
/// How many kinds of its own an account registers lifecycles for (LIF-24).
pub const LIFECYCLE_KINDS: usize = 20;
/// How many versions of them an account registers, all its kinds together: a decision may need any of them.
pub const LIFECYCLE_VERSIONS: usize = 100;
/// How many states a lifecycle has.
pub const LIFECYCLE_STATES: std::ops::RangeInclusive<usize> = 2..=30;
/// How many actions a lifecycle has, each counted once for every state that it leads from.
pub const LIFECYCLE_TRANSITIONS: std::ops::RangeInclusive<usize> = 1..=60;
/// The name of a kind, an area, a state, an action or a pending label of an account's own.
pub const LIFECYCLE_NAME: usize = 40;
