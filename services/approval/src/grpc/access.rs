//! `AccessService`: each call is done in [`super::accounts`], [`super::members`] or [`super::documents`].

use countersign_proto::access::{self as api, access_service_server::AccessService};
use tonic::{Request, Response, Status};

use super::Edge;

#[tonic::async_trait]
impl AccessService for Edge {
    async fn create_account(
        &self,
        request: Request<api::CreateAccountRequest>,
    ) -> Result<Response<api::CreateAccountResponse>, Status> {
        Ok(Response::new(self.new_account(request).await?))
    }

    async fn get_account(
        &self,
        request: Request<api::GetAccountRequest>,
    ) -> Result<Response<api::GetAccountResponse>, Status> {
        Ok(Response::new(self.one_account(request).await?))
    }

    async fn update_account(
        &self,
        request: Request<api::UpdateAccountRequest>,
    ) -> Result<Response<api::UpdateAccountResponse>, Status> {
        Ok(Response::new(self.change_account(request).await?))
    }

    async fn suspend_account(
        &self,
        request: Request<api::SuspendAccountRequest>,
    ) -> Result<Response<api::SuspendAccountResponse>, Status> {
        Ok(Response::new(self.suspend(request).await?))
    }

    async fn resume_account(
        &self,
        request: Request<api::ResumeAccountRequest>,
    ) -> Result<Response<api::ResumeAccountResponse>, Status> {
        Ok(Response::new(self.resume(request).await?))
    }

    async fn delete_account(
        &self,
        request: Request<api::DeleteAccountRequest>,
    ) -> Result<Response<api::DeleteAccountResponse>, Status> {
        Ok(Response::new(self.delete(request).await?))
    }

    async fn announce_members(
        &self,
        request: Request<api::AnnounceMembersRequest>,
    ) -> Result<Response<api::AnnounceMembersResponse>, Status> {
        Ok(Response::new(self.announce(request).await?))
    }

    async fn create_member(
        &self,
        request: Request<api::CreateMemberRequest>,
    ) -> Result<Response<api::CreateMemberResponse>, Status> {
        Ok(Response::new(self.new_member(request).await?))
    }

    async fn get_member(
        &self,
        request: Request<api::GetMemberRequest>,
    ) -> Result<Response<api::GetMemberResponse>, Status> {
        Ok(Response::new(self.one_member(request).await?))
    }

    async fn list_members(
        &self,
        request: Request<api::ListMembersRequest>,
    ) -> Result<Response<api::ListMembersResponse>, Status> {
        Ok(Response::new(self.page_of_members(request).await?))
    }

    async fn update_member(
        &self,
        request: Request<api::UpdateMemberRequest>,
    ) -> Result<Response<api::UpdateMemberResponse>, Status> {
        Ok(Response::new(self.change_member(request).await?))
    }

    async fn revoke_member(
        &self,
        request: Request<api::RevokeMemberRequest>,
    ) -> Result<Response<api::RevokeMemberResponse>, Status> {
        Ok(Response::new(self.revoke(request).await?))
    }

    async fn export_access(
        &self,
        request: Request<api::ExportAccessRequest>,
    ) -> Result<Response<api::ExportAccessResponse>, Status> {
        Ok(Response::new(self.export(request).await?))
    }

    async fn import_access(
        &self,
        request: Request<api::ImportAccessRequest>,
    ) -> Result<Response<api::ImportAccessResponse>, Status> {
        Ok(Response::new(self.import(request).await?))
    }
}
