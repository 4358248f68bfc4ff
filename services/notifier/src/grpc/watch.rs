//! The stream of a viewer's counts.

use std::time::Duration;

use countersign_proto::inbox::WatchResponse;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::inbox::{access, counts};
use super::request::Viewer;
use super::status::Refusal;
use crate::changes::Changes;
use crate::storage::{Counts, Storage};

/// What other replicas changed is noticed after this.
const POLL: Duration = Duration::from_secs(1);

/// A burst of changes is told as one.
const COALESCE: Duration = Duration::from_millis(20);

/// What Watch answers with.
pub(super) type CountsStream = ReceiverStream<Result<WatchResponse, Status>>;

/// Streams the viewer's counts until the reader leaves, loses access to the account, or `stop` is cancelled.
pub(super) fn counts_stream(
    storage: Storage,
    viewer: Viewer,
    changes: &Changes,
    stop: CancellationToken,
) -> CountsStream {
    let (sender, receiver) = mpsc::channel(1);
    // Before the first count, so that no change falls between.
    let mut hints = changes.of(viewer.account_id);
    tokio::spawn(async move {
        let mut told = None;
        loop {
            // Room first, counts after: a slow reader gets the newest.
            let room = tokio::select! {
                () = stop.cancelled() => return,
                room = sender.reserve() => room,
            };
            let Ok(room) = room else { return };
            match look(&storage, viewer).await {
                Ok(now) if told == Some(now) => drop(room),
                Ok(now) => {
                    told = Some(now);
                    room.send(Ok(WatchResponse { counts: Some(counts(now)) }));
                }
                // A reader that has its first counts can wait for a database that is away.
                Err(Refusal::Storage(error)) if told.is_some() => {
                    drop(room);
                    countersign_database::warn(&error, "a watcher's counts can't be read");
                }
                Err(refusal) => {
                    room.send(Err(refusal.into()));
                    return;
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sender.closed() => return,
                () = hints.next() => sleep(COALESCE).await,
                () = sleep(POLL) => {}
            }
        }
    });
    ReceiverStream::new(receiver)
}

/// Each look asks for the access anew: it may be lost while the stream is open (ACC-9).
async fn look(storage: &Storage, viewer: Viewer) -> Result<Counts, Refusal> {
    let access = access(storage, viewer).await?;
    Ok(storage.counts(viewer.account_id, viewer.member_id, &access).await?)
}
