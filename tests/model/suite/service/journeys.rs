//! The lifecycle that the account registers for a kind of its own, as the contract writes it: what the reference has as a table.

use countersign_proto::approval::{
    EditMode, Lifecycle, LifecycleState, LifecycleTransition, TimedTransition, TransitionTime,
};

pub fn journeys() -> Lifecycle {
    let state = |name: &str, mode: EditMode| LifecycleState {
        name: name.into(),
        edit_mode: mode.into(),
        ..Default::default()
    };
    let row = |from: &[&str], action: &str, label: &str, to: &str| LifecycleTransition {
        action: action.into(),
        from_states: from.iter().map(ToString::to_string).collect(),
        pending_label: label.into(),
        target_state: to.into(),
    };
    let timed = |from: &str, to: &str, time: TransitionTime| TimedTransition {
        from_state: from.into(),
        target_state: to.into(),
        time: time.into(),
    };
    Lifecycle {
        kind: "journey".into(),
        area: "JOURNEYS".into(),
        states: vec![
            state("DRAFT", EditMode::Direct),
            state("PLANNED", EditMode::VoidsApproval),
            state("UNDER_WAY", EditMode::Staged),
            state("HELD", EditMode::Refused),
            state("OVER", EditMode::Refused),
            state("GONE", EditMode::Refused),
        ],
        transitions: vec![
            row(&["DRAFT"], "PLAN", "PLAN_PENDING", "PLANNED"),
            row(&["PLANNED"], "TAKE_BACK", "", "DRAFT"),
            row(&["UNDER_WAY"], "HOLD", "HOLD_PENDING", "HELD"),
            row(&["HELD"], "GO_ON", "GO_ON_PENDING", "UNDER_WAY"),
            row(&["UNDER_WAY"], "PUBLISH_EDITS", "EDITS_PENDING", ""),
            row(&["DRAFT", "HELD", "OVER"], "REMOVE", "REMOVE_PENDING", "GONE"),
        ],
        timed_transitions: vec![
            timed("PLANNED", "UNDER_WAY", TransitionTime::Start),
            timed("UNDER_WAY", "OVER", TransitionTime::End),
        ],
        ..Default::default()
    }
}
