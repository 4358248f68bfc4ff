//! `ApprovalService`.

use countersign_domain::{
    Component, Context, Outcome, Refusal, Request as ApprovalRequest, RequestId, Resource, ResourceId,
    decide, edit, limits, permission, refusal::Missing,
};
use countersign_proto::{
    approval::{self as api, approval_service_server::ApprovalService},
    types,
};
use countersign_store::{About, RequestFilter, RequestStateName, Snapshot};
use tonic::{Request, Response, Status};

use super::{Edge, convert::request as convert, validate::Fields, watch::ChangeStream};
use crate::{
    fault::Fault,
    road::{Call, Subject, actor_of, context_of},
};

#[tonic::async_trait]
impl ApprovalService for Edge {
    type WatchApprovalRequestsStream = ChangeStream;

    async fn get_approval_request(
        &self,
        request: Request<api::GetApprovalRequestRequest>,
    ) -> Result<Response<api::GetApprovalRequestResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let id = fields.id::<RequestId>("approval_request_id", &request.approval_request_id);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let id = Fields::present("approval_request_id", id)?;
        let snapshot = self.road.snapshot(&call, &About::Request(id), &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        let (_, found) = concerned(&context, &snapshot, id).map_err(Fault::Refused)?;
        Ok(Response::new(api::GetApprovalRequestResponse { approval_request: Some(convert::request(found)) }))
    }

    async fn list_approval_requests(
        &self,
        request: Request<api::ListApprovalRequestsRequest>,
    ) -> Result<Response<api::ListApprovalRequestsResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let size = fields.page_size(request.page_size);
        let state = fields.request_state(request.state);
        let resource = fields.optional_id::<ResourceId>("resource_id", &request.resource_id);
        let state_name = request.state.to_string();
        let listing = ["requests", &request.account_id, &state_name, &request.resource_id];
        let after = fields.page(&self.pages, &listing, &request.page_token);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let about = resource.map_or(About::Nothing, About::Resource);
        let snapshot = self.road.snapshot(&call, &about, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        edit::readable_kinds(&context, None).map_err(Fault::Refused)?;
        if resource.is_some() && snapshot.resource.as_ref().is_none_or(|it| !context.rights_on(it).read) {
            // No next page either: it would tell that there are requests (ACC-16).
            return Ok(Response::new(api::ListApprovalRequestsResponse::default()));
        }
        let filter = RequestFilter { state, resource };
        let page =
            self.road.store.list_requests(call.account, &filter, after, size).await.map_err(Fault::Store)?;
        let access = context.actors_access();
        let seen = page.items.iter().filter(|(request, audience)| {
            let component = Component::of_area(&request.area);
            access.as_ref().is_some_and(|access| access.rights_on(component, audience).read)
        });
        Ok(Response::new(api::ListApprovalRequestsResponse {
            approval_requests: seen.map(|(request, _)| convert::request(request)).collect(),
            next_page_token: self.next_page(&listing, &page, |(request, _)| request.id),
        }))
    }

