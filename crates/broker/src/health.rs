//! Whether a publisher or a consumer is connected, for readiness and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A live view of one side of the broker; clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    /// For a RabbitMQ consumer: it is subscribed. In process: the consumer runs.
    pub fn is_connected(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Connected until the guard is dropped, however that comes about.
    pub(crate) fn connected(&self) -> Connected {
        self.0.store(true, Ordering::Release);
        Connected(self.clone())
    }
}

pub(crate) struct Connected(Health);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}
