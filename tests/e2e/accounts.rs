//! What the platform's operator does with accounts: features, suspension, deletion, and what is left after it.

use std::time::Duration;

use countersign_proto::{
    access::{self, AccountState},
    approval, inbox,
    types::SystemRole,
};
use countersign_testkit::wait_for;
use sea_orm::{ConnectionTrait as _, Database};
use tonic::Code;

use crate::{
    bad_input::{fields, metadata, reason},
    client::{Caller, Team, in_future, new_id},
    invitations::holding,
    lost_rights::{launch, number, some},
    system::{PATIENCE, Services, System, connect},
};

const HOUR: Duration = Duration::from_hours(1);

fn features(features: &[&str]) -> access::UpdateAccountRequest {
    access::UpdateAccountRequest {
        features: features.iter().map(ToString::to_string).collect(),
        replace_features: true,
        ..Default::default()
    }
}

fn switch(enabled: bool) -> approval::UpdatePolicyRequest {
    approval::UpdatePolicyRequest { area: "CAMPAIGNS".into(), enabled: Some(enabled), ..Default::default() }
}

/// Proves POL-1: a feature stays while the workflow that needs it is on, and without it the workflow stays off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feature_in_use_can_not_be_taken() {
    let system = System::standalone().await;
    let Team { admin, .. } = Team::new(&system).await;
    let before = admin.get_account().await.unwrap();
    let refused = admin.update_account(features(&["ab_testing"])).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "FEATURE_IN_USE"));
    assert_eq!(metadata(&refused)["feature"], "campaign_approval");
    assert_eq!(metadata(&refused)["area"], "CAMPAIGNS");
    let unknown = admin.update_account(features(&["ab_testing", "time_travel"])).await.unwrap_err();
    assert_eq!(fields(&unknown), ["features[1]"]);
    let stale = access::UpdateAccountRequest { etag: "1".into(), ..features(&[]) };
    assert_eq!(reason(&admin.update_account(stale).await.unwrap_err()), "ETAG_MISMATCH");
    assert_eq!(admin.get_account().await.unwrap(), before);

    admin.set_policy(switch(false)).await.unwrap();
    let after = admin.update_account(features(&["ab_testing"])).await.unwrap();
    assert_eq!(after.features, ["ab_testing"]);
    assert_eq!(admin.get_account().await.unwrap(), after);
    let refused = admin.set_policy(switch(true)).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), &metadata(&refused)["feature"]),
        ("FEATURE_MISSING", &"campaign_approval".to_owned())
    );
    let renamed = access::UpdateAccountRequest { name: Some("Acme & Sons".into()), ..Default::default() };
    let renamed = admin.update_account(renamed).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.features), ("Acme & Sons", vec!["ab_testing".to_owned()]));
    admin.update_account(features(&["ab_testing", "campaign_approval"])).await.unwrap();
    admin.set_policy(switch(true)).await.unwrap();
}

