//! The lifecycles, compared with a table of their own: every state × action × role × toggle × launch mode.

use std::collections::BTreeSet;

use super::builders::*;
use crate::{
    Action, ApprovalStatus, Kind, LaunchMode, Lifecycle, Outcome, Refusal, Request, RequestState,
    RequestWrite, Resource, State,
    decide::Approve,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::{PendingLabel, TimedAt},
    outcome::{Event, EventKind},
    perform::PerformAction,
    refusal::Permission,
    request::{Decision, Ending, ExpiryReason, Verdict},
    resource::Lock,
};

/// A row of the rulebook. An empty label: needs no approval. The target `=`: the same state, staged content goes live.
struct Row(&'static str, &'static str, &'static [&'static str], &'static str, &'static str, &'static str);

const TABLE: [Row; 16] = [
    Row("LIF-1", "ab_test", &["DRAFT"], "START", "APPROVAL_PENDING", "RUNNING"),
    Row("LIF-2", "ab_test", &["DRAFT"], "SCHEDULE", "SCHEDULING_PENDING", "SCHEDULED"),
    Row("LIF-3", "ab_test", &["RUNNING"], "PAUSE", "PAUSE_PENDING", "PAUSED"),
    Row("LIF-4", "ab_test", &["RUNNING"], "FINISH", "FINISH_PENDING", "FINISHED"),
    Row("LIF-5", "ab_test", &["RUNNING", "PAUSED"], "PUBLISH_EDITS", "APPROVAL_PENDING", "="),
    Row("LIF-6", "ab_test", &["PAUSED"], "RESUME", "RESUME_PENDING", "RUNNING"),
    Row("LIF-7", "ab_test", &["PAUSED"], "FINISH", "FINISH_PENDING", "FINISHED"),
    Row("LIF-8", "ab_test", &["FINISHED"], "DELETE", "DELETE_PENDING", "DELETED"),
    Row("LIF-9", "ab_test", &["SCHEDULED"], "UNSCHEDULE", "UNSCHEDULE_PENDING", "DRAFT"),
    Row("LIF-10", "ab_test", &["DRAFT"], "DELETE", "DELETE_PENDING", "DELETED"),
    Row("LIF-11", "remote_config", &["DRAFT"], "PUBLISH", "APPROVAL_PENDING", "LIVE"),
    Row("LIF-12", "remote_config", &["LIVE"], "PUBLISH_EDITS", "APPROVAL_PENDING", "="),
    Row("LIF-13", "remote_config", &["DRAFT", "LIVE"], "DELETE", "DELETE_PENDING", "DELETED"),
    Row("LIF-14", "campaign", &["DRAFT"], "LAUNCH", "APPROVAL_PENDING", "SCHEDULED"),
    Row("LIF-15", "campaign", &["SCHEDULED", "RUNNING"], "STOP", "", "STOPPED"),
    Row("LIF-16", "campaign", &["DRAFT", "STOPPED", "COMPLETED"], "ARCHIVE", "", "ARCHIVED"),
];

/// LIF-17, with the time that it waits for.
const TIMED: [(&str, &str, &str, TimedAt); 3] = [
    ("ab_test", "SCHEDULED", "RUNNING", TimedAt::Start),
    ("campaign", "SCHEDULED", "RUNNING", TimedAt::Start),
    ("campaign", "RUNNING", "COMPLETED", TimedAt::End),
];

const STATES: [(&str, &[&str]); 3] = [
    ("ab_test", &["DRAFT", "SCHEDULED", "RUNNING", "PAUSED", "FINISHED", "DELETED"]),
    ("remote_config", &["DRAFT", "LIVE", "DELETED"]),
    ("campaign", &["DRAFT", "SCHEDULED", "RUNNING", "STOPPED", "COMPLETED", "ARCHIVED"]),
];

const ACTIONS: [&str; 13] = [
    "START",
    "SCHEDULE",
    "UNSCHEDULE",
    "PAUSE",
    "RESUME",
    "FINISH",
    "PUBLISH_EDITS",
    "DELETE",
    "PUBLISH",
    "LAUNCH",
    "STOP",
    "ARCHIVE",
    "NO_SUCH_ACTION",
];

fn rows<'a>(kind: &'a str, state: &'a str) -> impl Iterator<Item = &'static Row> + 'a {
    TABLE.iter().filter(move |row| row.1 == kind && row.2.contains(&state))
}

