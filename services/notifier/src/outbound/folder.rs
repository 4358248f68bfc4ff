//! A folder of `.eml` files.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::SendError;
use crate::mail::Mail;

/// Writes each mail as a file.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`; it is made when the first mail comes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Writes `<name>.eml`, whole or not at all; a second try of the same mail writes the same file, so that it is there
    /// at most once.
    pub(super) async fn write(&self, name: &str, mail: &Mail) -> Result<(), SendError> {
        let path = self.0.join(format!("{name}.eml"));
        let (target, bytes) = (path.clone(), mail.bytes.clone());
        let written = tokio::task::spawn_blocking(move || write(&target, &bytes)).await;
        written.map_err(io::Error::other).flatten().map_err(|source| SendError::File { path, source })
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Readers look for `.eml` and never see it half written.
    let partial = path.with_extension("part");
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    File::open(folder)?.sync_all()
}
