//! `cargo xtask bench NAME`: measuring against real services, with the durability that production has.

use anyhow::{Result, bail};

use crate::services::{Durability, Services};

/// A benchmark gets running services and prints its own table; a missed target is an error.
type Benchmark = fn(&Services) -> Result<()>;

/// By id, as the command line names them.
const BENCHMARKS: &[(&str, Benchmark)] = &[];

/// Runs one benchmark.
pub fn run(name: &str) -> Result<()> {
    let Some((_, benchmark)) = BENCHMARKS.iter().find(|(id, _)| *id == name) else {
        let known: Vec<&str> = BENCHMARKS.iter().map(|(id, _)| *id).collect();
        bail!("there is no benchmark `{name}` yet (there are: {known:?})");
    };
    let services = Services::start(Durability::Real)?;
    benchmark(&services)
}
