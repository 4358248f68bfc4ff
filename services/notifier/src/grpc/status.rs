//! Every gRPC status that this service answers with is made here.

use std::time::Duration;

use countersign_proto::{reason, types::ErrorReason};
use countersign_runtime::identity::AuthError;
use countersign_runtime::ids;
use countersign_runtime::telemetry::chain;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::storage::StorageError;
use crate::template_error::TemplateError;

/// When to try again after BUSY.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// It does not say who makes it.
    #[error(transparent)]
    Unauthenticated(#[from] AuthError),
    /// It is about another account than that of the caller.
    #[error("the request's account is not the one in the call's metadata")]
    OtherAccount,
    /// The caller is no member, and so has no ribbons.
    #[error("only a member has ribbons; the platform's operator is none")]
    NotAMember,
    /// A member asks for others' counts.
    #[error("only the platform's operator watches for other members")]
    OtherMember,
    /// The caller is unknown in the account, or has lost access to it: which of the two is none of their business (ACC-16).
    #[error("the caller may not act in this account")]
    NoAccess,
    /// The account is suspended or deleted: nothing in it changes.
    #[error("the account is {}: nothing in it can be changed", .0.to_lowercase())]
    ReadOnly(String),
    /// The preferences are at another version than the one that the change was made from.
    #[error("the etag is stale: it is {0} now")]
    EtagMismatch(i64),
    /// Fields are not acceptable.
    #[error("{} field{} not acceptable", .0.len(), if .0.len() == 1 { " is" } else { "s are" })]
    Invalid(Vec<Violation>),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The words for the answer failed.
    #[error(transparent)]
    Words(#[from] TemplateError),
}

/// One field that is not acceptable, with its limit in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// The field.
    pub(super) field: String,
    /// What is wrong.
    pub(super) description: String,
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Unauthenticated(_) => {
                status(Code::Unauthenticated, message, ErrorReason::Unauthenticated, ErrorDetails::new())
            }
            Refusal::OtherAccount | Refusal::NotAMember | Refusal::OtherMember => {
                status(Code::PermissionDenied, message, ErrorReason::PermissionDenied, ErrorDetails::new())
            }
            Refusal::NoAccess => {
                // As the approval service says it.
                let metadata = [("permission", "read".to_owned()), ("component", "account".to_owned())];
                told(Code::PermissionDenied, message, ErrorReason::PermissionDenied, metadata)
            }
            Refusal::ReadOnly(state) => {
                // As the approval service says it.
                told(Code::FailedPrecondition, message, ErrorReason::AccountSuspended, [("state", state)])
            }
            Refusal::EtagMismatch(current) => {
                told(Code::Aborted, message, ErrorReason::EtagMismatch, [("etag", current.to_string())])
            }
            Refusal::Invalid(violations) => {
                let mut details = ErrorDetails::new();
                for Violation { field, description } in violations {
                    details.add_bad_request_violation(field, description);
                }
                status(Code::InvalidArgument, message, ErrorReason::InvalidFields, details)
            }
            Refusal::Storage(error) => storage(&error),
            Refusal::Words(error) => internal(&error),
        }
    }
}

/// A database that can't be reached in time may be back soon; anything else is a fault, and the log has it.
fn storage(error: &StorageError) -> Status {
    if error.is_of_file() {
        countersign_database::warn(error, "a call was refused");
        let details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
        let message = "nothing can be written now; try again later".to_owned();
        return status(Code::Unavailable, message, ErrorReason::StorageFault, details);
    }
    if error.is_away() {
        tracing::warn!(error = chain(error), "the database is away");
        let details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
        let message = "the service is busy; try again".to_owned();
        return status(Code::Unavailable, message, ErrorReason::Busy, details);
    }
    internal(error)
}

