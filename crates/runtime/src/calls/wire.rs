//! What a call's headers and trailers say, and how loudly a failure is logged.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tonic::Code;

/// How loudly a failed call is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// The caller asked for something that can't be: everyday.
    Quiet,
    /// Somebody may be trying doors, or sends too much.
    Notable,
    /// Something that this service needs is away or slow.
    Trouble,
    /// A fault of this service.
    Fault,
}

/// A status code's name and how loudly it is logged.
pub(super) fn describe(code: Code) -> (&'static str, Severity) {
    match code {
        Code::Ok => ("OK", Severity::Quiet),
        Code::Cancelled => ("CANCELLED", Severity::Quiet),
        Code::InvalidArgument => ("INVALID_ARGUMENT", Severity::Quiet),
        Code::NotFound => ("NOT_FOUND", Severity::Quiet),
        Code::AlreadyExists => ("ALREADY_EXISTS", Severity::Quiet),
        Code::FailedPrecondition => ("FAILED_PRECONDITION", Severity::Quiet),
        Code::Aborted => ("ABORTED", Severity::Quiet),
        Code::OutOfRange => ("OUT_OF_RANGE", Severity::Quiet),
        Code::Unimplemented => ("UNIMPLEMENTED", Severity::Quiet),
        Code::PermissionDenied => ("PERMISSION_DENIED", Severity::Notable),
        Code::Unauthenticated => ("UNAUTHENTICATED", Severity::Notable),
        Code::ResourceExhausted => ("RESOURCE_EXHAUSTED", Severity::Notable),
        Code::DeadlineExceeded => ("DEADLINE_EXCEEDED", Severity::Trouble),
        Code::Unavailable => ("UNAVAILABLE", Severity::Trouble),
        Code::Unknown => ("UNKNOWN", Severity::Fault),
        Code::Internal => ("INTERNAL", Severity::Fault),
        Code::DataLoss => ("DATA_LOSS", Severity::Fault),
    }
}

pub(super) fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}

/// A header's value if it is fit for a log: an id or a name, never free text.
pub(super) fn id(value: Option<&HeaderValue>) -> Option<&str> {
    let value = value?.to_str().ok()?;
    let fit = value.len() <= 64 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fit.then_some(value)
}

/// The deadline in `grpc-timeout`: up to eight digits and a unit.
pub(super) fn timeout_in(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_that_the_protocol_gives_them() {
        for number in 0..=16 {
            let code = Code::from_i32(number);
            let (name, _) = describe(code);
            assert_eq!(name.replace('_', "").to_ascii_lowercase(), format!("{code:?}").to_ascii_lowercase());
        }
        assert_eq!(describe(Code::Internal).1, Severity::Fault);
        assert_eq!(describe(Code::InvalidArgument).1, Severity::Quiet);
    }

    #[test]
    fn deadlines_are_read() {
        let timeout = |value: &'static str| {
            timeout_in(&HeaderMap::from_iter([(
                "grpc-timeout".parse().unwrap(),
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(timeout("20S"), Some(Duration::from_secs(20)));
        assert_eq!(timeout("1500m"), Some(Duration::from_millis(1500)));
        for bad in ["", "S", "123456789S", "-1S", "5x", "5"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_ids_are_fit_for_the_log() {
        let fit = |value: &'static str| id(Some(&HeaderValue::from_static(value))).is_some();
        assert!(fit("018f0000-0000-7000-8000-00000000000a") && fit("platform"));
        assert!(!fit("ann@example.com") && !fit("two words"));
    }
}
