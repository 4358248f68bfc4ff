//! The settings of `countersign-approval`.

use clap::{Args, Parser, Subcommand};
use countersign_runtime::settings::{
    AdminArgs, AuthArgs, BrokerArgs, DatabaseArgs, GrpcArgs, SealingArgs, ServiceRoleArgs, ShutdownArgs,
    TelemetryArgs,
};

/// Countersign's approval service: other services ask it before a change reaches customers.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves gRPC, relays events and lets time take effect, until it is told to stop.
    Serve(Box<ServeArgs>),
    /// Brings the database's schema to this version, and ends.
    Migrate(MigrateArgs),
    /// Asks a running service on this machine whether it is ready; the exit code says so.
    Healthcheck(AdminArgs),
}

/// The settings of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// What is logged.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Who serves.
    #[command(flatten)]
    pub service: ServiceRoleArgs,
}

/// The settings of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// What is logged.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Where gRPC is served.
    #[command(flatten)]
    pub grpc: GrpcArgs,
    /// Where health and metrics are served.
    #[command(flatten)]
    pub admin: AdminArgs,
    /// How callers are told apart.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// How many connections to the database each replica holds. More than a few per core only queue in another place.
    #[arg(long, env = "COUNTERSIGN_DATABASE_CONNECTIONS", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub database_connections: u32,
    /// Bring the schema to this version at the start. Meant for one replica and small databases; otherwise run `migrate` first.
    #[arg(long, env = "COUNTERSIGN_AUTO_MIGRATE")]
    pub auto_migrate: bool,
    /// Which broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// The CloudEvents `source` of this installation's events: a URI reference.
    #[arg(long, env = "COUNTERSIGN_EVENT_SOURCE", default_value = "/countersign/approval")]
    pub event_source: String,
    /// What page tokens are sealed under.
    #[command(flatten)]
    pub sealing: SealingArgs,
    /// How long stopping may take.
    #[command(flatten)]
    pub shutdown: ShutdownArgs,
}
