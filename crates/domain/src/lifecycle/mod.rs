//! Lifecycles are data: one table per resource kind, from which the code, the docs and the exhaustive tests are made. An account can
//! register further ones for kinds of its own (LIF-24).

mod account;
mod builtin;
mod check;
mod diagram;
mod graph;
mod register;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

pub use self::{
    account::{Lifecycles, Registered, unknown_kind},
    check::{Definition, is_name},
    register::{register, retire, revise},
};
use crate::{access::Component, policy::Area};

macro_rules! name {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            /// A name known at compile time.
            pub const fn known(name: &'static str) -> Self {
                Self(Cow::Borrowed(name))
            }

            /// A name read from storage or given by a caller.
            pub fn given(name: impl Into<String>) -> Self {
                Self(Cow::Owned(name.into()))
            }

            /// The name as the API and the database write it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(Kind, "What a resource is, for example `campaign`.");
name!(State, "A lifecycle state, for example `RUNNING`.");
name!(Action, "What someone wants to do to a resource, for example `LAUNCH`.");
name!(PendingLabel, "What a resource shows while a request waits, for example `PAUSE_PENDING`.");

impl Kind {
    /// A campaign.
    pub const CAMPAIGN: Self = Self::known("campaign");
    /// An A/B test.
    pub const AB_TEST: Self = Self::known("ab_test");
    /// A remote config variable.
    pub const REMOTE_CONFIG: Self = Self::known("remote_config");
}

impl State {
    /// Being written; where every lifecycle begins.
    pub const DRAFT: Self = Self::known("DRAFT");
    /// Approved, waiting for its start time.
    pub const SCHEDULED: Self = Self::known("SCHEDULED");
    /// In front of customers.
    pub const RUNNING: Self = Self::known("RUNNING");
    /// An A/B test that is held.
    pub const PAUSED: Self = Self::known("PAUSED");
    /// An A/B test that is over.
    pub const FINISHED: Self = Self::known("FINISHED");
    /// A remote config variable that is in force.
    pub const LIVE: Self = Self::known("LIVE");
    /// A campaign that was stopped before its end.
    pub const STOPPED: Self = Self::known("STOPPED");
    /// A campaign that reached its end.
    pub const COMPLETED: Self = Self::known("COMPLETED");
    /// A campaign put away.
    pub const ARCHIVED: Self = Self::known("ARCHIVED");
    /// Deleted.
    pub const DELETED: Self = Self::known("DELETED");
}

impl Action {
    /// Start an A/B test now.
    pub const START: Self = Self::known("START");
    /// Start an A/B test at its start time.
    pub const SCHEDULE: Self = Self::known("SCHEDULE");
    /// Take a scheduled A/B test back.
    pub const UNSCHEDULE: Self = Self::known("UNSCHEDULE");
    /// Hold an A/B test.
    pub const PAUSE: Self = Self::known("PAUSE");
    /// Go on with an A/B test.
    pub const RESUME: Self = Self::known("RESUME");
    /// End an A/B test, perhaps with a winner.
    pub const FINISH: Self = Self::known("FINISH");
    /// Make staged edits live.
    pub const PUBLISH_EDITS: Self = Self::known("PUBLISH_EDITS");
    /// Delete.
    pub const DELETE: Self = Self::known("DELETE");
    /// Put a remote config variable in force.
    pub const PUBLISH: Self = Self::known("PUBLISH");
    /// Launch a campaign.
    pub const LAUNCH: Self = Self::known("LAUNCH");
    /// Stop a campaign.
    pub const STOP: Self = Self::known("STOP");
    /// Put a campaign away.
    pub const ARCHIVE: Self = Self::known("ARCHIVE");
}

/// What an action leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// That state.
    State(State),
    /// The same state, with the staged content live; unless it is applied, the staged content is discarded.
    StagedGoesLive,
}

impl Target {
    /// The state that it leads to; none: it stays the same.
    pub const fn state(&self) -> Option<&State> {
        match self {
            Self::State(state) => Some(state),
            Self::StagedGoesLive => None,
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The rule, for example `LIF-1`.
    #[serde(skip, default = "own")]
    pub rule: &'static str,
    /// The states that it leads from.
    pub from: Vec<State>,
    /// The action.
    pub action: Action,
    /// What the resource shows while a request waits; none: the action never needs approval.
    pub pending: Option<PendingLabel>,
    /// What it leads to.
    pub target: Target,
}

/// The rule of what an account has registered itself.
pub const OWN: &str = "LIF-24";

const fn own() -> &'static str {
    OWN
}

impl Transition {
    /// The state after it, when it is done from `from`.
    pub fn target_state(&self, from: &State) -> State {
        self.target.state().unwrap_or(from).clone()
    }
}

/// What an edit does in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EditRule {
    /// Writes the content.
    Direct,
    /// Writes staged content (LIF-21).
    Staged,
    /// Writes the content, and where the area requires approval goes back to DRAFT (LIF-22).
    VoidsApproval,
    /// Refused: nothing could make the edit live.
    Refused,
}

