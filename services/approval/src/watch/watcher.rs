//! One watcher: from a place at the hub to a stream of messages, with what it may not see left out.

use std::time::Duration;

use countersign_domain::{Area, Component, Kind, ResourceId, Timestamp, edit};
use countersign_runtime::page_token::PageTokens;
use countersign_store::{About, Change, Fed, Feed, Snapshot};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{BATCH, PAUSE, POLL, Place};
use crate::{
    fault::Fault,
    road::{Call, Road, actor_of, context_of},
};

/// How long a cursor is good.
pub const CURSOR_AGE: Duration = Duration::from_hours(7 * 24);

/// A message of the stream.
#[derive(Clone, Debug)]
pub struct Watched {
    /// To go on after it.
    pub cursor: String,
    /// What happened; none: a heartbeat.
    pub change: Option<Change>,
    /// Whether personal data is masked for the watcher.
    pub masked: bool,
}

/// Makes and opens the cursors of one account: a position, and when the cursor was made.
#[derive(Clone)]
pub struct Cursors {
    /// What seals them.
    pub pages: PageTokens,
    /// The account.
    pub account: String,
}

impl Cursors {
    fn seal(&self, position: i64, now: Timestamp) -> String {
        self.pages.seal(&["watch", &self.account], &format!("{position} {}", now.0))
    }

    /// The position in `cursor`; none in an empty one.
    pub fn open(&self, cursor: &str, now: Timestamp) -> Result<Option<i64>, Fault> {
        let opened = self.pages.open(&["watch", &self.account], cursor).map_err(|_| Fault::CursorInvalid)?;
        let Some(text) = opened else { return Ok(None) };
        let read = text
            .split_once(' ')
            .and_then(|(position, made_at)| Some((position.parse().ok()?, made_at.parse().ok()?)));
        let (position, made_at) = read.ok_or(Fault::CursorInvalid)?;
        let made_at = Timestamp(made_at);
        if made_at.plus(CURSOR_AGE) < now {
            return Err(Fault::CursorExpired { made_at });
        }
        Ok(Some(position))
    }
}

/// What somebody watches, and how.
pub struct Watcher {
    /// The way to the state.
    pub road: Road,
    /// Who watches.
    pub call: Call,
    /// Makes the cursors.
    pub cursors: Cursors,
    /// Only requests of this area.
    pub area: Option<Area>,
    /// Only requests on resources of this kind.
    pub kind: Option<Kind>,
    /// Only requests on this resource.
    pub resource: Option<ResourceId>,
    /// How often it is told that nothing happened.
    pub heartbeat: Duration,
    /// Cancelled when the service stops.
    pub ending: CancellationToken,
}

