//! The rules of Countersign, pure: no I/O, no async, no clock but the `now` that is passed in.
//!
//! Every command takes one road: the caller loads a snapshot, a function of this crate decides, the caller commits the
//! [`Outcome`] guarded by the versions that the snapshot had. A rule lives here or nowhere.
//!
//! | module | holds |
//! |---|---|
//! | [`lifecycle`] | the tables LIF-1 … LIF-17 as data, what they allow, and an account's own (LIF-24) |
//! | [`perform`] | doing an action: apply at once or submit for approval (REQ-1, POL-1, POL-5, POL-6) |
//! | [`decide`] | ending a request: approve, reject, cancel, expire (REQ-4 … REQ-17) |
//! | [`conversation`] | what happens to a pending request besides its end: comments, other approvers, reminders (REQ-21, NOT-8) |
//! | [`review`] | the review of an emergency bypass (POL-8) |
//! | [`gate`] | "may this go out now?" |
//! | [`difference`] | what staged edits change (LIF-21) |
//! | [`edit`] | registering, editing and seeing resources (LIF-20 … LIF-22, ACC-16) |
//! | [`timer`] | what time alone does: start, complete (LIF-17) |
//! | [`access`] | what members may do: the component tree, system and custom roles, scopes (ACC-1 … ACC-6, ACC-10, ACC-12) |
//! | [`permission`] | "may member M do X on R?" (ACC-15) |
//! | [`member`], [`membership`] | who gets, changes and loses access (ACC-8, ACC-9, ACC-11) |
//! | [`roles`] | creating, changing and giving custom roles (ACC-2, ACC-3, ACC-7) |
//! | [`invitation`] | how people join (ACC-14) |
//! | [`loss`] | what becomes of requests when a right to decide is lost (REQ-10) or a workflow is switched off (POL-2) |
//! | [`mask`] | masking personal data (ACC-13) |
//! | [`document`] | an account's members and roles as one document |
//! | [`text`] | text that people see or that is compared (ACC-18) |
//! | [`tenancy`] | running accounts: features, suspension, deletion |
//! | [`rules`] | a change of what decisions rely on |
//! | [`policy`] | the terms of an area (POL) |
//! | [`recipients`] | who is told what (NOT-1 … NOT-7, NOT-10) |
//! | [`history`] | what was done, chained by hash, and verifying that (HIS-1, HIS-3) |
//! | [`resource`], [`request`], [`account`], [`content`], [`ids`], [`time`], [`limits`] | the words and their limits |
//! | [`outcome`], [`refusal`] | the two answers of a decision |

pub mod access;
pub mod account;
pub mod content;
pub mod conversation;
pub mod decide;
pub mod difference;
pub mod document;
pub mod edit;
pub mod gate;
pub mod history;
pub mod ids;
pub mod invitation;
pub mod lifecycle;
pub mod limits;
pub mod loss;
pub mod mask;
pub mod member;
pub mod membership;
pub mod outcome;
pub mod perform;
pub mod permission;
pub mod policy;
pub mod recipients;
pub mod refusal;
pub mod request;
pub mod resource;
mod revert;
pub mod review;
pub mod roles;
pub mod rules;
pub mod tenancy;
pub mod text;
pub mod time;
pub mod timer;

#[cfg(test)]
mod tests;

pub use access::{Access, Audience, Component, DataScope, Rights, Role, Roles};
pub use account::{Account, AccountState, Actor, ActorRef, Context, Directory, Feature};
pub use content::{Content, Digest};
pub use ids::{AccountId, EventId, InvitationId, MemberId, RequestId, ResourceId, ReviewId, RoleId};
pub use invitation::Invitation;
pub use lifecycle::{Action, Kind, Lifecycle, Lifecycles, PendingLabel, State};
pub use mask::Pointer;
pub use member::{Member, MemberState, SystemRole};
pub use outcome::{Outcome, RequestWrite, ReviewWrite};
pub use policy::{Area, Policies, Policy};
pub use refusal::{Refusal, Violation};
pub use request::{Assignment, Request, RequestState};
pub use resource::{ApprovalStatus, LaunchMode, Resource, Schedule};
pub use review::Review;
pub use rules::{RulesChange, RulesWrite};
pub use time::Timestamp;
