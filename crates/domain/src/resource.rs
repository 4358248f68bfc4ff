//! Resources: the things under control that other services own.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Content, MemberId, RequestId, ResourceId, Timestamp,
    access::Audience,
    history::EntryHash,
    lifecycle::{Kind, PendingLabel, State},
    mask::Pointer,
};

/// When something starts and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// When it starts.
    pub start: Option<Timestamp>,
    /// When it ends.
    pub end: Option<Timestamp>,
}

/// How a campaign is launched (POL-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LaunchMode {
    /// Reaches the audience: gated.
    Active,
    /// Test devices only.
    Test,
    /// Sends nothing.
    Passive,
}

impl LaunchMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Test, Self::Passive];

    /// The name that the database uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Test => "TEST",
            Self::Passive => "PASSIVE",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// The approval status beside the state (LIF-23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApprovalStatus {
    /// No approval was ever requested.
    None,
    /// A request waits; the resource is locked.
    ApprovalPending,
    /// The newest request was approved.
    ApprovalApproved,
    /// The newest request was rejected.
    ApprovalRejected,
    /// The newest request expired.
    ApprovalExpired,
    /// The newest request was cancelled or reverted.
    ApprovalCancelled,
}

impl ApprovalStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::ApprovalPending,
        Self::ApprovalApproved,
        Self::ApprovalRejected,
        Self::ApprovalExpired,
        Self::ApprovalCancelled,
    ];

    /// The name that the database uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::ApprovalPending => "APPROVAL_PENDING",
            Self::ApprovalApproved => "APPROVAL_APPROVED",
            Self::ApprovalRejected => "APPROVAL_REJECTED",
            Self::ApprovalExpired => "APPROVAL_EXPIRED",
            Self::ApprovalCancelled => "APPROVAL_CANCELLED",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// The request that locks a resource (LIF-20).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The pending request.
    pub request_id: RequestId,
    /// The label that the resource shows.
    pub label: PendingLabel,
    /// The action that waits: the label alone does not say which (LIF-18).
    pub action: crate::lifecycle::Action,
}

/// A thing under control that another service owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The account.
    pub account_id: AccountId,
    /// The id.
    pub id: ResourceId,
    /// What it is.
    pub kind: Kind,
    /// The version of its kind's lifecycle that it began with, and keeps (LIF-24); 0: built in.
    pub lifecycle_version: i64,
    /// The owning service's id; unique per account and kind.
    pub external_id: String,
    /// A title for people.
    pub title: String,
    /// Who is told when a request on it is cancelled (NOT-5).
    pub owner: MemberId,
    /// The live state: what is in force, also while a request is pending (LIF-20).
    pub state: State,
    /// The approval status beside the state (LIF-23).
    pub approval_status: ApprovalStatus,
    /// The pending request, while there is one.
    pub lock: Option<Lock>,
    /// The live content; in DRAFT what is being written.
    pub live: Content,
    /// Staged edits that are not live (LIF-21).
    pub staged: Option<Content>,
    /// When it starts and ends.
    pub schedule: Schedule,
    /// The variants that an A/B test declares.
    pub variants: Vec<String>,
    /// The variant that won.
    pub winner: Option<String>,
    /// How it was launched last.
    pub launch_mode: Option<LaunchMode>,
    /// Whom it reaches: what data scopes are compared with (ACC-12).
    pub audience: Audience,
    /// Where its content, live and staged, is masked as personal data (ACC-13).
    pub pii_fields: Vec<Pointer>,
    /// Those of `pii_fields` that are left once the staged content is live; none: all of them. Marks are taken away from live
    /// content by the same approval as it is edited by (ACC-19).
    pub staged_pii_fields: Option<Vec<Pointer>>,
    /// The members who wrote its content, schedule or audience since the last approval, in the order of their first edit (REQ-23).
    pub authors: Vec<MemberId>,
    /// Counts up by one with every outcome that concerns it; its history entry and its event carry the same number.
    pub version: i64,
    /// The hash of its newest history entry (HIS-3); none where that is older than the chain. In an outcome it is still that of the
    /// entry before: the commit writes the new one.
    pub history_hash: Option<EntryHash>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Resource {
    /// Brings the staged content with its marks live.
    pub(crate) fn publish_staged(&mut self) {
        if let Some(staged) = self.staged.take() {
            self.live = staged;
        }
        if let Some(fields) = self.staged_pii_fields.take() {
            self.pii_fields = fields;
        }
    }

    /// Discards the staged content with its marks. Marks that were added with it stay.
    pub(crate) fn discard_staged(&mut self) {
        self.staged = None;
        self.staged_pii_fields = None;
    }

    /// The revision that the next edit gets: the version that it makes, so that no two contents of a resource ever share one,
    /// even where the first was discarded.
    pub const fn next_revision(&self) -> i64 {
        self.version + 1
    }
}
