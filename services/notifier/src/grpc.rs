//! The gRPC edge: one file for the service, those that read requests, one for how refusals look.

mod inbox;
mod preferences;
mod request;
mod status;
mod watch;

pub use inbox::Inbox;
