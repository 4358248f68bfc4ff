//! The notifier against real databases and a real SMTP server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::assigning_clones,
    reason = "a test that cannot go on must fail, and says what it means by its name"
)]

mod access;
mod binary;
mod content;
mod delivery;
mod digests;
mod erasure;
mod inbox;
mod invitation;
mod locales;
mod migrations;
mod preferences;
mod purge;
mod read_only;
mod recording;
mod ribbons;
mod sealing;
mod stale;
mod support;
mod templates;
mod watch;
