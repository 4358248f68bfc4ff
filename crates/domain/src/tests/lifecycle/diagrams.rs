//! The documentation's diagrams and tables are made from the lifecycles, and compared with them.

use std::{env, fmt::Write as _, fs};

use super::super::builders::*;
use crate::{
    Lifecycle, State,
    lifecycle::{EditRule, Target},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lifecycles.md");
const BEGIN: &str = "<!-- begin of what is generated -->\n";
const END: &str = "<!-- end of what is generated -->\n";

fn generated() -> String {
    let mut text = String::new();
    for lifecycle in Lifecycle::all_built_in() {
        let _ = write!(
            text,
            "\n## `{}`\n\nArea `{}`, rights from `{}`.\n\n```mermaid\n{}```\n\n",
            lifecycle.kind,
            lifecycle.area,
            lifecycle.component,
            lifecycle.mermaid()
        );
        text.push_str("| rule | from | action | while it waits | once it is approved, or needs no approval |\n|---|---|---|---|---|\n");
        for row in &lifecycle.transitions {
            let from: Vec<_> = row.from.iter().map(ToString::to_string).collect();
            let to = match &row.target {
                crate::lifecycle::Target::State(state) => state.to_string(),
                crate::lifecycle::Target::StagedGoesLive => "the same; staged content goes live".into(),
            };
            let pending = row.pending.as_ref().map_or("needs no approval".to_owned(), ToString::to_string);
            let _ =
                writeln!(text, "| {} | {} | {} | {pending} | {to} |", row.rule, from.join(", "), row.action);
        }
        text.push('\n');
        for state in lifecycle.states() {
            let edit = match lifecycle.edit_rule(&state) {
                EditRule::Direct => "is written at once",
                EditRule::Staged => "is staged, and goes live with PUBLISH_EDITS",
                EditRule::VoidsApproval => "voids the approval: back to DRAFT (LIF-22)",
                EditRule::Refused => continue,
            };
            let _ = writeln!(text, "- An edit in {state} {edit}.");
        }
    }
    text.push('\n');
    text
}

/// `UPDATE_DOCS=1 cargo test -p countersign-domain` writes it anew.
///
/// Proves LIF-1, LIF-2, LIF-3, LIF-4, LIF-5, LIF-6, LIF-7, LIF-8, LIF-9, LIF-10, LIF-11, LIF-12, LIF-13, LIF-14, LIF-15, LIF-16,
/// LIF-17 for the documentation.
#[test]
fn the_documentation_s_lifecycles_are_the_code_s() {
    let text = fs::read_to_string(FILE).expect("docs/lifecycles.md");
    let (before, rest) = text.split_once(BEGIN).expect("the begin");
    let (shown, after) = rest.split_once(END).expect("the end");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(FILE, format!("{before}{BEGIN}{}{END}{after}", generated()))
            .expect("docs/lifecycles.md is written");
        return;
    }
    assert_eq!(shown, generated(), "docs/lifecycles.md is out of date: see this test's comment");
}

/// A diagram shows every row, every timer and every end.
#[test]
fn a_diagram_shows_all_of_it() {
    for lifecycle in Lifecycle::all_built_in() {
        let lines: Vec<String> = lifecycle.mermaid().lines().map(|line| line.trim().to_owned()).collect();
        let rows: usize = lifecycle.transitions.iter().map(|row| row.from.len()).sum();
        let ends = lifecycle
            .states()
            .into_iter()
            .filter(|state| lifecycle.allowed(state).is_empty() && lifecycle.timed_from(state).is_none());
        let voids = lifecycle.edits.iter().filter(|(_, rule)| *rule == EditRule::VoidsApproval).count();
        assert_eq!(
            lines.len(),
            2 + rows + lifecycle.timed.len() + voids + ends.count(),
            "{}",
            lifecycle.kind
        );
        for state in lifecycle.states() {
            assert!(
                lines.iter().any(|line| line.contains(&format!("--> {state}"))),
                "{state} can't be reached"
            );
        }
    }
}

/// Names that Mermaid can't read are others in the diagram, and shown as they are.
///
/// Proves LIF-24.
#[test]
fn a_diagram_of_odd_names_can_be_read() {
    let text = journeys().lifecycle(1).mermaid().replace("HELD", "NOTE");
    let mut definition = journeys();
    definition.states[3].0 = State::known("NOTE");
    definition.transitions[2].target = Target::State(State::known("NOTE"));
    definition.transitions[3].from = vec![State::known("NOTE")];
    definition.transitions[5].from[1] = State::known("NOTE");
    let shown = definition.lifecycle(1).mermaid();
    assert!(shown.contains("    NOTE_ : NOTE\n"), "{shown}");
    let named = shown.replace("    NOTE_ : NOTE\n", "").replace("NOTE_", "NOTE");
    assert_eq!(named, text, "and all else is the same");
}
