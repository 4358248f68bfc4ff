//! Both sides against a real RabbitMQ, whose URL is in `COUNTERSIGN_TEST_AMQP_URL`. Every test has exchanges and
//! queues of its own, so they run at the same time.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that can't go on fails; clippy spares test functions, but not their helpers"
)]

mod consuming;
mod dead_letters;
mod proxy;
mod publishing;
mod recovery;
mod scene;
