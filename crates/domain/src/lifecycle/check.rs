//! What a lifecycle has to be like before an account can register it (LIF-24).

use std::collections::BTreeSet;

use super::{Action, EditRule, Kind, Lifecycle, PendingLabel, State, Target, Timed, TimedAt, Transition};
use crate::{Area, Violation, access::Component, limits};

/// A lifecycle as an account gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The kind.
    pub kind: Kind,
    /// The area.
    pub area: Area,
    /// The states and what an edit does in each; none: DIRECT in DRAFT, and REFUSED elsewhere.
    pub states: Vec<(State, Option<EditRule>)>,
    /// What leads from one to another.
    pub transitions: Vec<Row>,
    /// What time alone does.
    pub timed: Vec<Timed>,
}

/// One action of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The states that it leads from.
    pub from: Vec<State>,
    /// The action.
    pub action: Action,
    /// What the resource shows while a request waits; none: the action never needs approval.
    pub pending: Option<PendingLabel>,
    /// What it leads to.
    pub target: Target,
}

impl Definition {
    /// The lifecycle that it defines.
    pub fn lifecycle(self, version: i64) -> Lifecycle {
        let edits =
            self.states.iter().map(|(state, rule)| (state.clone(), edit_rule(state, *rule))).collect();
        let rows = self.transitions.into_iter();
        let transition = |Row { from, action, pending, target }| Transition {
            rule: super::own(),
            from,
            action,
            pending,
            target,
        };
        let mut lifecycle = Lifecycle {
            kind: self.kind,
            version,
            component: Component::of_area(&self.area),
            area: self.area,
            transitions: rows.map(transition).collect(),
            edits,
            timed: self.timed,
        };
        // In the order in which states are answered: what is read and sent back is the same.
        let states = lifecycle.states();
        lifecycle.edits.sort_by_key(|(state, _)| states.iter().position(|other| other == state));
        lifecycle
    }

