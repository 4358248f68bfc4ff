//! What a decision leads to: the one thing that is committed.

use crate::{
    ActorRef, MemberId, Request, Resource, Review,
    history::{EntryHash, HistoryEntry},
    recipients::Recipient,
    request::Decision,
};

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestWrite {
    /// Made: REQ-2 allows it only while no other is pending.
    Insert(Request),
    /// Changed: guarded by its version before (one less) and by still being PENDING (REQ-4).
    Update {
        /// The request after it.
        request: Request,
        /// The member's decision that changed it, if one did.
        decision: Option<Decision>,
        /// Whether that takes the place of one of theirs that does not count any more (REQ-22).
        anew: bool,
        /// The assignments that ended with it (REQ-10).
        lost: Vec<ActorRef>,
        /// Those whose decisions stopped to count with it (REQ-22).
        voided: Vec<ActorRef>,
    },
    /// Other approvers are chosen: guarded as an update.
    Reassign {
        /// The request after it.
        request: Request,
        /// The assignments that are gone with it.
        removed: Vec<MemberId>,
        /// Those whose decisions stopped to count with it (REQ-22).
        voided: Vec<ActorRef>,
    },
    /// Its reminder was sent, or somebody commented on it: guarded by its version, which stays, because nothing changed that a
    /// decision is about.
    Noted(Request),
}

impl RequestWrite {
    /// Changed, and nobody's decision made or voided with it.
    pub const fn update(request: Request) -> Self {
        Self::Update { request, decision: None, anew: false, lost: Vec::new(), voided: Vec::new() }
    }

    /// The request after it.
    pub const fn request(&self) -> &Request {
        match self {
            Self::Insert(request)
            | Self::Update { request, .. }
            | Self::Reassign { request, .. }
            | Self::Noted(request) => request,
        }
    }
}

/// What becomes of a review (POL-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewWrite {
    /// Opened by a bypass: allowed only while that Admin has no other open.
    Open(Box<Review>),
    /// Closed: guarded by still being open.
    Close(Box<Review>),
}

impl ReviewWrite {
    /// The review after it.
    pub fn review(&self) -> &Review {
        match self {
            Self::Open(review) | Self::Close(review) => review,
        }
    }
}

/// What is told to the world: one event at the most per outcome, with the resource's new version as its sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type.
    pub kind: EventKind,
    /// Who is told (NOT-10).
    pub recipients: Vec<Recipient>,
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A request was made.
    RequestSubmitted,
    /// One of several needed approvals was given.
    RequestApprovalRecorded,
    /// A request was approved.
    RequestApproved,
    /// A request was rejected.
    RequestRejected,
    /// A request was cancelled.
    RequestCancelled,
    /// A request expired.
    RequestExpired,
    /// A request ended with its area's workflow.
    RequestReverted,
    /// Somebody lost the right to decide, and with it an assignment or an approval (REQ-10, REQ-22); the request goes on.
    RequestAssignmentExpired,
    /// Somebody commented on a pending request (REQ-21).
    RequestCommented,
    /// Those who are asked were reminded of a pending request (NOT-8).
    RequestReminded,
    /// Other approvers were chosen for a pending request.
    RequestReassigned,
    /// A gated action was applied at once in an emergency (POL-8).
    ResourceBypassed,
    /// The review of a bypass was closed (POL-8).
    ReviewClosed,
    /// A resource changed without a request.
    ResourceChanged,
    /// An area's workflow was switched on.
    WorkflowEnabled,
    /// An area's workflow was switched off.
    WorkflowDisabled,
    /// An area's policy got weaker (POL-9).
    PolicyWeakened,
    /// What members may see or decide changed.
    AccessChanged,
    /// Somebody is invited, or invited again.
    InvitationSent,
    /// An account is read only, or not any more.
    AccountStateChanged,
    /// A deleted account was erased.
    AccountErased,
}

impl EventKind {
    /// The CloudEvents `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestSubmitted => "countersign.request.submitted.v1",
            Self::RequestApprovalRecorded => "countersign.request.approval_recorded.v1",
            Self::RequestApproved => "countersign.request.approved.v1",
            Self::RequestRejected => "countersign.request.rejected.v1",
            Self::RequestCancelled => "countersign.request.cancelled.v1",
            Self::RequestExpired => "countersign.request.expired.v1",
            Self::RequestReverted => "countersign.request.reverted.v1",
            Self::RequestAssignmentExpired => "countersign.request.assignment_expired.v1",
            Self::RequestCommented => "countersign.request.commented.v1",
            Self::RequestReminded => "countersign.request.reminded.v1",
            Self::RequestReassigned => "countersign.request.reassigned.v1",
            Self::ResourceBypassed => "countersign.resource.bypassed.v1",
            Self::ReviewClosed => "countersign.review.closed.v1",
            Self::ResourceChanged => "countersign.resource.changed.v1",
            Self::WorkflowEnabled => "countersign.workflow.enabled.v1",
            Self::WorkflowDisabled => "countersign.workflow.disabled.v1",
            Self::PolicyWeakened => "countersign.policy.weakened.v1",
            Self::AccessChanged => "countersign.access.changed.v1",
            Self::InvitationSent => "countersign.invitation.sent.v1",
            Self::AccountStateChanged => "countersign.account.state_changed.v1",
            Self::AccountErased => "countersign.account.erased.v1",
        }
    }
}

/// What a decision about a resource leads to. It is committed as a whole or not at all, guarded by the resource's version
/// before (one less than `resource.version`), the request's, and the account's `rules_version` of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The resource after it; version 1 is a registration.
    pub resource: Resource,
    /// What becomes of a request, if one is concerned.
    pub request: Option<RequestWrite>,
    /// What becomes of a review, if one is concerned.
    pub review: Option<ReviewWrite>,
    /// What history says; its sequence is `resource.version`.
    pub history: HistoryEntry,
    /// What is told to the world.
    pub event: Event,
}

impl Outcome {
    /// The hash of its history entry, which is the resource's once this is committed (HIS-3).
    pub fn history_hash(&self) -> EntryHash {
        EntryHash::of(&self.history.fields(), self.resource.history_hash)
    }
}
