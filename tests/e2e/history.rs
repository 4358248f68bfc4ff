//! History as auditors use it: found, exported, verified.

use std::{collections::BTreeSet, time::Duration};

use countersign_proto::{access, approval, types::SystemRole};
use tonic::Code;

use crate::{
    bad_input::{fields, reason},
    client::{Caller, Team, in_future},
    system::System,
};

const HOUR: Duration = Duration::from_hours(1);

/// Proves HIS-3, HIS-4, ACC-4, ACC-12: found by resource, request, actor and time, exported, verified, and of a scoped member no more
/// than they may see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_on_the_services() {
    audit(&System::services().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_on_standalone() {
    audit(&System::standalone().await).await;
}

async fn audit(system: &System) {
    let team = Team::new(system).await;
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await.resource_id;
    let request = team.creator.submit(&campaign, "LAUNCH").await;
    let reject = approval::RejectRequest {
        approval_request_id: request.clone(),
        note: "=HYPERLINK(\"http://evil.example\"), no".into(),
        ..Default::default()
    };
    team.approver.reject(reject).await.unwrap();
    let test = team.creator.ab_test().await.resource_id;
    let start = team.creator.submit(&test, "START").await;
    found(&team, &campaign, &request, &test, &start).await;
    exported(&team, &campaign).await;
    verified(&team, &campaign).await;
    only_what_may_be_seen(&team).await;
}

/// Every page.
async fn all(caller: &Caller, filter: &approval::ListHistoryRequest) -> Vec<approval::HistoryEntry> {
    let (mut entries, mut page_token) = (vec![], String::new());
    loop {
        let page = approval::ListHistoryRequest { page_size: 2, page_token, ..filter.clone() };
        let answer = caller.list_history(page).await.unwrap();
        entries.extend(answer.entries);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return entries;
        }
    }
}

fn names(entries: &[approval::HistoryEntry]) -> Vec<(&str, &str)> {
    entries.iter().map(|entry| (entry.resource_id.as_str(), entry.event.as_str())).collect()
}

/// HIS-4: by resource, request, actor and time.
async fn found(team: &Team, campaign: &str, request: &str, test: &str, start: &str) {
    let whole = approval::ListHistoryRequest::default();
    let newest_first = [
        (test, "SUBMITTED"),
        (test, "REGISTERED"),
        (campaign, "REJECTED"),
        (campaign, "SUBMITTED"),
        (campaign, "REGISTERED"),
    ];
    assert_eq!(names(&all(&team.member, &whole).await), newest_first);
    let of_campaign = approval::ListHistoryRequest { resource_id: campaign.into(), ..whole.clone() };
    assert_eq!(
        names(&all(&team.member, &of_campaign).await),
        [newest_first[4], newest_first[3], newest_first[2]]
    );
    let of_request = approval::ListHistoryRequest { approval_request_id: request.into(), ..whole.clone() };
    assert_eq!(names(&all(&team.member, &of_request).await), [newest_first[3], newest_first[2]]);
    let of_start = approval::ListHistoryRequest { approval_request_id: start.into(), ..whole.clone() };
    assert_eq!(names(&all(&team.member, &of_start).await), [newest_first[0]]);
    let by_approver = approval::ListHistoryRequest { actor_id: team.approver.id.clone(), ..whole.clone() };
    let entries = all(&team.member, &by_approver).await;
    assert_eq!(names(&entries), [newest_first[2]]);
    let since = approval::ListHistoryRequest { start_time: entries[0].time, ..whole.clone() };
    assert_eq!(names(&all(&team.member, &since).await), newest_first[..3]);
    let until = approval::ListHistoryRequest { end_time: entries[0].time, ..whole.clone() };
    assert_eq!(names(&all(&team.member, &until).await), newest_first[3..]);
    let then = approval::ListHistoryRequest {
        start_time: entries[0].time,
        end_time: Some(in_future(HOUR)),
        ..by_approver.clone()
    };
    assert_eq!(names(&all(&team.member, &then).await), [newest_first[2]]);
    let nobody = approval::ListHistoryRequest { actor_id: team.member.id.clone(), ..whole.clone() };
    assert_eq!(names(&all(&team.member, &nobody).await), []);

    let page = approval::ListHistoryRequest { page_size: 1, ..whole.clone() };
    let page_token = team.member.list_history(page).await.unwrap().next_page_token;
    for (wrong, named) in [
        (
            approval::ListHistoryRequest { actor_id: team.approver.id.clone(), ..of_campaign.clone() },
            vec!["actor_id"],
        ),
        (
            approval::ListHistoryRequest {
                approval_request_id: request.into(),
                start_time: entries[0].time,
                ..of_campaign.clone()
            },
            vec!["resource_id", "start_time"],
        ),
        (
            approval::ListHistoryRequest {
                start_time: entries[0].time,
                end_time: entries[0].time,
                ..whole.clone()
            },
            vec!["end_time"],
        ),
        (approval::ListHistoryRequest { page_token, ..by_approver }, vec!["page_token"]),
        (
            approval::ListHistoryRequest { actor_id: "x".into(), page_size: -1, ..whole },
            vec!["actor_id", "page_size"],
        ),
    ] {
        assert_eq!(fields(&team.member.list_history(wrong).await.unwrap_err()), named);
    }
}

