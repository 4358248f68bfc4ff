//! What every Countersign process needs, whatever it does: it knows no rule, no table and no message.
//!
//! | module | what is in it |
//! |---|---|
//! | [`clock`] | the only clock; tests move it by hand |
//! | [`ids`] | the only source of new ids |
//! | [`console`] | words for whoever started the process |
//! | [`settings`] | settings shared by the services, secrets from values or files, refusal of unknown variables |
//! | [`telemetry`] | logs, as text or JSON |
//! | [`identity`] | who is calling: the seam where authentication plugs in |
//! | [`trace_context`] | the caller's W3C trace context |
//! | [`listen`] | listeners, and errors that name what can't be had |
//! | [`listing`] | pages of lists of which a reader may not see every row |
//! | [`page_token`] | page tokens that can't be made up or used elsewhere |
//! | [`sealing`] | the keys of page tokens |
//! | [`readiness`] | what has to work before this process may be sent traffic |
//! | [`host`] | a guard against DNS rebinding |
//! | [`service_role`] | the database role that serves, and owns nothing |
//! | [`admin`] | liveness, readiness and metrics over HTTP |
//! | [`grpc`] | the gRPC server: limits, reflection, health |
//! | [`calls`] | one measurement, and one log line if it failed, for each gRPC call |
//! | [`task`] | work that outlives the call that asked for it |
//! | [`door`] | what comes before a handler: who calls, and what is wrong with the bytes |
//! | [`shutdown`] | two-stage shutdown with tracked tasks |
//! | [`healthcheck`] | the `healthcheck` subcommand's probe |

pub mod admin;
pub mod calls;
pub mod clock;
pub mod console;
pub mod door;
pub mod grpc;
pub mod healthcheck;
pub mod host;
pub mod identity;
pub mod ids;
pub mod listen;
pub mod listing;
pub mod page_token;
pub mod readiness;
pub mod sealing;
pub mod service_role;
pub mod settings;
pub mod shutdown;
pub mod task;
pub mod telemetry;
pub mod trace_context;

/// An error of any kind, from a task or a library; its text says what failed, its source why.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;