/// Why a stream ends.
enum End {
    /// The reader left, or the service stops.
    Quiet,
    /// The reader is told.
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A stream in progress.
struct Stream {
    watcher: Watcher,
    sender: mpsc::Sender<Result<Watched, Fault>>,
    slow: CancellationToken,
    /// Everything up to it was told or left out.
    position: i64,
}

impl Watcher {
    /// Sends what happens after the position `after`, or after now, until the reader leaves or there is a reason to end.
    pub async fn run(self, after: Option<i64>, sender: mpsc::Sender<Result<Watched, Fault>>) {
        let place = self.road.watches.join(self.call.account);
        let mut stream = Stream { slow: place.slow.clone(), sender, position: 0, watcher: self };
        // The place goes with this, and what waits there.
        let end = stream.watch(place, after).await;
        if let End::Fault(fault) = end {
            tokio::select! {
                // Once the reader has taken what comes before it.
                _gone = stream.sender.send(Err(fault)) => {}
                () = stream.watcher.ending.cancelled() => {}
            }
        }
    }
}

impl Stream {
    async fn watch(&mut self, mut place: Place, after: Option<i64>) -> End {
        let ended = async {
            self.begin(&mut place, after).await?;
            self.send(None, false).await?;
            let mut beats = interval_at(Instant::now() + self.watcher.heartbeat, self.watcher.heartbeat);
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = self.watcher.ending.cancelled() => return Err(End::Quiet),
                    () = self.sender.closed() => return Err(End::Quiet),
                    batch = place.batches.recv() => match batch {
                        Some(batch) => self.tell(&batch).await?,
                        None => return Err(self.left_alone().await),
                    },
                    _ = beats.tick() => self.send(None, false).await?,
                }
            }
        };
        let ended: Result<(), End> = ended.await;
        ended.err().unwrap_or(End::Quiet)
    }

    /// Finds where to begin, and tells what happened between a resumed stream's cursor and where the hub is.
    async fn begin(&mut self, place: &mut Place, after: Option<i64>) -> Result<(), End> {
        let now = if let Some(position) = place.position {
            position
        } else {
            tokio::select! {
                () = self.watcher.ending.cancelled() => return Err(End::Quiet),
                () = self.sender.closed() => return Err(End::Quiet),
                first = place.batches.recv() => match first {
                    Some(first) => first.position,
                    None => return Err(self.left_alone().await),
                },
            }
        };
        // Ahead of the hub, which is that of another replica, is what was told there: the hub's batches up to it are passed over.
        self.position = after.unwrap_or(now);
        let mut feed =
            Feed::new(self.watcher.road.store.clone(), self.watcher.call.account, Some(self.position));
        while self.position < now {
            let fed = match feed.read(BATCH).await {
                Ok(Some(fed)) => fed,
                Ok(None) => return Err(Fault::OtherAccount.into()),
                Err(error) if error.is_transient() => {
                    self.pause(POLL).await?;
                    continue;
                }
                Err(error) => return Err(Fault::Store(error).into()),
            };
            if fed.position == self.position {
                // Settled for the hub, and so is here, as soon as those who write now have ended.
                self.pause(PAUSE).await?;
                continue;
            }
            self.tell(&fed).await?;
        }
        Ok(())
    }

    /// Tells of a batch what is new, asked for and allowed. The rights are read now: whoever lost them gets nothing more.
    async fn tell(&mut self, batch: &Fed) -> Result<(), End> {
        let snapshot = self.snapshot().await?;
        let actor = actor_of(&self.watcher.call, &snapshot)?;
        let context = context_of(&snapshot, &actor, self.watcher.road.now());
        edit::readable_kinds(&context, None).map_err(Fault::Refused)?;
        let access = context.actors_access();
        let told = self.position;
        for change in batch.changes.iter().filter(|change| change.position > told) {
            let component = Component::of_area(&change.request.area);
            let may_read =
                access.as_ref().is_some_and(|access| access.rights_on(&component, &change.audience).read);
            self.position = change.position;
            if may_read && self.watcher.asks_for(change) {
                self.send(Some(change.clone()), context.is_masked()).await?;
            }
        }
        self.position = self.position.max(batch.position);
        Ok(())
    }

    /// As a database that is away for a moment answers when it is back.
    async fn snapshot(&self) -> Result<Snapshot, End> {
        loop {
            match self.watcher.road.snapshot(&self.watcher.call, &About::Nothing, &[]).await {
                Ok(snapshot) => return Ok(snapshot),
                Err(Fault::Store(error)) if error.is_transient() => self.pause(POLL).await?,
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// Sends a message whose cursor is `position`. Waits for a reader who is slow, but not for one who was dropped for it.
    async fn send(&self, change: Option<Change>, masked: bool) -> Result<(), End> {
        let cursor = |position| self.watcher.cursors.seal(position, self.watcher.road.now());
        let before = change.as_ref().map_or(self.position, |change| change.position - 1);
        let message = Watched { cursor: cursor(self.position), change, masked };
        tokio::select! {
            () = self.watcher.ending.cancelled() => Err(End::Quiet),
            sent = self.sender.send(Ok(message)) => sent.map_err(|_| End::Quiet),
            // This one was not sent, so it comes again.
            () = self.slow.cancelled() => Err(Fault::TooSlow { cursor: cursor(before) }.into()),
        }
    }

    /// The hub let go of it.
    async fn left_alone(&self) -> End {
        if self.slow.is_cancelled() {
            let cursor = self.watcher.cursors.seal(self.position, self.watcher.road.now());
            return Fault::TooSlow { cursor }.into();
        }
        // It ends with the service or with the account.
        match self.snapshot().await {
            Ok(_) => End::Quiet,
            Err(end) => end,
        }
    }

    async fn pause(&self, pause: Duration) -> Result<(), End> {
        tokio::select! {
            () = self.watcher.ending.cancelled() => Err(End::Quiet),
            () = self.sender.closed() => Err(End::Quiet),
            () = sleep(pause) => Ok(()),
        }
    }
}

impl Watcher {
    fn asks_for(&self, change: &Change) -> bool {
        let request = &change.request;
        self.area.as_ref().is_none_or(|area| *area == request.area)
            && self.kind.as_ref().is_none_or(|kind| *kind == request.kind)
            && self.resource.is_none_or(|resource| resource == request.resource_id)
    }
}
