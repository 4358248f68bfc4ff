//! Countersign's approval service.

use std::process::ExitCode;

use clap::Parser as _;
use countersign_approval::{serve, settings::Cli};
use countersign_runtime::shutdown;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    shutdown::run(serve::run(Cli::parse()))
}
