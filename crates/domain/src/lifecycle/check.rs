//! What a lifecycle has to be like before an account can register it (LIF-24).

use std::collections::BTreeSet;

use super::{EditRule, Kind, Lifecycle, State, Target, Timed, TimedAt, Transition};
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
    pub transitions: Vec<Transition>,
    /// What time alone does.
    pub timed: Vec<Timed>,
}

impl Definition {
    /// The lifecycle that it defines.
    pub fn lifecycle(self, version: i64) -> Lifecycle {
        let edits =
            self.states.iter().map(|(state, rule)| (state.clone(), edit_rule(state, *rule))).collect();
        let mut lifecycle = Lifecycle {
            kind: self.kind,
            version,
            component: Component::of_area(&self.area),
            area: self.area,
            transitions: self.transitions,
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
        let lifecycle = self.clone().lifecycle(0);
        self.check_states(&lifecycle, &mut found);
        self.check_transitions(&lifecycle, &mut found);
        self.check_timed(&mut found);
        if found.0.is_empty() {
            self.check_graph(&lifecycle, &mut found);
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
        found.name_of("kind", self.kind.as_str(), "lower-case letters", u8::is_ascii_lowercase);
        if Lifecycle::built_in(&self.kind).is_some() {
            found.add("kind", "is built in, and the same in every account");
        }
        found.name("area", self.area.as_str());
        if Area::BUILT_IN.contains(&self.area) {
            found.add("area", "must be one of the account's own: this one is built in");
        }
    }

    fn check_states(&self, lifecycle: &Lifecycle, found: &mut Found) {
        let mut seen = BTreeSet::new();
        for (index, (state, rule)) in self.states.iter().enumerate() {
            found.name(&format!("states[{index}].name"), state.as_str());
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
                EditRule::VoidsApproval if !lifecycle.starts_later(state) => found.add(
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

    fn check_transitions(&self, lifecycle: &Lifecycle, found: &mut Found) {
        let (mut actions, mut labels) = (BTreeSet::new(), BTreeSet::new());
        for (index, row) in self.transitions.iter().enumerate() {
            let at = |name: &str| format!("transitions[{index}].{name}");
            found.name(&at("action"), row.action.as_str());
            if let Some(label) = &row.pending {
                found.name(&at("pending_label"), label.as_str());
            }
            match &row.target {
                Target::State(state) => {
                    self.check_declared(found, at("target_state"), state);
                    if row.pending.is_none() && lifecycle.starts_later(state) {
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
                    Target::StagedGoesLive if lifecycle.edit_rule(from) != EditRule::Staged => {
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
        let publishes = |row: &&Transition| row.target == Target::StagedGoesLive && row.from.contains(state);
        self.transitions.iter().any(|row| publishes(&row))
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

/// Whether `text` has the form of a lifecycle's names, whose letters are all of one case.
pub fn is_name(text: &str, is_letter: fn(&u8) -> bool) -> bool {
    (1..=limits::LIFECYCLE_NAME).contains(&text.len())
        && text.bytes().all(|byte| is_letter(&byte) || byte.is_ascii_digit() || byte == b'_')
}

/// What was found wrong so far.
#[derive(Default)]
pub(super) struct Found(Vec<Violation>);

impl Found {
    pub(super) fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation::new(format!("lifecycle.{}", field.into()), description));
    }

    /// A name in upper case.
    fn name(&mut self, field: &str, name: &str) {
        self.name_of(field, name, "upper-case letters", u8::is_ascii_uppercase);
    }

    /// A name: it becomes part of component ids, events and messages, so its form is narrow.
    fn name_of(&mut self, field: &str, name: &str, letters: &str, is_letter: fn(&u8) -> bool) {
        if !is_name(name, is_letter) || !name.as_bytes().first().is_some_and(is_letter) {
            let most = limits::LIFECYCLE_NAME;
            self.add(field, format!("must be 1 to {most} {letters}, digits and underscores, a letter first"));
        }
    }
}
