//! The rules of Countersign, pure: no I/O, no async, no clock but the `now` that is passed in.
//!
//! Every command takes one road: the caller loads a snapshot, a function of this crate decides, the caller commits the
//! [`Outcome`] guarded by the versions that the snapshot had. A rule lives here or nowhere.
//!
//! | module | holds |
//! |---|---|
//! | [`lifecycle`] | the tables LIF-1 … LIF-17 as data, and what they allow |
//! | [`perform`] | doing an action: apply at once or submit for approval (REQ-1, POL-1, POL-5, POL-6) |
//! | [`decide`] | ending a request: approve, reject, cancel, expire (REQ-4 … REQ-17) |
//! | [`edit`] | registering, editing and seeing resources (LIF-20 … LIF-22, ACC-16) |
//! | [`timer`] | what time alone does: start, complete (LIF-17) |
//! | [`member`], [`membership`], [`access`] | members, roles and what they may do (ACC) |
//! | [`policy`] | the terms of an area (POL) |
//! | [`recipients`] | who is told what (NOT-1 … NOT-7, NOT-10) |
//! | [`resource`], [`request`], [`account`], [`content`], [`history`], [`ids`], [`time`], [`limits`] | the words and their limits |
//! | [`outcome`], [`refusal`] | the two answers of a decision |

pub mod access;
pub mod account;
pub mod content;
pub mod decide;
pub mod edit;
pub mod history;
pub mod ids;
pub mod lifecycle;
pub mod limits;
pub mod member;
pub mod membership;
pub mod outcome;
pub mod perform;
pub mod policy;
pub mod recipients;
pub mod refusal;
pub mod request;
pub mod resource;
pub mod time;
pub mod timer;

#[cfg(test)]
mod tests;

pub use account::{Account, Actor, ActorRef, Context, Directory, Feature};
pub use content::{Content, Digest};
pub use ids::{AccountId, EventId, MemberId, RequestId, ResourceId};
pub use lifecycle::{Action, Kind, Lifecycle, PendingLabel, State};
pub use member::{Member, MemberState, SystemRole};
pub use outcome::{Outcome, RequestWrite};
pub use policy::{Area, Policies, Policy};
pub use refusal::{Refusal, Violation};
pub use request::{Request, RequestState};
pub use resource::{ApprovalStatus, LaunchMode, Resource, Schedule};
pub use time::Timestamp;
