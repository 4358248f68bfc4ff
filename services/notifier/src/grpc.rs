//! The gRPC edge: one file for the service, one for what it refuses, one for how refusals look.

mod inbox;
mod request;
mod status;
mod watch;

pub use inbox::Inbox;