    /// Everything that is wrong with it, each with its place. Where states lead to is only looked at once all else is right: a state that
    /// is misspelt once would be unreachable, a trap and undeclared at the same time.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Found::default();
        self.check_names(&mut found);
        if self.check_sizes(&mut found) {
            // Not looked at one by one: that takes time that grows with the square of the lists.
            return found.0;
        }
        self.check_states(&mut found);
        self.check_transitions(&mut found);
        self.check_timed(&mut found);
        if found.0.is_empty() {
            self.check_graph(&mut found);
        }
        found.0
    }

    /// Whether anything is too long.
    fn check_sizes(&self, found: &mut Found) -> bool {
        let mut too_long = false;
        for (field, count, limit) in [
            ("states", self.states.len(), limits::LIFECYCLE_STATES),
            ("transitions", self.transitions.len(), limits::LIFECYCLE_TRANSITIONS),
            ("timed_transitions", self.timed.len(), 0..=*limits::LIFECYCLE_STATES.end()),
        ] {
            if !limit.contains(&count) {
                found.add(field, format!("must be {} to {}", limit.start(), limit.end()));
            }
            too_long |= count > *limit.end();
        }
        let most = *limits::LIFECYCLE_TRANSITIONS.end();
        let from: usize = self.transitions.iter().map(|row| row.from.len()).sum();
        if from > most {
            let text = format!("must lead from at most {most} states, all actions together");
            found.add("transitions", text);
            too_long = true;
        }
        for (index, row) in self.transitions.iter().enumerate().take(most) {
            if row.from.is_empty() {
                found.add(
                    format!("transitions[{index}].from_states"),
                    "is required: where the action leads from",
                );
            }
        }
        too_long
    }

    fn check_names(&self, found: &mut Found) {
        found.name("kind", self.kind.as_str(), Case::Lower);
        if Lifecycle::built_in(&self.kind).is_some() {
            found.add("kind", "is built in, and the same in every account");
        }
        found.name("area", self.area.as_str(), Case::Upper);
        if Area::BUILT_IN.contains(&self.area) {
            found.add("area", "must be one of the account's own: this one is built in");
        }
    }

    fn check_states(&self, found: &mut Found) {
        let mut seen = BTreeSet::new();
        for (index, (state, rule)) in self.states.iter().enumerate() {
            found.name(&format!("states[{index}].name"), state.as_str(), Case::Upper);
            if !seen.insert(state) {
                found.add(format!("states[{index}].name"), "is named twice");
            }
            let mode = format!("states[{index}].edit_mode");
            match edit_rule(state, *rule) {
                EditRule::Direct if *state != State::DRAFT => found.add(
                    mode,
                    "DIRECT is for DRAFT alone: elsewhere an edit would change what was approved (LIF-21, LIF-22)",
                ),
                EditRule::Staged | EditRule::VoidsApproval if *state == State::DRAFT => {
                    found.add(mode, "must be DIRECT or REFUSED for DRAFT: nothing there was approved");
                }
                EditRule::Staged if !self.publishes_from(state) => found.add(
                    mode,
                    "STAGED needs an action from this state without target_state, which makes the staged content live",
                ),
                EditRule::VoidsApproval if *state != State::DRAFT && !self.starts_later(state) => found.add(
                    mode,
                    "VOIDS_APPROVAL is for what waits for its start time: elsewhere an edit would lead back to DRAFT past \
                     every approval (LIF-22)",
                ),
                _ => {}
            }
        }
        if !seen.contains(&State::DRAFT) {
            found.add("states", "must hold DRAFT, where every resource begins");
        }
    }

    fn check_transitions(&self, found: &mut Found) {
        let (mut actions, mut labels) = (BTreeSet::new(), BTreeSet::new());
        for (index, row) in self.transitions.iter().enumerate() {
            let at = |name: &str| format!("transitions[{index}].{name}");
            found.name(&at("action"), row.action.as_str(), Case::Upper);
            if let Some(label) = &row.pending {
                found.name(&at("pending_label"), label.as_str(), Case::Upper);
            }
            match &row.target {
                Target::State(state) => {
                    self.check_declared(found, at("target_state"), state);
                    if row.pending.is_none() && self.starts_later(state) {
                        let text =
                            format!("is required: the start time leads on from {state}, to what nobody approved");
                        found.add(at("pending_label"), text);
                    }
                }
                Target::StagedGoesLive if row.pending.is_none() => found.add(
                    at("pending_label"),
                    "is required: staged edits change what was approved, and go live by approval alone (LIF-21)",
                ),
                Target::StagedGoesLive => {}
            }
            for (place, from) in row.from.iter().enumerate() {
                let at_from = at(&format!("from_states[{place}]"));
                self.check_declared(found, at_from.clone(), from);
                if !actions.insert((from, &row.action)) {
                    let text = format!("{from} has the action {} already", row.action);
                    found.add(at_from.clone(), text);
                }
                match &row.target {
                    Target::State(state) if state == from => {
                        let text =
                            format!("{} leads nowhere from {from}: that is where it begins", row.action);
                        found.add(at_from.clone(), text);
                    }
                    Target::StagedGoesLive if self.edit_rule(from) != Some(EditRule::Staged) => {
                        let text = format!(
                            "must have the edit_mode STAGED: there is nothing to make live in {from}"
                        );
                        found.add(at_from.clone(), text);
                    }
                    _ => {}
                }
                if let Some(label) = &row.pending
                    && !labels.insert((from, label))
                {
                    let text = format!("{label} is shown for another action from {from} already");
                    found.add(at("pending_label"), text);
                }
            }
        }
    }

    /// Time alone decides nothing that somebody has to sign, and comes to rest.
    fn check_timed(&self, found: &mut Found) {
        let mut seen = BTreeSet::new();
        for (index, timed) in self.timed.iter().enumerate() {
            let at = |name: &str| format!("timed_transitions[{index}].{name}");
            self.check_declared(found, at("from_state"), &timed.from);
            self.check_declared(found, at("target_state"), &timed.to);
            if timed.to == State::DRAFT && timed.at == TimedAt::Start {
                found.add(at("target_state"), "must not be DRAFT at START: what starts is not a draft");
            }
            if timed.from == State::DRAFT {
                found.add(
                    at("from_state"),
                    "must not be DRAFT: what nobody has approved does not start by itself",
                );
            }
            if !seen.insert(&timed.from) {
                found.add(at("from_state"), format!("time leads on from {} already", timed.from));
            }
            let on = self.timed.iter().find(|next| next.from == timed.to);
            if on.is_some_and(|next| timed.at == TimedAt::End || next.at == TimedAt::Start) {
                let text = format!("time would lead on from {} at once, and might never rest", timed.to);
                found.add(at("target_state"), text);
            }
        }
    }

    fn publishes_from(&self, state: &State) -> bool {
        let publishes = |row: &&Row| row.target == Target::StagedGoesLive && row.from.contains(state);
        self.transitions.iter().any(|row| publishes(&row))
    }

    pub(super) fn edit_rule(&self, state: &State) -> Option<EditRule> {
        let declared = self.states.iter().find(|(declared, _)| declared == state);
        declared.map(|(state, rule)| edit_rule(state, *rule))
    }

    fn check_declared(&self, found: &mut Found, field: String, state: &State) {
        if !self.states.iter().any(|(declared, _)| declared == state) {
            found.add(field, "must be one of the states");
        }
    }
}

fn edit_rule(state: &State, given: Option<EditRule>) -> EditRule {
    given.unwrap_or(if *state == State::DRAFT { EditRule::Direct } else { EditRule::Refused })
}

#[derive(Clone, Copy)]
enum Case {
    Upper,
    Lower,
}

/// What was found wrong so far.
#[derive(Default)]
pub(super) struct Found(Vec<Violation>);

impl Found {
    pub(super) fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation::new(format!("lifecycle.{}", field.into()), description));
    }

    /// A name: it becomes part of component ids, events and messages, so its form is narrow.
    fn name(&mut self, field: &str, name: &str, case: Case) {
        let (is_letter, example): (fn(u8) -> bool, _) = match case {
            Case::Upper => (|byte| byte.is_ascii_uppercase(), "upper-case letters, digits and underscores"),
            Case::Lower => (|byte| byte.is_ascii_lowercase(), "lower-case letters, digits and underscores"),
        };
        let fits = (1..=limits::LIFECYCLE_NAME).contains(&name.len())
            && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'_')
            && is_letter(name.as_bytes()[0]);
        if !fits {
            let most = limits::LIFECYCLE_NAME;
            self.add(field, format!("must be 1 to {most} {example}, a letter first"));
        }
    }
}
