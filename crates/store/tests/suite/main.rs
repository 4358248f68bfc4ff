//! One suite for both databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on must fail where it stands")]

mod access;
mod account_history;
mod chain;
mod commits;
mod conventions;
mod cut;
mod erase;
mod errors;
mod feed;
mod history;
mod idempotency;
mod invitation_mails;
mod lifecycles;
mod lists;
mod outbox;
mod plans;
mod races;
mod recent;
mod request_lists;
mod reviews;
mod round_trip;
mod rules;
mod settling;
mod skew;
mod support;
mod timers;
