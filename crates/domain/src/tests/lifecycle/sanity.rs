//! The tables themselves: complete, reachable, without traps.

use std::collections::BTreeSet;

use super::{STATES, TABLE, TIMED};
use crate::{Kind, Lifecycle, State};

/// The rule ids of the code's table are those of the rulebook, row by row.
#[test]
fn the_table_carries_the_ids_of_the_rulebook() {
    let code: BTreeSet<(String, &str)> = Lifecycle::all_built_in()
        .iter()
        .flat_map(|it| it.transitions.iter().map(|row| (it.kind.to_string(), row.rule)))
        .collect();
    assert_eq!(code, TABLE.iter().map(|row| (row.1.to_owned(), row.0)).collect());
}

/// Proves LIF-17.
#[test]
fn time_alone_does_what_the_table_says_and_nothing_more() {
    for (kind, states) in STATES {
        let lifecycle = Lifecycle::built_in(&Kind::known(kind)).unwrap();
        for state in states {
            let expected = TIMED.iter().find(|row| row.0 == kind && row.1 == *state);
            let timed = lifecycle.timed_from(&State::known(state));
            assert_eq!(
                timed.map(|timed| (timed.to.as_str(), timed.at)),
                expected.map(|row| (row.2, row.3)),
                "{kind} {state}"
            );
        }
    }
}

/// Where one step can lead from `state`: actions and time.
fn steps<'a>(lifecycle: &'a Lifecycle, state: &'a State) -> impl Iterator<Item = State> + 'a {
    let actions = lifecycle.transitions.iter().filter(|row| row.from.contains(state));
    let timed = lifecycle.timed_from(state).map(|timed| timed.to.clone());
    actions.map(|row| row.target_state(state)).chain(timed)
}

fn reachable(lifecycle: &Lifecycle, from: State) -> Vec<State> {
    let mut found = vec![from];
    let mut next = 0;
    while next < found.len() {
        let state = found[next].clone();
        for to in steps(lifecycle, &state) {
            if !found.contains(&to) {
                found.push(to);
            }
        }
        next += 1;
    }
    found
}

#[test]
fn every_lifecycle_has_exactly_the_states_of_the_rulebook_and_reaches_them_all() {
    for (kind, states) in STATES {
        let lifecycle = Lifecycle::built_in(&Kind::known(kind)).unwrap();
        let expected: BTreeSet<State> = states.iter().map(|state| State::known(state)).collect();
        assert_eq!(lifecycle.states().into_iter().collect::<BTreeSet<_>>(), expected, "{kind}");
        assert_eq!(
            reachable(lifecycle, State::DRAFT).into_iter().collect::<BTreeSet<_>>(),
            expected,
            "{kind}"
        );
    }
    assert_eq!(Lifecycle::all_built_in().len(), STATES.len());
}

/// Proves LIF-9.
#[test]
fn no_state_but_the_last_is_a_trap() {
    for lifecycle in Lifecycle::all_built_in() {
        let end = if lifecycle.kind == Kind::CAMPAIGN { State::ARCHIVED } else { State::DELETED };
        for state in lifecycle.states() {
            assert!(reachable(lifecycle, state.clone()).contains(&end), "{} {state}", lifecycle.kind);
            assert_eq!(steps(lifecycle, &state).next().is_none(), state == end, "{} {state}", lifecycle.kind);
        }
    }
}

#[test]
fn no_pending_label_and_no_action_is_used_twice_from_one_state() {
    for lifecycle in Lifecycle::all_built_in() {
        for state in lifecycle.states() {
            let rows: Vec<_> = lifecycle.transitions.iter().filter(|row| row.from.contains(&state)).collect();
            let actions: BTreeSet<_> = rows.iter().map(|row| &row.action).collect();
            assert_eq!(actions.len(), rows.len(), "{} {state}", lifecycle.kind);
            let labels: Vec<_> = rows.iter().filter_map(|row| row.pending.as_ref()).collect();
            let distinct: BTreeSet<_> = labels.iter().collect();
            assert_eq!(distinct.len(), labels.len(), "{} {state}", lifecycle.kind);
        }
    }
}
