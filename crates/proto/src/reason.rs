//! How a refusal names itself in `google.rpc.ErrorInfo`.

use crate::types::ErrorReason;

/// The `domain` of every `ErrorInfo`.
pub const DOMAIN: &str = "countersign";

/// The reason's name as `ErrorInfo` carries it.
pub fn name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}
