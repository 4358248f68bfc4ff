//! Countersign's state on `SQLite` and `PostgreSQL`: snapshots, guarded commits, outbox, idempotency, lists and timers.
//!
//! Every command takes one road: [`Store::snapshot`] reads what a decision starts from, the domain decides, and
//! [`Store::commit`] writes the whole outcome or nothing of it, guarded by the versions that the snapshot had;
//! [`Store::commit_rules`] does so with a change of what decisions rely on. When another writer was first the answer is
//! [`Committed::Conflict`], and the caller reads and decides again.
//!
//! The crate's README explains the tables and the guarded commit.

mod account_history;
mod commit;
mod due;
mod entities;
mod erase;
mod error;
mod feed;
mod grants;
mod history;
mod idempotency;
mod invitations;
mod lifecycles;
mod list;
mod members;
mod migrations;
mod outbox;
mod policies;
mod recent;
mod request_list;
mod requests;
mod reviews;
mod roles;
mod rules;
mod schema;
mod sealing;
mod settling;
mod snapshot;
mod store;

pub use account_history::AccountHistoryFilter;
pub use commit::{
    AccountCreation, Commit, Committed, Concerned, Duplicate, MailLimit, Record, RulesCommit, Settled,
};
pub use due::Due;
pub use erase::Erased;
pub use error::{Corruption, StoreError};
pub use feed::{Change, Fed, Feed};
pub use history::{HistoryFilter, HistoryItem, HistoryKey, InvalidHistoryKey};
pub use idempotency::{IdempotencyKey, IdempotencyRecord};
pub use list::Page;
pub use outbox::{OutboxDepth, OutboxRow, Relayed};
pub use policies::PolicyRevision;
pub use recent::Recent;
pub use request_list::{RequestCursor, RequestFilter, RequestOrder, RequestStateName, Waiting, WaitingArea};
pub use schema::SchemaState;
pub use settling::Sweep;
pub use snapshot::{About, Snapshot};
pub use store::{Backend, Store, StoreConfig};
