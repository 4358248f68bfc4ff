//! `cargo xtask bench`: measuring against real services, with the durability that production has.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec::{cargo, run, target_dir};
use crate::postgres;
use crate::report::Report;
use crate::services::{Durability, Services};

/// By id, as the command line names them; each is a subcommand of `countersign-bench`, which prints its own table and
/// fails when a target is missed that is checked.
const BENCHMARKS: &[&str] = &["b1"];

/// What the benchmarks run.
const PACKAGES: &[&str] = &["countersign-approval", "countersign-bench"];

/// Runs one benchmark, or all there are. `args` go to it as they are.
pub fn run_one_or_all(name: Option<&str>, check: bool, args: &[String]) -> Result<()> {
    let chosen: Vec<&str> =
        BENCHMARKS.iter().copied().filter(|id| name.is_none_or(|name| name == *id)).collect();
    if chosen.is_empty() {
        bail!("there is no benchmark `{}` (there are: {})", name.unwrap_or_default(), BENCHMARKS.join(", "));
    }
    let mut build = cargo();
    build.args(["build", "--release"]).args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    run(&mut build)?;

    let services = Services::start(Durability::Real)?;
    let mut report = Report::default();
    report.note("PostgreSQL", &services.postgres.origin);
    report.note("RabbitMQ", &services.rabbitmq.origin);
    for id in chosen {
        let mut bench = bench(id, &services)?;
        if check {
            bench.arg("--check");
        }
        let result = run(bench.args(args));
        if check || result.is_err() {
            report.step(id, &result);
        } else {
            report.note(id, "measured; `--check` says whether it reaches its target");
        }
    }
    report.finish()
}

fn bench(id: &str, services: &Services) -> Result<Command> {
    let (target, programs) = (target_dir()?, postgres::find().context("no `pgbench` on this machine")?);
    let mut bench = Command::new(target.join("release/countersign-bench"));
    bench
        .arg(id)
        .args(["--postgres-url", &services.postgres.url, "--amqp-url", &services.rabbitmq.url])
        .arg("--postgres-programs")
        .arg(programs)
        .arg("--service")
        .arg(target.join("release/countersign-approval"))
        .arg("--output")
        .arg(target.join("bench"));
    Ok(bench)
}
