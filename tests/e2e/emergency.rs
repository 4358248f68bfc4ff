//! Emergency bypasses and their reviews (POL-8), and the gate that launching services ask.

use std::time::Duration;

use countersign_proto::{
    approval::{self, GateBlock},
    types::SystemRole,
};
use tonic::Code;

use crate::{
    bad_input::reason,
    client::{Team, content, in_future},
    scenarios::events,
    system::System,
};

const HOUR: Duration = Duration::from_hours(1);

fn approve(id: &str) -> approval::ApproveRequest {
    approval::ApproveRequest { approval_request_id: id.into(), ..Default::default() }
}

/// Proves POL-8, NOT-9: applied at once, told to every approver, and not again before another approver has looked at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_is_reviewed_before_the_next() {
    for system in [System::services().await, System::standalone().await] {
        let team = Team::new(&system).await;
        let second = team.admin.other(team.admin.add("Alma Admin", SystemRole::Admin).await);
        let mails = system.wait_for_mails(2).await.len();
        let test = team.creator.ab_test().await.resource_id;
        let answer = team.admin.bypass(&test, "START").await.unwrap();
        assert_eq!(answer.outcome(), approval::ActionOutcome::EmergencyBypass);
        assert_eq!(answer.resource.unwrap().state, "RUNNING");
        let review = answer.review_id;
        // The Approver and the other Admin; not the one who did it, and not the Editor.
        let mails = system.wait_for_mails(mails + 2).await;
        let told = mails.iter().filter(|mail| mail.contains("It burns")).count();
        assert_eq!(told, 2);

        let again = team.admin.bypass(&test, "PAUSE").await.unwrap_err();
        assert_eq!((again.code(), reason(&again).as_str()), (Code::FailedPrecondition, "REVIEW_OPEN"));
        assert_eq!(team.member.reviews().await.len(), 1);
        assert_eq!(team.member.review(&review).await.unwrap().reason, "It burns");
        let own = team.admin.close_review(&review).await.unwrap_err();
        assert_eq!(reason(&own), "SELF_REVIEW");
        let not_theirs = team.creator.close_review(&review).await.unwrap_err();
        assert_eq!(reason(&not_theirs), "PERMISSION_DENIED");
        let closed = team.approver.close_review(&review).await.unwrap();
        assert_eq!(closed.closed_by.unwrap().display_name, "Abel Approver");
        let late = second.close_review(&review).await.unwrap_err();
        assert_eq!((late.code(), reason(&late).as_str()), (Code::FailedPrecondition, "REVIEW_CLOSED"));
        assert!(late.message().contains("Abel Approver"), "{late:?}");
        assert!(team.member.reviews().await.is_empty());
        team.admin.bypass(&test, "PAUSE").await.unwrap();
        assert_eq!(
            events(&team.creator, &test).await,
            ["REGISTERED", "EMERGENCY_BYPASSED", "REVIEWED", "EMERGENCY_BYPASSED"]
        );
        // One Admin's open review is not another's.
        second.bypass(&test, "RESUME").await.unwrap();
    }
}

/// Proves POL-8: of two bypasses of one Admin at once, on two resources, one happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_emergencies_at_once_are_one() {
    let system = System::services().await;
    let team = Team::new(&system).await;
    let second = team.admin.other(team.admin.add("Alma Admin", SystemRole::Admin).await);
    for _ in 0..20 {
        let (one, other) = (team.creator.ab_test().await, team.creator.ab_test().await);
        let (one, other) = tokio::join!(
            team.admin.bypass(&one.resource_id, "START"),
            team.admin.bypass(&other.resource_id, "START")
        );
        let (done, refused) = match (one, other) {
            (Ok(done), Err(refused)) | (Err(refused), Ok(done)) => (done, refused),
            both => panic!("{both:?}"),
        };
        assert_eq!(reason(&refused), "REVIEW_OPEN");
        second.close_review(&done.review_id).await.unwrap();
    }
}

