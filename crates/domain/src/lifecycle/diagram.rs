//! A lifecycle as a Mermaid diagram, for the documentation and for who asks for it: made from the table, so that it can't be wrong.

use std::fmt::Write as _;

use super::{Lifecycle, Target, TimedAt};

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
                let to = match &row.target {
                    Target::State(state) => state,
                    Target::StagedGoesLive => from,
                };
                let _ = writeln!(text, "    {from} --> {to}: {label}");
            }
        }
        for timed in &self.timed {
            let time = match timed.at {
                TimedAt::Start => "start time",
                TimedAt::End => "end time",
            };
            let _ = writeln!(text, "    {} --> {}: {time}", timed.from, timed.to);
        }
        for state in self.states() {
            if self.is_final(&state) {
                let _ = writeln!(text, "    {state} --> [*]");
            }
        }
        text
    }
}
