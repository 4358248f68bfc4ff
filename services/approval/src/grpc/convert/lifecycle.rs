//! Lifecycles.

use countersign_domain::lifecycle::{
    EditRule, Lifecycle, Registered, State, Target, Timed, TimedAt, Transition,
};
use countersign_proto::approval;

use super::{actor, etag, time};

/// A version of a lifecycle of an account's own as the contract writes it. Retired is the kind: that of its `newest` version.
pub fn registered(registered: &Registered, newest: &Registered) -> approval::Lifecycle {
    let retired = newest.retired.as_ref();
    approval::Lifecycle {
        retired: retired.is_some(),
        registered_by: Some(actor(&registered.by)),
        create_time: Some(time::to_proto(registered.at)),
        retired_by: retired.map(|(by, _)| actor(by)),
        retire_time: retired.map(|(_, at)| time::to_proto(*at)),
        etag: etag(newest.etag()),
        ..lifecycle(&registered.lifecycle)
    }
}

/// A lifecycle as the contract writes it.
pub fn lifecycle(lifecycle: &Lifecycle) -> approval::Lifecycle {
    let state = |state: State| approval::LifecycleState {
        edit_mode: edit_mode(lifecycle.edit_rule(&state)).into(),
        r#final: lifecycle.is_final(&state),
        name: state.as_str().to_owned(),
    };
    approval::Lifecycle {
        kind: lifecycle.kind.as_str().to_owned(),
        area: lifecycle.area.as_str().to_owned(),
        component: lifecycle.component.as_str().to_owned(),
        states: lifecycle.states().into_iter().map(state).collect(),
        transitions: lifecycle.transitions.iter().map(transition).collect(),
        timed_transitions: lifecycle.timed.iter().map(timed).collect(),
        mermaid: lifecycle.mermaid(),
        version: lifecycle.version,
        ..Default::default()
    }
}

fn edit_mode(rule: EditRule) -> approval::EditMode {
    match rule {
        EditRule::Direct => approval::EditMode::Direct,
        EditRule::Staged => approval::EditMode::Staged,
        EditRule::VoidsApproval => approval::EditMode::VoidsApproval,
        EditRule::Refused => approval::EditMode::Refused,
    }
}

fn transition(row: &Transition) -> approval::LifecycleTransition {
    approval::LifecycleTransition {
        action: row.action.as_str().to_owned(),
        from_states: row.from.iter().map(|state| state.as_str().to_owned()).collect(),
        pending_label: row.pending.as_ref().map(|label| label.as_str().to_owned()).unwrap_or_default(),
        target_state: match &row.target {
            Target::State(state) => state.as_str().to_owned(),
            Target::StagedGoesLive => String::new(),
        },
    }
}

fn timed(timed: &Timed) -> approval::TimedTransition {
    approval::TimedTransition {
        from_state: timed.from.as_str().to_owned(),
        target_state: timed.to.as_str().to_owned(),
        time: match timed.at {
            TimedAt::Start => approval::TransitionTime::Start,
            TimedAt::End => approval::TransitionTime::End,
        }
        .into(),
    }
}
