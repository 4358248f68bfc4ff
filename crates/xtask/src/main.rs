//! The project's own commands: `cargo xtask help` lists them.

mod apt;
mod bench;
mod exec;
mod layers;
mod lint;
mod postgres;
mod rabbitmq;
mod report;
mod rules;
mod scratch;
mod services;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about, disable_help_subcommand = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start PostgreSQL and RabbitMQ, build every binary and run every test.
    Test {
        /// Passed on to `cargo test`, as in `cargo xtask test -- -p countersign-store some_name`.
        /// A named package is built and tested alone.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Check form, lints, docs, the contract, the dependencies and the layers.
    Lint {
        /// One check only; all of them without it.
        #[arg(value_enum)]
        only: Option<lint::Check>,
    },
    /// Run benchmarks against real services with their durable defaults.
    Bench {
        /// The benchmark's id, as in `b1`; all of them without it.
        name: Option<String>,
        /// Fail when a ratio misses its target.
        #[arg(long)]
        check: bool,
        /// Passed on to the benchmark, as in `cargo xtask bench b1 -- --old-requests 1000000`.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Print each rule of docs/rules.md with the tests that prove it; fail when one has none.
    Rules,
    /// Say which tools and servers were found where, and fetch those that can be pinned.
    Tools,
    /// Start PostgreSQL and RabbitMQ for tests that are run by hand, until Ctrl-C.
    Services,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test { args } => test::run_all(&args),
        Command::Lint { only } => lint::run_checks(only),
        Command::Bench { name, check, args } => bench::run_one_or_all(name.as_deref(), check, &args),
        Command::Rules => rules::check(),
        Command::Tools => tools::show(),
        Command::Services => services::keep(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
