//! Countersign's notifier: mail and in-platform ribbons from events.
//!
//! The approval service settles who is to be told what; this service only carries it out, from its own database. The way
//! of an event, and where it is:
//!
//! | step | module |
//! |---|---|
//! | it comes from the broker | [`consume`] |
//! | what it asks for is worked out, purely | [`plan`] |
//! | that is made durable, once, and the event acknowledged | [`storage`] |
//! | mail is claimed, sent, tried again, given up | [`delivery`], [`outbound`] |
//! | what each member wants to be told | [`preferences`] |
//! | words and layout | [`locale`], [`mail`], [`review_url`], [`invitation_url`], [`bypass_url`] |
//! | what they look like, without sending any | [`samples`], [`preview`] |
//! | ribbons are served, to each member what they may see | [`grpc`] |
//! | what is old is removed | [`purge`] |
//! | all of it put together | [`notifier`], [`serve`] |

pub mod bypass_url;
mod changes;
pub mod consume;
pub mod delivery;
pub mod grpc;
pub mod invitation_url;
pub mod locale;
pub mod mail;
pub mod metrics;
pub mod notifier;
pub mod outbound;
pub mod plan;
pub mod preferences;
pub mod preview;
pub mod purge;
pub mod review_url;
pub mod samples;
pub mod serve;
pub mod settings;
pub mod storage;
pub mod template_error;
pub mod url_template;

pub use notifier::{DEFAULT_REMINDER_DIGEST, Notifier, NotifierConfig, NotifierError};
pub use storage::{migrate, migrate_for};