/// One write of each service, and each of those about requests.
async fn every_write_is_refused(team: &Team, campaign: &str, request: &str, state: &str) {
    let Team { admin, creator, approver, .. } = team;
    let member = access::CreateMemberRequest {
        email: "new@acme.example".into(),
        display_name: "Nora New".into(),
        system_role: SystemRole::Member.into(),
        ..Default::default()
    };
    let invitation = access::CreateInvitationRequest {
        email: "new@acme.example".into(),
        system_role: SystemRole::Member.into(),
        ..Default::default()
    };
    let edit = approval::UpdateResourceRequest {
        resource_id: campaign.into(),
        title: Some("Other".into()),
        ..Default::default()
    };
    let archive = approval::PerformActionRequest {
        resource_id: campaign.into(),
        action: "ARCHIVE".into(),
        ..Default::default()
    };
    let new = approval::RegisterResourceRequest {
        kind: "remote_config".into(),
        external_id: new_id(),
        title: "New".into(),
        content: Some(prost_types::Struct::default()),
        ..Default::default()
    };
    let id = || request.to_owned();
    let approve = approval::ApproveRequest { approval_request_id: id(), ..Default::default() };
    let reject =
        approval::RejectRequest { approval_request_id: id(), note: "No".into(), ..Default::default() };
    let cancel = approval::CancelRequest { approval_request_id: id(), ..Default::default() };
    let rename = access::UpdateAccountRequest { name: Some("Other".into()), ..Default::default() };
    let mut document = admin.export().await.unwrap().document.unwrap();
    document.members[0].display_name = "Other".into();
    let role = access::CreateRoleRequest { name: "New".into(), ..Default::default() };
    for (what, got) in [
        ("UpdateAccount", admin.update_account(rename).await.map(|_| ())),
        ("CreateMember", admin.create_member(member).await.map(|_| ())),
        ("RevokeMember", admin.revoke(&team.member.id).await.map(|_| ())),
        ("ImportAccess", admin.import(Some(document), "", false).await.map(|_| ())),
        ("CreateRole", admin.create_role(role).await.map(|_| ())),
        ("CreateInvitation", admin.invite(invitation).await.map(|_| ())),
        ("AcceptInvitation", admin.accept("made up").await.map(|_| ())),
        ("UpdatePolicy", admin.set_policy(switch(true)).await.map(|_| ())),
        ("RegisterResource", creator.register(new).await.map(|_| ())),
        ("UpdateResource", creator.update(edit).await.map(|_| ())),
        ("PerformAction", creator.perform(archive).await.map(|_| ())),
        ("Approve", approver.approve(approve).await.map(|_| ())),
        ("Reject", approver.reject(reject).await.map(|_| ())),
        ("Cancel", creator.cancel(cancel).await.map(|_| ())),
    ] {
        let refused = got.expect_err(what);
        assert_eq!(refused.code(), Code::FailedPrecondition, "{what}: {refused:?}");
        assert_eq!(reason(&refused), "ACCOUNT_SUSPENDED", "{what}");
        assert_eq!(metadata(&refused)["state"], state, "{what}");
    }
}

/// Everything that reads works, for those who may.
async fn every_read_works(team: &Team, campaign: &str, request: &str) {
    team.member.get_account().await.unwrap();
    team.member.get_member(&team.admin.id).await.unwrap();
    team.member.resource(campaign).await.unwrap();
    team.member.approval_request(request).await.unwrap();
    assert!(!team.member.history(campaign).await.is_empty());
    team.admin.invitations().await.unwrap();
    team.admin.export().await.unwrap();
    let question =
        access::PermissionQuestion { permission: access::Permission::Invite.into(), ..Default::default() };
    team.admin.check(question).await.unwrap();
    assert!(team.creator.approvers(campaign).await.unwrap().contains(&"Ada Admin".to_owned()));
}

/// A campaign that was approved and starts so far ahead.
async fn scheduled(team: &Team, ahead: Duration) -> String {
    let campaign = team.creator.campaign(ahead, ahead + HOUR).await.resource_id;
    let request = team.creator.submit(&campaign, "LAUNCH").await;
    let approve = approval::ApproveRequest { approval_request_id: request, ..Default::default() };
    team.approver.approve(approve).await.unwrap();
    assert_eq!(team.creator.resource(&campaign).await.unwrap().state, "SCHEDULED");
    campaign
}

async fn wait_until_running(team: &Team, campaign: &str) {
    wait_for("the campaign to run", PATIENCE, async || {
        (team.creator.resource(campaign).await.unwrap().state == "RUNNING").then_some(())
    })
    .await;
}

/// Waits until the notifier knows whether the account is read only.
async fn the_inbox_is(team: &Team, read_only: Option<&str>) {
    let preference = inbox::Preference {
        group: inbox::EventGroup::Comments.into(),
        channel: inbox::Channel::Email.into(),
        mode: inbox::DeliveryMode::Off.into(),
    };
    wait_for("the inbox to know the account's state", PATIENCE, async || {
        let state = match team.admin.prefer(preference).await {
            Ok(_) => None,
            Err(refused) if reason(&refused) == "ACCOUNT_SUSPENDED" => {
                Some(metadata(&refused)["state"].clone())
            }
            // Not known yet.
            Err(_) => return None,
        };
        (state.as_deref() == read_only).then_some(())
    })
    .await;
}

