//! What becomes of pending requests when somebody loses the right to decide them (REQ-10).

use std::time::Duration;

use countersign_proto::{
    access,
    approval::{self, AudienceValues},
    inbox::RibbonKind,
    types::{RequestState, Schedule, SystemRole},
};
use countersign_testkit::wait_for;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    client::{Caller, Team, content, in_future, new_id},
    scenarios::wait_for_ribbons,
    system::{PATIENCE, Services, System, connect},
};

const HOUR: Duration = Duration::from_hours(1);
const ROUNDS: usize = 200;

/// Submits the launch of a campaign to these approvers, or to all.
pub async fn launch(team: &Team, approvers: &[&Caller]) -> (String, String) {
    let campaign = team.creator.campaign(HOUR, 2 * HOUR).await.resource_id;
    let answer = team
        .creator
        .perform(approval::PerformActionRequest {
            resource_id: campaign.clone(),
            action: "LAUNCH".into(),
            approver_ids: approvers.iter().map(|approver| approver.id.clone()).collect(),
            ..Default::default()
        })
        .await
        .unwrap();
    (campaign, answer.approval_request.unwrap().approval_request_id)
}

fn approve(request: &str) -> approval::ApproveRequest {
    approval::ApproveRequest { approval_request_id: request.into(), ..Default::default() }
}