/// The gate: yes only for what was approved, in its time; no with every reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_opens_for_what_was_approved() {
    for system in [System::services().await, System::standalone().await] {
        let team = Team::new(&system).await;
        let campaign = team.creator.campaign(Duration::from_secs(4), HOUR).await;
        let (id, digest) = (campaign.resource_id.clone(), campaign.live.unwrap().digest);
        let question = approval::CheckActionRequest {
            kind: "campaign".into(),
            external_id: campaign.external_id.clone(),
            action: "LAUNCH".into(),
            digest: digest.clone(),
            ..Default::default()
        };
        let blocks = |answer: &approval::CheckActionResponse| {
            answer.reasons.iter().map(approval::GateReason::block).collect::<Vec<_>>()
        };
        let ask = async || team.member.gate(question.clone()).await.unwrap();
        let answer = ask().await;
        assert!(!answer.allowed && answer.grant.is_none());
        assert_eq!(blocks(&answer), [GateBlock::NeverAllowed]);
        let request = team.creator.submit(&id, "LAUNCH").await;
        assert_eq!(blocks(&ask().await), [GateBlock::Pending, GateBlock::NeverAllowed]);
        team.approver.approve(approve(&request)).await.unwrap();
        let answer = ask().await;
        assert!(!answer.allowed);
        assert_eq!(blocks(&answer), [GateBlock::TooEarly]);
        let wrong = approval::CheckActionRequest {
            digest: String::new(),
            content: Some(content(&serde_json::json!({"subject": "Something else"}))),
            launch_mode: countersign_proto::types::LaunchMode::Test.into(),
            ..question.clone()
        };
        let answer = team.member.gate(wrong).await.unwrap();
        assert_eq!(blocks(&answer), [GateBlock::OtherContent, GateBlock::OtherMode, GateBlock::TooEarly]);
        let answer = countersign_testkit::wait_for("the gate to open", crate::system::PATIENCE, async || {
            Some(ask().await).filter(|answer| answer.allowed)
        })
        .await;
        let grant = answer.grant.unwrap();
        assert_eq!((grant.approval_request_id, grant.event.as_str()), (request, "APPROVED"));
        assert_eq!((grant.actor.unwrap().display_name.as_str(), grant.digest), ("Abel Approver", digest));
        assert!(answer.valid_until.unwrap().seconds > in_future(Duration::ZERO).seconds);
        let same = approval::CheckActionRequest {
            digest: String::new(),
            content: Some(content(&serde_json::json!({"subject": "Spring is here: 20 % off"}))),
            resource_id: id.clone(),
            kind: String::new(),
            external_id: String::new(),
            ..question.clone()
        };
        assert!(team.member.gate(same).await.unwrap().allowed, "its digest is made here");

        let stop =
            approval::PerformActionRequest { resource_id: id, action: "STOP".into(), ..Default::default() };
        team.creator.perform(stop).await.unwrap();
        assert_eq!(blocks(&ask().await), [GateBlock::NotInForce]);
        for (bad, field) in [
            (approval::CheckActionRequest { digest: String::new(), ..question.clone() }, "digest"),
            (approval::CheckActionRequest { digest: "sha256:1".into(), ..question.clone() }, "digest"),
            (approval::CheckActionRequest { action: "PAUSE".into(), ..question.clone() }, "action"),
            (approval::CheckActionRequest { external_id: String::new(), ..question.clone() }, "external_id"),
        ] {
            let refused = team.member.gate(bad).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(refused.message().contains(field), "{refused:?}");
        }
    }
}

/// Proves LIF-21, ACC-13: what staged edits would change, as a patch and as lines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staged_edits_are_compared_with_what_is_live() {
    let system = System::services().await;
    let team = Team::new(&system).await;
    let new = approval::RegisterResourceRequest {
        kind: "remote_config".into(),
        external_id: "support".into(),
        title: "Support".into(),
        content: Some(content(&serde_json::json!({"phone": "123", "hours": [9, 17]}))),
        pii_fields: vec!["/phone".into()],
        ..Default::default()
    };
    let id = team.creator.register(new).await.unwrap().resource_id;
    let refused = team.creator.difference(&id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "NOTHING_STAGED"));
    let request = team.creator.submit(&id, "PUBLISH").await;
    team.approver.approve(approve(&request)).await.unwrap();
    let edit = approval::UpdateResourceRequest {
        resource_id: id.clone(),
        content: Some(content(&serde_json::json!({"phone": "456", "hours": [9, 18], "chat": true}))),
        ..Default::default()
    };
    let staged = team.creator.update(edit).await.unwrap().resource.unwrap().staged.unwrap();
    let answer = team.approver.difference(&id).await.unwrap();
    let mut lines = answer.lines.clone();
    lines.sort();
    assert_eq!(lines, ["+ /chat: true", "~ /hours/1: 17 → 18", r#"~ /phone: "123" → "456""#]);
    assert_eq!(answer.patch.unwrap().values.len(), 3);
    assert_eq!(answer.staged.unwrap().digest, staged.digest);
    assert!(!answer.masked);

    let role = countersign_proto::access::CreateRoleRequest {
        name: "No PII".into(),
        accesses: vec![countersign_proto::access::ComponentAccess {
            component: "engagement.product_experiences".into(),
            level: countersign_proto::access::AccessLevel::Read.into(),
            approve: true,
        }],
        masks_pii: true,
        ..Default::default()
    };
    let role = team.admin.create_role(role).await.unwrap().role_id;
    let masked = team.admin.other(team.admin.add_with("Mara Masked", vec![role]).await);
    let answer = masked.difference(&id).await.unwrap();
    assert!(answer.masked);
    let mut lines = answer.lines;
    lines.sort();
    assert_eq!(lines, ["+ /chat: true", "~ /hours/1: 17 → 18"], "nothing of what is masked");
    assert!(!format!("{:?}", answer.patch).contains("phone"), "{:?}", answer.patch);
}
