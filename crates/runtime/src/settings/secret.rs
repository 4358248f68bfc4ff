//! Secrets: never shown, and readable from a file, so that they need not stand in a process's environment.
//!
//! A setting `name` that is a secret has two fields, `--name` and `--name-file`, and [`optional`] or [`required`] makes
//! one secret of them; see [`super::DatabaseArgs`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A value that must not be shown: `Debug` and `Display` redact it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself. Hand it to whoever needs it; never to a log or an error.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        Ok(Self(value.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a secret could not be had. `name` is the flag without its dashes, as in `database-url`.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Both the value and the file were given: which one counts would be a guess.
    #[error(
        "--{name} and --{name}-file are both given (or {} and {}_FILE): keep one of them",
        variable(name),
        variable(name)
    )]
    Both {
        /// Which secret.
        name: &'static str,
    },
    /// A secret that is needed was given neither way.
    #[error(
        "--{name} is needed: give it as {}, or the path of a file that holds it as {}_FILE",
        variable(name),
        variable(name)
    )]
    Missing {
        /// Which secret.
        name: &'static str,
    },
    /// The value is empty.
    #[error("--{name} (or {}) is empty", variable(name))]
    EmptyValue {
        /// Which secret.
        name: &'static str,
    },
    /// The file holds nothing but white space.
    #[error("the file for --{name}-file, {}, is empty", path.display())]
    EmptyFile {
        /// Which secret.
        name: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read, or is not UTF-8.
    #[error("the file for --{name}-file, {}, cannot be read", path.display())]
    UnreadableFile {
        /// Which secret.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The variable that stands for the flag `name`.
fn variable(name: &str) -> String {
    format!("COUNTERSIGN_{}", name.replace('-', "_").to_ascii_uppercase())
}

/// The secret `name`, given as a value or as a file, if it was given at all. White space at the end of a file, such as
/// an editor's newline, is no part of the secret.
pub fn optional(
    name: &'static str,
    value: Option<&Secret>,
    file: Option<&Path>,
) -> Result<Option<Secret>, SecretError> {
    match (value, file) {
        (Some(_), Some(_)) => Err(SecretError::Both { name }),
        (None, None) => Ok(None),
        (Some(value), None) if value.0.trim().is_empty() => Err(SecretError::EmptyValue { name }),
        (Some(value), None) => Ok(Some(value.clone())),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|source| SecretError::UnreadableFile {
                name,
                path: path.to_owned(),
                source,
            })?;
            match text.trim_end() {
                "" => Err(SecretError::EmptyFile { name, path: path.to_owned() }),
                secret => Ok(Some(Secret(secret.to_owned()))),
            }
        }
    }
}

/// The secret `name`, without which the service can't start.
pub fn required(
    name: &'static str,
    value: Option<&Secret>,
    file: Option<&Path>,
) -> Result<Secret, SecretError> {
    optional(name, value, file)?.ok_or(SecretError::Missing { name })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    #[test]
    fn never_shown() {
        let shown = format!("{:?} {} {:#?}", secret("hunter2"), secret("hunter2"), Some(secret("hunter2")));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn comes_from_a_value_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("url");
        std::fs::write(&path, "from a file\n").unwrap();
        assert_eq!(required("database-url", Some(&secret("value")), None).unwrap().expose(), "value");
        assert_eq!(required("database-url", None, Some(&path)).unwrap().expose(), "from a file");
        assert_eq!(optional("database-url", None, None).unwrap(), None);
    }

    #[test]
    fn both_or_neither_is_refused_by_name() {
        let both = required("database-url", Some(&secret("hunter2")), Some(Path::new("/x")))
            .unwrap_err()
            .to_string();
        assert!(both.contains("--database-url and --database-url-file are both given"), "{both}");
        assert!(both.contains("COUNTERSIGN_DATABASE_URL_FILE"), "{both}");
        assert!(!both.contains("hunter2"), "{both}");
        let neither = required("amqp-url", None, None).unwrap_err().to_string();
        assert!(
            neither.contains("COUNTERSIGN_AMQP_URL,") && neither.contains("COUNTERSIGN_AMQP_URL_FILE"),
            "{neither}"
        );
    }

    #[test]
    fn empty_or_unreadable_is_refused_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, " \n\n").unwrap();
        let error = optional("amqp-url", None, Some(&empty)).unwrap_err().to_string();
        assert!(error.contains("empty") && error.contains(&empty.display().to_string()), "{error}");

        let missing = folder.path().join("missing");
        let error = optional("amqp-url", None, Some(&missing)).unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
        assert!(error.source().is_some(), "the cause is the source");

        assert!(optional("amqp-url", Some(&secret(" ")), None).is_err());
    }
}