/// What happens by time alone (LIF-17).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timed {
    /// The state that it leads from.
    pub from: State,
    /// The state that it leads to.
    pub to: State,
    /// Which time.
    pub at: TimedAt,
}

/// Which time of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimedAt {
    /// The start time; at once where there is none.
    Start,
    /// The end time; never where there is none.
    End,
}

/// The lifecycle of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// The kind.
    pub kind: Kind,
    /// Of a kind of an account's own counts 1, 2, 3 …; a resource keeps the version that it began with (LIF-24). 0: built in.
    pub version: i64,
    /// The area whose policy applies.
    pub area: Area,
    /// The component that rights come from.
    pub component: Component,
    /// The table.
    pub transitions: Vec<Transition>,
    /// What an edit does, state by state; states that are not named refuse edits.
    pub edits: Vec<(State, EditRule)>,
    /// What time alone does.
    pub timed: Vec<Timed>,
}

impl Lifecycle {
    /// The built-in lifecycle of `kind`.
    pub fn built_in(kind: &Kind) -> Option<&'static Self> {
        Self::all_built_in().iter().find(|lifecycle| lifecycle.kind == *kind)
    }

    /// Every built-in lifecycle.
    pub fn all_built_in() -> &'static [Self] {
        &*builtin::LIFECYCLES
    }

    /// The row for `action` from `state`.
    pub fn transition(&self, state: &State, action: &Action) -> Option<&Transition> {
        self.transitions.iter().find(|row| row.action == *action && row.from.contains(state))
    }

    /// The actions that `state` allows (LIF-19), in the order of the table.
    pub fn allowed(&self, state: &State) -> Vec<&Action> {
        self.transitions.iter().filter(|row| row.from.contains(state)).map(|row| &row.action).collect()
    }

    /// What an edit does in `state`.
    pub fn edit_rule(&self, state: &State) -> EditRule {
        self.edits.iter().find(|(named, _)| named == state).map_or(EditRule::Refused, |(_, rule)| *rule)
    }

    /// What time alone does from `state`.
    pub fn timed_from(&self, state: &State) -> Option<&Timed> {
        self.timed.iter().find(|timed| timed.from == *state)
    }

    /// Whether what comes into `state` starts by time: later, at its start time.
    pub fn starts_later(&self, state: &State) -> bool {
        self.timed_from(state).is_some_and(|timed| timed.at == TimedAt::Start)
    }

    /// Whether `action` has launch modes (POL-6).
    pub fn has_launch_modes(&self, action: &Action) -> bool {
        self.kind == Kind::CAMPAIGN && *action == Action::LAUNCH
    }

    /// Whether it knows `action`, in whatever state.
    pub fn knows(&self, action: &Action) -> bool {
        self.transitions.iter().any(|row| row.action == *action)
    }

    /// Whether what is in `state` is before customers until its end time: time alone leads on from it, or the start time led to it.
    /// A remote config variable is as well, although at its end nothing happens by itself.
    pub fn ends(&self, state: &State) -> bool {
        let started = self.timed.iter().any(|timed| timed.at == TimedAt::Start && timed.to == *state);
        started
            || self.timed_from(state).is_some()
            || self.kind == Kind::REMOTE_CONFIG && *state == State::LIVE
    }

    /// Whether the end time leads on from `state`, or from where the start time leads to.
    pub fn is_over_at_end(&self, state: &State) -> bool {
        self.timed_from(state).is_some_and(|timed| match timed.at {
            TimedAt::End => true,
            TimedAt::Start => self.timed_from(&timed.to).is_some_and(|then| then.at == TimedAt::End),
        })
    }

    /// Whether nothing leads out of `state`: neither an action nor time.
    pub fn is_final(&self, state: &State) -> bool {
        !self.transitions.iter().any(|row| row.from.contains(state)) && self.timed_from(state).is_none()
    }

    /// Every state, in the order in which the table names them.
    pub fn states(&self) -> Vec<State> {
        let mut states = vec![State::DRAFT];
        let mut add = |state: &State| {
            if !states.contains(state) {
                states.push(state.clone());
            }
        };
        for row in &self.transitions {
            row.from.iter().for_each(&mut add);
            row.target.state().into_iter().for_each(&mut add);
        }
        for timed in &self.timed {
            add(&timed.from);
            add(&timed.to);
        }
        states
    }
}
