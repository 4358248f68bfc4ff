//! All of Countersign in one process: what `cargo run` starts.

use std::process::ExitCode;

use clap::Parser as _;
use countersign_runtime::shutdown;
use countersign_standalone::{serve, settings::Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    shutdown::run(serve::run(Settings::parse()))
}
