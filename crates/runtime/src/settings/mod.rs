//! Settings that several services share, as clap argument groups to be flattened into each service's own struct.
//!
//! Every setting is a flag and a `COUNTERSIGN_*` variable, and is described in `--help`. A secret can come from a file
//! instead ([`secret`]), and a variable that no setting knows refuses to start ([`mod@env`]). A service with another
//! default changes it where it flattens the group:
//!
//! ```
//! use countersign_runtime::settings::GrpcArgs;
//!
//! #[derive(clap::Parser)]
//! #[command(mut_arg("grpc_listen", |arg| arg.default_value("127.0.0.1:50052")))]
//! struct Settings {
//!     #[command(flatten)]
//!     grpc: GrpcArgs,
//! }
//! # use clap::Parser as _;
//! # assert_eq!(Settings::parse_from(["notifier"]).grpc.listen.port(), 50052);
//! ```

pub mod env;
pub mod secret;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::BoxError;
use crate::identity::AuthMode;
use crate::listen;
use crate::sealing::SealingKeys;
use crate::telemetry::LogFormat;
pub use env::{UnknownVariables, check_unknown_env};
pub use secret::{Secret, SecretError};

/// What is logged, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct TelemetryArgs {
    /// What to log: a level (error, warn, info, debug, trace, off), or levels by module, as in
    /// `info,countersign_store=debug`.
    #[arg(long, env = "COUNTERSIGN_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// How to write log lines (to standard error).
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// Where gRPC is served.
#[derive(Clone, Debug, clap::Args)]
pub struct GrpcArgs {
    /// Address and port on which gRPC is served.
    #[arg(
        id = "grpc_listen",
        long = "grpc-listen",
        env = "COUNTERSIGN_GRPC_LISTEN",
        default_value = "127.0.0.1:50051",
        value_parser = listen::address,
        value_name = "ADDRESS:PORT"
    )]
    pub listen: SocketAddr,
    /// Calls that one connection may have in flight, open streams among them. Clients let a further call wait in silence until
    /// one ends: who holds more streams open needs more connections.
    #[arg(
        id = "grpc_max_streams",
        long = "grpc-max-streams",
        env = "COUNTERSIGN_GRPC_MAX_STREAMS",
        default_value_t = crate::grpc::MAX_STREAMS,
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "NUMBER"
    )]
    pub max_streams: u32,
}

/// Where liveness, readiness and metrics are served.
#[derive(Clone, Debug, clap::Args)]
pub struct AdminArgs {
    /// Address and port on which /livez, /readyz and /metrics are served over HTTP, without authentication: keep it
    /// inside the cluster.
    #[arg(
        id = "admin_listen",
        long = "admin-listen",
        env = "COUNTERSIGN_ADMIN_LISTEN",
        default_value = "127.0.0.1:9090",
        value_parser = listen::address,
        value_name = "ADDRESS:PORT"
    )]
    pub listen: SocketAddr,
}

/// How callers are told apart.
#[derive(Clone, Debug, clap::Args)]
pub struct AuthArgs {
    /// How callers prove who they are. "none" believes the metadata countersign-account and countersign-actor, and so
    /// serves on loopback addresses only.
    #[arg(id = "auth_mode", long = "auth-mode", env = "COUNTERSIGN_AUTH_MODE", value_enum, default_value_t)]
    pub mode: AuthMode,
}

/// How long a stopping process may take.
#[derive(Clone, Debug, clap::Args)]
pub struct ShutdownArgs {
    /// Seconds that calls and background work in progress are given to end after SIGTERM or SIGINT (1 to 3600). Keep
    /// it below the orchestrator's own limit; a second signal ends the process at once.
    #[arg(
        id = "shutdown_timeout_seconds",
        long = "shutdown-timeout-seconds",
        env = "COUNTERSIGN_SHUTDOWN_TIMEOUT_SECONDS",
        default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..=3600),
        value_name = "SECONDS"
    )]
    pub timeout_seconds: u64,
}

