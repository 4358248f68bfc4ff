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
/// `minimum_lead_time`.
pub const MINIMUM_LEAD_TIME: Duration = Duration::from_hours(30 * 24);
/// An e-mail address, in bytes (RFC 5321 with its erratum 1690).
pub const EMAIL_BYTES: usize = 254;
/// A BCP 47 language tag.
pub const LOCALE: usize = 35;
