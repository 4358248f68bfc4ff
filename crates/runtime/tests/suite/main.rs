//! What the process's one logger makes of calls. In a process of its own, since a logger for one thread misses lines that
//! another thread came by first.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "statuses as handlers make them; and the helpers of a test may panic as it may"
)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use countersign_runtime::calls::CallsLayer;
use countersign_runtime::identity;
use http::{Request, Response};
use prometheus_client::registry::Registry;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer as _, ServiceExt as _, service_fn};

/// Keeps what was logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes a call that fails with `status`.
async fn fail(status: Status) {
    let layer = CallsLayer::new(&mut Registry::default(), &[]).unwrap();
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let status = status.clone();
        async move { Ok::<Response<Body>, Infallible>(status.into_http()) }
    }));
    let request = Request::post("/grpc.health.v1.Health/Check")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header(identity::ACCOUNT, "018f0000-0000-7000-8000-00000000000a")
        .header(identity::ACTOR, "ann@example.com")
        .body(())
        .unwrap();
    service.oneshot(request).await.unwrap();
}

#[tokio::test]
async fn a_failed_call_is_one_line_of_ids_at_its_level() {
    let kept = Kept::default();
    let writer = kept.clone();
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter("warn")
        .with_writer(move || writer.clone())
        .init();

    fail(Status::not_found("everyday")).await;
    assert_eq!(kept.take(), "", "a caller's mistake is no warning");

    fail(Status::internal("bob@example.com is broken")).await;
    let text = kept.take();
    let line: serde_json::Value = serde_json::from_str(&text).expect("one line");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["code"], "INTERNAL");
    assert_eq!(line["account"], "018f0000-0000-7000-8000-00000000000a");
    assert_eq!(line["span"]["method"], "grpc.health.v1.Health/Check");
    assert_eq!(line["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(!text.contains("example.com"), "neither messages nor free text in metadata are logged: {text}");
}
