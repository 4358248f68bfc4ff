//! Statuses are made here and nowhere else: each fault has one code, one reason and the details that the contract
//! promises (`countersign/type/v1/error_reason.proto`).

use std::{collections::HashMap, time::Duration};

use countersign_domain::{
    Action, Refusal, RequestId, SystemRole, Timestamp, Violation, limits,
    refusal::{Missing, Permission},
};
use countersign_proto::{reason, types::ErrorReason};
use countersign_runtime::{ids, telemetry};
use countersign_store::{MailLimit, StoreError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::convert::time;
use crate::fault::Fault;

/// After this a caller may try again when the service was busy.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A status about to be made.
struct Draft {
    code: Code,
    reason: ErrorReason,
    message: String,
    metadata: Vec<(&'static str, String)>,
    violations: Vec<Violation>,
    retry: bool,
}

impl Draft {
    fn new(code: Code, reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            metadata: Vec::new(),
            violations: Vec::new(),
            retry: false,
        }
    }

    fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((key, value.into()));
        self
    }

    fn finish(self) -> Status {
        let name = reason::name(self.reason);
        let metadata: HashMap<String, String> =
            self.metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut details = ErrorDetails::new();
        if self.code == Code::FailedPrecondition {
            let subject = metadata.get("approval_request_id").cloned().unwrap_or_default();
            details.add_precondition_failure_violation(name, subject, self.message.clone());
        }
        details.set_error_info(name, reason::DOMAIN, metadata);
        for Violation { field, description } in self.violations {
            details.add_bad_request_violation(field, description);
        }
        if self.retry {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        Status::with_error_details(self.code, self.message, details)
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let draft = match fault {
            Fault::Unauthenticated(error) => {
                Draft::new(Code::Unauthenticated, ErrorReason::Unauthenticated, error.to_string())
            }
            Fault::Invalid(violations) => invalid(violations),
            Fault::OtherAccount => Draft::new(
                Code::PermissionDenied,
                ErrorReason::PermissionDenied,
                "the caller may not act in this account",
            )
            .with("permission", Permission::Read.as_str())
            .with("component", "account"),
            Fault::PlatformOnly => Draft::new(
                Code::PermissionDenied,
                ErrorReason::PermissionDenied,
                "only the platform's operator may do this: `countersign-actor: platform`",
            )
            .with("permission", "operate")
            .with("component", "platform"),
            Fault::Refused(refusal) => refused(refusal),
            Fault::RequestIdReused(id) => Draft::new(
                Code::InvalidArgument,
                ErrorReason::RequestIdReused,
                "this request_id was used for another call",
            )
            .with("request_id", id.to_string()),
            Fault::Taken { what, kind } => {
                Draft::new(Code::AlreadyExists, ErrorReason::AlreadyExists, format!("{what} is taken"))
                    .with("type", kind)
            }
            Fault::ResourceExists { ref kind, id } => {
                Draft::new(Code::AlreadyExists, ErrorReason::AlreadyExists, fault.to_string())
                    .with("type", "resource")
                    .with("kind", kind.as_str())
                    .with("id", id.to_string())
            }
            Fault::CursorInvalid => {
                Draft::new(Code::InvalidArgument, ErrorReason::CursorInvalid, fault.to_string())
            }
            Fault::CursorExpired { made_at } => {
                let made_at = time::text(made_at);
                Draft::new(
                    Code::OutOfRange,
                    ErrorReason::CursorExpired,
                    format!("the cursor was made at {made_at} and is good for seven days"),
                )
                .with("cursor_time", made_at)
            }
            Fault::TooSlow { cursor } => Draft::new(
                Code::ResourceExhausted,
                ErrorReason::WatcherTooSlow,
                "the reader is too slow: go on from the cursor",
            )
            .with("resume_cursor", cursor),
            Fault::TooManyMails { limit, until } => too_many_mails(limit, until),
            Fault::Stopping => busy(Code::Unavailable, "the service stops before all was sent; try again"),
            Fault::Contended => busy(Code::Aborted, "others keep changing the same thing; try again"),
            Fault::Store(StoreError::PoolTimeout { .. }) => {
                busy(Code::ResourceExhausted, "the service is busy; try again")
            }
            Fault::Store(error @ StoreError::File { .. }) => {
                countersign_database::warn(&error, "a call was refused");
                let message = "nothing can be written now; try again later, with the same request_id";
                let draft = Draft::new(Code::Unavailable, ErrorReason::StorageFault, message);
                Draft { retry: true, ..draft }
            }
            Fault::Store(error) if error.is_transient() => {
                tracing::warn!(error = %telemetry::chain(&error), "the database could not be reached in time");
                busy(Code::Unavailable, "the database could not be reached in time; try again")
            }
            Fault::Store(error) => internal(&error),
            fault @ Fault::Internal(..) => internal(&fault),
        };
        draft.finish()
    }
}

fn too_many_mails(limit: MailLimit, until: Timestamp) -> Draft {
    let (per, most, whom) = match limit {
        MailLimit::Address => ("address", limits::INVITATION_MAILS_TO_ONE, "this address was sent"),
        MailLimit::Account => ("account", limits::INVITATION_MAILS, "this account has sent"),
    };
    let until = time::text(until);
    let message =
        format!("{whom} {most} invitations in this hour, the most that there can be; go on at {until}");
    Draft::new(Code::ResourceExhausted, ErrorReason::InvitationLimit, message)
        .with("per", per)
        .with("limit", most.to_string())
        .with("until", until)
}

fn busy(code: Code, message: &str) -> Draft {
    Draft { retry: true, ..Draft::new(code, ErrorReason::Busy, message) }
}

/// The caller gets a number to quote; the cause stays in the log.
fn internal(error: &(dyn std::error::Error + 'static)) -> Draft {
    let incident = ids::new_id();
    tracing::error!(%incident, error = %telemetry::chain(error), "internal error");
    let message = format!("internal error; quote incident {incident} when you report it");
    Draft::new(Code::Internal, ErrorReason::Internal, message).with("incident", incident.to_string())
}

/// So many violations are listed, and so many characters of each: the details travel in a trailer, which common clients
/// accept only up to 8 KiB.
const LISTED: usize = 30;
const DESCRIBED: usize = 160;

fn invalid(mut violations: Vec<Violation>) -> Draft {
    if let Some(more) = violations.len().checked_sub(LISTED).filter(|more| *more > 0) {
        violations.truncate(LISTED);
        violations.push(Violation::new("…", format!("and {more} more violations")));
    }
    for Violation { field, description } in &mut violations {
        for text in [field, description] {
            if let Some((end, _)) = text.char_indices().nth(DESCRIBED) {
                text.truncate(end);
                text.push('…');
            }
        }
    }
    let message = match violations.as_slice() {
        [one] => format!("{} {}", one.field, one.description),
        many => format!("{} fields are not acceptable", many.len()),
    };
    Draft { violations, ..Draft::new(Code::InvalidArgument, ErrorReason::InvalidFields, message) }
}

fn refused(refusal: Refusal) -> Draft {
    use Code::{Aborted, AlreadyExists, FailedPrecondition, NotFound, PermissionDenied};
    let text = refusal.to_string();
    let request = |draft: Draft, id: RequestId| draft.with("approval_request_id", id.to_string());
    match refusal {
        Refusal::PermissionDenied { permission, component } => {
            Draft::new(PermissionDenied, ErrorReason::PermissionDenied, text)
                .with("permission", permission.as_str())
                .with("component", component)
        }
        Refusal::NotFound(missing) => {
            let (kind, id) = match missing {
                Missing::Account(id) => ("account", id.0),
                Missing::Resource(id) => ("resource", id.0),
                Missing::Request(id) => ("approval_request", id.0),
                Missing::Member(id) => ("member", id.0),
                Missing::Role(id) => ("role", id.0),
                Missing::Invitation(id) => ("invitation", id.0),
                Missing::Review(id) => ("review", id.0),
            };
            let words = kind.replace('_', " ");
            let message = if kind == "account" {
                format!("there is no account {id}")
            } else if id.is_nil() {
                format!("there is no such {words} in this account")
            } else {
                format!("there is no {words} {id} in this account")
            };
            let draft = Draft::new(NotFound, ErrorReason::NotFound, message).with("type", kind);
            // Asked for by another name than its id.
            if id.is_nil() { draft } else { draft.with("id", id.to_string()) }
        }
        Refusal::Invalid(violations) => invalid(violations),
        Refusal::ActionNotAllowed { state, action, allowed, .. } => {
            let names: Vec<_> = allowed.iter().map(Action::as_str).collect();
            let can = match names.as_slice() {
                [] => "nothing can be done to it".to_owned(),
                names => format!("it can {}", names.join(", ")),
            };
            Draft::new(FailedPrecondition, ErrorReason::ActionNotAllowed, format!("{text}; {can}"))
                .with("state", state.as_str())
                .with("action", action.as_str())
                .with("allowed", names.join(","))
        }
        Refusal::Locked { request: id, action } => {
            let draft = Draft::new(FailedPrecondition, ErrorReason::ResourceLocked, text);
            request(draft, id).with("action", action.as_str())
        }
        Refusal::RequestPending { request: id, action } => {
            request(Draft::new(AlreadyExists, ErrorReason::RequestPending, text), id)
                .with("action", action.as_str())
        }
        Refusal::LifecycleExists(kind) => Draft::new(AlreadyExists, ErrorReason::LifecycleExists, text)
            .with("type", "lifecycle")
            .with("kind", kind.as_str()),
        Refusal::LifecycleRetired(kind) => {
            Draft::new(FailedPrecondition, ErrorReason::LifecycleRetired, text).with("kind", kind.as_str())
        }
        Refusal::EditNotAllowed { state, .. } => {
            Draft::new(FailedPrecondition, ErrorReason::EditNotAllowed, text).with("state", state.as_str())
        }
        Refusal::Decided { request: id, state, by, at } => {
            let at = time::text(at);
            let message = format!("the request was {} by {} at {at}", state.to_lowercase(), by.name);
            request(Draft::new(FailedPrecondition, ErrorReason::RequestDecided, message), id)
                .with("state", state)
                .with("decided_by", by.member_id.map(|id| id.to_string()).unwrap_or_default())
                .with("decided_by_name", by.name)
                .with("decided_at", at)
        }
        Refusal::SelfApproval(id) => {
            request(Draft::new(PermissionDenied, ErrorReason::SelfApproval, text), id)
        }
        Refusal::CoolingOff { area, until } => {
            let until = time::text(until);
            Draft::new(PermissionDenied, ErrorReason::CoolingOff, format!("{text} (at {until})"))
                .with("area", area.as_str())
                .with("until", until)
        }
        Refusal::AuthorApproval(id) => {
            request(Draft::new(PermissionDenied, ErrorReason::AuthorApproval, text), id)
        }
        Refusal::ReviewOpen(id) => {
            Draft::new(FailedPrecondition, ErrorReason::ReviewOpen, text).with("review_id", id.to_string())
        }
        Refusal::SelfReview(id) => {
            Draft::new(PermissionDenied, ErrorReason::SelfReview, text).with("review_id", id.to_string())
        }
        Refusal::ReviewClosed { review, by, at } => {
            let at = time::text(at);
            Draft::new(FailedPrecondition, ErrorReason::ReviewClosed, format!("{text} at {at}"))
                .with("review_id", review.to_string())
                .with("closed_by", by.member_id.map(|id| id.to_string()).unwrap_or_default())
                .with("closed_by_name", by.name)
                .with("closed_at", at)
        }
        Refusal::TooManyComments(id) => {
            request(Draft::new(FailedPrecondition, ErrorReason::TooManyComments, text), id)
        }
        Refusal::NotAssigned(id) => request(Draft::new(PermissionDenied, ErrorReason::NotAssigned, text), id),
        Refusal::NoEligibleApprovers(area) => Draft::new(
            FailedPrecondition,
            ErrorReason::NoEligibleApprovers,
            format!("{text}: ask an Admin to name another approver"),
        )
        .with("area", area.as_str()),
        Refusal::AlreadyApproved { approvals, required } => {
            let missing = usize::from(required).saturating_sub(approvals);
            Draft::new(
                FailedPrecondition,
                ErrorReason::AlreadyApproved,
                format!("you have approved this request; it needs {missing} more from others"),
            )
            .with("approvals", approvals.to_string())
            .with("required", required.to_string())
        }
        Refusal::DigestMismatch(digest) => {
            Draft::new(Aborted, ErrorReason::DigestMismatch, text).with("digest", digest.as_str())
        }
        Refusal::EtagMismatch { current } => {
            Draft::new(Aborted, ErrorReason::EtagMismatch, text).with("etag", current.to_string())
        }
        Refusal::Schedule { start, earliest, .. } => {
            let mut draft = Draft::new(FailedPrecondition, ErrorReason::ScheduleNotAcceptable, text);
            for (key, value) in [("start_time", start), ("earliest", earliest)] {
                if let Some(value) = value {
                    draft = draft.with(key, time::text(value));
                }
            }
            draft
        }
        Refusal::NothingStaged => Draft::new(FailedPrecondition, ErrorReason::NothingStaged, text),
        Refusal::FeatureMissing { area, feature } => Draft::new(
            FailedPrecondition,
            ErrorReason::FeatureMissing,
            format!(
                "the workflow of {area} needs the feature {}, which this account does not have",
                feature.as_str()
            ),
        )
        .with("feature", feature.as_str()),
        Refusal::RequestsPending { area, pending } => Draft::new(
            FailedPrecondition,
            ErrorReason::RequestsPending,
            format!("{text}: try again in a moment"),
        )
        .with("area", area.as_str())
        .with("pending", pending.to_string()),
        Refusal::ApprovalRightNotAllowed(role) => Draft::new(
            FailedPrecondition,
            ErrorReason::ApprovalRightNotAllowed,
            format!(
                "the approval right of {} can't be changed: only an EDITOR's can",
                role.map_or("a member without system role", SystemRole::as_str)
            ),
        )
        .with("role", role.map_or("", SystemRole::as_str)),
        Refusal::LastAdmin => Draft::new(FailedPrecondition, ErrorReason::LastAdmin, text),
        Refusal::SecondSystemRole { has, .. } => Draft::new(
            FailedPrecondition,
            ErrorReason::SecondSystemRole,
            format!("{text}: take the first role before giving the second"),
        )
        .with("role", has.as_str()),
        Refusal::SecondScopedRole { who } => {
            Draft::new(FailedPrecondition, ErrorReason::SecondScopedRole, text).with("email", who)
        }
        Refusal::SystemRoleFixed(role) => {
            Draft::new(FailedPrecondition, ErrorReason::SystemRoleFixed, text).with("role", role.as_str())
        }
        Refusal::UnknownComponent(violations) => {
            Draft { reason: ErrorReason::UnknownComponent, ..invalid(violations) }
        }
        Refusal::ApproveNotAvailable(violations) => {
            Draft { reason: ErrorReason::ApproveNotAvailable, ..invalid(violations) }
        }
        Refusal::RoleNameTaken(name) => Draft::new(AlreadyExists, ErrorReason::RoleNameTaken, text)
            .with("type", "role")
            .with("name", name),
        Refusal::ApproverRoleUnavailable => {
            Draft::new(FailedPrecondition, ErrorReason::ApproverRoleUnavailable, text)
        }
        Refusal::RoleRequired => Draft::new(FailedPrecondition, ErrorReason::RoleRequired, text),
        Refusal::EmailTaken(_) => {
            Draft::new(AlreadyExists, ErrorReason::AlreadyExists, text).with("type", "member")
        }
        Refusal::InvitationPending(_) => {
            Draft::new(AlreadyExists, ErrorReason::AlreadyExists, text).with("type", "invitation")
        }
        Refusal::InvitationExpired { at } => {
            let at = time::text(at);
            Draft::new(
                FailedPrecondition,
                ErrorReason::InvitationExpired,
                format!("the invitation expired at {at}"),
            )
            .with("expire_time", at)
        }
        Refusal::InvitationUsed(state) => {
            Draft::new(FailedPrecondition, ErrorReason::InvitationUsed, text).with("state", state)
        }
        Refusal::InvitationTokenUnknown => {
            Draft::new(PermissionDenied, ErrorReason::InvitationTokenUnknown, text)
        }
        Refusal::AccountSuspended(state) | Refusal::AccountState(state) => {
            Draft::new(FailedPrecondition, ErrorReason::AccountSuspended, text).with("state", state.as_str())
        }
        Refusal::OutOfScope(scope) => {
            Draft::new(PermissionDenied, ErrorReason::OutOfScope, text).with("property", scope.property)
        }
        Refusal::FeatureInUse { area, feature } => {
            Draft::new(FailedPrecondition, ErrorReason::FeatureInUse, text)
                .with("feature", feature.as_str())
                .with("area", area.as_str())
        }
        Refusal::LimitNotGiven => Draft::new(PermissionDenied, ErrorReason::LimitNotGiven, text),
        Refusal::PiiMasked(field) => {
            Draft::new(PermissionDenied, ErrorReason::PiiMasked, text).with("field", field.as_str())
        }
    }
}

/// The reason and the words with which `refusal` is answered.
pub fn reason_of(refusal: Refusal) -> (&'static str, String) {
    let draft = refused(refusal);
    (reason::name(draft.reason), draft.message)
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