/// One of two assignees is lost, then the other: what is shown, mailed, told in history. Answers the mails.
pub async fn assignees_are_lost(system: &System) -> Vec<String> {
    let team = Team::new(system).await;
    system.wait_for_mails(2).await;
    let (campaign, request) = launch(&team, &[&team.approver, &team.admin]).await;
    wait_for_ribbons(&team.approver, &campaign, &[RibbonKind::Decide]).await;
    system.wait_for_mails(4).await;

    let demote = access::UpdateMemberRequest {
        member_id: team.approver.id.clone(),
        system_role: SystemRole::Creator.into(),
        ..Default::default()
    };
    team.admin.update_member(demote).await.unwrap();
    // In the transaction that took the right: seen by the next call.
    let pending = team.creator.approval_request(&request).await.unwrap();
    assert_eq!(pending.state(), RequestState::Pending);
    assert_eq!(pending.expired_approver_ids, std::slice::from_ref(&team.approver.id));
    let refused = team.approver.approve(approve(&request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    wait_for_ribbons(&team.approver, &campaign, &[RibbonKind::Awaiting]).await;
    wait_for_ribbons(&team.admin, &campaign, &[RibbonKind::Decide]).await;
    system.wait_for_mails(5).await;

    // The last assignee goes: nobody is left, though another Admin could decide.
    let second = team.admin.add("Otto Other", SystemRole::Admin).await;
    team.admin.other(second).revoke(&team.admin.id).await.unwrap();
    let ended = team.creator.approval_request(&request).await.unwrap();
    assert_eq!(ended.state(), RequestState::Expired);
    assert_eq!(ended.expiry_reason, "NO_ELIGIBLE_APPROVERS");
    let history = team.creator.history(&campaign).await;
    let events: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["REGISTERED", "SUBMITTED", "ASSIGNMENT_EXPIRED", "EXPIRED"]);
    assert_eq!(history[2].note, "can't decide any more: Abel Approver");
    // The resource is editable again, and can be submitted again.
    let edited = team
        .creator
        .update(approval::UpdateResourceRequest {
            resource_id: campaign.clone(),
            title: Some("Summer sale".into()),
            ..Default::default()
        })
        .await;
    edited.unwrap();
    wait_for_ribbons(&team.creator, &campaign, &[RibbonKind::Result]).await;
    system.wait_for_mails(6).await
}

/// Proves REQ-10, ACC-7, ACC-9, ACC-12: each way to lose the right ends what is pending, in the transaction that takes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_lose_the_right_ends_what_is_pending() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let role = |name: &str| access::CreateRoleRequest {
        name: name.into(),
        accesses: vec![access::ComponentAccess {
            component: "engagement.campaigns".into(),
            approve: true,
            ..Default::default()
        }],
        ..Default::default()
    };
    let expired = async |what: &str, request: &str| {
        let ended = team.creator.approval_request(request).await.unwrap();
        assert_eq!(ended.state(), RequestState::Expired, "{what}");
        assert_eq!(ended.expiry_reason, "NO_ELIGIBLE_APPROVERS", "{what}");
    };

    let edited = team.admin.create_role(role("Edited")).await.unwrap().role_id;
    let holder = team.admin.other(team.admin.add_with("Erna Edited", vec![edited.clone()]).await);
    let (_, request) = launch(&team, &[&holder]).await;
    let read_only = access::ComponentAccess {
        component: "engagement.campaigns".into(),
        level: access::AccessLevel::Read.into(),
        ..Default::default()
    };
    let change = access::UpdateRoleRequest {
        role_id: edited,
        accesses: vec![read_only],
        replace_accesses: true,
        ..Default::default()
    };
    team.admin.update_role(change).await.unwrap();
    expired("the component was taken from the role", &request).await;

    let deleted = team.admin.create_role(role("Deleted")).await.unwrap().role_id;
    let holder = team.admin.other(team.admin.add_with("Dora Deleted", vec![deleted.clone()]).await);
    let (_, request) = launch(&team, &[&holder]).await;
    // Told before and after alike, and until then nothing happens.
    let told = team.admin.would_delete_role(&deleted).await.unwrap();
    assert_eq!((told.holders, told.became_member, told.other_members), (1, 1, 0));
    let [effect] = told.effects.as_slice() else { panic!("{told:?}") };
    assert!(effect.becomes_member && !effect.lifts_scope && !effect.lifts_mask);
    assert_eq!(effect.member_ids, std::slice::from_ref(&holder.id));
    let boards = effect.opened.iter().find(|opened| opened.component == "boards").unwrap();
    assert!(boards.read && !boards.write && !boards.approve);
    assert!(effect.opened.iter().all(|opened| opened.component != "engagement.campaigns"), "they had it");
    assert_eq!(team.admin.would_delete_role(&deleted).await.unwrap(), told);
    let gone = team.admin.delete_role(&deleted).await.unwrap();
    assert_eq!(gone, told);
    expired("the role was deleted", &request).await;

    let scoped = team.admin.create_role(role("Scoped")).await.unwrap().role_id;
    let holder = team.admin.other(team.admin.add_with("Sina Scoped", vec![scoped.clone()]).await);
    let (_, request) = launch(&team, &[&holder]).await;
    let scope = access::DataScope { property: "Country".into(), values: vec!["US".into()] };
    let change = access::UpdateRoleRequest { role_id: scoped, scope: Some(scope), ..Default::default() };
    team.admin.update_role(change).await.unwrap();
    expired("the scope excludes the campaign", &request).await;

    let granted = access::UpdateMemberRequest {
        member_id: team.editor.id.clone(),
        approval_right: Some(true),
        ..Default::default()
    };
    team.admin.update_member(granted.clone()).await.unwrap();
    let (_, request) = launch(&team, &[&team.editor]).await;
    let withdrawn = access::UpdateMemberRequest { approval_right: Some(false), ..granted };
    team.admin.update_member(withdrawn).await.unwrap();
    expired("the right was withdrawn", &request).await;

    // Nobody was chosen: it ends when the last approver besides the submitter goes.
    let (_, request) = launch(&team, &[]).await;
    let (_, own) = {
        let campaign = team.admin.campaign(HOUR, 2 * HOUR).await.resource_id;
        let answer = team
            .admin
            .perform(approval::PerformActionRequest {
                resource_id: campaign.clone(),
                action: "LAUNCH".into(),
                approver_ids: vec![team.approver.id.clone()],
                ..Default::default()
            })
            .await
            .unwrap();
        (campaign, answer.approval_request.unwrap().approval_request_id)
    };
    team.admin.revoke(&team.approver.id).await.unwrap();
    assert_eq!(
        team.creator.approval_request(&request).await.unwrap().state(),
        RequestState::Pending,
        "the Admin is left"
    );
    expired("the only assignee was revoked", &own).await;
}

