//! A private PostgreSQL, or the one that the environment names.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::exec::{is_executable, output, versioned, which};
use crate::scratch::{Scratch, Stop};
use crate::{apt, services::Durability};

/// The variable that names a server to use, and that tests read.
pub const URL_VARIABLE: &str = "COUNTERSIGN_TEST_POSTGRES_URL";

/// A running server.
pub struct Postgres {
    /// A superuser's URL; tests make databases of their own.
    pub url: String,
    /// Where it came from, for people.
    pub origin: String,
    ready: Option<PathBuf>,
}

impl Postgres {
    /// Starts a server (or takes the given one) without waiting for it.
    pub fn start(scratch: &mut Scratch, durability: Durability) -> Result<Self> {
        if let Ok(url) = env::var(URL_VARIABLE) {
            return Ok(Self { url, origin: format!("given by {URL_VARIABLE}"), ready: None });
        }
        let root = scratch.owned_by_root();
        let bin = find().context("no PostgreSQL")?;
        let owner = if root { Some(unprivileged_user()?) } else { None };
        let folder = scratch.folder("postgres", owner)?;
        let data = folder.join("data");
        let program = |name: &str| {
            let mut command = Command::new(bin.join(name));
            command.current_dir(&folder).env("LC_ALL", "C").env_remove("PGDATA");
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };
        // Trust, because a password costs every new connection thousands of hash rounds, and the server listens on
        // loopback for the length of one run.
        let mut initdb = program("initdb");
        initdb.args(["--username=countersign", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        output(initdb.arg("--pgdata").arg(&data)).context("the new PostgreSQL has no data folder")?;

        let port = scratch.free_port()?;
        let mut server = program("postgres");
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in settings(durability) {
            server.args(["-c", setting]);
        }
        scratch.spawn("postgres", Stop::Quit, &mut server)?;
        Ok(Self {
            url: format!("postgres://countersign@127.0.0.1:{port}/postgres"),
            origin: format!("{}, started on port {port}", bin.display()),
            ready: Some(data.join("postmaster.pid")),
        })
    }

    /// Waits until it takes connections. The last line of its pid file says so, without a client being needed.
    pub fn wait(&self, scratch: &mut Scratch) -> Result<()> {
        let Some(file) = &self.ready else {
            return Ok(());
        };
        scratch.wait("postgres", Duration::from_mins(1), || {
            fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| line.trim() == "ready"))
        })
    }
}

fn settings(durability: Durability) -> &'static [&'static str] {
    match durability {
        // A crash of the machine loses the data, and nobody minds; a crash of the server does not.
        Durability::Throwaway => &[
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "fsync=off",
            "full_page_writes=off",
        ],
        Durability::Real => {
            &["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"]
        }
    }
}

/// The folder with the server's programs (`pgbench` too): what `PATH` has, else the newest of the usual places.
pub fn find() -> Option<PathBuf> {
    let in_path = which("postgres")
        .and_then(|path| path.canonicalize().ok())
        .and_then(|path| Some(path.parent()?.into()));
    in_path
        .into_iter()
        .chain(versioned("/usr/lib/postgresql", "", "bin"))
        .chain(versioned("/usr", "pgsql-", "bin"))
        .chain(versioned("/opt/homebrew/opt", "postgresql@", "bin"))
        .chain(versioned("/usr/local/opt", "postgresql@", "bin"))
        .find(|folder: &PathBuf| complete(folder))
}

fn complete(folder: &Path) -> bool {
    is_executable(&folder.join("postgres")) && is_executable(&folder.join("initdb"))
}

/// What to do about a missing server, after trying to install it; `None` when there is one.
pub fn missing(root: bool) -> Option<String> {
    if env::var_os(URL_VARIABLE).is_some() || find().is_some() {
        return None;
    }
    apt::install("postgresql", root);
    find().is_none().then(|| {
        format!(
            "no PostgreSQL. Either install its server (Debian, Ubuntu: `apt-get install \
             postgresql`; Fedora: `dnf install postgresql-server`; macOS: `brew install \
             postgresql@17`), which is then started privately, or set {URL_VARIABLE} to a server \
             on which databases may be created, as in \
             postgres://user:password@127.0.0.1:5432/postgres"
        )
    })
}

/// PostgreSQL refuses to run as root.
fn unprivileged_user() -> Result<(u32, u32)> {
    let id = |flag: &str, name: &str| -> Result<u32> {
        Ok(output(Command::new("id").args([flag, name]))?.trim().parse()?)
    };
    for name in ["postgres", "nobody"] {
        if let (Ok(user), Ok(group)) = (id("-u", name), id("-g", name)) {
            return Ok((user, group));
        }
    }
    bail!("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as");
}
