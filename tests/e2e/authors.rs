//! Who wrote what a request is about, and that a policy can keep them from deciding it (REQ-23).

use countersign_proto::approval::{
    ApproveRequest, ListApprovalRequestsRequest, UpdatePolicyRequest, UpdateResourceRequest,
};
use countersign_proto::types::RequestState;
use tonic::Code;
use tonic_types::StatusExt;

use crate::{
    client::{Caller, Team, content},
    system::System,
};

fn approve(request: &str) -> ApproveRequest {
    ApproveRequest { approval_request_id: request.into(), ..Default::default() }
}

async fn exclude_authors(team: &Team, yes: bool) {
    let policy = UpdatePolicyRequest {
        area: "PRODUCT_EXPERIENCES".into(),
        exclude_authors: Some(yes),
        ..Default::default()
    };
    team.admin.set_policy(policy).await.unwrap();
}

async fn waits_for(caller: &Caller) -> usize {
    let waiting = ListApprovalRequestsRequest { waiting_for_me: true, ..Default::default() };
    caller.requests(waiting).await.unwrap().approval_requests.len()
}

/// An approver writes the change, somebody else submits it.
///
/// Proves REQ-23.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wrote_the_change_approves_it_only_where_the_policy_lets_them() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let test = team.creator.ab_test().await.resource_id;
    let edit = UpdateResourceRequest {
        resource_id: test.clone(),
        content: Some(content(&serde_json::json!({"text": "of the approver"}))),
        ..Default::default()
    };
    team.approver.update(edit).await.unwrap();
    let request = team.creator.submit(&test, "START").await;
    let authors = team.creator.approval_request(&request).await.unwrap().author_ids;
    assert_eq!(authors, [team.creator.id.clone(), team.approver.id.clone()]);
    assert_eq!(waits_for(&team.approver).await, 1);
    assert!(team.creator.approvers(&test).await.unwrap().contains(&"Abel Approver".to_owned()));

    exclude_authors(&team, true).await;
    assert_eq!((waits_for(&team.approver).await, waits_for(&team.admin).await), (0, 1));
    assert!(!team.creator.approvers(&test).await.unwrap().contains(&"Abel Approver".to_owned()));
    let refused = team.approver.approve(approve(&request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "AUTHOR_APPROVAL");

    // The policy of the moment counts.
    exclude_authors(&team, false).await;
    let approved = team.approver.approve(approve(&request)).await.unwrap();
    assert_eq!(approved.state(), RequestState::Approved);
    // What comes next is somebody else's change.
    let next = team.creator.submit(&test, "PAUSE").await;
    assert_eq!(team.creator.approval_request(&next).await.unwrap().author_ids, Vec::<String>::new());
}
