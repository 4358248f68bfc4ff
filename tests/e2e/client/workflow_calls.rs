//! Comments, other approvers, bulk decisions, filtered lists, emergencies, the gate, differences, revisions of policies.

use countersign_proto::approval::{
    self, approval_service_client::ApprovalServiceClient, policy_service_client::PolicyServiceClient,
    resource_service_client::ResourceServiceClient, review_service_client::ReviewServiceClient,
};
use tonic::Status;

use super::Caller;

impl Caller {
    pub async fn comment(&self, id: &str, text: &str) -> Result<approval::ApprovalRequest, Status> {
        let message = approval::CommentRequest {
            account_id: self.account.clone(),
            approval_request_id: id.into(),
            text: text.into(),
            ..Default::default()
        };
        let answer = ApprovalServiceClient::new(self.approval.clone()).comment(self.request(message)).await?;
        Ok(answer.into_inner().approval_request.unwrap())
    }

    pub async fn reassign(&self, id: &str, approvers: &[&Self]) -> Result<approval::ApprovalRequest, Status> {
        let message = approval::ReassignApproversRequest {
            account_id: self.account.clone(),
            approval_request_id: id.into(),
            approver_ids: approvers.iter().map(|approver| approver.id.clone()).collect(),
            note: "On leave".into(),
            ..Default::default()
        };
        let answer = ApprovalServiceClient::new(self.approval.clone())
            .reassign_approvers(self.request(message))
            .await?;
        Ok(answer.into_inner().approval_request.unwrap())
    }

    pub async fn bulk(
        &self,
        decisions: Vec<approval::bulk_decision::Decision>,
    ) -> Result<Vec<approval::BulkResult>, Status> {
        let decisions = decisions
            .into_iter()
            .map(|decision| approval::BulkDecision { decision: Some(decision) })
            .collect();
        let message = approval::BulkDecideRequest { account_id: self.account.clone(), decisions };
        let answer =
            ApprovalServiceClient::new(self.approval.clone()).bulk_decide(self.request(message)).await?;
        Ok(answer.into_inner().results)
    }

    pub async fn requests(
        &self,
        mut message: approval::ListApprovalRequestsRequest,
    ) -> Result<approval::ListApprovalRequestsResponse, Status> {
        message.account_id.clone_from(&self.account);
        Ok(ApprovalServiceClient::new(self.approval.clone())
            .list_approval_requests(self.request(message))
            .await?
            .into_inner())
    }

    /// Applies an action in an emergency.
    pub async fn bypass(
        &self,
        resource: &str,
        action: &str,
    ) -> Result<approval::PerformActionResponse, Status> {
        self.perform(approval::PerformActionRequest {
            resource_id: resource.into(),
            action: action.into(),
            emergency_reason: "It burns".into(),
            ..Default::default()
        })
        .await
    }

    pub async fn review(&self, id: &str) -> Result<approval::Review, Status> {
        let message = approval::GetReviewRequest { account_id: self.account.clone(), review_id: id.into() };
        let answer =
            ReviewServiceClient::new(self.approval.clone()).get_review(self.request(message)).await?;
        Ok(answer.into_inner().review.unwrap())
    }

    /// The open ones.
    pub async fn reviews(&self) -> Vec<approval::Review> {
        let message = approval::ListReviewsRequest {
            account_id: self.account.clone(),
            only_open: true,
            ..Default::default()
        };
        let answer =
            ReviewServiceClient::new(self.approval.clone()).list_reviews(self.request(message)).await;
        answer.unwrap().into_inner().reviews
    }

    pub async fn list_reviews(&self, page_size: i32, page_token: String) -> approval::ListReviewsResponse {
        let account_id = self.account.clone();
        let message =
            approval::ListReviewsRequest { account_id, page_size, page_token, ..Default::default() };
        let answer =
            ReviewServiceClient::new(self.approval.clone()).list_reviews(self.request(message)).await;
        answer.unwrap().into_inner()
    }

    pub async fn list_resources(
        &self,
        page_size: i32,
        page_token: String,
    ) -> approval::ListResourcesResponse {
        let account_id = self.account.clone();
        let message =
            approval::ListResourcesRequest { account_id, page_size, page_token, ..Default::default() };
        let answer =
            ResourceServiceClient::new(self.approval.clone()).list_resources(self.request(message)).await;
        answer.unwrap().into_inner()
    }

    pub async fn close_review(&self, id: &str) -> Result<approval::Review, Status> {
        let message = approval::CloseReviewRequest {
            account_id: self.account.clone(),
            review_id: id.into(),
            note: "Looked at".into(),
            ..Default::default()
        };
        let answer =
            ReviewServiceClient::new(self.approval.clone()).close_review(self.request(message)).await?;
        Ok(answer.into_inner().review.unwrap())
    }

    pub async fn gate(
        &self,
        mut message: approval::CheckActionRequest,
    ) -> Result<approval::CheckActionResponse, Status> {
        message.account_id.clone_from(&self.account);
        Ok(ResourceServiceClient::new(self.approval.clone())
            .check_action(self.request(message))
            .await?
            .into_inner())
    }

    pub async fn difference(&self, resource: &str) -> Result<approval::CompareStagedContentResponse, Status> {
        let message = approval::CompareStagedContentRequest {
            account_id: self.account.clone(),
            resource_id: resource.into(),
        };
        Ok(ResourceServiceClient::new(self.approval.clone())
            .compare_staged_content(self.request(message))
            .await?
            .into_inner())
    }

    pub async fn policy_revisions(&self, area: &str) -> Vec<approval::PolicyRevision> {
        let message = approval::ListPolicyRevisionsRequest {
            account_id: self.account.clone(),
            area: area.into(),
            ..Default::default()
        };
        let answer = PolicyServiceClient::new(self.approval.clone())
            .list_policy_revisions(self.request(message))
            .await;
        answer.unwrap().into_inner().revisions
    }
}