/// Every resource and action, whether or not the table has them.
fn cells() -> impl Iterator<Item = (Resource, &'static str)> {
    STATES.into_iter().flat_map(|(kind, states)| {
        states.iter().flat_map(move |state| {
            ACTIONS.into_iter().map(move |action| (resource(Kind::given(kind), State::known(state)), action))
        })
    })
}

/// Every resource with an action that needs approval, submitted by a Creator.
fn submissions(world: &World) -> impl Iterator<Item = (&'static Row, Resource, Pending)> {
    TABLE.iter().filter(|row| !row.4.is_empty()).flat_map(move |row| {
        row.2.iter().map(move |from| {
            let before = resource(Kind::known(row.1), State::known(from));
            let pending = world.submit(Who::Creator, &before, &doing(Action::known(row.3)));
            (row, before, pending)
        })
    })
}

/// `before` as its action leaves it once applied.
fn applied(before: &Resource, row: &Row, mode: Option<LaunchMode>) -> Resource {
    let staged_goes_live = row.5 == "=";
    Resource {
        state: if staged_goes_live { before.state.clone() } else { State::known(row.5) },
        live: if staged_goes_live { before.staged.clone().unwrap() } else { before.live.clone() },
        staged: before.staged.clone().filter(|_| !staged_goes_live),
        launch_mode: mode,
        version: before.version + 1,
        updated_at: NOW,
        ..before.clone()
    }
}

fn entry(before: &Resource, after: &Resource, event: HistoryEvent, action: &str, who: Who) -> HistoryEntry {
    HistoryEntry {
        account_id: ACCOUNT,
        resource_id: RESOURCE,
        sequence: before.version + 1,
        request_id: None,
        event,
        action: Some(Action::given(action)),
        actor: who.as_ref(),
        at: NOW,
        from: Some(before.state.clone()),
        to: after.state.clone(),
        note: String::new(),
        digest: after.live.digest.clone(),
    }
}

fn expected_at_once(
    before: &Resource,
    row: &Row,
    mode: Option<LaunchMode>,
    event: HistoryEvent,
    who: Who,
) -> Outcome {
    let resource = applied(before, row, mode);
    Outcome {
        history: entry(before, &resource, event, row.3, who),
        resource,
        request: None,
        event: Event { kind: EventKind::ResourceChanged, recipients: Vec::new() },
    }
}

/// A submission, but for the recipients, which have their own tests.
fn expected_submission(before: &Resource, row: &Row, mode: Option<LaunchMode>, who: Who) -> Outcome {
    let change = before.staged.clone().filter(|_| row.5 == "=");
    let digest = change.as_ref().unwrap_or(&before.live).digest.clone();
    let campaigns = before.kind == Kind::CAMPAIGN;
    let resource = Resource {
        approval_status: ApprovalStatus::ApprovalPending,
        lock: Some(Lock {
            request_id: REQUEST,
            label: PendingLabel::known(row.4),
            action: Action::known(row.3),
        }),
        version: before.version + 1,
        updated_at: NOW,
        ..before.clone()
    };
    let request = Request {
        account_id: ACCOUNT,
        id: REQUEST,
        resource_id: RESOURCE,
        kind: before.kind.clone(),
        resource_title: before.title.clone(),
        area: if campaigns { crate::Area::CAMPAIGNS } else { crate::Area::PRODUCT_EXPERIENCES },
        action: Action::known(row.3),
        from_state: before.state.clone(),
        pending_label: PendingLabel::known(row.4),
        target_state: if row.5 == "=" { before.state.clone() } else { State::known(row.5) },
        submitter: who.as_ref(),
        note: String::new(),
        digest: digest.clone(),
        change,
        launch_mode: mode,
        approvers: Vec::new(),
        required_approvals: 1,
        decisions: Vec::new(),
        deadline: match row.3 {
            "SCHEDULE" | "UNSCHEDULE" => before.schedule.start,
            "LAUNCH" => before.schedule.end,
            _ => None,
        },
        state: RequestState::Pending,
        version: 1,
        created_at: NOW,
    };
    Outcome {
        history: HistoryEntry {
            request_id: Some(REQUEST),
            digest,
            ..entry(before, before, HistoryEvent::Submitted, row.3, who)
        },
        resource,
        request: Some(RequestWrite::Insert(request)),
        event: Event { kind: EventKind::RequestSubmitted, recipients: Vec::new() },
    }
}

