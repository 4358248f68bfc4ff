//! The folder that holds everything, and who owns it.

use std::{
    fs::{self, File, Permissions, TryLockError},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use countersign_runtime::BoxError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What of a path stands in a URL as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A folder that this process alone uses, until the value is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why the folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It can't be made or written to.
    #[error("{path} can't be used (choose another folder with --data-dir)")]
    Io {
        /// What can't be made or written to: the folder, or something in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("another countersign uses the data folder {0}: stop it, or choose another with --data-dir")]
    InUse(PathBuf),
    /// A database in it can't be opened or brought to this version.
    #[error("the database {path} can't be used (move it away, or choose another folder with --data-dir)")]
    Database {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: BoxError,
    },
}

impl DataDir {
    /// Makes the folder where it is missing, and takes it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DataDirError::Io { path, source }
        };
        for folder in [path.to_owned(), path.join("mail"), path.join("dead-letters")] {
            fs::create_dir_all(&folder).map_err(failed(&folder))?;
        }
        // Mails and databases hold personal data; what was made by an earlier version may be open to others.
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed(path))?;
        let lock_file = path.join("lock");
        let lock = File::create(&lock_file).map_err(failed(&lock_file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(&lock_file)(source)),
        }
    }

    /// Where a database is, as a URL.
    pub fn database_url(&self, name: &str) -> String {
        let path = self.path.join(name);
        format!("sqlite://{}?mode=rwc", percent_encode(path.as_os_str().as_encoded_bytes(), PATH))
    }

    /// The error of a database in it that can't be used.
    pub fn unusable(&self, name: &str, source: impl Into<BoxError>) -> DataDirError {
        DataDirError::Database { path: self.path.join(name), source: source.into() }
    }

    /// A file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new").join("data");
        let first = DataDir::open(&path).unwrap();
        assert!(matches!(DataDir::open(&path), Err(DataDirError::InUse(_))));
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataDir::open(&file.path().join("data")).unwrap_err();
        assert!(error.to_string().contains("data"), "{error}");
    }
}
