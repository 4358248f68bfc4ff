//! One person can't take the second signature away unseen, nor, where the policy has a time of cooling off, use that (POL-9).

use countersign_proto::approval::{ApproveRequest, RejectRequest, UpdatePolicyRequest};
use countersign_proto::types::RequestState;
use countersign_testkit::wait_for;
use prost_types::Duration;
use tonic::Code;
use tonic_types::StatusExt;

use crate::{
    client::{Caller, Team},
    system::{PATIENCE, System},
};

fn approve(request: &str) -> ApproveRequest {
    ApproveRequest { approval_request_id: request.into(), ..Default::default() }
}

fn experiences() -> UpdatePolicyRequest {
    UpdatePolicyRequest { area: "PRODUCT_EXPERIENCES".into(), ..Default::default() }
}

async fn allow_self_approval(admin: &Caller, yes: bool) {
    admin.set_policy(UpdatePolicyRequest { allow_self_approval: Some(yes), ..experiences() }).await.unwrap();
}

/// The mails that tell of a weaker policy, one of which goes to each who is told, once there are as many.
async fn warnings(system: &System, count: usize) -> Vec<String> {
    wait_for("every warning of a weaker policy", PATIENCE, async || {
        let mails = system.mails().into_iter();
        let warnings: Vec<_> = mails.filter(|mail| mail.contains("countersign.policy.weakened.v1")).collect();
        (warnings.len() >= count).then_some(warnings)
    })
    .await
}

async fn is_seen_and_of_no_use(system: System) {
    let team = Team::new(&system).await;
    let hour = Duration { seconds: 3_600, nanos: 0 };
    let policy = UpdatePolicyRequest { cooling_off: Some(hour), ..experiences() };
    let policy = team.admin.set_policy(policy).await.unwrap();
    assert_eq!((policy.cooling_off, policy.held_members.len()), (Some(hour), 0));

    // An Admin opens self-approval, approves their own START, and closes it again.
    let test = team.admin.ab_test().await.resource_id;
    let request = team.admin.submit(&test, "START").await;
    allow_self_approval(&team.admin, true).await;
    let refused = team.admin.approve(approve(&request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let details = refused.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.metadata["area"].as_str()),
        ("COOLING_OFF", "PRODUCT_EXPERIENCES")
    );
    let reject = RejectRequest { approval_request_id: request.clone(), ..Default::default() };
    assert_eq!(team.admin.reject(reject).await.unwrap_err().code(), Code::PermissionDenied);
    allow_self_approval(&team.admin, false).await;

    // Everybody who may decide was told, with what it was, and sees who can't.
    let told = warnings(&system, 2).await;
    assert_eq!(told.len(), 2, "one for the Admin and one for the approver: {told:?}");
    for mail in &told {
        assert!(
            mail.contains("Ada Admin made the rules of approval for product experiences weaker"),
            "{mail}"
        );
        assert!(mail.contains("Submitters may approve their own requests: no"), "{mail}");
        assert!(mail.contains("Can't approve until:"), "{mail}");
    }
    let policy = team.approver.policy("PRODUCT_EXPERIENCES").await;
    let [held] = policy.held_members.as_slice() else { panic!("{policy:?}") };
    assert_eq!(held.member_id, team.admin.id);

    // A shorter time of cooling off frees nobody.
    let shorter = UpdatePolicyRequest { cooling_off: Some(Duration::default()), ..experiences() };
    team.admin.set_policy(shorter).await.unwrap();
    let of_another = team.creator.ab_test().await.resource_id;
    let of_another = team.creator.submit(&of_another, "START").await;
    let refused = team.admin.approve(approve(&of_another)).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "COOLING_OFF");
    for request in [request, of_another] {
        assert_eq!(team.approver.approve(approve(&request)).await.unwrap().state(), RequestState::Approved);
    }
}

/// Proves POL-9.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weaker_policy_is_seen_and_of_no_use_on_the_services() {
    is_seen_and_of_no_use(System::services().await).await;
}

/// Proves POL-9.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weaker_policy_is_seen_and_of_no_use_on_standalone() {
    is_seen_and_of_no_use(System::standalone().await).await;
}