/// What the rulebook says of one cell.
fn expected(
    before: &Resource,
    action: &'static str,
    who: Who,
    on: bool,
    mode: Option<LaunchMode>,
) -> Result<Outcome, Refusal> {
    let (kind, state) = (before.kind.as_str(), before.state.as_str());
    if !who.may_write() {
        let component =
            if kind == "campaign" { "engagement.campaigns" } else { "engagement.product_experiences" };
        let permission = if who.may_read() { Permission::Write } else { Permission::Read };
        return Err(Refusal::PermissionDenied { permission, component });
    }
    let Some(row) = rows(kind, state).find(|row| row.3 == action) else {
        return Err(Refusal::ActionNotAllowed {
            kind: before.kind.clone(),
            state: before.state.clone(),
            action: Action::known(action),
            allowed: rows(kind, state).map(|row| Action::known(row.3)).collect(),
        });
    };
    let mode = (action == "LAUNCH").then(|| mode.unwrap_or(LaunchMode::Active));
    let gated = on && !row.4.is_empty() && mode.is_none_or(|mode| mode == LaunchMode::Active);
    Ok(if !gated {
        expected_at_once(before, row, mode, HistoryEvent::Applied, who)
    } else if kind == "campaign" && who.may_approve() {
        expected_at_once(before, row, mode, HistoryEvent::Bypassed, who)
    } else {
        expected_submission(before, row, mode, who)
    })
}

/// Compares every field of every answer: the state after, label, history, event, and that nothing else changed.
///
/// Proves LIF-1, LIF-2, LIF-3, LIF-4, LIF-5, LIF-6, LIF-7, LIF-8, LIF-9, LIF-10, LIF-11, LIF-12, LIF-13, LIF-14, LIF-15,
/// LIF-16, LIF-18, LIF-19, REQ-1, REQ-3, POL-1, POL-5, POL-6, ACC-4, HIS-1.
#[test]
fn every_action_in_every_state_by_everybody_does_what_the_table_says() {
    let modes = [None, Some(LaunchMode::Active), Some(LaunchMode::Test), Some(LaunchMode::Passive)];
    for (world, on) in [(World::new(), true), (World::off(), false)] {
        for (before, action) in cells() {
            for who in Who::EACH {
                for mode in modes.into_iter().filter(|mode| mode.is_none() || action == "LAUNCH") {
                    let command = PerformAction { launch_mode: mode, ..doing(Action::known(action)) };
                    let mut got = world.perform(who, &before, &command);
                    if let Ok(outcome) = &mut got {
                        outcome.event.recipients.clear();
                    }
                    assert_eq!(
                        got,
                        expected(&before, action, who, on, mode),
                        "{} {} {action} by {who:?}, workflow on: {on}, mode {mode:?}",
                        before.kind,
                        before.state
                    );
                }
            }
        }
    }
}

