//! Lifecycles of an account's own.

use countersign_proto::approval::{self, lifecycle_service_client::LifecycleServiceClient};
use tonic::Status;

use super::Caller;

impl Caller {
    fn lifecycles_client(&self) -> LifecycleServiceClient<tonic::transport::Channel> {
        LifecycleServiceClient::new(self.approval.clone())
    }

    pub async fn lifecycle(&self, kind: &str, version: i64) -> Result<approval::Lifecycle, Status> {
        let (account_id, kind) = (self.account.clone(), kind.to_owned());
        let message = approval::GetLifecycleRequest { account_id, kind, version };
        let answer = self.lifecycles_client().get_lifecycle(self.request(message)).await?;
        Ok(answer.into_inner().lifecycle.unwrap())
    }

    pub async fn lifecycles(&self) -> Vec<approval::Lifecycle> {
        let message = approval::ListLifecyclesRequest { account_id: self.account.clone() };
        self.lifecycles_client().list_lifecycles(self.request(message)).await.unwrap().into_inner().lifecycles
    }

    pub async fn register_lifecycle(
        &self,
        lifecycle: approval::Lifecycle,
    ) -> Result<approval::Lifecycle, Status> {
        let message = approval::RegisterLifecycleRequest { lifecycle: Some(lifecycle), ..Default::default() };
        self.try_lifecycle(message).await
    }

    /// With what is left out of the message.
    pub async fn try_lifecycle(
        &self,
        mut message: approval::RegisterLifecycleRequest,
    ) -> Result<approval::Lifecycle, Status> {
        message.account_id.clone_from(&self.account);
        let answer = self.lifecycles_client().register_lifecycle(self.request(message)).await?;
        Ok(answer.into_inner().lifecycle.unwrap())
    }

    pub async fn update_lifecycle(
        &self,
        lifecycle: approval::Lifecycle,
        dry_run: bool,
    ) -> Result<approval::Lifecycle, Status> {
        let (account_id, lifecycle) = (self.account.clone(), Some(lifecycle));
        let message =
            approval::UpdateLifecycleRequest { account_id, lifecycle, dry_run, ..Default::default() };
        let answer = self.lifecycles_client().update_lifecycle(self.request(message)).await?;
        Ok(answer.into_inner().lifecycle.unwrap())
    }

    pub async fn retire_lifecycle(&self, kind: &str, etag: &str) -> Result<approval::Lifecycle, Status> {
        let message = approval::RetireLifecycleRequest {
            account_id: self.account.clone(),
            kind: kind.into(),
            etag: etag.into(),
            ..Default::default()
        };
        let answer = self.lifecycles_client().retire_lifecycle(self.request(message)).await?;
        Ok(answer.into_inner().lifecycle.unwrap())
    }
}