impl ShutdownArgs {
    /// The limit as a duration.
    pub fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// Which database to use: its URL holds a password, so it is a secret.
#[derive(Clone, Debug, clap::Args)]
pub struct DatabaseArgs {
    /// URL of the database: `postgres://user:password@host/database`, or `sqlite://path/to/file?mode=rwc`.
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<Secret>,
    /// File that holds the URL of the database, instead of --database-url.
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL_FILE", value_name = "PATH")]
    pub database_url_file: Option<PathBuf>,
}

impl DatabaseArgs {
    /// The URL, from wherever it was given.
    pub fn url(&self) -> Result<Secret, SecretError> {
        secret::required("database-url", self.database_url.as_ref(), self.database_url_file.as_deref())
    }
}

/// The secret under which page tokens and cursors are sealed (SEC-8).
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SealingArgs {
    /// Secret under which page tokens and cursors are sealed: at least 32 random bytes in Base64, as of `openssl rand -base64 32`.
    /// Several, with commas between them, to rotate it: the first seals, all of them open. Leave an old one for eight days, since
    /// cursors are good for seven. By default one is made at random at the first start, and kept in the database.
    #[arg(long, env = "COUNTERSIGN_SEALING_KEY", hide_env_values = true, value_name = "BASE64")]
    pub sealing_key: Option<Secret>,
    /// File that holds the secret, or several, instead of --sealing-key.
    #[arg(long, env = "COUNTERSIGN_SEALING_KEY_FILE", value_name = "PATH")]
    pub sealing_key_file: Option<PathBuf>,
}

impl SealingArgs {
    /// The keys, if any are given.
    pub fn keys(&self) -> Result<Option<SealingKeys>, BoxError> {
        let given =
            secret::optional("sealing-key", self.sealing_key.as_ref(), self.sealing_key_file.as_deref())?;
        Ok(given.map(|given| SealingKeys::parse(given.expose())).transpose()?)
    }
}

/// Who serves, told to whoever migrates.
#[derive(Clone, Debug, clap::Args)]
pub struct ServiceRoleArgs {
    /// The PostgreSQL role that `serve` connects as, where it is another than the one that migrates and owns the tables: it is
    /// granted exactly what serving takes, so that it can't change history nor switch off what protects it. Give it to each migration.
    #[arg(long, env = "COUNTERSIGN_SERVICE_ROLE", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub service_role: Option<String>,
}

/// Which message broker to use: its URL holds a password, so it is a secret.
#[derive(Clone, Debug, clap::Args)]
pub struct BrokerArgs {
    /// URL of the message broker: `amqp://user:password@host:5672/vhost`, or `amqps://…` for TLS.
    #[arg(long, env = "COUNTERSIGN_AMQP_URL", hide_env_values = true, value_name = "URL")]
    pub amqp_url: Option<Secret>,
    /// File that holds the URL of the message broker, instead of --amqp-url.
    #[arg(long, env = "COUNTERSIGN_AMQP_URL_FILE", value_name = "PATH")]
    pub amqp_url_file: Option<PathBuf>,
    /// Topic exchange that events go to.
    #[arg(long, env = "COUNTERSIGN_EXCHANGE", default_value = "countersign.events", value_name = "NAME")]
    pub exchange: String,
    /// The notifier's queue. The approval service declares it too, before it publishes anything, so that no event is lost
    /// that is published before the notifier's first start.
    #[arg(long, env = "COUNTERSIGN_QUEUE", default_value = "countersign.notifier", value_name = "NAME")]
    pub queue: String,
}

impl BrokerArgs {
    /// The URL, from wherever it was given.
    pub fn url(&self) -> Result<Secret, SecretError> {
        secret::required("amqp-url", self.amqp_url.as_ref(), self.amqp_url_file.as_deref())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    /// A service with every shared group, and one default of its own.
    #[derive(Debug, clap::Parser)]
    #[command(mut_arg("admin_listen", |arg| arg.default_value("127.0.0.1:9091")))]
    pub(crate) struct Everything {
        #[command(flatten)]
        telemetry: TelemetryArgs,
        #[command(flatten)]
        grpc: GrpcArgs,
        #[command(flatten)]
        admin: AdminArgs,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        shutdown: ShutdownArgs,
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        broker: BrokerArgs,
        #[command(flatten)]
        sealing: SealingArgs,
    }

    #[test]
    fn groups_compose_and_defaults_can_be_changed() {
        Everything::command().debug_assert();
        let settings = Everything::parse_from(["service", "--log-format", "json"]);
        assert_eq!(settings.telemetry.log, "info");
        assert_eq!(settings.telemetry.log_format, LogFormat::Json);
        assert_eq!(settings.grpc.listen, "127.0.0.1:50051".parse().unwrap());
        assert_eq!(settings.admin.listen, "127.0.0.1:9091".parse().unwrap());
        assert_eq!(settings.auth.mode, AuthMode::None);
        assert_eq!(settings.shutdown.limit(), Duration::from_secs(20));
    }

    #[test]
    fn every_setting_has_help_and_a_variable_that_is_no_service_link() {
        let command = Everything::command();
        let settings: Vec<_> = command.get_arguments().filter(|arg| arg.get_id() != "help").collect();
        assert_eq!(settings.len(), 15);
        for arg in settings {
            let name = arg.get_env().and_then(|name| name.to_str()).expect("a variable");
            assert!(name.starts_with("COUNTERSIGN_"), "{name}");
            assert!(!name.ends_with("_PORT") && !name.contains("_PORT_"), "{name}: Kubernetes may set it");
            assert!(arg.get_help().is_some_and(|help| !help.to_string().is_empty()), "{name} has no help");
        }
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        let settings = Everything::parse_from(["service", "--database-url", "postgres://u:hunter2@db/x"]);
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.database.url().unwrap().expose(), "postgres://u:hunter2@db/x");
        assert!(settings.broker.url().unwrap_err().to_string().contains("COUNTERSIGN_AMQP_URL_FILE"));
        assert!(settings.sealing.keys().unwrap().is_none());
        let short = Everything::parse_from(["service", "--sealing-key", "aHVudGVyMg=="]);
        let error = short.sealing.keys().unwrap_err().to_string();
        assert!(error.contains("at least 32 bytes") && !error.contains("aHVudGVyMg"), "{error}");
        assert!(!format!("{short:?}").contains("aHVudGVyMg"));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for bad in [
            ["s", "--shutdown-timeout-seconds", "0"],
            ["s", "--grpc-listen", "here"],
            ["s", "--log-format", "xml"],
        ] {
            Everything::try_parse_from(bad).unwrap_err();
        }
    }
}
