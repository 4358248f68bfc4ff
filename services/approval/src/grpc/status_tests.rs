//! One test per fault: its code, its reason, its details. The matches below are exhaustive, so a new fault or refusal breaks
//! the build until it has an answer here.

use countersign_domain::{
    AccountState, Action, ActorRef, Area, DataScope, Digest, Kind, MemberId, Pointer, RequestId, ResourceId,
    ReviewId, State, SystemRole, Timestamp, account::Feature,
};
use countersign_runtime::identity::{self, AuthError};
use uuid::Uuid;

use super::*;

const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);

/// The status of a fault: its code, its reason, and the metadata of its `ErrorInfo`.
fn status(fault: impl Into<Fault>) -> (Code, String, HashMap<String, String>, Status) {
    let status = Status::from(fault.into());
    let details = status.get_error_details();
    let info = details.error_info().expect("every status has an ErrorInfo").clone();
    assert_eq!(info.domain, "countersign");
    assert!(
        ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)).is_some(),
        "{} is not in the contract",
        info.reason
    );
    assert!(!status.message().is_empty());
    if status.code() == Code::FailedPrecondition {
        assert_eq!(details.precondition_failure().unwrap().violations[0].r#type, info.reason);
    }
    (status.code(), info.reason, info.metadata, status)
}

fn refusals() -> Vec<Refusal> {
    let action = Action::LAUNCH;
    vec![
        Refusal::PermissionDenied {
            permission: Permission::Approve,
            component: "engagement.campaigns".into(),
        },
        Refusal::NotFound(Missing::Resource(ResourceId(ID))),
        Refusal::Invalid(vec![Violation::new("note", "is required")]),
        Refusal::ActionNotAllowed {
            kind: Kind::AB_TEST,
            state: State::DRAFT,
            action: Action::PAUSE,
            allowed: vec![Action::START, Action::SCHEDULE],
        },
        Refusal::Locked { request: RequestId(ID), action: action.clone() },
        Refusal::RequestPending { request: RequestId(ID), action },
        Refusal::EditNotAllowed { kind: Kind::CAMPAIGN, state: State::RUNNING },
        Refusal::Decided {
            request: RequestId(ID),
            state: "APPROVED",
            by: ActorRef { member_id: Some(MemberId(ID)), name: "Ada".into(), service: None },
            at: Timestamp(1_777_777_777_000_000),
        },
        Refusal::SelfApproval(RequestId(ID)),
        Refusal::AuthorApproval(RequestId(ID)),
        Refusal::CoolingOff { area: Area::CAMPAIGNS, until: Timestamp(0) },
        Refusal::NotAssigned(RequestId(ID)),
        Refusal::TooManyComments(RequestId(ID)),
        Refusal::LifecycleExists(Kind::CAMPAIGN),
        Refusal::LifecycleRetired(Kind::CAMPAIGN),
        Refusal::ReviewOpen(ReviewId(ID)),
        Refusal::SelfReview(ReviewId(ID)),
        Refusal::ReviewClosed {
            review: ReviewId(ID),
            by: ActorRef { member_id: Some(MemberId(ID)), name: "Ada".into(), service: None },
            at: Timestamp(0),
        },
        Refusal::NoEligibleApprovers(Area::CAMPAIGNS),
        Refusal::AlreadyApproved { approvals: 1, required: 2 },
        Refusal::DigestMismatch(Digest::from_text("sha256:00")),
        Refusal::EtagMismatch { current: 8 },
        Refusal::Schedule {
            problem: "too soon".into(),
            start: Some(Timestamp(0)),
            earliest: Some(Timestamp(1_000_000)),
        },
        Refusal::NothingStaged,
        Refusal::FeatureMissing { area: Area::CAMPAIGNS, feature: Feature::CampaignApproval },
        Refusal::RequestsPending { area: Area::CAMPAIGNS, pending: 3 },
        Refusal::ApprovalRightNotAllowed(Some(SystemRole::Creator)),
        Refusal::LastAdmin,
        Refusal::SecondSystemRole { has: SystemRole::Creator, given: SystemRole::Editor },
        Refusal::SecondScopedRole { who: "ada@acme.example".into() },
        Refusal::SystemRoleFixed(SystemRole::Creator),
        Refusal::UnknownComponent(vec![Violation::new("accesses[0].component", "is no component")]),
        Refusal::ApproveNotAvailable(vec![Violation::new("accesses[0].approve", "can't be given on boards")]),
        Refusal::RoleNameTaken("Managers".into()),
        Refusal::ApproverRoleUnavailable,
        Refusal::RoleRequired,
        Refusal::EmailTaken("ada@acme.example".into()),
        Refusal::InvitationPending("ada@acme.example".into()),
        Refusal::InvitationExpired { at: Timestamp(0) },
        Refusal::InvitationUsed("ACCEPTED"),
        Refusal::InvitationTokenUnknown,
        Refusal::AccountSuspended(AccountState::Suspended),
        Refusal::AccountState(AccountState::Deleted { erase_at: Timestamp(0) }),
        Refusal::OutOfScope(DataScope { property: "Country".into(), values: ["US".to_owned()].into() }),
        Refusal::FeatureInUse { area: Area::CAMPAIGNS, feature: Feature::CampaignApproval },
        Refusal::LimitNotGiven,
        Refusal::PiiMasked(Pointer::from_text("/customer/name")),
    ]
}

