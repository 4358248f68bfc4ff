//! The stream of counts.

use std::time::Duration;

use countersign_proto::inbox::WatchResponse;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::inbox::{access, counts};
use super::request::{Viewer, Watched};
use super::status::Refusal;
use crate::changes::Changes;
use crate::storage::{Counts, Storage};

/// What other replicas changed is noticed after this.
const POLL: Duration = Duration::from_secs(1);

/// A burst of changes is told as one.
const COALESCE: Duration = Duration::from_millis(20);

/// What Watch answers with.
pub(super) type CountsStream = ReceiverStream<Result<WatchResponse, Status>>;

/// Streams counts until the reader leaves or `stop` is cancelled; the caller's own also until they lose access to the account.
pub(super) fn counts_stream(
    storage: Storage,
    watched: Watched,
    changes: &Changes,
    stop: CancellationToken,
) -> CountsStream {
    let (sender, receiver) = mpsc::channel(1);
    let (viewers, several) = match watched {
        Watched::Own(viewer) => (vec![viewer], false),
        Watched::Members(members) => (members, true),
    };
    // Before the first count, so that no change falls between.
    let mut hints = changes.of(viewers.first().map(|viewer| viewer.account_id).unwrap_or_default());
    tokio::spawn(async move {
        let mut told = vec![None; viewers.len()];
        loop {
            for (viewer, told) in viewers.iter().zip(&mut told) {
                // Room first, counts after: a slow reader gets the newest.
                let room = tokio::select! {
                    () = stop.cancelled() => return,
                    room = sender.reserve() => room,
                };
                let Ok(room) = room else { return };
                let now = match look(&storage, *viewer).await {
                    Ok(counts) => Some(counts),
                    Err(Refusal::NoAccess) if several => None,
                    // A reader that has its first counts can wait for a database that is away.
                    Err(Refusal::Storage(error)) if told.is_some() => {
                        countersign_database::warn(&error, "a watcher's counts can't be read");
                        continue;
                    }
                    Err(refusal) => {
                        room.send(Err(refusal.into()));
                        return;
                    }
                };
                if *told != Some(now) {
                    *told = Some(now);
                    let member_id = viewer.member_id.to_string();
                    room.send(Ok(WatchResponse { counts: now.map(counts), member_id }));
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
