//! A call of every method, in order but for who makes it.

use std::time::Duration;

use countersign_proto::{
    access::{
        self, access_service_client::AccessServiceClient, invitation_service_client::InvitationServiceClient,
    },
    approval::{self, AudienceValues},
    inbox,
    types::{Schedule, SystemRole},
};
use prost::Message;

use super::World;
use crate::{
    client::{Caller, content, in_future, new_id, request},
    lifecycles::journeys,
};

const HOUR: Duration = Duration::from_hours(1);

impl World {
    /// A call that is in order but for who makes it, about things of its own.
    pub async fn message(&self, method: &str, about: &str, who: &str) -> Vec<u8> {
        let (service, method) = method.rsplit('.').next().unwrap().split_once('/').unwrap();
        match service {
            "AccessService" => self.access(method, about).await,
            "InvitationService" => self.invitation(method, about).await,
            "PermissionService" => self.permission(method, about, who),
            "RoleService" => self.role(method).await,
            "ApprovalService" => self.approval(method, about).await,
            "ReviewService" => self.review(method).await,
            "HistoryService" => self.history(method, about).await,
            "LifecycleService" | "PolicyService" | "ResourceService" => self.resource(method, about).await,
            "InboxService" => self.inbox(method),
            _ => panic!("no calls of {service} are made here: add them"),
        }
    }

    fn account_id(&self) -> String {
        self.team.account.clone()
    }

