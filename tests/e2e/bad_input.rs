//! Bad input gets a clear error, every violation at once, and nothing is stored.

use std::{collections::HashMap, time::Duration};

use countersign_proto::{
    access,
    approval::{
        self, approval_service_client::ApprovalServiceClient, resource_service_client::ResourceServiceClient,
    },
    types::{Schedule, SystemRole},
};
use countersign_testkit::{BasicProperties, wait_for};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    client::{Team, content, in_future, new_id, request},
    scenarios::wait_for_ribbons,
    system::{PATIENCE, Services, Standalone, connect},
};

const HOUR: Duration = Duration::from_hours(1);

pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// The metadata of the `ErrorInfo`.
pub fn metadata(status: &Status) -> HashMap<String, String> {
    status.get_error_details().error_info().map(|info| info.metadata.clone()).unwrap_or_default()
}

/// The fields of a `BadRequest` with what is wrong with them.
pub fn violations(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(reason(status), "INVALID_FIELDS");
    let details = status.get_error_details();
    let violations = &details.bad_request().expect("a BadRequest").field_violations;
    violations.iter().map(|violation| (violation.field.clone(), violation.description.clone())).collect()
}

pub fn fields(status: &Status) -> Vec<String> {
    let mut fields: Vec<_> = violations(status).into_iter().map(|(field, _)| field).collect();
    fields.sort();
    fields
}

async fn standalone() -> (Standalone, Team) {
    let standalone = Standalone::start(&[]).await;
    let channel = connect(standalone.port).await;
    let team = Team::on(channel.clone(), channel).await;
    (standalone, team)
}

/// Every violation in one answer, each with its limit, and nothing is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_violation_comes_in_one_answer() {
    let (process, team) = standalone().await;
    let refused = team
        .creator
        .register(approval::RegisterResourceRequest {
            request_id: "not a uuid".into(),
            kind: "ab_test".into(),
            external_id: "x".repeat(129),
            title: "ä".repeat(201),
            owner_id: "nobody".into(),
            content: None,
            schedule: Some(Schedule {
                start_time: Some(prost_types::Timestamp { seconds: 1_000, nanos: 0 }),
                end_time: Some(prost_types::Timestamp { seconds: 900, nanos: 0 }),
            }),
            variants: vec!["only one".into()],
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(
        fields(&refused),
        [
            "content",
            "external_id",
            "owner_id",
            "request_id",
            "schedule.end_time",
            "schedule.end_time",
            "schedule.start_time",
            "title",
            "variants"
        ]
    );
    let text = violations(&refused).into_iter().find(|(field, _)| field == "title").unwrap().1;
    assert!(text.contains("200") && text.contains("201"), "{text}");
    let list = ResourceServiceClient::new(connect(process.port).await)
        .list_resources(request(
            &team.account,
            &team.creator.id,
            approval::ListResourcesRequest { account_id: team.account.clone(), ..Default::default() },
        ))
        .await
        .unwrap()
        .into_inner();
    assert!(list.resources.is_empty(), "a refused resource was stored");
}

/// Content: more than 256 KiB, numbers that a double can't hold, NaN.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_beyond_its_limits_is_refused() {
    let (_process, team) = standalone().await;
    let register = async |body: prost_types::Struct| {
        team.creator
            .register(approval::RegisterResourceRequest {
                kind: "remote_config".into(),
                external_id: new_id(),
                title: "Config".into(),
                content: Some(body),
                ..Default::default()
            })
            .await
    };
    // {"a":"…"} is 8 bytes around the text.
    let limit = 256 * 1024 - 8;
    register(content(&serde_json::json!({"a": "x".repeat(limit)}))).await.unwrap();
    let refused = register(content(&serde_json::json!({"a": "x".repeat(limit + 1)}))).await.unwrap_err();
    assert!(violations(&refused)[0].1.contains("262144"), "{refused:?}");
    let refused = register(content(&serde_json::json!({"deep": [{"big": 9_007_199_254_740_993_i64}]})))
        .await
        .unwrap_err();
    assert!(violations(&refused)[0].1.contains("/deep/0/big"), "{refused:?}");
    let nested =
        |levels: usize| (1..levels).fold(serde_json::json!({}), |inner, _| serde_json::json!({ "x": inner }));
    let deepest = register(content(&nested(20))).await.unwrap();
    assert_eq!(team.member.resource(&deepest.resource_id).await.unwrap().live, deepest.live);
    let refused = register(content(&nested(21))).await.unwrap_err();
    assert!(violations(&refused)[0].1.contains("20 levels"), "{refused:?}");
    let mut nan = content(&serde_json::json!({"a": 0}));
    nan.fields.get_mut("a").unwrap().kind = Some(prost_types::value::Kind::NumberValue(f64::NAN));
    assert_eq!(fields(&register(nan).await.unwrap_err()), ["content"]);
    // More than is read at all is refused by the transport, before anything is parsed.
    let huge = register(content(&serde_json::json!({"a": "x".repeat(2 * 1024 * 1024)}))).await.unwrap_err();
    assert_eq!(huge.code(), Code::ResourceExhausted, "{huge:?}");
    assert_eq!(reason(&huge), "REQUEST_TOO_LARGE");
}

