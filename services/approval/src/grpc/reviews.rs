//! `ReviewService`.

use countersign_domain::{
    Area, Audience, Component, Context, Refusal, Resource, Review, ReviewId, edit, permission,
    refusal::Missing, review,
};
use countersign_proto::approval::{self as api, review_service_server::ReviewService};
use countersign_runtime::listing;
use countersign_store::{About, Snapshot};
use tonic::{Request, Response, Status};

use super::{Edge, convert::review as convert, validate::Fields};
use crate::{
    fault::Fault,
    pages::rows,
    road::{Subject, actor_of, context_of},
};

#[tonic::async_trait]
impl ReviewService for Edge {
    async fn get_review(
        &self,
        request: Request<api::GetReviewRequest>,
    ) -> Result<Response<api::GetReviewResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let id = fields.id::<ReviewId>("review_id", &request.review_id);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let id = Fields::present("review_id", id)?;
        let snapshot = self.road.snapshot(&call, &About::Review(id), &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        let (_, review) = concerned(&context, &snapshot, id).map_err(Fault::Refused)?;
        Ok(Response::new(api::GetReviewResponse {
            review: Some(convert::review(review, context.is_masked())),
        }))
    }

    async fn list_reviews(
        &self,
        request: Request<api::ListReviewsRequest>,
    ) -> Result<Response<api::ListReviewsResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let size = fields.page_size(request.page_size);
        let open = request.only_open.to_string();
        let listing = ["reviews", &request.account_id, &open];
        let after = fields.page(&self.pages, &listing, &request.page_token);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        edit::readable_kinds(&context, None).map_err(Fault::Refused)?;
        let may_read = |area: &&Area| context.rights(&Component::of_area(area)).read;
        let areas: Vec<Area> = context.policies.areas().filter(may_read).cloned().collect();
        let access = context.actors_access();
        let (store, account, areas, open) = (&self.road.store, call.account, &areas, request.only_open);
        let read = |after, limit| async move {
            store.list_reviews(account, areas, open, after, limit).await.map(rows)
        };
        let key = |(review, _): &(Review, Audience)| review.id;
        let page = listing::page(size, after, read, key, |(review, audience)| {
            let component = Component::of_area(&review.area);
            access.as_ref().is_some_and(|access| access.rights_on(&component, audience).read)
        });
        let page = page.await.map_err(Fault::Store)?;
        Ok(Response::new(api::ListReviewsResponse {
            reviews: page
                .items
                .iter()
                .map(|(review, _)| convert::review(review, context.is_masked()))
                .collect(),
            next_page_token: self.token(&listing, page.next),
        }))
    }

    async fn close_review(
        &self,
        request: Request<api::CloseReviewRequest>,
    ) -> Result<Response<api::CloseReviewResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let id = fields.id::<ReviewId>("review_id", &request.review_id);
        let note = fields.note("note", &request.note);
        let call = caller.write(fields.must(account)?, key, "CloseReview", &request)?;
        let id = fields.must(id)?;
        let response = self
            .road
            .command(
                &call,
                Subject { about: &About::Review(id), named: &[], violations: &fields },
                |context, snapshot| {
                    let (resource, found) = concerned(context, snapshot, id)?;
                    review::close(context, resource, found, &note)
                },
                |context, outcome| api::CloseReviewResponse {
                    review: outcome
                        .review
                        .as_ref()
                        .map(|write| convert::review(write.review(), context.is_masked())),
                },
            )
            .await?;
        Ok(Response::new(response))
    }
}

/// The review asked for with its resource, if the actor may see them.
fn concerned<'s>(
    context: &Context<'_>,
    snapshot: &'s Snapshot,
    id: ReviewId,
) -> Result<(&'s Resource, &'s Review), Refusal> {
    let missing = Missing::Review(id);
    let resource = permission::view(context, snapshot.resource.as_ref(), missing)?;
    let review = snapshot.review.as_deref().ok_or(Refusal::NotFound(missing))?;
    Ok((resource, review))
}
