//! `cargo xtask rules`: each rule of `docs/rules.md` with the tests that prove it.
//!
//! A rule is defined where a line of that file begins with its id: the first cell of a table's row, or a list item's words in
//! bold. A test proves a rule where its documentation says so: `/// Proves REQ-7.`, `/// Proves LIF-1, LIF-2 and ACC-9: why.`,
//! `/// Proves LIF-1 … LIF-17.`. What the inner documentation (`//!`) of a file of tests says holds for the file.

mod proofs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::exec::workspace;

/// Where the rules are written.
const RULES: &str = "docs/rules.md";
/// Where tests are.
const SOURCES: [&str; 3] = ["crates", "services", "tests"];

/// Prints every rule with its proofs; fails when a rule has none, or a test proves what is no rule.
pub fn check() -> Result<()> {
    let root = workspace();
    let text = fs::read_to_string(root.join(RULES)).with_context(|| format!("{RULES} could not be read"))?;
    let rules = defined(&text)?;
    let mut proofs: BTreeMap<Id, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&root)? {
        let text =
            fs::read_to_string(&file).with_context(|| format!("{} could not be read", file.display()))?;
        let name = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        for proof in proofs::in_file(&text).with_context(|| name.clone())? {
            for id in proof.ids {
                proofs.entry(id).or_default().insert(format!("{name}::{}", proof.test));
            }
        }
    }
    let broken = broken(&rules, &proofs);
    for (id, tests) in rules.iter().filter_map(|id| proofs.get_key_value(id)) {
        println!("{id}");
        for test in tests {
            println!("    {test}");
        }
    }
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    println!("{} rules, each with a proof", rules.len());
    Ok(())
}

fn broken(rules: &BTreeSet<Id>, proofs: &BTreeMap<Id, BTreeSet<String>>) -> Vec<String> {
    let without = rules.iter().filter(|id| !proofs.contains_key(id)).map(|id| format!("no test proves {id}"));
    let unknown = proofs.iter().filter(|(id, _)| !rules.contains(id)).flat_map(|(id, tests)| {
        tests.iter().map(move |test| format!("{test} proves {id}, which is no rule"))
    });
    without.chain(unknown).collect()
}

/// A rule's id, as in `REQ-7`: its chapter and its number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    chapter: String,
    number: u32,
}

impl Id {
    /// The id that a word is, if it is one.
    fn parse(word: &str) -> Option<Self> {
        let (chapter, number) = word.split_once('-')?;
        let right = chapter.len() == 3
            && chapter.bytes().all(|letter| letter.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|digit| digit.is_ascii_digit());
        right.then(|| Some(Self { chapter: chapter.to_owned(), number: number.parse().ok()? }))?
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.chapter, self.number)
    }
}

/// The rules of the document; each is defined once.
fn defined(text: &str) -> Result<BTreeSet<Id>> {
    let mut rules = BTreeSet::new();
    for line in text.lines() {
        let row = line.strip_prefix("| ").and_then(|rest| rest.split(' ').next());
        let item = line.strip_prefix("- **").and_then(|rest| rest.split("**").next());
        if let Some(id) = row.or(item).and_then(Id::parse) {
            if rules.contains(&id) {
                bail!("{RULES} defines {id} twice");
            }
            rules.insert(id);
        }
    }
    if rules.is_empty() {
        bail!("{RULES} defines no rule");
    }
    Ok(rules)
}

/// Every Rust file below the folders that hold tests, in order.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut open: Vec<PathBuf> = SOURCES.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("{} could not be read", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::parse(text).unwrap()
    }

    #[test]
    fn rules_are_rows_and_items_that_begin_with_an_id() {
        let text = "| id | kind |\n|---|---|\n| LIF-1 | ab_test |\n- **REQ-12** At most (POL-3).\n- **account**: x\nREQ-9";
        assert_eq!(defined(text).unwrap(), BTreeSet::from([id("LIF-1"), id("REQ-12")]));
    }

    #[test]
    fn a_rule_is_defined_once() {
        let error = defined("- **REQ-1** One.\n- **REQ-1** Another.").unwrap_err();
        assert!(error.to_string().contains("REQ-1 twice"), "{error}");
    }

    #[test]
    fn a_document_without_rules_is_no_success() {
        assert!(defined("# The rules").is_err());
    }

    #[test]
    fn words_that_look_like_ids_are_none() {
        for word in ["RFC-", "REQ", "req-1", "REQ-1a", "REQS-1", "REQ-99999999999"] {
            assert_eq!(Id::parse(word), None, "{word}");
        }
    }

    #[test]
    fn a_rule_without_a_proof_and_a_proof_without_a_rule_are_named() {
        let rules = BTreeSet::from([id("REQ-1"), id("REQ-2")]);
        let tests = BTreeSet::from(["a.rs::t".to_owned()]);
        let proofs = BTreeMap::from([(id("REQ-2"), tests.clone()), (id("REQ-3"), tests)]);
        assert_eq!(
            broken(&rules, &proofs),
            ["no test proves REQ-1", "a.rs::t proves REQ-3, which is no rule"]
        );
    }
}
