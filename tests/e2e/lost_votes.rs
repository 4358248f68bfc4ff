//! What becomes of approvals when who gave them loses the right to decide (REQ-22).

use countersign_proto::{
    access,
    approval::{self, ApproveRequest, UpdatePolicyRequest},
    types::{RequestState, SystemRole},
};

use crate::{
    client::{Caller, Team},
    lost_rights::launch,
    system::System,
};

fn approve(request: &str) -> ApproveRequest {
    ApproveRequest { approval_request_id: request.into(), ..Default::default() }
}

fn campaigns_of(level: access::AccessLevel, approve: bool) -> access::ComponentAccess {
    access::ComponentAccess { component: "engagement.campaigns".into(), level: level.into(), approve }
}

/// A team of which two must approve a campaign.
async fn team_of_two_approvals(system: &System) -> Team {
    let team = Team::new(system).await;
    let policy =
        UpdatePolicyRequest { area: "CAMPAIGNS".into(), required_approvals: Some(2), ..Default::default() };
    team.admin.set_policy(policy).await.unwrap();
    team
}

/// Approves by `first`, who then loses the right as `lose` says: the second approval alone is not enough, the third is.
async fn vote_is_lost(team: &Team, what: &str, first: &Caller, lose: impl AsyncFnOnce()) -> String {
    let (campaign, request) = launch(team, &[]).await;
    first.approve(approve(&request)).await.unwrap();
    lose().await;
    let pending = team.creator.approval_request(&request).await.unwrap();
    assert_eq!(pending.state(), RequestState::Pending, "{what}");
    let [decision] = pending.decisions.as_slice() else { panic!("{what}: {:?}", pending.decisions) };
    assert!(decision.voided_time.is_some(), "{what}: the vote still counts");
    let history = team.creator.history(&campaign).await;
    let events: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["REGISTERED", "SUBMITTED", "APPROVAL_RECORDED", "VOTE_VOIDED"], "{what}");

    let second = team.approver.approve(approve(&request)).await.unwrap();
    assert_eq!(second.state(), RequestState::Pending, "{what}: one approval counts, two are needed");
    let third = team.admin.approve(approve(&request)).await.unwrap();
    assert_eq!(third.state(), RequestState::Approved, "{what}");
    history[3].note.clone()
}

/// Proves REQ-22, REQ-9: each way to lose the right takes the votes with it, in the transaction that takes the right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_counts_only_while_who_gave_it_may_decide() {
    let system = System::standalone().await;
    let team = team_of_two_approvals(&system).await;
    let role = |name: &str| access::CreateRoleRequest {
        name: name.into(),
        accesses: vec![campaigns_of(access::AccessLevel::Read, true)],
        ..Default::default()
    };

    let revoked = team.admin.other(team.admin.add("Rita Revoked", SystemRole::Approver).await);
    let note = vote_is_lost(&team, "revoked", &revoked, async || {
        team.admin.revoke(&revoked.id).await.unwrap();
    })
    .await;
    assert_eq!(note, "no longer counted: the approval of Rita Revoked");

    let demoted = team.admin.other(team.admin.add("Dirk Demoted", SystemRole::Admin).await);
    vote_is_lost(&team, "demoted", &demoted, async || {
        let change = access::UpdateMemberRequest {
            member_id: demoted.id.clone(),
            system_role: SystemRole::Creator.into(),
            ..Default::default()
        };
        team.admin.update_member(change).await.unwrap();
    })
    .await;

    let right = access::UpdateMemberRequest {
        member_id: team.editor.id.clone(),
        approval_right: Some(true),
        ..Default::default()
    };
    team.admin.update_member(right.clone()).await.unwrap();
    vote_is_lost(&team, "the right was withdrawn", &team.editor, async || {
        let change = access::UpdateMemberRequest { approval_right: Some(false), ..right };
        team.admin.update_member(change).await.unwrap();
    })
    .await;

    let deleted = team.admin.create_role(role("Deleted")).await.unwrap().role_id;
    let holder = team.admin.other(team.admin.add_with("Dora Deleted", vec![deleted.clone()]).await);
    vote_is_lost(&team, "the role was deleted", &holder, async || {
        team.admin.delete_role(&deleted).await.unwrap();
    })
    .await;

    let edited = team.admin.create_role(role("Edited")).await.unwrap().role_id;
    let holder = team.admin.other(team.admin.add_with("Erna Edited", vec![edited.clone()]).await);
    vote_is_lost(&team, "the component was taken from the role", &holder, async || {
        let change = access::UpdateRoleRequest {
            role_id: edited.clone(),
            accesses: vec![campaigns_of(access::AccessLevel::Read, false)],
            replace_accesses: true,
            ..Default::default()
        };
        team.admin.update_role(change).await.unwrap();
    })
    .await;

    let scoped = team.admin.create_role(role("Scoped")).await.unwrap().role_id;
    let holder = team.admin.other(team.admin.add_with("Sina Scoped", vec![scoped.clone()]).await);
    vote_is_lost(&team, "the scope excludes the campaign", &holder, async || {
        let scope = access::DataScope { property: "Country".into(), values: vec!["US".into()] };
        let change =
            access::UpdateRoleRequest { role_id: scoped.clone(), scope: Some(scope), ..Default::default() };
        team.admin.update_role(change).await.unwrap();
    })
    .await;
}

/// Proves REQ-22, REQ-11: what can't get its missing approvals any more ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_can_not_get_the_missing_approvals_ends() {
    let system = System::standalone().await;
    let team = team_of_two_approvals(&system).await;
    let (_, request) = launch(&team, &[]).await;
    team.approver.approve(approve(&request)).await.unwrap();
    team.admin.revoke(&team.approver.id).await.unwrap();
    let ended: approval::ApprovalRequest = team.creator.approval_request(&request).await.unwrap();
    assert_eq!(ended.state(), RequestState::Expired, "one is left, two are needed");
    assert_eq!(ended.expiry_reason, "NO_ELIGIBLE_APPROVERS");
}

/// Proves REQ-22: who has the right again can approve again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_can_be_given_again_with_the_right() {
    let system = System::standalone().await;
    let team = team_of_two_approvals(&system).await;
    // Enough others, so that the request goes on.
    team.admin.add("Anna Approver", SystemRole::Approver).await;
    let (_, request) = launch(&team, &[]).await;
    team.approver.approve(approve(&request)).await.unwrap();
    for role in [SystemRole::Creator, SystemRole::Approver] {
        let change = access::UpdateMemberRequest {
            member_id: team.approver.id.clone(),
            system_role: role.into(),
            ..Default::default()
        };
        team.admin.update_member(change).await.unwrap();
        let decisions = team.creator.approval_request(&request).await.unwrap().decisions;
        assert!(decisions[0].voided_time.is_some(), "a vote comes not back by itself");
    }
    let again = team.approver.approve(approve(&request)).await.unwrap();
    assert_eq!(again.state(), RequestState::Pending);
    assert_eq!(again.decisions.len(), 1);
    assert!(again.decisions[0].voided_time.is_none());
    let done = team.admin.approve(approve(&request)).await.unwrap();
    assert_eq!(done.state(), RequestState::Approved);
}