/// Proves POL-6, REQ-6, REQ-12, REQ-13 at the edge: each refusal has its own reason, and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_its_own_reason_and_changes_nothing() {
    let (_process, team) = standalone().await;
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
    let id = campaign.resource_id.clone();
    let action = |action: &str| approval::PerformActionRequest {
        resource_id: id.clone(),
        action: action.into(),
        ..Default::default()
    };
    let refused = team.creator.perform(action("fly away")).await.unwrap_err();
    assert_eq!(fields(&refused), ["action"]);
    // One that no lifecycle has is answered as one that this state does not have.
    let refused = team.creator.perform(action("FLY")).await.unwrap_err();
    assert_eq!(metadata(&refused)["allowed"], "LAUNCH,ARCHIVE");
    let refused = team.creator.perform(action("PAUSE")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ACTION_NOT_ALLOWED"));
    let info = metadata(&refused);
    assert_eq!(
        (info["state"].as_str(), info["action"].as_str(), info["allowed"].as_str()),
        ("DRAFT", "PAUSE", "LAUNCH,ARCHIVE")
    );
    let refused = team
        .creator
        .perform(approval::PerformActionRequest {
            note: "x".repeat(1_025),
            approver_ids: vec![team.member.id.clone(), "nobody".into()],
            ..action("LAUNCH")
        })
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["approver_ids[0]", "approver_ids[1]", "note"]);
    let refused = team
        .creator
        .perform(approval::PerformActionRequest {
            approver_ids: vec![
                team.member.id.clone(),
                team.approver.id.clone(),
                team.approver.id.clone(),
                team.creator.id.clone(),
            ],
            ..action("LAUNCH")
        })
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["approver_ids[0]", "approver_ids[2]", "approver_ids[3]"]);
    let refused = team
        .creator
        .perform(approval::PerformActionRequest { etag: "7".into(), ..action("LAUNCH") })
        .await
        .unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let refused = team.member.perform(action("LAUNCH")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
    let without_start = team
        .creator
        .register(approval::RegisterResourceRequest {
            kind: "campaign".into(),
            external_id: new_id(),
            title: "No start".into(),
            content: Some(content(&serde_json::json!({}))),
            ..Default::default()
        })
        .await
        .unwrap();
    let refused = team
        .creator
        .perform(approval::PerformActionRequest {
            resource_id: without_start.resource_id,
            ..action("LAUNCH")
        })
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "SCHEDULE_NOT_ACCEPTABLE");
    assert_eq!(team.creator.history(&id).await.len(), 1, "a refusal left a trace");

    // A second submission, an edit and a second action while one is pending.
    let pending = team.creator.submit(&id, "LAUNCH").await;
    let refused = team.creator.perform(action("LAUNCH")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "REQUEST_PENDING"));
    let refused = team.creator.perform(action("ARCHIVE")).await.unwrap_err();
    assert_eq!(reason(&refused), "RESOURCE_LOCKED");
    let edit = approval::UpdateResourceRequest {
        resource_id: id.clone(),
        title: Some("New".into()),
        ..Default::default()
    };
    assert_eq!(reason(&team.creator.update(edit).await.unwrap_err()), "RESOURCE_LOCKED");

    let approve = |note: &str| approval::ApproveRequest {
        approval_request_id: pending.clone(),
        note: note.into(),
        ..Default::default()
    };
    let refused = team.approver.approve(approve(&"ä".repeat(1_025))).await.unwrap_err();
    assert_eq!(fields(&refused), ["note"]);
    let refused = team.creator.approve(approve("")).await.unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_DENIED");
    let refused = team
        .approver
        .approve(approval::ApproveRequest { winning_variant: "green".into(), ..approve("") })
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["winning_variant"]);
    let digest = format!("sha256:{}", "0".repeat(64));
    let refused =
        team.approver.approve(approval::ApproveRequest { digest, ..approve("") }).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "DIGEST_MISMATCH"));
    let reject = approval::RejectRequest { approval_request_id: pending.clone(), ..Default::default() };
    assert_eq!(fields(&team.approver.reject(reject).await.unwrap_err()), ["note"]);
    // 1,024 characters are fine, however many bytes they take.
    team.approver.approve(approve(&"ä".repeat(1_024))).await.unwrap();
    assert_eq!(team.creator.history(&id).await.len(), 3);
}

