//! A folder of events that could not be handled.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Debug)]
pub(super) struct DeadLetters {
    /// Locked while a letter is written, as two tries of one event may end at once and share a temporary file.
    folder: Mutex<PathBuf>,
}

impl DeadLetters {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder: Mutex::new(folder) }
    }

    /// Writes `<id>.json`; when this returns, it is on disk under its name, whole. Writing the same event again
    /// replaces it.
    pub(super) async fn write(self: &Arc<Self>, id: Uuid, reason: String, body: Vec<u8>) -> io::Result<()> {
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let event: Value = serde_json::from_slice(&body)?;
            let letter = serde_json::to_vec_pretty(&json!({ "reason": reason, "event": event }))?;
            let folder = this.folder.lock().unwrap_or_else(PoisonError::into_inner);
            write_durably(&folder, &format!("{id}.json"), &letter)
        })
        .await
        .map_err(io::Error::other)?
    }
}

fn write_durably(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!(".{name}.tmp"));
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(name))?;
    // The rename is durable only when the folder is.
    File::open(folder)?.sync_all()
}
