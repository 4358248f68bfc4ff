//! History as a file, in pieces: a page is read when the one before has been taken, so that however long it is, little of it is held.

use countersign_domain::history::access::Use;
use countersign_proto::{approval as api, json};
use countersign_store::{HistoryFilter, HistoryItem, HistoryKey};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    convert::{history as convert, time},
    history::Rest,
};
use crate::{
    fault::Fault,
    road::{Call, Road},
};

/// Entries in a piece: at their longest less than the 4 MB that clients take.
const PIECE: u32 = 200;

/// Pieces that wait to be sent.
const AHEAD: usize = 1;

type Piece = Result<api::ExportHistoryResponse, Status>;

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

    fn header(self) -> String {
        match self {
            Self::Csv => format!("{}\r\n", COLUMNS.join(",")),
            Self::JsonLines => String::new(),
        }
    }

    fn line(self, item: &HistoryItem, masked: bool) -> Result<String, Fault> {
        let entry = convert::entry(&item.recorded, masked);
        match self {
            Self::Csv => Ok(csv_line(&entry, &time::text(item.recorded.entry.at))),
            Self::JsonLines => json::to_text(&entry)
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
    format!("{}\r\n", cells.map(csv_cell).join(","))
}

/// RFC 4180: quoted where it must be. Spreadsheets take a text that begins like a formula for one and run it, so that such a text, which
/// anybody can write into a note, gets an apostrophe before it.
fn csv_cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

/// An export in progress.
pub(super) struct Export {
    pub(super) road: Road,
    pub(super) call: Call,
    pub(super) filter: HistoryFilter,
    pub(super) format: Format,
    /// Cancelled when the service stops.
    pub(super) ending: CancellationToken,
}

impl Export {
    /// Whether the caller may at all is answered at once, by the first piece.
    pub(super) async fn stream(self) -> Result<ReceiverStream<Piece>, Fault> {
        let (first, rest) = self.piece(None).await?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let text = self.format.header() + &first;
        tokio::spawn(self.send(text, rest, sender));
        Ok(ReceiverStream::new(receiver))
    }

    async fn send(self, mut text: String, mut rest: Rest, sender: mpsc::Sender<Piece>) {
        loop {
            if !text.is_empty() {
                let piece = api::ExportHistoryResponse { chunk: text.into_bytes() };
                let sent = tokio::select! {
                    biased;
                    // What ends early must not look complete.
                    () = self.ending.cancelled(), if rest.next.is_some() => break,
                    sent = sender.send(Ok(piece)) => sent,
                };
                if sent.is_err() {
                    return;
                }
            }
            if rest.next.is_none() {
                return;
            }
            (text, rest) = match self.piece(rest.next).await {
                Ok(next) => next,
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

    /// The caller's rights are read anew with each: one who loses them in the middle gets no more.
    async fn piece(&self, after: Option<HistoryKey>) -> Result<(String, Rest), Fault> {
        let (items, rest) =
            self.road.history_page(&self.call, &self.filter, Use::Export, after, PIECE).await?;
        let lines: Result<String, Fault> =
            items.iter().map(|item| self.format.line(item, rest.masked)).collect();
        Ok((lines?, rest))
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
