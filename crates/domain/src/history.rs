//! History: who did what, when, from which state to which (HIS-1). Each entry is chained to the one before ([`chain`], HIS-3).

pub mod access;
pub mod account;
pub mod chain;
pub mod told;
pub mod verify;

pub use chain::EntryHash;

use crate::{
    AccountId, ActorRef, Digest, RequestId, ResourceId, Timestamp,
    lifecycle::{Action, State},
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HistoryEvent {
    /// The resource was registered.
    Registered,
    /// Its content, title or schedule was written.
    Edited,
    /// Staged content was written (LIF-21).
    Staged,
    /// An edit voided the approval of a campaign that had not started (LIF-22).
    ApprovalVoided,
    /// An approval request was made.
    Submitted,
    /// An action was applied at once: it needed no approval.
    Applied,
    /// An action was applied at once by a member who has the approve right (POL-5).
    Bypassed,
    /// One of several needed approvals was given (POL-3).
    ApprovalRecorded,
    /// The request was approved and the action took effect.
    Approved,
    /// The request was rejected.
    Rejected,
    /// The request was cancelled.
    Cancelled,
    /// The request expired.
    Expired,
    /// Chosen approvers lost the right to decide, and others are left (REQ-10).
    AssignmentExpired,
    /// Approvals stopped to count, because who gave them lost the right to decide (REQ-22); assignments may have ended with them.
    VoteVoided,
    /// The request ended with its area's workflow.
    Reverted,
    /// The start time came (LIF-17).
    Started,
    /// The end time came (LIF-17).
    Completed,
    /// Somebody commented on the pending request (REQ-21).
    Commented,
    /// Those who are asked were reminded of the pending request (NOT-8).
    Reminded,
    /// Other approvers were chosen for the pending request.
    Reassigned,
    /// An Admin applied a gated action at once, in an emergency (POL-8).
    EmergencyBypassed,
    /// The review of an emergency bypass was closed (POL-8).
    Reviewed,
}

impl HistoryEvent {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Registered,
        Self::Edited,
        Self::Staged,
        Self::ApprovalVoided,
        Self::Submitted,
        Self::Applied,
        Self::Bypassed,
        Self::ApprovalRecorded,
        Self::Approved,
        Self::Rejected,
        Self::Cancelled,
        Self::Expired,
        Self::AssignmentExpired,
        Self::VoteVoided,
        Self::Reverted,
        Self::Started,
        Self::Completed,
        Self::Commented,
        Self::Reminded,
        Self::Reassigned,
        Self::EmergencyBypassed,
        Self::Reviewed,
    ];

    /// The name that the API and the database use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "REGISTERED",
            Self::Edited => "EDITED",
            Self::Staged => "STAGED",
            Self::ApprovalVoided => "APPROVAL_VOIDED",
            Self::Submitted => "SUBMITTED",
            Self::Applied => "APPLIED",
            Self::Bypassed => "BYPASSED",
            Self::ApprovalRecorded => "APPROVAL_RECORDED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::AssignmentExpired => "ASSIGNMENT_EXPIRED",
            Self::VoteVoided => "VOTE_VOIDED",
            Self::Reverted => "REVERTED",
            Self::Started => "STARTED",
            Self::Completed => "COMPLETED",
            Self::Commented => "COMMENTED",
            Self::Reminded => "REMINDED",
            Self::Reassigned => "REASSIGNED",
            Self::EmergencyBypassed => "EMERGENCY_BYPASSED",
            Self::Reviewed => "REVIEWED",
        }
    }

    /// The event of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

/// One entry, written in the transaction that it records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The account.
    pub account_id: AccountId,
    /// The resource.
    pub resource_id: ResourceId,
    /// The resource's version that this entry made: 1, 2, 3 … without gaps.
    pub sequence: i64,
    /// The request that it belongs to, if any.
    pub request_id: Option<RequestId>,
    /// What happened.
    pub event: HistoryEvent,
    /// The action concerned.
    pub action: Option<Action>,
    /// Who.
    pub actor: ActorRef,
    /// When.
    pub at: Timestamp,
    /// The state before; none for a registration.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// The note or feedback; empty for none.
    pub note: String,
    /// The digest of the content concerned.
    pub digest: Digest,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The entry.
    pub entry: HistoryEntry,
    /// Its hash; none for entries that are older than the chain.
    pub hash: Option<EntryHash>,
}
