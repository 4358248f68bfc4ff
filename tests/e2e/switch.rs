//! What a workflow that is switched off leaves (POL-2).

use std::time::Duration;

use countersign_proto::{
    approval,
    types::{ApprovalStatus, RequestState},
};
use countersign_testkit::wait_for;

use crate::{
    client::{Team, content},
    scenarios::{events, wait_for_ribbons},
    system::{PATIENCE, System},
};

const HOUR: Duration = Duration::from_hours(1);

async fn switch(team: &Team, area: &str, enabled: bool) -> Result<approval::Policy, tonic::Status> {
    let request =
        approval::UpdatePolicyRequest { area: area.into(), enabled: Some(enabled), ..Default::default() };
    team.admin.set_policy(request).await
}

/// Proves POL-2, NOT-7, NOT-12: what is pending is reverted in the switch's own transaction, staged edits are kept, ribbons go,
/// and of the people only Admins and Approvers are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pending_is_reverted() {
    let system = System::services().await;
    let team = Team::new(&system).await;
    system.wait_for_mails(2).await;
    let remote = team
        .creator
        .register(approval::RegisterResourceRequest {
            kind: "remote_config".into(),
            external_id: "limit".into(),
            title: "Limit".into(),
            content: Some(content(&serde_json::json!({"limit": 1}))),
            ..Default::default()
        })
        .await
        .unwrap()
        .resource_id;
    let published = team.creator.submit(&remote, "PUBLISH").await;
    // A mail that waits until all is decided is not sent any more.
    system.wait_for_mails(4).await;
    let approve = approval::ApproveRequest { approval_request_id: published, ..Default::default() };
    team.approver.approve(approve).await.unwrap();
    let edit = approval::UpdateResourceRequest {
        resource_id: remote.clone(),
        content: Some(content(&serde_json::json!({"limit": 2}))),
        ..Default::default()
    };
    let staged = team.creator.update(edit).await.unwrap().resource.unwrap().staged;
    let request = team.creator.submit(&remote, "PUBLISH_EDITS").await;
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await.resource_id;
    let untouched = team.creator.submit(&campaign, "LAUNCH").await;
    // Two submissions to the Admin and the Approver, the campaign's too, and the decision to the submitter and the Admin.
    system.wait_for_mails(10).await;

    switch(&team, "PRODUCT_EXPERIENCES", false).await.unwrap();
    let reverted = team.creator.approval_request(&request).await.unwrap();
    assert_eq!(reverted.state(), RequestState::Reverted);
    let resource = team.creator.resource(&remote).await.unwrap();
    assert_eq!((resource.state.as_str(), resource.pending_label.as_str()), ("LIVE", ""));
    assert_eq!(resource.approval_status(), ApprovalStatus::ApprovalCancelled);
    assert_eq!(resource.staged, staged, "nobody loses work");
    assert_eq!(events(&team.creator, &remote).await.last().unwrap(), "REVERTED");
    assert_eq!(team.creator.approval_request(&untouched).await.unwrap().state(), RequestState::Pending);
    wait_for_ribbons(&team.approver, &remote, &[]).await;
    // The Admin and the Approver are told of the switch, the submitter of nothing.
    let mails = system.wait_for_mails(12).await;
    assert_eq!(mails.iter().filter(|mail| mail.contains("Approvals are off")).count(), 2);

    // And now it applies at once.
    let publish = approval::PerformActionRequest {
        resource_id: remote.clone(),
        action: "PUBLISH_EDITS".into(),
        ..Default::default()
    };
    let applied = team.creator.perform(publish).await.unwrap();
    assert_eq!(applied.outcome(), approval::ActionOutcome::Applied);
}

/// Proves POL-2 where there are more than one transaction takes: whoever decides meanwhile comes after, and the workflow is not
/// switched on again before all are reverted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_are_reverted_one_by_one() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let mut requests = Vec::new();
    for _ in 0..120 {
        let campaign = team.creator.campaign(HOUR, 2 * HOUR).await.resource_id;
        requests.push(team.creator.submit(&campaign, "LAUNCH").await);
    }
    switch(&team, "CAMPAIGNS", false).await.unwrap();
    for request in requests.iter().rev().take(3) {
        let approve = approval::ApproveRequest { approval_request_id: request.clone(), ..Default::default() };
        let refused = team.approver.approve(approve).await.unwrap_err();
        assert!(refused.message().contains("reverted"), "{refused:?}");
    }
    wait_for("the workflow to be switched on again", PATIENCE, async || {
        match switch(&team, "CAMPAIGNS", true).await {
            Ok(_) => Some(()),
            Err(refused) => {
                assert!(refused.message().contains("still being reverted"), "{refused:?}");
                None
            }
        }
    })
    .await;
    for request in &requests {
        assert_eq!(team.creator.approval_request(request).await.unwrap().state(), RequestState::Reverted);
    }
}
