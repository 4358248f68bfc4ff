//! Random commands by random people, and what must hold after each of them.

mod ledger;
mod tries;

use proptest::prelude::*;

use self::{
    ledger::Ledger,
    tries::{Step, steps},
};
use crate::{Kind, timer};

proptest! {
    #![proptest_config(ProptestConfig { cases: 768, failure_persistence: None, ..ProptestConfig::default() })]

    /// Proves LIF-20, LIF-23, LIF-24, REQ-1, REQ-2, REQ-4, POL-1, POL-3, POL-5, POL-8, ACC-11, HIS-1, NOT-1, NOT-2, NOT-3, NOT-4,
    /// NOT-5, NOT-6, NOT-8, NOT-9, NOT-10.
    #[test]
    fn whatever_people_try_the_books_stay_in_order(
        kind in prop::sample::select(vec![Kind::CAMPAIGN, Kind::AB_TEST, Kind::REMOTE_CONFIG, Kind::known("journey")]),
        state in 0..6_usize,
        required_approvals in 1..=3_u8,
        allow_self_approval in any::<bool>(),
        steps in steps(),
    ) {
        let mut ledger = Ledger::new(kind, state, required_approvals, allow_self_approval);
        for step in &steps {
            ledger.run(step);
        }
        // Every request here has a deadline, so that nothing waits for ever.
        ledger.run(&Step::Wait(24 * 365));
        ledger.run(&Step::Timers);
        prop_assert!(ledger.pending().is_none());
        prop_assert_eq!(timer::due_at(ledger.lifecycles(), &ledger.resource), None);
    }
}
