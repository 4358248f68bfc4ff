//! The door: before a handler sees a call, it is settled who makes it, from the headers alone (SEC-1), and a call whose bytes can't
//! be read is told so as the caller's fault (SEC-11).
//!
//! tonic reads a request to its end before it calls a handler, and calls what it can't read INTERNAL. So a refusal of a request that
//! was not read to its end is tonic's own, and the door says what it means; any other is the handler's, which the door leaves alone.

mod body;

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use countersign_proto::{reason, types::ErrorReason};
use http::{HeaderMap, Request, Response};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Layer, Service};

use self::body::{Ending, Received};
use crate::calls::methods_of;
use crate::identity::Authenticator;

/// So many characters of what the decoder says are passed on: the path to a fault in nested content is long.
const TOLD: usize = 300;

/// Stands before the services of a server.
#[derive(Clone, Debug)]
pub struct DoorLayer {
    authenticator: Authenticator,
    guarded: Arc<HashSet<Arc<str>>>,
}

impl DoorLayer {
    /// A door that lets nobody without an identity to the methods in these encoded descriptor sets. Fails if a set can't be decoded.
    pub fn new(authenticator: Authenticator, descriptor_sets: &[&[u8]]) -> Result<Self, prost::DecodeError> {
        let mut guarded = HashSet::new();
        for set in descriptor_sets {
            guarded.extend(methods_of(&FileDescriptorSet::decode(*set)?));
        }
        Ok(Self { authenticator, guarded: Arc::new(guarded) })
    }

    /// Refuses a call to a guarded method that doesn't say properly who makes it.
    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(), Status> {
        if !path.strip_prefix('/').is_some_and(|method| self.guarded.contains(method)) {
            return Ok(());
        }
        match self.authenticator.identity_of(headers) {
            Ok(_) => Ok(()),
            Err(error) => Err(status(Code::Unauthenticated, ErrorReason::Unauthenticated, error.to_string())),
        }
    }
}

impl<S> Layer<S> for DoorLayer {
    type Service = Door<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Door { inner, layer: self.clone() }
    }
}

/// The service that [`DoorLayer`] makes.
#[derive(Clone, Debug)]
pub struct Door<S> {
    inner: S,
    layer: DoorLayer,
}

impl<S> Service<Request<Body>> for Door<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Err(status) = self.layer.admit(request.uri().path(), request.headers()) {
            return Box::pin(async move { Ok(status.into_http()) });
        }
        let ending = Ending::default();
        let noted = ending.clone();
        let answer = self.inner.call(request.map(|body| Body::new(Received::new(body, noted))));
        Box::pin(async move {
            let response = answer.await?;
            Ok(match retold(response.headers(), &ending) {
                Some(status) => status.into_http(),
                None => response,
            })
        })
    }
}

/// What a refusal that tonic made itself means; none for any other answer. What the codec itself refuses has its details already.
fn retold(headers: &HeaderMap, ending: &Ending) -> Option<Status> {
    if ending.was_read() || headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return None;
    }
    let made = Status::from_header_map(headers)?;
    match made.code() {
        Code::Internal | Code::Unknown | Code::Cancelled | Code::Unavailable | Code::InvalidArgument
            if ending.cut_off() =>
        {
            let message = "the request was cut off before its end";
            Some(status(Code::Cancelled, ErrorReason::RequestCutOff, message))
        }
        Code::Internal | Code::Unknown | Code::InvalidArgument => {
            let message = format!("the request can't be read: {}", told(made.message()));
            Some(status(Code::InvalidArgument, ErrorReason::RequestUnreadable, message))
        }
        Code::OutOfRange | Code::ResourceExhausted => {
            let message = format!("the request is too large: {}", told(made.message()));
            Some(status(Code::ResourceExhausted, ErrorReason::RequestTooLarge, message))
        }
        _ => None,
    }
}

fn told(message: &str) -> String {
    if message.contains("recursion limit") {
        return "it is nested too deep".to_owned();
    }
    message.chars().take(TOLD).collect()
}

fn status(code: Code, reason: ErrorReason, message: impl Into<String>) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason::name(reason), reason::DOMAIN, [] as [(String, String); 0]);
    Status::with_error_details(code, message, details)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "statuses as tonic and careless handlers make them")]