/// Proves ACC-16: strangers learn nothing, members of another account neither; `NOT_FOUND` only for those who may see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_see_is_not_told_what_exists() {
    let (standalone, team) = standalone().await;
    let channel = connect(standalone.port).await;
    let others = Team::on(channel.clone(), channel.clone()).await;
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
    assert_eq!(team.member.resource(&new_id()).await.unwrap_err().code(), Code::NotFound);
    // In their own account, the resource of another account is as unknown as any other.
    assert_eq!(others.admin.resource(&campaign.resource_id).await.unwrap_err().code(), Code::NotFound);

    let ask = async |account: &str, actor: &str, resource: &str, claimed: &str| {
        let mut client = ResourceServiceClient::new(channel.clone());
        let message = approval::GetResourceRequest {
            account_id: account.into(),
            resource_id: resource.into(),
            ..Default::default()
        };
        client.get_resource(request(claimed, actor, message)).await.unwrap_err()
    };
    let mut answers = Vec::new();
    for resource in [campaign.resource_id.clone(), new_id()] {
        // A member of another account, a stranger, the platform, an account that does not exist.
        answers.push(ask(&team.account, &others.admin.id, &resource, &team.account).await);
        answers.push(ask(&team.account, &others.admin.id, &resource, &others.account).await);
        answers.push(ask(&team.account, &new_id(), &resource, &team.account).await);
        answers.push(ask(&team.account, "platform", &resource, &team.account).await);
        let nowhere = new_id();
        answers.push(ask(&nowhere, &new_id(), &resource, &nowhere).await);
    }
    team.admin.revoke(&team.member.id).await.unwrap();
    for resource in [campaign.resource_id.clone(), new_id()] {
        answers.push(ask(&team.account, &team.member.id, &resource, &team.account).await);
    }
    for answer in &answers {
        assert_eq!(answer.code(), Code::PermissionDenied, "{answer:?}");
        assert_eq!(answer.message(), answers[0].message(), "answers that differ tell something");
        assert_eq!(metadata(answer), metadata(&answers[0]));
    }
}

