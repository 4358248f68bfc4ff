//! What users do, step by step, on whatever system is given. Each answers the mails that were sent.

use std::time::Duration;

use countersign_proto::{
    approval::{self, ActionOutcome, EditEffect},
    inbox::RibbonKind,
    types::{ApprovalStatus, RequestState},
};
use countersign_testkit::wait_for;

use crate::{
    client::{Caller, Team, content},
    system::{PATIENCE, System},
};
pub use crate::{invitations::people_join_by_invitation, lost_rights::assignees_are_lost};

const HOUR: Duration = Duration::from_hours(1);

/// Waits until the viewer sees just ribbons of these kinds on the resource.
pub async fn wait_for_ribbons(
    viewer: &Caller,
    resource: &str,
    kinds: &[RibbonKind],
) -> Vec<countersign_proto::inbox::Ribbon> {
    wait_for(&format!("the ribbons {kinds:?}"), PATIENCE, async || {
        let ribbons = viewer.ribbons(resource).await;
        let seen: Vec<_> = ribbons.iter().map(countersign_proto::inbox::Ribbon::kind).collect();
        (seen == kinds).then_some(ribbons)
    })
    .await
}

pub async fn events(viewer: &Caller, resource: &str) -> Vec<String> {
    viewer.history(resource).await.into_iter().map(|entry| entry.event).collect()
}

