//! One measurement for each gRPC call, and one log line for each that failed.
//!
//! Names follow OpenTelemetry's semantic conventions for RPC (`rpc.server.call.duration`, `rpc.method`,
//! `rpc.response.status_code`), written the way Prometheus writes names. The histogram's `_count` is the number of calls.

mod wire;

use std::collections::HashSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use self::wire::{Severity, code_in, describe, id, timeout_in};
use crate::{grpc, identity, trace_context};

/// The method of every call to a method that doesn't exist, whatever the caller named: labels must stay few.
const OTHER: &str = "_OTHER";

/// Seconds: the conventions' own bounds, and two finer ones, since most calls end within milliseconds.
const BUCKETS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Measures and logs the calls of the server that it is a layer of. With `tonic-web`, add it after the web layer, so that
/// it sees gRPC.
#[derive(Clone, Debug)]
pub struct CallsLayer {
    methods: Arc<HashSet<Arc<str>>>,
    other: Arc<str>,
    durations: Durations,
}

type Durations = Family<Labels, Histogram>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
#[expect(clippy::struct_field_names, reason = "the fields' names are the labels' names")]
struct Labels {
    rpc_system_name: &'static str,
    rpc_method: Arc<str>,
    rpc_response_status_code: &'static str,
}

impl CallsLayer {
    /// A layer that knows the methods of these encoded descriptor sets and of the built-in services, and puts its
    /// histogram into `registry`. Fails if a set can't be decoded.
    pub fn new(registry: &mut Registry, descriptor_sets: &[&[u8]]) -> Result<Self, prost::DecodeError> {
        let mut methods = HashSet::new();
        for set in descriptor_sets.iter().copied().chain(grpc::BUILT_IN) {
            methods.extend(methods_of(&FileDescriptorSet::decode(set)?));
        }
        let durations = Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register_with_unit(
            "rpc_server_call_duration",
            "Time from a call's arrival to its last byte",
            Unit::Seconds,
            durations.clone(),
        );
        Ok(Self { methods: Arc::new(methods), other: OTHER.into(), durations })
    }

    /// `package.Service/Method` if there is such a method.
    fn method(&self, path: &str) -> Arc<str> {
        let known = path.strip_prefix('/').and_then(|name| self.methods.get(name));
        Arc::clone(known.unwrap_or(&self.other))
    }
}

/// `package.Service/Method` of every method in the set.
pub(crate) fn methods_of(set: &FileDescriptorSet) -> impl Iterator<Item = Arc<str>> {
    set.file.iter().flat_map(|file| {
        file.service.iter().flat_map(|service| {
            service
                .method
                .iter()
                .map(|method| format!("{}.{}/{}", file.package(), service.name(), method.name()).into())
        })
    })
}

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Calls { inner, layer: self.clone() }
    }
}

/// The service that [`CallsLayer`] makes.
#[derive(Clone, Debug)]
pub struct Calls<S> {
    inner: S,
    layer: CallsLayer,
}

impl<S, B> Service<Request<B>> for Calls<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[expect(clippy::disallowed_methods, reason = "what a panic leaves has no reason to name")]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut call = Call::begin(&self.layer, request.uri().path(), request.headers());
        let span = call.span.clone();
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        let measured = async move {
            // The panic itself is in the log already; the caller learns that it was not its fault.
            let response = match answer.await {
                Ok(response) => response?,
                Err(_panic) => Status::internal("internal error").into_http(),
            };
            if let Some(code) = code_in(response.headers()) {
                call.ended(code);
                return Ok(response);
            }
            call.answered = true;
            Ok(response.map(|inner| Body::new(Measured { inner, call })))
        };
        Box::pin(measured.instrument(span))
    }
}

/// A call in progress; measured and, if it failed, logged when it is dropped, however it ends.
struct Call {
    durations: Durations,
    method: Arc<str>,
    began: Instant,
    /// How long the caller is willing to wait.
    timeout: Option<Duration>,
    ids: Ids,
    span: Span,
    /// Whether the answer has begun.
    answered: bool,
    /// How it ended, once that is known.
    code: Option<Code>,
}

/// What the caller claims in the metadata, for the log.
struct Ids {
    account: Option<HeaderValue>,
    actor: Option<HeaderValue>,
    service: Option<HeaderValue>,
}

impl Call {
    fn begin(layer: &CallsLayer, path: &str, headers: &HeaderMap) -> Self {
        let method = layer.method(path);
        let traceparent = trace_context::in_headers(headers);
        let trace_id = traceparent.as_deref().and_then(trace_context::trace_id);
        // At the level of an error, so that what is logged within the call says which call it was at any filter.
        let span = tracing::error_span!("call", method = &*method, trace_id);
        let ids = Ids {
            account: headers.get(identity::ACCOUNT).cloned(),
            actor: headers.get(identity::ACTOR).cloned(),
            service: headers.get(identity::SERVICE).cloned(),
        };
        Self {
            durations: layer.durations.clone(),
            method,
            began: Instant::now(),
            timeout: timeout_in(headers),
            ids,
            span,
            answered: false,
            code: None,
        }
    }

    /// Notes how the call ended; the first word counts.
    fn ended(&mut self, code: Code) {
        self.code.get_or_insert(code);
    }

    /// How a call ended that was dropped without a status: by a panic, by its deadline, or by the caller.
    fn code_when_dropped(&self) -> Code {
        if std::thread::panicking() {
            Code::Internal
        } else if !self.answered && self.timeout.is_some_and(|timeout| self.began.elapsed() >= timeout) {
            Code::DeadlineExceeded
        } else {
            Code::Cancelled
        }
    }

