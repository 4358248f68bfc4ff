//! Times between the contract and the domain.

use std::time::Duration;

use countersign_domain::Timestamp;

/// The last second of the year 9999, which is as far as RFC 3339 and the protobuf JSON mapping go.
const LAST_SECOND: i64 = 253_402_300_799;

/// The time, if it lies in the years 1970 to 9999. Nanoseconds are cut to microseconds.
pub fn from_proto(time: prost_types::Timestamp) -> Option<Timestamp> {
    let valid = (0..=LAST_SECOND).contains(&time.seconds) && (0..1_000_000_000).contains(&time.nanos);
    valid.then(|| Timestamp(time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000))
}

/// As the contract writes it.
pub fn to_proto(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.0.div_euclid(1_000_000),
        nanos: i32::try_from(time.0.rem_euclid(1_000_000) * 1_000).unwrap_or_default(),
    }
}

/// A duration of whole seconds, as the contract writes it.
pub fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), nanos: 0 }
}

/// RFC 3339, for messages and error metadata.
pub fn text(time: Timestamp) -> String {
    to_proto(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_round_trip_to_the_microsecond() {
        for micros in [0, 1, 999_999, 1_777_777_777_123_456, LAST_SECOND * 1_000_000 + 999_999] {
            assert_eq!(from_proto(to_proto(Timestamp(micros))), Some(Timestamp(micros)));
        }
        assert_eq!(text(Timestamp(1_777_777_777_123_456)), "2026-05-03T03:09:37.123456Z");
    }

    #[test]
    fn times_outside_of_rfc_3339_are_refused() {
        let time = |seconds, nanos| from_proto(prost_types::Timestamp { seconds, nanos });
        assert_eq!(time(-1, 0), None);
        assert_eq!(time(LAST_SECOND + 1, 0), None);
        assert_eq!(time(0, -1), None);
        assert_eq!(time(0, 1_000_000_000), None);
        assert_eq!(time(i64::MAX, 0), None);
    }
}
