//! Benchmarks against real services. `cargo xtask bench` starts what they need and runs them.
//!
//! Absolute figures say little on a shared machine, so every target is a ratio to a contender that runs in turns with ours
//! on the same servers.

mod b1;
mod machine;
mod postgres;
mod report;
mod service;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Submit and approve, 32 in flight, against pgbench writing the same rows.
    B1(b1::Settings),
}

/// What every benchmark needs.
#[derive(Args, Clone)]
struct Common {
    /// A superuser's URL of a `PostgreSQL` on which databases may be made and dropped.
    #[arg(long)]
    postgres_url: String,
    /// The folder with `psql` and `pgbench`.
    #[arg(long)]
    postgres_programs: PathBuf,
    /// A `RabbitMQ`.
    #[arg(long)]
    amqp_url: String,
    /// The binary `countersign-approval`.
    #[arg(long)]
    service: PathBuf,
    /// Where results and logs go.
    #[arg(long)]
    output: PathBuf,
    /// Fail when a ratio misses its target.
    #[arg(long)]
    check: bool,
    /// Rounds of each contender, in turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Seconds of a round.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seconds that each contender runs before the first round.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    warm_up: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().benchmark {
        Benchmark::B1(settings) => b1::run(&settings).await,
    }
}