    fn log(&self, code: &'static str, severity: Severity, seconds: f64) {
        let _within = self.span.enter();
        let Ids { account, actor, service } = &self.ids;
        let (account, actor, service) = (id(account.as_ref()), id(actor.as_ref()), id(service.as_ref()));
        match severity {
            Severity::Quiet => {
                tracing::debug!(code, seconds, account, actor, service, "call failed");
            }
            Severity::Notable => {
                tracing::info!(code, seconds, account, actor, service, "call failed");
            }
            Severity::Trouble => {
                tracing::warn!(code, seconds, account, actor, service, "call failed");
            }
            Severity::Fault => {
                tracing::error!(code, seconds, account, actor, service, "call failed");
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or_else(|| self.code_when_dropped());
        let seconds = self.began.elapsed().as_secs_f64();
        let (name, severity) = describe(code);
        let labels = Labels {
            rpc_system_name: "grpc",
            rpc_method: Arc::clone(&self.method),
            rpc_response_status_code: name,
        };
        self.durations.get_or_create(&labels).observe(seconds);
        if code != Code::Ok {
            self.log(name, severity, seconds);
        }
    }
}

/// A body that tells its call the status in its trailers.
struct Measured {
    inner: Body,
    call: Call,
}

impl http_body::Body for Measured {
    type Data = <Body as http_body::Body>::Data;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        let body = Pin::new(&mut this.inner);
        let frame = ready!(this.call.span.in_scope(|| body.poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.call.ended(code_in(trailers).unwrap_or(Code::Unknown));
                }
            }
            Some(Err(status)) => this.call.ended(status.code()),
            // An end without a status is a fault of this server.
            None => this.call.ended(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{pending, poll_fn};

    use http_body::Body as _;
    use prometheus_client::encoding::text::encode;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    const CHECK: &str = "/grpc.health.v1.Health/Check";

    /// A body of nothing but trailers.
    struct Answer(Option<HeaderMap>);

    /// A stream that says nothing.
    struct Silence;

    impl http_body::Body for Silence {
        type Data = <Body as http_body::Body>::Data;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            Poll::Pending
        }
    }

    impl http_body::Body for Answer {
        type Data = <Body as http_body::Body>::Data;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            Poll::Ready(self.0.take().map(|trailers| Ok(Frame::trailers(trailers))))
        }
    }

    fn answer(status: Option<&'static str>) -> Response<Body> {
        let trailers = status
            .map(|status| HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]));
        Response::new(Body::new(Answer(trailers)))
    }

    /// The counts in the metrics after one call to `path`, handled by `handler`, with its body read to the end.
    async fn measured<F>(path: &str, handler: impl Fn() -> F + Clone + Send + 'static) -> String
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let mut registry = Registry::default();
        let layer = CallsLayer::new(&mut registry, &[]).unwrap();
        let service = layer.layer(service_fn(move |_: Request<()>| {
            let answer = handler();
            async move { Ok::<_, Infallible>(answer.await) }
        }));
        let request = Request::post(path).header("grpc-timeout", "1m").body(()).unwrap();
        let read = async {
            let mut body = service.oneshot(request).await.unwrap().into_body();
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                frame.unwrap();
            }
        };
        // What is not answered by then is not going to be.
        let _ = tokio::time::timeout(Duration::from_millis(20), read).await;
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines().filter(|line| line.starts_with("rpc_server_call_duration_seconds_count")).collect()
    }

    fn count(method: &str, code: &str) -> String {
        format!(
            "rpc_server_call_duration_seconds_count{{rpc_system_name=\"grpc\",rpc_method=\"{method}\",\
             rpc_response_status_code=\"{code}\"}} 1"
        )
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "any status will do")]
    async fn the_status_is_read_from_trailers_or_headers() {
        let check = "grpc.health.v1.Health/Check";
        assert_eq!(measured(CHECK, || async { answer(Some("0")) }).await, count(check, "OK"));
        assert_eq!(measured(CHECK, || async { answer(Some("10")) }).await, count(check, "ABORTED"));
        let refused = || async { Status::permission_denied("no").into_http() };
        assert_eq!(measured(CHECK, refused).await, count(check, "PERMISSION_DENIED"));
        assert_eq!(measured(CHECK, || async { answer(None) }).await, count(check, "UNKNOWN"));
    }

    #[tokio::test]
    async fn unknown_methods_share_one_label() {
        for path in ["/grpc.health.v1.Health/Guess", "/a.B/C", "/", "/x%00y?z"] {
            let unimplemented = || async { Status::unimplemented("").into_http() };
            assert_eq!(measured(path, unimplemented).await, count("_OTHER", "UNIMPLEMENTED"), "{path}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_counted_as_internal() {
        let panicking = || async { panic!("on purpose") };
        assert_eq!(measured(CHECK, panicking).await, count("grpc.health.v1.Health/Check", "INTERNAL"));
    }

    #[tokio::test]
    async fn a_call_dropped_after_its_deadline_is_counted_so() {
        let endless = pending::<Response<Body>>;
        assert_eq!(measured(CHECK, endless).await, count("grpc.health.v1.Health/Check", "DEADLINE_EXCEEDED"));
    }

    #[tokio::test]
    async fn a_stream_that_its_reader_leaves_is_cancelled() {
        let silent = || async { Response::new(Body::new(Silence)) };
        assert_eq!(measured(CHECK, silent).await, count("grpc.health.v1.Health/Check", "CANCELLED"));
    }
}
