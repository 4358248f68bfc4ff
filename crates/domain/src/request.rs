//! Approval requests: one action on one resource, waiting for a decision or decided.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ActorRef, Content, Digest, MemberId, RequestId, ResourceId, Timestamp,
    lifecycle::{Action, Kind, PendingLabel, State},
    policy::Area,
    resource::LaunchMode,
};

/// Why a request expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExpiryReason {
    /// Its deadline passed (REQ-14).
    Deadline,
    /// Nobody was left who could decide it (REQ-10).
    NoEligibleApprovers,
}

impl ExpiryReason {
    /// The name that the API and the database use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "DEADLINE",
            Self::NoEligibleApprovers => "NO_ELIGIBLE_APPROVERS",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Deadline, Self::NoEligibleApprovers].into_iter().find(|reason| reason.as_str() == name)
    }
}

/// How and by whom a request was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Who.
    pub by: ActorRef,
    /// When.
    pub at: Timestamp,
    /// The feedback or note; empty for none.
    pub note: String,
}

/// The state of a request: PENDING is the only one that can change (REQ-4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestState {
    /// Waits for a decision.
    Pending,
    /// Approved; the action took effect.
    Approved {
        /// By whom and when; the last approval where several were needed.
        ending: Ending,
        /// The winning variant that it named, if any (REQ-13).
        winner: Option<String>,
    },
    /// Rejected.
    Rejected {
        /// By whom and when.
        ending: Ending,
    },
    /// Cancelled.
    Cancelled {
        /// By whom and when.
        ending: Ending,
    },
    /// Expired.
    Expired {
        /// By whom and when.
        ending: Ending,
        /// Why.
        reason: ExpiryReason,
    },
    /// Ended with its area's workflow (POL-2).
    Reverted {
        /// By whom and when.
        ending: Ending,
    },
}

impl RequestState {
    /// The name that the API and the database use.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved { .. } => "APPROVED",
            Self::Rejected { .. } => "REJECTED",
            Self::Cancelled { .. } => "CANCELLED",
            Self::Expired { .. } => "EXPIRED",
            Self::Reverted { .. } => "REVERTED",
        }
    }

    /// How it ended; none while PENDING.
    pub const fn ending(&self) -> Option<&Ending> {
        match self {
            Self::Pending => None,
            Self::Approved { ending, .. }
            | Self::Rejected { ending }
            | Self::Cancelled { ending }
            | Self::Expired { ending, .. }
            | Self::Reverted { ending } => Some(ending),
        }
    }
}

/// What a member decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// In favour.
    Approved,
    /// Against.
    Rejected,
}

impl Verdict {
    /// The name that the database uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
        }
    }

    /// The verdict of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Approved, Self::Rejected].into_iter().find(|verdict| verdict.as_str() == name)
    }
}

/// One member's decision. The same person counts once (POL-3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who.
    pub by: ActorRef,
    /// What.
    pub verdict: Verdict,
    /// The feedback to the submitter; empty for none.
    pub note: String,
    /// When.
    pub at: Timestamp,
    /// When it stopped to count, because who made it lost the right to decide (REQ-22).
    pub voided_at: Option<Timestamp>,
}

impl Decision {
    /// Whether it counts.
    pub const fn holds(&self) -> bool {
        self.voided_at.is_none()
    }

    /// Whether `member` made it.
    pub fn is_by(&self, member: MemberId) -> bool {
        self.by.member_id == Some(member)
    }
}

/// A chosen approver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Who.
    pub member: MemberId,
    /// When it EXPIRED, because they lost the right to decide (REQ-10).
    pub expired_at: Option<Timestamp>,
}

impl Assignment {
    /// A new one.
    pub const fn new(member: MemberId) -> Self {
        Self { member, expired_at: None }
    }
}

