//! When to try again.

use std::time::Duration;

use uuid::Uuid;

/// When to try again, and when to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The pause after the first failure; each further one doubles it.
    pub first: Duration,
    /// The longest pause.
    pub cap: Duration,
    /// How long after its planning a mail is given up.
    pub give_up_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            cap: Duration::from_hours(1),
            give_up_after: Duration::from_hours(72),
        }
    }
}

impl RetryPolicy {
    /// The pause after try number `attempts` of the mail to `member_id`, Unix microseconds. A quarter of it is spread by
    /// member and try, so that mails that failed together don't all come back together.
    pub(super) fn pause_us(&self, attempts: i32, event_id: Uuid, member_id: Uuid) -> i64 {
        let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or_default().min(30);
        let pause = self.first.saturating_mul(1 << doublings).min(self.cap).as_micros();
        // Ids end in random bits, which is all the randomness that this needs.
        let bits = (event_id.as_u128() ^ member_id.as_u128()).wrapping_mul(u128::from(doublings) * 2 + 1);
        let spread = pause / 4 * (bits % 1_000) / 1_000;
        i64::try_from(pause - spread).unwrap_or(i64::MAX)
    }

    /// Whether a mail planned at `created_at` is given up at `now_us`.
    pub(super) fn is_over(&self, created_at: i64, now_us: i64) -> bool {
        let limit = i64::try_from(self.give_up_after.as_micros()).unwrap_or(i64::MAX);
        now_us.saturating_sub(created_at) >= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_are_spread() {
        let policy = RetryPolicy::default();
        let (event, member) = (Uuid::from_u128(0x1234_5678), Uuid::from_u128(0x9abc_def0_1357));
        let seconds = |attempts| policy.pause_us(attempts, event, member) / 1_000_000;
        for (attempts, full) in [(1, 5), (2, 10), (5, 80), (10, 2_560), (11, 3_600), (1_000_000, 3_600)] {
            assert!((full * 3 / 4..=full).contains(&seconds(attempts)), "{attempts}: {}", seconds(attempts));
        }
        let others: Vec<i64> = (0..100).map(|n| policy.pause_us(3, event, Uuid::from_u128(n))).collect();
        assert!(others.iter().max().unwrap() - others.iter().min().unwrap() > 1_000_000, "spread");
    }

    #[test]
    fn three_days_are_enough() {
        let policy = RetryPolicy::default();
        let day = 24 * 3_600 * 1_000_000_i64;
        assert!(!policy.is_over(0, 3 * day - 1));
        assert!(policy.is_over(0, 3 * day));
    }
}
