//! Approval requests. Their chosen approvers and decisions are rows of their own.

use countersign_domain::{
    AccountId, Action, Area, Assignment, Content, Digest, Kind, LaunchMode, PendingLabel, Request, RequestId,
    RequestState, ResourceId, State, Timestamp,
    request::{Decision, Ending, ExpiryReason},
};
use sea_orm::entity::prelude::*;

use super::{actor, content, json, parsed, to_json};
use crate::error::Corruption;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: Uuid,
    pub resource_id: Uuid,
    pub kind: String,
    pub resource_title: String,
    pub area: String,
    pub action: String,
    pub from_state: String,
    pub pending_label: String,
    pub target_state: String,
    pub submitter_id: Option<Uuid>,
    pub submitter_name: String,
    pub submitter_service: Option<String>,
    pub note: String,
    pub digest: String,
    pub change_body: Option<String>,
    pub change_digest: Option<String>,
    pub change_revision: Option<i64>,
    pub launch_mode: Option<String>,
    pub required_approvals: i16,
    pub deadline_at_us: Option<i64>,
    pub created_at_us: i64,
    pub state: String,
    pub version: i64,
    pub ended_by_id: Option<Uuid>,
    pub ended_by_name: Option<String>,
    pub ended_by_service: Option<String>,
    pub ended_at_us: Option<i64>,
    pub ended_note: Option<String>,
    pub winner: Option<String>,
    pub expiry_reason: Option<String>,
    pub remind_at_us: Option<i64>,
    pub comments: i16,
    /// Whether approvers are chosen: for lists.
    pub assigned: bool,
    /// A JSON array of members' ids (REQ-23).
    pub authors: String,
}

/// The columns that a change of a request can touch; the rest is settled at its submission (REQ-3).
pub(crate) const CHANGING: [&str; 11] = [
    "state",
    "version",
    "ended_by_id",
    "ended_by_name",
    "ended_by_service",
    "ended_at_us",
    "ended_note",
    "winner",
    "expiry_reason",
    "remind_at_us",
    "assigned",
];

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Request> for Model {
    fn from(request: &Request) -> Self {
        let change = request.change.as_ref();
        let ending = request.state.ending();
        let (winner, expiry_reason) = match &request.state {
            RequestState::Approved { winner, .. } => (winner.clone(), None),
            RequestState::Expired { reason, .. } => (None, Some(reason.as_str().to_owned())),
            RequestState::Pending
            | RequestState::Rejected { .. }
            | RequestState::Cancelled { .. }
            | RequestState::Reverted { .. } => (None, None),
        };
        Self {
            account_id: request.account_id.0,
            request_id: request.id.0,
            resource_id: request.resource_id.0,
            kind: request.kind.as_str().to_owned(),
            resource_title: request.resource_title.clone(),
            area: request.area.as_str().to_owned(),
            action: request.action.as_str().to_owned(),
            from_state: request.from_state.as_str().to_owned(),
            pending_label: request.pending_label.as_str().to_owned(),
            target_state: request.target_state.as_str().to_owned(),
            submitter_id: request.submitter.member_id.map(|id| id.0),
            submitter_name: request.submitter.name.clone(),
            submitter_service: request.submitter.service.clone(),
            note: request.note.clone(),
            digest: request.digest.as_str().to_owned(),
            change_body: change.map(|content| content.body.clone()),
            change_digest: change.map(|content| content.digest.as_str().to_owned()),
            change_revision: change.map(|content| content.revision),
            launch_mode: request.launch_mode.map(|mode| mode.as_str().to_owned()),
            required_approvals: request.required_approvals.into(),
            deadline_at_us: request.deadline.map(|at| at.0),
            created_at_us: request.created_at.0,
            state: request.state.as_str().to_owned(),
            version: request.version,
            ended_by_id: ending.and_then(|ending| ending.by.member_id).map(|id| id.0),
            ended_by_name: ending.map(|ending| ending.by.name.clone()),
            ended_by_service: ending.and_then(|ending| ending.by.service.clone()),
            ended_at_us: ending.map(|ending| ending.at.0),
            ended_note: ending.map(|ending| ending.note.clone()),
            winner,
            expiry_reason,
            remind_at_us: request.remind_at.map(|at| at.0),
            comments: i16::try_from(request.comments).unwrap_or(i16::MAX),
            assigned: request.has_chosen_approvers(),
            authors: to_json(&request.authors),
        }
    }
}

impl Model {
    /// The request, with its chosen approvers and decisions.
    pub(crate) fn into_request(
        self,
        assignments: Vec<Assignment>,
        decisions: Vec<Decision>,
    ) -> Result<Request, Corruption> {
        let state = self.request_state()?;
        let (account_id, request_id) = (self.account_id, self.request_id);
        let key = || format!("{account_id}/{request_id}");
        let change: Option<Content> = content(
            self.change_body,
            self.change_digest,
            self.change_revision,
            "requests",
            "change_body",
            key,
        )?;
        Ok(Request {
            account_id: AccountId(account_id),
            id: RequestId(request_id),
            resource_id: ResourceId(self.resource_id),
            kind: Kind::given(self.kind),
            resource_title: self.resource_title,
            area: Area::given(self.area),
            action: Action::given(self.action),
            from_state: State::given(self.from_state),
            pending_label: PendingLabel::given(self.pending_label),
            target_state: State::given(self.target_state),
            submitter: actor(self.submitter_id, self.submitter_name, self.submitter_service),
            authors: json(&self.authors, "requests", "authors", key)?,
            note: self.note,
            digest: Digest::from_text(self.digest),
            change,
            launch_mode: match &self.launch_mode {
                Some(name) => Some(parsed(LaunchMode::parse(name), "requests", "launch_mode", key)?),
                None => None,
            },
            assignments,
            required_approvals: parsed(
                u8::try_from(self.required_approvals).ok(),
                "requests",
                "required_approvals",
                key,
            )?,
            decisions,
            deadline: self.deadline_at_us.map(Timestamp),
            remind_at: self.remind_at_us.map(Timestamp),
            comments: parsed(u16::try_from(self.comments).ok(), "requests", "comments", key)?,
            state,
            version: self.version,
            created_at: Timestamp(self.created_at_us),
        })
    }

    fn request_state(&self) -> Result<RequestState, Corruption> {
        let key = || format!("{}/{}", self.account_id, self.request_id);
        if self.state == "PENDING" {
            return Ok(RequestState::Pending);
        }
        let ending = match (&self.ended_by_name, self.ended_at_us, &self.ended_note) {
            (Some(name), Some(at), Some(note)) => Ending {
                by: actor(self.ended_by_id, name.clone(), self.ended_by_service.clone()),
                at: Timestamp(at),
                note: note.clone(),
            },
            _ => {
                return Err(Corruption::new(
                    "requests",
                    "ended_at_us",
                    key(),
                    "is missing on an ended request",
                ));
            }
        };
        match self.state.as_str() {
            "APPROVED" => Ok(RequestState::Approved { ending, winner: self.winner.clone() }),
            "REJECTED" => Ok(RequestState::Rejected { ending }),
            "CANCELLED" => Ok(RequestState::Cancelled { ending }),
            "EXPIRED" => {
                let reason = self.expiry_reason.as_deref().and_then(ExpiryReason::parse);
                Ok(RequestState::Expired {
                    ending,
                    reason: parsed(reason, "requests", "expiry_reason", key)?,
                })
            }
            "REVERTED" => Ok(RequestState::Reverted { ending }),
            _ => Err(Corruption::new("requests", "state", key(), "is none of the values that it can have")),
        }
    }
}