/// A campaign from draft to RUNNING: submitted, approved, started by its time.
pub async fn campaign_approved(system: &System) -> Vec<String> {
    let team = Team::new(system).await;
    // Both workflows were switched on, of which the Admin was told.
    system.wait_for_mails(2).await;
    let campaign = team.creator.campaign(Duration::from_secs(8), HOUR).await;
    let id = campaign.resource_id.as_str();
    assert_eq!(campaign.state, "DRAFT");
    assert_eq!(campaign.allowed_actions, ["LAUNCH", "ARCHIVE"]);

    let submitted = team
        .creator
        .perform(approval::PerformActionRequest {
            resource_id: id.into(),
            action: "LAUNCH".into(),
            note: "Ready for a second pair of eyes.".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(submitted.outcome(), ActionOutcome::Submitted);
    let pending = submitted.resource.unwrap();
    assert_eq!((pending.state.as_str(), pending.pending_label.as_str()), ("DRAFT", "APPROVAL_PENDING"));
    assert_eq!(pending.approval_status(), ApprovalStatus::ApprovalPending);
    let request = submitted.approval_request.unwrap();

    wait_for_ribbons(&team.approver, id, &[RibbonKind::Decide]).await;
    wait_for_ribbons(&team.admin, id, &[RibbonKind::Decide]).await;
    wait_for_ribbons(&team.creator, id, &[RibbonKind::Awaiting]).await;
    wait_for_ribbons(&team.member, id, &[RibbonKind::Awaiting]).await;
    // The approvers: Admin and Approver. The Editor was not given the right.
    system.wait_for_mails(4).await;

    let approved = team
        .approver
        .approve(approval::ApproveRequest {
            approval_request_id: request.approval_request_id.clone(),
            digest: request.digest.clone(),
            note: "Looks good.".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(approved.state(), RequestState::Approved);
    assert_eq!(approved.ended_by.unwrap().display_name, "Abel Approver");
    wait_for_ribbons(&team.creator, id, &[RibbonKind::Result]).await;
    for viewer in [&team.approver, &team.admin, &team.member] {
        wait_for_ribbons(viewer, id, &[]).await;
    }
    let running = wait_for("the campaign to run", PATIENCE, async || {
        let campaign = team.creator.resource(id).await.unwrap();
        (campaign.state == "RUNNING").then_some(campaign)
    })
    .await;
    assert_eq!(running.approval_status(), ApprovalStatus::ApprovalApproved);
    assert_eq!(events(&team.member, id).await, ["REGISTERED", "SUBMITTED", "APPROVED", "STARTED"]);
    system.wait_for_mails(5).await
}

/// A rejected campaign goes back to its author with the note.
pub async fn campaign_rejected(system: &System) -> Vec<String> {
    let team = Team::new(system).await;
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
    let id = campaign.resource_id.as_str();
    let request = team.creator.submit(id, "LAUNCH").await;
    wait_for_ribbons(&team.admin, id, &[RibbonKind::Decide]).await;
    // A mail that waits until all is decided is not sent any more.
    system.wait_for_mails(4).await;
    let rejected = team
        .admin
        .reject(approval::RejectRequest {
            approval_request_id: request,
            note: "The discount is 15 %, not 20 %.\nPlease correct it.".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(rejected.state(), RequestState::Rejected);
    let ribbons = wait_for_ribbons(&team.creator, id, &[RibbonKind::Result]).await;
    assert_eq!(ribbons[0].request_state, "REJECTED");
    assert!(ribbons[0].note.contains("15 %"));
    for viewer in [&team.approver, &team.admin, &team.member] {
        wait_for_ribbons(viewer, id, &[]).await;
    }
    let draft = team.creator.resource(id).await.unwrap();
    assert_eq!((draft.state.as_str(), draft.approval_status()), ("DRAFT", ApprovalStatus::ApprovalRejected));
    assert_eq!(draft.pending_approval_request_id, "");
    assert_eq!(events(&team.creator, id).await, ["REGISTERED", "SUBMITTED", "REJECTED"]);
    system.wait_for_mails(5).await
}

/// Somebody else cancels; the submitter and the assigned approver are told, the one who cancelled is not.
pub async fn campaign_cancelled(system: &System) -> Vec<String> {
    let team = Team::new(system).await;
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
    let id = campaign.resource_id.as_str();
    let submitted = team
        .creator
        .perform(approval::PerformActionRequest {
            resource_id: id.into(),
            action: "LAUNCH".into(),
            approver_ids: vec![team.approver.id.clone()],
            ..Default::default()
        })
        .await
        .unwrap();
    wait_for_ribbons(&team.approver, id, &[RibbonKind::Decide]).await;
    // An Admin may decide, but was not asked.
    wait_for_ribbons(&team.admin, id, &[RibbonKind::Awaiting]).await;
    system.wait_for_mails(3).await;
    let cancelled = team
        .editor
        .cancel(approval::CancelRequest {
            approval_request_id: submitted.approval_request.unwrap().approval_request_id,
            note: "The wrong segment".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(cancelled.state(), RequestState::Cancelled);
    wait_for_ribbons(&team.creator, id, &[RibbonKind::Result]).await;
    for viewer in [&team.approver, &team.admin, &team.editor, &team.member] {
        wait_for_ribbons(viewer, id, &[]).await;
    }
    let edited = team
        .creator
        .update(approval::UpdateResourceRequest {
            resource_id: id.into(),
            title: Some("Spring sale, second try".into()),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(edited.resource.unwrap().title, "Spring sale, second try");
    assert_eq!(events(&team.creator, id).await, ["REGISTERED", "SUBMITTED", "CANCELLED", "EDITED"]);
    system.wait_for_mails(5).await
}

/// An A/B test is started and finished, each with an approval; the second names the winner.
pub async fn ab_test_finished(system: &System) -> Vec<String> {
    let team = Team::new(system).await;
    let test = team.creator.ab_test().await;
    let id = test.resource_id.as_str();
    let start = team.creator.submit(id, "START").await;
    system.wait_for_mails(4).await;
    team.approver
        .approve(approval::ApproveRequest { approval_request_id: start, ..Default::default() })
        .await
        .unwrap();
    assert_eq!(team.creator.resource(id).await.unwrap().state, "RUNNING");
    wait_for_ribbons(&team.creator, id, &[RibbonKind::Result]).await;
    // Two for the workflows, two for the submission, two for the decision: submitter and Admin.
    system.wait_for_mails(6).await;

    let finish = team.creator.submit(id, "FINISH").await;
    wait_for_ribbons(&team.approver, id, &[RibbonKind::Decide]).await;
    assert_eq!(team.creator.resource(id).await.unwrap().pending_label, "FINISH_PENDING");
    system.wait_for_mails(8).await;
    let approved = team
        .admin
        .approve(approval::ApproveRequest {
            approval_request_id: finish,
            winning_variant: "blue".into(),
            note: "Blue it is.".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(approved.winning_variant, "blue");
    let finished = team.creator.resource(id).await.unwrap();
    assert_eq!((finished.state.as_str(), finished.winning_variant.as_str()), ("FINISHED", "blue"));
    wait_for_ribbons(&team.creator, id, &[RibbonKind::Result]).await;
    assert_eq!(
        events(&team.creator, id).await,
        ["REGISTERED", "SUBMITTED", "APPROVED", "SUBMITTED", "APPROVED"]
    );
    system.wait_for_mails(10).await
}

/// Nobody decides: the request expires by itself at the campaign's end, and those asked are told as well.
pub async fn campaign_expired(system: &System) -> Vec<String> {
    let team = Team::new(system).await;
    let campaign = team.creator.campaign(Duration::from_secs(8), Duration::from_secs(12)).await;
    let id = campaign.resource_id.as_str();
    let request = team.creator.submit(id, "LAUNCH").await;
    wait_for_ribbons(&team.approver, id, &[RibbonKind::Decide]).await;
    let ribbons = wait_for_ribbons(&team.creator, id, &[RibbonKind::Result]).await;
    assert_eq!(ribbons[0].request_state, "EXPIRED");
    for viewer in [&team.approver, &team.admin, &team.member] {
        wait_for_ribbons(viewer, id, &[]).await;
    }
    let expired = team.creator.approval_request(&request).await.unwrap();
    assert_eq!((expired.state(), expired.expiry_reason.as_str()), (RequestState::Expired, "DEADLINE"));
    assert_eq!(expired.ended_by.unwrap().display_name, "countersign");
    let campaign = team.creator.resource(id).await.unwrap();
    assert_eq!(
        (campaign.state.as_str(), campaign.approval_status()),
        ("DRAFT", ApprovalStatus::ApprovalExpired)
    );
    assert_eq!(events(&team.creator, id).await, ["REGISTERED", "SUBMITTED", "EXPIRED"]);
    system.wait_for_mails(7).await
}

/// Edits of what is live are staged; a rejection discards them, an approval makes them live. An edit of an approved
/// campaign that has not started voids its approval.
pub async fn edits_are_staged_or_void_the_approval(system: &System) -> Vec<String> {
    let team = Team::new(system).await;
    let config = team
        .creator
        .register(approval::RegisterResourceRequest {
            kind: "remote_config".into(),
            external_id: "checkout".into(),
            title: "New checkout".into(),
            content: Some(content(&serde_json::json!({"on": false}))),
            ..Default::default()
        })
        .await
        .unwrap();
    let id = config.resource_id.as_str();
    // Whoever is asked is told so before it is decided: `mails` then.
    let approve = async |request: String, mails: usize| {
        system.wait_for_mails(mails).await;
        let approval = approval::ApproveRequest { approval_request_id: request, ..Default::default() };
        team.admin.approve(approval).await.unwrap()
    };
    approve(team.creator.submit(id, "PUBLISH").await, 4).await;
    let edit = approval::UpdateResourceRequest {
        resource_id: id.into(),
        content: Some(content(&serde_json::json!({"on": true}))),
        ..Default::default()
    };
    let staged = team.creator.update(edit.clone()).await.unwrap();
    assert_eq!(staged.effect(), EditEffect::Staged);
    let staged = staged.resource.unwrap();
    assert_eq!(staged.live.as_ref().unwrap().digest, config.live.as_ref().unwrap().digest);
    let request = team.creator.submit(id, "PUBLISH_EDITS").await;
    assert_eq!(
        team.creator.approval_request(&request).await.unwrap().digest,
        staged.staged.as_ref().unwrap().digest
    );
    system.wait_for_mails(8).await;
    let reject = approval::RejectRequest { approval_request_id: request, ..Default::default() };
    team.admin.reject(reject).await.unwrap();
    assert_eq!(team.creator.resource(id).await.unwrap().staged, None);
    let staged = team.creator.update(edit).await.unwrap().resource.unwrap();
    approve(team.creator.submit(id, "PUBLISH_EDITS").await, 12).await;
    let live = team.creator.resource(id).await.unwrap();
    assert_eq!(live.live.unwrap().digest, staged.staged.unwrap().digest);
    assert_eq!((live.state.as_str(), live.staged), ("LIVE", None));

    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
    approve(team.creator.submit(&campaign.resource_id, "LAUNCH").await, 16).await;
    let voided = team
        .creator
        .update(approval::UpdateResourceRequest {
            resource_id: campaign.resource_id.clone(),
            title: Some("Summer sale".into()),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(voided.effect(), EditEffect::ApprovalVoided);
    assert_eq!(voided.resource.unwrap().state, "DRAFT");
    assert_eq!(
        events(&team.creator, &campaign.resource_id).await,
        ["REGISTERED", "SUBMITTED", "APPROVED", "APPROVAL_VOIDED"]
    );
    // Two for the workflows; of the config, two for each of three submissions and decisions; of the campaign, two and one.
    system.wait_for_mails(2 + 3 * (2 + 2) + 2 + 1).await
}
