//! Countersign's approval service: it owns accounts, members, resources, requests, policy and history.
//!
//! | module | what is in it |
//! |---|---|
//! | [`grpc`] | the edge: one file per service, conversions, checks of fields, statuses |
//! | [`road`] | the one road of every command: snapshot → decide → one guarded commit |
//! | [`events`] | from an outcome to the event that tells of it |
//! | [`relay`] | from the outbox to the broker |
//! | [`timers`] | what time alone does |
//! | [`sweeps`] | what a loss of rights leaves to be settled |
//! | [`erasure`] | what becomes of deleted accounts |
//! | [`watch`] | streams of what happens to requests |
//! | [`fault`] | why a call fails |
//! | [`monitor`] | readiness and the measures of the outbox |
//! | [`metrics`] | what is counted |
//! | [`pages`] | the keys of page tokens |
//! | [`settings`], [`serve`] | the binary |
//!
//! A request flows through `grpc/approval.rs` (fields, caller) to [`road`], which loads a snapshot from the store, lets the
//! domain decide, and commits the outcome with its history, its event and its idempotency key, or nothing.

pub mod erasure;
pub mod events;
pub mod fault;
pub mod grpc;
pub mod metrics;
pub mod monitor;
pub mod pages;
pub mod relay;
pub mod road;
pub mod serve;
pub mod settings;
pub mod sweeps;
pub mod timers;
pub mod watch;

use std::{convert::Infallible, sync::Arc};

use countersign_broker::Publisher;
use countersign_proto::{access, approval};
use countersign_runtime::{
    clock::Clock, identity::Authenticator, page_token::PageTokens, readiness::Readiness, shutdown::Shutdown,
};
use countersign_store::Store;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::service::{Routes, RoutesBuilder};

use crate::{grpc::Edge, metrics::Metrics, relay::Relay, road::Road, watch::Watches};

/// The names of the gRPC services, for health.
pub const SERVICES: [&str; 10] = [
    "countersign.access.v1.AccessService",
    "countersign.access.v1.InvitationService",
    "countersign.access.v1.PermissionService",
    "countersign.access.v1.RoleService",
    "countersign.approval.v1.ApprovalService",
    "countersign.approval.v1.HistoryService",
    "countersign.approval.v1.LifecycleService",
    "countersign.approval.v1.PolicyService",
    "countersign.approval.v1.ResourceService",
    "countersign.approval.v1.ReviewService",
];

/// The readiness check of the database.
pub const DATABASE: &str = "approval database";

/// What an approval service is made of.
pub struct Parts {
    /// The state.
    pub store: Store,
    /// Where events go.
    pub publisher: Publisher,
    /// The CloudEvents `source`.
    pub event_source: String,
    /// The time.
    pub clock: Clock,
    /// Tells who calls.
    pub authenticator: Authenticator,
    /// Makes and opens page tokens.
    pub pages: PageTokens,
}

/// The approval service, ready to be served.
pub struct Approval {
    edge: Edge,
    publisher: Publisher,
    event_source: String,
}

impl Approval {
    /// Puts it together and registers its metrics.
    pub fn new(parts: Parts, registry: &mut Registry) -> Self {
        let metrics = Arc::new(Metrics::default());
        metrics.register(registry);
        let ending = CancellationToken::new();
        let road = Road {
            watches: Watches::new(parts.store.clone(), ending.clone()),
            store: parts.store,
            clock: parts.clock,
            committed: Arc::new(Notify::new()),
            unsettled: Arc::new(Notify::new()),
            metrics,
        };
        Self {
            edge: Edge { road, authenticator: parts.authenticator, pages: parts.pages, ending },
            publisher: parts.publisher,
            event_source: parts.event_source,
        }
    }

    /// Its gRPC services.
    pub fn routes(&self) -> Routes {
        use access::{
            access_service_server::AccessServiceServer, invitation_service_server::InvitationServiceServer,
            permission_service_server::PermissionServiceServer, role_service_server::RoleServiceServer,
        };
        use approval::{
            approval_service_server::ApprovalServiceServer, history_service_server::HistoryServiceServer,
            lifecycle_service_server::LifecycleServiceServer, policy_service_server::PolicyServiceServer,
            resource_service_server::ResourceServiceServer, review_service_server::ReviewServiceServer,
        };
        // Reads requests up to the limit, which holds for the unpacked bytes, packed or not.
        macro_rules! service {
            ($server:ident) => {
                $server::new(self.edge.clone())
                    .max_decoding_message_size(grpc::MAX_REQUEST_BYTES)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .accept_compressed(CompressionEncoding::Zstd)
            };
        }
        let mut routes = RoutesBuilder::default();
        routes
            .add_service(service!(AccessServiceServer))
            .add_service(service!(InvitationServiceServer))
            .add_service(service!(PermissionServiceServer))
            .add_service(service!(RoleServiceServer))
            .add_service(service!(ApprovalServiceServer))
            .add_service(service!(HistoryServiceServer))
            .add_service(service!(LifecycleServiceServer))
            .add_service(service!(PolicyServiceServer))
            .add_service(service!(ResourceServiceServer))
            .add_service(service!(ReviewServiceServer));
        routes.routes()
    }

    /// Starts what runs beside the calls: the relay, the timers, the sweeps, the erasure, the monitor, and the end of the streams.
    pub fn spawn(&self, readiness: &Readiness, shutdown: &Shutdown) {
        let road = &self.edge.road;
        let relay = Relay {
            store: road.store.clone(),
            publisher: self.publisher.clone(),
            source: self.event_source.clone(),
            committed: Arc::clone(&road.committed),
            metrics: Arc::clone(&road.metrics),
        };
        shutdown.spawn("outbox relay", relay.run(shutdown.token()));
        shutdown.spawn("timers", timers::run(road.clone(), shutdown.token()));
        shutdown.spawn("sweeps", sweeps::run(road.clone(), shutdown.token()));
        shutdown.spawn("erasure", erasure::run(road.clone(), shutdown.token()));
        shutdown.spawn("end of streams", end_streams(self.edge.ending.clone(), shutdown.token()));
        shutdown.spawn("monitor", monitor::run(road.clone(), readiness.clone(), shutdown.token()));
    }
}

/// Streams have to end by themselves when the process stops.
async fn end_streams(ending: CancellationToken, stop: CancellationToken) -> Result<(), Infallible> {
    stop.cancelled().await;
    ending.cancel();
    Ok(())
}
