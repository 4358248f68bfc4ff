//! What a resource's entries tell of the resource (HIS-5). A chain that was cut at its end holds, and so does one beside a state that
//! nobody ever decided on: so the end of the chain is held against the resource as it is.

use super::{HistoryEvent, chain::Fields, verify::Flaw};
use crate::{Content, RequestId, Resource, Timestamp, lifecycle::State, resource::ApprovalStatus};

/// What the entries that were followed tell, the newest last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    state: String,
    at: Timestamp,
    approval_status: ApprovalStatus,
    pending: Option<RequestId>,
    live: String,
    staged: Staged,
}

/// What is told of staged content.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Staged {
    /// There is none.
    None,
    /// It has this digest.
    Some(String),
    /// It has this digest, or there is none any more.
    Perhaps(String),
}

impl Default for Told {
    fn default() -> Self {
        Self {
            state: String::new(),
            at: Timestamp(0),
            approval_status: ApprovalStatus::None,
            pending: None,
            live: String::new(),
            staged: Staged::None,
        }
    }
}

impl Told {
    /// As if entries had told the resource as it is.
    #[cfg(test)]
    pub(crate) fn of(resource: &Resource) -> Self {
        let digest = |content: &Content| content.digest.as_str().to_owned();
        Self {
            state: resource.state.as_str().to_owned(),
            at: resource.updated_at,
            approval_status: resource.approval_status,
            pending: resource.lock.as_ref().map(|lock| lock.request_id),
            live: digest(&resource.live),
            staged: resource.staged.as_ref().map_or(Staged::None, |staged| Staged::Some(digest(staged))),
        }
    }

    /// With what the next entry tells.
    pub fn follow(&mut self, fields: &Fields<'_>) {
        fields.to.clone_into(&mut self.state);
        self.at = fields.at;
        // An event that is not known here is of a later version: its state and its time are told all the same.
        let Some(event) = HistoryEvent::parse(fields.event) else { return };
        match event {
            HistoryEvent::Registered
            | HistoryEvent::Edited
            | HistoryEvent::Started
            | HistoryEvent::Completed => self.is_live(fields),
            HistoryEvent::Applied | HistoryEvent::Bypassed | HistoryEvent::EmergencyBypassed => {
                // What was staged went live with it, or was discarded, or neither.
                self.is_live(fields);
                self.may_have_gone();
            }
            HistoryEvent::ApprovalVoided => {
                self.is_live(fields);
                self.approval_status = ApprovalStatus::None;
            }
            HistoryEvent::Staged => {
                let digest = fields.digest.to_owned();
                // Where nothing is staged, such as when only marks of personal data changed, it is that of the live content.
                let may_be_live = digest == self.live;
                self.staged = if may_be_live { Staged::Perhaps(digest) } else { Staged::Some(digest) };
            }
            HistoryEvent::Submitted => {
                self.pending = fields.request_id;
                self.approval_status = ApprovalStatus::ApprovalPending;
            }
            HistoryEvent::Approved => {
                // Its digest is that of the content that was approved, which is live now.
                self.is_live(fields);
                self.may_have_gone();
                self.ends(ApprovalStatus::ApprovalApproved);
            }
            HistoryEvent::Rejected => self.goes_back(ApprovalStatus::ApprovalRejected),
            HistoryEvent::Cancelled => self.goes_back(ApprovalStatus::ApprovalCancelled),
            HistoryEvent::Expired => self.goes_back(ApprovalStatus::ApprovalExpired),
            HistoryEvent::Reverted => self.ends(ApprovalStatus::ApprovalCancelled),
            HistoryEvent::ApprovalRecorded
            | HistoryEvent::AssignmentExpired
            | HistoryEvent::VoteVoided
            | HistoryEvent::Commented
            | HistoryEvent::Reminded
            | HistoryEvent::Reassigned
            | HistoryEvent::Reviewed => {}
        }
        if fields.to == State::DRAFT.as_str() && event != HistoryEvent::Staged {
            self.may_have_gone();
        }
    }

    fn is_live(&mut self, fields: &Fields<'_>) {
        fields.digest.clone_into(&mut self.live);
    }

    fn may_have_gone(&mut self) {
        if let Staged::Some(digest) = &mut self.staged {
            self.staged = Staged::Perhaps(std::mem::take(digest));
        }
    }

    fn ends(&mut self, status: ApprovalStatus) {
        self.pending = None;
        self.approval_status = status;
    }

    fn goes_back(&mut self, status: ApprovalStatus) {
        self.ends(status);
        self.may_have_gone();
    }

    /// The first thing about the resource that they don't tell, or tell otherwise.
    pub fn compare(&self, resource: &Resource) -> Option<Flaw> {
        let lock = resource.lock.as_ref().map(|lock| lock.request_id);
        if lock != self.pending {
            return lock.or(self.pending).map(Flaw::Request);
        }
        let as_told = resource.state.as_str() == self.state
            && resource.approval_status == self.approval_status
            && resource.updated_at == self.at;
        if !as_told {
            return Some(Flaw::State);
        }
        let staged_as_told = match (&resource.staged, &self.staged) {
            (None, Staged::None | Staged::Perhaps(_)) => true,
            (Some(staged), Staged::Some(told) | Staged::Perhaps(told)) => is(staged, told, resource.version),
            (None, Staged::Some(_)) | (Some(_), Staged::None) => false,
        };
        let content_as_told = is(&resource.live, &self.live, resource.version) && staged_as_told;
        (!content_as_told).then_some(Flaw::Content)
    }
}

/// Whether it is what the digest says, and not from a later version of the resource than there is.
fn is(content: &Content, digest: &str, version: i64) -> bool {
    content.digest.as_str() == digest && content.is_intact() && content.revision <= version
}
