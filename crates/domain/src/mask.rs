//! Personal data (ACC-13, ACC-19): a resource says where its content holds some, and members whose role masks it see the mask
//! instead, and nothing by which they could confirm a guess.
//!
//! Masking is done on a copy that is about to be shown; what is stored, digested and published is whole.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Content, Refusal, Violation, limits};

/// What is shown in the place of personal data.
pub const MASK: &str = "•••";

/// A JSON Pointer (RFC 6901) into content: `/customer/name`. Never the whole document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pointer(String);

impl Pointer {
    /// A pointer read back from storage.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A pointer that a caller gave, or what it must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad_escape = text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
        if !text.starts_with('/') || bad_escape {
            return Err("must be a JSON Pointer (RFC 6901), for example /customer/name".to_owned());
        }
        if text.chars().count() > limits::POINTER {
            return Err(format!("must have at most {} characters", limits::POINTER));
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `content` as a member sees it for whom what `fields` point at is masked, whatever it is: not even whether it is a text or a
/// list is told. Its digest is that of what is shown, because one of the whole would confirm a guess of what is hidden (ACC-19).
/// Content that can't be read is masked as a whole.
pub fn shown(content: &Content, fields: &[Pointer]) -> Content {
    let Ok(mut value) = serde_json::from_str::<Value>(&content.body) else {
        return Content { revision: content.revision, ..Content::empty() };
    };
    mask(&mut value, fields);
    Content::made_of(&value, content.revision)
}

/// Masks everything in `value` that `fields` point at.
pub fn mask(value: &mut Value, fields: &[Pointer]) {
    for field in fields {
        if let Some(place) = value.pointer_mut(field.as_str()) {
            *place = Value::from(MASK);
        }
    }
}

/// `given` with every mask at one of `fields` replaced by what `before` has there. What is put back does not count: the limit of
/// content would tell how long it is (ACC-19). So what a masked member puts into a marked place must be small
/// ([`limits::MASKED_VALUE_BYTES`]).
pub fn restore(given: &Content, before: &Content, fields: &[Pointer]) -> Result<Content, Refusal> {
    let (Ok(mut value), Ok(before)) =
        (serde_json::from_str::<Value>(&given.body), serde_json::from_str::<Value>(&before.body))
    else {
        return Ok(given.clone());
    };
    let violations = too_large("content", &value, fields);
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    for field in fields {
        if let (Some(place), Some(was)) = (value.pointer_mut(field.as_str()), before.pointer(field.as_str()))
            && *place == MASK
        {
            *place = was.clone();
        }
    }
    Ok(Content::made_of(&value, given.revision))
}

/// What is wrong with marks that a masked member adds: each must hide little of what they see, which is `seen`.
pub fn added_violations(seen: &Content, added: &[Pointer]) -> Vec<Violation> {
    serde_json::from_str(&seen.body).map_or_else(|_| Vec::new(), |seen| too_large("pii_fields", &seen, added))
}

fn too_large(at: &str, value: &Value, fields: &[Pointer]) -> Vec<Violation> {
    let most = limits::MASKED_VALUE_BYTES;
    let large =
        |field: &&Pointer| value.pointer(field.as_str()).is_some_and(|place| place.to_string().len() > most);
    let text =
        |field: &Pointer| format!("must have at most {most} bytes at {field}, since PII is masked for you");
    fields.iter().filter(large).map(|field| Violation::new(at, text(field))).collect()
}
