//! Points in time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch: one representation that sorts the same in Rust, SQLite and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus `duration`; the far end of time rather than an overflow.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// When the hour of the clock began that it lies in.
    #[must_use]
    pub const fn hour(self) -> Self {
        const HOUR_US: i64 = 60 * 60 * 1_000_000;
        Self(self.0 - self.0.rem_euclid(HOUR_US))
    }
}
