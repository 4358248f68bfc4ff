//! `PolicyService`.

use countersign_domain::{
    RulesChange, limits, permission,
    policy::{self, Cancellation, PolicyChange},
};
use countersign_proto::approval::{self as api, policy_service_server::PolicyService};
use countersign_store::{About, PolicyRevision};
use tonic::{Request, Response, Status};

use super::{Edge, convert::policy as convert, validate::Fields};
use crate::{
    fault::Fault,
    road::{actor_of, context_of, rules::Needs},
};

#[tonic::async_trait]
impl PolicyService for Edge {
    async fn get_policy(
        &self,
        request: Request<api::GetPolicyRequest>,
    ) -> Result<Response<api::GetPolicyResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let area = fields.area(&request.area);
        fields.finish()?;
        let call = caller.call(Fields::present("account_id", account)?)?;
        let area = Fields::present("area", area)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        permission::require_member(&context).map_err(Fault::Refused)?;
        context.check_area(&area).map_err(Fault::Refused)?;
        let policy = convert::policy(call.account, context.policies.of(&area), context.now);
        Ok(Response::new(api::GetPolicyResponse { policy: Some(policy) }))
    }

    async fn update_policy(
        &self,
        request: Request<api::UpdatePolicyRequest>,
    ) -> Result<Response<api::UpdatePolicyResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let key = fields.request_id(&request.request_id);
        let area = fields.area(&request.area);
        let change = PolicyChange {
            expected_version: fields.etag(&request.etag),
            enabled: request.enabled,
            required_approvals: fields.required_approvals(request.required_approvals),
            allow_self_approval: request.allow_self_approval,
            exclude_authors: request.exclude_authors,
            rejection_note_required: request.rejection_note_required,
            cancellation: fields.cancellation(request.cancellation),
            request_max_age: fields.duration(
                "request_max_age",
                request.request_max_age,
                limits::REQUEST_MAX_AGE,
            ),
            reminder_after: fields.duration("reminder_after", request.reminder_after, limits::REMINDER_AFTER),
            minimum_lead_time: fields.duration(
                "minimum_lead_time",
                request.minimum_lead_time,
                limits::MINIMUM_LEAD_TIME,
            ),
            cooling_off: fields.duration("cooling_off", request.cooling_off, limits::COOLING_OFF),
        };
        let call = caller.write(fields.must(account)?, key, "UpdatePolicy", &request)?;
        let area = fields.must(area)?;
        // Only a workflow that is switched on may have to wait for requests.
        let pending_of = (request.enabled == Some(true)).then(|| area.clone());
        let needs = Needs { pending_of, ..Needs::default() };
        let response = self
            .road
            .rules(&call, &needs, |given| {
                let changed = policy::change(&given.context, &area, given.facts.pending, &change);
                let (policy, told) = fields.merge(changed)?;
                let answer = api::UpdatePolicyResponse {
                    policy: Some(convert::policy(call.account, &policy, given.context.now)),
                };
                let change = RulesChange::of_policy(policy, given.context.actor.to_ref());
                Ok((RulesChange { told, ..change }, answer))
            })
            .await?;
        Ok(Response::new(response))
    }

    async fn list_policy_revisions(
        &self,
        request: Request<api::ListPolicyRevisionsRequest>,
    ) -> Result<Response<api::ListPolicyRevisionsResponse>, Status> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let area = fields.area(&request.area);
        let size = fields.page_size(request.page_size);
        let listing = ["policy revisions", &request.account_id, &request.area];
        let before: Option<i64> = fields.page(&self.pages, &listing, &request.page_token);
        let call = caller.call(fields.must(account)?)?;
        let area = fields.must(area)?;
        let snapshot = self.road.snapshot(&call, &About::Nothing, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        permission::require_member(&context).map_err(Fault::Refused)?;
        fields.also(context.check_area(&area));
        fields.finish()?;
        let page = self.road.store.list_policy_revisions(call.account, &area, before, size).await;
        let page = page.map_err(Fault::Store)?;
        let now = context.now;
        let revision = |revision: &PolicyRevision| api::PolicyRevision {
            policy: Some(convert::policy(call.account, &revision.policy, now)),
            actor: Some(super::convert::actor(&revision.by)),
        };
        Ok(Response::new(api::ListPolicyRevisionsResponse {
            revisions: page.items.iter().map(revision).collect(),
            next_page_token: self.next_page(&listing, &page, |revision| revision.policy.version),
        }))
    }
}

impl Fields {
    fn required_approvals(&mut self, given: Option<i32>) -> Option<u8> {
        let given = given?;
        let count = u8::try_from(given).ok().filter(|count| limits::REQUIRED_APPROVALS.contains(count));
        if count.is_none() {
            let (least, most) = (limits::REQUIRED_APPROVALS.start(), limits::REQUIRED_APPROVALS.end());
            self.violation("required_approvals", format!("must be {least} to {most}, is {given}"));
        }
        count
    }

    fn cancellation(&mut self, number: i32) -> Option<Cancellation> {
        match api::Cancellation::try_from(number) {
            Ok(api::Cancellation::Unspecified) => None,
            Ok(api::Cancellation::Nobody) => Some(Cancellation::Nobody),
            Ok(api::Cancellation::Writers) => Some(Cancellation::Writers),
            Err(_) => {
                self.violation("cancellation", "must be one of NOBODY, WRITERS");
                None
            }
        }
    }
}
