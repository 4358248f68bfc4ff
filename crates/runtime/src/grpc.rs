//! The gRPC server as every service runs it: limits, reflection, health.

use std::future::Future;
use std::time::Duration;

use http::{Request, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;
use tonic_reflection::server::{Builder, Error as ReflectionError, v1, v1alpha};
use tower::layer::util::{Identity, Stack};
use tower::{Layer, Service};

use crate::BoxError;
use crate::calls::CallsLayer;
use crate::door::DoorLayer;
use crate::readiness::Readiness;

/// Descriptors of the services that every server has beside its own, and of the error details that any may send: without
/// them a reflection client such as grpcurl prints those as raw bytes.
pub(crate) const BUILT_IN: [&[u8]; 4] = [
    tonic_types::pb::FILE_DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

/// Calls that one connection may have in flight unless the settings say otherwise; a client that wants more opens another, or
/// waits.
pub const MAX_STREAMS: u32 = 4096;
/// Bytes of metadata that one call may carry.
const MAX_HEADER_LIST_SIZE: u32 = 16 * 1024;
/// A connection that says nothing for this long is asked whether it still lives, so that a peer that vanished doesn't
/// hold a stream for hours …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// … and is closed if it hasn't answered after this.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A server with sane HTTP/2 limits and the two layers that every call goes through, to which a service adds its services.
/// How large a message may be is set on each service.
pub fn server(
    max_streams: u32,
    calls: CallsLayer,
    door: DoorLayer,
) -> Server<Stack<DoorLayer, Stack<CallsLayer, Identity>>> {
    // The door within the measurement, so that what it says is counted and logged.
    limited(max_streams).layer(calls).layer(door)
}

fn limited(max_streams: u32) -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(max_streams)
        .http2_max_header_list_size(MAX_HEADER_LIST_SIZE)
}

/// After this, connections that still have not ended are dropped: a client that never says anything, or takes no notice of
/// being told to go, must not make a stop look like a failure.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves on a bound listener until `stop` is cancelled, and then until the calls in flight have ended, at most ten
/// seconds longer. Streams have to end by themselves when `stop` is cancelled.
pub async fn serve<L, B>(
    router: Router<L>,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error>
where
    L: Layer<Routes>,
    L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send,
    <L::Service as Service<Request<Body>>>::Error: Into<BoxError> + Send,
    B: http_body::Body<Data = <Body as http_body::Body>::Data> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Without it an answer can wait 40 ms for the client's delayed acknowledgement.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let drained = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = router.serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned()) => served,
        () = drained => {
            tracing::info!("connections that did not end were dropped");
            Ok(())
        }
    }
}

/// Server reflection, current version, of the services in these encoded descriptor sets and of the built-in ones.
pub fn reflection_v1(
    descriptor_sets: &[&'static [u8]],
) -> Result<v1::ServerReflectionServer<impl v1::ServerReflection + use<>>, ReflectionError> {
    reflection(descriptor_sets).build_v1()
}

/// As [`reflection_v1`], in the older version that many clients still ask first.
pub fn reflection_v1alpha(
    descriptor_sets: &[&'static [u8]],
) -> Result<v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection + use<>>, ReflectionError> {
    reflection(descriptor_sets).build_v1alpha()
}

fn reflection(descriptor_sets: &[&'static [u8]]) -> Builder<'static> {
    let sets = descriptor_sets.iter().copied().chain(BUILT_IN);
    sets.fold(
        Builder::configure().include_reflection_service(false),
        Builder::register_encoded_file_descriptor_set,
    )
}

/// The gRPC health service for the server as a whole (`""`) and each of `services`, and the task that keeps it in step
/// with `readiness`. The task ends when the process is asked to stop, and with it the streams of those who watch:
/// they would hold up the end otherwise.
pub fn health(
    readiness: &Readiness,
    services: &[&'static str],
) -> (HealthServer<impl Health + use<>>, impl Future<Output = Result<(), BoxError>> + Send + use<>) {
    let reporter = HealthReporter::new();
    let service = tonic_health::server::HealthService::from_health_reporter(reporter.clone());
    let names = [""].iter().chain(services).copied().collect();
    (HealthServer::new(service), mirror(readiness.clone(), reporter, names))
}

async fn mirror(
    readiness: Readiness,
    mut reporter: HealthReporter,
    names: Vec<&'static str>,
) -> Result<(), BoxError> {
    let mut changes = readiness.changes();
    loop {
        changes.mark_unchanged();
        let status = if readiness.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in &names {
            reporter.set_service_status(name, status).await;
        }
        if readiness.stop().is_cancelled() {
            break;
        }
        tokio::select! {
            outcome = changes.changed() => outcome?,
            () = readiness.stop().cancelled() => {}
        }
    }
    // A watcher still receives the last status; then its stream ends.
    for name in &names {
        reporter.clear_service_status(name).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::task::JoinHandle;
    use tonic::Code;
    use tonic::transport::Channel;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionRequest};

    use super::*;

    const NOT_SERVING: i32 = 2;
    const SERVING: i32 = 1;

    /// A server with the built-in services alone.
    async fn start(readiness: &Readiness) -> (SocketAddr, JoinHandle<Result<(), tonic::transport::Error>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (health, mirror) = health(readiness, &["countersign.approval.v1.ApprovalService"]);
        tokio::spawn(mirror);
        let router = limited(MAX_STREAMS)
            .add_service(health)
            .add_service(reflection_v1(&[]).unwrap())
            .add_service(reflection_v1alpha(&[]).unwrap());
        (address, tokio::spawn(serve(router, listener, readiness.stop().clone())))
    }

    async fn connect(address: SocketAddr) -> Channel {
        Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    }

    fn about(service: &str) -> HealthCheckRequest {
        HealthCheckRequest { service: service.to_owned() }
    }

    #[tokio::test]
    async fn health_follows_readiness_and_its_watchers_do_not_hold_up_the_end() {
        let readiness = Readiness::new(CancellationToken::new(), &["database"]);
        let (address, server) = start(&readiness).await;
        let mut client = HealthClient::new(connect(address).await);

        let mut watch = client.watch(about("")).await.unwrap().into_inner();
        let mut status = watch.message().await.unwrap().unwrap().status;
        while status != NOT_SERVING {
            status = watch.message().await.unwrap().unwrap().status;
        }
        readiness.set("database", true, "");
        assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
        let service = client.check(about("countersign.approval.v1.ApprovalService")).await.unwrap();
        assert_eq!(service.into_inner().status, SERVING);
        assert_eq!(client.check(about("other")).await.unwrap_err().code(), Code::NotFound);

        readiness.stop().cancel();
        assert_eq!(watch.message().await.unwrap().unwrap().status, NOT_SERVING);
        assert!(watch.message().await.unwrap().is_none(), "the stream ends");
        server.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn reflection_lists_the_built_in_services() {
        let readiness = Readiness::new(CancellationToken::new(), &[]);
        let (address, _server) = start(&readiness).await;
        let mut client = ServerReflectionClient::new(connect(address).await);
        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers =
            client.server_reflection_info(futures_util::stream::iter([list])).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap().message_response;
        let Some(MessageResponse::ListServicesResponse(ListServiceResponse { service })) = answer else {
            panic!("{answer:?}");
        };
        let names: Vec<_> = service.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            ]
        );
    }

    #[test]
    fn a_broken_descriptor_set_is_refused() {
        assert!(reflection_v1(&[b"\x0a\xff"]).is_err());
    }
}