/// What the contract promises for each refusal. Exhaustive on purpose.
fn promised(refusal: &Refusal) -> (Code, &'static str, &'static [&'static str]) {
    use Code::{Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied};
    match refusal {
        Refusal::PermissionDenied { .. } => {
            (PermissionDenied, "PERMISSION_DENIED", &["permission", "component"])
        }
        Refusal::NotFound(_) => (NotFound, "NOT_FOUND", &["type", "id"]),
        Refusal::Invalid(_) => (InvalidArgument, "INVALID_FIELDS", &[]),
        Refusal::ActionNotAllowed { .. } => {
            (FailedPrecondition, "ACTION_NOT_ALLOWED", &["state", "action", "allowed"])
        }
        Refusal::Locked { .. } => (FailedPrecondition, "RESOURCE_LOCKED", &["approval_request_id", "action"]),
        Refusal::RequestPending { .. } => {
            (AlreadyExists, "REQUEST_PENDING", &["approval_request_id", "action"])
        }
        Refusal::EditNotAllowed { .. } => (FailedPrecondition, "EDIT_NOT_ALLOWED", &["state"]),
        Refusal::Decided { .. } => (
            FailedPrecondition,
            "REQUEST_DECIDED",
            &["approval_request_id", "state", "decided_by", "decided_by_name", "decided_at"],
        ),
        Refusal::SelfApproval(_) => (PermissionDenied, "SELF_APPROVAL", &["approval_request_id"]),
        Refusal::AuthorApproval(_) => (PermissionDenied, "AUTHOR_APPROVAL", &["approval_request_id"]),
        Refusal::CoolingOff { .. } => (PermissionDenied, "COOLING_OFF", &["area", "until"]),
        Refusal::TooManyComments(_) => (FailedPrecondition, "TOO_MANY_COMMENTS", &["approval_request_id"]),
        Refusal::LifecycleExists(_) => (AlreadyExists, "LIFECYCLE_EXISTS", &["kind", "type"]),
        Refusal::LifecycleRetired(_) => (FailedPrecondition, "LIFECYCLE_RETIRED", &["kind"]),
        Refusal::ReviewOpen(_) => (FailedPrecondition, "REVIEW_OPEN", &["review_id"]),
        Refusal::SelfReview(_) => (PermissionDenied, "SELF_REVIEW", &["review_id"]),
        Refusal::ReviewClosed { .. } => {
            (FailedPrecondition, "REVIEW_CLOSED", &["review_id", "closed_by", "closed_by_name", "closed_at"])
        }
        Refusal::NotAssigned(_) => (PermissionDenied, "NOT_ASSIGNED", &["approval_request_id"]),
        Refusal::NoEligibleApprovers(_) => (FailedPrecondition, "NO_ELIGIBLE_APPROVERS", &["area"]),
        Refusal::AlreadyApproved { .. } => {
            (FailedPrecondition, "ALREADY_APPROVED", &["approvals", "required"])
        }
        Refusal::DigestMismatch(_) => (Aborted, "DIGEST_MISMATCH", &["digest"]),
        Refusal::EtagMismatch { .. } => (Aborted, "ETAG_MISMATCH", &["etag"]),
        Refusal::Schedule { .. } => {
            (FailedPrecondition, "SCHEDULE_NOT_ACCEPTABLE", &["start_time", "earliest"])
        }
        Refusal::NothingStaged => (FailedPrecondition, "NOTHING_STAGED", &[]),
        Refusal::FeatureMissing { .. } => (FailedPrecondition, "FEATURE_MISSING", &["feature"]),
        Refusal::RequestsPending { .. } => (FailedPrecondition, "REQUESTS_PENDING", &["area", "pending"]),
        Refusal::ApprovalRightNotAllowed(_) => (FailedPrecondition, "APPROVAL_RIGHT_NOT_ALLOWED", &["role"]),
        Refusal::LastAdmin => (FailedPrecondition, "LAST_ADMIN", &[]),
        Refusal::SecondSystemRole { .. } => (FailedPrecondition, "SECOND_SYSTEM_ROLE", &["role"]),
        Refusal::SecondScopedRole { .. } => (FailedPrecondition, "SECOND_SCOPED_ROLE", &["email"]),
        Refusal::SystemRoleFixed(_) => (FailedPrecondition, "SYSTEM_ROLE_FIXED", &["role"]),
        Refusal::UnknownComponent(_) => (InvalidArgument, "UNKNOWN_COMPONENT", &[]),
        Refusal::ApproveNotAvailable(_) => (InvalidArgument, "APPROVE_NOT_AVAILABLE", &[]),
        Refusal::RoleNameTaken(_) => (AlreadyExists, "ROLE_NAME_TAKEN", &["type", "name"]),
        Refusal::ApproverRoleUnavailable => (FailedPrecondition, "APPROVER_ROLE_UNAVAILABLE", &[]),
        Refusal::RoleRequired => (FailedPrecondition, "ROLE_REQUIRED", &[]),
        Refusal::EmailTaken(_) | Refusal::InvitationPending(_) => {
            (AlreadyExists, "ALREADY_EXISTS", &["type"])
        }
        Refusal::InvitationExpired { .. } => (FailedPrecondition, "INVITATION_EXPIRED", &["expire_time"]),
        Refusal::InvitationUsed(_) => (FailedPrecondition, "INVITATION_USED", &["state"]),
        Refusal::InvitationTokenUnknown => (PermissionDenied, "INVITATION_TOKEN_UNKNOWN", &[]),
        Refusal::AccountSuspended(_) | Refusal::AccountState(_) => {
            (FailedPrecondition, "ACCOUNT_SUSPENDED", &["state"])
        }
        Refusal::OutOfScope(_) => (PermissionDenied, "OUT_OF_SCOPE", &["property"]),
        Refusal::FeatureInUse { .. } => (FailedPrecondition, "FEATURE_IN_USE", &["feature", "area"]),
        Refusal::LimitNotGiven => (PermissionDenied, "LIMIT_NOT_GIVEN", &[]),
        Refusal::PiiMasked(_) => (PermissionDenied, "PII_MASKED", &["field"]),
    }
}

#[test]
fn every_refusal_is_answered_as_the_contract_promises() {
    for refusal in refusals() {
        let (code, reason, keys) = promised(&refusal);
        let (got_code, got_reason, metadata, status) = status(refusal);
        assert_eq!((got_code, got_reason.as_str()), (code, reason));
        let mut got: Vec<_> = metadata.keys().map(String::as_str).collect();
        let mut keys = keys.to_vec();
        got.sort_unstable();
        keys.sort_unstable();
        assert_eq!(got, keys, "{reason}: {}", status.message());
        assert!(metadata.values().all(|value| !value.is_empty()), "{reason}: {metadata:?}");
    }
}

/// Proves LIF-19: the answer names the current state, the action tried and the actions that are allowed.
#[test]
fn a_refused_action_names_state_action_and_what_is_allowed() {
    let (_, _, metadata, status) = status(refusals().swap_remove(3));
    assert_eq!(status.message(), "this ab_test is DRAFT and can't PAUSE; it can START, SCHEDULE");
    assert_eq!(metadata["allowed"], "START,SCHEDULE");
}

/// Proves REQ-4: the loser is told who won, with what, and when.
#[test]
fn the_loser_is_told_who_won() {
    let (_, _, metadata, status) = status(refusals().swap_remove(7));
    assert_eq!(status.message(), "the request was approved by Ada at 2026-05-03T03:09:37Z");
    assert_eq!(metadata["decided_by"], ID.to_string());
    assert_eq!(metadata["decided_at"], "2026-05-03T03:09:37Z");
}

/// Proves REQ-20: what a watcher needs to go on is in the answer.
#[test]
fn watchers_are_told_how_to_go_on() {
    let told = |fault| {
        let (code, reason, metadata, status) = status(fault);
        (code, reason, metadata, status.message().to_owned())
    };
    let (code, reason, metadata, message) =
        told(Fault::CursorExpired { made_at: Timestamp(1_777_777_777_000_000) });
    assert_eq!((code, reason.as_str()), (Code::OutOfRange, "CURSOR_EXPIRED"));
    assert_eq!(metadata["cursor_time"], "2026-05-03T03:09:37Z");
    assert_eq!(message, "the cursor was made at 2026-05-03T03:09:37Z and is good for seven days");
    let (code, reason, metadata, _) = told(Fault::TooSlow { cursor: "QUJD".into() });
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "WATCHER_TOO_SLOW"));
    assert_eq!(metadata["resume_cursor"], "QUJD");
    let (code, reason, metadata, _) = told(Fault::CursorInvalid);
    assert_eq!((code, reason.as_str(), metadata.len()), (Code::InvalidArgument, "CURSOR_INVALID", 0));
    let (code, reason, ..) = told(Fault::Stopping);
    assert_eq!((code, reason.as_str()), (Code::Unavailable, "BUSY"));
}

