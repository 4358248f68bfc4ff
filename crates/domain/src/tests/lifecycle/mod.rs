//! The lifecycles, compared with a table of their own.

mod actions;
mod cells;
mod diagrams;
mod endings;
mod own;
mod sanity;

use super::builders::*;
use crate::{
    Action, Kind, LaunchMode, Resource, State,
    history::{HistoryEntry, HistoryEvent},
    lifecycle::TimedAt,
};

/// A row of the rulebook. An empty label: needs no approval. The target `=`: the same state, staged content goes live.
struct Row(&'static str, &'static str, &'static [&'static str], &'static str, &'static str, &'static str);

const TABLE: [Row; 16] = [
    Row("LIF-1", "ab_test", &["DRAFT"], "START", "APPROVAL_PENDING", "RUNNING"),
    Row("LIF-2", "ab_test", &["DRAFT"], "SCHEDULE", "SCHEDULING_PENDING", "SCHEDULED"),
    Row("LIF-3", "ab_test", &["RUNNING"], "PAUSE", "PAUSE_PENDING", "PAUSED"),
    Row("LIF-4", "ab_test", &["RUNNING"], "FINISH", "FINISH_PENDING", "FINISHED"),
    Row("LIF-5", "ab_test", &["RUNNING", "PAUSED"], "PUBLISH_EDITS", "APPROVAL_PENDING", "="),
    Row("LIF-6", "ab_test", &["PAUSED"], "RESUME", "RESUME_PENDING", "RUNNING"),
    Row("LIF-7", "ab_test", &["PAUSED"], "FINISH", "FINISH_PENDING", "FINISHED"),
    Row("LIF-8", "ab_test", &["FINISHED"], "DELETE", "DELETE_PENDING", "DELETED"),
    Row("LIF-9", "ab_test", &["SCHEDULED"], "UNSCHEDULE", "UNSCHEDULE_PENDING", "DRAFT"),
    Row("LIF-10", "ab_test", &["DRAFT"], "DELETE", "DELETE_PENDING", "DELETED"),
    Row("LIF-11", "remote_config", &["DRAFT"], "PUBLISH", "APPROVAL_PENDING", "LIVE"),
    Row("LIF-12", "remote_config", &["LIVE"], "PUBLISH_EDITS", "APPROVAL_PENDING", "="),
    Row("LIF-13", "remote_config", &["DRAFT", "LIVE"], "DELETE", "DELETE_PENDING", "DELETED"),
    Row("LIF-14", "campaign", &["DRAFT"], "LAUNCH", "APPROVAL_PENDING", "SCHEDULED"),
    Row("LIF-15", "campaign", &["SCHEDULED", "RUNNING"], "STOP", "", "STOPPED"),
    Row("LIF-16", "campaign", &["DRAFT", "STOPPED", "COMPLETED"], "ARCHIVE", "", "ARCHIVED"),
];

/// LIF-17, with the time that it waits for.
const TIMED: [(&str, &str, &str, TimedAt); 3] = [
    ("ab_test", "SCHEDULED", "RUNNING", TimedAt::Start),
    ("campaign", "SCHEDULED", "RUNNING", TimedAt::Start),
    ("campaign", "RUNNING", "COMPLETED", TimedAt::End),
];

const STATES: [(&str, &[&str]); 3] = [
    ("ab_test", &["DRAFT", "SCHEDULED", "RUNNING", "PAUSED", "FINISHED", "DELETED"]),
    ("remote_config", &["DRAFT", "LIVE", "DELETED"]),
    ("campaign", &["DRAFT", "SCHEDULED", "RUNNING", "STOPPED", "COMPLETED", "ARCHIVED"]),
];

const ACTIONS: [&str; 13] = [
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
    "NO_SUCH_ACTION",
];

fn rows<'a>(kind: &'a str, state: &'a str) -> impl Iterator<Item = &'static Row> + 'a {
    TABLE.iter().filter(move |row| row.1 == kind && row.2.contains(&state))
}

/// Every resource and action, whether or not the table has them.
fn cells() -> impl Iterator<Item = (Resource, &'static str)> {
    STATES.into_iter().flat_map(|(kind, states)| {
        states.iter().flat_map(move |state| {
            ACTIONS.into_iter().map(move |action| (resource(Kind::given(kind), State::known(state)), action))
        })
    })
}

/// Every resource with an action that needs approval, submitted by a Creator.
fn submissions(world: &World) -> impl Iterator<Item = (&'static Row, Resource, Pending)> {
    TABLE.iter().filter(|row| !row.4.is_empty()).flat_map(move |row| {
        row.2.iter().map(move |from| {
            let before = resource(Kind::known(row.1), State::known(from));
            let pending = world.submit(Who::Creator, &before, &doing(Action::known(row.3)));
            (row, before, pending)
        })
    })
}

/// `before` as its action leaves it once applied.
fn applied(before: &Resource, row: &Row, mode: Option<LaunchMode>) -> Resource {
    let staged_goes_live = row.5 == "=";
    Resource {
        state: if staged_goes_live { before.state.clone() } else { State::known(row.5) },
        live: if staged_goes_live { before.staged.clone().unwrap() } else { before.live.clone() },
        // What is a draft again has none.
        staged: before.staged.clone().filter(|_| !staged_goes_live && row.5 != "DRAFT"),
        launch_mode: mode,
        version: before.version + 1,
        updated_at: NOW,
        ..before.clone()
    }
}

fn entry(before: &Resource, after: &Resource, event: HistoryEvent, action: &str, who: Who) -> HistoryEntry {
    HistoryEntry {
        account_id: ACCOUNT,
        resource_id: RESOURCE,
        sequence: before.version + 1,
        request_id: None,
        event,
        action: Some(Action::given(action)),
        actor: who.as_ref(),
        at: NOW,
        from: Some(before.state.clone()),
        to: after.state.clone(),
        note: String::new(),
        digest: after.live.digest.clone(),
    }
}
