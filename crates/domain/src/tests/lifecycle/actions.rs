//! Every state × action × role × toggle × launch mode.

use super::{super::builders::*, Row, applied, cells, entry, rows};
use crate::{
    Action, ApprovalStatus, Kind, LaunchMode, Outcome, Refusal, Request, RequestState, RequestWrite,
    Resource, State,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::PendingLabel,
    outcome::{Event, EventKind},
    perform::PerformAction,
    refusal::Permission,
    resource::Lock,
};

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
        review: None,
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
        assignments: Vec::new(),
        required_approvals: 1,
        decisions: Vec::new(),
        deadline: match row.3 {
            "SCHEDULE" | "UNSCHEDULE" => before.schedule.start,
            "LAUNCH" => before.schedule.end,
            _ => None,
        },
        remind_at: None,
        authors: before.authors.clone(),
        comments: 0,
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
        review: None,
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
        return Err(Refusal::PermissionDenied { permission, component: component.into() });
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
    assert_eq!(refusal.to_string(), "this ab_test is PAUSED and can't PAUSE");
    let Refusal::ActionNotAllowed { allowed, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!(allowed, [Action::PUBLISH_EDITS, Action::RESUME, Action::FINISH]);
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