#[test]
fn bad_fields_are_all_listed() {
    let violations = vec![Violation::new("title", "must be shorter"), Violation::new("note", "is required")];
    let (code, reason, _, status) = status(Fault::Invalid(violations));
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
    let details = status.get_error_details();
    let fields: Vec<_> =
        details.bad_request().unwrap().field_violations.iter().map(|it| it.field.clone()).collect();
    assert_eq!(fields, ["title", "note"]);
}

#[test]
fn callers_without_identity_or_account_learn_nothing_else() {
    let error =
        AuthError { violations: vec![identity::Violation { key: identity::ACTOR, problem: "is missing" }] };
    let (code, reason, ..) = status(error);
    assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    for fault in [Fault::OtherAccount, Fault::PlatformOnly] {
        let (code, reason, ..) = status(fault);
        assert_eq!((code, reason.as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
    }
}

#[test]
fn what_may_be_tried_again_says_when() {
    let (code, reason, _, status) = status(Fault::Contended);
    assert_eq!((code, reason.as_str()), (Code::Aborted, "BUSY"));
    assert!(status.get_error_details().retry_info().unwrap().retry_delay.is_some());
}

#[test]
fn taken_names_and_reused_ids_have_their_reasons() {
    let (code, reason, metadata, _) =
        status(Fault::ResourceExists { kind: Kind::CAMPAIGN, id: ResourceId(ID) });
    assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
    assert_eq!((metadata["kind"].as_str(), metadata["id"].clone()), ("campaign", ID.to_string()));
    let (code, reason, ..) = status(Fault::Taken { what: "this email".into(), kind: "member" });
    assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
    let (code, reason, metadata, _) = status(Fault::RequestIdReused(ID));
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
    assert_eq!(metadata["request_id"], ID.to_string());
}

/// The details travel in a trailer, of which common clients accept 8 KiB.
#[test]
fn ten_thousand_violations_fit_into_a_trailer() {
    let violations =
        (0..10_000).map(|n| Violation::new(format!("approver_ids[{n}]"), "x".repeat(5_000))).collect();
    let (.., status) = status(Fault::Invalid(violations));
    assert!(status.details().len() < 8_000, "{} bytes", status.details().len());
    let details = status.get_error_details();
    let listed = &details.bad_request().unwrap().field_violations;
    assert_eq!(listed.last().unwrap().description, "and 9970 more violations");
}

/// What went wrong inside is in the log; the caller gets a number to quote.
#[test]
fn internal_errors_tell_no_secrets() {
    let cause = std::io::Error::other("password=hunter2");
    let (code, reason, metadata, status) =
        status(Fault::Internal("an answer can't be read", Some(cause.into())));
    assert_eq!((code, reason.as_str()), (Code::Internal, "INTERNAL"));
    assert!(status.message().contains(&metadata["incident"]));
    assert!(!format!("{status:?}").contains("hunter2"));
}
