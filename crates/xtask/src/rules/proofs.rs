//! Finds what the documentation of tests says that they prove.

use std::collections::BTreeSet;
use std::iter::Peekable;

use anyhow::{Result, bail};

use super::Id;

/// A test and the rules that it proves.
#[derive(Debug, PartialEq)]
pub(super) struct Proof {
    pub(super) ids: Vec<Id>,
    /// The function's name, or `*` where a whole file is meant.
    pub(super) test: String,
}

/// The proofs of a file, in its order.
///
/// # Errors
///
/// Documentation that says `Proves` and names no rule, or stands over no test.
pub(super) fn in_file(text: &str) -> Result<Vec<Proof>> {
    let listed = listed(text);
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())).peekable();
    while let Some((number, line)) = lines.next() {
        let (marker, words) = match (line.strip_prefix("/// Proves "), line.strip_prefix("//! Proves ")) {
            (Some(words), _) => ("///", words),
            (_, Some(words)) => ("//!", words),
            _ => continue,
        };
        let mut words = words.to_owned();
        while let Some((_, more)) = lines.next_if(|(_, line)| line.starts_with(marker)) {
            words.push(' ');
            words.push_str(more.trim_start_matches(marker).trim());
        }
        let ids = ids(&words);
        if ids.is_empty() {
            bail!("line {number}: it proves no rule: {words}");
        }
        let test = if marker == "//!" { Some("*".to_owned()) } else { test(&mut lines, &listed) };
        let Some(test) = test else { bail!("line {number}: what proves {} is no test", ids[0]) };
        found.push(Proof { ids, test });
    }
    Ok(found)
}

/// The ids that a sentence begins with: `A-1, A-2 and B-3`, `A-1 … A-4`, `A-1 with B-3`.
fn ids(words: &str) -> Vec<Id> {
    let mut found: Vec<Id> = Vec::new();
    let mut range = false;
    for word in words.split_whitespace() {
        let bare = word.trim_end_matches([',', '.', ':', ';']);
        match Id::parse(bare) {
            Some(last) if range => {
                if let Some(first) = found.pop() {
                    found.extend(
                        (first.number..=last.number)
                            .map(|number| Id { chapter: first.chapter.clone(), number }),
                    );
                }
                range = false;
            }
            Some(id) => found.push(id),
            None if ["…", "to"].contains(&word) => range = true,
            None if ["and", "with"].contains(&word) => {}
            None => break,
        }
        if word.ends_with(['.', ':', ';']) {
            break;
        }
    }
    found
}

/// The names in `both_databases! { … }`, which makes tests of functions that carry no attribute.
fn listed(text: &str) -> BTreeSet<&str> {
    let lists = text.split("\nboth_databases! {").skip(1).filter_map(|rest| rest.split('}').next());
    lists.flat_map(|list| list.split(',')).map(str::trim).collect()
}

/// The test that documentation stands over, after comments and attributes: a function with an attribute that makes it a test,
/// or one that is `listed`; or, in a macro's list of tests, a name alone.
fn test<'a>(
    lines: &mut Peekable<impl Iterator<Item = (usize, &'a str)>>,
    listed: &BTreeSet<&str>,
) -> Option<String> {
    let mut is_test = false;
    while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('#') || line.starts_with("//")) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    }
    let (_, line) = lines.next()?;
    if let Some((_, rest)) = line.split_once("fn ") {
        let name = rest.split(['(', '<']).next()?;
        return (is_test || listed.contains(name)).then(|| name.to_owned());
    }
    let name = line.strip_suffix(',')?;
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proved(words: &str) -> Vec<String> {
        ids(words).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ids_are_listed_in_the_forms_that_people_write() {
        assert_eq!(proved("REQ-1."), ["REQ-1"]);
        assert_eq!(proved("REQ-1, REQ-2 and ACC-9: also REQ-5."), ["REQ-1", "REQ-2", "ACC-9"]);
        assert_eq!(proved("LIF-1 … LIF-3, HIS-1."), ["LIF-1", "LIF-2", "LIF-3", "HIS-1"]);
        assert_eq!(proved("NOT-12 with ACC-9: a ribbon."), ["NOT-12", "ACC-9"]);
        assert_eq!(proved("REQ-18 for calls, unlike REQ-4."), ["REQ-18"]);
        assert_eq!(proved("NOT-11, NOT-12 and that REQ-1 holds."), ["NOT-11", "NOT-12"]);
        assert_eq!(proved("POL-2. Without it LIF-5 would."), ["POL-2"]);
    }

    fn names(text: &str) -> Vec<String> {
        in_file(text).unwrap().into_iter().map(|proof| proof.test).collect()
    }

    #[test]
    fn the_test_is_the_function_below() {
        let text = "/// Words first.\n/// Proves REQ-1,\n/// REQ-2.\n// why\n#[tokio::test(flavor = \"x\")]\nasync fn name() {\n";
        let found = in_file(text).unwrap();
        assert_eq!(found[0].ids.len(), 2);
        assert_eq!(found[0].test, "name");
        assert_eq!(names("macro! {\n    /// Proves REQ-1.\n    scenario,\n}"), ["scenario"]);
        assert_eq!(names("//! Proves REQ-1.\n\nuse x;"), ["*"]);
    }

    #[test]
    fn a_function_may_be_made_a_test_by_a_list() {
        let text = "\nboth_databases! {\n    one, two,\n    three\n}\n/// Proves REQ-1.\nasync fn three(db: TestDatabase) {\n";
        assert_eq!(names(text), ["three"]);
        assert!(in_file(&text.replace("    three", "    four")).is_err());
    }

    #[test]
    fn a_claim_over_something_else_is_an_error() {
        assert!(in_file("/// Proves REQ-1.\nfn helper() {}").is_err());
        assert!(in_file("/// Proves REQ-1.\n#[test]\n\n").is_err());
        assert!(in_file("/// Proves nothing.\n#[test]\nfn name() {}").is_err());
    }
}