/// Proves LIF-19.
#[test]
fn a_refused_action_names_state_action_and_what_is_allowed() {
    let refusal =
        World::new().perform(Who::Creator, &ab_test(State::PAUSED), &doing(Action::PAUSE)).unwrap_err();
    assert_eq!(refusal.to_string(), "a ab_test in state PAUSED can't PAUSE");
    let Refusal::ActionNotAllowed { allowed, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!(allowed, [Action::PUBLISH_EDITS, Action::RESUME, Action::FINISH]);
}

/// The rule ids of the code's table are those of the rulebook, row by row.
#[test]
fn the_table_carries_the_ids_of_the_rulebook() {
    let code: BTreeSet<(String, &str)> = Lifecycle::all()
        .iter()
        .flat_map(|it| it.transitions.iter().map(|row| (it.kind.to_string(), row.rule)))
        .collect();
    assert_eq!(code, TABLE.iter().map(|row| (row.1.to_owned(), row.0)).collect());
}

fn request_after(pending: &Pending, state: RequestState, decision: Option<Decision>) -> Request {
    Request { state, version: 2, decisions: decision.into_iter().collect(), ..pending.request.clone() }
}

/// Checks an ending against the whole expected outcome, but for its recipients.
fn check_ending(
    mut got: Outcome,
    pending: &Pending,
    who: Who,
    resource: Resource,
    (event, kind): (HistoryEvent, EventKind),
    (state, decision): (RequestState, Option<Decision>),
) {
    let ending = state.ending().unwrap().clone();
    got.event.recipients.clear();
    let resource =
        Resource { lock: None, version: pending.resource.version + 1, updated_at: ending.at, ..resource };
    let history = HistoryEntry {
        request_id: Some(REQUEST),
        note: ending.note,
        at: ending.at,
        digest: pending.request.digest.clone(),
        ..entry(&pending.resource, &resource, event, pending.request.action.as_str(), who)
    };
    let request = RequestWrite::Update { request: request_after(pending, state, decision.clone()), decision };
    assert_eq!(
        got,
        Outcome { resource, request: Some(request), history, event: Event { kind, recipients: Vec::new() } }
    );
}

/// Proves LIF-1, LIF-2, LIF-3, LIF-4, LIF-5, LIF-6, LIF-7, LIF-8, LIF-9, LIF-10, LIF-11, LIF-12, LIF-13, LIF-14, LIF-23,
/// REQ-8, HIS-1.
#[test]
fn every_approval_leads_to_the_target() {
    let world = World::new();
    for (row, before, pending) in submissions(&world) {
        let got = world
            .approve_with(Who::Approver, &pending, &Approve { note: "fine".into(), ..Approve::default() })
            .unwrap();
        let ending = Ending { by: Who::Approver.as_ref(), at: NOW, note: "fine".into() };
        let decision =
            Decision { by: Who::Approver.as_ref(), verdict: Verdict::Approved, note: "fine".into(), at: NOW };
        let mode = (row.3 == "LAUNCH").then_some(LaunchMode::Active);
        let after =
            Resource { approval_status: ApprovalStatus::ApprovalApproved, ..applied(&before, row, mode) };
        check_ending(
            got,
            &pending,
            Who::Approver,
            after,
            (HistoryEvent::Approved, EventKind::RequestApproved),
            (RequestState::Approved { ending, winner: None }, Some(decision)),
        );
    }
}

/// `before`, where its request ended otherwise: the same, but that submitted staged content is discarded.
fn gone_back(before: &Resource, row: &Row, approval_status: ApprovalStatus) -> Resource {
    Resource { approval_status, staged: before.staged.clone().filter(|_| row.5 != "="), ..before.clone() }
}

/// Proves LIF-1, LIF-2, LIF-3, LIF-4, LIF-5, LIF-6, LIF-7, LIF-8, LIF-9, LIF-10, LIF-11, LIF-12, LIF-13, LIF-14, LIF-23,
/// REQ-8, HIS-1.
#[test]
fn every_rejection_goes_back() {
    let world = World::new();
    for (row, before, pending) in submissions(&world) {
        let by = Who::Approver.as_ref();
        let decision = Decision { by: by.clone(), verdict: Verdict::Rejected, note: "no".into(), at: NOW };
        let ending = Ending { by, at: NOW, note: "no".into() };
        check_ending(
            world.reject(Who::Approver, &pending).unwrap(),
            &pending,
            Who::Approver,
            gone_back(&before, row, ApprovalStatus::ApprovalRejected),
            (HistoryEvent::Rejected, EventKind::RequestRejected),
            (RequestState::Rejected { ending }, Some(decision)),
        );
    }
}

/// Proves LIF-5, LIF-12, LIF-14, LIF-23, REQ-17, HIS-1.
#[test]
fn every_cancellation_goes_back() {
    let world = World::with_every_ending();
    for (row, before, pending) in submissions(&world) {
        let ending = Ending { by: Who::Editor.as_ref(), at: NOW, note: String::new() };
        check_ending(
            world.cancel(Who::Editor, &pending).unwrap(),
            &pending,
            Who::Editor,
            gone_back(&before, row, ApprovalStatus::ApprovalCancelled),
            (HistoryEvent::Cancelled, EventKind::RequestCancelled),
            (RequestState::Cancelled { ending }, None),
        );
    }
}

/// Proves LIF-5, LIF-12, LIF-14, LIF-23, REQ-14, HIS-1.
#[test]
fn every_expiry_goes_back() {
    let world = World::with_every_ending();
    for (row, before, pending) in submissions(&world) {
        let at = pending.request.deadline.unwrap();
        let ending = Ending { by: Who::Timer.as_ref(), at, note: String::new() };
        check_ending(
            world.clone().at(at).expire(&pending).unwrap(),
            &pending,
            Who::Timer,
            gone_back(&before, row, ApprovalStatus::ApprovalExpired),
            (HistoryEvent::Expired, EventKind::RequestExpired),
            (RequestState::Expired { ending, reason: ExpiryReason::Deadline }, None),
        );
    }
}

/// Proves LIF-17.
#[test]
fn time_alone_does_what_the_table_says_and_nothing_more() {
    for (kind, states) in STATES {
        let lifecycle = Lifecycle::of(&Kind::known(kind)).unwrap();
        for state in states {
            let expected = TIMED.iter().find(|row| row.0 == kind && row.1 == *state);
            let timed = lifecycle.timed_from(&State::known(state));
            assert_eq!(
                timed.map(|timed| (timed.to.as_str(), timed.at)),
                expected.map(|row| (row.2, row.3)),
                "{kind} {state}"
            );
        }
    }
}

/// LIF-1 and LIF-5 show the same label: only the stored action tells them apart.
///
/// Proves LIF-18.
#[test]
fn the_lock_says_which_action_waits() {
    let world = World::new();
    let lock =
        |state, action| world.submit(Who::Creator, &ab_test(state), &doing(action)).resource.lock.unwrap();
    let (start, publish) = (lock(State::DRAFT, Action::START), lock(State::RUNNING, Action::PUBLISH_EDITS));
    assert_eq!(start.label, publish.label);
    assert_eq!((start.action, publish.action), (Action::START, Action::PUBLISH_EDITS));
}

/// Where one step can lead from `state`: actions and time.
fn steps<'a>(lifecycle: &'a Lifecycle, state: &'a State) -> impl Iterator<Item = State> + 'a {
    let actions = lifecycle.transitions.iter().filter(|row| row.from.contains(state));
    let timed = lifecycle.timed_from(state).map(|timed| timed.to.clone());
    actions.map(|row| row.target_state(state)).chain(timed)
}

fn reachable(lifecycle: &Lifecycle, from: State) -> Vec<State> {
    let mut found = vec![from];
    let mut next = 0;
    while next < found.len() {
        let state = found[next].clone();
        for to in steps(lifecycle, &state) {
            if !found.contains(&to) {
                found.push(to);
            }
        }
        next += 1;
    }
    found
}

#[test]
fn every_lifecycle_has_exactly_the_states_of_the_rulebook_and_reaches_them_all() {
    for (kind, states) in STATES {
        let lifecycle = Lifecycle::of(&Kind::known(kind)).unwrap();
        let expected: BTreeSet<State> = states.iter().map(|state| State::known(state)).collect();
        assert_eq!(lifecycle.states().into_iter().collect::<BTreeSet<_>>(), expected, "{kind}");
        assert_eq!(
            reachable(lifecycle, State::DRAFT).into_iter().collect::<BTreeSet<_>>(),
            expected,
            "{kind}"
        );
    }
    assert_eq!(Lifecycle::all().len(), STATES.len());
}

/// Proves LIF-9.
#[test]
fn no_state_but_the_last_is_a_trap() {
    for lifecycle in Lifecycle::all() {
        let end = if lifecycle.kind == Kind::CAMPAIGN { State::ARCHIVED } else { State::DELETED };
        for state in lifecycle.states() {
            assert!(reachable(lifecycle, state.clone()).contains(&end), "{} {state}", lifecycle.kind);
            assert_eq!(steps(lifecycle, &state).next().is_none(), state == end, "{} {state}", lifecycle.kind);
        }
    }
}

#[test]
fn no_pending_label_and_no_action_is_used_twice_from_one_state() {
    for lifecycle in Lifecycle::all() {
        for state in lifecycle.states() {
            let rows: Vec<_> = lifecycle.transitions.iter().filter(|row| row.from.contains(&state)).collect();
            let actions: BTreeSet<_> = rows.iter().map(|row| &row.action).collect();
            assert_eq!(actions.len(), rows.len(), "{} {state}", lifecycle.kind);
            let labels: Vec<_> = rows.iter().filter_map(|row| row.pending.as_ref()).collect();
            let distinct: BTreeSet<_> = labels.iter().collect();
            assert_eq!(distinct.len(), labels.len(), "{} {state}", lifecycle.kind);
        }
    }
}
