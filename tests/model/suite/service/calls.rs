//! Commands about resources and requests, as calls.

use countersign_proto::approval::{
    ActionOutcome, ApproveRequest, AudienceValues, CancelRequest, CloseReviewRequest, CommentRequest,
    EditEffect, GetResourceRequest, PerformActionRequest, ReassignApproversRequest, RegisterResourceRequest,
    RejectRequest, UpdateResourceRequest, approval_service_client::ApprovalServiceClient,
    resource_service_client::ResourceServiceClient, review_service_client::ReviewServiceClient,
};
use countersign_proto::types::{LaunchMode, RequestState};
use countersign_runtime::ids::new_id;

use super::account::Account;
use super::view::{content, timestamp};
use super::{Answered, digest};
use crate::cast::{Audience, Kind, Mode, Who};
use crate::reference::{Asked, Done, Edit, Schedule, VARIANTS};

impl Account<'_> {
    pub async fn register(
        &mut self,
        by: Who,
        kind: Kind,
        schedule: Schedule,
        audience: Audience,
        text: &str,
    ) -> Answered {
        let countries =
            AudienceValues { values: audience.countries().iter().map(ToString::to_string).collect() };
        let audience = (audience != Audience::Nobody).then(|| ("Country".to_owned(), countries));
        let message = RegisterResourceRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            kind: kind.name().into(),
            external_id: format!("resource {}", self.resources.len()),
            title: "Title".into(),
            content: Some(content(text)),
            schedule: Some(schedule.into()),
            variants: if kind == Kind::AbTest { VARIANTS.map(Into::into).into() } else { Vec::new() },
            audience: audience.into_iter().collect(),
            ..Default::default()
        };
        let registered = self
            .send(by, message, async |call| {
                ResourceServiceClient::new(self.channel()).register_resource(call).await
            })
            .await?;
        self.resources.push(registered.resource.unwrap().resource_id);
        Ok(Done::Changed)
    }

    pub async fn read(&self, by: Who, resource: usize) -> Answered {
        let message = GetResourceRequest {
            account_id: self.id.clone(),
            resource_id: self.resources[resource].clone(),
            ..Default::default()
        };
        self.send(by, message, async |call| {
            ResourceServiceClient::new(self.channel()).get_resource(call).await
        })
        .await?;
        Ok(Done::Seen)
    }

    pub async fn edit(&self, by: Who, resource: usize, edit: Edit, text: &str) -> Answered {
        let mut message = UpdateResourceRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            resource_id: self.resources[resource].clone(),
            ..Default::default()
        };
        match edit {
            Edit::Content => message.content = Some(content(text)),
            Edit::Title => message.title = Some(text.into()),
            Edit::Schedule(schedule) => message.schedule = Some(schedule.into()),
        }
        let edited = self
            .send(by, message, async |call| {
                ResourceServiceClient::new(self.channel()).update_resource(call).await
            })
            .await?;
        Ok(match edited.effect() {
            EditEffect::Written => Done::Written,
            EditEffect::Staged => Done::Staged,
            EditEffect::ApprovalVoided => Done::Voided,
            EditEffect::Unspecified => panic!("an edit without effect"),
        })
    }

    pub async fn perform(&mut self, by: Who, resource: usize, action: &str, asked: &Asked) -> Answered {
        let mode = match asked.mode {
            None => LaunchMode::Unspecified,
            Some(Mode::Active) => LaunchMode::Active,
            Some(Mode::Test) => LaunchMode::Test,
            Some(Mode::Passive) => LaunchMode::Passive,
        };
        let message = PerformActionRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            resource_id: self.resources[resource].clone(),
            action: action.into(),
            approver_ids: asked.approvers.iter().map(|who| self.members[who].clone()).collect(),
            launch_mode: mode.into(),
            winning_variant: asked.winner.unwrap_or_default().into(),
            emergency_reason: if asked.emergency { "it burns".into() } else { String::new() },
            ..Default::default()
        };
        let performed = self
            .send(by, message, async |call| {
                ResourceServiceClient::new(self.channel()).perform_action(call).await
            })
            .await?;
        Ok(match performed.outcome() {
            ActionOutcome::Applied => Done::Applied,
            ActionOutcome::AppliedByApprover => Done::AppliedByApprover,
            ActionOutcome::Submitted => {
                self.requests.push(performed.approval_request.unwrap().approval_request_id);
                Done::Submitted
            }
            ActionOutcome::EmergencyBypass => {
                self.reviews.push(performed.review_id);
                Done::Bypassed
            }
            ActionOutcome::Unspecified => panic!("an action without outcome"),
        })
    }

    /// `seen` is the content that the approver saw, where they say so.
    pub async fn approve(
        &self,
        by: Who,
        request: usize,
        winner: Option<&str>,
        seen: Option<&str>,
    ) -> Answered {
        let message = ApproveRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            approval_request_id: self.requests[request].clone(),
            winning_variant: winner.unwrap_or_default().into(),
            digest: seen.map(digest).unwrap_or_default(),
            ..Default::default()
        };
        let approved = self
            .send(by, message, async |call| ApprovalServiceClient::new(self.channel()).approve(call).await)
            .await?;
        Ok(decided(approved.approval_request.unwrap().state()))
    }

    /// As [`Self::approve`].
    pub async fn reject(&self, by: Who, request: usize, note: bool, seen: Option<&str>) -> Answered {
        let message = RejectRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            approval_request_id: self.requests[request].clone(),
            note: if note { "no".into() } else { String::new() },
            digest: seen.map(digest).unwrap_or_default(),
            ..Default::default()
        };
        let rejected = self
            .send(by, message, async |call| ApprovalServiceClient::new(self.channel()).reject(call).await)
            .await?;
        Ok(decided(rejected.approval_request.unwrap().state()))
    }

    pub async fn comment(&self, by: Who, request: usize) -> Answered {
        let message = CommentRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            approval_request_id: self.requests[request].clone(),
            text: "why?".into(),
        };
        self.send(by, message, async |call| ApprovalServiceClient::new(self.channel()).comment(call).await)
            .await?;
        Ok(Done::Changed)
    }

    pub async fn reassign(&self, by: Who, request: usize, approvers: &[Who]) -> Answered {
        let message = ReassignApproversRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            approval_request_id: self.requests[request].clone(),
            approver_ids: approvers.iter().map(|who| self.members[who].clone()).collect(),
            ..Default::default()
        };
        self.send(by, message, async |call| {
            ApprovalServiceClient::new(self.channel()).reassign_approvers(call).await
        })
        .await?;
        Ok(Done::Changed)
    }

    pub async fn close_review(&self, by: Who, review: usize) -> Answered {
        let message = CloseReviewRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            review_id: self.reviews[review].clone(),
            ..Default::default()
        };
        self.send(by, message, async |call| {
            ReviewServiceClient::new(self.channel()).close_review(call).await
        })
        .await?;
        Ok(Done::Changed)
    }

    pub async fn cancel(&self, by: Who, request: usize) -> Answered {
        let message = CancelRequest {
            account_id: self.id.clone(),
            request_id: new_id().to_string(),
            approval_request_id: self.requests[request].clone(),
            ..Default::default()
        };
        let cancelled = self
            .send(by, message, async |call| ApprovalServiceClient::new(self.channel()).cancel(call).await)
            .await?;
        Ok(decided(cancelled.approval_request.unwrap().state()))
    }
}

impl From<Schedule> for countersign_proto::types::Schedule {
    fn from(schedule: Schedule) -> Self {
        Self { start_time: schedule.start.map(timestamp), end_time: schedule.end.map(timestamp) }
    }
}

fn decided(state: RequestState) -> Done {
    Done::Decided(match state {
        RequestState::Pending => "PENDING",
        RequestState::Approved => "APPROVED",
        RequestState::Rejected => "REJECTED",
        RequestState::Cancelled => "CANCELLED",
        other => panic!("no decision leads to {other:?}"),
    })
}