/// Proves REQ-9, REQ-10: revoking an approver while they approve, on two replicas. Either the approval came first, or it was
/// refused and the request has expired, because it goes in the revocation's own transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_approval_comes_after_the_loss() {
    let services = Services::start(2).await;
    let replicas = [connect(services.approval_ports[0]).await, connect(services.approval_ports[1]).await];
    let team = Team::on(replicas[0].clone(), connect(services.notifier_port).await).await;
    let mut approved = 0;
    for round in 0..ROUNDS {
        approved += usize::from(one_race(&team, &replicas, round).await);
    }
    println!("{approved} of {ROUNDS} approvals came first");
    let database = Database::connect(services.database.url()).await.unwrap();
    assert_eq!(number(&database, "SELECT count(*) FROM requests WHERE state = 'PENDING'").await, 0);
    wait_for("an empty outbox", PATIENCE, async || {
        (number(&database, "SELECT count(*) FROM outbox").await == 0).then_some(())
    })
    .await;
}

async fn one_race(team: &Team, replicas: &[Channel; 2], round: usize) -> bool {
    let approver = team.admin.other(team.admin.add(&format!("Approver {round}"), SystemRole::Approver).await);
    let (campaign, request) = launch(team, &[&approver]).await;
    let (one, other) = (round % 2, (round + 1) % 2);
    let (approver, admin) = (approver.over(replicas[one].clone()), team.admin.over(replicas[other].clone()));
    let (deciding, id) = (approver.clone(), request.clone());
    let deciding = tokio::spawn(async move { deciding.approve(approve(&id)).await });
    let member = approver.id.clone();
    let revoking = tokio::spawn(async move { admin.revoke(&member).await });
    let (decided, revoked) = (deciding.await.unwrap(), revoking.await.unwrap());
    revoked.unwrap();
    let ended = team.creator.approval_request(&request).await.unwrap();
    let history = team.creator.history(&campaign).await;
    let events: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    let refused = match &decided {
        Ok(_) => {
            assert_eq!(ended.state(), RequestState::Approved, "round {round}");
            assert_eq!(events, ["REGISTERED", "SUBMITTED", "APPROVED"], "round {round}");
            None
        }
        Err(status) => {
            assert_eq!(ended.state(), RequestState::Expired, "round {round}: {status:?}");
            assert_eq!(events, ["REGISTERED", "SUBMITTED", "EXPIRED"], "round {round}");
            Some(status.clone())
        }
    };
    // And after the loss nothing is decided, on either replica.
    for replica in replicas {
        let late = approver.over(replica.clone()).approve(approve(&request)).await.unwrap_err();
        assert_eq!(late.code(), Code::PermissionDenied, "round {round}: {late:?}");
    }
    if let Some(status) = refused {
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.as_str()).unwrap_or_default();
        assert!(matches!(reason, "PERMISSION_DENIED" | "REQUEST_DECIDED"), "round {round}: {status:?}");
    }
    decided.is_ok()
}

/// Requests assigned to an approver, made in the database: more than one transaction settles.
const MANY: i64 = 10_000;

