//! Every submission, approved, rejected, cancelled and expired.

use super::{super::builders::*, Row, applied, entry, submissions};
use crate::{
    ApprovalStatus, LaunchMode, Outcome, Request, RequestState, RequestWrite, Resource,
    decide::Approve,
    history::{HistoryEntry, HistoryEvent},
    outcome::{Event, EventKind},
    request::{Decision, Ending, ExpiryReason, Verdict},
};

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
    let request = RequestWrite::Update {
        request: request_after(pending, state, decision.clone()),
        decision,
        anew: false,
        lost: Vec::new(),
        voided: Vec::new(),
    };
    assert_eq!(
        got,
        Outcome {
            resource,
            request: Some(request),
            review: None,
            history,
            event: Event { kind, recipients: Vec::new() },
        }
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
        let decision = Decision {
            by: Who::Approver.as_ref(),
            verdict: Verdict::Approved,
            note: "fine".into(),
            at: NOW,
            voided_at: None,
        };
        let mode = (row.3 == "LAUNCH").then_some(LaunchMode::Active);
        let applied = applied(&before, row, mode);
        // Of what is staged still nothing is approved (REQ-23).
        let authors = if applied.staged.is_none() { Vec::new() } else { applied.authors.clone() };
        let after = Resource { approval_status: ApprovalStatus::ApprovalApproved, authors, ..applied };
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
        let decision = Decision {
            by: by.clone(),
            verdict: Verdict::Rejected,
            note: "no".into(),
            at: NOW,
            voided_at: None,
        };
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
