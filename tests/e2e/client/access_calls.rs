//! Roles, invitations, permissions, documents.

use countersign_proto::access::{
    self, access_service_client::AccessServiceClient, invitation_service_client::InvitationServiceClient,
    permission_service_client::PermissionServiceClient, role_service_client::RoleServiceClient,
};
use countersign_testkit::wait_for;
use tonic::{Request, Status};

use super::{Caller, request};
use crate::system::PATIENCE;

impl Caller {
    /// Waits until the notifier knows these members of the account.
    pub async fn wait_until_known(&self, members: &[&String]) {
        for member in members {
            let member = self.other((*member).clone());
            wait_for("the notifier to know a member", PATIENCE, async || {
                member.try_ribbons("").await.is_ok().then_some(())
            })
            .await;
        }
    }

    /// Adds a member who has these custom roles alone.
    pub async fn add_with(&self, name: &str, role_ids: Vec<String>) -> String {
        let request = access::CreateMemberRequest {
            email: format!("{}@acme.example", name.replace(' ', ".").to_lowercase()),
            display_name: name.into(),
            role_ids,
            ..Default::default()
        };
        self.create_member(request).await.unwrap().member_id
    }

    pub async fn create_role(&self, mut message: access::CreateRoleRequest) -> Result<access::Role, Status> {
        message.account_id.clone_from(&self.account);
        let answer = RoleServiceClient::new(self.approval.clone()).create_role(self.request(message)).await?;
        Ok(answer.into_inner().role.unwrap())
    }

    pub async fn role(&self, id: &str) -> Result<access::Role, Status> {
        let message = access::GetRoleRequest { account_id: self.account.clone(), role_id: id.into() };
        let answer = RoleServiceClient::new(self.approval.clone()).get_role(self.request(message)).await?;
        Ok(answer.into_inner().role.unwrap())
    }

    pub async fn export(&self) -> Result<access::ExportAccessResponse, Status> {
        let message = access::ExportAccessRequest { account_id: self.account.clone() };
        let answer =
            AccessServiceClient::new(self.approval.clone()).export_access(self.request(message)).await?;
        Ok(answer.into_inner())
    }

    pub async fn update_role(&self, mut message: access::UpdateRoleRequest) -> Result<access::Role, Status> {
        message.account_id.clone_from(&self.account);
        let answer = RoleServiceClient::new(self.approval.clone()).update_role(self.request(message)).await?;
        Ok(answer.into_inner().role.unwrap())
    }

    pub async fn clone_role(&self, role: &str, name: &str) -> Result<access::Role, Status> {
        let message = access::CloneRoleRequest {
            account_id: self.account.clone(),
            role_id: role.into(),
            name: name.into(),
            ..Default::default()
        };
        let answer = RoleServiceClient::new(self.approval.clone()).clone_role(self.request(message)).await?;
        Ok(answer.into_inner().role.unwrap())
    }

    pub async fn delete_role(&self, role: &str) -> Result<access::DeleteRoleResponse, Status> {
        self.role_deletion(role, false).await
    }

    /// What [`Self::delete_role`] would answer.
    pub async fn would_delete_role(&self, role: &str) -> Result<access::DeleteRoleResponse, Status> {
        self.role_deletion(role, true).await
    }

    async fn role_deletion(&self, role: &str, dry_run: bool) -> Result<access::DeleteRoleResponse, Status> {
        let message = access::DeleteRoleRequest {
            account_id: self.account.clone(),
            role_id: role.into(),
            dry_run,
            ..Default::default()
        };
        let answer = RoleServiceClient::new(self.approval.clone()).delete_role(self.request(message)).await?;
        Ok(answer.into_inner())
    }

    pub async fn assign_role(&self, member: &str, role: &str) -> Result<Vec<String>, Status> {
        let message = access::AssignRoleRequest {
            account_id: self.account.clone(),
            member_id: member.into(),
            role_id: role.into(),
            ..Default::default()
        };
        let answer = RoleServiceClient::new(self.approval.clone()).assign_role(self.request(message)).await?;
        Ok(answer.into_inner().role_ids)
    }