    async fn access(&self, method: &str, about: &str) -> Vec<u8> {
        let account_id = self.account_id();
        match method {
            "CreateAccount" => access::CreateAccountRequest {
                name: "New".into(),
                admin_email: "new@new.example".into(),
                admin_display_name: "New".into(),
                ..Default::default()
            }
            .encode_to_vec(),
            "GetAccount" => access::GetAccountRequest { account_id }.encode_to_vec(),
            "UpdateAccount" => access::UpdateAccountRequest {
                account_id: self.throwaway().await,
                name: Some("Other".into()),
                ..Default::default()
            }
            .encode_to_vec(),
            "SuspendAccount" => {
                access::SuspendAccountRequest { account_id: self.throwaway().await, ..Default::default() }
                    .encode_to_vec()
            }
            "ResumeAccount" => {
                access::ResumeAccountRequest { account_id: self.throwaway().await, ..Default::default() }
                    .encode_to_vec()
            }
            "DeleteAccount" => {
                access::DeleteAccountRequest { account_id: self.throwaway().await, ..Default::default() }
                    .encode_to_vec()
            }
            "AnnounceMembers" => {
                access::AnnounceMembersRequest { account_id, ..Default::default() }.encode_to_vec()
            }
            "CreateMember" => {
                let (system_role, role_ids) = self.roles(about);
                access::CreateMemberRequest {
                    account_id,
                    email: format!("{}@acme.example", new_id()),
                    display_name: "Nora New".into(),
                    system_role,
                    role_ids,
                    ..Default::default()
                }
                .encode_to_vec()
            }
            "GetMember" => access::GetMemberRequest { account_id, member_id: self.team.member.id.clone() }
                .encode_to_vec(),
            "ListMembers" => access::ListMembersRequest { account_id, ..Default::default() }.encode_to_vec(),
            "UpdateMember" => access::UpdateMemberRequest {
                account_id,
                member_id: self.newcomer().await,
                system_role: SystemRole::Editor.into(),
                ..Default::default()
            }
            .encode_to_vec(),
            "RevokeMember" => access::RevokeMemberRequest {
                account_id,
                member_id: self.newcomer().await,
                ..Default::default()
            }
            .encode_to_vec(),
            "ExportAccess" => access::ExportAccessRequest { account_id }.encode_to_vec(),
            "ImportAccess" => {
                let document = self.team.admin.export().await.unwrap().document;
                access::ImportAccessRequest { account_id, document, dry_run: true, ..Default::default() }
                    .encode_to_vec()
            }
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    async fn invitation(&self, method: &str, about: &str) -> Vec<u8> {
        let account_id = self.account_id();
        match method {
            "CreateInvitation" => {
                let (system_role, role_ids) = self.roles(about);
                access::CreateInvitationRequest {
                    account_id,
                    email: format!("{}@acme.example", new_id()),
                    system_role,
                    role_ids,
                    ..Default::default()
                }
                .encode_to_vec()
            }
            "ListInvitations" => {
                access::ListInvitationsRequest { account_id, ..Default::default() }.encode_to_vec()
            }
            "ResendInvitation" => access::ResendInvitationRequest {
                account_id,
                invitation_id: self.invited().await,
                ..Default::default()
            }
            .encode_to_vec(),
            "WithdrawInvitation" => access::WithdrawInvitationRequest {
                account_id,
                invitation_id: self.invited().await,
                ..Default::default()
            }
            .encode_to_vec(),
            "AcceptInvitation" => access::AcceptInvitationRequest {
                account_id,
                token: "made up".into(),
                display_name: "Nora New".into(),
                ..Default::default()
            }
            .encode_to_vec(),
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    fn permission(&self, method: &str, about: &str, who: &str) -> Vec<u8> {
        let account_id = self.account_id();
        let others = match who {
            "member" => &self.team.creator.id,
            _ => &self.team.member.id,
        };
        let question = access::PermissionQuestion {
            member_id: if about == "others" { others.clone() } else { String::new() },
            permission: access::Permission::Read.into(),
            target: Some(access::permission_question::Target::Component("engagement.campaigns".into())),
        };
        match method {
            "CheckPermission" => {
                access::CheckPermissionRequest { account_id, question: Some(question) }.encode_to_vec()
            }
            "BatchCheckPermission" => {
                access::BatchCheckPermissionRequest { account_id, questions: vec![question; 3] }
                    .encode_to_vec()
            }
            "ExplainPermission" => {
                access::ExplainPermissionRequest { account_id, question: Some(question) }.encode_to_vec()
            }
            "ListApprovers" => {
                let area = if about == "campaigns" { "CAMPAIGNS" } else { "PRODUCT_EXPERIENCES" };
                access::ListApproversRequest { account_id, area: area.into(), ..Default::default() }
                    .encode_to_vec()
            }
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    async fn role(&self, method: &str) -> Vec<u8> {
        let account_id = self.account_id();
        let (role_id, name) = (self.spare_role.clone(), format!("Role {}", new_id()));
        match method {
            "ListComponents" => access::ListComponentsRequest { account_id }.encode_to_vec(),
            "CreateRole" => {
                access::CreateRoleRequest { account_id, name, ..Default::default() }.encode_to_vec()
            }
            "GetRole" => access::GetRoleRequest { account_id, role_id }.encode_to_vec(),
            "ListRoles" => access::ListRolesRequest { account_id, ..Default::default() }.encode_to_vec(),
            "UpdateRole" => {
                access::UpdateRoleRequest { account_id, role_id, masks_pii: Some(true), ..Default::default() }
                    .encode_to_vec()
            }
            "CloneRole" => {
                access::CloneRoleRequest { account_id, role_id, name, ..Default::default() }.encode_to_vec()
            }
            "DeleteRole" => {
                let new = access::CreateRoleRequest { name, ..Default::default() };
                let role_id = self.team.admin.create_role(new).await.unwrap().role_id;
                access::DeleteRoleRequest { account_id, role_id, ..Default::default() }.encode_to_vec()
            }
            "AssignRole" => access::AssignRoleRequest {
                account_id,
                member_id: self.newcomer().await,
                role_id,
                ..Default::default()
            }
            .encode_to_vec(),
            "UnassignRole" => access::UnassignRoleRequest {
                account_id,
                member_id: self.newcomer().await,
                role_id: "CREATOR".into(),
                ..Default::default()
            }
            .encode_to_vec(),
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    async fn approval(&self, method: &str, about: &str) -> Vec<u8> {
        let account_id = self.account_id();
        if method == "ListApprovalRequests" {
            return approval::ListApprovalRequestsRequest { account_id, ..Default::default() }
                .encode_to_vec();
        }
        if method == "WatchApprovalRequests" {
            return approval::WatchApprovalRequestsRequest { account_id, ..Default::default() }
                .encode_to_vec();
        }
        let resource = self.thing(about).await;
        let action = if about == "ab_test" { "START" } else { "LAUNCH" };
        let approval_request_id = self.team.creator.submit(&resource, action).await;
        let note = "For the table".to_owned();
        match method {
            "GetApprovalRequest" => {
                approval::GetApprovalRequestRequest { account_id, approval_request_id }.encode_to_vec()
            }
            "Approve" => {
                approval::ApproveRequest { account_id, approval_request_id, note, ..Default::default() }
                    .encode_to_vec()
            }
            "Reject" => {
                approval::RejectRequest { account_id, approval_request_id, note, ..Default::default() }
                    .encode_to_vec()
            }
            "Cancel" => {
                approval::CancelRequest { account_id, approval_request_id, note, ..Default::default() }
                    .encode_to_vec()
            }
            "BulkDecide" => {
                let approve = approval::ApproveRequest { approval_request_id, ..Default::default() };
                let decision = Some(approval::bulk_decision::Decision::Approve(approve));
                let decisions = vec![approval::BulkDecision { decision }];
                approval::BulkDecideRequest { account_id, decisions }.encode_to_vec()
            }
            "Comment" => {
                let text = note;
                approval::CommentRequest { account_id, approval_request_id, text, ..Default::default() }
                    .encode_to_vec()
            }
            "ReassignApprovers" => approval::ReassignApproversRequest {
                account_id,
                approval_request_id,
                approver_ids: vec![self.team.approver.id.clone()],
                ..Default::default()
            }
            .encode_to_vec(),
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    async fn review(&self, method: &str) -> Vec<u8> {
        let account_id = self.account_id();
        if method == "ListReviews" {
            return approval::ListReviewsRequest { account_id, ..Default::default() }.encode_to_vec();
        }
        let review_id = self.bypassed().await;
        match method {
            "GetReview" => approval::GetReviewRequest { account_id, review_id }.encode_to_vec(),
            "CloseReview" => {
                approval::CloseReviewRequest { account_id, review_id, ..Default::default() }.encode_to_vec()
            }
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    async fn history(&self, method: &str, about: &str) -> Vec<u8> {
        let account_id = self.account_id();
        let resource_id = if about == "account" { String::new() } else { self.thing(about).await };
        match method {
            "ListHistory" => {
                approval::ListHistoryRequest { account_id, resource_id, ..Default::default() }.encode_to_vec()
            }
            "ExportHistory" => approval::ExportHistoryRequest {
                account_id,
                resource_id,
                format: approval::HistoryFormat::Csv.into(),
                ..Default::default()
            }
            .encode_to_vec(),
            "VerifyHistory" => {
                approval::VerifyHistoryRequest { account_id, resource_id, ..Default::default() }
                    .encode_to_vec()
            }
            "ListAccountHistory" => {
                approval::ListAccountHistoryRequest { account_id, ..Default::default() }.encode_to_vec()
            }
            "ExportAccountHistory" => approval::ExportAccountHistoryRequest {
                account_id,
                format: approval::HistoryFormat::Csv.into(),
                ..Default::default()
            }
            .encode_to_vec(),
            "VerifyAccountHistory" => {
                approval::VerifyAccountHistoryRequest { account_id, ..Default::default() }.encode_to_vec()
            }
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    async fn resource(&self, method: &str, about: &str) -> Vec<u8> {
        let account_id = self.account_id();
        match method {
            "GetLifecycle" => {
                let kind = "campaign".to_owned();
                approval::GetLifecycleRequest { account_id, kind, ..Default::default() }.encode_to_vec()
            }
            "RegisterLifecycle" => {
                let lifecycle = Some(journeys("another"));
                approval::RegisterLifecycleRequest { account_id, lifecycle, ..Default::default() }
                    .encode_to_vec()
            }
            "UpdateLifecycle" => {
                let lifecycle = Some(journeys("journey"));
                approval::UpdateLifecycleRequest { account_id, lifecycle, ..Default::default() }
                    .encode_to_vec()
            }
            "RetireLifecycle" => {
                let kind = "journey".to_owned();
                approval::RetireLifecycleRequest { account_id, kind, ..Default::default() }.encode_to_vec()
            }
            "ListLifecycles" => approval::ListLifecyclesRequest { account_id }.encode_to_vec(),
            "GetPolicy" => {
                approval::GetPolicyRequest { account_id, area: "CAMPAIGNS".into() }.encode_to_vec()
            }
            "ListPolicyRevisions" => {
                let area = "CAMPAIGNS".to_owned();
                approval::ListPolicyRevisionsRequest { account_id, area, ..Default::default() }
                    .encode_to_vec()
            }
            "UpdatePolicy" => approval::UpdatePolicyRequest {
                account_id,
                area: "CAMPAIGNS".into(),
                required_approvals: Some(1),
                ..Default::default()
            }
            .encode_to_vec(),
            "RegisterResource" => {
                let new = approval::RegisterResourceRequest { account_id, ..new_thing(about) };
                new.encode_to_vec()
            }
            "UpdateResource" => approval::UpdateResourceRequest {
                account_id,
                resource_id: self.thing(about).await,
                title: Some("Autumn sale".into()),
                ..Default::default()
            }
            .encode_to_vec(),
            "GetResource" => approval::GetResourceRequest {
                account_id,
                resource_id: if about == "missing" { new_id() } else { self.thing(about).await },
                ..Default::default()
            }
            .encode_to_vec(),
            "ListResources" => {
                approval::ListResourcesRequest { account_id, ..Default::default() }.encode_to_vec()
            }
            "CheckAction" => approval::CheckActionRequest {
                account_id,
                resource_id: self.thing(about).await,
                action: "LAUNCH".into(),
                content: Some(content(&serde_json::json!({}))),
                ..Default::default()
            }
            .encode_to_vec(),
            "CompareStagedContent" => {
                let resource_id = self.thing(about).await;
                approval::CompareStagedContentRequest { account_id, resource_id }.encode_to_vec()
            }
            "PerformAction" if about == "emergency" => approval::PerformActionRequest {
                account_id,
                resource_id: self.thing("ab_test").await,
                action: "START".into(),
                emergency_reason: "For the table".into(),
                ..Default::default()
            }
            .encode_to_vec(),
            "PerformAction" => approval::PerformActionRequest {
                account_id,
                resource_id: self.thing(about).await,
                action: if about == "ab_test" { "START" } else { "LAUNCH" }.into(),
                ..Default::default()
            }
            .encode_to_vec(),
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    fn inbox(&self, method: &str) -> Vec<u8> {
        let account_id = self.account_id();
        match method {
            "ListRibbons" => inbox::ListRibbonsRequest { account_id, ..Default::default() }.encode_to_vec(),
            "GetCounts" => inbox::GetCountsRequest { account_id }.encode_to_vec(),
            "Mark" => inbox::MarkRequest {
                account_id,
                ribbon_ids: vec![new_id()],
                mark: inbox::RibbonMark::Seen.into(),
            }
            .encode_to_vec(),
            "Watch" => inbox::WatchRequest { account_id, ..Default::default() }.encode_to_vec(),
            "GetPreferences" => inbox::GetPreferencesRequest { account_id }.encode_to_vec(),
            "UpdatePreferences" => inbox::UpdatePreferencesRequest {
                account_id,
                preferences: vec![inbox::Preference {
                    group: inbox::EventGroup::Comments.into(),
                    channel: inbox::Channel::Email.into(),
                    mode: inbox::DeliveryMode::Off.into(),
                }],
                ..Default::default()
            }
            .encode_to_vec(),
            _ => panic!("no call of {method} is made here: add it"),
        }
    }

    /// The roles that a member or an invitation of the table gets.
    fn roles(&self, about: &str) -> (i32, Vec<String>) {
        match about {
            "custom" => (0, vec![self.spare_role.clone()]),
            "ADMIN" => (SystemRole::Admin.into(), Vec::new()),
            "APPROVER" => (SystemRole::Approver.into(), Vec::new()),
            _ => (SystemRole::Creator.into(), Vec::new()),
        }
    }

    /// A draft.
    async fn thing(&self, about: &str) -> String {
        self.team.admin.register(new_thing(about)).await.unwrap().resource_id
    }

    /// The review of a bypass, by an Admin who has none open.
    async fn bypassed(&self) -> String {
        let admin = access::CreateMemberRequest {
            email: format!("{}@acme.example", new_id()),
            display_name: "Another Admin".into(),
            system_role: SystemRole::Admin.into(),
            ..Default::default()
        };
        let admin = self.team.admin.other(self.team.admin.create_member(admin).await.unwrap().member_id);
        let bypass = approval::PerformActionRequest {
            resource_id: self.thing("ab_test").await,
            action: "START".into(),
            emergency_reason: "For the table".into(),
            ..Default::default()
        };
        admin.perform(bypass).await.unwrap().review_id
    }

    async fn newcomer(&self) -> String {
        let request = access::CreateMemberRequest {
            email: format!("{}@acme.example", new_id()),
            display_name: "Nora New".into(),
            system_role: SystemRole::Creator.into(),
            ..Default::default()
        };
        self.team.admin.create_member(request).await.unwrap().member_id
    }

    async fn invited(&self) -> String {
        let admin: &Caller = &self.team.admin;
        let message = access::CreateInvitationRequest {
            account_id: self.account_id(),
            email: format!("{}@acme.example", new_id()),
            system_role: SystemRole::Creator.into(),
            ..Default::default()
        };
        let answer = InvitationServiceClient::new(self.approval.clone())
            .create_invitation(request(&admin.account, &admin.id, message))
            .await
            .unwrap();
        answer.into_inner().invitation.unwrap().invitation_id
    }

    /// An account of no use.
    async fn throwaway(&self) -> String {
        let message = access::CreateAccountRequest {
            name: "Throwaway".into(),
            admin_email: "ada@throwaway.example".into(),
            admin_display_name: "Ada".into(),
            ..Default::default()
        };
        let answer = AccessServiceClient::new(self.approval.clone())
            .create_account(request(&new_id(), "platform", message))
            .await
            .unwrap();
        answer.into_inner().account.unwrap().account_id
    }
}

fn new_thing(about: &str) -> approval::RegisterResourceRequest {
    let ab_test = about == "ab_test";
    let us = AudienceValues { values: vec!["US".into()] };
    approval::RegisterResourceRequest {
        kind: if ab_test { "ab_test" } else { "campaign" }.into(),
        external_id: new_id(),
        title: "Spring sale".into(),
        content: Some(content(&serde_json::json!({"subject": "Spring"}))),
        variants: if ab_test { vec!["green".into(), "blue".into()] } else { Vec::new() },
        schedule: (!ab_test)
            .then(|| Schedule { start_time: Some(in_future(HOUR)), end_time: Some(in_future(2 * HOUR)) }),
        audience: if about == "us_campaign" { [("Country".to_owned(), us)].into() } else { [].into() },
        ..Default::default()
    }
}
