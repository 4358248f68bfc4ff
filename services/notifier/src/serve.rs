//! The `serve` subcommand: the whole process.

use std::sync::Arc;

use countersign_broker::{RabbitConfig, rabbit_consumer};
use countersign_proto::{DESCRIPTORS, inbox};
use countersign_runtime::calls::CallsLayer;
use countersign_runtime::clock::Clock;
use countersign_runtime::door::DoorLayer;
use countersign_runtime::identity::Authenticator;
use countersign_runtime::listen::bind;
use countersign_runtime::readiness::Readiness;
use countersign_runtime::shutdown::Shutdown;
use countersign_runtime::{BoxError, admin, grpc, service_role, telemetry};
use prometheus_client::registry::Registry;

use crate::mail::Composer;
use crate::settings::ServeArgs;
use crate::{Notifier, NotifierConfig, migrate};

/// Runs until the process is asked to stop. Everything that can be checked is checked before anything is done.
pub async fn run(settings: ServeArgs) -> Result<(), BoxError> {
    telemetry::init(&settings.telemetry)?;
    let shutdown = Shutdown::with_signals(settings.shutdown.limit())?;
    let authenticator = Authenticator::new(&settings.auth);
    authenticator.check_listen(&settings.grpc.listen)?;
    let mail = settings.mail.settings()?;
    let outbound = settings.smtp.outbound(&mail.domain)?;
    let composer = Composer::new(mail)?;
    let sealing_keys = settings.sealing.keys()?;
    let database_url = settings.database.url()?.expose().to_owned();
    let consumer = rabbit_consumer(RabbitConfig {
        exchange: settings.broker.exchange.clone(),
        queue: settings.broker.queue.clone(),
        ..RabbitConfig::new(settings.broker.url()?.expose())
    })?;

    let admin_listener = bind(settings.admin.listen, "--admin-listen").await?;
    let grpc_listener = bind(settings.grpc.listen, "--grpc-listen").await?;
    if settings.auto_migrate {
        migrate(&database_url).await?;
    }
    let config = NotifierConfig {
        database_url,
        outbound,
        composer,
        delivery: settings.smtp.delivery(),
        reminder_digest: settings.reminder_digest,
        keep: settings.keep(),
        sealing_keys,
    };
    let notifier = Notifier::open(config, Clock::system()).await?;
    if notifier.storage().is_owner().await? {
        service_role::warn_of_owner("countersign-notifier");
    }

    let mut registry = Registry::default();
    notifier.metrics().register(&mut registry);
    let calls = CallsLayer::new(&mut registry, &[DESCRIPTORS])?;
    let door = DoorLayer::new(authenticator.clone(), &[DESCRIPTORS])?;
    let readiness = Readiness::new(shutdown.token(), &[Notifier::READINESS_CHECK]);
    let (health, health_follows) = grpc::health(&readiness, &[inbox::inbox_service_server::SERVICE_NAME]);
    let router = grpc::server(settings.grpc.max_streams, calls, door)
        .add_service(health)
        .add_service(grpc::reflection_v1(&[DESCRIPTORS])?)
        .add_service(grpc::reflection_v1alpha(&[DESCRIPTORS])?)
        .add_service(notifier.inbox_service(authenticator, shutdown.token()));
    tracing::info!(
        "serving on {} (gRPC), health and metrics on {}",
        grpc_listener.local_addr()?,
        admin_listener.local_addr()?
    );
    shutdown.spawn("gRPC server", grpc::serve(router, grpc_listener, shutdown.token()));
    shutdown.spawn("gRPC health", health_follows);
    shutdown.spawn_supporting(
        "admin server",
        admin::serve(admin_listener, readiness.clone(), Arc::new(registry)),
    );
    notifier.start(consumer, &readiness, &shutdown);

    let stopped = shutdown.wait().await;
    notifier.storage().close().await;
    Ok(stopped?)
}
