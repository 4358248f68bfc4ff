//! How long to wait before the next try.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Exponential backoff: doubles from `first`, never above `cap`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) cap: Duration,
}

impl Backoff {
    /// The pause after failure number `failures` (1 is the first), between half of its nominal length and all of it,
    /// so that replicas that failed together do not come back together.
    pub(crate) fn pause(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let nominal = self.first.saturating_mul(1 << doublings).min(self.cap);
        let half = nominal / 2;
        // `RandomState` is keyed at random per process and differs on each call: enough to spread replicas, and no
        // decision depends on it, so a generator that tests could steer would buy nothing.
        let spread = RandomState::new().build_hasher().finish();
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        half + Duration::from_micros(spread % micros.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), cap: Duration::from_secs(5) };

    #[test]
    fn grows_up_to_the_cap() {
        for failures in 1..=100 {
            let nominal = Duration::from_millis(100 << (failures - 1).min(20)).min(BACKOFF.cap);
            let pause = BACKOFF.pause(failures);
            assert!(pause >= nominal / 2 && pause <= nominal, "{failures}: {pause:?} of {nominal:?}");
        }
        assert!(BACKOFF.pause(u32::MAX) <= BACKOFF.cap);
    }

    #[test]
    fn differs_from_call_to_call() {
        let first = BACKOFF.pause(10);
        assert!((0..100).any(|_| BACKOFF.pause(10) != first));
    }
}
