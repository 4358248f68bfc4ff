//! `HistoryService`.

use countersign_domain::{ResourceId, permission, refusal::Missing};
use countersign_proto::approval::{self as api, history_service_server::HistoryService};
use countersign_store::About;
use tonic::{Request, Response, Status};

use super::{Edge, convert::resource as convert, validate::Fields};
use crate::{
    fault::Fault,
    road::{actor_of, context_of},
};

#[tonic::async_trait]
impl HistoryService for Edge {
    async fn list_history(
        &self,
        request: Request<api::ListHistoryRequest>,
    ) -> Result<Response<api::ListHistoryResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let id = fields.id::<ResourceId>("resource_id", &request.resource_id);
        let size = fields.page_size(request.page_size);
        let listing = ["history", &request.account_id, &request.resource_id];
        let after: Option<i64> = fields.page(&self.pages, &listing, &request.page_token);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let id = Fields::present("resource_id", id)?;
        let snapshot = self.road.snapshot(&call, &About::Resource(id), &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        permission::view(&context, snapshot.resource.as_ref(), Missing::Resource(id))
            .map_err(Fault::Refused)?;
        let page = self
            .road
            .store
            .list_history(call.account, id, after.unwrap_or(0), size)
            .await
            .map_err(Fault::Store)?;
        Ok(Response::new(api::ListHistoryResponse {
            entries: page.items.iter().map(convert::history_entry).collect(),
            next_page_token: self.next_page(&listing, &page, |entry| entry.sequence),
        }))
    }
}
