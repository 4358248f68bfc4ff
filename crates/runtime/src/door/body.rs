//! A request's body, watched for whether it came to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// Bytes before each message: a flag and the length.
const PREFIX: usize = 5;

/// How a body ended, once it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending(Arc<AtomicU8>);

const CUT_OFF: u8 = 1;
const READ: u8 = 2;

impl Ending {
    /// Whether it broke off: within a message, or with the connection or the stream.
    pub(super) fn cut_off(&self) -> bool {
        self.0.load(Ordering::Acquire) == CUT_OFF
    }

    /// Whether it was read to its end, a message at least: so tonic does before it calls a handler, and not where it can't read what
    /// it got.
    pub(super) fn was_read(&self) -> bool {
        self.0.load(Ordering::Acquire) == READ
    }

    fn note(&self, how: u8) {
        self.0.store(how, Ordering::Release);
    }

    #[cfg(test)]
    pub(super) fn of_what_was_read() -> Self {
        Self(Arc::new(READ.into()))
    }
}

/// A body that notes how it ends.
pub(super) struct Received {
    inner: Body,
    progress: Progress,
    ending: Ending,
}

impl Received {
    pub(super) fn new(inner: Body, ending: Ending) -> Self {
        Self { inner, progress: Progress::default(), ending }
    }
}

impl http_body::Body for Received {
    type Data = <Body as http_body::Body>::Data;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.progress.take(data);
                }
            }
            None if this.progress.is_between_messages() => {
                if this.progress.has_message {
                    this.ending.note(READ);
                }
            }
            None | Some(Err(_)) => this.ending.note(CUT_OFF),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // The reader must ask for the end, or a body that is cut off would not be noticed.
        self.inner.is_end_stream() && self.progress.is_between_messages()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// How far the messages of a body have come.
#[derive(Debug, Default)]
struct Progress {
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have come.
    filled: usize,
    /// Bytes of the message that are still to come.
    missing: usize,
    /// Whether one has come whole.
    has_message: bool,
}

impl Progress {
    fn take(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.missing > 0 {
                let came = self.missing.min(data.len());
                self.missing -= came;
                self.has_message |= self.missing == 0;
                data = &data[came..];
                continue;
            }
            self.prefix[self.filled] = data[0];
            self.filled += 1;
            data = &data[1..];
            if self.filled == PREFIX {
                let [_, length @ ..] = self.prefix;
                self.missing = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                self.filled = 0;
                self.has_message |= self.missing == 0;
            }
        }
    }

    fn is_between_messages(&self) -> bool {
        self.filled == 0 && self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_whole_between_messages_however_it_is_cut_into_frames() {
        let body = [0, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9];
        let whole = [0, 8, 13, 19];
        for piece in 1..=body.len() {
            for end in 0..=body.len() {
                let mut progress = Progress::default();
                body[..end].chunks(piece).for_each(|data| progress.take(data));
                assert_eq!(progress.is_between_messages(), whole.contains(&end), "{end} bytes by {piece}");
                assert_eq!(progress.has_message, end >= whole[1], "{end} bytes by {piece}");
            }
        }
    }
}
