//! `ApprovalService`.

use countersign_domain::{
    Context, MemberId, Outcome, Refusal, Request as ApprovalRequest, RequestId, Resource,
    conversation::{self, Reassign},
    decide, limits, permission,
    refusal::Missing,
};
use countersign_proto::approval::{self as api, approval_service_server::ApprovalService};
use countersign_store::{About, Snapshot};
use tonic::{Request, Response, Status};

use super::{Caller, Edge, convert::request as convert, validate::Fields, watch::ChangeStream};
use crate::{
    fault::Fault,
    road::{Call, Subject, actor_of, answer::Answer, context_of},
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
        let found = convert::request(found, context.is_masked());
        Ok(Response::new(api::GetApprovalRequestResponse { approval_request: Some(found) }))
    }

    async fn list_approval_requests(
        &self,
        request: Request<api::ListApprovalRequestsRequest>,
    ) -> Result<Response<api::ListApprovalRequestsResponse>, Status> {
        Ok(Response::new(self.list(request).await?))
    }

    async fn approve(
        &self,
        request: Request<api::ApproveRequest>,
    ) -> Result<Response<api::ApproveResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        Ok(Response::new(self.approve_one(&caller, request).await?))
    }

    async fn reject(
        &self,
        request: Request<api::RejectRequest>,
    ) -> Result<Response<api::RejectResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        Ok(Response::new(self.reject_one(&caller, request).await?))
    }

    async fn bulk_decide(
        &self,
        request: Request<api::BulkDecideRequest>,
    ) -> Result<Response<api::BulkDecideResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        Ok(Response::new(self.bulk(&caller, request).await?))
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
        let note = fields.note("note", &request.note);
        let call = caller.write(fields.must(account)?, key, "Cancel", &request)?;
        let command = decide::Cancel { expected_version, note };
        let decide = |context: &Context<'_>, resource: &Resource, request: &ApprovalRequest| {
            decide::cancel(context, resource, request, &command)
        };
        let answer = |request| api::CancelResponse { approval_request: request };
        let subject = Decided { id: fields.must(id)?, named: &[], violations: &fields };
        Ok(Response::new(self.decide(&call, subject, decide, answer).await?))
    }

    async fn comment(
        &self,
        request: Request<api::CommentRequest>,
    ) -> Result<Response<api::CommentResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id: Option<RequestId> = fields.id("approval_request_id", &request.approval_request_id);
        let text = fields.note("text", &request.text);
        let call = caller.write(fields.must(account)?, key, "Comment", &request)?;
        let decide = |context: &Context<'_>, resource: &Resource, about: &ApprovalRequest| {
            conversation::comment(context, resource, about, &text)
        };
        let answer = |request| api::CommentResponse { approval_request: request };
        let subject = Decided { id: fields.must(id)?, named: &[], violations: &fields };
        Ok(Response::new(self.decide(&call, subject, decide, answer).await?))
    }

    async fn reassign_approvers(
        &self,
        request: Request<api::ReassignApproversRequest>,
    ) -> Result<Response<api::ReassignApproversResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id: Option<RequestId> = fields.id("approval_request_id", &request.approval_request_id);
        let expected_version = fields.etag(&request.etag);
        let approvers = fields.members("approver_ids", &request.approver_ids, limits::APPROVERS);
        let note = fields.note("note", &request.note);
        let call = caller.write(fields.must(account)?, key, "ReassignApprovers", &request)?;
        let command = Reassign { expected_version, approvers, note };
        let decide = |context: &Context<'_>, resource: &Resource, request: &ApprovalRequest| {
            conversation::reassign(context, resource, request, &command)
        };
        let answer = |request| api::ReassignApproversResponse { approval_request: request };
        let subject = Decided { id: fields.must(id)?, named: &command.approvers, violations: &fields };
        Ok(Response::new(self.decide(&call, subject, decide, answer).await?))
    }

    async fn watch_approval_requests(
        &self,
        request: Request<api::WatchApprovalRequestsRequest>,
    ) -> Result<Response<Self::WatchApprovalRequestsStream>, Status> {
        Ok(Response::new(self.watch(request).await?))
    }
}

/// What a command about a request is about.
struct Decided<'a> {
    id: RequestId,
    named: &'a [MemberId],
    violations: &'a Fields,
}

impl Edge {
    /// Approves, in a call of its own or as one of several.
    pub(super) async fn approve_one(
        &self,
        caller: &Caller,
        request: api::ApproveRequest,
    ) -> Result<api::ApproveResponse, Fault> {
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id: Option<RequestId> = fields.id("approval_request_id", &request.approval_request_id);
        let expected_version = fields.etag(&request.etag);
        let digest = fields.digest(&request.digest);
        let note = fields.note("note", &request.note);
        let winner = fields.line("winning_variant", &request.winning_variant, 0..=limits::VARIANT);
        let call = caller.write(fields.must(account)?, key, "Approve", &request)?;
        let command = decide::Approve {
            expected_version,
            digest,
            note,
            winner: Some(winner).filter(|winner| !winner.is_empty()),
        };
        let decide = |context: &Context<'_>, resource: &Resource, request: &ApprovalRequest| {
            decide::approve(context, resource, request, &command)
        };
        let answer = |request| api::ApproveResponse { approval_request: request };
        let subject = Decided { id: fields.must(id)?, named: &[], violations: &fields };
        self.decide(&call, subject, decide, answer).await
    }

    /// Rejects, in a call of its own or as one of several.
    pub(super) async fn reject_one(
        &self,
        caller: &Caller,
        request: api::RejectRequest,
    ) -> Result<api::RejectResponse, Fault> {
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id: Option<RequestId> = fields.id("approval_request_id", &request.approval_request_id);
        let expected_version = fields.etag(&request.etag);
        let digest = fields.digest(&request.digest);
        let note = fields.note("note", &request.note);
        let call = caller.write(fields.must(account)?, key, "Reject", &request)?;
        let command = decide::Reject { expected_version, digest, note };
        let decide = |context: &Context<'_>, resource: &Resource, request: &ApprovalRequest| {
            decide::reject(context, resource, request, &command)
        };
        let answer = |request| api::RejectResponse { approval_request: request };
        let subject = Decided { id: fields.must(id)?, named: &[], violations: &fields };
        self.decide(&call, subject, decide, answer).await
    }

    /// Takes a command about a request down the road.
    async fn decide<R: Answer>(
        &self,
        call: &Call,
        subject: Decided<'_>,
        decide: impl Fn(&Context<'_>, &Resource, &ApprovalRequest) -> Result<Outcome, Refusal>,
        answer: impl Fn(Option<api::ApprovalRequest>) -> R,
    ) -> Result<R, Fault> {
        let Decided { id, named, violations } = subject;
        self.road
            .command(
                call,
                Subject { about: &About::Request(id), named, violations },
                |context, snapshot| {
                    let (resource, request) = concerned(context, snapshot, id)?;
                    decide(context, resource, request)
                },
                |context, outcome| {
                    let write = outcome.request.as_ref();
                    answer(write.map(|write| convert::request(write.request(), context.is_masked())))
                },
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
