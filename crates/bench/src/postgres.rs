//! The database, through the programs that come with it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A server, and the programs that talk to it.
pub struct Server {
    programs: PathBuf,
    /// Up to the last slash.
    base: String,
    url: String,
}

/// A database of a [`Server`].
pub struct Database<'a> {
    server: &'a Server,
    /// Its URL.
    pub url: String,
}

impl Server {
    /// The server of `url`, with the programs of that folder.
    pub fn new(url: &str, programs: PathBuf) -> Result<Self> {
        let (base, _) = url.rsplit_once('/').context("the PostgreSQL URL names no database")?;
        Ok(Self { programs, base: base.to_owned(), url: url.to_owned() })
    }

    /// Makes a database anew: empty, or as a copy of `template`, to which nobody may be connected then.
    pub fn create(&self, name: &str, template: Option<&str>) -> Result<Database<'_>> {
        self.psql(&self.url, &[], &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        let template = template.unwrap_or("template0");
        self.psql(&self.url, &[], &format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        Ok(Database { server: self, url: format!("{}/{name}", self.base) })
    }

    /// Drops a database, whoever is connected.
    pub fn drop(&self, name: &str) -> Result<()> {
        self.psql(&self.url, &[], &format!("DROP DATABASE {name} WITH (FORCE)")).map(drop)
    }

    fn psql(&self, url: &str, variables: &[(&str, u64)], sql: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--file=-",
        ]);
        for (name, value) in variables {
            psql.arg(format!("--set={name}={value}"));
        }
        finish(start(psql.arg(url), sql)?, "psql")
    }
}

impl Database<'_> {
    /// Runs SQL and returns its rows, a line each, columns separated by `|`.
    pub fn run(&self, sql: &str) -> Result<String> {
        self.run_with(&[], sql)
    }

    /// As [`run`](Self::run), with psql variables.
    pub fn run_with(&self, variables: &[(&str, u64)], sql: &str) -> Result<String> {
        Ok(self.server.psql(&self.url, variables, sql)?.trim_end().to_owned())
    }

    /// One number.
    pub fn number(&self, sql: &str) -> Result<u64> {
        let text = self.run(sql)?;
        text.parse().with_context(|| format!("`{sql}` answered {text:?}"))
    }

    /// Starts pgbench with a script.
    pub fn pgbench(
        &self,
        script: &str,
        clients: u32,
        seconds: u64,
        variables: &[(String, String)],
    ) -> Result<Child> {
        let mut pgbench = Command::new(self.server.programs.join("pgbench"));
        // As the service sets its own connections.
        pgbench.env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan -c jit=off");
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--file=-"]);
        pgbench.args([
            format!("--client={clients}"),
            format!("--jobs={}", clients.min(2)),
            format!("--time={seconds}"),
        ]);
        for (name, value) in variables {
            pgbench.arg(format!("--define={name}={value}"));
        }
        start(pgbench.arg(&self.url), script)
    }
}

/// What pgbench says at its end.
pub struct Pgbench {
    /// Scripts run to their end.
    pub transactions: u64,
    /// Per second, without the time to connect.
    pub rate: f64,
    /// The mean of a script, in milliseconds.
    pub latency_ms: f64,
}

impl Pgbench {
    /// Waits for the end.
    pub fn finish(pgbench: Child) -> Result<Self> {
        let text = finish(pgbench, "pgbench")?;
        let after = |label: &str| -> Result<&str> {
            let line = text.lines().find_map(|line| line.strip_prefix(label));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            word.with_context(|| format!("pgbench did not say `{label}`:\n{text}"))
        };
        if after("number of failed transactions:")? != "0" {
            bail!("pgbench failed:\n{text}");
        }
        Ok(Self {
            transactions: after("number of transactions actually processed:")?.parse()?,
            rate: after("tps =")?.parse()?,
            latency_ms: after("latency average =")?.parse()?,
        })
    }
}

fn start(command: &mut Command, input: &str) -> Result<Child> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} could not be started"))?;
    // Dropped at the end of this statement, which is the input's end.
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    Ok(child)
}

fn finish(child: Child, name: &str) -> Result<String> {
    let done = child.wait_with_output().with_context(|| format!("{name} could not be waited for"))?;
    if !done.status.success() {
        bail!("{name} failed ({}):\n{}", done.status, String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
