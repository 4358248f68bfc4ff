//! What happens between a submission and its decision, and decisions by the dozen.

use std::time::Duration;

use countersign_proto::{
    access,
    approval::{self, bulk_decision::Decision, bulk_result},
    inbox::RibbonKind,
    types::{RequestState, SystemRole},
};
use tonic::Code;

use crate::{
    bad_input::reason,
    client::{Caller, Team, new_id},
    scenarios::{events, wait_for_ribbons},
    system::System,
};

const HOUR: Duration = Duration::from_hours(1);

fn approve(id: &str) -> approval::ApproveRequest {
    approval::ApproveRequest { approval_request_id: id.into(), ..Default::default() }
}

fn reject(id: &str) -> approval::RejectRequest {
    approval::RejectRequest { approval_request_id: id.into(), note: "No".into(), ..Default::default() }
}

/// Submits the launch of a new campaign to these approvers.
async fn launch(team: &Team, approvers: &[&Caller]) -> (String, String) {
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await.resource_id;
    let launch = approval::PerformActionRequest {
        resource_id: campaign.clone(),
        action: "LAUNCH".into(),
        approver_ids: approvers.iter().map(|approver| approver.id.clone()).collect(),
        ..Default::default()
    };
    let request = team.creator.perform(launch).await.unwrap().approval_request.unwrap();
    (campaign, request.approval_request_id)
}

/// Proves REQ-21, NOT-8: a comment is history and reaches the other side, and what is decided on stays the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_go_back_and_forth() {
    let system = System::services().await;
    let team = Team::new(&system).await;
    let (campaign, request) = launch(&team, &[&team.approver]).await;
    let before = team.approver.approval_request(&request).await.unwrap();
    let mails = system.wait_for_mails(3).await.len();
    let asked = team.approver.comment(&request, "Why not in May?").await.unwrap();
    assert_eq!(asked.etag, before.etag, "what the approver saw is still what they decide on");
    let mails = system.wait_for_mails(mails + 1).await;
    let mail = mails.last().unwrap();
    assert!(mail.contains("carl.creator@acme.example") && mail.contains("Why not in May?"), "{mail}");
    team.creator.comment(&request, "The stock is here now").await.unwrap();
    let mails = system.wait_for_mails(mails.len() + 1).await;
    assert!(mails.last().unwrap().contains("abel.approver@acme.example"));

    let decide = approval::ApproveRequest { etag: before.etag, ..approve(&request) };
    team.approver.approve(decide).await.unwrap();
    let history = team.creator.history(&campaign).await;
    let notes: Vec<_> = history.iter().map(|it| (it.event.as_str(), it.note.as_str())).collect();
    assert_eq!(
        notes[2..],
        [("COMMENTED", "Why not in May?"), ("COMMENTED", "The stock is here now"), ("APPROVED", "")]
    );
    let late = team.creator.comment(&request, "Thanks").await.unwrap_err();
    assert_eq!((late.code(), reason(&late).as_str()), (Code::FailedPrecondition, "REQUEST_DECIDED"));
    let empty = team.creator.comment(&request, "").await.unwrap_err();
    assert_eq!(reason(&empty), "REQUEST_DECIDED", "the state is told first");
    let (_, open) = launch(&team, &[]).await;
    for text in ["", "  ", &"x".repeat(1_025)] {
        let refused = team.creator.comment(&open, text).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
    }
}

/// Proves REQ-6, NOT-12: who is asked instead sees it, and who is not any more does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_approvers_are_asked_instead() {
    for system in [System::services().await, System::standalone().await] {
        let team = Team::new(&system).await;
        let second = team.admin.other(team.admin.add("Berta Backup", SystemRole::Approver).await);
        let (campaign, request) = launch(&team, &[&team.approver]).await;
        wait_for_ribbons(&team.approver, &campaign, &[RibbonKind::Decide]).await;
        wait_for_ribbons(&second, &campaign, &[RibbonKind::Awaiting]).await;
        let refused = second.approve(approve(&request)).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_ASSIGNED");

        let handed_on = team.approver.reassign(&request, &[&second]).await.unwrap();
        assert_eq!(handed_on.approver_ids, [second.id.as_str()]);
        wait_for_ribbons(&second, &campaign, &[RibbonKind::Decide]).await;
        wait_for_ribbons(&team.approver, &campaign, &[RibbonKind::Awaiting]).await;
        let refused = team.approver.approve(approve(&request)).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_ASSIGNED");
        for nobody in [&team.creator, &team.member] {
            let refused = team.creator.reassign(&request, &[nobody]).await.unwrap_err();
            assert_eq!(reason(&refused), "INVALID_FIELDS");
        }
        let waits = approval::ListApprovalRequestsRequest { waiting_for_me: true, ..Default::default() };
        assert_eq!(second.requests(waits.clone()).await.unwrap().approval_requests.len(), 1);
        assert!(team.approver.requests(waits).await.unwrap().approval_requests.is_empty());
        second.approve(approve(&request)).await.unwrap();
        assert_eq!(events(&team.creator, &campaign).await[1..], ["SUBMITTED", "REASSIGNED", "APPROVED"]);
        let history = team.creator.history(&campaign).await;
        assert_eq!(history[2].note, "asked now: Berta Backup. On leave");
    }
}

