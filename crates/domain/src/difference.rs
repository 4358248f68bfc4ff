//! What staged edits change (LIF-21): as JSON Patch for programs, and line by line for people. Personal data is masked on both
//! sides for who may not see it (ACC-13): that it changed is told, not what it is.

use json_patch::{PatchOperation, jsonptr};
use serde_json::Value;

use crate::{
    Content,
    mask::{MASK, Pointer},
};

/// How many lines there are at the most; the patch has all of it.
const LINES: usize = 500;
/// How much of a value a line shows, in characters.
const SHOWN: usize = 120;
/// What is shown of masked data on the new side, so that a change can be seen.
const MASK_CHANGED: &str = "••• (changed)";

/// What leads from one content to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// RFC 6902: applied to the old content it makes the new one, where nothing is masked.
    pub patch: Value,
    /// The same for people, one line per change, with the old value beside the new one.
    pub lines: Vec<String>,
}

/// What leads from `old` to `new`; with `masked` the personal data at `fields` is not shown.
pub fn difference(old: &Content, new: &Content, fields: &[Pointer], masked: bool) -> Difference {
    let (mut old, mut new) = (read(old), read(new));
    if masked {
        for field in fields {
            mask(&mut old, &mut new, field);
        }
    }
    let patch = json_patch::diff(&old, &new);
    let changes = patch.0.len();
    let mut lines: Vec<String> = patch.0.iter().take(LINES).map(|step| line(step, &old)).collect();
    if changes > LINES {
        lines.push(format!("and {} more changes", changes - LINES));
    }
    Difference { patch: serde_json::to_value(&patch).unwrap_or_default(), lines }
}

fn read(content: &Content) -> Value {
    serde_json::from_str(&content.body).unwrap_or_default()
}

fn mask(old: &mut Value, new: &mut Value, field: &Pointer) {
    let (was, is) = (old.pointer_mut(field.as_str()), new.pointer_mut(field.as_str()));
    let changed = was != is;
    if let Some(was) = was {
        *was = Value::from(MASK);
    }
    if let Some(is) = is {
        *is = Value::from(if changed { MASK_CHANGED } else { MASK });
    }
}

fn line(step: &PatchOperation, old: &Value) -> String {
    let was = |path: &jsonptr::Pointer| old.pointer(path.as_str()).map_or_else(String::new, shown);
    match step {
        PatchOperation::Add(add) => format!("+ {}: {}", add.path, shown(&add.value)),
        PatchOperation::Remove(remove) => format!("- {}: {}", remove.path, was(&remove.path)),
        PatchOperation::Replace(replace) => {
            format!("~ {}: {} → {}", replace.path, was(&replace.path), shown(&replace.value))
        }
        // A difference is made of the three above.
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// A value on one line, cut where it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
