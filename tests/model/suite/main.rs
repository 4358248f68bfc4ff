//! The rules a second time. A reference, made from `docs/rules.md` and the contract alone, is told the same random story as the real
//! service over gRPC: commands by members of every role, changes of policy, members and roles, and time that goes on. After each
//! command what it can have changed is compared, and at the end of a story everything: the answer or the reason of the refusal,
//! resources and requests, history, who is told what, and each member's ribbons. What is not in it: what several do at the same time,
//! invitations, documents, masks, mail.
//!
//! | module | what is in it |
//! |---|---|
//! | [`cast`] | who takes part |
//! | [`command`] | what they do |
//! | [`chance`] | how stories of it are made up |
//! | [`reference`] | what the rules make of it |
//! | [`service`] | what the service makes of it |
//! | [`story`] | the two side by side |
//! | [`stories`] | random stories, those that once went wrong, and how they are made short |
//!
//! **To add a command**: a variant of [`command::Command`] and how often it comes (`chance::command`); a method of
//! [`reference::Reference`] that says what the rules make of it (`record` or `record_of` writes its entry of history and who is told);
//! a method of [`service::Account`] that calls it; and an arm in `story::Telling::carry_out` that does both. What is seen of it in
//! resources, requests or ribbons is added to the views in `reference/view.rs` and read in `service/view.rs`. If it can be refused for
//! a new reason, that reason's code goes to `service/answer.rs`. What time does by itself is a line of
//! `reference::Reference::tick` instead.
//!
//! When the two differ the rules decide who is wrong. A story that went wrong is made as short as it can be and written to
//! `tests/model/regressions`, whose stories are told first from then on.
//!
//! `COUNTERSIGN_TEST_MODEL_STEPS` says how many commands each database is given (else 6,000 on SQLite and 4,000 on PostgreSQL), and
//! `COUNTERSIGN_TEST_MODEL_SEED` where chance begins; each run prints the seed that it used.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a test that cannot go on must fail, and says what it means by its name"
)]

mod cast;
mod chance;
mod command;
mod reference;
mod service;
mod stories;
mod story;

use countersign_testkit::TestDatabase;

/// Proves REQ-1, REQ-3, REQ-5, REQ-6, REQ-7, REQ-8, REQ-10, REQ-11, REQ-12, REQ-13, REQ-14, REQ-15, REQ-16, REQ-17, REQ-18, REQ-21,
/// LIF-1 … LIF-18, LIF-20, LIF-22, LIF-23, LIF-24, POL-1 … POL-6, POL-8, ACC-5, ACC-7, ACC-9, ACC-10, ACC-11, ACC-12, HIS-1, NOT-1 … NOT-9 and NOT-12
/// for whatever people do, one after the other.
#[test]
fn the_service_does_what_the_rules_say_on_sqlite() {
    stories::compare("SQLite", 6_000, async || (TestDatabase::sqlite(), TestDatabase::sqlite()));
}

/// Proves REQ-1, REQ-3, REQ-5, REQ-6, REQ-7, REQ-8, REQ-10, REQ-11, REQ-12, REQ-13, REQ-14, REQ-15, REQ-16, REQ-17, REQ-18, REQ-21,
/// LIF-1 … LIF-18, LIF-20, LIF-22, LIF-23, LIF-24, POL-1 … POL-6, POL-8, ACC-5, ACC-7, ACC-9, ACC-10, ACC-11, ACC-12, HIS-1, NOT-1 … NOT-9 and NOT-12
/// for whatever people do, one after the other.
#[test]
fn the_service_does_what_the_rules_say_on_postgres() {
    stories::compare("PostgreSQL", 4_000, async || {
        (TestDatabase::postgres().await, TestDatabase::postgres().await)
    });
}