/// A suspended account is frozen: reads only, and its timers wait; resumed, it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_account_is_frozen_until_it_is_resumed() {
    let system = System::standalone().await;
    let (team, others) = (Team::new(&system).await, Team::new(&system).await);
    let (campaign, request) = launch(&team, &[]).await;
    let starting = scheduled(&team, Duration::from_secs(3)).await;
    let suspended = team.admin.suspend_account().await.unwrap();
    assert_eq!((suspended.state(), suspended.erase_time), (AccountState::Suspended, None));
    let before = team.admin.export().await.unwrap();
    every_write_is_refused(&team, &campaign, &request, "SUSPENDED").await;
    every_read_works(&team, &campaign, &request).await;
    assert_eq!(team.admin.export().await.unwrap(), before);
    the_inbox_is(&team, Some("SUSPENDED")).await;

    // Of another account a campaign starts that is due later: what is due is done in order.
    let later = scheduled(&others, Duration::from_secs(3)).await;
    wait_until_running(&others, &later).await;
    let waiting = team.creator.resource(&starting).await.unwrap();
    assert_eq!(waiting.state, "SCHEDULED");
    assert!(waiting.schedule.unwrap().start_time.unwrap().seconds <= in_future(Duration::ZERO).seconds);
    // Suspending twice is harmless.
    team.admin.suspend_account().await.unwrap();
    let resumed = team.admin.resume_account().await.unwrap();
    assert_eq!(resumed.state(), AccountState::Active);
    the_inbox_is(&team, None).await;
    wait_until_running(&team, &starting).await;
    team.creator
        .cancel(approval::CancelRequest { approval_request_id: request, ..Default::default() })
        .await
        .unwrap();
}

/// A deletion is a suspension until its time of grace is over, and can be taken back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_taken_back() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let (campaign, request) = launch(&team, &[]).await;
    for grace in [0, 3_599, 90 * 86_400 + 1, -1] {
        let refused = team.admin.delete_account(Some(grace)).await.unwrap_err();
        assert_eq!(fields(&refused), ["grace"], "{grace} s");
    }
    assert_eq!(team.admin.get_account().await.unwrap().state(), AccountState::Active);

    let now = in_future(Duration::ZERO).seconds;
    let deleted = team.admin.delete_account(Some(3_600)).await.unwrap();
    assert_eq!(deleted.state(), AccountState::Deleted);
    let erased_at = deleted.erase_time.unwrap();
    assert!((now + 3_599..now + 3_660).contains(&erased_at.seconds), "{erased_at:?} from {now}");
    every_write_is_refused(&team, &campaign, &request, "DELETED").await;
    every_read_works(&team, &campaign, &request).await;
    let refused = team.admin.suspend_account().await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), metadata(&refused)["state"].as_str()),
        ("ACCOUNT_SUSPENDED", "DELETED")
    );
    // Deleting twice does not put the end off.
    let again = team.admin.delete_account(None).await.unwrap();
    assert_eq!(again.erase_time, Some(erased_at));
    let resumed = team.admin.resume_account().await.unwrap();
    assert_eq!((resumed.state(), resumed.erase_time), (AccountState::Active, None));
    let approve = approval::ApproveRequest { approval_request_id: request, ..Default::default() };
    team.approver.approve(approve).await.unwrap();
    let deleted = team.admin.delete_account(None).await.unwrap();
    assert!(deleted.erase_time.unwrap().seconds > now + 29 * 86_400);
}

