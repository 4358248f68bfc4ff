//! The pages that mails link to: a request with what it changes, and the calls that decide it. They only show (NOT-13).
//!
//! They show what an Admin of the account sees. Whoever can open them can call the service as anybody: both are for this
//! machine alone, and nobody proves who they are.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use countersign_domain::AccountId;
use countersign_proto::{
    access::{self, permission_service_client::PermissionServiceClient},
    approval::{
        self, Verdict, approval_service_client::ApprovalServiceClient,
        resource_service_client::ResourceServiceClient,
    },
    json,
    types::RequestState,
};
use countersign_store::Store;
use minijinja::{Value, context, value::Serde};
use prost::{Message, Name};
use tonic::{Code, Status, transport::Channel};
use uuid::Uuid;

use crate::{
    caller::Caller,
    pages::{Pages, failed},
};

/// How many of those who may decide are shown with their calls.
const APPROVERS: usize = 3;
/// How many members are looked through for an Admin at a time.
const MEMBERS: u32 = 200;

struct Review {
    channel: Channel,
    store: Store,
    grpc: SocketAddr,
    pages: Pages,
}

/// The pages. Calls go through `channel` to the service on `grpc`.
pub fn router(channel: Channel, store: Store, grpc: SocketAddr, pages: Pages) -> Router {
    Router::new()
        .route("/review/{account}/{request}", get(request))
        .route("/bypasses/{account}/{review}", get(bypass))
        .route("/join/{account}", get(join))
        .with_state(Arc::new(Review { channel, store, grpc, pages }))
}

async fn request(
    State(review): State<Arc<Review>>,
    Path((account, request)): Path<(Uuid, Uuid)>,
) -> Result<Response, Response> {
    let admin = review.admin(AccountId(account)).await?;
    review.show(&account.to_string(), &admin, &request.to_string()).await.map_err(|status| refused(&status))
}

async fn bypass(State(review): State<Arc<Review>>, Path((account, id)): Path<(Uuid, Uuid)>) -> Response {
    let values = context! { account => account.to_string(), review => id.to_string(), grpc => review.grpc.to_string() };
    review.pages.page("bypass.html", values)
}

async fn join(State(review): State<Arc<Review>>, Path(account): Path<Uuid>) -> Response {
    let values = context! { account => account.to_string(), grpc => review.grpc.to_string() };
    review.pages.page("join.html", values)
}

impl Review {
    /// An Admin of the account: every account has one (ACC-11).
    async fn admin(&self, account: AccountId) -> Result<String, Response> {
        let mut after = None;
        loop {
            let page =
                self.store.list_members(account, after, MEMBERS).await.map_err(|error| failed(&error))?;
            if let Some(admin) = page.items.iter().find(|member| member.is_admin()) {
                return Ok(admin.id.to_string());
            }
            after = page.items.last().map(|member| member.id);
            if !page.more {
                return Err(not_found());
            }
        }
    }

    async fn show(&self, account: &str, admin: &str, request: &str) -> Result<Response, Status> {
        let caller = Caller { account, actor: admin };
        let account_id = account.to_owned();
        let ask = approval::GetApprovalRequestRequest {
            account_id: account_id.clone(),
            approval_request_id: request.to_owned(),
        };
        let mut requests = ApprovalServiceClient::new(self.channel.clone());
        let found = requests.get_approval_request(caller.call(ask)?).await?.into_inner().approval_request;
        let found = found.unwrap_or_default();
        let resource_id = found.resource_id.clone();

        let mut resources = ResourceServiceClient::new(self.channel.clone());
        let ask = approval::GetResourceRequest {
            account_id: account_id.clone(),
            resource_id: resource_id.clone(),
            ..Default::default()
        };
        let resource =
            resources.get_resource(caller.call(ask)?).await?.into_inner().resource.unwrap_or_default();
        let changes = if resource.staged.is_some() {
            let ask = approval::CompareStagedContentRequest {
                account_id: account_id.clone(),
                resource_id: resource_id.clone(),
            };
            resources.compare_staged_content(caller.call(ask)?).await?.into_inner().lines
        } else {
            Vec::new()
        };
        let ask =
            access::ListApproversRequest { account_id, resource_id, page_size: 200, ..Default::default() };
        let mut permissions = PermissionServiceClient::new(self.channel.clone());
        let approvers = permissions.list_approvers(caller.call(ask)?).await?.into_inner().approvers;

        let state = found.state();
        let request = written(&found)?;
        let resource = written(&resource)?;
        let content = resource.get("staged").or(resource.get("live")).and_then(|content| content.get("body"));
        Ok(self.pages.page(
            "request.html",
            context! {
                content => content.map(|body| format!("{body:#}")).unwrap_or_default(),
                state => state.as_str_name().trim_start_matches("REQUEST_STATE_"),
                open => state == RequestState::Pending,
                approvals => found.decisions.iter().filter(|it| counts(it)).count(),
                approvers => asked(&approvers, &found),
                request => Value::from(Serde(&request)),
                changes,
                grpc => self.grpc.to_string(),
            },
        ))
    }
}

/// Whether it is an approval, of somebody who may still decide (REQ-22).
fn counts(decision: &approval::Decision) -> bool {
    decision.verdict() == Verdict::Approved && decision.voided_time.is_none()
}

/// Some of those who may decide.
fn asked(approvers: &[access::Approver], request: &approval::ApprovalRequest) -> Vec<Value> {
    let submitter = request.submitter.as_ref().map(|submitter| &submitter.member_id);
    let is_asked = |approver: &&access::Approver| {
        let chosen = request.approver_ids.is_empty() || request.approver_ids.contains(&approver.member_id);
        Some(&approver.member_id) != submitter && (approver.admin || chosen)
    };
    let shown = approvers.iter().filter(is_asked).take(APPROVERS);
    shown
        .map(|it| context! { memberId => it.member_id.clone(), displayName => it.display_name.clone() })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "it is shown on a page of this process")]
fn written<M: Message + Name>(message: &M) -> Result<serde_json::Value, Status> {
    json::to_value(message).map_err(|error| Status::internal(error.to_string()))
}

fn refused(status: &Status) -> Response {
    if status.code() == Code::NotFound { not_found() } else { failed(status) }
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "There is no such request.\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves REQ-22 on the page: an approval whose giver lost the right is shown, and not counted.
    #[test]
    fn an_approval_counts_while_who_gave_it_may_decide() {
        let approved = approval::Decision { verdict: Verdict::Approved.into(), ..Default::default() };
        assert!(counts(&approved));
        let voided = approval::Decision { voided_time: Some(prost_types::Timestamp::default()), ..approved };
        assert!(!counts(&voided));
        assert!(!counts(&approval::Decision { verdict: Verdict::Rejected.into(), ..Default::default() }));
    }
}
