//! The file of an `SQLite` database, watched.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use rustix::fs::{Access, access, statvfs};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use crate::fault::{FileFault, is_file_fault, named, told};

/// While nothing is known to be wrong, every so many looks write, since only that shows that there is room.
const LOOKS_PER_WRITE: u32 = 5;

/// So much room a disk must have before it is taken to be mended, in bytes: the rest of a write that failed for lack of it stays
/// allocated, and would let the next small one through.
const ROOM: u64 = 1 << 20;

/// A file as it was opened. Its content is never opened here: closing it again would drop SQLite's locks.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    opened: Identity,
    /// The write-ahead log, which holds what was committed last.
    log: PathBuf,
    log_opened: OnceLock<Identity>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    at_fault: bool,
    looks: u32,
}

/// The same for one file under any name, and another for another under the same name.
type Identity = (u64, u64);

impl DatabaseFile {
    /// The file of an open database; none where it has none: on a server, or in memory.
    pub(crate) async fn of(database: &DatabaseConnection) -> Result<Option<Self>, DbErr> {
        if database.get_database_backend() != DbBackend::Sqlite {
            return Ok(None);
        }
        // SQLite itself says where it is: a URL may be relative, and have escapes.
        let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
        let row = database.query_one_raw(crate::writer::plain(database, sql)).await?;
        let path: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
        let Some(path) = path.filter(|path| !path.is_empty()).map(PathBuf::from) else { return Ok(None) };
        let opened = identity(&path)?;
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let (log_opened, state) = Default::default();
        Ok(Some(Self { path, opened, log: log.into(), log_opened, state }))
    }

    /// Whether what has its name is what was opened, and may be written.
    pub(crate) fn check(&self) -> Result<(), FileFault> {
        let log = self.log_opened.get().map(|opened| (&self.log, opened));
        for (path, opened) in [(&self.path, &self.opened)].into_iter().chain(log) {
            if identity(path)? != *opened {
                return Err(FileFault::Replaced(path.clone()));
            }
            access(path, Access::WRITE_OK).map_err(|source| denied(path, source.into()))?;
        }
        Ok(())
    }

    /// A transaction that writes has begun: now the log is open.
    pub(crate) fn has_begun(&self) {
        if self.log_opened.get().is_none()
            && let Ok(opened) = identity(&self.log)
        {
            let _first = self.log_opened.set(opened);
        }
    }

    /// Remembers a fault of the file, and tells of the first.
    pub(crate) fn note<T>(&self, done: Result<T, DbErr>) -> Result<T, DbErr> {
        done.map_err(|error| {
            let error = named(error, &self.path);
            if is_file_fault(&error) {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if !state.at_fault {
                    tracing::error!(
                        fault = told(&error),
                        "the database can't be written: what would change it is refused until this is mended"
                    );
                }
                state.at_fault = true;
            }
            error
        })
    }

    /// Whether a look has to write. While a fault is known it does, once the disk has room.
    pub(crate) fn is_to_be_tried(&self) -> Result<bool, FileFault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.at_fault {
            let disk = statvfs(&self.path).map_err(|source| denied(&self.path, source.into()))?;
            if disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM {
                let says = "its disk has no room".to_owned();
                return Err(FileFault::Failed { path: self.path.clone(), says });
            }
            return Ok(true);
        }
        state.looks = state.looks.wrapping_add(1);
        Ok(state.looks % LOOKS_PER_WRITE == 1)
    }

    /// A write that changed the file has been done.
    pub(crate) fn has_been_written(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.at_fault) {
            tracing::info!(file = %self.path.display(), "the database can be written again");
        }
    }
}

fn identity(path: &Path) -> Result<Identity, FileFault> {
    let there = fs::metadata(path).map_err(|source| denied(path, source))?;
    Ok((there.dev(), there.ino()))
}

fn denied(path: &Path, source: io::Error) -> FileFault {
    if source.kind() == io::ErrorKind::NotFound {
        FileFault::Deleted(path.to_owned())
    } else {
        FileFault::Denied { path: path.to_owned(), source }
    }
}