/// Each decision by itself: one that is refused holds back no other, and a repetition answers the same (REQ-18).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_decided_in_one_call() {
    let system = System::services().await;
    let team = Team::new(&system).await;
    let mut requests = Vec::new();
    for _ in 0..12 {
        requests.push(launch(&team, &[]).await.1);
    }
    let decided = launch(&team, &[]).await.1;
    team.admin.approve(approve(&decided)).await.unwrap();
    let mut decisions: Vec<Decision> = requests
        .iter()
        .enumerate()
        .map(|(index, id)| {
            let request_id = new_id();
            if index % 3 == 0 {
                Decision::Reject(approval::RejectRequest { request_id, ..reject(id) })
            } else {
                Decision::Approve(approval::ApproveRequest { request_id, ..approve(id) })
            }
        })
        .collect();
    decisions.insert(3, Decision::Approve(approve(&decided)));
    decisions.push(Decision::Reject(approval::RejectRequest { note: String::new(), ..reject(&new_id()) }));
    let results = team.approver.bulk(decisions.clone()).await.unwrap();
    assert_eq!(results.len(), 14);
    let mut order = requests.clone();
    order.insert(3, decided.clone());
    for (index, (id, result)) in order.iter().zip(&results).enumerate() {
        assert_eq!(result.approval_request_id, *id);
        match result.result.as_ref().unwrap() {
            bulk_result::Result::Error(error) => {
                assert_eq!((index, error.code, error.reason.as_str()), (3, 9, "REQUEST_DECIDED"));
            }
            bulk_result::Result::ApprovalRequest(request) => {
                let place = requests.iter().position(|known| known == id).unwrap();
                let state = if place % 3 == 0 { RequestState::Rejected } else { RequestState::Approved };
                assert_eq!(request.state(), state);
            }
        }
    }
    let Some(bulk_result::Result::Error(missing)) = &results[13].result else { panic!("{:?}", results[13]) };
    assert_eq!((missing.code, missing.reason.as_str()), (5, "NOT_FOUND"));
    assert_eq!(team.approver.bulk(decisions).await.unwrap()[..3], results[..3], "the same when repeated");

    let too_many = vec![Decision::Approve(approve(&decided)); 101];
    let refused = team.approver.bulk(too_many).await.unwrap_err();
    assert!(refused.message().contains("1 to 100, are 101"), "{refused:?}");
    let twice = vec![Decision::Approve(approve(&decided)), Decision::Reject(reject(&decided))];
    let refused = team.approver.bulk(twice).await.unwrap_err();
    assert!(refused.message().contains("decisions[1].approval_request_id"), "{refused:?}");
}

type Filter = approval::ListApprovalRequestsRequest;

