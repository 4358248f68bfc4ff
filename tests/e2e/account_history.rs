//! The history of the account itself, as its Admins use it (ACC-17).

use countersign_proto::{access, approval, types::SystemRole};
use tonic::{Code, Status};

use crate::{
    bad_input::{fields, reason},
    client::{Caller, Team},
    system::System,
};

/// Proves ACC-17: who changed what, when, from what to what; found, exported, verified, and read by Admins alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_an_account_are_its_history_on_the_services() {
    audit(&System::services().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_an_account_are_its_history_on_standalone() {
    audit(&System::standalone().await).await;
}

async fn audit(system: &System) {
    let team = Team::new(system).await;
    let begun = all(&team.admin, &approval::ListAccountHistoryRequest::default()).await;
    assert_eq!(
        names(&begun),
        [
            "MEMBER_CREATED",
            "MEMBER_CREATED",
            "MEMBER_CREATED",
            "MEMBER_CREATED",
            "POLICY_CHANGED",
            "POLICY_CHANGED",
            "MEMBER_CREATED",
            "ACCOUNT_CREATED"
        ]
    );
    let by_platform = begun[7].actor.clone().unwrap();
    assert_eq!((by_platform.member_id.as_str(), begun[7].subject.as_str()), ("", team.account.as_str()));
    let puppet = done(&team).await;
    told(&team, &puppet).await;
    found(&team, &puppet).await;
    exported(&team).await;
    verified(&team).await;
    only_by_admins(&team).await;
}

/// What one person did to take a second signature away and put it back, and all else that is history. Who the puppet is.
async fn done(team: &Team) -> String {
    for allowed in [true, false] {
        let own = approval::UpdatePolicyRequest {
            area: "PRODUCT_EXPERIENCES".into(),
            allow_self_approval: Some(allowed),
            ..Default::default()
        };
        team.admin.set_policy(own).await.unwrap();
    }
    let approves = access::CreateRoleRequest {
        name: "Deciders".into(),
        accesses: vec![access::ComponentAccess {
            component: "engagement.campaigns".into(),
            level: access::AccessLevel::Write.into(),
            approve: true,
        }],
        ..Default::default()
    };
    let role = team.admin.create_role(approves).await.unwrap().role_id;
    let puppet = team.approver.add_with("Paul Puppet", vec![role.clone()]).await;
    let renamed = access::UpdateRoleRequest {
        role_id: role.clone(),
        name: Some("Signers".into()),
        ..Default::default()
    };
    team.admin.update_role(renamed).await.unwrap();
    team.admin.delete_role(&role).await.unwrap();
    team.admin.revoke(&puppet).await.unwrap();
    let invited = |email: &str| access::CreateInvitationRequest {
        email: email.into(),
        system_role: SystemRole::Creator.into(),
        ..Default::default()
    };
    let invitation = team.admin.invite(invited("ina@acme.example")).await.unwrap().invitation_id;
    team.admin.withdraw(&invitation).await.unwrap();
    // Whoever is added needs no invitation.
    team.admin.invite(invited("ines.invited@acme.example")).await.unwrap();
    team.admin.add("Ines Invited", SystemRole::Creator).await;
    puppet
}

async fn told(team: &Team, puppet: &str) {
    let whole = all(&team.admin, &approval::ListAccountHistoryRequest::default()).await;
    let sequences: Vec<i64> = whole.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=21).rev().collect::<Vec<_>>(), "without gaps, newest first");
    let mut told: Vec<_> = whole[..13].iter().map(what).collect();
    told.reverse();
    let of_puppet = format!(
        r#"{{"approval_right":false,"display_name":"•••","email":"•••@acme.example","locale":"en","role_ids":["{role}"],"state":"ACTIVE","system_role":null,"time_zone":null}}"#,
        role = whole[10].subject,
    );
    let expected = [
        (
            "POLICY_CHANGED",
            "Ada Admin",
            r#"{"allow_self_approval":false}"#,
            r#"{"allow_self_approval":true}"#,
        ),
        (
            "POLICY_CHANGED",
            "Ada Admin",
            r#"{"allow_self_approval":true}"#,
            r#"{"allow_self_approval":false}"#,
        ),
        (
            "ROLE_CREATED",
            "Ada Admin",
            "",
            r#"{"accesses":{"engagement.campaigns":["READ","WRITE","APPROVE"]},"masks_pii":false,"name":"Deciders","scope":null}"#,
        ),
        ("MEMBER_CREATED", "Abel Approver", "", of_puppet.as_str()),
        ("ROLE_CHANGED", "Ada Admin", r#"{"name":"Deciders"}"#, r#"{"name":"Signers"}"#),
    ];
    for (entry, expected) in told.iter().zip(expected) {
        assert_eq!((entry.0, entry.1.as_str(), entry.2, entry.3), expected);
    }
    let rest: Vec<_> = told[5..].iter().map(|entry| entry.0).collect();
    assert_eq!(
        rest,
        [
            "MEMBER_CHANGED",
            "ROLE_DELETED",
            "MEMBER_REVOKED",
            "INVITATION_CREATED",
            "INVITATION_WITHDRAWN",
            "INVITATION_CREATED",
            "MEMBER_CREATED",
            "INVITATION_WITHDRAWN"
        ]
    );
    // The deletion of the role made the puppet MEMBER.
    assert_eq!((whole[7].subject.as_str(), whole[7].subject_kind.as_str()), (puppet, "MEMBER"));
    assert_eq!(whole[7].after_json, r#"{"role_ids":[],"system_role":"MEMBER"}"#);
    assert_eq!((whole[6].after_json.as_str(), whole[6].before_json.contains("Signers")), ("", true));
    assert_eq!(whole[5].before_json, r#"{"state":"ACTIVE"}"#);
    assert_eq!(whole[5].after_json, r#"{"state":"REVOKED"}"#);
    assert!(whole.iter().all(|entry| entry.time.is_some() && entry.hash.starts_with("v1:")));
}

fn what(entry: &approval::AccountHistoryEntry) -> (&str, String, &str, &str) {
    let name = entry.actor.clone().unwrap().display_name;
    (&entry.event, name, &entry.before_json, &entry.after_json)
}

/// As HIS-4: by subject, actor, event and time.
async fn found(team: &Team, puppet: &str) {
    let whole = approval::ListAccountHistoryRequest::default();
    let of_puppet = approval::ListAccountHistoryRequest {
        subject_kind: "MEMBER".into(),
        subject: puppet.into(),
        ..whole.clone()
    };
    let entries = all(&team.admin, &of_puppet).await;
    assert_eq!(names(&entries), ["MEMBER_REVOKED", "MEMBER_CHANGED", "MEMBER_CREATED"]);
    let by_approver =
        approval::ListAccountHistoryRequest { actor_id: team.approver.id.clone(), ..whole.clone() };
    assert_eq!(names(&all(&team.admin, &by_approver).await), ["MEMBER_CREATED"]);
    let policies = approval::ListAccountHistoryRequest { event: "POLICY_CHANGED".into(), ..whole.clone() };
    let areas: Vec<_> = all(&team.admin, &policies).await.into_iter().map(|entry| entry.subject).collect();
    assert_eq!(areas, ["PRODUCT_EXPERIENCES", "PRODUCT_EXPERIENCES", "PRODUCT_EXPERIENCES", "CAMPAIGNS"]);
    let until = approval::ListAccountHistoryRequest { end_time: entries[2].time, ..of_puppet.clone() };
    assert_eq!(names(&all(&team.admin, &until).await), Vec::<&str>::new());
    let since = approval::ListAccountHistoryRequest { start_time: entries[0].time, ..of_puppet.clone() };
    assert_eq!(names(&all(&team.admin, &since).await), ["MEMBER_REVOKED"]);
    for (wrong, named) in [
        (approval::ListAccountHistoryRequest { subject_kind: "CAT".into(), ..whole.clone() }, "subject_kind"),
        (approval::ListAccountHistoryRequest { subject: puppet.into(), ..whole.clone() }, "subject_kind"),
        (approval::ListAccountHistoryRequest { event: "PURRED".into(), ..whole.clone() }, "event"),
        (approval::ListAccountHistoryRequest { page_token: "made up".into(), ..whole.clone() }, "page_token"),
    ] {
        let refused = team.admin.list_account_history(wrong).await.unwrap_err();
        assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec![named.to_owned()]));
    }
}

async fn exported(team: &Team) {
    let file = |format: approval::HistoryFormat| {
        team.admin.export_account_history(approval::ExportAccountHistoryRequest {
            format: format.into(),
            ..Default::default()
        })
    };
    let csv = file(approval::HistoryFormat::Csv).await.unwrap();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(
        lines[0],
        "\u{feff}time,sequence,event,subject_kind,subject,actor_id,actor_name,actor_service,before_json,after_json,hash"
    );
    assert_eq!(lines.len(), 22);
    assert!(
        csv.contains(r#","{""allow_self_approval"":false}","{""allow_self_approval"":true}",v1:"#),
        "{csv}"
    );
    let json = file(approval::HistoryFormat::JsonLines).await.unwrap();
    assert_eq!(json.lines().count(), 21);
    assert!(json.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap().is_object()));
}

async fn verified(team: &Team) {
    let newest = &all(&team.admin, &approval::ListAccountHistoryRequest::default()).await[0];
    let message = |expected_sequence, expected_hash: &str| approval::VerifyAccountHistoryRequest {
        expected_sequence,
        expected_hash: expected_hash.into(),
        ..Default::default()
    };
    let answer = team.admin.verify_account_history(message(21, &newest.hash)).await.unwrap();
    assert_eq!((answer.holds, answer.entries, &answer.head_hash), (true, 21, &newest.hash));
    assert_eq!((answer.misfit, answer.expected_hash_found), (None, Some(true)));
    let other = team.admin.verify_account_history(message(20, &newest.hash)).await.unwrap();
    assert_eq!((other.holds, other.expected_hash_found), (true, Some(false)));
}

async fn only_by_admins(team: &Team) {
    let denied = |status: Status| assert_eq!(reason(&status), "PERMISSION_DENIED");
    for other in [&team.approver, &team.creator, &team.editor, &team.member] {
        denied(other.list_account_history(approval::ListAccountHistoryRequest::default()).await.unwrap_err());
        let csv = approval::ExportAccountHistoryRequest {
            format: approval::HistoryFormat::Csv.into(),
            ..Default::default()
        };
        denied(other.export_account_history(csv).await.unwrap_err());
        denied(
            other.verify_account_history(approval::VerifyAccountHistoryRequest::default()).await.unwrap_err(),
        );
    }
}

/// Every page.
async fn all(
    caller: &Caller,
    filter: &approval::ListAccountHistoryRequest,
) -> Vec<approval::AccountHistoryEntry> {
    let (mut entries, mut page_token) = (vec![], String::new());
    loop {
        let page = approval::ListAccountHistoryRequest { page_size: 3, page_token, ..filter.clone() };
        let answer = caller.list_account_history(page).await.unwrap();
        assert!(
            answer.entries.len() == 3 || answer.next_page_token.is_empty(),
            "a page is short at its end alone"
        );
        entries.extend(answer.entries);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return entries;
        }
    }
}

fn names(entries: &[approval::AccountHistoryEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.event.as_str()).collect()
}
