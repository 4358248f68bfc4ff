//! Approval requests.

use countersign_domain::{
    Request, RequestState,
    request::{Decision, ExpiryReason, Verdict},
};
use countersign_proto::{approval, types};

use super::{actor, digest, etag, resource::launch_mode, time};

/// A request as the contract writes it, for a reader for whom personal data is `masked` or not.
pub fn request(request: &Request, masked: bool) -> approval::ApprovalRequest {
    let ending = request.state.ending();
    approval::ApprovalRequest {
        account_id: request.account_id.to_string(),
        approval_request_id: request.id.to_string(),
        resource_id: request.resource_id.to_string(),
        kind: request.kind.as_str().to_owned(),
        resource_title: request.resource_title.clone(),
        area: request.area.as_str().to_owned(),
        action: request.action.as_str().to_owned(),
        from_state: request.from_state.as_str().to_owned(),
        pending_label: request.pending_label.as_str().to_owned(),
        target_state: request.target_state.as_str().to_owned(),
        state: state(&request.state).into(),
        expiry_reason: expiry_reason(&request.state).map(ExpiryReason::as_str).unwrap_or_default().to_owned(),
        submitter: Some(actor(&request.submitter)),
        author_ids: request.authors.iter().map(ToString::to_string).collect(),
        note: request.note.clone(),
        digest: digest(&request.digest, masked),
        approver_ids: request.assignments.iter().map(|chosen| chosen.member.to_string()).collect(),
        expired_approver_ids: request
            .assignments
            .iter()
            .filter(|chosen| chosen.expired_at.is_some())
            .map(|chosen| chosen.member.to_string())
            .collect(),
        required_approvals: i32::from(request.required_approvals),
        decisions: request.decisions.iter().map(decision).collect(),
        deadline: request.deadline.map(time::to_proto),
        etag: etag(request.version),
        create_time: Some(time::to_proto(request.created_at)),
        end_time: ending.map(|ending| time::to_proto(ending.at)),
        ended_by: ending.map(|ending| actor(&ending.by)),
        launch_mode: launch_mode(request.launch_mode).into(),
        winning_variant: winner(&request.state).unwrap_or_default().to_owned(),
        remind_time: request.remind_at.filter(|_| ending.is_none()).map(time::to_proto),
    }
}

/// A request's state as the contract writes it.
pub fn state(state: &RequestState) -> types::RequestState {
    match state {
        RequestState::Pending => types::RequestState::Pending,
        RequestState::Approved { .. } => types::RequestState::Approved,
        RequestState::Rejected { .. } => types::RequestState::Rejected,
        RequestState::Cancelled { .. } => types::RequestState::Cancelled,
        RequestState::Expired { .. } => types::RequestState::Expired,
        RequestState::Reverted { .. } => types::RequestState::Reverted,
    }
}

/// The winner that an approval named.
pub fn winner(state: &RequestState) -> Option<&str> {
    match state {
        RequestState::Approved { winner, .. } => winner.as_deref(),
        _ => None,
    }
}

/// Why it expired.
pub fn expiry_reason(state: &RequestState) -> Option<ExpiryReason> {
    match state {
        RequestState::Expired { reason, .. } => Some(*reason),
        _ => None,
    }
}

fn decision(decision: &Decision) -> approval::Decision {
    approval::Decision {
        actor: Some(actor(&decision.by)),
        verdict: match decision.verdict {
            Verdict::Approved => approval::Verdict::Approved,
            Verdict::Rejected => approval::Verdict::Rejected,
        }
        .into(),
        note: decision.note.clone(),
        decide_time: Some(time::to_proto(decision.at)),
        voided_time: decision.voided_at.map(time::to_proto),
    }
}
