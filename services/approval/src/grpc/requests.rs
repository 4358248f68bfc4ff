//! `ApprovalService.ListApprovalRequests`: which requests, in which order (REQ-19).

use std::{fmt, str::FromStr};

use countersign_domain::{
    Area, Audience, Component, Context, Kind, MemberId, ResourceId, Timestamp, edit, permission,
};
use countersign_proto::{approval as api, types};
use countersign_runtime::listing;
use countersign_store::{
    About, RequestCursor, RequestFilter, RequestOrder, RequestStateName, Waiting, WaitingArea,
};
use prost::Message as _;
use tonic::Request;

use super::{Edge, convert::request as convert, validate::Fields};
use crate::{
    fault::Fault,
    pages::rows,
    road::{actor_of, context_of},
};

impl Edge {
    /// A page of requests.
    pub(super) async fn list(
        &self,
        request: Request<api::ListApprovalRequestsRequest>,
    ) -> Result<api::ListApprovalRequestsResponse, Fault> {
        let (caller, request) = self.caller(request)?;
        let mut fields = Fields::default();
        let account = fields.account(&request.account_id);
        let size = fields.page_size(request.page_size);
        let filter = fields.request_filter(&request);
        // Everything but the page: a token of another list is refused.
        let actor_id = caller.member().map(|id| id.to_string()).unwrap_or_default();
        let asked =
            api::ListApprovalRequestsRequest { page_token: String::new(), page_size: 0, ..request.clone() };
        let asked = format!("{:?}", asked.encode_to_vec());
        let listing = ["requests", &actor_id, &asked];
        let after: Option<Token> = fields.page(&self.pages, &listing, &request.page_token);
        let call = caller.call(fields.must(account)?)?;
        let resource = filter.resource;
        let about = resource.map_or(About::Nothing, About::Resource);
        let snapshot = self.road.snapshot(&call, &about, &[]).await?;
        let actor = actor_of(&call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.road.now());
        if let Some(area) = fields.filter(&request.area, Fields::area) {
            fields.also(context.check_area(&area));
        }
        if let Some(kind) = fields.filter(&request.kind, Fields::kind) {
            fields.also(context.check_kind(&kind));
        }
        fields.finish()?;
        let readable = edit::readable_kinds(&context, None)?;
        if resource.is_some() && snapshot.resource.as_ref().is_none_or(|it| !context.rights_on(it).read) {
            // No next page either: it would tell that there are requests (ACC-16).
            return Ok(api::ListApprovalRequestsResponse::default());
        }
        let filter = for_the_actor(&context, &filter, &readable, &request)?;
        if filter.kinds.as_ref().is_some_and(Vec::is_empty) {
            // As above.
            return Ok(api::ListApprovalRequestsResponse::default());
        }
        let after = after.map(|Token(cursor)| cursor);
        let access = context.actors_access();
        let (store, account, filter) = (&self.road.store, call.account, &filter);
        let read =
            |after, limit| async move { store.list_requests(account, filter, after, limit).await.map(rows) };
        let key = |(request, _): &(countersign_domain::Request, Audience)| RequestCursor {
            id: request.id,
            deadline: request.deadline,
        };
        let page = listing::page(size, after, read, key, |(request, audience)| {
            let component = Component::of_area(&request.area);
            access.as_ref().is_some_and(|access| {
                let rights = access.rights_on(&component, audience);
                let waits = filter.waiting.as_ref().is_none_or(|waiting| {
                    rights.approve && (request.is_assigned(waiting.member) || !request.has_chosen_approvers())
                });
                rights.read && waits
            })
        })
        .await?;
        Ok(api::ListApprovalRequestsResponse {
            approval_requests: page
                .items
                .iter()
                .map(|(request, _)| convert::request(request, context.is_masked()))
                .collect(),
            next_page_token: self.token(&listing, page.next.map(Token)),
        })
    }
}

/// What depends on who asks.
fn for_the_actor(
    context: &Context<'_>,
    filter: &RequestFilter,
    readable: &[Kind],
    request: &api::ListApprovalRequestsRequest,
) -> Result<RequestFilter, Fault> {
    let member = permission::require_member(context)?;
    let waiting = request.waiting_for_me.then(|| {
        let may = |area: &Area| context.rights(&Component::of_area(area)).approve;
        let asked = |area: Area| {
            let policy = context.policies.of(&area);
            let (submitted_too, written_too) = (policy.allow_self_approval, !policy.exclude_authors);
            WaitingArea { area, submitted_too, written_too }
        };
        let areas = context.policies.areas().filter(|area| may(area)).cloned();
        Waiting { member: member.id, areas: areas.map(asked).collect() }
    });
    // In the statement, so that not even the number of what they may not read shows in pages (ACC-16).
    let everything = context.lifecycles.all().all(|lifecycle| readable.contains(&lifecycle.kind));
    let asked = |kind: &Kind| {
        let area = context.lifecycles.newest(kind).map_or("", |lifecycle| lifecycle.area.as_str());
        (request.kind.is_empty() || request.kind == kind.as_str())
            && (request.area.is_empty() || request.area == area)
    };
    let limited = !everything || !request.kind.is_empty() || !request.area.is_empty();
    Ok(RequestFilter {
        kinds: limited.then(|| readable.iter().filter(|kind| asked(kind)).cloned().collect()),
        submitter: filter.submitter.or(request.submitted_by_me.then_some(member.id)),
        decided_by: request.decided_by_me.then_some(member.id),
        waiting,
        ..filter.clone()
    })
}

/// A cursor as page tokens hold it: the deadline, if there is one, and the id.
struct Token(RequestCursor);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Timestamp(deadline)) = self.0.deadline {
            write!(f, "{deadline}")?;
        }
        write!(f, "/{}", self.0.id)
    }
}

impl FromStr for Token {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (deadline, id) = text.split_once('/').ok_or(())?;
        let deadline = match deadline {
            "" => None,
            deadline => Some(Timestamp(deadline.parse().map_err(|_| ())?)),
        };
        Ok(Self(RequestCursor { deadline, id: id.parse().map_err(|_| ())? }))
    }
}

impl Fields {
    /// What does not depend on who asks.
    fn request_filter(&mut self, request: &api::ListApprovalRequestsRequest) -> RequestFilter {
        let state = self.request_state(request.state);
        let order = match api::RequestOrder::try_from(request.order) {
            Ok(api::RequestOrder::MostUrgent) => RequestOrder::MostUrgent,
            Ok(api::RequestOrder::Newest | api::RequestOrder::Unspecified) => RequestOrder::Newest,
            Err(_) => {
                self.violation("order", "must be one of NEWEST, MOST_URGENT");
                RequestOrder::Newest
            }
        };
        let only_pending = request.waiting_for_me || order == RequestOrder::MostUrgent;
        if only_pending && state.is_some_and(|state| state != RequestStateName::Pending) {
            self.violation("state", "must be PENDING or left out: only those wait, and are urgent");
        }
        if request.waiting_for_me && request.decided_by_me {
            self.violation("decided_by_me", "must not be set together with waiting_for_me");
        }
        if request.submitted_by_me && !request.submitter_id.is_empty() {
            self.violation("submitter_id", "must not be given together with submitted_by_me");
        }
        RequestFilter {
            state: if only_pending { Some(RequestStateName::Pending) } else { state },
            resource: self.optional_id::<ResourceId>("resource_id", &request.resource_id),
            kinds: None,
            submitter: self.optional_id::<MemberId>("submitter_id", &request.submitter_id),
            decided_by: None,
            waiting: None,
            order,
        }
    }

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