    async fn approve(
        &self,
        request: Request<api::ApproveRequest>,
    ) -> Result<Response<api::ApproveResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id: Option<RequestId> = fields.id("approval_request_id", &request.approval_request_id);
        let expected_version = fields.etag(&request.etag);
        let digest = fields.digest(&request.digest);
        fields.note("note", &request.note);
        fields.line("winning_variant", &request.winning_variant, 0..=limits::VARIANT);
        let call = caller.write(fields.must(account)?, key, "Approve", &request)?;
        let command = decide::Approve {
            expected_version,
            digest,
            note: request.note,
            winner: Some(request.winning_variant).filter(|winner| !winner.is_empty()),
        };
        let decide = |context: &Context<'_>, resource: &Resource, request: &ApprovalRequest| {
            decide::approve(context, resource, request, &command)
        };
        let answer = |request| api::ApproveResponse { approval_request: request };
        Ok(Response::new(self.end(&call, fields.must(id)?, &fields, decide, answer).await?))
    }

    async fn reject(
        &self,
        request: Request<api::RejectRequest>,
    ) -> Result<Response<api::RejectResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id: Option<RequestId> = fields.id("approval_request_id", &request.approval_request_id);
        let expected_version = fields.etag(&request.etag);
        let digest = fields.digest(&request.digest);
        fields.note("note", &request.note);
        let call = caller.write(fields.must(account)?, key, "Reject", &request)?;
        let command = decide::Reject { expected_version, digest, note: request.note };
        let decide = |context: &Context<'_>, resource: &Resource, request: &ApprovalRequest| {
            decide::reject(context, resource, request, &command)
        };
        let answer = |request| api::RejectResponse { approval_request: request };
        Ok(Response::new(self.end(&call, fields.must(id)?, &fields, decide, answer).await?))
    }

    async fn cancel(
        &self,
        request: Request<api::CancelRequest>,
    ) -> Result<Response<api::CancelResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id: Option<RequestId> = fields.id("approval_request_id", &request.approval_request_id);
        let expected_version = fields.etag(&request.etag);
        fields.note("note", &request.note);
        let call = caller.write(fields.must(account)?, key, "Cancel", &request)?;
        let command = decide::Cancel { expected_version, note: request.note };
        let decide = |context: &Context<'_>, resource: &Resource, request: &ApprovalRequest| {
            decide::cancel(context, resource, request, &command)
        };
        let answer = |request| api::CancelResponse { approval_request: request };
        Ok(Response::new(self.end(&call, fields.must(id)?, &fields, decide, answer).await?))
    }

    async fn watch_approval_requests(
        &self,
        request: Request<api::WatchApprovalRequestsRequest>,
    ) -> Result<Response<Self::WatchApprovalRequestsStream>, Status> {
        Ok(Response::new(self.watch(request).await?))
    }
}

impl Edge {
    /// Ends a request, or records an approval of several.
    async fn end<R: prost::Message + Default>(
        &self,
        call: &Call,
        id: RequestId,
        violations: &Fields,
        decide: impl Fn(&Context<'_>, &Resource, &ApprovalRequest) -> Result<Outcome, Refusal>,
        answer: impl Fn(Option<api::ApprovalRequest>) -> R,
    ) -> Result<R, Fault> {
        self.road
            .command(
                call,
                Subject { about: &About::Request(id), named: &[], violations },
                |context, snapshot| {
                    let (resource, request) = concerned(context, snapshot, id)?;
                    decide(context, resource, request)
                },
                |_, outcome| answer(outcome.request.as_ref().map(|write| convert::request(write.request()))),
            )
            .await
    }
}

/// The request asked for with its resource, if the actor may see them.
fn concerned<'s>(
    context: &Context<'_>,
    snapshot: &'s Snapshot,
    id: RequestId,
) -> Result<(&'s Resource, &'s ApprovalRequest), Refusal> {
    let missing = Missing::Request(id);
    let resource = permission::view(context, snapshot.resource.as_ref(), missing)?;
    let request = snapshot.request.as_ref().ok_or(Refusal::NotFound(missing))?;
    Ok((resource, request))
}

impl Fields {
    /// A request state, or nothing for any.
    fn request_state(&mut self, number: i32) -> Option<RequestStateName> {
        use types::RequestState::{Approved, Cancelled, Expired, Pending, Rejected, Reverted, Unspecified};
        match types::RequestState::try_from(number) {
            Ok(Unspecified) => None,
            Ok(Pending) => Some(RequestStateName::Pending),
            Ok(Approved) => Some(RequestStateName::Approved),
            Ok(Rejected) => Some(RequestStateName::Rejected),
            Ok(Cancelled) => Some(RequestStateName::Cancelled),
            Ok(Expired) => Some(RequestStateName::Expired),
            Ok(Reverted) => Some(RequestStateName::Reverted),
            Err(_) => {
                self.violation("state", "must be a request state, or unspecified for any");
                None
            }
        }
    }
}
