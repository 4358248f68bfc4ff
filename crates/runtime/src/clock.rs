//! The one clock, passed in wherever a rule needs the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The latest time that any system clock of this process has told.
static LATEST: AtomicI64 = AtomicI64::new(i64::MIN);

/// Tells the time. Clones are cheap and tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start_us` (Unix microseconds) until it is moved.
    pub fn manual(start_us: i64) -> ManualClock {
        ManualClock(Arc::new(AtomicI64::new(start_us)))
    }

    /// Now, in Unix microseconds. Within a process it never goes back, even when the machine's clock is corrected:
    /// history is sorted by it.
    pub fn now_us(&self) -> i64 {
        match &self.0 {
            Source::System => {
                let now = system_now_us();
                LATEST.fetch_max(now, Ordering::Relaxed).max(now)
            }
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
fn system_now_us() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

/// Whole microseconds, at most `i64::MAX` (292,000 years).
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The hand that moves a manual clock; the clocks made from it, and its clones, all show its time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows this time.
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(Arc::clone(&self.0)))
    }

    /// The time shown, in Unix microseconds.
    pub fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Moves the time on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(micros(by), Ordering::SeqCst);
    }

    /// Moves the time on to `now_us`; an earlier time leaves it where it is, since no clock goes back.
    pub fn set(&self, now_us: i64) {
        self.0.fetch_max(now_us, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_moves_only_by_hand_and_never_back() {
        let hand = Clock::manual(1_000);
        let (clock, clone) = (hand.clock(), hand.clock().clone());
        assert_eq!((clock.now_us(), clone.now_us()), (1_000, 1_000));
        hand.advance(Duration::from_millis(2));
        assert_eq!((clock.now_us(), clone.now_us()), (3_000, 3_000));
        hand.set(10_000);
        hand.set(5_000);
        assert_eq!(clock.now_us(), 10_000);
    }

    #[test]
    fn system_clock_is_after_2025_and_never_goes_back() {
        let mut last = 1_735_689_600_000_000;
        for _ in 0..10_000 {
            let now = Clock::system().now_us();
            assert!(now >= last, "{now} came after {last}");
            last = now;
        }
    }

    #[test]
    fn system_clock_holds_still_while_the_machine_is_set_back() {
        let ahead = system_now_us() + 50_000;
        LATEST.fetch_max(ahead, Ordering::Relaxed);
        assert!(Clock::system().now_us() >= ahead);
    }
}