/// HIS-4 and ACC-4: a file holds what the list does, with the hashes, and READ downloads nothing.
async fn exported(team: &Team, campaign: &str) {
    let whole = approval::ExportHistoryRequest {
        format: approval::HistoryFormat::JsonLines.into(),
        ..Default::default()
    };
    let file = team.creator.export_history(whole.clone()).await.unwrap();
    let lines: Vec<serde_json::Value> =
        file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listed = all(&team.creator, &approval::ListHistoryRequest::default()).await;
    assert_eq!(lines.len(), listed.len());
    for (line, entry) in lines.iter().zip(&listed) {
        assert_eq!(line["resourceId"], entry.resource_id.as_str());
        assert_eq!(line["sequence"], entry.sequence.to_string());
        assert_eq!(line["event"], entry.event.as_str());
        assert_eq!(line["hash"], entry.hash.as_str());
        assert_eq!(line["actor"]["displayName"], entry.actor.as_ref().unwrap().display_name.as_str());
    }
    let csv = approval::ExportHistoryRequest {
        format: approval::HistoryFormat::Csv.into(),
        resource_id: campaign.into(),
        ..Default::default()
    };
    let file = team.creator.export_history(csv.clone()).await.unwrap();
    let lines: Vec<&str> = file.split_terminator("\r\n").collect();
    assert_eq!(
        lines[0],
        "\u{feff}time,resource_id,sequence,approval_request_id,event,action,actor_id,actor_name,actor_service,from_state,to_state,note,\
         digest,hash"
    );
    assert_eq!(lines.len(), 4);
    let rejected = listed.iter().find(|entry| entry.event == "REJECTED").unwrap();
    let end = format!(
        ",{campaign},3,{},REJECTED,LAUNCH,{},Abel Approver,,DRAFT,DRAFT,\"'=HYPERLINK(\"\"http://evil.example\"\"), no\",{},{}",
        rejected.approval_request_id, team.approver.id, rejected.digest, rejected.hash
    );
    assert!(lines[3].ends_with(&end), "{} does not end with {end}", lines[3]);

    for refused in [whole.clone(), csv] {
        let refused = team.member.export_history(refused).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "PERMISSION_DENIED")
        );
    }
    let unspecified = approval::ExportHistoryRequest { format: 0, ..whole };
    assert_eq!(fields(&team.creator.export_history(unspecified).await.unwrap_err()), ["format"]);
}

/// HIS-3: a chain verifies, and against a hash that was noted.
async fn verified(team: &Team, campaign: &str) {
    let asked = approval::VerifyHistoryRequest { resource_id: campaign.into(), ..Default::default() };
    let whole = team.member.verify_history(asked.clone()).await.unwrap();
    let entries = team.member.history(campaign).await;
    let expected = approval::VerifyHistoryResponse {
        holds: true,
        entries: 3,
        unhashed_entries: 0,
        head_hash: entries[2].hash.clone(),
        misfit: None,
        expected_hash_found: None,
    };
    assert_eq!(whole, expected);
    for (sequence, hash, found) in
        [(2, &entries[1].hash, true), (2, &entries[2].hash, false), (9, &entries[2].hash, false)]
    {
        let noted = approval::VerifyHistoryRequest {
            expected_sequence: sequence,
            expected_hash: hash.clone(),
            ..asked.clone()
        };
        let answer = team.member.verify_history(noted).await.unwrap();
        assert_eq!(
            answer,
            approval::VerifyHistoryResponse { expected_hash_found: Some(found), ..expected.clone() }
        );
    }
    for (sequence, hash, field) in [
        (1, "", "expected_hash"),
        (0, entries[0].hash.as_str(), "expected_sequence"),
        (-1, entries[0].hash.as_str(), "expected_sequence"),
        (1, "v1:00", "expected_hash"),
    ] {
        let wrong = approval::VerifyHistoryRequest {
            expected_sequence: sequence,
            expected_hash: hash.into(),
            ..asked.clone()
        };
        assert_eq!(fields(&team.member.verify_history(wrong).await.unwrap_err()), [field]);
    }
}

/// HIS-4 with ACC-12: a scoped member finds and exports what lies inside the scope, and nothing else.
async fn only_what_may_be_seen(team: &Team) {
    let us = approval::AudienceValues { values: vec!["US".into()] };
    let inside = team
        .creator
        .register(approval::RegisterResourceRequest {
            kind: "campaign".into(),
            external_id: "us".into(),
            title: "Spring sale".into(),
            content: Some(prost_types::Struct::default()),
            audience: [("Country".to_owned(), us)].into(),
            ..Default::default()
        })
        .await
        .unwrap()
        .resource_id;
    let role = team
        .admin
        .create_role(access::CreateRoleRequest {
            name: "US".into(),
            accesses: vec![access::ComponentAccess {
                component: "engagement.campaigns".into(),
                level: access::AccessLevel::Write.into(),
                approve: false,
            }],
            scope: Some(access::DataScope { property: "Country".into(), values: vec!["US".into()] }),
            ..Default::default()
        })
        .await
        .unwrap();
    let uma = team.admin.other(team.admin.add_with("Uma US", vec![role.role_id]).await);
    let seen: BTreeSet<String> = all(&uma, &approval::ListHistoryRequest::default())
        .await
        .into_iter()
        .map(|entry| entry.resource_id)
        .collect();
    assert_eq!(seen, BTreeSet::from([inside.clone()]));
    let file = uma
        .export_history(approval::ExportHistoryRequest {
            format: approval::HistoryFormat::JsonLines.into(),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!((file.lines().count(), file.contains(&inside)), (1, true));
    let nora = team.admin.other(team.admin.add("Nora Revoked", SystemRole::Creator).await);
    team.admin.revoke(&nora.id).await.unwrap();
    let refused = nora.list_history(approval::ListHistoryRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}
