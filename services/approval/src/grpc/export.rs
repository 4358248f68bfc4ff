//! History as a file, in pieces: a page is read when the one before has been taken, so that however long it is, little of it is held.

use std::future::Future;

use countersign_domain::history::access::Use;
use countersign_domain::text::key;
use countersign_proto::{approval as api, json};
use countersign_store::{HistoryFilter, HistoryItem, HistoryKey};
use prost::{Message, Name};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    convert::{history as convert, time},
    validate::Fields,
};
use crate::{
    fault::Fault,
    road::{Call, Road},
};

/// Entries in a piece: at their longest less than the 4 MB that clients take.
const PIECE: u32 = 200;

/// Pieces that wait to be sent.
const AHEAD: usize = 1;

/// How history is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Csv,
    JsonLines,
}

impl Format {
    pub(super) fn of(number: i32) -> Option<Self> {
        match api::HistoryFormat::try_from(number) {
            Ok(api::HistoryFormat::Csv) => Some(Self::Csv),
            Ok(api::HistoryFormat::JsonLines) => Some(Self::JsonLines),
            Ok(api::HistoryFormat::Unspecified) | Err(_) => None,
        }
    }

    pub(super) fn header(self, columns: &[&str]) -> String {
        match self {
            // Without the byte order mark, spreadsheets read another encoding than UTF-8.
            Self::Csv => format!("\u{feff}{}", csv_row(columns)),
            Self::JsonLines => String::new(),
        }
    }

    /// An entry, of which `cells` makes the row in CSV.
    pub(super) fn line<E: Message + Name>(
        self,
        entry: &E,
        cells: impl FnOnce(&E) -> String,
    ) -> Result<String, Fault> {
        match self {
            Self::Csv => Ok(cells(entry)),
            Self::JsonLines => json::to_text(entry)
                .map(|line| line + "\n")
                .map_err(|error| Fault::Internal("a history entry can't be written", Some(error.into()))),
        }
    }
}

const COLUMNS: [&str; 14] = [
    "time",
    "resource_id",
    "sequence",
    "approval_request_id",
    "event",
    "action",
    "actor_id",
    "actor_name",
    "actor_service",
    "from_state",
    "to_state",
    "note",
    "digest",
    "hash",
];

/// In the order of [`COLUMNS`].
fn csv_line(entry: &api::HistoryEntry, at: &str) -> String {
    let actor = entry.actor.clone().unwrap_or_default();
    let sequence = entry.sequence.to_string();
    let cells: [&str; COLUMNS.len()] = [
        at,
        &entry.resource_id,
        &sequence,
        &entry.approval_request_id,
        &entry.event,
        &entry.action,
        &actor.member_id,
        &actor.display_name,
        &actor.service,
        &entry.from_state,
        &entry.to_state,
        &entry.note,
        &entry.digest,
        &entry.hash,
    ];
    csv_row(&cells)
}

/// A row of CSV.
pub(super) fn csv_row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// Whether a spreadsheet may take the text for a formula: it looks past blanks and what is not seen, and reads full-width signs as
/// the plain ones.
fn runs(text: &str) -> bool {
    let seen = key(text);
    text.starts_with(['\t', '\r', '\n'])
        || seen
            .trim_start_matches(|c: char| c.is_control() || c == ' ')
            .starts_with(['=', '+', '-', '@', '\u{2212}'])
}

/// RFC 4180: quoted where it must be. Spreadsheets take a text that begins like a formula for one and run it, so that such a text, which
/// anybody can write into a note, gets an apostrophe before it.
fn csv_cell(text: &str) -> String {
    let guard = if runs(text) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

impl Fields {
    /// How history is to be written.
    pub(super) fn history_format(&mut self, number: i32) -> Option<Format> {
        let format = Format::of(number);
        if format.is_none() {
            self.violation("format", "must be HISTORY_FORMAT_CSV or HISTORY_FORMAT_JSON_LINES");
        }
        format
    }
}

/// A file that is read piece by piece.
pub(super) trait File: Send + Sync + Sized + 'static {
    /// After what a piece begins.
    type Key: Send;
    /// What carries a piece.
    type Piece: Send + 'static;

    /// What comes before the first entry.
    fn header(&self) -> String;

    /// The next piece, and the key of its last entry where there are more. The caller's rights are read anew with each: one who loses
    /// them in the middle gets no more.
    fn piece(
        &self,
        after: Option<Self::Key>,
    ) -> impl Future<Output = Result<(String, Option<Self::Key>), Fault>> + Send;

    /// The message with that piece.
    fn carry(chunk: Vec<u8>) -> Self::Piece;
}

/// Sends a file until its end or until the service stops. Whether the caller may at all is answered at once, by the first piece.
pub(super) async fn stream<F: File>(
    file: F,
    ending: CancellationToken,
) -> Result<ReceiverStream<Result<F::Piece, Status>>, Fault> {
    let (first, next) = file.piece(None).await?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let text = file.header() + &first;
    tokio::spawn(send(file, ending, text, next, sender));
    Ok(ReceiverStream::new(receiver))
}

async fn send<F: File>(
    file: F,
    ending: CancellationToken,
    mut text: String,
    mut next: Option<F::Key>,
    sender: mpsc::Sender<Result<F::Piece, Status>>,
) {
    loop {
        if !text.is_empty() {
            let piece = F::carry(text.into_bytes());
            let sent = tokio::select! {
                biased;
                // What ends early must not look complete.
                () = ending.cancelled(), if next.is_some() => break,
                sent = sender.send(Ok(piece)) => sent,
            };
            if sent.is_err() {
                return;
            }
        }
        if next.is_none() {
            return;
        }
        (text, next) = match file.piece(next).await {
            Ok(piece) => piece,
            Err(fault) => {
                // A reader who is gone needs no answer.
                let _gone = sender.send(Err(fault.into())).await;
                return;
            }
        };
    }
    // After what waits to be sent: a reader who takes nothing is cut off when the time for stopping is over.
    let _gone = sender.send(Err(Fault::Stopping.into())).await;
}

/// The history of resources as a file.
pub(super) struct Export {
    pub(super) road: Road,
    pub(super) call: Call,
    pub(super) filter: HistoryFilter,
    pub(super) format: Format,
}

impl Export {
    fn line(&self, item: &HistoryItem, masked: bool) -> Result<String, Fault> {
        let at = time::text(item.recorded.entry.at);
        self.format.line(&convert::entry(&item.recorded, masked), |entry| csv_line(entry, &at))
    }
}

impl File for Export {
    type Key = HistoryKey;
    type Piece = api::ExportHistoryResponse;

    fn header(&self) -> String {
        self.format.header(&COLUMNS)
    }

    async fn piece(&self, after: Option<HistoryKey>) -> Result<(String, Option<HistoryKey>), Fault> {
        let (items, rest) =
            self.road.history_page(&self.call, &self.filter, Use::Export, after, PIECE).await?;
        let lines: Result<String, Fault> = items.iter().map(|item| self.line(item, rest.masked)).collect();
        Ok((lines?, rest.next))
    }

    fn carry(chunk: Vec<u8>) -> Self::Piece {
        Self::Piece { chunk }
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
