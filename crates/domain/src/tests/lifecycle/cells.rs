//! The table of cells: what each action does in each state, by each role, with the workflow on and off, and in each launch mode.
//! `cells.txt` says it for people, and is the rulebook's word: a difference is a fault of the code, or a decision to be written down.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{super::builders::*, ACTIONS, STATES};
use crate::{
    Action, Kind, LaunchMode, Outcome, Refusal, State, history::HistoryEvent, perform::PerformAction,
};

const TABLE: &str = include_str!("cells.txt");

const MODES: [(&str, Option<LaunchMode>); 4] = [
    ("", None),
    (":ACTIVE", Some(LaunchMode::Active)),
    (":TEST", Some(LaunchMode::Test)),
    (":PASSIVE", Some(LaunchMode::Passive)),
];

/// A cell: the block that it is in, the action with its mode, and who tries it.
type Cell = (String, String, &'static str);

fn name(who: Who) -> &'static str {
    match who {
        Who::Admin | Who::SecondAdmin => "ADMIN",
        Who::Approver | Who::SecondApprover => "APPROVER",
        Who::Creator => "CREATOR",
        Who::Editor => "EDITOR",
        Who::EditorWithRight => "EDITOR+",
        Who::Member => "MEMBER",
        Who::Revoked => "revoked",
        Who::Roleless => "roleless",
        Who::Stranger => "stranger",
        Who::Timer => "timer",
    }
}

fn said(result: Result<Outcome, Refusal>) -> String {
    match result {
        Ok(Outcome { resource, request: Some(request), .. }) => {
            let request = request.request();
            let label = resource.lock.expect("what waits is locked").label;
            format!("submitted: {label} -> {}", request.target_state)
        }
        Ok(Outcome { resource, history, .. }) if history.event == HistoryEvent::Bypassed => {
            format!("bypassed: {}", resource.state)
        }
        Ok(Outcome { resource, .. }) => format!("applied: {}", resource.state),
        Err(Refusal::ActionNotAllowed { .. }) => "refused: ACTION_NOT_ALLOWED".to_owned(),
        Err(Refusal::PermissionDenied { .. }) => "refused: PERMISSION_DENIED".to_owned(),
        Err(other) => format!("refused: {other:?}"),
    }
}

/// Every cell, and what the code says of it.
fn code() -> BTreeMap<Cell, String> {
    let mut cells = BTreeMap::new();
    for (kind, states) in STATES {
        for (state, (world, toggle)) in states
            .iter()
            .flat_map(|state| [(World::new(), "on"), (World::off(), "off")].map(|world| (state, world)))
        {
            let before = resource(Kind::known(kind), State::known(state));
            for action in ACTIONS {
                let modes = MODES.into_iter().filter(|(_, mode)| mode.is_none() || action == "LAUNCH");
                for (suffix, mode) in modes {
                    let command = PerformAction { launch_mode: mode, ..doing(Action::known(action)) };
                    for who in Who::EACH {
                        let block = format!("{kind} {state}, workflow {toggle}");
                        let cell = (block, format!("{action}{suffix}"), name(who));
                        cells.insert(cell, said(world.perform(who, &before, &command)));
                    }
                }
            }
        }
    }
    cells
}

/// Every action, with its modes.
fn actions() -> Vec<String> {
    let with_modes = |action: &'static str| {
        let modes = MODES.into_iter().filter(move |(_, mode)| mode.is_none() || action == "LAUNCH");
        modes.map(move |(suffix, _)| format!("{action}{suffix}"))
    };
    ACTIONS.into_iter().flat_map(with_modes).collect()
}

/// The people whom a word of the table means.
fn people(word: &str) -> Vec<&'static str> {
    let meant: &[Who] = match word {
        "writers" => &[Who::Admin, Who::Approver, Who::EditorWithRight, Who::Editor, Who::Creator],
        "approvers" => &[Who::Admin, Who::Approver, Who::EditorWithRight],
        "others" => &[Who::Member, Who::Revoked, Who::Roleless, Who::Stranger, Who::Timer],
        one => return Who::EACH.into_iter().map(name).filter(|name| *name == one).collect(),
    };
    meant.iter().copied().map(name).collect()
}

/// Every cell, and what the table says of it. A row stands for each of its actions by each of its people.
fn table() -> BTreeMap<Cell, String> {
    let mut cells = BTreeMap::new();
    let mut block = String::new();
    for (number, line) in (1..).zip(TABLE.lines()) {
        if let Some(title) = line.strip_prefix("== ") {
            title.clone_into(&mut block);
        }
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [which, whose, answer] = columns[..] else { continue };
        let which =
            if which == "*" { actions() } else { which.split_whitespace().map(str::to_owned).collect() };
        for action in which {
            for who in whose.split_whitespace().flat_map(people) {
                let before = cells.insert((block.clone(), action.clone(), who), answer.to_owned());
                assert_eq!(before, None, "line {number}: {block}, {action} by {who} has a row already");
            }
        }
    }
    cells
}

/// Proves LIF-1 … LIF-16, LIF-19, REQ-1, POL-1, POL-5, POL-6, ACC-4, ACC-8.
#[test]
fn every_cell_is_as_the_table_says() {
    let (code, table) = (code(), table());
    let none = "nothing".to_owned();
    let mut differences = String::new();
    for cell in code.keys().chain(table.keys().filter(|cell| !code.contains_key(cell))) {
        let (says, does) = (table.get(cell).unwrap_or(&none), code.get(cell).unwrap_or(&none));
        if says != does {
            let (block, action, who) = cell;
            writeln!(differences, "{block}, {action} by {who}\n    - {says}\n    + {does}").unwrap();
        }
    }
    assert!(differences.is_empty(), "the table (-) and the code (+) differ:\n{differences}");
    // 15 states, 12 actions and one that nobody knows, 3 more for the modes of LAUNCH, 2 toggles, 10 people.
    assert_eq!(table.len(), 15 * (13 + 3) * 2 * 10);
}
