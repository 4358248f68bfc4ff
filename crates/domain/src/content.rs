//! Content: opaque JSON with a revision and a digest.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::limits;

/// The SHA-256 of canonical JSON (RFC 8785), written `sha256:` and 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    fn of(canonical: &str) -> Self {
        Self(format!("sha256:{}", sha256_hex(canonical.as_bytes())))
    }

    /// A digest read back from storage, or given by a caller; it is compared, never trusted.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of `bytes`, in 64 hex digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `bytes` in lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A JSON object in canonical form, with its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Canonical JSON (RFC 8785).
    pub body: String,
    /// The digest of `body`.
    pub digest: Digest,
    /// Counts up with every edit of the resource.
    pub revision: i64,
}

/// Why a JSON value can't be content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Only an object can be merged, compared and masked field by field.
    #[error("must be a JSON object")]
    NotAnObject,
    /// Larger than [`limits::CONTENT_BYTES`].
    #[error("must be at most {limit} bytes as canonical JSON, is {size}", limit = limits::CONTENT_BYTES)]
    TooLarge {
        /// Its size in canonical form, in bytes.
        size: usize,
    },
    /// Nested deeper than [`limits::CONTENT_DEPTH`].
    #[error("is nested too deep at {at}: at most {limit} levels", limit = limits::CONTENT_DEPTH)]
    TooDeep {
        /// Where: a JSON Pointer (RFC 6901).
        at: String,
    },
    /// A number beyond ±(2^53 − 1). A number arrives as a double, and 2^53 is also what 2^53 + 1 becomes as one: what was meant can't
    /// be told any more.
    #[error(
        "holds a number at {at} beyond ±(2^53 − 1), where different integers are the same double: write it as a string"
    )]
    Number {
        /// Where: a JSON Pointer (RFC 6901).
        at: String,
    },
    /// NaN or an infinity.
    #[error("holds NaN or an infinity at {at}, which JSON has no way to write: write it as a string")]
    NotANumber {
        /// Where: a JSON Pointer (RFC 6901).
        at: String,
    },
}

impl Content {
    /// The empty object, as revision 1.
    pub fn empty() -> Self {
        let body = String::from("{}");
        Self { digest: Digest::of(&body), body, revision: 1 }
    }

    /// Whether the digest is that of the body.
    pub fn is_intact(&self) -> bool {
        self.digest == Digest::of(&self.body)
    }

    /// Canonicalises `value` as revision `revision`.
    pub fn new(value: &Value, revision: i64) -> Result<Self, ContentError> {
        if !value.is_object() {
            return Err(ContentError::NotAnObject);
        }
        check(value, 1, &mut String::new())?;
        let body = serde_json_canonicalizer::to_string(value)
            .map_err(|_| ContentError::NotANumber { at: String::new() })?;
        if body.len() > limits::CONTENT_BYTES {
            return Err(ContentError::TooLarge { size: body.len() });
        }
        Ok(Self { digest: Digest::of(&body), body, revision })
    }

    /// `value`, made from content that was accepted, in canonical form whatever its size.
    pub(crate) fn made_of(value: &Value, revision: i64) -> Self {
        match serde_json_canonicalizer::to_string(value) {
            Ok(body) => Self { digest: Digest::of(&body), body, revision },
            Err(_) => Self { revision, ..Self::empty() },
        }
    }
}

/// The largest integer that no other integer becomes as a double (2^53 − 1).
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

fn check(value: &Value, depth: usize, at: &mut String) -> Result<(), ContentError> {
    let mut child = |key: &str, value: &Value| {
        let length = at.len();
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        let result = check(value, depth + 1, at);
        at.truncate(length);
        result
    };
    if depth > limits::CONTENT_DEPTH && (value.is_object() || value.is_array()) {
        return Err(ContentError::TooDeep { at: at.clone() });
    }
    match value {
        Value::Object(map) => map.iter().try_for_each(|(key, value)| child(key, value)),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, value)| child(&index.to_string(), value))
        }
        // 2^53 is a double, and 2^53 + 1 becomes the same one.
        Value::Number(number) => match number.as_f64() {
            Some(double) if double.abs() <= MAX_SAFE_INTEGER => Ok(()),
            _ => Err(ContentError::Number { at: at.clone() }),
        },
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}
