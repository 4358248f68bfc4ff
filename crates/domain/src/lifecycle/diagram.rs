//! A lifecycle as a Mermaid diagram, for the documentation and for who asks for it: made from the table, so that it can't be wrong.

use std::{borrow::Cow, fmt::Write as _};

use super::{EditRule, Lifecycle, State, TimedAt};

impl Lifecycle {
    /// A Mermaid state diagram: every state, what leads from it and whether that needs an approval where the workflow is on, what
    /// time alone does, and where it ends.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("stateDiagram-v2\n    [*] --> DRAFT\n");
        // Writing to a String can't fail.
        for row in &self.transitions {
            let label = match &row.pending {
                Some(pending) => format!("{} ({pending})", row.action),
                None => row.action.to_string(),
            };
            for from in &row.from {
                let to = row.target.state().unwrap_or(from);
                let _ = writeln!(text, "    {} --> {}: {label}", node(from), node(to));
            }
        }
        for timed in &self.timed {
            let time = match timed.at {
                TimedAt::Start => "start time",
                TimedAt::End => "end time",
            };
            let _ = writeln!(text, "    {} --> {}: {time}", node(&timed.from), node(&timed.to));
        }
        for (state, _) in self.edits.iter().filter(|(_, rule)| *rule == EditRule::VoidsApproval) {
            let _ = writeln!(text, "    {} --> DRAFT: edit", node(state));
        }
        for state in self.states() {
            if self.is_final(&state) {
                let _ = writeln!(text, "    {} --> [*]", node(&state));
            }
            if node(&state) != state.as_str() {
                let _ = writeln!(text, "    {} : {state}", node(&state));
            }
        }
        text
    }
}

/// The words that Mermaid's grammar keeps for itself, in whatever case (found with the parser of Mermaid 11).
const WORDS: [&str; 9] = ["STATE", "NOTE", "CLASS", "CLASSDEF", "STYLE", "SCALE", "DEFAULT", "CLICK", "HREF"];

/// What a state is called in the diagram.
fn node(state: &State) -> Cow<'_, str> {
    if WORDS.contains(&state.as_str()) {
        Cow::Owned(format!("{state}_"))
    } else {
        Cow::Borrowed(state.as_str())
    }
}