    pub async fn unassign_role(&self, member: &str, role: &str) -> Result<Vec<String>, Status> {
        let message = access::UnassignRoleRequest {
            account_id: self.account.clone(),
            member_id: member.into(),
            role_id: role.into(),
            ..Default::default()
        };
        let answer =
            RoleServiceClient::new(self.approval.clone()).unassign_role(self.request(message)).await?;
        Ok(answer.into_inner().role_ids)
    }

    pub async fn import(
        &self,
        document: Option<access::AccessDocument>,
        etag: &str,
        dry_run: bool,
    ) -> Result<access::ImportAccessResponse, Status> {
        let message = access::ImportAccessRequest {
            account_id: self.account.clone(),
            etag: etag.into(),
            document,
            dry_run,
            ..Default::default()
        };
        let answer =
            AccessServiceClient::new(self.approval.clone()).import_access(self.request(message)).await?;
        Ok(answer.into_inner())
    }

    pub async fn invite(
        &self,
        mut message: access::CreateInvitationRequest,
    ) -> Result<access::Invitation, Status> {
        message.account_id.clone_from(&self.account);
        let answer = InvitationServiceClient::new(self.approval.clone())
            .create_invitation(self.request(message))
            .await?;
        Ok(answer.into_inner().invitation.unwrap())
    }

    pub async fn resend(&self, invitation: &str) -> Result<access::Invitation, Status> {
        let message = access::ResendInvitationRequest {
            account_id: self.account.clone(),
            invitation_id: invitation.into(),
            ..Default::default()
        };
        let answer = InvitationServiceClient::new(self.approval.clone())
            .resend_invitation(self.request(message))
            .await?;
        Ok(answer.into_inner().invitation.unwrap())
    }

    pub async fn withdraw(&self, invitation: &str) -> Result<access::Invitation, Status> {
        let message = access::WithdrawInvitationRequest {
            account_id: self.account.clone(),
            invitation_id: invitation.into(),
            ..Default::default()
        };
        let answer = InvitationServiceClient::new(self.approval.clone())
            .withdraw_invitation(self.request(message))
            .await?;
        Ok(answer.into_inner().invitation.unwrap())
    }

    /// The account's invitations, newest first.
    pub async fn invitations(&self) -> Result<Vec<access::Invitation>, Status> {
        let message =
            access::ListInvitationsRequest { account_id: self.account.clone(), ..Default::default() };
        let answer = InvitationServiceClient::new(self.approval.clone())
            .list_invitations(self.request(message))
            .await?;
        Ok(answer.into_inner().invitations)
    }

    /// The platform accepts an invitation for somebody who followed its link.
    pub async fn accept(&self, token: &str) -> Result<access::AcceptInvitationResponse, Status> {
        self.accept_once("", token).await
    }

    /// The same, with a `request_id`.
    pub async fn accept_once(
        &self,
        request_id: &str,
        token: &str,
    ) -> Result<access::AcceptInvitationResponse, Status> {
        let message = access::AcceptInvitationRequest {
            account_id: self.account.clone(),
            request_id: request_id.into(),
            token: token.into(),
            display_name: "Ines Invited".into(),
            ..Default::default()
        };
        let answer = InvitationServiceClient::new(self.approval.clone())
            .accept_invitation(self.as_platform(message))
            .await?;
        Ok(answer.into_inner())
    }

    pub async fn get_account(&self) -> Result<access::Account, Status> {
        let message = access::GetAccountRequest { account_id: self.account.clone() };
        let answer =
            AccessServiceClient::new(self.approval.clone()).get_account(self.request(message)).await?;
        Ok(answer.into_inner().account.unwrap())
    }

