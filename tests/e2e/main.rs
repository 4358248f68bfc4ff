//! End-to-end tests: the binaries as users run them, with a real `PostgreSQL`, `RabbitMQ` and SMTP server, and clients over
//! gRPC. The scenarios run on the services and on the all-in-one binary alike.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests: they are clients with a clock of their own, and fail where they stand"
)]

mod account_history;
mod accounts;
mod authors;
mod bad_access;
mod bad_input;
mod client;
mod crash;
mod cut_calls;
mod disk;
mod documents;
mod emergency;
mod first_hour;
mod fuzz;
mod garbage;
mod history;
mod invitations;
mod lifecycles;
mod listed;
mod lost_rights;
mod lost_votes;
mod main_job;
mod many_timers;
mod masked;
mod matrix;
mod permissions;
mod race;
mod raw;
mod roles_apart;
mod scenarios;
mod snapshots;
mod standalone;
mod switch;
mod system;
mod text;
mod time_zones;
mod tour;
mod watch;
mod weaker_policy;
mod workflow;