/// A call that does not say who makes it; a page token from elsewhere; a negative page size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_without_identity_and_made_up_page_tokens_are_refused() {
    let (standalone, team) = standalone().await;
    let channel = connect(standalone.port).await;
    let mut client = ResourceServiceClient::new(channel.clone());
    let refused =
        client.get_resource(Request::new(approval::GetResourceRequest::default())).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    assert!(
        refused.message().contains("countersign-account") && refused.message().contains("countersign-actor")
    );

    for _ in 0..3 {
        team.creator.campaign(HOUR, 2 * HOUR).await;
    }
    let list = async |page_token: &str, page_size: i32, kind: &str| {
        let message = approval::ListResourcesRequest {
            account_id: team.account.clone(),
            page_size,
            page_token: page_token.into(),
            kind: kind.into(),
        };
        let mut client = ResourceServiceClient::new(channel.clone());
        client
            .list_resources(request(&team.account, &team.creator.id, message))
            .await
            .map(tonic::Response::into_inner)
    };
    let first = list("", 2, "").await.unwrap();
    assert_eq!(first.resources.len(), 2);
    let second = list(&first.next_page_token, 1_000, "").await.unwrap();
    assert_eq!((second.resources.len(), second.next_page_token.as_str()), (1, ""));
    assert_eq!(fields(&list("made-up", -1, "").await.unwrap_err()), ["page_size", "page_token"]);
    assert_eq!(fields(&list(&first.next_page_token, 2, "campaign").await.unwrap_err()), ["page_token"]);
    let of_requests = ApprovalServiceClient::new(channel.clone())
        .list_approval_requests(request(
            &team.account,
            &team.creator.id,
            approval::ListApprovalRequestsRequest {
                account_id: team.account.clone(),
                page_token: first.next_page_token,
                ..Default::default()
            },
        ))
        .await
        .unwrap_err();
    assert_eq!(fields(&of_requests), ["page_token"]);
}

/// Proves ACC-1, ACC-8, ACC-10, ACC-11, POL-1 and POL-3 at the edge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_and_policy_refuse_what_their_rules_forbid() {
    let (_process, team) = standalone().await;
    let member = |role: SystemRole| access::CreateMemberRequest {
        email: format!("{}@acme.example", new_id()),
        display_name: "New".into(),
        system_role: role.into(),
        ..Default::default()
    };
    for (by, role, allowed) in [
        (&team.approver, SystemRole::Creator, true),
        (&team.approver, SystemRole::Member, true),
        (&team.approver, SystemRole::Admin, false),
        (&team.approver, SystemRole::Approver, false),
        (&team.creator, SystemRole::Member, false),
        (&team.editor, SystemRole::Member, false),
        (&team.admin, SystemRole::Admin, true),
    ] {
        assert_eq!(by.create_member(member(role)).await.is_ok(), allowed, "{role:?}");
    }
    let bad = access::CreateMemberRequest {
        email: "no address\r\nBcc: everybody@example.com".into(),
        display_name: "Line\nbreak".into(),
        locale: "!".into(),
        ..Default::default()
    };
    assert_eq!(
        fields(&team.admin.create_member(bad).await.unwrap_err()),
        ["display_name", "email", "locale", "system_role"]
    );
    let taken = access::CreateMemberRequest {
        email: "CARL.creator@acme.example".into(),
        ..member(SystemRole::Member)
    };
    let refused = team.admin.create_member(taken).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
    let right = |id: &str, given: bool| access::UpdateMemberRequest {
        member_id: id.into(),
        approval_right: Some(given),
        ..Default::default()
    };
    for (id, given) in [(&team.creator.id, true), (&team.member.id, true), (&team.admin.id, false)] {
        let refused = team.admin.update_member(right(id, given)).await.unwrap_err();
        assert_eq!(reason(&refused), "APPROVAL_RIGHT_NOT_ALLOWED");
    }
    assert!(team.admin.update_member(right(&team.editor.id, true)).await.unwrap().approval_right);

    let policy = approval::UpdatePolicyRequest {
        area: "CAMPAIGNS".into(),
        required_approvals: Some(11),
        request_max_age: Some(prost_types::Duration { seconds: 366 * 86_400, nanos: 0 }),
        minimum_lead_time: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
        ..Default::default()
    };
    let refused = team.admin.set_policy(policy).await.unwrap_err();
    assert_eq!(fields(&refused), ["minimum_lead_time", "request_max_age", "required_approvals"]);
    let switch = approval::UpdatePolicyRequest {
        area: "CAMPAIGNS".into(),
        enabled: Some(false),
        ..Default::default()
    };
    assert_eq!(team.approver.set_policy(switch).await.unwrap_err().code(), Code::PermissionDenied);
}

