//! `LifecycleService`.

use countersign_domain::{AccountId, lifecycle::Lifecycle, permission};
use countersign_proto::approval::{self as api, lifecycle_service_server::LifecycleService};
use countersign_store::About;
use tonic::{Request, Response, Status};

use super::{Caller, Edge, convert::lifecycle as convert, validate::Fields};
use crate::{
    fault::Fault,
    road::{actor_of, context_of},
};

#[tonic::async_trait]
impl LifecycleService for Edge {
    async fn get_lifecycle(
        &self,
        request: Request<api::GetLifecycleRequest>,
    ) -> Result<Response<api::GetLifecycleResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let kind = fields.kind(&request.kind);
        fields.finish()?;
        self.check_member(&caller, account).await?;
        let lifecycle = kind.and_then(|kind| Lifecycle::of(&kind)).map(convert::lifecycle);
        Ok(Response::new(api::GetLifecycleResponse { lifecycle }))
    }

    async fn list_lifecycles(
        &self,
        request: Request<api::ListLifecyclesRequest>,
    ) -> Result<Response<api::ListLifecyclesResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        fields.finish()?;
        self.check_member(&caller, account).await?;
        let lifecycles = Lifecycle::all().iter().map(convert::lifecycle).collect();
        Ok(Response::new(api::ListLifecyclesResponse { lifecycles }))
    }
}

impl Edge {
    async fn check_member(&self, caller: &Caller, account: Option<AccountId>) -> Result<(), Fault> {
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        permission::require_member(&context_of(&snapshot, &actor, self.road.now()))?;
        Ok(())
    }
}
