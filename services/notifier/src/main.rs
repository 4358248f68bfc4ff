//! The notifier as a process.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use countersign_notifier::settings::{Cli, Command};
use countersign_notifier::{migrate_for, preview, serve};
use countersign_runtime::healthcheck::healthcheck;
use countersign_runtime::settings::check_unknown_env;
use countersign_runtime::{shutdown, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    shutdown::run(async move {
        check_unknown_env(&Cli::command())?;
        match cli.command {
            Command::Serve(settings) => serve::run(*settings).await?,
            Command::Migrate { database, service, telemetry } => {
                telemetry::init(&telemetry)?;
                migrate_for(database.url()?.expose(), service.service_role.as_deref()).await?;
                tracing::info!("the database's schema is at this version");
            }
            Command::Preview(args) => preview::run(&args)?,
            Command::Healthcheck { admin } => healthcheck(admin.listen).await?,
        }
        Ok(())
    })
}