/// A fault: the caller is told where the log has it, and nothing else.
fn internal(error: &(dyn std::error::Error + 'static)) -> Status {
    let incident = ids::new_id();
    tracing::error!(%incident, error = chain(error), "internal error");
    let message = format!("internal error; quote incident {incident} when you report it");
    told(Code::Internal, message, ErrorReason::Internal, [("incident", incident.to_string())])
}

/// A status whose reason comes with `metadata`.
fn told<const N: usize>(
    code: Code,
    message: String,
    because: ErrorReason,
    metadata: [(&str, String); N],
) -> Status {
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
    let mut details = ErrorDetails::new();
    details.set_error_info(reason::name(because), reason::DOMAIN, metadata);
    Status::with_error_details(code, message, details)
}

fn status(code: Code, message: String, because: ErrorReason, mut details: ErrorDetails) -> Status {
    details.set_error_info(reason::name(because), reason::DOMAIN, []);
    Status::with_error_details(code, message, details)
}

#[cfg(test)]
mod tests {
    use countersign_runtime::identity;
    use sea_orm::{DbErr, RuntimeErr};

    use super::*;

    fn made(refusal: Refusal) -> (Code, String, String, ErrorDetails) {
        let status = Status::from(refusal);
        let details = status.get_error_details();
        let info = details.error_info().unwrap().clone();
        assert_eq!(info.domain, "countersign");
        (status.code(), status.message().to_owned(), info.reason, details)
    }

    #[test]
    fn unauthenticated() {
        let violations = vec![identity::Violation { key: identity::ACTOR, problem: "is missing" }];
        let (code, message, reason, _) = made(AuthError { violations }.into());
        assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
        assert!(message.contains("countersign-actor"), "{message}");
    }

    #[test]
    fn other_account_and_no_member() {
        for refusal in [Refusal::OtherAccount, Refusal::NotAMember, Refusal::OtherMember] {
            let (code, _, reason, _) = made(refusal);
            assert_eq!((code, reason.as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
        }
    }

    #[test]
    fn no_access_is_worded_as_the_approval_service_does() {
        let (code, message, reason, details) = made(Refusal::NoAccess);
        assert_eq!((code, reason.as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
        assert_eq!(message, "the caller may not act in this account");
        let metadata = &details.error_info().unwrap().metadata;
        assert_eq!((metadata["permission"].as_str(), metadata["component"].as_str()), ("read", "account"));
    }

    #[test]
    fn a_stale_etag_says_the_current_one() {
        let (code, message, reason, details) = made(Refusal::EtagMismatch(8));
        assert_eq!((code, reason.as_str()), (Code::Aborted, "ETAG_MISMATCH"));
        assert_eq!(message, "the etag is stale: it is 8 now");
        assert_eq!(details.error_info().unwrap().metadata["etag"], "8");
    }

    #[test]
    fn a_read_only_account_is_worded_as_the_approval_service_does() {
        let (code, message, reason, details) = made(Refusal::ReadOnly("SUSPENDED".to_owned()));
        assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "ACCOUNT_SUSPENDED"));
        assert_eq!(message, "the account is suspended: nothing in it can be changed");
        assert_eq!(details.error_info().unwrap().metadata["state"], "SUSPENDED");
    }

    #[test]
    fn invalid_lists_every_field() {
        let violation =
            |field: &str| Violation { field: field.to_owned(), description: "must not be".to_owned() };
        let (code, message, reason, details) = made(Refusal::Invalid(vec![violation("a"), violation("b")]));
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
        assert_eq!(message, "2 fields are not acceptable");
        let fields: Vec<_> =
            details.bad_request().unwrap().field_violations.iter().map(|v| v.field.clone()).collect();
        assert_eq!(fields, ["a", "b"]);
    }

    #[test]
    fn a_database_that_is_away_can_be_asked_again() {
        let timed_out =
            DbErr::Query(RuntimeErr::SqlxError(std::sync::Arc::new(sea_orm::sqlx::Error::PoolTimedOut)));
        for error in [
            StorageError::Connect(DbErr::RecordNotInserted),
            StorageError::Query { what: "count ribbons", source: timed_out },
        ] {
            let (code, _, reason, details) = made(error.into());
            assert_eq!((code, reason.as_str()), (Code::Unavailable, "BUSY"));
            assert_eq!(details.retry_info().unwrap().retry_delay, Some(RETRY_AFTER));
        }
    }

    #[test]
    fn a_fault_shows_an_incident_and_nothing_else() {
        let custom = DbErr::Custom("table ribbons".to_owned());
        for refusal in [
            StorageError::Query { what: "count ribbons", source: custom }.into(),
            StorageError::SchemaPending(vec!["m0001".to_owned()]).into(),
            TemplateError { file: "m0001.ftl".to_owned(), line: None, reason: "ribbons".to_owned() }.into(),
        ] {
            let (code, message, reason, details) = made(refusal);
            assert_eq!((code, reason.as_str()), (Code::Internal, "INTERNAL"));
            assert!(message.contains(&details.error_info().unwrap().metadata["incident"]), "{message}");
            assert!(!message.contains("ribbons") && !message.contains("m0001"), "{message}");
        }
    }
}
