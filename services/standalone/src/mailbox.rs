//! The local mailbox: mail that would have been sent, as a page. It shows what is in the folder, newest first, and keeps
//! nothing of its own.

use std::{io, path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use mail_parser::{Address, Message, MessageParser};
use minijinja::{Value, context};
use tokio::fs;

use crate::pages::{Pages, failed};

/// How many mails the list shows.
const LIST: usize = 200;

/// What browsers may do with a caught mail: show it, and follow its links in tabs of their own. No script, no request anywhere.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    sandbox allow-popups allow-popups-to-escape-sandbox";
/// What makes links of a mail open beside the mailbox, and not in the frame that shows it.
const BESIDE: &str = "<base target=\"_blank\">";

struct Mailbox {
    folder: PathBuf,
    pages: Pages,
}

/// The pages that show the mails in `folder`.
pub fn router(folder: PathBuf, pages: Pages) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/mail/{name}", get(show))
        .route("/mail/{name}/html", get(html))
        .route("/mail/{name}/text", get(text))
        .route("/mail/{name}/source", get(source))
        .with_state(Arc::new(Mailbox { folder, pages }))
}

impl Mailbox {
    /// The names of the mails, newest first: they begin with the time.
    async fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let mut entries = fs::read_dir(&self.folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            if let Ok(name) = entry.file_name().into_string()
                && is_mail(&name)
            {
                names.push(name);
            }
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names)
    }

    async fn read(&self, name: &str) -> Result<Vec<u8>, Response> {
        // The name comes from a URL: only a plain file of this folder is meant.
        if !is_mail(name) || name.contains(['/', '\\']) {
            return Err(not_found());
        }
        fs::read(self.folder.join(name)).await.map_err(|_| not_found())
    }
}

async fn list(State(mailbox): State<Arc<Mailbox>>) -> Response {
    let names = match mailbox.names().await {
        Ok(names) => names,
        Err(error) => return failed(&error),
    };
    let mut mails = Vec::new();
    for name in names.iter().take(LIST) {
        if let Ok(raw) = mailbox.read(name).await
            && let Some(message) = MessageParser::default().parse(&raw)
        {
            mails.push(summary(name, &message));
        }
    }
    mailbox.pages.page(
        "list.html",
        context! { mails, total => names.len(), folder => mailbox.folder.display().to_string() },
    )
}

async fn show(State(mailbox): State<Arc<Mailbox>>, Path(name): Path<String>) -> Result<Response, Response> {
    let raw = mailbox.read(&name).await?;
    let message = MessageParser::default().parse(&raw).ok_or_else(not_found)?;
    Ok(mailbox.pages.page("mail.html", context! { mail => summary(&name, &message) }))
}

async fn html(State(mailbox): State<Arc<Mailbox>>, Path(name): Path<String>) -> Result<Response, Response> {
    let raw = mailbox.read(&name).await?;
    let message = MessageParser::default().parse(&raw).ok_or_else(not_found)?;
    let body = message.body_html(0).ok_or_else(not_found)?.replacen("<head>", &format!("<head>{BESIDE}"), 1);
    Ok(([(header::CONTENT_SECURITY_POLICY, MAIL_POLICY)], axum::response::Html(body)).into_response())
}

async fn text(State(mailbox): State<Arc<Mailbox>>, Path(name): Path<String>) -> Result<Response, Response> {
    let raw = mailbox.read(&name).await?;
    let message = MessageParser::default().parse(&raw).ok_or_else(not_found)?;
    let body = message.body_text(0).ok_or_else(not_found)?.into_owned();
    Ok(plain(body.into_bytes()))
}

async fn source(State(mailbox): State<Arc<Mailbox>>, Path(name): Path<String>) -> Result<Response, Response> {
    mailbox.read(&name).await.map(plain)
}

fn is_mail(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension == "eml")
        && !name.starts_with('.')
}

/// What a page shows of a mail.
fn summary(name: &str, message: &Message<'_>) -> Value {
    context! {
        name,
        subject => message.subject().unwrap_or_default(),
        from => people(message.from()),
        to => people(message.to()),
        date => message.date().map(mail_parser::DateTime::to_rfc3339).unwrap_or_default(),
    }
}

fn people(address: Option<&Address<'_>>) -> String {
    let person = |person: &mail_parser::Addr<'_>| match (person.name(), person.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default().to_owned(),
    };
    let people: Vec<_> = address.into_iter().flat_map(Address::iter).map(person).collect();
    people.join(", ")
}

fn plain(body: Vec<u8>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, body).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "There is no such mail.\n").into_response()
}
