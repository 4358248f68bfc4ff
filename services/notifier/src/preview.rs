//! The `preview` subcommand: what mails look like. The same code makes them as when they are sent, from samples.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::mail::{ComposeError, Composer, MailSettings, TemplatesError};
use crate::samples::{Sample, samples};
use crate::settings::{MailArgs, PreviewArgs, SettingsError};

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The samples' own settings don't work; a fault of this build.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The templates or words can't be used.
    #[error(transparent)]
    Templates(#[from] TemplatesError),
    /// There is no such mail.
    #[error("there is no mail `{name}`; there are {known}")]
    Event {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// There is no such language.
    #[error("there is no language `{tag}`; there are {known}")]
    Locale {
        /// What was asked for.
        tag: String,
        /// What there is.
        known: String,
    },
    /// Several mails don't fit into one file.
    #[error("--out must be a folder for --all, not the file {}", .0.display())]
    OneFile(PathBuf),
    /// A mail can't be made.
    #[error("the mail can't be made")]
    Mail(#[from] ComposeError),
    /// A file can't be written.
    #[error("can't write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The forms that a mail is shown in, by the ends of files.
const FORMS: [&str; 3] = ["html", "txt", "eml"];

/// Does what the arguments say.
pub fn run(args: &PreviewArgs) -> Result<(), PreviewError> {
    let composer = Composer::new(settings(args)?)?;
    let samples = samples(composer.settings());
    let tags: Vec<&'static str> = composer.locales().all().map(crate::locale::Locale::tag).collect();
    let Some(out) = args.out.as_ref().filter(|_| !args.list) else {
        return list(&samples, &tags);
    };
    let wanted: Vec<&Sample> =
        samples.iter().filter(|sample| args.all || args.event.as_deref() == Some(sample.name)).collect();
    if wanted.is_empty() {
        let name = args.event.clone().unwrap_or_default();
        let known = samples.iter().map(|sample| sample.name).collect::<Vec<_>>().join(", ");
        return Err(PreviewError::Event { name, known });
    }
    let locales = match &args.locale {
        None if args.all => tags,
        None => vec!["en"],
        Some(tag) => {
            let known = || PreviewError::Locale { tag: tag.clone(), known: tags.join(", ") };
            vec![*tags.iter().find(|known| known.eq_ignore_ascii_case(tag)).ok_or_else(known)?]
        }
    };
    let form = out.extension().and_then(|end| FORMS.into_iter().find(|form| end == *form));
    match form.filter(|_| !out.is_dir()) {
        Some(_) if args.all => return Err(PreviewError::OneFile(out.clone())),
        Some(form) => {
            for sample in wanted {
                for tag in &locales {
                    write(out, &shown(&composer, sample, tag, form)?)?;
                }
            }
        }
        None => {
            fs::create_dir_all(out).map_err(|source| PreviewError::Write { path: out.clone(), source })?;
            for sample in wanted {
                for tag in &locales {
                    for form in FORMS {
                        let path = out.join(format!("{}.{tag}.{form}", sample.name));
                        write(&path, &shown(&composer, sample, tag, form)?)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Settings that nobody has to give to see a mail.
fn settings(args: &PreviewArgs) -> Result<MailSettings, SettingsError> {
    MailArgs {
        mail_from: "Countersign <countersign@example.com>".to_owned(),
        mail_domain: None,
        review_url_template: "https://app.example.com/{account_id}/review/{approval_request_id}".to_owned(),
        invitation_url_template: "https://app.example.com/{account_id}/join#{token}".to_owned(),
        bypass_url_template: Some("https://app.example.com/{account_id}/bypasses/{review_id}".to_owned()),
        templates: args.templates.clone(),
    }
    .settings()
}

fn shown(composer: &Composer, sample: &Sample, tag: &str, form: &str) -> Result<Vec<u8>, PreviewError> {
    let mut claim = sample.claim.clone();
    tag.clone_into(&mut claim.locale);
    Ok(match form {
        "html" => composer.render(&claim)?.html.into_bytes(),
        "txt" => {
            let rendered = composer.render(&claim)?;
            format!("{}\n\n{}", rendered.subject, rendered.text).into_bytes()
        }
        _ => composer.compose(&claim)?.bytes,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), PreviewError> {
    fs::write(path, bytes).map_err(|source| PreviewError::Write { path: path.to_owned(), source })
}

fn list(samples: &[Sample], tags: &[&str]) -> Result<(), PreviewError> {
    let mails: Vec<String> =
        samples.iter().map(|sample| format!("  {:<22} {}\n", sample.name, sample.claim.event_type)).collect();
    let text = format!("Mails:\n{}Languages:\n  {}\n", mails.concat(), tags.join(", "));
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|source| PreviewError::Write { path: "standard output".into(), source })
}