/// Proves REQ-10 from a single assignee to ten thousand pending assignments, with the service killed in the middle: each
/// request is settled once, and none is half settled at any time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_assignments_are_settled_through_a_crash() {
    let mut services = Services::start(1).await;
    let team =
        Team::on(connect(services.approval_ports[0]).await, connect(services.notifier_port).await).await;
    let (campaign, request) = launch(&team, &[&team.approver]).await;
    let database = Database::connect(services.database.url()).await.unwrap();
    multiply(&database, &campaign, &request).await;
    let pending = "SELECT count(*) FROM requests WHERE state = 'PENDING'";
    assert_eq!(number(&database, pending).await, MANY);

    team.admin.revoke(&team.approver.id).await.unwrap();
    // The right is gone for all of them, whatever is still to be settled.
    let left = number(&database, pending).await;
    assert!(left > 0, "all were settled at once");
    for id in some(&database, "SELECT request_id::text FROM requests WHERE state = 'PENDING' LIMIT 3").await {
        let refused = team.approver.approve(approve(&id)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    wait_for("some to be settled", PATIENCE, async || {
        (number(&database, pending).await < left - 200).then_some(())
    })
    .await;
    services.approval[0].kill9();
    let left = number(&database, pending).await;
    assert!(left > 0, "the kill came too late to prove anything");
    assert_eq!(half_settled(&database).await, 0);
    services.approval[0].start_again();
    connect(services.approval_ports[0]).await;
    wait_for("all to be settled", 5 * PATIENCE, async || {
        (number(&database, pending).await == 0).then_some(())
    })
    .await;
    wait_for("the sweep to end", PATIENCE, async || {
        (number(&database, "SELECT count(*) FROM sweeps").await == 0).then_some(())
    })
    .await;
    assert_eq!(half_settled(&database).await, 0);
    let settled = "SELECT count(*) FROM history WHERE event = 'EXPIRED'";
    assert_eq!(number(&database, settled).await, MANY, "each once");
    let locked = "SELECT count(*) FROM resources WHERE lock_request_id IS NOT NULL";
    assert_eq!(number(&database, locked).await, 0);
}

/// Requests whose parts tell different stories.
async fn half_settled(database: &DatabaseConnection) -> i64 {
    let sql = "SELECT count(*) FROM requests AS q \
        JOIN resources AS r USING (account_id, resource_id) \
        JOIN request_approvers AS a USING (account_id, request_id) \
        LEFT JOIN history AS h ON h.account_id = q.account_id AND h.request_id = q.request_id AND h.event = 'EXPIRED' \
        WHERE (q.state = 'PENDING') <> (r.lock_request_id IS NOT NULL) \
           OR (q.state = 'PENDING') <> (a.expired_at_us IS NULL) \
           OR (q.state = 'PENDING') <> (h.request_id IS NULL)";
    number(database, sql).await
}

/// Makes the campaign and its request so many, each with ids of its own.
pub async fn multiply(database: &DatabaseConnection, campaign: &str, request: &str) {
    let columns = async |table: &str, own: &[&str]| {
        let sql = format!(
            "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}' AND column_name NOT IN ('{}')",
            own.join("', '")
        );
        some(database, &sql).await.remove(0)
    };
    let resources =
        columns("resources", &["resource_id", "external_id", "lock_request_id", "history_hash"]).await;
    let requests = columns("requests", &["request_id", "resource_id"]).await;
    let approvers = columns("request_approvers", &["request_id"]).await;
    let history = columns("history", &["resource_id", "request_id", "position", "hash"]).await;
    let copies = format!(
        "CREATE TEMPORARY TABLE copies AS SELECT gen_random_uuid() AS resource, gen_random_uuid() AS request \
         FROM generate_series(2, {MANY});
         INSERT INTO resources (resource_id, external_id, lock_request_id, {resources})
             SELECT copies.resource, copies.resource::text, copies.request, {resources} FROM resources, copies
             WHERE resource_id = '{campaign}';
         INSERT INTO requests (request_id, resource_id, {requests})
             SELECT copies.request, copies.resource, {requests} FROM requests, copies WHERE request_id = '{request}';
         INSERT INTO request_approvers (request_id, {approvers})
             SELECT copies.request, {approvers} FROM request_approvers, copies WHERE request_id = '{request}';
         INSERT INTO history (resource_id, request_id, {history})
             SELECT copies.resource, CASE WHEN history.request_id IS NULL THEN NULL ELSE copies.request END, {history}
             FROM history, copies WHERE resource_id = '{campaign}';
         ANALYZE"
    );
    database.execute_unprepared(&copies).await.unwrap();
}

pub async fn number(database: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(DbBackend::Postgres, sql.to_owned());
    database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

pub async fn some(database: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(DbBackend::Postgres, sql.to_owned());
    let rows = database.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Proves ACC-12, ACC-13, ACC-16: what a scoped and a masked member sees, writes and decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_and_masks_hold_in_every_call() {
    let system = System::standalone().await;
    let team = Team::new(&system).await;
    let campaigns = |level: access::AccessLevel, approve| access::ComponentAccess {
        component: "engagement.campaigns".into(),
        level: level.into(),
        approve,
    };
    let us = team
        .admin
        .create_role(access::CreateRoleRequest {
            name: "US managers".into(),
            accesses: vec![campaigns(access::AccessLevel::Write, true)],
            scope: Some(access::DataScope { property: "Country".into(), values: vec!["US".into()] }),
            masks_pii: true,
            ..Default::default()
        })
        .await
        .unwrap();
    let manager = team.admin.other(team.admin.add_with("Uma US", vec![us.role_id]).await);
    let audience = |values: &[&str]| {
        let values = values.iter().map(ToString::to_string).collect();
        std::collections::BTreeMap::from([("Country".to_owned(), AudienceValues { values })])
    };
    let new = |audience| approval::RegisterResourceRequest {
        kind: "campaign".into(),
        external_id: new_id(),
        title: "Spring sale".into(),
        content: Some(content(&serde_json::json!({"subject": "Hi", "contact": {"email": "jo@example.com"}}))),
        pii_fields: vec!["/contact/email".into()],
        schedule: Some(Schedule { start_time: Some(in_future(HOUR)), end_time: Some(in_future(2 * HOUR)) }),
        audience,
        ..Default::default()
    };
    let american = team.creator.register(new(audience(&["US"]))).await.unwrap();
    let mixed = team.creator.register(new(audience(&["US", "CA"]))).await.unwrap();
    let open = team.creator.register(new(audience(&["US"]))).await.unwrap();

    let seen = manager.resource(&american.resource_id).await.unwrap();
    let shown = |resource: &approval::Resource| {
        format!("{:?}", resource.live.as_ref().unwrap().body.as_ref().unwrap().fields["contact"])
    };
    assert!(seen.masked && !shown(&seen).contains("jo@example.com"), "{}", shown(&seen));
    assert!(shown(&american).contains("jo@example.com"));
    // That of what is shown: one of the whole would confirm a guess.
    assert_ne!(seen.live.as_ref().unwrap().digest, american.live.as_ref().unwrap().digest);
    for outside in [&mixed.resource_id, &new_id()] {
        let refused = manager.resource(outside).await.unwrap_err();
        assert_eq!(
            refused.code(),
            Code::PermissionDenied,
            "the same for what is outside and what is not there"
        );
        assert_eq!(refused.message(), manager.resource(&new_id()).await.unwrap_err().message());
    }
    // What comes back masked stays what it was.
    let answer = manager
        .update(approval::UpdateResourceRequest {
            resource_id: open.resource_id.clone(),
            content: Some(content(&serde_json::json!({"subject": "Hello", "contact": {"email": "•••"}}))),
            ..Default::default()
        })
        .await
        .unwrap();
    assert!(!shown(&answer.resource.unwrap()).contains("jo@example.com"));
    let whole = team.creator.resource(&open.resource_id).await.unwrap();
    assert!(shown(&whole).contains("jo@example.com"), "{}", shown(&whole));
    let unmark = approval::UpdateResourceRequest {
        resource_id: open.resource_id.clone(),
        replace_pii_fields: true,
        ..Default::default()
    };
    assert_eq!(reason(&manager.update(unmark).await.unwrap_err()), "PII_MASKED");
    let widen = approval::UpdateResourceRequest {
        resource_id: open.resource_id.clone(),
        audience: audience(&["US", "CA"]),
        replace_audience: true,
        ..Default::default()
    };
    assert_eq!(reason(&manager.update(widen).await.unwrap_err()), "OUT_OF_SCOPE");

    assert_eq!(
        team.creator.approvers(&american.resource_id).await.unwrap(),
        ["Abel Approver", "Ada Admin", "Uma US"]
    );
    assert_eq!(team.creator.approvers(&mixed.resource_id).await.unwrap(), ["Abel Approver", "Ada Admin"]);
    let request = team.creator.submit(&american.resource_id, "LAUNCH").await;
    let outside = team.creator.submit(&mixed.resource_id, "LAUNCH").await;
    let refused = manager.approve(approve(&outside)).await.unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_DENIED");
    manager.approve(approve(&request)).await.unwrap();
    let question = |resource: &str| access::PermissionQuestion {
        permission: access::Permission::Write.into(),
        target: Some(access::permission_question::Target::ResourceId(resource.into())),
        ..Default::default()
    };
    assert!(manager.check(question(&american.resource_id)).await.unwrap().allowed);
    let answer = manager.check(question(&mixed.resource_id)).await.unwrap();
    assert_eq!((answer.allowed, answer.reason.as_str()), (false, "PERMISSION_DENIED"));
    let explained = team
        .admin
        .explain(access::PermissionQuestion { member_id: manager.id.clone(), ..question(&mixed.resource_id) })
        .await
        .unwrap();
    assert_eq!((explained.scope.as_str(), explained.in_scope), ("Country in (US)", false));
    assert_eq!(explained.grants[0].role_name, "US managers");
    assert!(explained.grants[0].write);
    // Nothing outside shows by asking why, or for somebody else, or by a list that would go on.
    team.admin.assign_role(&manager.id, "APPROVER").await.unwrap();
    let reject =
        approval::RejectRequest { approval_request_id: outside, note: "Again".into(), ..Default::default() };
    team.admin.reject(reject).await.unwrap();
    team.creator.submit(&mixed.resource_id, "LAUNCH").await;
    let nowhere = new_id();
    assert_eq!(team.creator.requests_on(&mixed.resource_id, 1).await.approval_requests.len(), 1);
    for hidden in [&mixed.resource_id, &nowhere] {
        assert_eq!(manager.requests_on(hidden, 1).await, approval::ListApprovalRequestsResponse::default());
        let explained = manager.explain(question(hidden)).await.unwrap();
        assert_eq!(explained, manager.explain(question(&nowhere)).await.unwrap());
        assert_eq!(explained.component, "");
        let of_admin = || access::PermissionQuestion { member_id: team.admin.id.clone(), ..question(hidden) };
        let explained = manager.explain(of_admin()).await.unwrap().answer.unwrap();
        for answer in [manager.check(of_admin()).await.unwrap(), explained] {
            assert!(!answer.allowed);
            assert_eq!(answer.message, manager.resource(&nowhere).await.unwrap_err().message());
        }
    }
    let of_admin =
        access::PermissionQuestion { member_id: team.admin.id.clone(), ..question(&american.resource_id) };
    assert!(manager.check(of_admin).await.unwrap().allowed);
    // Ribbons keep to the scope as well.
    team.admin.wait_until_known(&[&manager.id]).await;
    wait_for_ribbons(&team.member, &mixed.resource_id, &[RibbonKind::Awaiting]).await;
    assert!(manager.ribbons(&mixed.resource_id).await.is_empty());
}

fn reason(status: &tonic::Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}
