//! Finding and running programs.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace's folder, whatever folder the command was started in.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").components().fold(PathBuf::new(), |mut path, part| {
        if part == std::path::Component::ParentDir {
            path.pop();
        } else {
            path.push(part);
        }
        path
    })
}

/// Cargo's output folder, wherever the user has put it: the one that this program was built into.
pub fn target_dir() -> Result<PathBuf> {
    let program = env::current_exe().context("this program's own path is unknown")?;
    let folder =
        program.parent().and_then(Path::parent).context("this program does not lie in a target folder")?;
    Ok(folder.to_owned())
}

/// The cargo that started this process, so that a `+toolchain` stays in force.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).stdin(Stdio::null());
    // `cargo run` describes this package in the environment. Build scripts that watch those
    // variables (ring's does) would build half of the tree anew each time they come and go.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name.as_ref());
        }
    }
    if let (Some(_), Ok(folder)) = (env::var_os("CARGO_TARGET_DIR"), target_dir()) {
        // It may have been relative to the user's folder.
        command.env("CARGO_TARGET_DIR", folder);
    }
    command
}

/// True on a build server, where nothing may be left out.
pub fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// A file that can be run.
pub fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The first program of this name in `PATH`.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| is_executable(candidate))
}

/// Runs a command with its output in view.
pub fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", spoken(command));
    let status = command.status().with_context(|| format!("`{}` could not be started", spoken(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", spoken(command));
    }
    Ok(())
}

/// Runs a command and returns what it printed; its errors only show when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{}` could not be started", spoken(command)))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        let errors = String::from_utf8_lossy(&done.stderr);
        bail!("`{}` failed ({})\n{text}{errors}", spoken(command), done.status);
    }
    Ok(text)
}

/// The command as one would type it, without folders that say nothing.
fn spoken(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Folders that match `parent/<prefix>*<suffix>`, the highest version first.
pub fn versioned(parent: &str, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version =
                name.strip_prefix(prefix)?.split('.').map(|part| part.parse().unwrap_or(0)).collect();
            Some((version, entry.path().join(suffix)))
        })
        .filter(|(_, path)| path.is_dir())
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pg-9.6", "pg-16", "pg-15.2", "other-99"] {
            fs::create_dir_all(folder.path().join(name).join("bin")).unwrap();
        }
        let found = versioned(folder.path().to_str().unwrap(), "pg-", "bin");
        let names: Vec<_> =
            found.iter().map(|path| path.parent().unwrap().file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["pg-16", "pg-15.2", "pg-9.6"]);
    }

    #[test]
    fn the_workspace_is_where_the_lock_file_is() {
        assert!(workspace().join("Cargo.lock").is_file());
    }
}
