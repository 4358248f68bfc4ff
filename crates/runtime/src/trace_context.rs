//! The caller's trace context (W3C Trace Context, `traceparent`), carried on to the broker and the mails.

use http::HeaderMap;
use tonic::metadata::MetadataMap;

/// Length of a `traceparent` of version 00: version, trace id, parent id and flags, with dashes between.
const LENGTH: usize = 55;

/// The call's `traceparent`, if it carries one that is valid; a broken one is as good as none, as the standard has it.
///
/// One of a later version is rewritten as version 00 with only the sampled flag kept, since that is all that is known
/// of it here.
pub fn traceparent_of(metadata: &MetadataMap) -> Option<String> {
    in_headers(metadata.as_ref())
}

/// As [`traceparent_of`], before the headers have become metadata.
pub(crate) fn in_headers(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    parse(value)
}

fn parse(value: &str) -> Option<String> {
    let head = value.get(..LENGTH)?;
    let rest = value.get(LENGTH..)?;
    let mut parts = head.split('-');
    let version = hex(parts.next()?, 2)?;
    let trace_id = hex(parts.next()?, 32)?;
    let parent_id = hex(parts.next()?, 16)?;
    let flags = hex(parts.next()?, 2)?;
    if parts.next().is_some() || is_zero(trace_id) || is_zero(parent_id) {
        return None;
    }
    match version {
        "00" if rest.is_empty() => Some(head.to_owned()),
        "00" | "ff" => None,
        _ if rest.is_empty() || rest.starts_with('-') => {
            let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
            Some(format!("00-{trace_id}-{parent_id}-{sampled:02x}"))
        }
        _ => None,
    }
}

/// The trace id within a valid `traceparent`.
pub(crate) fn trace_id(traceparent: &str) -> Option<&str> {
    traceparent.split('-').nth(1)
}

fn hex(part: &str, length: usize) -> Option<&str> {
    let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (part.len() == length && part.bytes().all(is_lower_hex)).then_some(part)
}

fn is_zero(hex: &str) -> bool {
    hex.bytes().all(|digit| digit == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn valid_contexts_are_kept() {
        assert_eq!(parse(VALID).as_deref(), Some(VALID));
        assert_eq!(trace_id(VALID), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    }

    #[test]
    fn later_versions_become_version_00() {
        let later = VALID.replacen("00-", "01-", 1);
        assert_eq!(parse(&later).as_deref(), Some(VALID));
        assert_eq!(parse(&format!("{later}-what-comes-later")).as_deref(), Some(VALID));
        assert_eq!(parse(&format!("{later}x")), None);
    }

    #[test]
    fn broken_contexts_are_dropped() {
        for broken in [
            "",
            "00",
            &VALID[..54],
            &format!("{VALID}-more"),
            &VALID.replacen("00-", "ff-", 1),
            &VALID.replacen("00-", "0g-", 1),
            &VALID.to_uppercase(),
            &VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000000"),
            &VALID.replace("00f067aa0ba902b7", "0000000000000000"),
            &VALID.replacen('-', "_", 1),
            "00-4bf92f3577b34da6a3ce929d0e0e47-3600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-0",
        ] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn two_contexts_are_none() {
        let mut metadata = MetadataMap::new();
        metadata.append("traceparent", VALID.parse().unwrap());
        assert_eq!(traceparent_of(&metadata).as_deref(), Some(VALID));
        metadata.append("traceparent", VALID.parse().unwrap());
        assert_eq!(traceparent_of(&metadata), None);
        assert_eq!(traceparent_of(&MetadataMap::new()), None);
    }
}
