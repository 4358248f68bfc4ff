//! `ResourceService`.

use countersign_domain::{
    Content, Refusal, RequestId, ResourceId, ReviewId, edit, limits,
    perform::{PerformAction, perform},
    permission,
    refusal::Missing,
};
use countersign_proto::approval::{self as api, resource_service_server::ResourceService};
use countersign_runtime::{ids, listing};
use countersign_store::About;
use tonic::{Request, Response, Status};

use super::{Edge, convert::request as requests, convert::resource as convert, gate, validate::Fields};
use crate::{
    fault::Fault,
    pages::rows,
    road::{Subject, actor_of, context_of},
};

#[tonic::async_trait]
impl ResourceService for Edge {
    async fn register_resource(
        &self,
        request: Request<api::RegisterResourceRequest>,
    ) -> Result<Response<api::RegisterResourceResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let kind = fields.kind(&request.kind);
        let external_id = fields.line("external_id", &request.external_id, 1..=limits::EXTERNAL_ID);
        let title = fields.line("title", &request.title, 1..=limits::TITLE);
        let owner = fields.optional_id("owner_id", &request.owner_id);
        let content = fields.content("content", request.content.clone());
        let schedule = fields.schedule(request.schedule);
        let audience = fields.audience(&request.audience);
        let pii_fields = fields.pii_fields(&request.pii_fields);
        let call = caller.write(fields.must(account)?, key, "RegisterResource", &request)?;
        let command = edit::Register {
            id: ResourceId(ids::new_id()),
            kind: fields.must(kind)?,
            external_id,
            title,
            owner,
            content: content.unwrap_or_else(Content::empty),
            schedule,
            variants: fields.variants(&request.variants),
            audience,
            pii_fields,
        };
        let named: Vec<_> = owner.into_iter().collect();
        let response = self
            .road
            .command(
                &call,
                Subject { about: &About::Nothing, named: &named, violations: &fields },
                |context, _| edit::register(context, command.clone()),
                |context, outcome| api::RegisterResourceResponse {
                    resource: Some(convert::resource(context, &outcome.resource)),
                },
            )
            .await?;
        Ok(Response::new(response))
    }

    async fn update_resource(
        &self,
        request: Request<api::UpdateResourceRequest>,
    ) -> Result<Response<api::UpdateResourceResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id = fields.id::<ResourceId>("resource_id", &request.resource_id);
        let expected_version = fields.etag(&request.etag);
        let title = request.title.as_ref().map(|title| fields.line("title", title, 1..=limits::TITLE));
        let content = request.content.clone().and_then(|content| fields.content("content", Some(content)));
        let schedule = request.schedule.map(|schedule| fields.schedule(Some(schedule)));
        if !request.replace_variants && !request.variants.is_empty() {
            fields.violation("variants", "are given without replace_variants");
        }
        let audience = fields.audience(&request.audience);
        if !request.replace_audience && !request.audience.is_empty() {
            fields.violation("audience", "is given without replace_audience");
        }
        let pii_fields = fields.pii_fields(&request.pii_fields);
        if !request.replace_pii_fields && !request.pii_fields.is_empty() {
            fields.violation("pii_fields", "are given without replace_pii_fields");
        }
        let call = caller.write(fields.must(account)?, key, "UpdateResource", &request)?;
        let id = fields.must(id)?;
        let command = edit::Edit {
            expected_version,
            title,
            content,
            schedule,
            variants: request.replace_variants.then(|| fields.variants(&request.variants)),
            audience: request.replace_audience.then_some(audience),
            pii_fields: request.replace_pii_fields.then_some(pii_fields),
        };
        let response = self
            .road
            .command(
                &call,
                Subject { about: &About::Resource(id), named: &[], violations: &fields },
                |context, snapshot| {
                    let resource =
                        permission::view(context, snapshot.resource.as_ref(), Missing::Resource(id))?;
                    edit::update(context, resource, command.clone())
                },
                |context, outcome| api::UpdateResourceResponse {
                    resource: Some(convert::resource(context, &outcome.resource)),
                    effect: convert::edit_effect(outcome.history.event).into(),
                },
            )
            .await?;
        Ok(Response::new(response))
    }

    async fn get_resource(
        &self,
        request: Request<api::GetResourceRequest>,
    ) -> Result<Response<api::GetResourceResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let about = fields.resource_named(&request.resource_id, &request.kind, &request.external_id);
        let call = caller.call(fields.must(account)?)?;
        let about = fields.must(about)?;
        let snapshot = self.snapshot_of(&call, &about, &request.external_id).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        fields.also(gate::check_kind(&context, &about));
        fields.finish()?;
        let missing = gate::missing(&about);
        let resource =
            permission::view(&context, snapshot.resource.as_ref(), missing).map_err(Fault::Refused)?;
        Ok(Response::new(api::GetResourceResponse { resource: Some(convert::resource(&context, resource)) }))
    }

    async fn list_resources(
        &self,
        request: Request<api::ListResourcesRequest>,
    ) -> Result<Response<api::ListResourcesResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let size = fields.page_size(request.page_size);
        let kind = fields.filter(&request.kind, Fields::kind);
        let listing = ["resources", &request.account_id, &request.kind];
        let after = fields.page(&self.pages, &listing, &request.page_token);
        let call = caller.call(fields.must(account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        if let Some(kind) = &kind {
            fields.also(context.check_kind(kind));
        }
        fields.finish()?;
        let kinds = edit::readable_kinds(&context, kind.as_ref()).map_err(Fault::Refused)?;
        let (store, account, kinds) = (&self.road.store, call.account, &kinds);
        let read =
            |after, limit| async move { store.list_resources(account, kinds, after, limit).await.map(rows) };
        let sees = |resource: &_| context.rights_on(resource).read;
        let page =
            listing::page(size, after, read, |resource| resource.id, sees).await.map_err(Fault::Store)?;
        Ok(Response::new(api::ListResourcesResponse {
            resources: page.items.iter().map(|resource| convert::listed(&context, resource)).collect(),
            next_page_token: self.token(&listing, page.next),
        }))
    }

    async fn perform_action(
        &self,
        request: Request<api::PerformActionRequest>,
    ) -> Result<Response<api::PerformActionResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id = fields.id::<ResourceId>("resource_id", &request.resource_id);
        let action = fields.action(&request.action);
        let expected_version = fields.etag(&request.etag);
        let note = fields.note("note", &request.note);
        let approvers = fields.members("approver_ids", &request.approver_ids, limits::APPROVERS);
        let launch_mode = fields.launch_mode(request.launch_mode);
        let winner = fields.line("winning_variant", &request.winning_variant, 0..=limits::VARIANT);
        let emergency_reason = fields.note("emergency_reason", &request.emergency_reason);
        let call = caller.write(fields.must(account)?, key, "PerformAction", &request)?;
        let id = fields.must(id)?;
        let command = PerformAction {
            action: fields.must(action)?,
            expected_version,
            note,
            approvers,
            launch_mode,
            winner: Some(winner).filter(|winner| !winner.is_empty()),
            emergency_reason: emergency_reason.trim().to_owned(),
            request_id: RequestId(ids::new_id()),
            review_id: ReviewId(ids::new_id()),
        };
        // Of an open review nothing is known where none can matter.
        let about = if command.emergency_reason.is_empty() { About::Resource(id) } else { About::Bypass(id) };
        let response = self
            .road
            .command(
                &call,
                Subject { about: &about, named: &command.approvers, violations: &fields },
                |context, snapshot| {
                    let resource =
                        permission::view(context, snapshot.resource.as_ref(), Missing::Resource(id))?;
                    perform(context, resource, snapshot.review.as_deref(), &command)
                },
                |context, outcome| api::PerformActionResponse {
                    outcome: convert::action_outcome(outcome.history.event).into(),
                    resource: Some(convert::resource(context, &outcome.resource)),
                    approval_request: outcome
                        .request
                        .as_ref()
                        .map(|write| requests::request(write.request(), context.is_masked())),
                    review_id: outcome
                        .review
                        .as_ref()
                        .map(|write| write.review().id.to_string())
                        .unwrap_or_default(),
                },
            )
            .await?;
        Ok(Response::new(response))
    }

    async fn check_action(
        &self,
        request: Request<api::CheckActionRequest>,
    ) -> Result<Response<api::CheckActionResponse>, Status> {
        Ok(Response::new(self.gate(request).await?))
    }

    async fn compare_staged_content(
        &self,
        request: Request<api::CompareStagedContentRequest>,
    ) -> Result<Response<api::CompareStagedContentResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let id = fields.id::<ResourceId>("resource_id", &request.resource_id);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let id = Fields::present("resource_id", id)?;
        let snapshot = self.road.snapshot(&call, &About::Resource(id), &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        let missing = Missing::Resource(id);
        let resource =
            permission::view(&context, snapshot.resource.as_ref(), missing).map_err(Fault::Refused)?;
        let staged = resource.staged.as_ref().ok_or(Fault::Refused(Refusal::NothingStaged))?;
        Ok(Response::new(convert::difference(resource, staged, context.is_masked())))
    }
}