/// Proves REQ-19, ACC-16 over the wire: every filter, both orders, and page tokens that fit no other list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_listed_by_what_one_looks_for() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let assigned = launch(&team, &[&team.admin]).await.1;
    let open = launch(&team, &[]).await.1;
    let test = team.creator.ab_test().await.resource_id;
    let start = team.creator.submit(&test, "START").await;
    let done = launch(&team, &[]).await.1;
    team.approver.approve(approve(&done)).await.unwrap();
    let list = async |who: &Caller, message: approval::ListApprovalRequestsRequest| {
        let page = who.requests(message).await.unwrap();
        page.approval_requests.into_iter().map(|request| request.approval_request_id).collect::<Vec<_>>()
    };
    let waiting = Filter { waiting_for_me: true, ..Default::default() };
    assert_eq!(list(&team.approver, waiting.clone()).await, [start.clone(), open.clone()]);
    assert_eq!(list(&team.admin, waiting.clone()).await, [start.clone(), open.clone(), assigned.clone()]);
    assert!(list(&team.creator, waiting.clone()).await.is_empty());
    let urgent = Filter { order: approval::RequestOrder::MostUrgent.into(), ..Default::default() };
    // Campaigns expire at their end; the test has no deadline.
    assert_eq!(list(&team.member, urgent.clone()).await, [assigned.clone(), open.clone(), start.clone()]);
    let mine = Filter { submitted_by_me: true, kind: "ab_test".into(), ..Default::default() };
    assert_eq!(list(&team.creator, mine.clone()).await, [start.as_str()]);
    assert!(list(&team.admin, mine).await.is_empty());
    let theirs =
        Filter { submitter_id: team.creator.id.clone(), area: "CAMPAIGNS".into(), ..Default::default() };
    assert_eq!(list(&team.member, theirs).await, [done.clone(), open, assigned]);
    let decided = Filter { decided_by_me: true, ..Default::default() };
    assert_eq!(list(&team.approver, decided.clone()).await, [done]);
    assert!(list(&team.admin, decided.clone()).await.is_empty());

    let page = team.admin.requests(Filter { page_size: 1, ..waiting.clone() }).await.unwrap();
    let page_token = page.next_page_token;
    let next =
        team.admin.requests(Filter { page_size: 1, page_token: page_token.clone(), ..waiting.clone() });
    assert_eq!(next.await.unwrap().approval_requests.len(), 1);
    let other = Filter { page_token: page_token.clone(), ..urgent };
    assert_eq!(reason(&team.admin.requests(other).await.unwrap_err()), "INVALID_FIELDS");
    // Somebody else's list is another one.
    let theirs = Filter { page_token, ..waiting.clone() };
    assert_eq!(reason(&team.approver.requests(theirs).await.unwrap_err()), "INVALID_FIELDS");
    // Who may read campaigns alone does not even learn from pages that there is something else (ACC-16).
    let role = access::CreateRoleRequest {
        name: "Campaigns".into(),
        accesses: vec![access::ComponentAccess {
            component: "engagement.campaigns".into(),
            level: access::AccessLevel::Read.into(),
            approve: false,
        }],
        ..Default::default()
    };
    let role = team.admin.create_role(role).await.unwrap().role_id;
    let limited = team.admin.other(team.admin.add_with("Lena Limited", vec![role]).await);
    let second = team.creator.ab_test().await.resource_id;
    team.creator.submit(&second, "START").await;
    for hidden in [
        Filter { area: "PRODUCT_EXPERIENCES".into(), page_size: 1, ..Default::default() },
        Filter { kind: "ab_test".into(), page_size: 1, ..Default::default() },
    ] {
        assert_eq!(team.member.requests(hidden.clone()).await.unwrap().approval_requests.len(), 1);
        let nothing = approval::ListApprovalRequestsResponse::default();
        assert_eq!(limited.requests(hidden).await.unwrap(), nothing);
    }
    let page = limited.requests(Filter { page_size: 3, ..Default::default() }).await.unwrap();
    assert_eq!((page.approval_requests.len(), page.next_page_token.as_str()), (3, ""));
    for contradiction in [
        Filter { decided_by_me: true, ..waiting.clone() },
        Filter { state: RequestState::Approved.into(), ..waiting },
        Filter { submitted_by_me: true, submitter_id: new_id(), ..Default::default() },
        Filter { order: 9, ..Default::default() },
        Filter { area: "ELSEWHERE".into(), kind: "nothing".into(), ..Default::default() },
    ] {
        assert_eq!(reason(&team.admin.requests(contradiction).await.unwrap_err()), "INVALID_FIELDS");
    }
}

/// Proves POL-7, HIS-2: what the policy was, and who changed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_has_a_history() {
    let system = System::services().await;
    let team = Team::new(&system).await;
    let change = approval::UpdatePolicyRequest {
        area: "CAMPAIGNS".into(),
        required_approvals: Some(2),
        reminder_after: Some(prost_types::Duration { seconds: 7_200, nanos: 0 }),
        ..Default::default()
    };
    let policy = team.admin.set_policy(change).await.unwrap();
    let out_of_range = approval::UpdatePolicyRequest {
        area: "CAMPAIGNS".into(),
        required_approvals: Some(11),
        reminder_after: Some(prost_types::Duration { seconds: 366 * 86_400, nanos: 0 }),
        ..Default::default()
    };
    let refused = team.admin.set_policy(out_of_range).await.unwrap_err();
    assert_eq!(refused.message(), "2 fields are not acceptable");
    let revisions = team.member.policy_revisions("CAMPAIGNS").await;
    let seen: Vec<_> = revisions
        .iter()
        .map(|it| {
            let policy = it.policy.as_ref().unwrap();
            (it.actor.as_ref().unwrap().display_name.as_str(), policy.enabled, policy.required_approvals)
        })
        .collect();
    assert_eq!(seen, [("Ada Admin", true, 2), ("Ada Admin", true, 1)]);
    assert_eq!(revisions[0].policy, Some(policy));
    assert_eq!(team.member.policy_revisions("PRODUCT_EXPERIENCES").await.len(), 1);
}
