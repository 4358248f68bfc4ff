//! Sends calls, some of them twice, and reads what the answers say.

use std::fmt::Debug;

use countersign_proto::types::ErrorReason;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use super::account::Account;
use crate::cast::Who;

/// One of so many calls that succeed is sent again.
const REPEATED: usize = 4;

impl Account<'_> {
    /// Sends a call. Now and then one that has succeeded is sent again, with the same `request_id`: it must be answered the same
    /// (REQ-18), and what is seen afterwards tells whether it was done twice.
    pub(super) async fn send<M: Clone, A: Debug + PartialEq>(
        &self,
        by: Who,
        message: M,
        call: impl AsyncFn(Request<M>) -> Result<Response<A>, Status>,
    ) -> Result<A, ErrorReason> {
        let answer = done(call(self.by(by, message.clone())).await)?;
        self.succeeded.set(self.succeeded.get() + 1);
        if self.succeeded.get().is_multiple_of(REPEATED) {
            let again = done(call(self.by(by, message)).await);
            assert_eq!(again.as_ref(), Ok(&answer), "the same call by {by:?} is not answered the same");
        }
        Ok(answer)
    }
}

/// The answer, or the reason of the refusal, which must come with the code that the contract gives it.
pub(super) fn done<T>(result: Result<Response<T>, Status>) -> Result<T, ErrorReason> {
    let status = match result {
        Ok(response) => return Ok(response.into_inner()),
        Err(status) => status,
    };
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("a refusal without its reason: {status:?}"));
    let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason));
    let reason = reason.unwrap_or_else(|| panic!("a reason that the contract does not know: {status:?}"));
    assert_eq!(status.code(), code(reason), "{status:?}");
    Err(reason)
}

/// The code that the contract gives a reason; of those that this test meets.
fn code(reason: ErrorReason) -> Code {
    use ErrorReason as Is;
    match reason {
        Is::PermissionDenied
        | Is::SelfApproval
        | Is::AuthorApproval
        | Is::CoolingOff
        | Is::SelfReview
        | Is::NotAssigned
        | Is::OutOfScope => Code::PermissionDenied,
        Is::InvalidFields => Code::InvalidArgument,
        Is::RequestPending => Code::AlreadyExists,
        Is::DigestMismatch => Code::Aborted,
        _ => Code::FailedPrecondition,
    }
}
