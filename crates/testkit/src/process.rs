//! Real binaries, started, stopped and killed.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::wait_for;

/// How long a process may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. It is killed with this value; when the test panics, its log is printed.
pub struct Process {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts a binary of this workspace by its name (or any program by its absolute path).
    ///
    /// Of the environment it gets what the test has, except that of `COUNTERSIGN_…` it only gets what is given here.
    pub fn start(name: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let env: Vec<_> = env.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let child = spawn(name, &args, &env, folder.path());
        Self { name: name.to_owned(), args, env, child, folder }
    }

    /// What it has written to standard output and standard error, over all its lives.
    pub fn log(&self) -> String {
        read_log(self.folder.path())
    }

    /// Waits until its log holds a text.
    pub async fn wait_for_log(&mut self, text: &str, limit: Duration) {
        let Self { name, child, folder, .. } = self;
        wait_for(&format!("`{text}` in the log of {name}"), limit, async || {
            if read_log(folder.path()).contains(text) {
                return Some(());
            }
            if let Some(status) = child.try_wait().expect("the state of a child process") {
                panic!("{name} has ended ({status}) without `{text}` in its log");
            }
            None
        })
        .await;
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// True until it has ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the state of a child process").is_none()
    }

    /// `kill -9`: it gets no chance to do anything more.
    pub fn kill9(&mut self) {
        // Killing what has ended by itself is an error on some systems, and no difference to the test.
        let _ = self.child.kill();
        self.child.wait().expect("the end of a child process");
    }

    /// SIGTERM, and waits for the end.
    pub async fn terminate(&mut self) -> ExitStatus {
        let sent = Command::new("kill")
            .args(["-TERM", &self.id().to_string()])
            .status()
            .expect("the `kill` command");
        assert!(sent.success(), "{} could not be told to end", self.name);
        self.wait(PATIENCE).await
    }

    /// Waits for it to end by itself.
    pub async fn wait(&mut self, limit: Duration) -> ExitStatus {
        let Self { name, child, .. } = self;
        let end = format!("the end of {name}");
        wait_for(&end, limit, async || child.try_wait().expect("the state of a child process")).await
    }

    /// Starts it again with the same arguments and environment; the log goes on.
    pub fn start_again(&mut self) {
        assert!(!self.is_running(), "{} is still running", self.name);
        self.child = spawn(&self.name, &self.args, &self.env, self.folder.path());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of {} ---\n{}--- end of log ---", self.name, self.log());
        }
    }
}

fn spawn(name: &str, args: &[String], env: &[(String, String)], folder: &Path) -> Child {
    let program = binary(name);
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let errors = log.try_clone().expect("a log file");
    let mut command = Command::new(&program);
    for (key, _) in env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("COUNTERSIGN_")) {
        command.env_remove(key);
    }
    command.args(args).envs(env.iter().map(|(key, value)| (key, value)));
    command.stdin(Stdio::null()).stdout(log).stderr(errors).current_dir(folder);
    command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()))
}

fn read_log(folder: &Path) -> String {
    let bytes = fs::read(folder.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where a binary of this workspace is (or any program by its absolute path).
pub fn binary(name: &str) -> PathBuf {
    let program = bin_dir().join(name);
    assert!(program.is_file(), "{} is not built: run `cargo xtask test`", program.display());
    program
}

/// `COUNTERSIGN_BIN_DIR`, else the folder above the one that holds the test binary (`target/debug/deps`).
fn bin_dir() -> PathBuf {
    if let Some(folder) = env::var_os("COUNTERSIGN_BIN_DIR") {
        return folder.into();
    }
    let test = env::current_exe().expect("the path of the test binary");
    test.ancestors().nth(2).expect("a folder above the test binary's").to_owned()
}
