//! Kinds of an account's own (LIF-24), from their registration to their end.

use std::time::Duration;

use countersign_proto::{
    access,
    approval::{
        self, ActionOutcome, EditEffect, EditMode, Lifecycle, LifecycleState, LifecycleTransition,
        TimedTransition, TransitionTime,
    },
    inbox::RibbonKind,
    types::{RequestState, Schedule},
};
use countersign_testkit::wait_for;
use tonic::Code;

use crate::{
    bad_input::{metadata, reason, violations},
    client::{Caller, Team, content, in_future, new_id},
    scenarios::{events, wait_for_ribbons},
    system::{PATIENCE, System},
};

const HOUR: Duration = Duration::from_hours(1);

/// Journeys: planned for a time, edited while they are under way, held, over at their end.
pub fn journeys(kind: &str) -> Lifecycle {
    let state = |name: &str, mode: EditMode| LifecycleState {
        name: name.into(),
        edit_mode: mode.into(),
        ..Default::default()
    };
    let row = |from: &[&str], action: &str, label: &str, to: &str| LifecycleTransition {
        action: action.into(),
        from_states: from.iter().map(ToString::to_string).collect(),
        pending_label: label.into(),
        target_state: to.into(),
    };
    let timed = |from: &str, to: &str, time: TransitionTime| TimedTransition {
        from_state: from.into(),
        target_state: to.into(),
        time: time.into(),
    };
    Lifecycle {
        kind: kind.into(),
        area: "JOURNEYS".into(),
        states: vec![
            state("DRAFT", EditMode::Unspecified),
            state("PLANNED", EditMode::VoidsApproval),
            state("UNDER_WAY", EditMode::Staged),
            state("HELD", EditMode::Refused),
            state("OVER", EditMode::Unspecified),
        ],
        transitions: vec![
            row(&["DRAFT"], "PLAN", "PLAN_PENDING", "PLANNED"),
            row(&["UNDER_WAY"], "PUBLISH_EDITS", "EDITS_PENDING", ""),
            row(&["UNDER_WAY"], "HOLD", "", "HELD"),
            row(&["HELD"], "GO_ON", "GO_ON_PENDING", "UNDER_WAY"),
            row(&["DRAFT", "HELD"], "GIVE_UP", "GIVE_UP_PENDING", "OVER"),
        ],
        timed_transitions: vec![
            timed("PLANNED", "UNDER_WAY", TransitionTime::Start),
            timed("UNDER_WAY", "OVER", TransitionTime::End),
        ],
        ..Default::default()
    }
}

/// Registers a journey that starts so far ahead and lasts an hour.
async fn journey(caller: &Caller, start: Duration) -> approval::Resource {
    let message = approval::RegisterResourceRequest {
        kind: "journey".into(),
        external_id: new_id(),
        title: "Welcome".into(),
        content: Some(content(&serde_json::json!({ "steps": ["mail", "wait", "push"] }))),
        schedule: Some(Schedule { start_time: Some(in_future(start)), end_time: Some(in_future(HOUR)) }),
        ..Default::default()
    };
    caller.register(message).await.unwrap()
}

/// A team whose account has registered journeys, with their workflow on.
async fn travellers(system: &System) -> (Team, Lifecycle) {
    let team = Team::new(system).await;
    let registered = team.admin.register_lifecycle(journeys("journey")).await.unwrap();
    let on =
        approval::UpdatePolicyRequest { area: "JOURNEYS".into(), enabled: Some(true), ..Default::default() };
    let policy = team.admin.set_policy(on).await.unwrap();
    assert_eq!((policy.area.as_str(), policy.required_approvals, policy.enabled), ("JOURNEYS", 1, true));
    (team, registered)
}

/// Proves LIF-24, LIF-17, LIF-21, LIF-23, REQ-1, POL-1, NOT-2, NOT-4, NOT-12, HIS-1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_of_one_s_own_goes_all_the_way_on_the_services() {
    all_the_way(&System::services().await).await;
}