    pub async fn get_member(&self, member: &str) -> Result<access::Member, Status> {
        let message = access::GetMemberRequest { account_id: self.account.clone(), member_id: member.into() };
        let answer =
            AccessServiceClient::new(self.approval.clone()).get_member(self.request(message)).await?;
        Ok(answer.into_inner().member.unwrap())
    }

    /// The platform changes the account.
    pub async fn update_account(
        &self,
        mut message: access::UpdateAccountRequest,
    ) -> Result<access::Account, Status> {
        message.account_id.clone_from(&self.account);
        let answer =
            AccessServiceClient::new(self.approval.clone()).update_account(self.as_platform(message)).await?;
        Ok(answer.into_inner().account.unwrap())
    }

    /// The platform deletes the account; it can be taken back for so many seconds.
    pub async fn delete_account(&self, grace: Option<i64>) -> Result<access::Account, Status> {
        let message = access::DeleteAccountRequest {
            account_id: self.account.clone(),
            grace: grace.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            ..Default::default()
        };
        let answer =
            AccessServiceClient::new(self.approval.clone()).delete_account(self.as_platform(message)).await?;
        Ok(answer.into_inner().account.unwrap())
    }

    pub async fn suspend_account(&self) -> Result<access::Account, Status> {
        let message =
            access::SuspendAccountRequest { account_id: self.account.clone(), ..Default::default() };
        let answer = AccessServiceClient::new(self.approval.clone())
            .suspend_account(self.as_platform(message))
            .await?;
        Ok(answer.into_inner().account.unwrap())
    }

    pub async fn resume_account(&self) -> Result<access::Account, Status> {
        let message = access::ResumeAccountRequest { account_id: self.account.clone(), ..Default::default() };
        let answer =
            AccessServiceClient::new(self.approval.clone()).resume_account(self.as_platform(message)).await?;
        Ok(answer.into_inner().account.unwrap())
    }

    pub async fn check(
        &self,
        question: access::PermissionQuestion,
    ) -> Result<access::PermissionAnswer, Status> {
        let message =
            access::CheckPermissionRequest { account_id: self.account.clone(), question: Some(question) };
        let answer = PermissionServiceClient::new(self.approval.clone())
            .check_permission(self.request(message))
            .await?;
        Ok(answer.into_inner().answer.unwrap())
    }

    pub async fn check_all(
        &self,
        questions: Vec<access::PermissionQuestion>,
    ) -> Result<Vec<access::PermissionAnswer>, Status> {
        let message = access::BatchCheckPermissionRequest { account_id: self.account.clone(), questions };
        let answer = PermissionServiceClient::new(self.approval.clone())
            .batch_check_permission(self.request(message))
            .await?;
        Ok(answer.into_inner().answers)
    }

    pub async fn explain(
        &self,
        question: access::PermissionQuestion,
    ) -> Result<access::ExplainPermissionResponse, Status> {
        let message =
            access::ExplainPermissionRequest { account_id: self.account.clone(), question: Some(question) };
        let answer = PermissionServiceClient::new(self.approval.clone())
            .explain_permission(self.request(message))
            .await?;
        Ok(answer.into_inner())
    }

    /// The names of those who could decide a request of the caller on this resource.
    pub async fn approvers(&self, resource: &str) -> Result<Vec<String>, Status> {
        let (mut names, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = self.page_of_approvers(resource, 2, &page_token).await?;
            names.extend(page.approvers.into_iter().map(|approver| approver.display_name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(names);
            }
        }
    }

    /// One page of them.
    pub async fn page_of_approvers(
        &self,
        resource: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<access::ListApproversResponse, Status> {
        let message = access::ListApproversRequest {
            account_id: self.account.clone(),
            resource_id: resource.into(),
            page_size,
            page_token: page_token.into(),
            ..Default::default()
        };
        let answer =
            PermissionServiceClient::new(self.approval.clone()).list_approvers(self.request(message)).await?;
        Ok(answer.into_inner())
    }

    fn as_platform<T>(&self, message: T) -> Request<T> {
        request(&self.account, "platform", message)
    }
}
