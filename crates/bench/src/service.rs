//! The service under test: its real binary, as one process.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tonic::transport::{Channel, Endpoint};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running approval service; killed when dropped.
pub struct Approval {
    process: Child,
    endpoint: Endpoint,
}

/// Brings a database's schema to the service's version.
pub fn migrate(binary: &Path, database_url: &str) -> Result<()> {
    let mut migrate = command(binary, "migrate", &[("COUNTERSIGN_DATABASE_URL", database_url)]);
    let done = migrate.output().with_context(|| format!("{} could not be started", binary.display()))?;
    if !done.status.success() {
        bail!("the migration failed:\n{}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

impl Approval {
    /// Starts it with its defaults, and waits until it serves. `name` is that of its exchange and queue.
    pub async fn start(
        binary: &Path,
        database_url: &str,
        amqp_url: &str,
        name: &str,
        log: &Path,
    ) -> Result<Self> {
        let (grpc, admin) = (free_port()?, free_port()?);
        let settings = [
            ("COUNTERSIGN_DATABASE_URL", database_url),
            ("COUNTERSIGN_AMQP_URL", amqp_url),
            ("COUNTERSIGN_EXCHANGE", name),
            ("COUNTERSIGN_QUEUE", name),
            ("COUNTERSIGN_GRPC_LISTEN", &format!("127.0.0.1:{grpc}")),
            ("COUNTERSIGN_ADMIN_LISTEN", &format!("127.0.0.1:{admin}")),
        ];
        let file = File::create(log).with_context(|| format!("{} could not be made", log.display()))?;
        let process = command(binary, "serve", &settings)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} could not be started", binary.display()))?;
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{grpc}"))?.tcp_nodelay(true);
        let mut approval = Self { process, endpoint };
        approval.wait(log).await?;
        Ok(approval)
    }

    async fn wait(&mut self, log: &Path) -> Result<()> {
        let reached = async {
            while self.endpoint.connect().await.is_err() {
                if let Some(status) = self.process.try_wait()? {
                    bail!("the service has ended by itself ({status}): see {}", log.display());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .with_context(|| format!("the service does not serve: see {}", log.display()))?
    }

    /// A connection of its own.
    pub async fn connect(&self) -> Result<Channel> {
        self.endpoint.connect().await.context("the service can't be reached")
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Approval {
    fn drop(&mut self) {
        // What it has answered is on disk: it needs no time to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The binary with these settings and none that the caller's environment may have.
fn command(binary: &Path, subcommand: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_"))
    {
        command.env_remove(name);
    }
    command.arg(subcommand).envs(settings.iter().copied()).stdin(Stdio::null());
    command
}

/// A loopback port that nobody listens on.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
