//! What staged edits change (LIF-21): as JSON Patch for programs, and line by line for people. Personal data is masked on both
//! sides for who may not see it (ACC-13). Not even that it changed is told: whoever may stage a guess would learn whether it is
//! right (ACC-19).
//!
//! Made here and not by a library, because its size must stay within bounds whatever people stage: each operation repeats its path,
//! and content may have one long key with very many values below it.

use serde_json::{Map, Value, json};

use crate::{
    Content,
    mask::{Pointer, mask},
};

/// How large a patch may become, in bytes of paths and values: twice what content may have. Beyond, it replaces all of it at once.
const BUDGET: usize = 512 * 1_024;
/// How many lines there are at the most; the patch has all of it.
const LINES: usize = 500;
/// How much of a path and of a value a line shows, in characters.
const SHOWN: usize = 120;

/// What leads from one content to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// RFC 6902: applied to the old content it makes the new one, where nothing is masked.
    pub patch: Value,
    /// The same for people, one line per change, with the old value beside the new one.
    pub lines: Vec<String>,
}

/// What leads from `old` to `new`, with what `hidden` points at masked.
pub fn difference(old: &Content, new: &Content, hidden: &[Pointer]) -> Difference {
    let (mut old, mut new) = (read(old), read(new));
    mask(&mut old, hidden);
    mask(&mut new, hidden);
    let mut walk = Walk::default();
    walk.between(&old, &new);
    let Walk { operations, mut lines, changes, spent, .. } = walk;
    if changes > lines.len() {
        lines.push(format!("and {} more changes", changes - lines.len()));
    }
    let patch = if spent > BUDGET {
        json!([{"op": "replace", "path": "", "value": new}])
    } else {
        Value::Array(operations)
    };
    Difference { patch, lines }
}

fn read(content: &Content) -> Value {
    serde_json::from_str(&content.body).unwrap_or_default()
}

/// A walk through two values at once.
#[derive(Default)]
struct Walk {
    /// The JSON Pointer (RFC 6901) of where it is.
    path: String,
    operations: Vec<Value>,
    lines: Vec<String>,
    changes: usize,
    /// The bytes of the operations so far, also of those that are not kept.
    spent: usize,
}

impl Walk {
    fn between(&mut self, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.objects(old, new),
            (Value::Array(old), Value::Array(new)) => self.arrays(old, new),
            (old, new) if old != new => self.found("replace", Some(old), Some(new)),
            _ => {}
        }
    }

    fn objects(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        for (key, was) in old {
            let key = key.replace('~', "~0").replace('/', "~1");
            self.at(&key, |walk, key| match new.get(key) {
                Some(is) => walk.between(was, is),
                None => walk.found("remove", Some(was), None),
            });
        }
        for (key, is) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            let key = key.replace('~', "~0").replace('/', "~1");
            self.at(&key, |walk, _| walk.found("add", None, Some(is)));
        }
    }

    /// Element by element; what is too many goes from the end, so that each operation's index is that of the old list.
    fn arrays(&mut self, old: &[Value], new: &[Value]) {
        for (index, (was, is)) in old.iter().zip(new).enumerate() {
            self.at(&index.to_string(), |walk, _| walk.between(was, is));
        }
        for (index, was) in old.iter().enumerate().skip(new.len()).rev() {
            self.at(&index.to_string(), |walk, _| walk.found("remove", Some(was), None));
        }
        for (index, is) in new.iter().enumerate().skip(old.len()) {
            self.at(&index.to_string(), |walk, _| walk.found("add", None, Some(is)));
        }
    }

    /// One level down, by a key that is escaped; what is called gets it as it was.
    fn at(&mut self, escaped: &str, then: impl FnOnce(&mut Self, &str)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(escaped);
        then(self, &escaped.replace("~1", "/").replace("~0", "~"));
        self.path.truncate(length);
    }

    fn found(&mut self, operation: &str, was: Option<&Value>, is: Option<&Value>) {
        self.changes += 1;
        if self.lines.len() < LINES {
            let path = cut(&self.path);
            self.lines.push(match (was, is) {
                (Some(was), Some(is)) => format!("~ {path}: {} → {}", shown(was), shown(is)),
                (Some(was), None) => format!("- {path}: {}", shown(was)),
                (None, is) => format!("+ {path}: {}", is.map(shown).unwrap_or_default()),
            });
        }
        self.spent = self.spent.saturating_add(self.path.len());
        if self.spent > BUDGET {
            return;
        }
        let mut step = json!({"op": operation, "path": self.path});
        if let (Some(is), Some(step)) = (is, step.as_object_mut()) {
            step.insert("value".into(), is.clone());
        }
        self.operations.push(step);
    }
}

/// A value on one line, cut where it is long.
fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
