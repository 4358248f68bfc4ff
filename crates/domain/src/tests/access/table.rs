//! The documentation's table of what each system role may do is made from the code, and compared with it.

use std::{env, fmt::Write as _, fs};

use crate::{
    Rights, SystemRole,
    access::{SYSTEM_RIGHTS, TREE},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md");
const BEGIN: &str = "<!-- begin of the generated table -->\n";
const END: &str = "<!-- end of the generated table -->\n";

const COLUMNS: [SystemRole; 5] =
    [SystemRole::Admin, SystemRole::Approver, SystemRole::Creator, SystemRole::Editor, SystemRole::Member];

fn words(rights: Rights) -> &'static str {
    match (rights.write, rights.approve) {
        (true, true) => "write, approve",
        (true, false) => "write",
        (false, true) => "approve",
        (false, false) if rights.read => "read",
        (false, false) => "–",
    }
}

fn table() -> String {
    let mut text = String::from("\n| component | id |");
    for role in COLUMNS {
        let _ = write!(text, " {} |", role.as_str());
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(COLUMNS.len()));
    text.push('\n');
    for (node, (_, row)) in TREE.iter().zip(SYSTEM_RIGHTS) {
        let top = !node.component.as_str().contains('.');
        let title = if top { format!("**{}**", node.title) } else { format!("› {}", node.title) };
        let _ = write!(text, "| {title} | `{}` |", node.component);
        for role in COLUMNS {
            let column = SystemRole::ALL.iter().position(|other| *other == role).expect("a column");
            // What an Admin can add to it (ACC-10).
            let chance = role == SystemRole::Editor && node.component.has_workflow();
            let _ = write!(text, " {}{} |", words(row[column]), if chance { " ¹" } else { "" });
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// `UPDATE_DOCS=1 cargo test -p countersign-domain` writes the table anew.
///
/// Proves ACC-8.
#[test]
fn the_documentation_s_table_is_the_code_s() {
    let text = fs::read_to_string(FILE).expect("docs/access.md");
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the table");
    let (shown, after) = rest.split_once(END).expect("the end of the table");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(FILE, format!("{before}{BEGIN}{}{END}{after}", table()))
            .expect("docs/access.md is written");
        return;
    }
    assert_eq!(shown, table(), "run UPDATE_DOCS=1 cargo test -p countersign-domain");
}