/// A malformed or unknown event goes to the dead-letter queue with its reason, and the queue goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_message_is_set_aside_and_the_queue_goes_on() {
    let services = Services::start(1).await;
    let team =
        Team::on(connect(services.approval_ports[0]).await, connect(services.notifier_port).await).await;
    // The exchange is there once the first events went through it.
    services.mail.wait_for_messages(2).await;
    for body in [&b"not json"[..], br#"{"specversion": "1.0"}"#, br#"{"specversion": "7", "id": "x"}"#] {
        services
            .broker
            .publish(
                &services.exchange(),
                "countersign.request.submitted.v1",
                BasicProperties::default(),
                body,
            )
            .await;
    }
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await;
    team.creator.submit(&campaign.resource_id, "LAUNCH").await;
    wait_for_ribbons(&team.approver, &campaign.resource_id, &[countersign_proto::inbox::RibbonKind::Decide])
        .await;
    let dead = wait_for("three dead letters", PATIENCE, async || {
        let dead = services.broker.peek(&services.dead_letters()).await;
        (dead.len() >= 3).then_some(dead)
    })
    .await;
    assert_eq!(dead.len(), 3);
    for letter in &dead {
        assert!(
            letter.headers.get("x-countersign-reason").is_some_and(|reason| !reason.is_empty()),
            "{:?}",
            letter.headers
        );
    }
}

/// Proves REQ-18: what was answered is answered again, whatever time it is by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_registration_answers_the_same_after_its_start_has_passed() {
    let (_process, team) = standalone().await;
    let start = in_future(Duration::from_secs(4));
    let register = approval::RegisterResourceRequest {
        request_id: new_id(),
        kind: "campaign".into(),
        external_id: "once".into(),
        title: "Once".into(),
        content: Some(content(&serde_json::json!({}))),
        schedule: Some(Schedule { start_time: Some(start), end_time: None }),
        ..Default::default()
    };
    let first = team.creator.register(register.clone()).await.unwrap();
    wait_for("the start to pass", PATIENCE, async || {
        (in_future(Duration::ZERO).seconds > start.seconds).then_some(())
    })
    .await;
    assert_eq!(team.creator.register(register.clone()).await.unwrap(), first);
    let another =
        approval::RegisterResourceRequest { request_id: new_id(), external_id: "twice".into(), ..register };
    assert_eq!(fields(&team.creator.register(another).await.unwrap_err()), ["schedule.start_time"]);
}

/// A start in the past is refused, also in the moment between two calls (the schedule was fine when it was registered).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_whose_start_has_passed_is_refused() {
    let (_process, team) = standalone().await;
    let campaign = team.creator.campaign(Duration::from_secs(4), HOUR).await;
    let start = campaign.schedule.unwrap().start_time.unwrap();
    wait_for("the start to pass", PATIENCE, async || {
        (in_future(Duration::ZERO).seconds > start.seconds).then_some(())
    })
    .await;
    let refused = team
        .creator
        .perform(approval::PerformActionRequest {
            resource_id: campaign.resource_id.clone(),
            action: "LAUNCH".into(),
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "SCHEDULE_NOT_ACCEPTABLE");
    assert!(refused.get_error_details().error_info().unwrap().metadata.contains_key("earliest"));
    assert_eq!(team.creator.resource(&campaign.resource_id).await.unwrap().state, "DRAFT");
}
