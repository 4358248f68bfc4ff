//! The kit's own tests: what other tests lean on must not give way.
#![expect(clippy::expect_used, reason = "helpers of tests fail like tests")]

mod broker;
mod database;
mod process;
mod proxy;
mod smtp;
mod waiting;
