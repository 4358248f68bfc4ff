//! Real PostgreSQL, RabbitMQ and SMTP for tests, and the means to break them.
//!
//! `cargo xtask test` starts the servers and says where they are in the environment; a test that needs one and does
//! not find it fails, so that nothing passes by not being run. Everything here panics instead of returning errors:
//! it is a dev-dependency only.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on must fail, loudly and where it stands"
)]

mod broker;
mod cleanup;
mod database;
mod environment;
mod network;
mod process;
mod proxy;
mod smtp;
mod wait;

pub use broker::{BrokerMessage, Tap, TestBroker};
pub use database::{Roles, TestDatabase};
pub use environment::grpcurl;
pub use network::free_port;
pub use process::{Process, binary};
pub use proxy::Proxy;
pub use smtp::{Fault, Mail, SmtpSink};
pub use wait::{publish_all, wait_for};

pub use lapin::BasicProperties;

/// Makes two tests, `name::sqlite` and `name::postgres`, of each `async fn name(db: TestDatabase)`.
///
/// ```
/// use countersign_testkit::{TestDatabase, both_databases};
///
/// both_databases! { a_member_is_found, a_stranger_is_not }
///
/// async fn a_member_is_found(db: TestDatabase) {
///     assert!(db.url().contains(':'));
/// }
/// async fn a_stranger_is_not(_db: TestDatabase) {}
/// ```
#[macro_export]
macro_rules! both_databases {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::TestDatabase::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name($crate::TestDatabase::postgres().await).await;
            }
        }
    )+ };
}