/// Proves LIF-24: the same on the all-in-one binary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_of_one_s_own_goes_all_the_way_on_standalone() {
    all_the_way(&System::standalone().await).await;
}

async fn all_the_way(system: &System) {
    let (team, registered) = travellers(system).await;
    assert_eq!((registered.version, registered.retired), (1, false));
    assert_eq!(registered.component, "engagement.custom.journeys");
    assert_eq!(registered.registered_by.as_ref().unwrap().display_name, "Ada Admin");
    assert!(registered.mermaid.contains("PLANNED --> UNDER_WAY: start time"), "{}", registered.mermaid);
    let final_states = registered.states.iter().filter(|state| state.r#final);
    assert_eq!(final_states.map(|state| state.name.as_str()).collect::<Vec<_>>(), ["OVER"]);
    let kinds: Vec<String> =
        team.member.lifecycles().await.into_iter().map(|lifecycle| lifecycle.kind).collect();
    assert_eq!(kinds, ["ab_test", "remote_config", "campaign", "journey"]);

    let journey = journey(&team.creator, Duration::from_secs(8)).await;
    let id = journey.resource_id.as_str();
    assert_eq!((journey.state.as_str(), journey.lifecycle_version), ("DRAFT", 1));
    assert_eq!(journey.allowed_actions, ["PLAN", "GIVE_UP"]);
    // The notifier learns with the registration who may see the new kind.
    let mails = system.wait_for_mails(4).await.len();
    let request = team.creator.submit(id, "PLAN").await;
    wait_for_ribbons(&team.approver, id, &[RibbonKind::Decide]).await;
    wait_for_ribbons(&team.admin, id, &[RibbonKind::Decide]).await;
    wait_for_ribbons(&team.creator, id, &[RibbonKind::Awaiting]).await;
    wait_for_ribbons(&team.member, id, &[RibbonKind::Awaiting]).await;
    let asked = system.wait_for_mails(mails + 2).await;
    assert!(asked.last().unwrap().contains("journey"), "{}", asked.last().unwrap());
    let pending = team.creator.resource(id).await.unwrap();
    assert_eq!((pending.state.as_str(), pending.pending_label.as_str()), ("DRAFT", "PLAN_PENDING"));

    let approve =
        |id: &str| approval::ApproveRequest { approval_request_id: id.into(), ..Default::default() };
    let denied = team.editor.approve(approve(&request)).await.unwrap_err();
    let told = metadata(&denied);
    assert_eq!(
        (denied.code(), told["component"].as_str()),
        (Code::PermissionDenied, "engagement.custom.journeys")
    );
    let approved = team.approver.approve(approve(&request)).await.unwrap();
    assert_eq!((approved.state(), approved.area.as_str()), (RequestState::Approved, "JOURNEYS"));
    // The submitter and all Admins (NOT-4).
    system.wait_for_mails(mails + 4).await;

    // Its start time comes.
    wait_for("the journey to be under way", PATIENCE, async || {
        (team.creator.resource(id).await.unwrap().state == "UNDER_WAY").then_some(())
    })
    .await;
    let gate = |body: serde_json::Value| approval::CheckActionRequest {
        resource_id: id.into(),
        action: "PLAN".into(),
        content: Some(content(&body)),
        ..Default::default()
    };
    let steps = serde_json::json!({ "steps": ["mail", "wait", "push"] });
    assert!(team.creator.gate(gate(steps)).await.unwrap().allowed);
    assert!(!team.creator.gate(gate(serde_json::json!({}))).await.unwrap().allowed);

    let edit = approval::UpdateResourceRequest {
        resource_id: id.into(),
        content: Some(content(&serde_json::json!({ "steps": ["mail"] }))),
        ..Default::default()
    };
    let edited = team.creator.update(edit).await.unwrap();
    assert_eq!(edited.effect(), EditEffect::Staged);
    let request = team.creator.submit(id, "PUBLISH_EDITS").await;
    team.admin.approve(approve(&request)).await.unwrap();
    let held = approval::PerformActionRequest {
        resource_id: id.into(),
        action: "HOLD".into(),
        ..Default::default()
    };
    let held = team.creator.perform(held).await.unwrap();
    assert_eq!((held.outcome(), held.resource.unwrap().state), (ActionOutcome::Applied, "HELD".to_owned()));
    assert_eq!(
        events(&team.member, id).await,
        ["REGISTERED", "SUBMITTED", "APPROVED", "STARTED", "STAGED", "SUBMITTED", "APPROVED", "APPLIED"]
    );
}

/// Proves LIF-24, ACC-3, ACC-4, ACC-6, ACC-10: rights on one area of the account's own are rights on no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_can_be_for_one_area_of_one_s_own() {
    let system = System::services().await;
    let team = Team::new(&system).await;
    let role = |component: &str| access::CreateRoleRequest {
        name: format!("Of {component}"),
        accesses: vec![access::ComponentAccess {
            component: component.into(),
            approve: true,
            ..Default::default()
        }],
        ..Default::default()
    };
    let before = team.admin.create_role(role("engagement.custom.journeys")).await.unwrap_err();
    assert_eq!(reason(&before), "UNKNOWN_COMPONENT", "there is no such area yet");
    team.admin.register_lifecycle(journeys("journey")).await.unwrap();
    let prices = Lifecycle { area: "PRICES".into(), ..journeys("price_list") };
    team.admin.register_lifecycle(prices).await.unwrap();
    let above = team.admin.create_role(role("engagement.custom")).await.unwrap_err();
    assert_eq!(reason(&above), "APPROVE_NOT_AVAILABLE");
    for area in ["JOURNEYS", "PRICES"] {
        let on =
            approval::UpdatePolicyRequest { area: area.into(), enabled: Some(true), ..Default::default() };
        team.admin.set_policy(on).await.unwrap();
    }
    let of_journeys = team.admin.create_role(role("engagement.custom.journeys")).await.unwrap().role_id;
    let of_prices = team.admin.create_role(role("engagement.custom.prices")).await.unwrap().role_id;
    let jo = team.admin.other(team.admin.add_with("Jo Journeys", vec![of_journeys]).await);
    let pia = team.admin.other(team.admin.add_with("Pia Prices", vec![of_prices]).await);

    let journey = journey(&team.creator, 1800 * Duration::from_secs(1)).await.resource_id;
    let mut approvers = team.creator.approvers(&journey).await.unwrap();
    approvers.sort();
    assert_eq!(approvers, ["Abel Approver", "Ada Admin", "Jo Journeys"]);
    let request = team.creator.submit(&journey, "PLAN").await;
    let approve = || approval::ApproveRequest { approval_request_id: request.clone(), ..Default::default() };
    let denied = pia.approve(approve()).await.unwrap_err();
    assert_eq!((denied.code(), reason(&denied).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
    let waiting = |caller: Caller| async move {
        let message = approval::ListApprovalRequestsRequest { waiting_for_me: true, ..Default::default() };
        caller.requests(message).await.unwrap().approval_requests.len()
    };
    assert_eq!((waiting(jo.clone()).await, waiting(pia).await), (1, 0));
    jo.approve(approve()).await.unwrap();

    let about = |component: &str| access::PermissionQuestion {
        permission: access::Permission::Approve.into(),
        target: Some(access::permission_question::Target::Component(component.into())),
        ..Default::default()
    };
    let questions = ["engagement.custom.journeys", "engagement.custom.prices"].map(about).into();
    let answers = jo.check_all(questions).await.unwrap();
    assert_eq!(answers.iter().map(|answer| answer.allowed).collect::<Vec<_>>(), [true, false]);
    let questions = ["engagement.custom.trips", "boards", "engagement.custom.JOURNEYS"].map(about).into();
    let unknown = jo.check_all(questions).await.unwrap_err();
    let fields: Vec<String> = violations(&unknown).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["questions[0].component", "questions[2].component"]);

    let system = team.admin.role("APPROVER").await.unwrap().accesses;
    let of_own: Vec<_> = system.iter().filter(|it| it.component.starts_with("engagement.custom.")).collect();
    let names: Vec<&str> = of_own.iter().map(|it| it.component.as_str()).collect();
    assert_eq!(names, ["engagement.custom.journeys", "engagement.custom.prices"]);
    assert!(of_own.iter().all(|it| it.approve && it.level() == access::AccessLevel::Write));
}

/// Proves LIF-24: what was in force stays in force.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lifecycle_with_a_fault_is_refused_with_its_place() {
    let system = System::services().await;
    let team = Team::new(&system).await;
    let admin = &team.admin;
    let fields = |status: &tonic::Status| -> Vec<String> {
        violations(status).into_iter().map(|(field, _)| field).collect()
    };

    // A trap, which nothing leads out of, and a state that nothing leads to.
    let mut trap = journeys("journey");
    trap.transitions[3].target_state = "OVER".into();
    trap.transitions[3].from_states = vec!["DRAFT".into()];
    trap.transitions.remove(4);
    trap.timed_transitions.remove(1);
    trap.transitions.push(LifecycleTransition {
        action: "WAKE".into(),
        from_states: vec!["HELD".into()],
        target_state: "UNDER_WAY".into(),
        ..Default::default()
    });
    let refused = admin.register_lifecycle(trap).await.unwrap_err();
    let said = violations(&refused);
    assert!(
        said.iter().any(|(field, text)| field == "lifecycle.states[2].name" && text.contains("is a trap")),
        "{said:?}"
    );

    // Everything at once: a bad name, a built-in area, an action that leads nowhere, a time that is none, a mode that is none.
    let mut bad = journeys("Journey");
    bad.area = "CAMPAIGNS".into();
    bad.transitions[0].target_state = "PLANED".into();
    bad.timed_transitions[0].time = 0;
    bad.states[1].edit_mode = 99;
    let refused = admin.register_lifecycle(bad).await.unwrap_err();
    let mut said = fields(&refused);
    said.sort();
    assert_eq!(
        said,
        [
            "lifecycle.area",
            "lifecycle.kind",
            "lifecycle.states[1].edit_mode",
            "lifecycle.timed_transitions[0].time",
            "lifecycle.transitions[0].target_state"
        ]
    );
    let none = admin.try_lifecycle(approval::RegisterLifecycleRequest::default()).await.unwrap_err();
    assert_eq!(fields(&none), ["lifecycle"]);
    assert_eq!(admin.lifecycles().await.len(), 3, "nothing was registered");
    let unknown = admin.lifecycle("journey", 0).await.unwrap_err();
    assert_eq!(fields(&unknown), ["kind"]);

    // A dry run checks, and registers nothing; also for who may not.
    let dry = || approval::RegisterLifecycleRequest {
        lifecycle: Some(journeys("journey")),
        dry_run: true,
        ..Default::default()
    };
    assert_eq!(admin.try_lifecycle(dry()).await.unwrap().version, 1);
    assert_eq!(team.approver.try_lifecycle(dry()).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(admin.lifecycles().await.len(), 3);

    // What is refused as a further version leaves the first in force.
    let first = admin.register_lifecycle(journeys("journey")).await.unwrap();
    let mut moved = journeys("journey");
    moved.area = "TRIPS".into();
    moved.states.push(LifecycleState { name: "LOST".into(), ..Default::default() });
    let refused = admin.update_lifecycle(moved, false).await.unwrap_err();
    assert_eq!(fields(&refused), ["lifecycle.states[5].name", "lifecycle.area"]);
    assert_eq!(admin.lifecycle("journey", 0).await.unwrap(), first);
}

/// Proves LIF-24, REQ-18: versions, etags, retirement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lifecycle_changes_by_versions_and_retires() {
    let system = System::services().await;
    let (team, first) = travellers(&system).await;
    let admin = &team.admin;
    let again = admin.register_lifecycle(journeys("journey")).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::AlreadyExists, "LIFECYCLE_EXISTS"));
    let old = journey(&team.creator, 1800 * Duration::from_secs(1)).await;

    let mut other = first.clone();
    other.transitions[0].action = "ENVISAGE".into();
    assert_eq!(admin.update_lifecycle(other.clone(), true).await.unwrap().version, 2, "it would be");
    let second = admin.update_lifecycle(other.clone(), false).await.unwrap();
    assert_eq!((second.version, second.transitions[0].action.as_str()), (2, "ENVISAGE"));
    let stale = admin.update_lifecycle(Lifecycle { etag: first.etag.clone(), ..other.clone() }, false).await;
    assert_eq!(reason(&stale.unwrap_err()), "ETAG_MISMATCH");
    let same = admin.update_lifecycle(second.clone(), false).await.unwrap();
    assert_eq!(same, second, "the same changes nothing");
    let of_newest = Lifecycle { etag: second.etag.clone(), ..first.clone() };
    assert_eq!(admin.lifecycle("journey", 1).await.unwrap(), of_newest);
    let missing = admin.lifecycle("journey", 3).await.unwrap_err();
    assert_eq!(violations(&missing)[0].0, "version");

    // Each resource goes by the version that it began with.
    let new = journey(&team.creator, 1800 * Duration::from_secs(1)).await;
    assert_eq!((old.lifecycle_version, new.lifecycle_version), (1, 2));
    let refused = |resource: &str, action: &str| {
        let (creator, resource_id, action) = (team.creator.clone(), resource.to_owned(), action.to_owned());
        async move {
            let act = approval::PerformActionRequest { resource_id, action, ..Default::default() };
            creator.perform(act).await.unwrap_err()
        }
    };
    let status = refused(&new.resource_id, "PLAN").await;
    assert_eq!(metadata(&status)["allowed"], "ENVISAGE,GIVE_UP");
    let status = refused(&old.resource_id, "ENVISAGE").await;
    assert_eq!(metadata(&status)["allowed"], "PLAN,GIVE_UP");
    let request = team.creator.submit(&old.resource_id, "PLAN").await;

    let stale = admin.retire_lifecycle("journey", &first.etag).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    let retired = admin.retire_lifecycle("journey", &second.etag).await.unwrap();
    assert!(retired.retired && retired.retire_time.is_some() && retired.etag != second.etag);
    assert!(admin.lifecycle("journey", 1).await.unwrap().retired, "the kind is, whichever version is read");
    let message = approval::RegisterResourceRequest {
        kind: "journey".into(),
        external_id: new_id(),
        title: "Too late".into(),
        content: Some(content(&serde_json::json!({}))),
        ..Default::default()
    };
    let late = team.creator.register(message).await.unwrap_err();
    assert_eq!((late.code(), reason(&late).as_str()), (Code::FailedPrecondition, "LIFECYCLE_RETIRED"));
    // What is there goes on.
    let approve = approval::ApproveRequest { approval_request_id: request, ..Default::default() };
    team.approver.approve(approve).await.unwrap();
    assert_eq!(team.creator.resource(&old.resource_id).await.unwrap().state, "PLANNED");

    let third = admin.update_lifecycle(Lifecycle { etag: retired.etag, ..other }, false).await.unwrap();
    assert_eq!((third.version, third.retired), (3, false), "a further version ends it");
    assert!(!admin.lifecycle("journey", 2).await.unwrap().retired);
    journey(&team.creator, 1800 * Duration::from_secs(1)).await;
    let built_in = admin.retire_lifecycle("campaign", "").await.unwrap_err();
    assert_eq!(violations(&built_in)[0].0, "kind");
}
