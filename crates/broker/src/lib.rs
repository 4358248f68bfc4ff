//! CloudEvents over RabbitMQ or in process, with the same delivery promises.
//!
//! An [`Event`] is a CloudEvents 1.0 envelope. A [`Publisher`] hands events over and says, for each one, whether it is
//! safe to forget it; a [`Consumer`] hands events to a [`Handler`] and forgets one only after the handler's
//! [`Verdict`] allows it. Together that is at-least-once: an event may come twice, so handlers dedupe by [`Event::id`].
//!
//! | | RabbitMQ ([`rabbit_publisher`], [`rabbit_consumer`]) | in process ([`in_process`]) |
//! |---|---|---|
//! | `publish` is `Ok` | once a quorum queue holds the event on disk | once the handler is done with it |
//! | the queue is | RabbitMQ's | the caller's outbox |
//! | [`Verdict::Retry`] | tried again here, later redelivered | an error to the publisher, who tries again |
//! | dead letters | a queue, the reason in a header | a folder, the reason in the file |
//!
//! Logs carry ids, never the data of an event.

mod backoff;
mod consumer;
mod event;
mod handler;
mod health;
mod in_process;
mod publisher;
mod rabbit;

pub use consumer::Consumer;
pub use event::{Event, Malformed, check_source};
pub use handler::{Handler, Verdict};
pub use health::Health;
pub use in_process::in_process;
pub use publisher::{PublishError, Publisher};
pub use rabbit::{
    DEAD_LETTERED_AT_HEADER, InvalidConfig, REASON_HEADER, ROUTING_KEY_HEADER, RabbitConfig, rabbit_consumer,
    rabbit_publisher,
};
