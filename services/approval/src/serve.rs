//! The binary `countersign-approval`.

use std::sync::Arc;

use clap::CommandFactory as _;
use countersign_broker::{RabbitConfig, check_source, rabbit_publisher};
use countersign_proto::DESCRIPTORS;
use countersign_runtime::{
    BoxError, admin, calls::CallsLayer, clock::Clock, door::DoorLayer, grpc, healthcheck::healthcheck,
    identity::Authenticator, listen::bind, readiness::Readiness, service_role, settings::check_unknown_env,
    shutdown::Shutdown, telemetry,
};
use countersign_store::{SchemaState, Store, StoreConfig};
use prometheus_client::registry::Registry;

use crate::{
    Approval, DATABASE, Parts, SERVICES,
    pages::page_tokens,
    settings::{Cli, Command, MigrateArgs, ServeArgs},
};

/// Does what the command line says.
pub async fn run(cli: Cli) -> Result<(), BoxError> {
    check_unknown_env(&Cli::command())?;
    match cli.command {
        Command::Serve(args) => serve(*args).await,
        Command::Migrate(args) => migrate(args).await,
        Command::Healthcheck(args) => Ok(healthcheck(args.listen).await?),
    }
}

async fn migrate(args: MigrateArgs) -> Result<(), BoxError> {
    telemetry::init(&args.telemetry)?;
    let store = Store::connect(&StoreConfig::new(args.database.url()?.expose())).await?;
    match &args.service.service_role {
        Some(role) => store.migrate_and_grant(&service_role::grants(role)).await?,
        None => store.migrate().await?,
    }
    tracing::info!("the schema is up to date");
    Ok(())
}

async fn serve(args: ServeArgs) -> Result<(), BoxError> {
    telemetry::init(&args.telemetry)?;
    // Before anything is bound: whoever finds the port open may ask for a stop.
    let shutdown = Shutdown::with_signals(args.shutdown.limit())?;
    let authenticator = Authenticator::new(&args.auth);
    authenticator.check_listen(&args.grpc.listen)?;
    check_source(&args.event_source)?;
    let sealing_keys = args.sealing.keys()?;
    // A busy port is found before anything is made.
    let grpc_listener = bind(args.grpc.listen, "--grpc-listen").await?;
    let admin_listener = bind(args.admin.listen, "--admin-listen").await?;
    let admin_address = admin_listener.local_addr()?;
    let url = args.database.url()?;
    let store = Store::connect(&StoreConfig {
        max_connections: args.database_connections,
        ..StoreConfig::new(url.expose())
    })
    .await?;
    check_schema(&store, args.auto_migrate).await?;
    if store.is_owner(service_role::OWNS).await? {
        service_role::warn_of_owner("countersign-approval");
    }
    let clock = Clock::system();
    let pages = page_tokens(&store, sealing_keys, &clock).await?;
    let amqp_url = args.broker.url()?;
    let publisher = rabbit_publisher(RabbitConfig {
        exchange: args.broker.exchange,
        queue: args.broker.queue,
        ..RabbitConfig::new(amqp_url.expose())
    })?;

    let readiness = Readiness::new(shutdown.token(), &[DATABASE]);
    let mut registry = Registry::default();
    let calls = CallsLayer::new(&mut registry, &[DESCRIPTORS])?;
    let door = DoorLayer::new(authenticator.clone(), &[DESCRIPTORS])?;
    let approval = Approval::new(
        Parts { store, publisher, event_source: args.event_source, clock, authenticator, pages },
        &mut registry,
    );
    approval.spawn(&readiness, &shutdown);
    let (health, mirror) = grpc::health(&readiness, &SERVICES);
    shutdown.spawn("health", mirror);
    shutdown.spawn_supporting("admin", admin::serve(admin_listener, readiness, Arc::new(registry)));
    let router = grpc::server(args.grpc.max_streams, calls, door)
        .add_routes(approval.routes())
        .add_service(health)
        .add_service(grpc::reflection_v1(&[DESCRIPTORS])?)
        .add_service(grpc::reflection_v1alpha(&[DESCRIPTORS])?);
    tracing::info!(
        "serving on {} (gRPC), health and metrics on {admin_address}",
        grpc_listener.local_addr()?
    );
    shutdown.spawn("grpc", grpc::serve(router, grpc_listener, shutdown.token()));
    Ok(shutdown.wait().await?)
}

/// A schema of another version is not served: old code must not write into tables it does not know, nor new code miss
/// columns that it needs.
pub async fn check_schema(store: &Store, migrate: bool) -> Result<(), BoxError> {
    match store.schema_state().await? {
        SchemaState::UpToDate => Ok(()),
        SchemaState::Behind { .. } if migrate => Ok(store.migrate().await?),
        SchemaState::Behind { pending } => Err(format!(
            "the database's schema lacks {}: run `countersign-approval migrate`, or serve with --auto-migrate",
            pending.join(", ")
        )
        .into()),
        SchemaState::Ahead => {
            // The next version runs beside this one during a rollout; its migrations only expand.
            tracing::warn!("the database's schema is of a later version");
            Ok(())
        }
    }
}
