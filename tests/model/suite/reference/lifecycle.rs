//! LIF-1 to LIF-16 as data, and a lifecycle of the account's own (LIF-24).

use crate::cast::Kind;

/// What an action leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    State(&'static str),
    /// The same state, in which the staged content is live.
    Same,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub action: &'static str,
    /// The label while it waits for an approval; none: it never does.
    pub label: Option<&'static str>,
    pub target: Target,
}

type Line = (Kind, &'static [&'static str], &'static str, Option<&'static str>, Target);

const TABLE: &[Line] = {
    use Kind::{AbTest, Campaign, Journey, RemoteConfig};
    use Target::{Same, State};
    &[
        (AbTest, &["DRAFT"], "START", Some("APPROVAL_PENDING"), State("RUNNING")),
        (AbTest, &["DRAFT"], "SCHEDULE", Some("SCHEDULING_PENDING"), State("SCHEDULED")),
        (AbTest, &["RUNNING"], "PAUSE", Some("PAUSE_PENDING"), State("PAUSED")),
        (AbTest, &["RUNNING", "PAUSED"], "FINISH", Some("FINISH_PENDING"), State("FINISHED")),
        (AbTest, &["RUNNING", "PAUSED"], "PUBLISH_EDITS", Some("APPROVAL_PENDING"), Same),
        (AbTest, &["PAUSED"], "RESUME", Some("RESUME_PENDING"), State("RUNNING")),
        (AbTest, &["FINISHED", "DRAFT"], "DELETE", Some("DELETE_PENDING"), State("DELETED")),
        (AbTest, &["SCHEDULED"], "UNSCHEDULE", Some("UNSCHEDULE_PENDING"), State("DRAFT")),
        (RemoteConfig, &["DRAFT"], "PUBLISH", Some("APPROVAL_PENDING"), State("LIVE")),
        (RemoteConfig, &["LIVE"], "PUBLISH_EDITS", Some("APPROVAL_PENDING"), Same),
        (RemoteConfig, &["DRAFT", "LIVE"], "DELETE", Some("DELETE_PENDING"), State("DELETED")),
        (Campaign, &["DRAFT"], "LAUNCH", Some("APPROVAL_PENDING"), State("SCHEDULED")),
        (Campaign, &["SCHEDULED", "RUNNING"], "STOP", None, State("STOPPED")),
        (Campaign, &["DRAFT", "STOPPED", "COMPLETED"], "ARCHIVE", None, State("ARCHIVED")),
        (Journey, &["DRAFT"], "PLAN", Some("PLAN_PENDING"), State("PLANNED")),
        (Journey, &["PLANNED"], "TAKE_BACK", None, State("DRAFT")),
        (Journey, &["UNDER_WAY"], "HOLD", Some("HOLD_PENDING"), State("HELD")),
        (Journey, &["HELD"], "GO_ON", Some("GO_ON_PENDING"), State("UNDER_WAY")),
        (Journey, &["UNDER_WAY"], "PUBLISH_EDITS", Some("EDITS_PENDING"), Same),
        (Journey, &["DRAFT", "HELD", "OVER"], "REMOVE", Some("REMOVE_PENDING"), State("GONE")),
    ]
};

/// Every action that there is.
pub const ACTIONS: [&str; 17] = [
    "START",
    "SCHEDULE",
    "UNSCHEDULE",
    "PAUSE",
    "RESUME",
    "FINISH",
    "PUBLISH_EDITS",
    "DELETE",
    "PUBLISH",
    "LAUNCH",
    "STOP",
    "ARCHIVE",
    "PLAN",
    "TAKE_BACK",
    "HOLD",
    "GO_ON",
    "REMOVE",
];

/// The row for an action in a state.
pub fn row(kind: Kind, state: &str, action: &str) -> Option<Row> {
    rows(kind, state).find(|row| row.action == action)
}

/// What can be done in a state.
pub fn rows(kind: Kind, state: &str) -> impl Iterator<Item = Row> {
    TABLE
        .iter()
        .filter(move |line| line.0 == kind && line.1.contains(&state))
        .map(|&(_, _, action, label, target)| Row { action, label, target })
}

/// How content is edited in a state (LIF-21, LIF-22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Editing {
    Direct,
    Staged,
    Refused,
}

pub fn editing(kind: Kind, state: &str) -> Editing {
    match (kind, state) {
        (_, "DRAFT") | (Kind::Campaign, "SCHEDULED") | (Kind::Journey, "PLANNED") => Editing::Direct,
        (Kind::AbTest, "RUNNING" | "PAUSED")
        | (Kind::RemoteConfig, "LIVE")
        | (Kind::Journey, "UNDER_WAY") => Editing::Staged,
        _ => Editing::Refused,
    }
}
