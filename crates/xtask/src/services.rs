//! PostgreSQL and RabbitMQ together.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::postgres::{self, Postgres};
use crate::rabbitmq::{self, RabbitMq};
use crate::scratch::Scratch;

/// Whether data must outlive a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// For tests: nothing is forced to the disk.
    Throwaway,
    /// For measuring: PostgreSQL's own defaults.
    Real,
}

/// Running servers, stopped when this is dropped.
pub struct Services {
    /// The database server.
    pub postgres: Postgres,
    /// The broker.
    pub rabbitmq: RabbitMq,
    scratch: Scratch,
}

impl Services {
    /// Starts both and waits until both answer.
    pub fn start(durability: Durability) -> Result<Self> {
        let mut scratch = Scratch::create()?;
        let root = scratch.owned_by_root();
        // Both are looked for before either starts: who lacks both should read so at once.
        let missing: Vec<String> =
            [postgres::missing(root), rabbitmq::missing(root)].into_iter().flatten().collect();
        if !missing.is_empty() {
            bail!("{}", missing.join("\n\nxtask: "));
        }
        // The broker takes longest, so it starts first and the database is made meanwhile.
        let rabbitmq = RabbitMq::start(&mut scratch)?;
        let postgres = Postgres::start(&mut scratch, durability)?;
        postgres.wait(&mut scratch)?;
        rabbitmq.wait(&mut scratch)?;
        Ok(Self { postgres, rabbitmq, scratch })
    }

    /// The environment that tests and benchmarks read.
    pub fn environment(&self) -> [(&'static str, &str); 2] {
        [(postgres::URL_VARIABLE, &self.postgres.url), (rabbitmq::URL_VARIABLE, &self.rabbitmq.url)]
    }
}

/// `cargo xtask services`: prints how to use them and keeps them until Ctrl-C, or until one dies.
pub fn keep() -> Result<()> {
    let mut services = Services::start(Durability::Throwaway)?;
    for (name, value) in services.environment() {
        println!("export {name}='{value}'");
    }
    eprintln!("Ready. Ctrl-C stops both and removes their data.");
    loop {
        services.scratch.check()?;
        sleep(Duration::from_millis(500));
    }
}