mod tests {
    use prometheus_client::registry::Registry;
    use tokio_util::sync::CancellationToken;
    use tonic::transport::Channel;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_health::pb::health_server::{Health, HealthServer};
    use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

    use super::*;

    fn headers(status: &Status) -> HeaderMap {
        status.clone().into_http::<()>().headers().clone()
    }

    fn reason(status: &Status) -> String {
        status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
    }

    /// Proves SEC-11.
    #[test]
    fn what_tonic_can_not_read_is_the_callers_fault() {
        let ended = Ending::default();
        for (made, code, expected) in [
            (Status::internal("Missing request message."), Code::InvalidArgument, "REQUEST_UNREADABLE"),
            (Status::unknown("h2"), Code::InvalidArgument, "REQUEST_UNREADABLE"),
            (Status::invalid_argument("invalid wire type"), Code::InvalidArgument, "REQUEST_UNREADABLE"),
            (Status::out_of_range("too large"), Code::ResourceExhausted, "REQUEST_TOO_LARGE"),
            (Status::resource_exhausted("size limit"), Code::ResourceExhausted, "REQUEST_TOO_LARGE"),
        ] {
            let retold = retold(&headers(&made), &ended).unwrap();
            assert_eq!((retold.code(), reason(&retold).as_str()), (code, expected), "{made:?}");
        }
        let deep = Status::invalid_argument(format!("{}recursion limit reached", "Value.kind: ".repeat(99)));
        assert_eq!(
            retold(&headers(&deep), &ended).unwrap().message(),
            "the request can't be read: it is nested too deep"
        );
    }

    #[test]
    fn a_handlers_own_refusals_pass() {
        let own = status(Code::Internal, ErrorReason::Internal, "internal error");
        assert!(retold(&headers(&own), &Ending::default()).is_none());
        for bare in [Status::internal("of its own"), Status::unknown(""), Status::out_of_range("")] {
            assert!(retold(&headers(&bare), &Ending::of_what_was_read()).is_none(), "{bare:?}");
        }
        assert!(retold(&headers(&Status::not_found("no")), &Ending::default()).is_none());
        assert!(retold(&headers(&Status::unimplemented("")), &Ending::default()).is_none());
        assert!(retold(&HeaderMap::new(), &Ending::default()).is_none());
    }

    /// A service whose handler fails without saying why.
    struct Failing;

    #[tonic::async_trait]
    impl Health for Failing {
        async fn check(
            &self,
            _: tonic::Request<HealthCheckRequest>,
        ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
            Err(Status::internal("of its own"))
        }

        type WatchStream = futures_util::stream::Empty<Result<HealthCheckResponse, Status>>;

        async fn watch(
            &self,
            _: tonic::Request<HealthCheckRequest>,
        ) -> Result<tonic::Response<Self::WatchStream>, Status> {
            Err(Status::unknown("of its own"))
        }
    }

    /// Proves SEC-11: a fault of a handler is never told as the caller's, also where the handler gives no details: whether the request
    /// was read is known, not guessed from the answer. On a connection as in earnest.
    #[tokio::test]
    async fn a_handlers_fault_stays_its_own() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = crate::calls::CallsLayer::new(&mut Registry::default(), &[]).unwrap();
        let door = DoorLayer::new(Authenticator::None, &[]).unwrap();
        let router = crate::grpc::server(4, calls, door).add_service(HealthServer::new(Failing));
        tokio::spawn(crate::grpc::serve(router, listener, CancellationToken::new()));
        let mut client = HealthClient::new(Channel::from_shared(url).unwrap().connect().await.unwrap());
        let request = HealthCheckRequest { service: "countersign".to_owned() };
        let answers = [
            (client.check(request.clone()).await.unwrap_err(), Code::Internal),
            (client.check(HealthCheckRequest::default()).await.unwrap_err(), Code::Internal),
            (client.watch(request).await.unwrap_err(), Code::Unknown),
        ];
        for (answer, code) in answers {
            assert_eq!((answer.code(), answer.message()), (code, "of its own"));
        }
    }
}
