//! The built-in lifecycles: LIF-1 … LIF-17, row by row.

use std::sync::LazyLock;

use super::{
    Action, Component, EditRule, Kind, Lifecycle, PendingLabel, State, Target, Timed, TimedAt, Transition,
};
use crate::policy::Area;

const APPROVAL: &str = "APPROVAL_PENDING";

pub(super) static LIFECYCLES: LazyLock<[Lifecycle; 3]> =
    LazyLock::new(|| [ab_test(), remote_config(), campaign()]);

fn gated<const N: usize>(
    rule: &'static str,
    from: [State; N],
    action: Action,
    pending: &'static str,
    target: Target,
) -> Transition {
    Transition { rule, from: from.into(), action, pending: Some(PendingLabel::known(pending)), target }
}

fn free<const N: usize>(rule: &'static str, from: [State; N], action: Action, to: State) -> Transition {
    Transition { rule, from: from.into(), action, pending: None, target: Target::State(to) }
}

fn ab_test() -> Lifecycle {
    use Target::{StagedGoesLive, State as To};
    Lifecycle {
        kind: Kind::AB_TEST,
        version: 0,
        area: Area::PRODUCT_EXPERIENCES,
        component: Component::PRODUCT_EXPERIENCES,
        transitions: vec![
            gated("LIF-1", [State::DRAFT], Action::START, APPROVAL, To(State::RUNNING)),
            gated("LIF-2", [State::DRAFT], Action::SCHEDULE, "SCHEDULING_PENDING", To(State::SCHEDULED)),
            gated("LIF-3", [State::RUNNING], Action::PAUSE, "PAUSE_PENDING", To(State::PAUSED)),
            gated("LIF-4", [State::RUNNING], Action::FINISH, "FINISH_PENDING", To(State::FINISHED)),
            gated("LIF-5", [State::RUNNING, State::PAUSED], Action::PUBLISH_EDITS, APPROVAL, StagedGoesLive),
            gated("LIF-6", [State::PAUSED], Action::RESUME, "RESUME_PENDING", To(State::RUNNING)),
            gated("LIF-7", [State::PAUSED], Action::FINISH, "FINISH_PENDING", To(State::FINISHED)),
            gated("LIF-8", [State::FINISHED], Action::DELETE, "DELETE_PENDING", To(State::DELETED)),
            gated("LIF-9", [State::SCHEDULED], Action::UNSCHEDULE, "UNSCHEDULE_PENDING", To(State::DRAFT)),
            gated("LIF-10", [State::DRAFT], Action::DELETE, "DELETE_PENDING", To(State::DELETED)),
        ],
        edits: vec![
            (State::DRAFT, EditRule::Direct),
            (State::RUNNING, EditRule::Staged),
            (State::PAUSED, EditRule::Staged),
        ],
        timed: vec![Timed { from: State::SCHEDULED, to: State::RUNNING, at: TimedAt::Start }],
    }
}

fn remote_config() -> Lifecycle {
    use Target::{StagedGoesLive, State as To};
    Lifecycle {
        kind: Kind::REMOTE_CONFIG,
        version: 0,
        area: Area::PRODUCT_EXPERIENCES,
        component: Component::PRODUCT_EXPERIENCES,
        transitions: vec![
            gated("LIF-11", [State::DRAFT], Action::PUBLISH, APPROVAL, To(State::LIVE)),
            gated("LIF-12", [State::LIVE], Action::PUBLISH_EDITS, APPROVAL, StagedGoesLive),
            gated(
                "LIF-13",
                [State::DRAFT, State::LIVE],
                Action::DELETE,
                "DELETE_PENDING",
                To(State::DELETED),
            ),
        ],
        edits: vec![(State::DRAFT, EditRule::Direct), (State::LIVE, EditRule::Staged)],
        timed: Vec::new(),
    }
}

fn campaign() -> Lifecycle {
    use Target::State as To;
    Lifecycle {
        kind: Kind::CAMPAIGN,
        version: 0,
        area: Area::CAMPAIGNS,
        component: Component::CAMPAIGNS,
        transitions: vec![
            gated("LIF-14", [State::DRAFT], Action::LAUNCH, APPROVAL, To(State::SCHEDULED)),
            free("LIF-15", [State::SCHEDULED, State::RUNNING], Action::STOP, State::STOPPED),
            free(
                "LIF-16",
                [State::DRAFT, State::STOPPED, State::COMPLETED],
                Action::ARCHIVE,
                State::ARCHIVED,
            ),
        ],
        // A running campaign has no PUBLISH_EDITS, so staged content could never go live: such an edit is refused.
        edits: vec![(State::DRAFT, EditRule::Direct), (State::SCHEDULED, EditRule::VoidsApproval)],
        timed: vec![
            Timed { from: State::SCHEDULED, to: State::RUNNING, at: TimedAt::Start },
            Timed { from: State::RUNNING, to: State::COMPLETED, at: TimedAt::End },
        ],
    }
}