/// One action on one resource, waiting for a decision or decided (REQ-3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account.
    pub account_id: AccountId,
    /// The id.
    pub id: RequestId,
    /// The resource.
    pub resource_id: ResourceId,
    /// The resource's kind.
    pub kind: Kind,
    /// The resource's title at submission.
    pub resource_title: String,
    /// The area whose workflow asked for approval.
    pub area: Area,
    /// What was asked for (LIF-18).
    pub action: Action,
    /// The state that the resource was in, and goes back to unless it is approved.
    pub from_state: State,
    /// The label that the resource shows meanwhile.
    pub pending_label: PendingLabel,
    /// The state that an approval leads to.
    pub target_state: State,
    /// Who submitted it, as the name was then.
    pub submitter: ActorRef,
    /// The members who wrote what it is about: the resource's authors at submission (REQ-23).
    pub authors: Vec<MemberId>,
    /// The submitter's note; empty for none.
    pub note: String,
    /// The digest of the content that is to go live.
    pub digest: Digest,
    /// The staged change itself, for `PUBLISH_EDITS`.
    pub change: Option<Content>,
    /// The launch mode asked for; only for LAUNCH.
    pub launch_mode: Option<LaunchMode>,
    /// The approvers chosen, in their order; empty: every approver of the area (REQ-6).
    pub assignments: Vec<Assignment>,
    /// How many approvals it needs, as the policy was at submission.
    pub required_approvals: u8,
    /// The decisions so far, oldest first: those that count and those that don't any more.
    pub decisions: Vec<Decision>,
    /// When it expires by itself (REQ-14).
    pub deadline: Option<Timestamp>,
    /// When those who are asked are reminded of it; none: never, or they were (NOT-8).
    pub remind_at: Option<Timestamp>,
    /// How many comments were made on it (REQ-21).
    pub comments: u16,
    /// PENDING, or how it ended.
    pub state: RequestState,
    /// Counts up with every change.
    pub version: i64,
    /// When it was submitted.
    pub created_at: Timestamp,
}

impl Request {
    /// The decisions that count (REQ-22), oldest first.
    pub fn votes(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| decision.holds())
    }

    /// How many approvals it has.
    pub fn approvals(&self) -> usize {
        self.votes().filter(|decision| decision.verdict == Verdict::Approved).count()
    }

    /// Whether `member` has decided on it, and that counts.
    pub fn decided_by(&self, member: MemberId) -> bool {
        self.votes().any(|decision| decision.is_by(member))
    }

    /// Voids what these decided: it stays to be seen, and does not count from `now` on.
    pub(crate) fn void(&mut self, lost: &[ActorRef], now: Timestamp) {
        let is_lost = |decision: &Decision| lost.iter().any(|who| who.member_id == decision.by.member_id);
        for decision in self.decisions.iter_mut().filter(|decision| decision.holds() && is_lost(decision)) {
            decision.voided_at = Some(now);
        }
    }

    /// Adds a decision, in the place of an earlier one of the same member that does not count any more. Whether there was one.
    pub(crate) fn add(&mut self, decision: Decision) -> bool {
        let before = self.decisions.len();
        self.decisions.retain(|earlier| earlier.by.member_id != decision.by.member_id);
        let anew = self.decisions.len() < before;
        self.decisions.push(decision);
        anew
    }

    /// Whether approvers were chosen.
    pub fn has_chosen_approvers(&self) -> bool {
        !self.assignments.is_empty()
    }

    /// The chosen approvers whose assignment has not expired.
    pub fn assigned(&self) -> impl Iterator<Item = MemberId> {
        self.assignments
            .iter()
            .filter(|assignment| assignment.expired_at.is_none())
            .map(|assignment| assignment.member)
    }

    /// Whether `member` is one of them.
    pub fn is_assigned(&self, member: MemberId) -> bool {
        self.assigned().any(|assigned| assigned == member)
    }

    /// Whether `member` wrote what it is about (REQ-23).
    pub fn written_by(&self, member: MemberId) -> bool {
        self.authors.contains(&member)
    }

    /// Whether `member` submitted it.
    pub fn submitted_by(&self, member: MemberId) -> bool {
        self.submitter.member_id == Some(member)
    }
}
