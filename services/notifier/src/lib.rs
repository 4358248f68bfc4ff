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
//! | words and layout | [`locale`], [`mail`], [`review_url`], [`invitation_url`] |
//! | ribbons are served, to each member what they may see | [`grpc`] |
//! | what is old is removed | [`purge`] |
//! | all of it put together | [`notifier`], [`serve`] |

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
pub mod purge;
pub mod review_url;
pub mod serve;
pub mod settings;
pub mod storage;
pub mod url_template;

pub use notifier::{Notifier, NotifierConfig, NotifierError};
pub use storage::migrate;
