//! A temporary folder with servers in it, and the promise that both are gone afterwards.
//!
//! A small shell, the reaper, holds the other end of a pipe of ours. When the pipe closes, for whatever reason (a
//! normal end, a panic, Ctrl-C, kill -9), it stops the servers and removes the folder. So there is one way of cleaning
//! up, and no signal handler.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Reads `SIGNAL GROUP` lines until the pipe closes; then ten seconds of grace for all, and the folder goes.
const REAPER: &str = r#"
trap "" HUP INT TERM
groups=
while read -r signal group; do groups="$groups $signal:$group"; done
for entry in $groups; do kill -s "${entry%%:*}" -- "-${entry##*:}"; done
tries=0
for entry in $groups; do
    while kill -s 0 -- "-${entry##*:}" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -s KILL -- "-${entry##*:}"
done
rm -rf -- "$1"
"#;

/// How a server is told to stop at once; its data is thrown away, so it need not save any.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// PostgreSQL's immediate shutdown, which takes its backends and shared memory along.
    Quit,
    /// For servers that leave nothing behind outside of their folder.
    Kill,
}

/// See the module's text.
pub struct Scratch {
    folder: PathBuf,
    pipe: Option<ChildStdin>,
    reaper: Child,
    servers: Vec<Server>,
    next_port: u16,
}

struct Server {
    name: &'static str,
    process: Child,
    log: PathBuf,
}

impl Scratch {
    /// An empty folder and its reaper.
    pub fn create() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("countersign-")
            .tempdir()
            .context("no temporary folder could be made")?;
        // A server that runs as another user must get through to its own folder below.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))
            .context("the temporary folder could not be opened to other users")?;
        let mut reaper = Command::new("sh")
            .args(["-c", REAPER, "reaper"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the terminal's process group, and must not reach the one who cleans up after it.
            .process_group(0)
            .spawn()
            .context("`sh` could not be started")?;
        let pipe = reaper.stdin.take();
        let mine = u16::try_from(std::process::id() % 10_000).unwrap_or(0);
        Ok(Self { folder: folder.keep(), pipe, reaper, servers: Vec::new(), next_port: 20_000 + mine })
    }

    /// A new folder inside, owned by `owner` (user and group) if given.
    pub fn folder(&self, name: &str, owner: Option<(u32, u32)>) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::create_dir(&path).with_context(|| format!("{} could not be made", path.display()))?;
        if let Some((user, group)) = owner {
            chown(&path, Some(user), Some(group))
                .with_context(|| format!("{} could not be given to user {user}", path.display()))?;
        }
        Ok(path)
    }

    /// True when this process may do anything, which PostgreSQL refuses to run with.
    pub fn owned_by_root(&self) -> bool {
        fs::metadata(&self.folder).is_ok_and(|folder| folder.uid() == 0)
    }

    /// A loopback port that nobody uses. It lies below the range from which systems take the ports of outgoing
    /// connections, so that none of those can take it away before the server has it.
    pub fn free_port(&mut self) -> Result<u16> {
        while self.next_port < 32_000 {
            self.next_port += 1;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, self.next_port)).is_ok() {
                return Ok(self.next_port);
            }
        }
        bail!("no free port below 32000");
    }

    /// Starts a server in a process group of its own, its output going to a file that [`Self::check`] quotes.
    pub fn spawn(&mut self, name: &'static str, stop: Stop, command: &mut Command) -> Result<()> {
        let log = self.log(name);
        let file = File::create(&log).with_context(|| format!("{} could not be made", log.display()))?;
        let errors = file.try_clone().context("a log file could not be shared")?;
        let process = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        let signal = match stop {
            Stop::Quit => "QUIT",
            Stop::Kill => "KILL",
        };
        let group = process.id();
        self.servers.push(Server { name, process, log });
        let pipe = self.pipe.as_mut().context("the reaper has gone")?;
        writeln!(pipe, "{signal} {group}").context("the reaper does not listen")
    }

    /// Where a server's output goes.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Fails with the end of its log when a server has died.
    pub fn check(&mut self) -> Result<()> {
        for server in &mut self.servers {
            if let Some(status) = server.process.try_wait().context("a server could not be looked at")? {
                bail!("{} has ended by itself ({status}):\n{}", server.name, tail(&server.log));
            }
        }
        Ok(())
    }

    /// Waits until `ready`, as long as every server lives.
    pub fn wait(&mut self, name: &str, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            self.check()?;
            if start.elapsed() > limit {
                bail!("{name} was not ready after {} s:\n{}", limit.as_secs(), tail(&self.log(name)));
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // The reaper can only see that a server is gone once its parent has taken note of it.
        for server in &mut self.servers {
            let _ = server.process.wait();
        }
        let _ = self.reaper.wait();
    }
}

/// The last lines of a log file.
fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_when_it_is_dropped() {
        let mut scratch = Scratch::create().unwrap();
        scratch.spawn("sleeper", Stop::Kill, Command::new("sleep").arg("600")).unwrap();
        scratch.check().unwrap();
        let folder = scratch.folder.clone();
        let pid = scratch.servers[0].process.id();
        drop(scratch);
        assert!(!folder.exists(), "the folder is still there");
        let alive =
            Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status().unwrap();
        assert!(!alive.success(), "the server is still there");
    }

    #[test]
    fn a_server_that_dies_is_reported_with_its_log() {
        let mut scratch = Scratch::create().unwrap();
        scratch
            .spawn("failing", Stop::Kill, Command::new("sh").args(["-c", "echo no such luck; exit 3"]))
            .unwrap();
        let error = scratch.wait("failing", Duration::from_secs(10), || false).unwrap_err().to_string();
        assert!(error.contains("failing has ended by itself") && error.contains("no such luck"), "{error}");
    }

    #[test]
    fn two_ports_are_never_the_same() {
        let mut scratch = Scratch::create().unwrap();
        assert_ne!(scratch.free_port().unwrap(), scratch.free_port().unwrap());
    }
}
