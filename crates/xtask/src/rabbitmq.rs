//! A private RabbitMQ, or the one that the environment names.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::apt;
use crate::exec::{is_executable, output, versioned, which};
use crate::scratch::{Scratch, Stop};

/// The variable that names a broker to use, and that tests read.
pub const URL_VARIABLE: &str = "COUNTERSIGN_TEST_AMQP_URL";

/// A running broker.
pub struct RabbitMq {
    /// An URL with every right on one virtual host.
    pub url: String,
    /// Where it came from, for people.
    pub origin: String,
    port: Option<u16>,
}

impl RabbitMq {
    /// Starts a broker (or takes the given one) without waiting for it.
    pub fn start(scratch: &mut Scratch) -> Result<Self> {
        if let Ok(url) = env::var(URL_VARIABLE) {
            return Ok(Self { url, origin: format!("given by {URL_VARIABLE}"), port: None });
        }
        let script = find().context("no RabbitMQ")?;
        let folder = scratch.folder("rabbitmq", None)?;
        let (port, distribution, epmd) = (scratch.free_port()?, scratch.free_port()?, scratch.free_port()?);

        // Erlang's port mapper would be left running as a daemon if the node had to start it.
        let mut mapper = Command::new(find_epmd()?);
        mapper.args(["-address", "127.0.0.1", "-port", &epmd.to_string()]);
        scratch.spawn("epmd", Stop::Kill, &mut mapper)?;
        scratch.wait("epmd", Duration::from_secs(20), || connect(epmd).is_some())?;

        let mut server = Command::new(&script);
        configure(&mut server, &folder, port, distribution, epmd)?;
        scratch.spawn("rabbitmq", Stop::Kill, &mut server)?;
        Ok(Self {
            url: format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
            origin: format!("{}, started on port {port}", script.display()),
            port: Some(port),
        })
    }

    /// Waits until it greets as an AMQP broker does.
    pub fn wait(&self, scratch: &mut Scratch) -> Result<()> {
        let Some(port) = self.port else { return Ok(()) };
        scratch.wait("rabbitmq", Duration::from_mins(2), || greets(port).is_some())
    }
}

/// Everything that a node keeps, listens on or is named by is its own, so that no other node on the machine, and no
/// configuration under /etc, is met.
fn configure(server: &mut Command, folder: &Path, port: u16, distribution: u16, epmd: u16) -> Result<()> {
    let file = |name: &str, text: String| -> Result<PathBuf> {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("{} could not be written", path.display()))?;
        Ok(path)
    };
    let settings = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         disk_free_limit.absolute = 50MB\n\
         log.file = false\n\
         log.console = true\n\
         log.console.level = warning\n"
    );
    let inherited: Vec<_> =
        env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RABBITMQ_")).collect();
    for (name, _) in inherited {
        server.env_remove(name);
    }
    server
        .current_dir(folder)
        .env("HOME", folder)
        .env("ERL_EPMD_PORT", epmd.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_CONF_ENV_FILE", file("environment", String::new())?)
        .env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf", settings)?)
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced.config"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins", "[].\n".to_owned())?)
        .env("RABBITMQ_NODENAME", format!("countersign-{port}@localhost"))
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", distribution.to_string())
        .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
        .env("RABBITMQ_LOG_BASE", folder.join("log"))
        .env("RABBITMQ_GENERATED_CONFIG_DIR", folder.join("generated"))
        .env("RABBITMQ_PLUGINS_EXPAND_DIR", folder.join("plugins"))
        .env("RABBITMQ_PID_FILE", folder.join("pid"))
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
    Ok(())
}

fn connect(port: u16) -> Option<TcpStream> {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1)).ok()
}

/// AMQP 0-9-1, 4.2.2: the client sends the protocol's name, the broker answers with a method frame (type 1).
fn greets(port: u16) -> Option<()> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").ok()?;
    let mut kind = [0];
    stream.read_exact(&mut kind).ok()?;
    (kind == [1]).then_some(())
}

/// The real start script. Packages put a wrapper into `PATH` that switches to another user, to
/// fixed folders and out of our process group; behind every link it still bears another name.
pub fn find() -> Option<PathBuf> {
    let packaged = versioned("/usr/lib/rabbitmq/lib", "rabbitmq_server-", "sbin");
    let elsewhere = ["/opt/rabbitmq/sbin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin"];
    which("rabbitmq-server")
        .into_iter()
        .chain(packaged.into_iter().map(in_folder))
        .chain(elsewhere.map(in_folder))
        .filter_map(|script| script.canonicalize().ok())
        .find(|script| is_start_script(script))
}

fn is_start_script(script: &Path) -> bool {
    is_executable(script)
        && script.file_name().is_some_and(|name| name == "rabbitmq-server")
        && script.with_file_name("rabbitmq-env").exists()
        && script.parent().and_then(Path::parent).is_some_and(|home| home.join("plugins").is_dir())
}

fn in_folder(folder: impl Into<PathBuf>) -> PathBuf {
    folder.into().join("rabbitmq-server")
}

/// What to do about a missing broker, after trying to install it; `None` when there is one.
pub fn missing(root: bool) -> Option<String> {
    let complete = || find().is_some() && which("erl").is_some();
    if env::var_os(URL_VARIABLE).is_some() || complete() {
        return None;
    }
    apt::install("rabbitmq-server", root);
    (!complete()).then(|| {
        format!(
            "no RabbitMQ (with Erlang's `erl` in PATH). Either install it (Debian, Ubuntu: \
             `apt-get install rabbitmq-server`; Fedora: `dnf install rabbitmq-server`; macOS: \
             `brew install rabbitmq`), which is then started privately, or set {URL_VARIABLE} to a \
             broker on which exchanges and queues may be made, as in \
             amqp://guest:guest@127.0.0.1:5672/%2f"
        )
    })
}

/// In `PATH` on most systems, in Erlang's own folder on all.
fn find_epmd() -> Result<PathBuf> {
    if let Some(path) = which("epmd") {
        return Ok(path);
    }
    let root = output(Command::new("erl").args([
        "-noshell",
        "-eval",
        "io:format(\"~s\", [code:root_dir()]), halt().",
    ]))?;
    versioned(root.trim(), "erts-", "bin")
        .into_iter()
        .map(|folder| folder.join("epmd"))
        .find(|path| is_executable(path))
        .with_context(|| format!("Erlang in {root} has no `epmd`"))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_wrapper_is_not_taken_for_the_start_script() {
        let folder = tempfile::tempdir().unwrap();
        let sbin = folder.path().join("rabbitmq_server-9/sbin");
        fs::create_dir_all(&sbin).unwrap();
        fs::create_dir(folder.path().join("rabbitmq_server-9/plugins")).unwrap();
        for name in ["rabbitmq-server", "rabbitmq-env", "rabbitmq-script-wrapper"] {
            fs::write(sbin.join(name), "").unwrap();
            fs::set_permissions(sbin.join(name), Permissions::from_mode(0o755)).unwrap();
        }
        assert!(is_start_script(&sbin.join("rabbitmq-server")));
        assert!(!is_start_script(&sbin.join("rabbitmq-script-wrapper")));
        fs::write(folder.path().join("rabbitmq-server"), "").unwrap();
        assert!(!is_start_script(&folder.path().join("rabbitmq-server")));
    }
}
