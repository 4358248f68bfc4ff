//! `cargo xtask lint`: what can be checked without running the product.

use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::exec::{cargo, run, workspace};
use crate::layers;
use crate::report::Report;
use crate::tools::{self, Tool};

/// The checks, the cheap ones first.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Check {
    /// `cargo fmt --check`
    Fmt,
    /// Which crate may depend on which.
    Layers,
    /// `buf lint` of the contract.
    Buf,
    /// cargo-deny: bans and licences.
    Deny,
    /// clippy, every warning an error.
    Clippy,
    /// rustdoc, every warning an error.
    Doc,
}

/// Runs one check, or all of them, to the end, whatever fails on the way.
pub fn run_checks(only: Option<Check>) -> Result<()> {
    let mut report = Report::default();
    let checks = only.map_or_else(|| Check::value_variants().to_vec(), |check| vec![check]);
    for check in checks {
        let name = format!("{check:?}").to_lowercase();
        match check {
            Check::Fmt => report.step(&name, &run(cargo().args(["fmt", "--all", "--check"]))),
            Check::Layers => report.step(&name, &layers::check()),
            Check::Buf => with_tool(&mut report, &name, tools::buf(), |tool| {
                run(Command::new(&tool.path).arg("lint").current_dir(workspace().join("proto")))
            }),
            Check::Deny => with_tool(&mut report, &name, tools::cargo_deny(), |tool| {
                let mut command = Command::new(&tool.path);
                run(command.args(["--all-features", "check", "bans", "licenses"]).current_dir(workspace()))
            }),
            Check::Clippy => {
                let mut command = cargo();
                command.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
                report.step(&name, &run(&mut command));
            }
            Check::Doc => {
                let mut command = cargo();
                command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
                report.step(&name, &run(&mut command));
            }
        }
    }
    report.finish()
}

fn with_tool(report: &mut Report, name: &str, tool: Result<Tool>, check: impl FnOnce(&Tool) -> Result<()>) {
    match tool {
        Ok(tool) => {
            report.note(&format!("{name}'s tool"), &tool.origin);
            report.step(name, &check(&tool));
        }
        Err(why) => report.not_run(name, &why),
    }
}
