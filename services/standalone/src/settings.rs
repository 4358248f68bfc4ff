//! The settings of `countersign`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use countersign_runtime::{
    listen,
    settings::{AdminArgs, AuthArgs, GrpcArgs, SealingArgs, ShutdownArgs, TelemetryArgs},
};

/// Countersign, all in one process: gRPC on SQLite files, mail caught in a local mailbox.
#[derive(Debug, Parser)]
#[command(name = "countersign", version)]
#[command(mut_arg("log", |arg| arg.default_value("warn")))]
pub struct Settings {
    /// Folder that holds the databases, the caught mail and the dead letters. It is created where it is missing, and kept.
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", default_value = "countersign-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Create an account with one member of each role and one campaign that waits for approval, and print how to try them.
    #[arg(long, env = "COUNTERSIGN_DEMO")]
    pub demo: bool,
    /// Where gRPC is served: every service of Countersign, with reflection and health.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// Address and port on which the caught mail can be read with a browser.
    #[arg(
        long,
        env = "COUNTERSIGN_MAILBOX_LISTEN",
        default_value = "127.0.0.1:8025",
        value_parser = listen::address,
        value_name = "ADDRESS:PORT"
    )]
    pub mailbox_listen: SocketAddr,
    /// Where a review page: the link in mails and ribbons. Default: a page beside the mailbox that shows it, and how to go on with grpcurl.
    #[arg(long, env = "COUNTERSIGN_REVIEW_URL_TEMPLATE", value_name = "TEMPLATE")]
    pub review_url_template: Option<String>,
    /// Where the page that accepts an invitation: the link in its mail. Default: a page beside the mailbox that shows it, and how to go on with grpcurl.
    #[arg(long, env = "COUNTERSIGN_INVITATION_URL_TEMPLATE", value_name = "TEMPLATE")]
    pub invitation_url_template: Option<String>,
    /// Where the page that closes the review of an emergency bypass: the link in its mail and ribbon. Default: a page beside the mailbox that shows it, and how to go on with grpcurl.
    #[arg(long, env = "COUNTERSIGN_BYPASS_URL_TEMPLATE", value_name = "TEMPLATE")]
    pub bypass_url_template: Option<String>,
    /// Where health and metrics are served.
    #[command(flatten)]
    pub admin: AdminArgs,
    /// How callers are told apart.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// What page tokens are sealed under.
    #[command(flatten)]
    pub sealing: SealingArgs,
    /// How long stopping may take.
    #[command(flatten)]
    pub shutdown: ShutdownArgs,
    /// What is logged.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}