/// Proves HIS-2: after the time of grace an account is gone but for its history, and another one is as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_erased_but_for_its_history() {
    let services = Services::start(1).await;
    let (approval, notifier) =
        (connect(services.approval_ports[0]).await, connect(services.notifier_port).await);
    let team = Team::on(approval.clone(), notifier.clone()).await;
    let other = Team::on(approval, notifier).await;
    let person = team.admin.add("Petra Private", SystemRole::Creator).await;
    let role = access::CreateRoleRequest { name: "Secret plans".into(), ..Default::default() };
    let role = team.admin.create_role(role).await.unwrap().role_id;
    team.admin.assign_role(&person, &role).await.unwrap();
    let invitation = access::CreateInvitationRequest {
        email: "guest@private.example".into(),
        system_role: SystemRole::Member.into(),
        ..Default::default()
    };
    team.admin.invite(invitation).await.unwrap();
    let (campaign, request) = launch(&team, &[&team.approver]).await;
    scheduled(&team, HOUR).await;
    let (kept, _) = launch(&other, &[]).await;
    let neighbour = (other.admin.export().await.unwrap(), other.creator.history(&kept).await);

    let database = Database::connect(services.database.url()).await.unwrap();
    // Events that are not published yet stay until they are.
    wait_for("an empty outbox", PATIENCE, async || {
        (number(&database, "SELECT count(*) FROM outbox").await == 0).then_some(())
    })
    .await;
    let count = async |table: &str| {
        let sql = format!("SELECT count(*) FROM {table} WHERE account_id = '{}'", team.account);
        number(&database, &sql).await
    };
    let history = count("history").await;
    assert_eq!(history, 2 + 3, "a launch, and one that was approved");
    team.admin.delete_account(None).await.unwrap();
    // Nobody waits thirty days here: the time of grace is over in the database.
    let sql = format!(
        "UPDATE accounts SET erase_at_us = 1 WHERE account_id = '{}' AND state = 'DELETED' RETURNING state",
        team.account
    );
    assert_eq!(some(&database, &sql).await, ["DELETED"]);
    // Too late, erased already or not.
    let late = team.admin.resume_account().await.unwrap_err();
    assert!(matches!(reason(&late).as_str(), "ACCOUNT_SUSPENDED" | "NOT_FOUND"), "{late:?}");
    let state = format!("SELECT state FROM accounts WHERE account_id = '{}'", team.account);
    wait_for("the account to be erased", 2 * PATIENCE, async || {
        (some(&database, &state).await == ["ERASED"]).then_some(())
    })
    .await;

    for table in [
        "resources",
        "requests",
        "request_approvers",
        "decisions",
        "invitations",
        "roles",
        "member_roles",
        "policies",
        "sweeps",
        "idempotency",
    ] {
        assert_eq!(count(table).await, 0, "{table} holds rows of the account");
    }
    // Members stay as ids that history refers to, without who they were.
    let members = format!(
        "SELECT count(*) FROM members WHERE account_id = '{}' AND state = 'REVOKED' AND display_name = 'erased' \
         AND email LIKE 'erased %'",
        team.account
    );
    assert_eq!((number(&database, &members).await, count("members").await), (6, 6));
    for text in ["petra.private", "Petra Private", "guest@private.example"] {
        assert_eq!(holding(&database, text).await, [""; 0], "{text}");
    }
    // What a role was called is history (ACC-17), and nothing else is left of it.
    assert_eq!(holding(&database, "Secret plans").await, ["account_history"]);
    assert_eq!(count("history").await, history);
    for change in ["DELETE FROM history", "UPDATE history SET note = ''", "TRUNCATE history"] {
        let refused = database.execute_unprepared(change).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }

    let gone = [
        team.admin.get_account().await.unwrap_err(),
        team.admin.export().await.unwrap_err(),
        team.creator.resource(&campaign).await.unwrap_err(),
        team.approver.approval_request(&request).await.unwrap_err(),
        team.admin.add_member("late@acme.example").await.unwrap_err(),
    ];
    for refused in gone {
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "PERMISSION_DENIED"),
            "{refused:?}"
        );
    }
    // The operator, who may know of accounts, is told that it is none any more.
    for gone in [
        team.admin.resume_account().await.unwrap_err(),
        team.admin.delete_account(None).await.unwrap_err(),
        team.admin.update_account(features(&[])).await.unwrap_err(),
        team.admin.accept("made up").await.unwrap_err(),
    ] {
        assert_eq!((gone.code(), reason(&gone).as_str()), (Code::NotFound, "NOT_FOUND"), "{gone:?}");
    }
    assert_eq!((other.admin.export().await.unwrap(), other.creator.history(&kept).await), neighbour);
}

impl Caller {
    async fn add_member(&self, email: &str) -> Result<access::Member, tonic::Status> {
        let new = access::CreateMemberRequest {
            email: email.into(),
            display_name: "Late".into(),
            system_role: SystemRole::Member.into(),
            ..Default::default()
        };
        self.create_member(new).await
    }
}
