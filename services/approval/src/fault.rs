//! Why a call fails, whatever transport it came by. `grpc::status` makes answers of it.

use countersign_domain::{Kind, Refusal, ResourceId, Timestamp, Violation};
use countersign_runtime::identity::AuthError;
use countersign_store::{MailLimit, StoreError};
use uuid::Uuid;

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The call doesn't say who makes it.
    #[error(transparent)]
    Unauthenticated(#[from] AuthError),
    /// Fields are not acceptable.
    #[error("{} field(s) not acceptable", .0.len())]
    Invalid(Vec<Violation>),
    /// The actor may not act in that account, or there is none: callers are not told which (ACC-16).
    #[error("the caller may not act in this account")]
    OtherAccount,
    /// The call is for the platform's operator alone.
    #[error("only the platform's operator may do this")]
    PlatformOnly,
    /// A rule refuses it.
    #[error("refused")]
    Refused(#[from] Refusal),
    /// The `request_id` was used for another call (REQ-18).
    #[error("this request_id was used for another call")]
    RequestIdReused(Uuid),
    /// A unique name is taken.
    #[error("{what} is taken")]
    Taken {
        /// What, in words for people.
        what: String,
        /// The type of thing.
        kind: &'static str,
    },
    /// A resource of this kind has this external id; told only to who may see it.
    #[error("this external_id is taken by the {kind} {id}")]
    ResourceExists {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: ResourceId,
    },
    /// An invitation would be one mail too many in this hour.
    #[error("too many mails with invitations in this hour")]
    TooManyMails {
        /// Which limit.
        limit: MailLimit,
        /// From when on there is room again.
        until: Timestamp,
    },
    /// A cursor is none of this account's, or lies ahead of all that happened.
    #[error("the cursor is none of this account's")]
    CursorInvalid,
    /// A cursor is too old to go on from.
    #[error("the cursor is too old")]
    CursorExpired {
        /// When it was made.
        made_at: Timestamp,
    },
    /// The reader of a stream did not keep up.
    #[error("the reader is too slow")]
    TooSlow {
        /// From where it can go on.
        cursor: String,
    },
    /// The service stops, and what is being sent would look complete.
    #[error("the service stops")]
    Stopping,
    /// The commit lost to others again and again.
    #[error("others kept changing the same thing")]
    Contended,
    /// The database failed or could not be reached.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// What was read or written makes no sense: a fault of our own.
    #[error("{0}")]
    Internal(&'static str, #[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}
