//! Where the states of a definition lead to: whether each can be reached and left, and whether a way leads around an approval.

use std::collections::BTreeSet;

use super::{Definition, EditRule, Lifecycle, State, check::Found};

/// What leads from one state to another: a row of the table, or time.
struct Edge<'a> {
    from: &'a State,
    to: &'a State,
    row: Option<usize>,
    is_gated: bool,
}

/// All states that `from` leads to along `edges`.
fn closure<'a>(
    from: BTreeSet<&'a State>,
    edges: impl Iterator<Item = (&'a State, &'a State)>,
) -> BTreeSet<&'a State> {
    let edges: Vec<_> = edges.collect();
    let (mut all, mut new) = (from.clone(), Vec::from_iter(from));
    while let Some(state) = new.pop() {
        for (_, to) in edges.iter().filter(|(from, _)| *from == state) {
            if all.insert(to) {
                new.push(to);
            }
        }
    }
    all
}

impl Definition {
    /// What is wrong with where its states lead to.
    pub(super) fn check_graph(&self, lifecycle: &Lifecycle, found: &mut Found) {
        let ends: BTreeSet<&State> =
            self.states.iter().map(|(state, _)| state).filter(|state| lifecycle.is_final(state)).collect();
        if ends.is_empty() {
            found.add("states", "need an end: a state that nothing leads on from");
        }
        let edges: Vec<Edge<'_>> = self.edges().collect();
        let reached = closure(self.drafts().collect(), edges.iter().map(|edge| (edge.from, edge.to)));
        let sure = edges.iter().filter(|edge| is_sure(lifecycle, edge));
        let ending = closure(ends.clone(), sure.map(|edge| (edge.to, edge.from)));
        for (index, (state, _)) in self.states.iter().enumerate() {
            let at = format!("states[{index}].name");
            if !reached.contains(state) {
                found.add(at, format!("{state} can't be reached from DRAFT"));
            } else if !ends.is_empty() && !ending.contains(state) {
                let text = format!(
                    "{state} is a trap: no end can be reached from it, whatever times a resource has"
                );
                found.add(at, text);
            }
        }
        self.check_detours(found, &edges, &ends);
    }

    /// No approval can be walked around: where it leads to can't be reached without one, from where it is asked for or, where no approval
    /// has led there, from DRAFT. An end may be reached in several ways.
    fn check_detours(&self, found: &mut Found, edges: &[Edge<'_>], ends: &BTreeSet<&State>) {
        let free = || edges.iter().filter(|edge| !edge.is_gated);
        let unapproved = closure(self.drafts().collect(), free().map(|edge| (edge.from, edge.to)));
        for edge in edges.iter().filter(|edge| edge.is_gated && !ends.contains(edge.to)) {
            // Time may do by itself, later, what is approved to be done now.
            let acted = free().filter(|edge| edge.row.is_some()).map(|edge| (edge.from, edge.to));
            let around = closure([edge.from].into(), acted).contains(edge.to);
            let past =
                *edge.to != State::DRAFT && unapproved.contains(edge.from) && unapproved.contains(edge.to);
            if let (Some(index), true) = (edge.row, around || past) {
                let text =
                    format!("can be reached without this approval: another way leads to {} too", edge.to);
                found.add(format!("transitions[{index}].target_state"), text);
            }
        }
    }

    /// Where every resource begins.
    fn drafts(&self) -> impl Iterator<Item = &State> {
        self.states.iter().map(|(state, _)| state).filter(|state| **state == State::DRAFT)
    }

    /// What leads from one state to another.
    fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        let acted = self.transitions.iter().enumerate().flat_map(|(index, row)| {
            row.from.iter().filter_map(move |from| {
                Some(Edge {
                    from,
                    to: row.target.state()?,
                    row: Some(index),
                    is_gated: row.pending.is_some(),
                })
            })
        });
        let timed = self.timed.iter().map(|timed| Edge {
            from: &timed.from,
            to: &timed.to,
            row: None,
            is_gated: false,
        });
        acted.chain(timed)
    }
}

/// Whether it leads on whatever times a resource has. An end time it need not have, and a start time may have passed where it can
/// not be changed any more.
fn is_sure(lifecycle: &Lifecycle, edge: &Edge<'_>) -> bool {
    if edge.row.is_none() {
        return lifecycle.starts_later(edge.from);
    }
    let is_edited = matches!(lifecycle.edit_rule(edge.from), EditRule::Direct | EditRule::VoidsApproval);
    is_edited || !lifecycle.starts_later(edge.to)
}
