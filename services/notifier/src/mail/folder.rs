//! The folder of templates and words that take the place of the embedded ones: `mail.html`, `mail.txt`, `de.ftl`, ….

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::templates::LAYOUTS;
use super::{ComposeError, TemplateError};
use crate::locale::{LOCALES, file_name};

/// Why templates and words can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplatesError {
    /// The folder, or a file in it, can't be read.
    #[error("--templates-dir (COUNTERSIGN_TEMPLATES_DIR): {} can't be read", path.display())]
    Unreadable {
        /// It.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file takes the place of none.
    #[error("--templates-dir (COUNTERSIGN_TEMPLATES_DIR): {} takes the place of nothing: there are {known}", path.display())]
    Unknown {
        /// It.
        path: PathBuf,
        /// The names that there are.
        known: String,
    },
    /// Something in a file is wrong.
    #[error(transparent)]
    Faulty(#[from] TemplateError),
    /// A mail of the samples can't be made; a fault of this build.
    #[error("the sample `{0}` can't be made into a mail")]
    Sample(&'static str, #[source] Box<ComposeError>),
}

/// What a folder replaces: by name, each with its path and its text.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    /// Layouts, by the name of the template.
    pub(super) layouts: HashMap<&'static str, (String, String)>,
    /// Words, by locale.
    pub(super) words: HashMap<&'static str, (String, String)>,
}

impl Replaced {
    /// Reads the folder. Names that begin with a dot are passed over: editors and mounted volumes leave such.
    pub(super) fn read(folder: &Path) -> Result<Self, TemplatesError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| TemplatesError::Unreadable { path, source }
        };
        let mut replaced = Self::default();
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            let path = entry.map_err(unreadable(folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let layout = LAYOUTS.iter().find(|(layout, _)| *layout == name).map(|(layout, _)| *layout);
            let locale = LOCALES.iter().find(|(tag, _)| file_name(tag) == name).map(|(tag, _)| *tag);
            let (place, key) = match (layout, locale) {
                (Some(layout), _) => (&mut replaced.layouts, layout),
                (None, Some(tag)) => (&mut replaced.words, tag),
                (None, None) => return Err(TemplatesError::Unknown { path, known: known() }),
            };
            let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
            place.insert(key, (path.display().to_string(), text));
        }
        Ok(replaced)
    }
}

fn known() -> String {
    let layouts = LAYOUTS.iter().map(|(name, _)| (*name).to_owned());
    layouts.chain(LOCALES.iter().map(|(tag, _)| file_name(tag))).collect::<Vec<_>>().join(", ")
}
