//! Personal data (ACC-13): a resource says where its content holds some, and members whose role masks it see the mask instead.
//!
//! Masking is done on a copy that is about to be shown; what is stored, digested and published is whole.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Content, Refusal, Violation, content::ContentError, limits};

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

/// `body`, canonical JSON, with everything that `fields` point at masked, whatever it was: not even whether it is a text or a
/// list is told. Content that can't be read is masked as a whole.
pub fn mask(body: &str, fields: &[Pointer]) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(body) else { return "{}".to_owned() };
    for field in fields {
        if let Some(place) = value.pointer_mut(field.as_str()) {
            *place = Value::from(MASK);
        }
    }
    value.to_string()
}

/// `given` with every mask at one of `fields` replaced by what `before` has there.
pub fn restore(given: &Content, before: &Content, fields: &[Pointer]) -> Result<Content, Refusal> {
    let (Ok(mut value), Ok(before)) =
        (serde_json::from_str::<Value>(&given.body), serde_json::from_str::<Value>(&before.body))
    else {
        return Ok(given.clone());
    };
    for field in fields {
        if let (Some(place), Some(was)) = (value.pointer_mut(field.as_str()), before.pointer(field.as_str()))
            && *place == MASK
        {
            *place = was.clone();
        }
    }
    Content::new(&value, given.revision).map_err(|error| {
        let text = match error {
            // The size would tell how long the hidden values are.
            ContentError::TooLarge { .. } => {
                let limit = limits::CONTENT_BYTES;
                format!("must be at most {limit} bytes as canonical JSON, with what is masked for you")
            }
            other => other.to_string(),
        };
        Refusal::Invalid(vec![Violation::new("content", text)])
    })
}
