//! What of an answer is taken away when it is given again to a member for whom personal data is masked by now (ACC-19).

use countersign_domain::{Content, Pointer, Resource, ResourceId, mask};
use countersign_proto::approval as api;

use super::value;
use crate::{grpc::validate::uuid, road::answer::Answer};

impl Answer for api::RegisterResourceResponse {
    fn about(&self) -> Option<ResourceId> {
        self.resource.as_ref().and_then(id_of)
    }

    fn mask(&mut self, now: &Resource) {
        mask_resource(self.resource.as_mut(), now);
    }
}

impl Answer for api::UpdateResourceResponse {
    fn about(&self) -> Option<ResourceId> {
        self.resource.as_ref().and_then(id_of)
    }

    fn mask(&mut self, now: &Resource) {
        mask_resource(self.resource.as_mut(), now);
    }
}

impl Answer for api::PerformActionResponse {
    fn about(&self) -> Option<ResourceId> {
        self.resource.as_ref().and_then(id_of)
    }

    fn mask(&mut self, now: &Resource) {
        mask_resource(self.resource.as_mut(), now);
        mask_request(self.approval_request.as_mut());
    }
}

impl Answer for api::CloseReviewResponse {
    fn about(&self) -> Option<ResourceId> {
        self.review.as_ref().and_then(|review| uuid(&review.resource_id))
    }

    fn mask(&mut self, _: &Resource) {
        if let Some(review) = &mut self.review {
            review.digest.clear();
        }
    }
}

/// Answers that hold a request and nothing else.
macro_rules! of_requests {
    ($($answer:ident),*) => {$(
        impl Answer for api::$answer {
            fn about(&self) -> Option<ResourceId> {
                self.approval_request.as_ref().and_then(|request| uuid(&request.resource_id))
            }

            fn mask(&mut self, _: &Resource) {
                mask_request(self.approval_request.as_mut());
            }
        }
    )*};
}

of_requests!(ApproveResponse, RejectResponse, CancelResponse, CommentResponse, ReassignApproversResponse);

fn id_of(resource: &api::Resource) -> Option<ResourceId> {
    uuid(&resource.resource_id)
}

fn mask_request(request: Option<&mut api::ApprovalRequest>) {
    if let Some(request) = request {
        request.digest.clear();
    }
}

/// Masks what is marked now and what was marked then: a mark that was moved with its value since says where it was.
fn mask_resource(answered: Option<&mut api::Resource>, now: &Resource) {
    let Some(answered) = answered else { return };
    let then = answered.pii_fields.iter().map(Pointer::from_text);
    let fields: Vec<Pointer> = then.chain(now.pii_fields.iter().cloned()).collect();
    if fields.is_empty() {
        return;
    }
    for content in [&mut answered.live, &mut answered.staged].into_iter().flatten() {
        let body = content.body.take().and_then(|body| value::json(body).ok()).unwrap_or_default();
        let whole = Content { body: body.to_string(), ..Content::empty() };
        let shown = mask::shown(&whole, &fields);
        content.body = value::to_struct(&shown.body);
        content.digest = shown.digest.to_string();
    }
    answered.masked = true;
}
